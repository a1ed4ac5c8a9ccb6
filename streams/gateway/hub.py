"""The live end of the topics: one consumer for each lane and stream reads it for all clients."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from schemas import Misconfigured, Unavailable
from streams import cluster
from streams.gateway.audience import Audience, Subscriber
from streams.gateway.filters import Filter, Sources
from streams.gateway.kinds import KINDS, Kind
from streams.gateway.problem import Problem
from streams.gateway.ring import Entry, Repeats, Ring, frame
from streams.gateway.tasks import cancelled
from streams.gateway.words import Words
from streams.kafka import errors, make_consumer, running
from streams.read import Record
from streams.settings import Settings
from streams.topics import Topics

__all__ = ["PRIMING", "Hub", "Tail", "gap"]

log = logging.getLogger(__name__)

# Offsets before the first one that is wanted, which are read to know the last number in the line: a repeat of what
# came before would pass else. One batch of deduplicate has at most some hundred, and a marker.
PRIMING = 200
# Offsets before the end that a start reads: who was connected when the gateway ended comes back within seconds.
_RECENT = 4_000
_POLL_MS = 5_000
_QUIET_S = 30.0  # without events, after which the broker is asked whether the topic is still there
_FETCH_BYTES = 2 << 20  # at once; a larger record comes alone
_TOGETHER = 20  # records that are handed on before whoever else has something to do gets a turn
_AGAIN_S = 1.0  # between attempts where the broker is away
_START_S = 15.0  # that a client waits for the live end to be reached, before it is told to come back
_IDLE_S = 300.0  # without clients, after which a tail that is not the gateway's own lane's ends
_MOST_TAILS = 32  # eight lanes, all streams


def gap(first: int, following: int, reason: str) -> bytes:
    """The event that tells a client that it missed the offsets from `first` up to `following`, and goes on there."""
    return frame("gap", b'{"from":%d,"to":%d,"reason":"%s"}' % (first, following, reason.encode()), following)


class Tail:
    """Reads the live end of one stream of one lane: keeps the newest events, and offers each to those who want it."""

    def __init__(self, settings: Settings, kind: Kind, sources: Sources, words: Words) -> None:
        self.kind = kind
        self.settings = settings
        self.sources, self.words = sources, words
        self.ring = Ring()
        self.audience = Audience()
        self.used = time.monotonic()
        self.ended = False  # the lane is gone
        self.reading = asyncio.Event()  # the live end has been reached
        self._repeats = Repeats()
        self._started = False
        self._moved = asyncio.Event()

    @property
    def topic(self) -> str:
        """The full name of its topic."""
        return Topics(self.settings.prefix, self.settings.lane).name(self.kind.event)

    async def run(self) -> None:
        """Read until the lane is gone; a broker that is away is waited for."""
        said = ""
        try:
            while True:
                try:
                    await self._follow()
                except Unavailable as away:
                    if str(away) != said:  # once, not at every attempt
                        log.warning("%s: %s; trying again", self.topic, away)
                    said = str(away)
                    await asyncio.sleep(_AGAIN_S)
        except Misconfigured as gone:
            log.warning("%s is no longer followed: %s", self.topic, gone)
        except Exception:
            log.exception("%s is no longer followed", self.topic)
        finally:
            self.ended = True
            self.reading.set()
            self.wake_all()

    async def reached(self, offset: int) -> None:
        """Wait until everything before this offset was read."""
        while self.ring.next < offset and not self.ended:
            self._moved.clear()
            await self._moved.wait()

    def join(self, wanted: Filter) -> Subscriber:
        """A subscriber to what comes from `ring.next` on."""
        return self.audience.join(wanted)

    def leave(self, wanted: Filter, subscriber: Subscriber) -> None:
        """Forget a subscriber."""
        self.audience.leave(wanted, subscriber)
        self.used = time.monotonic()

    async def _follow(self) -> None:
        (partition,) = await cluster.partitions(self.settings, self.topic)
        async with running(
            make_consumer(self.settings, max_partition_fetch_bytes=_FETCH_BYTES), self.settings
        ) as consumer:
            consumer.assign([partition])
            while True:
                with errors(self.settings):
                    until = await self._seek(consumer, partition)
                try:
                    await self._read(consumer, partition, until)
                except Misconfigured as wrong:
                    if not isinstance(wrong.__cause__, OffsetOutOfRangeError):
                        raise

    async def _seek(self, consumer: AIOKafkaConsumer, partition: TopicPartition) -> int:
        """Go where reading goes on, which may be a gap further; the end of now is returned."""
        first = (await consumer.beginning_offsets([partition]))[partition]
        end: int = (await consumer.end_offsets([partition]))[partition]
        if not self._started:
            self.ring.start(max(first, end - _RECENT))
            self._started = True
        elif not first <= self.ring.next <= end:  # deleted before it was read, or the topic was made anew
            missed = self.ring.next
            self.ring.start(first)
            self._repeats = Repeats()
            lost = Entry(first - 1, gap(missed, first, "expired" if missed < first else "made-anew"))
            for subscriber in self.audience.everybody():
                subscriber.offer(lost)
        consumer.seek(partition, max(first, self.ring.next - PRIMING))
        return end

    async def _read(self, consumer: AIOKafkaConsumer, partition: TopicPartition, until: int) -> None:
        """Read for ever, or until the topic does not hold any more what comes next."""
        heard = time.monotonic()
        while True:
            with errors(self.settings):
                if not self.reading.is_set() and self.ring.next >= until:
                    self.reading.set()
                timeout_ms = _POLL_MS if self.reading.is_set() else 100
                records = (await consumer.getmany(partition, timeout_ms=timeout_ms)).get(partition, [])
            for number, record in enumerate(records, 1):
                self._take(record)
                if number % _TOGETHER == 0:
                    await asyncio.sleep(0)
            self.ring.next = max(self.ring.next, await consumer.position(partition))  # past what ends transactions
            self._moved.set()
            if records:
                heard = time.monotonic()
            elif time.monotonic() - heard > _QUIET_S:
                heard = time.monotonic()
                if not await cluster.exists(self.settings, self.kind.event.topic):
                    raise Misconfigured(f"lane {self.settings.lane} was removed")
                with errors(self.settings):
                    if (await consumer.end_offsets([partition]))[partition] < self.ring.next:
                        return

    def _take(self, record: Record) -> None:
        new = self._repeats.is_new(record)
        if record.offset < self.ring.next:  # read for its number in the line alone
            return
        if not new or record.value is None:
            self.ring.next = record.offset + 1
            return
        entry = Entry(record.offset, frame(self.kind.name, record.value, record.offset + 1))
        self.ring.append(entry)
        facts = entry.facts(self.kind, self.sources, self.words) if self.audience.asks else None
        for subscriber in self.audience.of(facts):
            subscriber.offer(entry)

    def wake_all(self) -> None:
        """Let every client look what is new: the stream or the gateway ends."""
        self._moved.set()
        for subscriber in self.audience.everybody():
            subscriber.wake.set()


class Hub:
    """The tails of all lanes that somebody follows; the gateway's own lane is followed from the start."""

    def __init__(self, settings: Settings, sources: Sources, words: Words) -> None:
        self._settings = settings
        self._sources, self._words = sources, words
        self._tails: dict[tuple[str, str], tuple[Tail, asyncio.Task[None]]] = {}
        self._group: asyncio.TaskGroup | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the gateway's own lane, and others while somebody does."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for kind in (KINDS["enriched"], KINDS["stories"]):
                self._tail(self._settings, kind)
            sweeping = group.create_task(self._sweep())
            try:
                yield
            finally:
                self._group = None
                await cancelled([sweeping, *(task for _, task in self._tails.values())])

    def unready(self) -> str | None:
        """Which live end of the gateway's own lane has not been reached."""
        for tail, _ in self._tails.values():
            if tail.settings is self._settings and not tail.reading.is_set():
                return f"{tail.topic} is not read yet"
        return None

    def tails(self) -> list[Tail]:
        """All that there are now."""
        return [tail for tail, _ in self._tails.values()]

    async def tail(self, settings: Settings, kind: Kind) -> Tail:
        """The live end of a lane's stream, once it is reached; raises Unavailable, Problem 404 if there is none."""
        found = self._tail(settings, kind)
        try:
            await asyncio.wait_for(found.reading.wait(), _START_S)
        except TimeoutError:
            raise Unavailable(f"the end of {found.topic} was not reached within {_START_S:.0f} s") from None
        if found.ended:
            raise Problem(404, f"lane {settings.lane} has no {kind.stream}; a lane made anew has them")
        return found

    def _tail(self, settings: Settings, kind: Kind) -> Tail:
        key = settings.lane, kind.stream
        if key in self._tails and not self._tails[key][0].ended:
            self._tails[key][0].used = time.monotonic()
            return self._tails[key][0]
        if self._group is None:
            raise Unavailable("the gateway is not running")
        if len(self._tails) >= _MOST_TAILS:
            raise Problem(503, f"{_MOST_TAILS} streams of lanes are followed already", headers={"Retry-After": "60"})
        tail = Tail(settings, kind, self._sources, self._words)
        self._tails[key] = tail, self._group.create_task(tail.run())
        return tail

    async def _sweep(self) -> None:
        """End what nobody follows."""
        while True:
            await asyncio.sleep(_IDLE_S / 5)
            for key in list(self._tails):
                tail, task = self._tails[key]  # another one by now, if one that ended was asked for again meanwhile
                idle = not len(tail.audience) and time.monotonic() - tail.used > _IDLE_S
                if tail.ended or (idle and tail.settings is not self._settings):
                    del self._tails[key]
                    await cancelled([task])
