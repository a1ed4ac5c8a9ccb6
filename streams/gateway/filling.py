"""Topics -> store: reads a lane's topics on from where its store ends, and notices when it is another lane."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from schemas import Lane, Unavailable
from streams.gateway.store import Change, Store
from streams.gateway.tasks import in_thread
from streams.kafka import errors
from streams.read import line_of
from streams.settings import Settings
from streams.topics import Topics

__all__ = ["Another", "Filling", "identity"]

_BATCH = 250  # records a transaction: more are quicker to take in, and keep whoever asks waiting for longer
_POLL_MS = 500
_WATCH_S = 10.0  # between two looks at whether the lane is still the same, and where its topics end


class Another(Exception):
    """The lane is another one, or has other topics, or the store is none of its; it has to be opened again.

    `anew`: with nothing in it.
    """

    def __init__(self, reason: str, *, anew: bool = False) -> None:
        super().__init__(reason)
        self.anew = anew


async def identity(settings: Settings, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer) -> dict[str, str]:
    """What tells the lane from all others, one of its name included that was removed before; raises Unavailable."""
    manifest = TopicPartition(Topics(settings.prefix, settings.lane).name(Lane), 0)
    first = None
    with errors(settings):
        described = await admin.describe_cluster()
        if manifest.topic in await admin.list_topics():
            # The manifest comes first, is written once, and has the broker's time.
            first = (await consumer.offsets_for_times({manifest: 0}))[manifest]
    made = "" if first is None else str(first.timestamp)
    return {"cluster": str(described["cluster_id"]), "lane": f"{settings.prefix}.{settings.lane}", "made": made}


class Filling:
    """Fills one store for as long as `run` runs."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        lane: dict[str, str],
        admin: AIOKafkaAdminClient,
        consumer: AIOKafkaConsumer,
    ) -> None:
        """`lane`: the identity that the store was opened for; the clients run, and are its own."""
        self._settings = settings
        self._store = store
        self._lane = lane
        self._admin, self._consumer = admin, consumer
        self._names = {Topics(settings.prefix, settings.lane).name(each): each for each in store.topics}
        self._ends: dict[TopicPartition, int] = {}  # where the topics ended when that was last asked
        self._asked = 0.0  # when that was
        self._whole_at: float | None = None  # the latest moment of which all is held
        self.left = -1  # records between the store and those ends; below zero: not known yet
        self.damaged = False  # set by whoever finds out

    @property
    def behind(self) -> float | None:
        """Seconds since the latest moment of which the store holds all that there was; None while there was none."""
        return None if self._whole_at is None else time.monotonic() - self._whole_at

    async def run(self) -> None:
        """Read until cancelled. Raises Another, Unavailable where the broker is away, sqlite3.Error where the disk
        fails."""
        there = await self._there()
        partitions = [TopicPartition(topic, 0) for topic in there]
        with errors(self._settings):
            await self._seek(partitions)
            await self._read(partitions, there)

    async def _there(self) -> set[str]:
        with errors(self._settings):
            return self._names.keys() & set(await self._admin.list_topics())

    async def _ask_ends(self, partitions: list[TopicPartition]) -> None:
        asked = time.monotonic()
        self._ends = await self._consumer.end_offsets(partitions)
        self._asked = asked

    async def _seek(self, partitions: list[TopicPartition]) -> None:
        held = await in_thread(self._store.positions)
        if missing := held.keys() - {self._names[each.topic] for each in partitions}:
            raise Another(f"topics are gone: {', '.join(sorted(missing))}", anew=True)
        await self._ask_ends(partitions)
        if not partitions:
            return
        self._consumer.assign(partitions)
        first = await self._consumer.beginning_offsets(partitions)
        for each in partitions:
            before = held.get(self._names[each.topic])
            offset = first[each] if before is None else before.next
            if before is not None and not first[each] <= offset <= self._ends[each]:
                holds = f"holds {first[each]} to {self._ends[each]}, and {offset} is where to read on"
                raise Another(f"{each.topic} {holds}", anew=True)
            self._consumer.seek(each, offset)

    async def _read(self, partitions: list[TopicPartition], there: set[str]) -> None:
        positions: dict[TopicPartition, int] = {}
        watched = time.monotonic()
        while True:
            fetched = {}
            if partitions:
                fetched = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=_BATCH)
            else:  # the lane has no topics yet
                await asyncio.sleep(_POLL_MS / 1000)
            found = {each: await self._consumer.position(each) for each in partitions}
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
            if not self.left:
                self._whole_at = self._asked
            if time.monotonic() - watched > _WATCH_S:
                # What is held can be asked for while the broker is away.
                with suppress(Unavailable), errors(self._settings):
                    lane = await identity(self._settings, self._admin, self._consumer)
                    if lane != self._lane or await self._there() != there:
                        raise Another("it was made anew, or has other topics now")
                    await in_thread(self._store.touch)
                    if not self.left:
                        await self._ask_ends(partitions)
                watched = time.monotonic()
