"""The stages that look at the enriched articles and say something of them: what is in the news, whom to wake.

Their memory is a function of the line, too, restored from the enriched articles whenever the topic is given. A key's
later event replaces its earlier one, so that only the last of those that wait to be sent is sent.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, cast

import psutil
from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerFenced
from faust.types import TP

from schemas import Alert, EnrichedArticle, Event, Refused, Trend, Unavailable, decode, encode, from_rfc3339
from streams import driver
from streams.delivery import Output, transact
from streams.fenced import FencedStage
from streams.memory import SKEW_US
from streams.read import Record, first_since, newest, read_topic
from streams.stage import Records, start_of
from streams.turn import cloud_headers

__all__ = ["Begin", "View", "ViewStage", "Wants"]

log = logging.getLogger(__name__)

_LEARNED_AT_ONCE = 500  # past records that are read before the view learns them, in a thread
_NEAR = 200_000  # records that are read sooner than a place among them is found: a look costs as much as reading 80,000
_LOOK_S = 1.0  # how often it is noticed, while nothing comes, that the end of the topic holds no article

Said = Trend | Alert


class View(Protocol):
    """The core of such a stage."""

    def recall(self, said: Any) -> None:
        """Take what it said in an earlier life; comes before all else."""

    def learn(self, event: EnrichedArticle) -> None:
        """Take an event of which everything was said already."""

    def take(self, event: EnrichedArticle) -> Iterable[Said]:
        """Take the next event in line: what is to be said of it."""


Begin = Callable[[], View]


class Wants(NamedTuple):
    """What a view wants of its stage.

    To be restored from the articles of the last `reach_us` of the line, and from what it said in the last `said_us` of
    it (None: ever); to see of a live lane only what comes after its first start (`from_now`); to send nothing for
    `pause_s` after that.
    """

    reach_us: int
    said_us: int | None = None
    from_now: bool = False
    pause_s: float = 0.0


@dataclass(slots=True)
class _Tenure:
    """The time between being given the topic and losing it, or being shut out.

    What the view has said since the last transaction waits, by key; everything before `reached` is in it.
    """

    partition: TP
    generation: int
    producer: AIOKafkaProducer
    view: View
    reached: int
    waiting: dict[str, Said] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)


class _Consumer(driver.Consumer):
    """Also knows where the reader went on without a record: over the marker that ends a transaction.

    Without it a group would stay one record behind the end of such a topic for ever.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.gaps: dict[TP, tuple[int, int]] = {}

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109 - Faust's
        polled: Mapping[TP, list[Record]] = await super()._getmany(active_partitions, timeout)
        for partition, offset in list(self.next.items()):
            if self.flow_active and (position := await self._thread.position(partition)) is not None:
                records = polled.get(partition)
                self.gaps[partition] = records[-1].offset + 1 if records else offset, position
        return polled

    def past_gap(self, partition: TP, offset: int) -> int:
        """The offset, or where the next record may be if it is known that none is before that."""
        before, after = self.gaps.get(partition, (-1, -1))
        return after if offset == before else offset


class _Transport(driver.Transport):
    Consumer = _Consumer


class ViewStage(FencedStage):
    """A stage that reads the enriched articles."""

    consumer: _Consumer
    _tenure: _Tenure | None

    def __init__(self, name: str, *, writes: type[Said], **options: Any) -> None:
        super().__init__(name, reads=EnrichedArticle, writes=writes, **options)
        self._news = asyncio.Event()
        self._headers = cloud_headers(self.names.group(name), writes)

    async def each_article(self, records: Records, begin: Begin, wants: Wants) -> None:
        """Give every article to the view that `begin` makes, once it has learned what came before; never returns."""
        self.listen(records)
        self.begin((begin, wants))
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(self._send(wants.pause_s))
            await self._look()
            sending.cancel()

    def _new_transport(self) -> driver.Transport:
        return _Transport(self.conf.broker_consumer, self)

    _new_producer_transport = _new_transport

    # Given the topic.

    async def taken_up(
        self, producer: AIOKafkaProducer, partitions: set[TP], wanted: tuple[Begin, Wants]
    ) -> tuple[_Tenure, dict[TP, int]]:
        begin, wants = wanted
        ((partition, bounds),) = (await self.consumer.bounds(partitions)).items()
        if bounds.committed is None and wants.from_now and self.lane.kind == "live":
            # Since this process began, which is when its operator was told: loading took a while.
            begun_us = int(psutil.Process().create_time() * 1e6)
            since = await first_since(self.settings, EnrichedArticle, begun_us)
            bounds = bounds._replace(committed=bounds.end if since is None else since)
        position = start_of(partition, bounds)
        view = await asyncio.to_thread(begin)
        clock_us = await self._clock_us(EnrichedArticle, position)
        await self._read(self.writes, view.recall, clock_us, wants.said_us)
        await self._read(EnrichedArticle, view.learn, clock_us, wants.reach_us, before=position)
        return _Tenure(partition, self.consumer.generation, producer, view, position), {partition: position}

    async def _clock_us(self, kind: type[Event], before: int) -> int | None:
        """The time of the line at the last record before that offset; None where there is none that has one."""
        last = await newest(self.settings, kind, before=before)
        if last is not None:
            with suppress(Refused):
                event = decode(kind, last.value or b"")
                return from_rfc3339(event.until if isinstance(event, Trend) else cast(EnrichedArticle, event).seen_at)
        return None

    async def _since(self, kind: type[Event], us: int) -> int | None:
        """The offset from which on a topic holds what is of that time of the line or later; None: read all.

        A replay may have written years in a minute, but its times rise with its line.
        """
        if self.lane.kind == "live":
            return await first_since(self.settings, kind, us - SKEW_US)
        last = await newest(self.settings, kind)
        low, high = 0, 0 if last is None else last.offset + 1
        while high - low > _NEAR:
            middle = (low + high) // 2
            clock_us = await self._clock_us(kind, middle + 1)
            low, high = (low, middle) if clock_us is not None and clock_us >= us else (middle + 1, high)
        return low

    async def _read(
        self,
        kind: type[Event],
        learn: Callable[[Any], None],
        clock_us: int | None,
        reach_us: int | None,
        before: int | None = None,
    ) -> None:
        """Have the view learn what was written since so long before that time, or ever where one is None."""
        start = None
        if clock_us is not None and reach_us is not None:
            since = await self._since(kind, clock_us - reach_us)
            start = None if since is None else {0: since}
        some: list[Record] = []
        async with aclosing(read_topic(self.settings, kind, start=start)) as records:
            async for record in records:
                if before is not None and record.offset >= before:
                    break
                some.append(record)
                if len(some) == _LEARNED_AT_ONCE:
                    await asyncio.to_thread(_learn, kind, learn, some)
                    some = []
        await asyncio.to_thread(_learn, kind, learn, some)

    # What arrives, and what is said of it.

    async def _look(self) -> None:
        try:
            while True:
                for each in await self.next_batch():
                    tenure = self._tenure
                    if tenure is None or each.generation != self.consumer.generation:
                        continue
                    began = time.perf_counter()
                    said, outcomes = await asyncio.to_thread(_take, tenure.view, each.records)
                    self.took(len(each.records), time.perf_counter() - began)
                    tenure.waiting |= said
                    tenure.outcomes += outcomes
                    tenure.reached = each.records[-1].offset + 1
                    self._news.set()
        except StopAsyncIteration:  # how Faust's queue says that the agent is stopping
            return
        except Exception as failure:
            self.fail(failure)

    async def _send(self, pause_s: float) -> None:
        stopping = False
        try:
            while not stopping:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), _LOOK_S)
                self._news.clear()
                async with self.sending:
                    if self._tenure is not None:
                        stopping = await self._send_of(self._tenure)
                await asyncio.sleep(pause_s)
        except ProducerFenced:
            self.fail(Unavailable(f"another {self.name} has taken over lane {self.settings.lane}; this one ends"))
        except Exception as failure:
            self.fail(failure)
        raise asyncio.CancelledError

    async def _send_of(self, tenure: _Tenure) -> bool:
        """Send what waits, then acknowledge what it came of; returns whether the stage was told to stop meanwhile."""
        began = time.perf_counter()
        reached, stopping = tenure.reached, False
        if tenure.waiting:
            said, tenure.waiting = tenure.waiting, {}
            topic = self.names.name(self.writes)
            outputs = deque(self._output(topic, each) for each in sorted(said.values(), key=lambda each: each.line))
            stopping = await self.until_stopped(transact(tenure.producer, {(topic, 0): outputs}))
        if tenure.outcomes:
            outcomes, tenure.outcomes = tenure.outcomes, Counter()
            self.metrics.batch(outcomes, time.perf_counter() - began)
        end = self.consumer.past_gap(tenure.partition, reached)
        self.consumer.acknowledge(tenure.partition, tenure.generation, end)
        if end > reached == tenure.reached:
            self.health.read({tenure.partition: end})
        return stopping

    def _output(self, topic: str, said: Said) -> Output:
        identity = ("ce_id", f"{said.key}@{said.line}".encode())
        return Output(topic, 0, said.key.encode(), encode(said), [identity, *self._headers])


def _take(view: View, records: list[Record]) -> tuple[dict[str, Said], Counter[str]]:
    """What a view says of the records, the last of each key, and how many came to which outcome."""
    said: dict[str, Said] = {}
    outcomes: Counter[str] = Counter()
    for record in records:
        try:
            said.update((each.key, each) for each in view.take(decode(EnrichedArticle, record.value or b"")))
            outcomes["out"] += 1
        except Exception as error:
            outcomes[_passed_over(record, error)] += 1
    return said, outcomes


def _learn(kind: type[Event], learn: Callable[[Any], None], records: list[Record]) -> None:
    for record in records:
        try:
            learn(decode(kind, record.value or b""))
        except Exception as error:
            _passed_over(record, error)


def _passed_over(record: Record, error: Exception) -> str:
    """The outcome of a record that is none of ours, or that a core fails on; raises the process's own trouble.

    The log tells of it. It is no dead letter: those are of articles that got no further, and count as such.
    """
    if isinstance(error, MemoryError):
        raise error
    refused = isinstance(error, Refused)
    where = f"offset {record.offset} of {record.topic}"
    log.error("%s is passed over: %s", where, error, exc_info=None if refused else error)
    return "refused" if refused else "bug"
