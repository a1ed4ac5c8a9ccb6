"""The stage that decides: one process at a time, a memory restored whenever it is given the log, a transaction a batch.

What a batch decides, and how far the line is, becomes visible at once or never.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerFenced
from faust.types import TP

from schemas import (
    EnrichedArticle,
    Event,
    Progress,
    Refused,
    Story,
    TaggedArticle,
    Unavailable,
    decode,
    encode,
    from_rfc3339,
)
from streams import lanes
from streams.delivery import Output, transact
from streams.driver import Slice
from streams.fenced import FencedStage
from streams.memory import LOG, Memory, recall
from streams.read import LINE_HEADER, Record
from streams.stage import Records, start_of
from streams.topics import FRAMING, Header, by_name
from streams.turn import MARK, PLACE, RAW, TRACE, cloud_headers, refusal

__all__ = ["Begin", "Entry", "LineStage", "Take", "Verdict"]

log = logging.getLogger(__name__)

_FOREIGN = -1  # the raw partition of what came from none; its offsets are the log's own, so that it too counts once
_STORY_ROOM = by_name(Story.topic).largest - FRAMING  # bytes of a value; the rest is for its key and headers


class Entry(NamedTuple):
    """A record of the story log, as a line takes it; `what` is None for a progress mark, which names `place`."""

    offset: int
    raw: tuple[int, int]
    place: str
    what: TaggedArticle | Exception | None
    record: Record


class Verdict(Protocol):
    """What a line says of a batch; agents.deduplicate.line.Taken is one."""

    @property
    def decided(self) -> Sequence[tuple[int, Any, list[Event]]]: ...
    @property
    def failed(self) -> Sequence[tuple[Any, Exception]]: ...
    @property
    def outcomes(self) -> Counter[str]: ...
    @property
    def progress(self) -> Progress | None: ...
    @property
    def acknowledged(self) -> int: ...


Take = Callable[[list[Entry]], Verdict]
Outputs = dict[tuple[str, int], deque[Output]]  # by topic and partition
Begin = Callable[[Memory], Take]


@dataclass(slots=True)
class _Tenure:
    """The time between being given the log and losing it, or being shut out."""

    producer: AIOKafkaProducer
    take: Take
    offsets: dict[str, list[int]]  # replay: article -> where in the log its decisions stand, as LOG carries it


class _Batch(NamedTuple):
    tenure: _Tenure
    slice: Slice
    outputs: Outputs
    verdict: Verdict
    began: float


class LineStage(FencedStage):
    """A stage with one line and a memory."""

    _tenure: _Tenure | None

    def __init__(self, name: str, *, reads: type[TaggedArticle], writes: type[EnrichedArticle], **options: Any) -> None:
        super().__init__(name, reads=reads, writes=writes, **options)
        group = self.names.group(name)
        self._articles = cloud_headers(group, EnrichedArticle)
        self._stories = cloud_headers(group, Story)

    async def each_decision(self, records: Records, begin: Begin, window_us: int) -> None:
        """Give every record of the log to the line that `begin` makes of a restored memory; never returns.

        The memory reaches `window_us` back in the log.
        """
        self.listen(records)
        self.begin((begin, window_us))
        thought: asyncio.Queue[_Batch | None] = asyncio.Queue(maxsize=1)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._decide(thought))
            tasks.create_task(self._commit(thought))

    # Given the log.

    async def taken_up(
        self, producer: AIOKafkaProducer, partitions: set[TP], wanted: tuple[Begin, int]
    ) -> tuple[_Tenure, dict[TP, int]]:
        begin, window_us = wanted
        memory = await recall(self.settings, self.lane, window_us)
        tenure = _Tenure(producer, await asyncio.to_thread(begin, memory), memory.offsets)
        return tenure, await self._resume(partitions, memory.progress)

    async def _resume(self, partitions: set[TP], progress: Progress | None) -> dict[TP, int]:
        positions = {}
        for partition, bounds in (await self.consumer.bounds(partitions)).items():
            after = 0 if progress is None else progress.line + 1
            if self.lane.kind == "live" and after >= bounds.first:  # else nothing was decided for as long as logs last
                bounds = bounds._replace(committed=after)
            positions[partition] = start_of(partition, bounds)
        return positions

    # The batch loop.

    async def _decide(self, thought: asyncio.Queue[_Batch | None]) -> None:
        try:
            while True:
                for each in await self.next_batch():
                    tenure = self._tenure
                    if tenure is None or each.generation != self.consumer.generation:
                        continue
                    began = time.perf_counter()
                    outputs, verdict = await asyncio.to_thread(self._take, tenure, each.records)
                    self.took(len(each.records), time.perf_counter() - began)
                    await thought.put(_Batch(tenure, each, outputs, verdict, began))
                    await thought.join()
        except StopAsyncIteration:  # how Faust's queue says that the agent is stopping
            await thought.put(None)
        except Exception as failure:
            self.fail(failure)

    async def _commit(self, thought: asyncio.Queue[_Batch | None]) -> None:
        try:
            while (batch := await thought.get()) is not None:
                thought.task_done()
                async with self.sending:
                    if batch.tenure is not self._tenure:
                        continue  # the log was given anew since: the memory no longer knows of this batch
                    stopping = await self.until_stopped(self._transaction(batch))
                    partition, generation, _ = batch.slice
                    self.consumer.acknowledge(partition, generation, batch.verdict.acknowledged)
                self._measure(batch)
                if stopping:
                    raise asyncio.CancelledError
        except ProducerFenced:
            self.fail(Unavailable(f"another {self.name} has taken over lane {self.settings.lane}; this one ends"))
        except Exception as failure:
            self.fail(failure)

    def _measure(self, batch: _Batch) -> None:
        self.metrics.batch(batch.verdict.outcomes, time.perf_counter() - batch.began)
        if self.lane.kind == "live":  # in a replay `seen_at` is no time of ours
            now_us = time.time_ns() // 1000
            events = (event for _, _, events in batch.verdict.decided for event in events)
            seen = (from_rfc3339(event.seen_at) for event in events if isinstance(event, EnrichedArticle))
            self.metrics.arrived((now_us - seen_us) / 1e6 for seen_us in seen)

    async def _transaction(self, batch: _Batch) -> None:
        await transact(batch.tenure.producer, batch.outputs)

    # What is sent.

    def _take(self, tenure: _Tenure, records: list[Record]) -> tuple[Outputs, Verdict]:
        verdict = tenure.take([self._entry(record) for record in records])
        outputs: Outputs = defaultdict(deque)
        for line, entry, events in verdict.decided:
            for output in self._events(tenure, line, entry, events):
                outputs[output.topic, 0].append(output)
        for entry, error in verdict.failed:
            letter = refusal(self.name, self.names, entry.record, error)
            outputs[letter.topic, 0].append(letter)
        if verdict.progress is not None:
            topic = self.names.name(Progress)
            outputs[topic, 0].append(Output(topic, 0, lanes.PROGRESS_KEY, encode(verdict.progress), []))
        return outputs, verdict

    def _entry(self, record: Record) -> Entry:
        headers = dict(record.headers)
        try:
            partition, _, offset = headers[RAW].partition(b":")
            raw = int(partition), int(offset)
            place = (headers.get(MARK) or headers.get(PLACE) or b"").decode()
        except (KeyError, ValueError, AttributeError):
            foreign = Refused(f"the record has no header {RAW} that says where it came from: no stage of ours wrote it")
            return Entry(record.offset, (_FOREIGN, record.offset), "", foreign, record)
        what: TaggedArticle | Exception | None = None
        if MARK not in headers:
            try:
                what = decode(TaggedArticle, record.value or b"")
            except Refused as refused:
                what = refused
        return Entry(record.offset, raw, place, what, record)

    def _events(self, tenure: _Tenure, line: int, entry: Entry, events: list[Event]) -> Iterable[Output]:
        headers: Mapping[str, bytes] = dict(entry.record.headers)
        number = str(line).encode()
        carried: list[Header] = [("ce_id", number), (LINE_HEADER, number)]
        carried += [(name, headers[name]) for name in (RAW, PLACE, TRACE) if name in headers]
        for event in events:
            if isinstance(event, EnrichedArticle):
                own = [*self._articles, *carried]
                if self.lane.kind == "replay":
                    own.append((LOG, self._log_offsets(tenure, event, entry.offset)))
                yield Output(self.names.name(EnrichedArticle), 0, event.id.encode(), encode(event), own)
            elif isinstance(event, Story):
                value = encode(event)
                if len(value) > _STORY_ROOM:
                    value = encode(fitting(event))
                yield Output(self.names.name(Story), 0, event.id.encode(), value, [*self._stories, *carried])

    def _log_offsets(self, tenure: _Tenure, event: EnrichedArticle, offset: int) -> bytes:
        """Where in the log each of the article's decisions stands, as `lines` has their numbers."""
        if len(event.lines) == 1:  # new, or forgotten since
            tenure.offsets[event.id] = []
        tenure.offsets[event.id].append(offset)
        return b",".join(str(each).encode() for each in tenure.offsets[event.id])


def fitting(story: Story) -> Story:
    """The story, with fewer of its members listed if they would be too large for its topic; all stay counted.

    Only titles of tens of kilobytes come to that. What was decided cannot be refused any more, so it has to fit.
    """
    while len(story.members) > 1 and len(encode(story)) > _STORY_ROOM:
        story = replace(story, members=[story.members[0], *story.members[1 + (len(story.members) + 1) // 2 :]])
    return story
