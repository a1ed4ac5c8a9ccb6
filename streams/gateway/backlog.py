"""What is no longer in a ring, read from Kafka for clients that come back late: a few consumers serve all, in turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.gateway.hub import PRIMING
from streams.kafka import errors, make_consumer, start, stop
from streams.read import Record
from streams.settings import Settings

__all__ = ["Backlog", "Turn"]

# Consumers at once, whatever the number of clients: more serve a rush sooner, and leave the broker less for the stages.
_CONSUMERS = 4
_FETCH_BYTES = 256 << 10  # that one reads ahead; a larger record comes alone
_RECORDS = 100  # in a turn; what a client that reads slowly holds in memory
_WAIT_MS = 5_000


class Turn(NamedTuple):
    """What was read in one turn: records, where to go on, and the offsets between which the topic has records."""

    records: list[Record]
    next: int
    first: int
    end: int


class Backlog:
    """Reads the topics of any lane from any offset on, one turn at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._slots = asyncio.Semaphore(_CONSUMERS)
        self._idle: list[AIOKafkaConsumer] = []

    async def close(self) -> None:
        """Stop all consumers."""
        while self._idle:
            await stop(self._idle.pop())

    async def read(self, topic: str, offset: int, *, prime: bool) -> Turn:
        """The next records from an offset on; `prime` begins a few earlier, for the number in the line.

        Nothing where the topic has none there any more, or not yet. Raises Unavailable.
        """
        partition = TopicPartition(topic, 0)
        async with self._consumer() as consumer:
            with errors(self._settings):
                consumer.assign([partition])
                first = (await consumer.beginning_offsets([partition]))[partition]
                end = (await consumer.end_offsets([partition]))[partition]
                if not first <= offset < end:
                    return Turn([], offset, first, end)
                consumer.seek(partition, max(first, offset - PRIMING) if prime else offset)
                fetched = await consumer.getmany(partition, timeout_ms=_WAIT_MS, max_records=_RECORDS + PRIMING * prime)
                return Turn(fetched.get(partition, []), await consumer.position(partition), first, end)

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        async with self._slots:
            if self._idle:
                consumer = self._idle.pop()
            else:
                consumer = make_consumer(self._settings, max_partition_fetch_bytes=_FETCH_BYTES)
                try:
                    await start(consumer, self._settings)
                except BaseException:
                    await stop(consumer)
                    raise
            try:
                yield consumer
            except BaseException:  # its state is not known: the next turn has a new one
                await stop(consumer)
                raise
            self._idle.append(consumer)
