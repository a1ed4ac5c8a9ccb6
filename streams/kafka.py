"""The one place where Kafka clients are made from the settings, and where their errors become ours."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    InvalidReplicationFactorError,
    InvalidTopicError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    NodeNotReadyError,
    OffsetOutOfRangeError,
    PolicyViolationError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnsupportedSaslMechanismError,
)

from schemas import Misconfigured, Unavailable
from streams.security import Security, read_security
from streams.settings import Settings, loopback_port
from streams.topics import FRAMING, LARGEST

__all__ = ["errors", "make_admin", "make_consumer", "make_producer", "running", "start", "stop"]

_log_of_clients = logging.getLogger("aiokafka")
if not _log_of_clients.level:  # unless the process has decided; at INFO it tells of every rebalance
    _log_of_clients.setLevel(logging.WARNING)

Client = TypeVar("Client", AIOKafkaProducer, AIOKafkaConsumer, AIOKafkaAdminClient)


def make_producer(settings: Settings, *, transactional_id: str | None = None, linger_ms: int = 5) -> AIOKafkaProducer:
    """An idempotent producer, not yet started: what it sends arrives once and in order, or raises.

    The topic table bounds what it sends; batches wait `linger_ms` for more.
    """
    return AIOKafkaProducer(
        **_connection(settings),
        enable_idempotence=True,
        acks="all",
        compression_type="zstd",
        max_batch_size=256 * 1024,
        max_request_size=LARGEST + FRAMING,
        linger_ms=linger_ms,
        transactional_id=transactional_id,
    )


def make_consumer(settings: Settings, **options: Any) -> AIOKafkaConsumer:
    """A consumer, not yet started, that reads committed records from the beginning on; commits nothing by itself.

    A position that is no longer in the log raises OffsetOutOfRangeError: it never jumps.
    """
    return AIOKafkaConsumer(
        **_connection(settings),
        **{
            "isolation_level": "read_committed",
            "auto_offset_reset": "none",
            "enable_auto_commit": False,
            "max_partition_fetch_bytes": LARGEST + FRAMING,
            "exclude_internal_topics": True,
            **options,
        },
    )


def make_admin(settings: Settings) -> AIOKafkaAdminClient:
    """An admin client, not yet started."""
    return AIOKafkaAdminClient(**_connection(settings))


@asynccontextmanager
async def running(client: Client, settings: Settings) -> AsyncIterator[Client]:
    """Start the client, stop it at the end; raises Unavailable or Misconfigured if it cannot connect."""
    try:
        await start(client, settings)
        yield client
    finally:
        await stop(client)


async def start(client: Client, settings: Settings) -> None:
    """Start the client, which whoever calls this stops, also after an error; raises Unavailable or Misconfigured."""
    try:
        with errors(settings):
            await client.start()
    except _NoConnectionError:
        raise await _why(settings) from None
    except AssertionError as none_in_service:  # aiokafka 0.14, where it looks for a coordinator and is told no broker
        raise Unavailable(
            f"Kafka at {settings.broker} answers, and has no broker in service (one that stood still for longer than "
            "its session is taken back within seconds); try again"
        ) from none_in_service


async def stop(client: Client) -> None:
    """Stop the client, and let go of its connections.

    aiokafka 0.14 cancels the fetches of a consumer whose broker is away, and passes that on, its connections open, to
    whoever stops it: a task that nobody has cancelled would end without a word.
    """
    try:
        await (client.close() if isinstance(client, AIOKafkaAdminClient) else client.stop())
    except asyncio.CancelledError:
        if isinstance(client, AIOKafkaConsumer):
            await client._client.close()
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise


@contextmanager
def errors(settings: Settings) -> Iterator[None]:
    """What Kafka raises inside becomes Misconfigured, where the operator has to act, or Unavailable, where trying
    again may help; anything else is a bug and passes."""
    try:
        yield
    except (KafkaConnectionError, NodeNotReadyError) as bad:
        raise _NoConnectionError(_unreachable(settings, settings.broker, str(bad))) from bad
    except _OPERATOR as bad:
        raise Misconfigured(_refused(settings, bad)) from bad
    except OffsetOutOfRangeError as bad:
        raise Misconfigured(f"what was to be read next is no longer in the log: {bad.args}") from bad
    except KafkaError as bad:
        if not (bad.retriable or isinstance(bad, KafkaTimeoutError)):
            raise
        raise Unavailable(f"Kafka at {settings.broker} answered {type(bad).__name__}: {bad}") from bad


class _NoConnectionError(Unavailable):
    """No broker could be reached; the reason is known to whoever tries once more by hand."""


_DENIED = (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
_UNKNOWN_USER = (AuthenticationFailedError, SaslAuthenticationFailed)
_OPERATOR = (
    *_DENIED,
    *_UNKNOWN_USER,
    InvalidReplicationFactorError,
    InvalidTopicError,
    PolicyViolationError,
    UnsupportedSaslMechanismError,
)
_DIAGNOSIS_MS = 5_000  # a broker that takes longer for a handshake is as good as away


async def _why(settings: Settings) -> Misconfigured | Unavailable:
    """Connect once more to each address, and say what is in the way."""
    security = read_security(settings.kafka)
    first: Misconfigured | Unavailable | None = None
    for address in _addresses(settings):
        host, _, port = address.rpartition(":")
        found: Misconfigured | Unavailable
        try:
            connection = await create_conn(
                host.strip("[]"), int(port), request_timeout_ms=_DIAGNOSIS_MS, **security.aiokafka()
            )
            connection.close()
            found = Unavailable(f"Kafka at {address} answers now, and did not a moment ago; try again")
        except _OPERATOR as bad:
            found = Misconfigured(_refused(settings, bad))
        except ssl.SSLCertVerificationError as bad:
            found = Misconfigured(
                f"the certificate of {address} is not trusted: {bad.verify_message}; give the authority that signed it "
                "(ssl.truststore.type=PEM, ssl.truststore.location=ca.pem), or the host name that it is made out to"
            )
        except ssl.SSLError as bad:
            found = Misconfigured(f"TLS with {address} fails: {bad.reason or bad}; {_fitting(security)}")
        except socket.gaierror as bad:
            found = Misconfigured(f"broker names the host {host!r}, which is not known here: {bad.strerror}")
        except ConnectionRefusedError:
            found = Unavailable(_unreachable(settings, address, "nothing listens there"))
        except (OSError, KafkaError, TimeoutError) as bad:
            why = str(bad) or type(bad).__name__
            found = Unavailable(f"what listens at {address} does not talk to us ({why}); {_fitting(security)}")
        first = first or found
    return first or Unavailable(_unreachable(settings, settings.broker, ""))


def _fitting(security: Security) -> str:
    """What to look at where a connection breaks off: a broker hangs up without a word."""
    certificate = security.protocol.endswith("SSL")
    keystore = ", and does it want to see a certificate of ours (ssl.keystore.*)" if certificate else ""
    return f"is it a Kafka listener for security.protocol {security.protocol}, is it up{keystore}?"


def _refused(settings: Settings, bad: KafkaError) -> str:
    security = read_security(settings.kafka)
    user = f"user {security.username!r}" if security.username else "this client"
    what = f"Kafka at {settings.broker} refuses {user}: {type(bad).__name__}: {', '.join(map(str, bad.args))}"
    if isinstance(bad, UnsupportedSaslMechanismError):
        return f"{what}; set sasl.mechanism to one that it offers"
    if isinstance(bad, _UNKNOWN_USER):
        return f"{what}; check user name and password in sasl.jaas.config, and sasl.mechanism ({security.mechanism})"
    if isinstance(bad, _DENIED):
        return f"{what}; ask whoever runs the cluster for it, on {settings.prefix}.* (rights: khabar topics --help)"
    return what


def _unreachable(settings: Settings, address: str, why: str) -> str:
    port = loopback_port(address)
    start = "is it running?" if port is None else f"start one: khabar broker start --port {port}"
    where = "khabar settings shows where broker came from"
    return f"no Kafka answers at {address}{f' ({why})' if why else ''}; {start} ({where})"


def _addresses(settings: Settings) -> list[str]:
    return [each.strip() for each in settings.broker.split(",")]


def _connection(settings: Settings) -> dict[str, Any]:
    return {
        "bootstrap_servers": _addresses(settings),
        "client_id": f"khabar-{settings.lane}",
        **read_security(settings.kafka).aiokafka(),
    }
