"""The local broker, started, killed and stopped for real."""

import time

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.broker import Broker

pytestmark = pytest.mark.kafka


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
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, acks="all")
    await producer.start()
    sent = [str(number).encode() for number in range(500)]
    for value in sent:
        await producer.send("articles", value)
    await producer.flush()
    t = time.time()
    assert broker.kill()
    assert broker.running() is None
    assert broker.start()
    print("restart", time.time() - t)
    await producer.stop()
    assert await read(broker.bootstrap, "articles", 500) == sent
