"""The one place where Kafka clients are made from the settings, and where their errors become ours."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError, NodeNotReadyError, RequestTimedOutError

from schemas import Misconfigured, Unavailable
from streams.security import read_security
from streams.settings import LOCAL_BROKER, Settings
from streams.topics import FRAMING, LARGEST

__all__ = ["errors", "make_admin", "make_consumer", "make_producer", "running"]

log = logging.getLogger(__name__)
logging.getLogger("aiokafka").setLevel(logging.WARNING)

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
        with errors(settings):
            await client.start()
        yield client
    finally:
        await (client.close() if isinstance(client, AIOKafkaAdminClient) else client.stop())


@contextmanager
def errors(settings: Settings) -> Iterator[None]:
    """What Kafka raises inside becomes Unavailable, if trying again may help, or Misconfigured."""
    try:
        yield
    except (KafkaConnectionError, KafkaTimeoutError, NodeNotReadyError, RequestTimedOutError) as bad:
        raise Unavailable(_unreachable(settings)) from bad
    except KafkaError as bad:
        what = f"Kafka at {settings.broker} answered {type(bad).__name__}: {bad}"
        raise (Unavailable if bad.retriable else Misconfigured)(what) from bad


def _unreachable(settings: Settings) -> str:
    start = (
        "start it: khabar broker start" if settings.broker == LOCAL_BROKER else "is it running, is the address right?"
    )
    return f"no Kafka answers at {settings.broker}; {start}"


def _connection(settings: Settings) -> dict[str, Any]:
    return {
        "bootstrap_servers": [each.strip() for each in settings.broker.split(",")],
        "client_id": f"khabar-{settings.lane}",
        **read_security(settings.kafka).aiokafka(),
    }
