"""Sends an archive into a replay lane: in the order of places, with progress marks, and no further than stages follow.

research/line of the design has the model of this, and what goes wrong without each rule. What was sent already is read
from the marks in the raw topic itself, so that a replay that was killed goes on wherever it is started again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from xxhash import xxh3_64_intdigest

from schemas import FIRST, LAST, Progress, ProgressMark, RawArticle, Unavailable, date_of, encode
from streams import cluster, lanes
from streams.archives import Checked, Ordered, Placed, Report, Standing, Unplaced
from streams.delivery import Delivery, Output
from streams.kafka import errors, make_consumer, running
from streams.lag import READS, Lag, worst_of
from streams.read import header
from streams.settings import Settings
from streams.topics import Topics
from streams.turn import CAUSE, MARK, PLACE, REFUSED

__all__ = ["AHEAD", "follow", "send", "sent_up_to"]

# Records between two progress marks, and seconds: what deduplicate holds back until the next mark, and what a resumed
# replay sends again. Fewer cost more marks (one for each partition), more cost latency and memory.
MARK_EVERY = 500
MARK_SECONDS = 1.0
# Records that normalize or tag may be behind on any partition before the replay waits: two of a stage's largest
# batches, one in work and one on its way. Less starves them. More has deduplicate hold more while one partition is
# slow: up to this times the number of the others (the model: 99 held articles with a throttle, 842 without).
AHEAD = 1_000
_LOOK_S = 0.2  # between two looks at how far behind the stages are
_ALONE_S = 10.0  # a stage without a worker for so long is not just being started again (a dead member counts for 6 s)
_TOGETHER_S = 0.2  # with a speed: what is due within this goes out together
_TAIL = 64  # records of a partition that a first look for its last mark takes in


async def sent_up_to(settings: Settings) -> str:
    """The place up to which the lane has everything: the lowest of its raw partitions' last marks.

    FIRST where a partition has none, LAST where the replay is complete. A mark once true stays true, so that the last
    one of a partition will do though an earlier one may name a later place.
    """
    partitions = await cluster.partitions(settings, Topics(settings.prefix, settings.lane).name(RawArticle))
    async with running(make_consumer(settings), settings) as consumer:
        with errors(settings):
            return min([await _last_mark(consumer, each) for each in partitions])


async def _last_mark(consumer: AIOKafkaConsumer, partition: TopicPartition) -> str:
    consumer.assign([partition])
    first = (await consumer.beginning_offsets([partition]))[partition]
    until = (await consumer.end_offsets([partition]))[partition]
    tail = _TAIL
    while until > first:
        begin, found = max(first, until - tail), None
        consumer.seek(partition, begin)
        while await consumer.position(partition) < until:
            for record in (await consumer.getmany(timeout_ms=500)).get(partition, []):
                if record.offset < until:
                    found = header(record, MARK) or found
        if found is not None:
            return found.decode()
        until, tail = begin, tail * 8
    return FIRST


async def send(
    settings: Settings,
    sorter: Ordered,
    after: str,
    report: Report,
    *,
    speed: float | None = None,
    ahead: int | None = None,
) -> int:
    """Send what `sorter` gives, everything past the place `after`; close the lane; return the records sent.

    With `speed` articles are as far apart as their dates, divided by it; without, as fast as the stages follow, which
    may be `ahead` records behind (AHEAD unless given).
    Records without a place go first, unless the lane is past its beginning. Waits for as long as it takes where the
    broker is away or the stages are behind, and says so in what it reports.
    """
    records: Iterator[Placed | Unplaced]
    records, total = sorter.placed(), sorter.placed_count
    if after == FIRST or isinstance(sorter, Checked):  # which leaves out by itself what was sent
        records, total = sorter.records(), total + sorter.unplaced_count
    standing = Standing("sending", 0, total, after)
    sender = _Sender(settings, standing, report, speed, AHEAD if ahead is None else ahead)
    try:
        async with Lag(settings) as lag:
            await sender.run(records, lag)
    finally:
        await sender.close()
    return standing.done


class _Sender:
    def __init__(self, settings: Settings, standing: Standing, report: Report, speed: float | None, ahead: int) -> None:
        self._settings, self._standing, self._report = settings, standing, report
        self._speed, self._ahead = speed, ahead
        self._began: tuple[float, int] | None = None  # when the first article went out (monotonic), and its date
        self._topic = Topics(settings.prefix, settings.lane).name(RawArticle)
        self._delivery = Delivery(settings)
        self._partitions = 0

    async def run(self, records: Iterable[Placed | Unplaced], lag: Lag) -> None:
        self._partitions = await self._count()
        for group in _groups(records, self._speed):
            await self._until_due(group[0])
            await self._delivery.send([self._output(record) for record in group])
            self._standing.done += len(group)
            if isinstance(group[-1], Placed):
                await self._mark(group[-1].place)
            self._report(self._standing)
            await self._throttle(lag)
        await self._mark(LAST)
        self._report(self._standing)

    async def close(self) -> None:
        await self._delivery.close()

    async def _until_due(self, first: Placed | Unplaced) -> None:
        """Until the article is due by the speed."""
        if self._speed is None or isinstance(first, Unplaced):
            return
        us = date_of(first.place)
        began, date = self._began = self._began or (time.monotonic(), us)
        while (left := began + (us - date) / 1e6 / self._speed - time.monotonic()) > 0:
            self._standing.phase, self._standing.waiting = "waiting", f"the next article is due in {left:.0f} s"
            self._report(self._standing)
            await asyncio.sleep(min(left, 1.0))
        self._standing.phase, self._standing.waiting = "sending", ""

    async def _count(self) -> int:
        while True:
            try:
                return len(await cluster.partitions(self._settings, self._topic))
            except Unavailable as away:
                await self._wait(str(away))

    async def _wait(self, waiting: str) -> None:
        self._standing.phase, self._standing.waiting = "waiting", waiting
        self._report(self._standing)
        await asyncio.sleep(_LOOK_S)

    def _output(self, record: Placed | Unplaced) -> Output:
        """Equal values go to one partition, so that a record sent again meets itself there."""
        partition = xxh3_64_intdigest(record.value) % self._partitions
        if isinstance(record, Placed):
            headers = [(PLACE, record.place.encode())]
        else:
            headers = [(REFUSED, record.reason.encode()), (CAUSE, record.cause.encode())]
        return Output(self._topic, partition, None, record.value, headers)

    async def _mark(self, place: str) -> None:
        """Everything at or before `place` is at the broker: tell every partition, idle or not."""
        value, headers = encode(ProgressMark(place=place)), [(MARK, place.encode())]
        await self._delivery.send([Output(self._topic, each, None, value, headers) for each in range(self._partitions)])
        self._standing.reached = place

    async def _throttle(self, lag: Lag) -> None:
        """Wait while normalize or tag is too far behind; never for deduplicate: it may hold what only we can free."""
        alone = _Alone()
        while True:
            try:
                behind = {stage: await lag.of(stage) for stage in ("normalize", "tag")}
                self._standing.lag = {stage: sum(each.values()) for stage, each in behind.items()}
                worst = worst_of(behind)
                if worst.records <= self._ahead:
                    break
                self._standing.unserved = alone.look(await lag.unserved())
                await self._wait(str(worst))
            except Unavailable as away:
                await self._wait(str(away))
        self._standing.phase, self._standing.waiting, self._standing.unserved = "sending", "", ()


class _Alone:
    """Tells a stage that nobody works on from one whose worker is starting."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def look(self, unserved: Iterable[str]) -> tuple[str, ...]:
        now = time.monotonic()
        self._since = {stage: self._since.get(stage, now) for stage in unserved}
        return tuple(stage for stage, since in self._since.items() if now - since >= _ALONE_S)


async def follow(settings: Settings, report: Report, *, patient: bool = False, records: int | None = None) -> bool:
    """Watch the stages until the end marks have passed deduplicate: the lane is drained, and True is returned.

    Returns False when a stage has had no worker for ten seconds, unless `patient`. A record that a stage is through
    with counts a third in what is done of `records`; where nobody knows how many the lane has (its raw positions are
    those of progress marks, too), the decisions of the line count.
    """
    alone, standing = _Alone(), Standing("following")
    async with Lag(settings) as lag:
        while True:
            try:
                progress = await lanes.progress(settings)
                ends = {stage: await lag.ends(stage) for stage in READS}
                standing.lag = {stage: sum((await lag.of(stage)).values()) for stage in READS}
                unserved = await lag.unserved()
            except Unavailable as away:
                standing.waiting = str(away)
            else:
                standing.waiting = ""
                if records is None:
                    standing.done = progress.line + 1 if progress else 0
                else:
                    standing.total, standing.done = records, int(records * _through(ends, standing.lag, progress))
                standing.reached = progress.passed if progress else FIRST
                standing.unserved = alone.look(unserved)
            if standing.reached == LAST:
                standing.phase = "drained"
            elif standing.unserved and not patient:
                standing.phase = "unserved"
            report(standing)
            if standing.phase != "following":
                return standing.phase == "drained"
            await asyncio.sleep(1.0)


def _through(ends: Mapping[str, Mapping[int, int]], lag: Mapping[str, int], progress: Progress | None) -> float:
    """The part of the work on a lane that is done, each of the three stages a third of it."""
    if progress is not None and progress.passed == LAST:
        return 1.0
    normalized, tagged = (1 - lag[stage] / max(1, sum(ends[stage].values())) for stage in ("normalize", "tag"))
    taken = sum(progress.raw.get(str(each), -1) + 1 for each in ends["normalize"]) if progress else 0
    decided = taken / max(1, sum(ends["normalize"].values()))
    return (normalized + normalized * tagged + decided) / 3  # what is to be tagged grows as normalize goes on


def _groups(records: Iterable[Placed | Unplaced], speed: float | None = None) -> Iterator[list[Placed | Unplaced]]:
    """What goes between two marks: so many records, or what could be read in a second; places and none never mix.

    With a speed, what is due within a fifth of a second.
    """
    group: list[Placed | Unplaced] = []
    began = time.monotonic()
    for record in records:
        if group and (type(record) is not type(group[0]) or _later(record, group[0], speed)):
            yield group
            group, began = [], time.monotonic()
        group.append(record)
        if len(group) >= MARK_EVERY or time.monotonic() - began >= MARK_SECONDS:
            yield group
            group, began = [], time.monotonic()
    if group:
        yield group


def _later(record: Placed | Unplaced, first: Placed | Unplaced, speed: float | None) -> bool:
    if speed is None or isinstance(record, Unplaced) or isinstance(first, Unplaced):
        return False
    return date_of(record.place) - date_of(first.place) > _TOGETHER_S * speed * 1e6
