"""What the decisions of a lane's line left behind, read back from its topics: enough to go on deciding."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace

from schemas import EnrichedArticle, Lane, Progress, TaggedArticle, decode, from_rfc3339
from streams import cluster, lanes
from streams.read import first_since, header, read_topic
from streams.settings import Settings
from streams.topics import Topics
from streams.turn import MARK

__all__ = ["LOG", "SKEW_US", "Memory", "recall"]

LOG = "khabar-log"  # replay, on enriched: the offsets in the story log of the article's decisions, as `lines` has them

# How far clocks of brokers may differ; more only reads more of the log.
SKEW_US = 600_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The state of a line as of `progress`, which says how far it is; None before its first transaction."""

    lane: Lane
    partitions: int  # of the raw topic
    progress: Progress | None
    enriched: list[EnrichedArticle]  # the newest event of each id, without texts
    offsets: dict[str, list[int]]  # replay: article -> the offsets in the log of its decisions
    log: Iterator[tuple[int, TaggedArticle]]  # line number of its decision, article; in line, the window and more


async def recall(settings: Settings, lane: Lane, window_us: int) -> Memory:
    """Read the memory of the lane's line; the log as far back as `window_us` before the latest decision."""
    progress = await lanes.progress(settings)
    newest: dict[bytes, EnrichedArticle] = {}
    offsets: dict[str, list[int]] = {}
    async for record in read_topic(settings, EnrichedArticle):
        if record.key is None or record.value is None:
            continue
        event = decode(EnrichedArticle, record.value)
        newest[record.key] = _light(event)
        if (found := header(record, LOG)) is not None:
            offsets[event.id] = [int(each) for each in found.split(b",")]
    enriched = list(newest.values())
    clock_us = max((from_rfc3339(event.seen_at) for event in enriched), default=0)
    if not enriched or progress is None:
        read: Iterator[tuple[int, TaggedArticle]] = iter(())
    elif lane.kind == "live":
        read = await _since(settings, clock_us - window_us - SKEW_US, progress.line)
    else:
        read = await _decided(settings, enriched, offsets, clock_us - window_us)
    return Memory(
        lane=lane,
        partitions=len(await cluster.partitions(settings, Topics(settings.prefix, settings.lane).name("raw"))),
        progress=progress,
        enriched=enriched,
        offsets=offsets,
        log=read,
    )


def _light(event: EnrichedArticle) -> EnrichedArticle:
    """Without what no decision looks at again: ninety days of texts would not fit."""
    relation = event.relation and replace(event.relation, evidence=None)
    return replace(event, lead=None, body=None, extra={}, relation=relation)


async def _since(settings: Settings, since_us: int, last: int) -> Iterator[tuple[int, TaggedArticle]]:
    """Live: a line number is an offset of the log, and the log's times are the broker's, never before `seen_at`."""
    first = await first_since(settings, TaggedArticle, since_us)
    values: list[tuple[int, bytes]] = []
    if first is not None:
        async for record in read_topic(settings, TaggedArticle, start={0: first}):
            if record.offset > last:
                break
            if record.value is not None and header(record, MARK) is None:
                values.append((record.offset, record.value))
    return ((offset, decode(TaggedArticle, value)) for offset, value in values)


async def _decided(
    settings: Settings, enriched: list[EnrichedArticle], offsets: dict[str, list[int]], since_us: int
) -> Iterator[tuple[int, TaggedArticle]]:
    """Replay: the log is not in line; the offsets that each enriched event carries lead to its decisions.

    `seen_at` rises with the line, so what is past the newest decision before `since_us` is all that is needed.
    """
    before = max((each.lines[-1].line for each in enriched if from_rfc3339(each.seen_at) < since_us), default=-1)
    lines: dict[int, int] = {}
    for event in enriched:
        for decision, offset in zip(event.lines, offsets[event.id], strict=True):
            if decision.line > before:
                lines[offset] = decision.line
    values: list[tuple[int, int, bytes]] = []
    last = max(lines)
    async for record in read_topic(settings, TaggedArticle, start={0: min(lines)}):
        if record.offset > last:
            break
        if record.offset in lines and record.value is not None:
            heapq.heappush(values, (lines[record.offset], record.offset, record.value))
    return ((line, decode(TaggedArticle, value)) for line, _, value in _drained(values))


def _drained(heap: list[tuple[int, int, bytes]]) -> Iterator[tuple[int, int, bytes]]:
    while heap:
        yield heapq.heappop(heap)
