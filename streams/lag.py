"""How far the stages of a lane are behind, and whether anybody works on them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from schemas import Unavailable
from streams import cluster
from streams.kafka import errors, make_admin, make_consumer, running
from streams.settings import Settings
from streams.topics import Topics

__all__ = ["READS", "VIEWS", "Lag", "Worst", "patiently", "served", "worst_of"]

T = TypeVar("T")

_TRIES, _WAIT_S = 10, 0.5

# Stage -> the topic that it reads.
READS: Mapping[str, str] = {
    "normalize": "articles.raw",
    "tag": "articles.normalized",
    "deduplicate": "articles.tagged",
}
# What looks at the result, and no article has to pass.
VIEWS: Mapping[str, str] = {
    "trends": "articles.enriched",
    "alerts": "articles.enriched",
}


@dataclass(frozen=True, slots=True)
class Worst:
    """The partition on which a stage is furthest behind, in records that it has not acknowledged."""

    stage: str
    partition: int
    records: int

    def __str__(self) -> str:
        return f"{self.stage} is {self.records:,} records behind on partition {self.partition}"


def worst_of(behind: Mapping[str, Mapping[int, int]]) -> Worst:
    """Of stages and the records of each partition that they have not acknowledged."""
    found = [Worst(stage, partition, records) for stage, each in behind.items() for partition, records in each.items()]
    return max(found, key=lambda each: each.records)


class Lag:
    """Asks the broker where the groups of a lane stand; its two clients are made anew after an error."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topics = Topics(settings.prefix, settings.lane)
        self._clients = AsyncExitStack()
        self._open: tuple[AIOKafkaAdminClient, AIOKafkaConsumer] | None = None
        self._partitions: dict[str, list[TopicPartition]] = {}

    async def __aenter__(self) -> Lag:
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self._clients.aclose()

    async def worst(self, stages: Sequence[str] = tuple(READS)) -> Worst:
        """Where these stages are furthest behind; raises Unavailable."""
        return worst_of({stage: await self.of(stage) for stage in stages})

    async def of(self, stage: str, stands: Mapping[int, int] | None = None) -> dict[int, int]:
        """Records of each partition that a stage has not acknowledged; raises Unavailable.

        `stands` is what the method of that name has just said, where it was asked.
        """
        async with self._asking() as (admin, consumer):
            partitions = self._partitions[stage]
            first = await consumer.beginning_offsets(partitions)
            ends = await consumer.end_offsets(partitions)
            committed = await self._committed(admin, stage) if stands is None else stands
        return {
            each.partition: max(0, ends[each] - max(first[each], committed.get(each.partition, 0)))
            for each in partitions
        }

    async def stands(self, stage: str) -> dict[int, int]:
        """The offset of each partition up to which a stage has acknowledged, where it has; raises Unavailable."""
        async with self._asking() as (admin, _):
            return await self._committed(admin, stage)

    async def _committed(self, admin: AIOKafkaAdminClient, stage: str) -> dict[int, int]:
        stands = await admin.list_consumer_group_offsets(self._topics.group(stage))
        return {each.partition: stands[each].offset for each in self._partitions[stage] if each in stands}

    async def ends(self, stage: str) -> dict[int, int]:
        """The end offset of each partition that a stage reads; raises Unavailable."""
        async with self._asking() as (_, consumer):
            ends = await consumer.end_offsets(self._partitions[stage])
        return {each.partition: end for each, end in ends.items()}

    async def members(self, stages: Iterable[str]) -> dict[str, int]:
        """Stage -> how many workers work on it now; raises Unavailable."""
        async with self._asking() as (admin, _):
            return await _members(admin, self._topics, stages)

    async def unserved(self) -> list[str]:
        """The stages of the way that no worker works on now; raises Unavailable."""
        members = await self.members(READS)
        return [stage for stage in READS if not members[stage]]

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[tuple[AIOKafkaAdminClient, AIOKafkaConsumer]]:
        try:
            with errors(self._settings):
                yield await self._connect()
        except Unavailable:
            self._open = None
            await self._clients.aclose()
            raise

    async def _connect(self) -> tuple[AIOKafkaAdminClient, AIOKafkaConsumer]:
        if self._open is None:
            reads = {**READS, **VIEWS}
            found = {
                topic: await cluster.partitions(self._settings, self._topics.name(topic))
                for topic in set(reads.values())
            }
            self._partitions = {stage: found[topic] for stage, topic in reads.items()}
            admin = await self._clients.enter_async_context(running(make_admin(self._settings), self._settings))
            consumer = await self._clients.enter_async_context(running(make_consumer(self._settings), self._settings))
            self._open = admin, consumer
        return self._open


async def served(settings: Settings) -> list[str]:
    """The stages that somebody works on, whether or not the lane has all its topics; raises Unavailable."""
    async with running(make_admin(settings), settings) as admin:
        with errors(settings):
            counts = await _members(admin, Topics(settings.prefix, settings.lane), (*READS, *VIEWS))
    return [stage for stage, members in counts.items() if members]


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """The answer about groups of a broker that may have just started: for a few seconds it does not know them."""
    for _ in range(_TRIES):
        try:
            return await ask()
        except Unavailable:
            await asyncio.sleep(_WAIT_S)
    return await ask()


async def _members(admin: AIOKafkaAdminClient, topics: Topics, stages: Iterable[str]) -> dict[str, int]:
    counts = {}
    for stage in stages:  # one by one: aiokafka 0.14 cannot read an answer about several groups
        answers: list[Any] = await admin.describe_consumer_groups([topics.group(stage)])
        ((_, _, _, _, _, members, *_),) = answers[0].groups
        counts[stage] = len(members)
    return counts
