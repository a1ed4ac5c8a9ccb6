"""What a stage sends: each message once and in order, or not at all and loudly."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from streams.kafka import make_producer
from streams.settings import Settings
from streams.topics import Header

__all__ = ["TRANSACTION_S", "Delivery", "Output", "send_all", "transact"]

log = logging.getLogger(__name__)

# As long as Kafka itself lets a transaction stand. Where a broker dies at the wrong moment its client may wait for
# ever; the process then ends, and what it decided comes again.
TRANSACTION_S = 60.0

_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 5.0


class Output(NamedTuple):
    """A message for one partition of one topic, by its full name."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]


class Delivery:
    """The one producer of a process.

    It is idempotent: what it resends arrives once, and a record never overtakes an earlier one of its partition.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None

    async def send(self, outputs: Iterable[Output]) -> None:
        """Return when the broker has every output.

        A refusal that Kafka calls retriable is tried again, with a new producer (the old one's sequence has a hole)
        and from the first missing record of the partition on; until it works or the caller cancels. Others raise.
        """
        missing: dict[tuple[str, int], deque[Output]] = defaultdict(deque)
        for output in outputs:
            missing[output.topic, output.partition].append(output)
        wait = _FIRST_WAIT_S
        while True:
            try:
                await self._round(missing)
                return
            except KafkaError as refusal:
                if not refusal.retriable:
                    raise
                log.warning("Kafka did not take a message (%r); again in %.1f s", refusal, wait)
            await self.close()
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_S)

    async def close(self) -> None:
        """Let go of the producer; nothing is in it between calls of `send`."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def _round(self, missing: Mapping[tuple[str, int], deque[Output]]) -> None:
        if self._producer is None:
            producer = make_producer(self._settings, linger_ms=0)  # what goes together is batched here
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        await send_all(self._producer, missing)


async def transact(producer: AIOKafkaProducer, outputs: Mapping[tuple[str, int], deque[Output]]) -> None:
    """Send all of it in one transaction, none of it where there is nothing; raises TimeoutError."""
    if not outputs:
        return
    async with asyncio.timeout(TRANSACTION_S):
        await producer.begin_transaction()
        await send_all(producer, outputs)
        await producer.commit_transaction()


async def send_all(producer: AIOKafkaProducer, missing: Mapping[tuple[str, int], deque[Output]]) -> None:
    """Send the outputs of each partition in order; what the broker has leaves its queue, from the head.

    When one partition fails the others are waited for before that is raised: nothing is on its way any more.
    """
    ways = [_send_in_order(producer, *where, queue) for where, queue in missing.items() if queue]
    for failure in await asyncio.gather(*ways, return_exceptions=True):
        if failure is not None:
            raise failure


async def _send_in_order(producer: AIOKafkaProducer, topic: str, partition: int, queue: deque[Output]) -> None:
    """Send the outputs of one partition.

    One batch is in flight at a time: an idempotent producer that loses one must not send the next.
    """
    while queue:
        batch = producer.create_batch()
        packed = _pack(batch, queue)
        await (await producer.send_batch(batch, topic, partition=partition))
        for _ in range(packed):
            queue.popleft()


def _pack(batch: BatchBuilder, outputs: Iterable[Output]) -> int:
    """Fill the batch (256 KiB, or a single larger record) and return how many went in."""
    packed = 0
    for output in outputs:
        added = batch.append(timestamp=None, key=output.key, value=output.value, headers=list(output.headers))
        if added is None:
            break
        packed += 1
    batch.close()
    return packed
