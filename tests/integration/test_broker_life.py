"""The local broker, started, killed and stopped for real."""

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.broker import Broker
from schemas.errors import Misconfigured, Unavailable

pytestmark = pytest.mark.kafka

LARGEST = 8 * 1024 * 1024  # bytes; the topic table's largest record


async def create(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()


async def read(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()


async def test_what_was_acknowledged_is_there_after_kill_9(broker: Broker) -> None:
    await create(broker.bootstrap, "articles")
    sent = [str(number).encode() for number in range(500)]
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap, acks="all") as producer:
        for value in sent:
            await producer.send("articles", value)
        await producer.flush()
    before = broker.running()
    assert broker.kill()
    assert broker.running() is None
    assert broker.start()
    after = broker.running()
    assert before
    assert after
    assert after.pid != before.pid
    assert await read(broker.bootstrap, "articles", 500) == sent


async def test_it_moves_to_another_port_with_its_data(broker: Broker, make_broker: Callable[..., Broker]) -> None:
    await create(broker.bootstrap, "articles")
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
        await producer.send_and_wait("articles", b"kept")
    broker.stop()
    other = make_broker()
    moved = Broker(broker.folder, other.port, other.controller_port)
    assert moved.start()
    assert moved.bootstrap == f"127.0.0.1:{other.port}"
    assert await read(moved.bootstrap, "articles", 1) == [b"kept"]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Misconfigured, match=r"cannot use .*XDG_DATA_HOME"):
        Broker(tmp_path / "file" / "broker").start()


def test_a_start_on_a_running_broker_leaves_it_as_it_is(shared_broker: Broker) -> None:
    before = shared_broker.running()
    assert shared_broker.start() is False
    assert shared_broker.running() == before


def test_of_several_starts_at_once_one_starts_it(make_broker: Callable[..., Broker]) -> None:
    broker = make_broker()
    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(lambda _: broker.start(), range(3))) == [False, False, True]
    node = broker.running()
    assert node
    assert broker.stop()
    assert not psutil.pid_exists(node.pid) or psutil.Process(node.pid).status() == psutil.STATUS_ZOMBIE
    assert not broker.stop()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", broker.port))
    broker.remove()
    assert not broker.folder.exists()


def test_a_taken_port_is_told_with_its_owner_and_a_way_out(make_broker: Callable[..., Broker]) -> None:
    broker = make_broker()
    with socket.socket() as other:
        other.bind(("127.0.0.1", broker.port))
        other.listen()
        with pytest.raises(Misconfigured, match=rf"port {broker.port} .*process {psutil.Process().pid}.*--port"):
            broker.start()
    assert broker.running() is None


def test_a_port_that_only_the_controller_wants_counts_too(make_broker: Callable[..., Broker]) -> None:
    broker = make_broker()
    with socket.socket() as other:
        other.bind(("127.0.0.1", broker.controller_port))
        other.listen()
        with pytest.raises(Misconfigured, match=f"port {broker.controller_port} "):
            broker.start()


def test_a_broker_that_ends_at_once_is_told_with_its_words_and_its_log(make_broker: Callable[..., Broker]) -> None:
    broker = make_broker({"num.io.threads": "none"})
    with pytest.raises(Unavailable, match=r"num\.io\.threads") as failure:
        broker.start()
    assert str(broker.folder) in str(failure.value)
    assert broker.running() is None


def test_a_port_that_is_open_to_this_machine_only(shared_broker: Broker) -> None:
    node = shared_broker.running()
    assert node
    listening = [c.laddr for c in psutil.Process(node.pid).net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    assert {address[0].removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
    assert {address[1] for address in listening} == {node.port, node.controller_port}


async def test_the_largest_record_of_the_topic_table_goes_through(kafka: str, lane: str) -> None:
    await create(kafka, lane)
    value = bytes(LARGEST)
    async with AIOKafkaProducer(bootstrap_servers=kafka, max_request_size=LARGEST + 65536) as producer:
        await producer.send_and_wait(lane, value, headers=[("khabar-raw", b"0:0")])
    assert await read(kafka, lane, 1) == [value]
