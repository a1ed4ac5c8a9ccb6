"""What is sent arrives once and in order, whatever the broker refuses meanwhile."""

import asyncio
import random

import pytest
from aiokafka.errors import MessageSizeTooLargeError, NotLeaderForPartitionError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch

from streams import delivery
from streams.delivery import Delivery, Output
from streams.settings import Settings


class Broker:
    """Keeps what it takes; refuses what `refuse` tells it to."""

    def __init__(self, refuse=lambda: None):
        self.refuse, self.log, self.producers = refuse, {}, []

    def producer(self, settings, **options):
        self.producers.append(Producer(self))
        return self.producers[-1]


class Producer:
    def __init__(self, broker):
        self.broker, self.broken, self.stopped = broker, False, False

    async def start(self):
        pass

    async def stop(self):
        self.stopped = True

    def create_batch(self):
        return BatchBuilder(400, 0)

    async def send_batch(self, batch, topic, *, partition):
        assert not self.stopped
        refusal = self.broker.refuse()
        answer = asyncio.get_running_loop().create_future()
        if refusal is not None:
            answer.set_exception(refusal)
        else:
            keys = [record.key for record in DefaultRecordBatch(bytes(batch._build()))]
            self.broker.log.setdefault((topic, partition), []).extend(keys)
            answer.set_result(None)
        return answer


@pytest.fixture
def send(monkeypatch):
    monkeypatch.setattr(delivery, "_FIRST_WAIT_S", 0.0)

    async def send(broker, outputs):
        monkeypatch.setattr(delivery, "make_producer", broker.producer)
        await Delivery(Settings(metrics_port=0)).send(outputs)

    return send


def outputs(count):
    return [Output("t", number % 3, b"%d" % number, b"v" * 50, []) for number in range(count)]


def expected(count):
    return {("t", p): [b"%d" % number for number in range(count) if number % 3 == p] for p in range(min(3, count))}


async def test_every_partition_gets_its_messages_in_order(send):
    broker = Broker()
    await send(broker, outputs(100))
    assert broker.log == expected(100)


@pytest.mark.parametrize("seed", range(20))
async def test_what_the_broker_refuses_for_now_is_sent_again_from_the_first_missing_on(send, seed):
    chance = random.Random(seed)
    broker = Broker(lambda: NotLeaderForPartitionError() if chance.random() < 0.2 else None)
    await send(broker, outputs(100))
    assert broker.log == expected(100)
    assert all(producer.stopped for producer in broker.producers[:-1])


async def test_what_the_broker_will_never_take_is_raised_and_not_tried_again(send):
    broker = Broker(lambda: MessageSizeTooLargeError())
    with pytest.raises(MessageSizeTooLargeError):
        await send(broker, outputs(9))
    assert len(broker.producers) == 1
    assert broker.log == {}


async def test_a_message_larger_than_a_batch_goes_alone(send):
    broker = Broker()
    await send(broker, [Output("t", 0, b"a", b"v" * 9000, []), Output("t", 0, b"b", b"v", ())])
    assert broker.log == {("t", 0): [b"a", b"b"]}


async def test_nothing_to_send_needs_no_answer(send):
    broker = Broker()
    await send(broker, [])
    assert broker.log == {}
