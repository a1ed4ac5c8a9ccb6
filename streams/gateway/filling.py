"""Topics -> store: reads a lane's topics on from where its store ends, and notices when it is another lane."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing, suppress

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas import Lane, Unavailable
from streams import cluster
from streams.gateway.store import Change, Store
from streams.gateway.tasks import in_thread
from streams.kafka import errors, make_admin, make_consumer, running
from streams.read import line_of, read_topic
from streams.settings import Settings
from streams.topics import Topics

__all__ = ["Another", "Filling", "identity"]

_BATCH = 250  # records a transaction: more are quicker to take in, and keep whoever asks waiting for longer
_POLL_MS = 500
_WATCH_S = 10.0  # between two looks at whether the lane is still the same; each asks the broker five things


class Another(Exception):
    """The lane is another one, or has other topics, or the store is none of its; it has to be opened again.

    `anew`: with nothing in it.
    """

    def __init__(self, reason: str, *, anew: bool = False) -> None:
        super().__init__(reason)
        self.anew = anew


async def identity(settings: Settings) -> dict[str, str]:
    """What tells the lane from all others, one of its name included that was removed before."""
    async with running(make_admin(settings), settings) as admin:
        with errors(settings):
            described = await admin.describe_cluster()
    made = ""
    if await cluster.exists(settings, Lane.topic):
        async with aclosing(read_topic(settings, Lane.topic)) as records:
            async for record in records:  # the manifest comes first, is written once, and has the broker's time
                made = str(record.timestamp)
                break
    return {"cluster": str(described["cluster_id"]), "lane": f"{settings.prefix}.{settings.lane}", "made": made}


class Filling:
    """Fills one store for as long as `run` runs."""

    def __init__(self, settings: Settings, store: Store, lane: dict[str, str]) -> None:
        """`lane`: the identity that the store was opened for."""
        self._settings = settings
        self._store = store
        self._lane = lane
        self._names = {Topics(settings.prefix, settings.lane).name(each): each for each in store.topics}
        self._ends: dict[TopicPartition, int] = {}
        self.left = -1  # records between the store and where the topics ended at the start; below zero: not known yet
        self.caught_up = False
        self.damaged = False  # set by whoever finds out

    async def run(self) -> None:
        """Read until cancelled. Raises Another, Unavailable where the broker is away, sqlite3.Error where the disk
        fails."""
        there = await self._there()
        async with running(make_consumer(self._settings), self._settings) as consumer:
            partitions = [TopicPartition(topic, 0) for topic in there]
            with errors(self._settings):
                await self._seek(consumer, partitions)
                await self._read(consumer, partitions, there)

    async def _there(self) -> set[str]:
        async with running(make_admin(self._settings), self._settings) as admin:
            with errors(self._settings):
                return self._names.keys() & set(await admin.list_topics())

    async def _seek(self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> None:
        held = await in_thread(self._store.positions)
        if missing := held.keys() - {self._names[each.topic] for each in partitions}:
            raise Another(f"topics are gone: {', '.join(sorted(missing))}", anew=True)
        if not partitions:
            return
        consumer.assign(partitions)
        first = await consumer.beginning_offsets(partitions)
        self._ends = await consumer.end_offsets(partitions)
        for each in partitions:
            before = held.get(self._names[each.topic])
            offset = first[each] if before is None else before.next
            if before is not None and not first[each] <= offset <= self._ends[each]:
                holds = f"holds {first[each]} to {self._ends[each]}, and {offset} is where to read on"
                raise Another(f"{each.topic} {holds}", anew=True)
            consumer.seek(each, offset)

    async def _read(self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition], there: set[str]) -> None:
        positions: dict[TopicPartition, int] = {}
        watched = time.monotonic()
        while True:
            fetched = {}
            if partitions:
                fetched = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_BATCH)
            else:  # the lane has no topics yet
                await asyncio.sleep(_POLL_MS / 1000)
            found = {each: await consumer.position(each) for each in partitions}
            if found != positions:  # without records, too: behind a transaction's marker
                positions = found
                changes = [
                    Change(
                        self._names[each.topic],
                        (record.key or b"").decode(errors="replace"),
                        record.value,
                        line_of(record),
                    )
                    for each, records in fetched.items()
                    for record in records
                ]
                offsets = {self._names[each.topic]: offset for each, offset in positions.items()}
                await in_thread(self._store.apply, changes, offsets)
            if self.damaged:
                raise Another("its file is damaged", anew=True)
            self.left = sum(max(0, self._ends[each] - positions[each]) for each in partitions)
            self.caught_up = self.caught_up or not self.left
            if time.monotonic() - watched > _WATCH_S:
                with suppress(Unavailable):  # what is held can be asked for while the broker is away
                    if await identity(self._settings) != self._lane or await self._there() != there:
                        raise Another("it was made anew, or has other topics now")
                    await in_thread(self._store.touch)
                watched = time.monotonic()
