"""What became of every record of the raw topic: enriched, a repeat, a dead letter, or still on its way.

Nothing keeps this book while the stages work: it is read off the topics of the lane, each once, and off where the
groups stand. A position that is none of these was lost, and is named.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import IntEnum
from functools import partial

import msgspec

from schemas import (
    FIRST,
    DeadLetter,
    EnrichedArticle,
    Event,
    NormalizedArticle,
    Progress,
    RawArticle,
    TaggedArticle,
)
from streams import cluster, lanes
from streams.kafka import errors, make_consumer, running
from streams.lag import READS, Lag, patiently
from streams.memory import LOG
from streams.read import Record, header, read_topic
from streams.settings import Settings
from streams.topics import Topics
from streams.turn import MARK, PLACE, RAW

__all__ = ["Ledger", "Lost", "read_ledger"]

_NOWHERE = b"-1:-1"  # for a record that no stage of ours wrote
_SHOWN = 20  # lost positions that are named; all are counted


class _State(IntEnum):
    """What is known of a raw position; where two things are, as after a kill, the greater counts."""

    ABSENT = 0  # no record: a gap that a transaction of the producer's left
    UNKNOWN = 1
    GONE = 2
    MARK = 3
    TOMBSTONE = 4
    PENDING = 5
    REPEAT = 6
    LETTER = 7
    ENRICHED = 8


@dataclass(frozen=True, slots=True)
class Lost:
    """A raw position that a stage acknowledged, and of which nothing came."""

    partition: int
    offset: int
    stage: str  # that acknowledged it

    def __str__(self) -> str:
        return f"articles.raw/{self.partition}@{self.offset}: {self.stage} acknowledged it, and nothing came of it"


@dataclass(slots=True, kw_only=True)
class Ledger:
    """Raw positions by what became of them.

    `gone`: older than what the lane's other topics still keep, so that nobody can tell any more (live lanes).
    `marks` and `tombstones` (records without a value) are no articles, and nothing has to come of them.
    """

    enriched: int = 0
    repeats: int = 0
    letters: int = 0
    pending: int = 0
    gone: int = 0
    lost: int = 0
    marks: int = 0
    tombstones: int = 0
    causes: dict[str, int] = field(default_factory=dict)  # of the letters, the most frequent first
    examples: list[Lost] = field(default_factory=list)  # the first of those lost

    @property
    def records(self) -> int:
        """All but marks and tombstones."""
        return self.enriched + self.repeats + self.letters + self.pending + self.gone + self.lost


class _Lines(msgspec.Struct):
    """What of an enriched event says which entries of the story log were decided on."""

    class At(msgspec.Struct):
        line: int

    lines: list[At]


class _Book:
    """One byte for each raw position, one for each position of the story log."""

    def __init__(self, names: Topics) -> None:
        self._raw_topic = names.name("raw")
        self._first: dict[int, int] = {}
        self.states: dict[int, bytearray] = {}
        self.further: dict[tuple[int, int], int] = {}  # raw position -> the last offset of it in normalized
        self.decided = bytearray()
        self.causes: Counter[str] = Counter()
        self._refused: dict[tuple[str, int, int], str] = {}  # letters whose raw position nothing but their topic tells

    def raw(self, record: Record) -> None:
        """The records of a partition come in order."""
        states = self.states.setdefault(record.partition, bytearray())
        first = self._first.setdefault(record.partition, record.offset)
        states.extend(bytes(record.offset - first - len(states)))
        if header(record, MARK) is not None:
            states.append(_State.MARK)
        else:
            states.append(_State.TOMBSTONE if record.value is None else _State.UNKNOWN)

    def enriched(self, record: Record) -> None:
        if record.value is None:
            return
        if (found := header(record, LOG)) is not None:
            offsets = [int(each) for each in found.split(b",")]
        else:
            offsets = [each.line for each in msgspec.json.decode(record.value, type=_Lines).lines]
        for offset in offsets:
            if offset >= len(self.decided):
                self.decided.extend(bytes(offset + 1 - len(self.decided)))
            self.decided[offset] = 1
        # The story log of a live lane may have forgotten what enriched still has.
        self.note(header(record, RAW), _State.ENRICHED)

    def letter(self, record: Record) -> None:
        headers = dict(record.headers)
        topic = headers.get("khabar-topic", b"").decode("utf-8", "replace")
        cause = headers.get("khabar-cause", b"").decode("utf-8", "replace")
        partition, offset = headers.get("khabar-partition", b"-1"), headers.get("khabar-offset", b"-1")
        raw = b"%b:%b" % (partition, offset) if topic == self._raw_topic else headers.get(RAW)
        if raw is None:
            self._refused[topic, int(partition), int(offset)] = cause
        elif self.note(raw, _State.LETTER):
            self.causes[cause] += 1

    def normalized(self, record: Record) -> None:
        """Read where something is missing: how far that came."""
        if self._perhaps_refused(record):
            return
        partition, _, offset = (header(record, RAW) or _NOWHERE).partition(b":")
        if self._state(int(partition), int(offset)) == _State.UNKNOWN:
            self.further[int(partition), int(offset)] = record.offset

    def forget(self, record: Record, kept_since: float) -> None:
        """Given the raw records once more."""
        if record.timestamp < kept_since and self._state(record.partition, record.offset) == _State.UNKNOWN:
            self.note(b"%d:%d" % (record.partition, record.offset), _State.GONE)

    def tagged(self, record: Record, *, done: bool) -> None:
        """An entry of the story log; `done` says whether deduplicate is past it."""
        if header(record, MARK) is not None or self._perhaps_refused(record):
            return
        if record.offset < len(self.decided) and self.decided[record.offset]:
            self.note(header(record, RAW), _State.ENRICHED)
        else:
            self.note(header(record, RAW), _State.REPEAT if done else _State.PENDING)

    def _perhaps_refused(self, record: Record) -> bool:
        """A letter that had to be cut lost its headers: the record it speaks of still has them."""
        cause = self._refused.pop((record.topic, record.partition, record.offset), None)
        if cause is not None and self.note(header(record, RAW), _State.LETTER):
            self.causes[cause] += 1
        return cause is not None

    def note(self, raw: bytes | None, state: _State) -> bool:
        """Whether that is more than was known."""
        partition, _, offset = (raw or _NOWHERE).partition(b":")
        before = self._state(int(partition), int(offset))
        if before in (None, _State.ABSENT, _State.MARK, _State.TOMBSTONE) or before >= state:
            return False
        self.states[int(partition)][int(offset) - self._first[int(partition)]] = state
        return True

    def _state(self, partition: int, offset: int) -> int | None:
        """None for what the raw topic does not hold, or did not when it was read."""
        index = offset - self._first.get(partition, 0)
        states = self.states.get(partition, b"")
        return states[index] if 0 <= index < len(states) else None

    def unknown(self) -> Iterator[tuple[int, int]]:
        """Positions of which nothing was found."""
        for partition, states in sorted(self.states.items()):
            index = -1
            while (index := states.find(_State.UNKNOWN, index + 1)) >= 0:
                yield partition, self._first[partition] + index

    def count(self, state: _State) -> int:
        return sum(states.count(state) for states in self.states.values())


async def read_ledger(settings: Settings) -> Ledger:
    """Account for every position that the raw topic of the lane has now; the lane may be at work.

    An article that was decided on, forgotten after ninety days of the line, and decided on anew counts as a repeat the
    first time where compaction has taken the older event. Raises Misconfigured if there is no such lane.
    """
    replay = (await lanes.require(settings)).kind == "replay"
    book = _Book(Topics(settings.prefix, settings.lane))
    # The order matters while the lane is at work: what a stage had acknowledged when it was asked is in the topics
    # that are read after that.
    await _each(settings, RawArticle, book.raw)
    async with Lag(settings) as lag:
        stands = {stage: await patiently(partial(lag.stands, stage)) for stage in READS}
    progress = await lanes.progress(settings) or Progress(line=-1, raw={}, passed=FIRST)
    await _each(settings, EnrichedArticle, book.enriched)
    await _each(settings, DeadLetter, book.letter)

    def done(record: Record) -> bool:
        """Deduplicate acknowledges in the order of the log, and in a replay lane decides in another one."""
        acknowledged = record.offset < stands["deduplicate"].get(0, 0)
        if not replay:
            return acknowledged or record.offset <= progress.line
        partition, _, offset = (header(record, RAW) or _NOWHERE).partition(b":")
        taken = int(offset) <= progress.raw.get(partition.decode(), -1)
        return acknowledged or (taken and (header(record, PLACE) or b"").decode() <= progress.passed)

    await _each(settings, TaggedArticle, lambda record: book.tagged(record, done=done(record)))
    if book.count(_State.UNKNOWN):
        await _each(settings, NormalizedArticle, book.normalized)
    if any(book.unknown()) and (kept_since := await _kept_since(settings)):
        await _each(settings, RawArticle, lambda record: book.forget(record, kept_since))
    return _closed(book, stands)


def _closed(book: _Book, stands: Mapping[str, Mapping[int, int]]) -> Ledger:
    """The sums; what nothing was found of is on its way if the stage that has it next has not acknowledged it."""
    ledger = Ledger(
        enriched=book.count(_State.ENRICHED),
        repeats=book.count(_State.REPEAT),
        letters=book.count(_State.LETTER),
        pending=book.count(_State.PENDING),
        gone=book.count(_State.GONE),
        marks=book.count(_State.MARK),
        tombstones=book.count(_State.TOMBSTONE),
        causes=dict(book.causes.most_common()),
    )
    for partition, offset in book.unknown():
        stage, at = "normalize", offset
        if (further := book.further.get((partition, offset))) is not None:
            stage, at = "tag", further
        if at >= stands[stage].get(partition, 0):
            ledger.pending += 1
        else:
            ledger.lost += 1
            if len(ledger.examples) < _SHOWN:
                ledger.examples.append(Lost(partition, offset, stage))
    return ledger


async def _each(settings: Settings, topic: type[Event], take: Callable[[Record], None]) -> None:
    async with aclosing(read_topic(settings, topic)) as records:
        async for record in records:
            take(record)


async def _kept_since(settings: Settings) -> float:
    """The append time (ms) from which on the story log and the letters are whole; 0 where nothing was deleted yet."""
    times = [0.0]
    async with running(make_consumer(settings), settings) as consumer:
        for topic in (TaggedArticle, DeadLetter):
            (partition,) = await cluster.partitions(settings, Topics(settings.prefix, settings.lane).name(topic))
            with errors(settings):
                first = (await consumer.beginning_offsets([partition]))[partition]
            if first:
                async with aclosing(read_topic(settings, topic)) as records:
                    times.append(await anext((float(record.timestamp) async for record in records), math.inf))
    return max(times)
