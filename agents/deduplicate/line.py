"""Which record of the story log is decided on next, in both kinds of lane, and how far the log may be acknowledged.

research/line of the design is an executable model of these rules; tests run this class through the same world.

    line = Line(core, kind="replay", partitions=4, progress=None)
    taken = line.take(entries)      # what was decided, what was refused, and up to where the log is done with
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, Literal, NamedTuple, Protocol

from schemas import FIRST, Event, Progress, Refused, TaggedArticle

__all__ = ["Core", "Decided", "Entry", "Line", "Taken"]


class Core(Protocol):
    """What a line needs of a Deduplicator."""

    def known(self, article: TaggedArticle) -> bool:
        """Whether the article is a repeat."""

    def decide(self, article: TaggedArticle, line: int) -> list[Event]:
        """What the decision brings forth, nothing for a repeat; if it raises, nothing has changed."""


class Entry(NamedTuple):
    """A record of the story log. `raw` is the partition and offset of the raw record that it came from.

    `what` is the article, the error of a record that cannot be read, or None for a progress mark, which names `place`.
    """

    offset: int
    raw: tuple[int, int]
    place: str  # replay lanes only
    what: TaggedArticle | Exception | None
    record: Any  # whatever its sender wants back with the verdict


class Decided(NamedTuple):
    """A decision: its number in the line, what was decided on, and what came of it."""

    line: int
    entry: Entry
    events: list[Event]


@dataclass(slots=True)
class Taken:
    """What came of a batch. All of it belongs in one transaction, after which `acknowledged` may be committed."""

    decided: list[Decided] = field(default_factory=list)
    failed: list[tuple[Entry, Exception]] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    progress: Progress | None = None  # None where nothing that must be written has changed
    acknowledged: int = 0


class Line:
    """Takes the story log, in order, from where `progress` says on; `core` has the memory of everything up to there.

    A live lane decides in the log's own order. A replay lane decides in the order of places: it holds an article back
    until a mark at or past its place has come from each of the `partitions` raw partitions.
    """

    def __init__(
        self, core: Core, *, kind: Literal["live", "replay"], partitions: int, progress: Progress | None
    ) -> None:
        before = progress or Progress(line=-1, raw={}, passed=FIRST)
        self._core = core
        self._replay = kind == "replay"
        self._line = before.line
        self._passed = before.passed
        # The last raw offset taken of each partition. A replay lane starts without: what was held, unacknowledged, has
        # to be taken again.
        self._taken_before = {int(partition): offset for partition, offset in before.raw.items()}
        self._taken = {} if self._replay else dict(self._taken_before)
        self._marks = dict.fromkeys(range(partitions), before.passed)
        self._held: list[tuple[str, int, Entry]] = []  # heap, by place
        self._held_places: set[str] = set()
        self._held_marks: list[tuple[str, int]] = []  # heap, by place
        self._next = 0

    @property
    def held(self) -> int:
        """How many articles wait for marks."""
        return len(self._held)

    def take(self, entries: Iterable[Entry]) -> Taken:
        """Take the next entries of the log; each changes the line once, however often its raw record comes.

        Raises LookupError for a raw partition beyond the replay lane's: a line that waits for its marks has to begin.
        """
        taken = Taken()
        passed = self._passed
        for entry in entries:
            self._next = entry.offset + 1
            partition, offset = entry.raw
            if offset <= self._taken.get(partition, -1) or (not self._replay and entry.offset <= self._line):
                taken.outcomes["again"] += 1
                continue
            self._taken[partition] = offset
            if entry.what is None:
                self._mark(entry, taken)
            elif isinstance(entry.what, Exception):
                if offset > self._taken_before.get(partition, -1):  # else its letter was written back then
                    self._fail(entry, entry.what, taken)
            elif self._replay:
                if partition not in self._marks:
                    raise LookupError(f"raw partition {partition} was added to the lane since this line began")
                self._hold(entry, entry.what, taken)
            else:
                self._decide(entry, entry.what, entry.offset, taken)
        if taken.decided or taken.failed or self._passed != passed:
            taken.progress = self._progress()
        taken.acknowledged = min(
            [self._next, *(offset for _, offset, _ in self._held), *(offset for _, offset in self._held_marks)]
        )
        return taken

    def _hold(self, entry: Entry, article: TaggedArticle, taken: Taken) -> None:
        if entry.place > self._passed:
            if entry.place not in self._held_places:  # places are equal for equal values only
                self._held_places.add(entry.place)
                heappush(self._held, (entry.place, entry.offset, entry))
            else:
                taken.outcomes["repeat"] += 1
        elif entry.raw[1] <= self._taken_before.get(entry.raw[0], -1) or self._core.known(article):
            taken.outcomes["repeat"] += 1  # decided before, or refused then: its place was passed in that transaction
        else:
            late = f"the place {entry.place} comes after {self._passed} was passed: it would have been decided before"
            self._fail(entry, Refused(late, cause="late"), taken)

    def _mark(self, entry: Entry, taken: Taken) -> None:
        """A partition's highest mark counts: a resumed replay sends lower ones again."""
        taken.outcomes["mark"] += 1
        partition = entry.raw[0]
        self._marks[partition] = max(self._marks[partition], entry.place)
        heappush(self._held_marks, (entry.place, entry.offset))
        self._passed = min(self._marks.values())
        while self._held and self._held[0][0] <= self._passed:
            place, _, held = heappop(self._held)
            self._held_places.discard(place)
            if isinstance(held.what, TaggedArticle):
                self._decide(held, held.what, self._line + 1, taken)
        # Marks are acknowledged like articles, or the end mark of an idle partition would not come again after a
        # restart, and what is held would be held for ever.
        while self._held_marks and self._held_marks[0][0] <= self._passed:
            heappop(self._held_marks)

    def _decide(self, entry: Entry, article: TaggedArticle, line: int, taken: Taken) -> None:
        try:
            events = self._core.decide(article, line)
        except MemoryError:
            raise  # the process's own trouble, not the record's
        except Exception as error:
            self._fail(entry, error, taken)
            return
        if events:
            self._line = line
            taken.decided.append(Decided(line, entry, events))
            taken.outcomes["out"] += 1
        else:
            taken.outcomes["repeat"] += 1

    def _fail(self, entry: Entry, error: Exception, taken: Taken) -> None:
        taken.failed.append((entry, error))
        taken.outcomes["refused" if isinstance(error, Refused) else "bug"] += 1

    def _progress(self) -> Progress:
        raw = dict(self._taken_before)
        for partition, offset in self._taken.items():
            raw[partition] = max(offset, raw.get(partition, -1))
        return Progress(line=self._line, raw={str(each): raw[each] for each in sorted(raw)}, passed=self._passed)
