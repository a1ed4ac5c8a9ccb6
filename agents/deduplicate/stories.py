"""A story is a function of its members' decisions; the sums here only save working it out anew for each decision."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from typing import Generic, TypeVar

from agents.deduplicate.memory import Entry
from schemas import Label, Member, Story, StoryEntity, StorySource

__all__ = ["StoryMemory"]

# Members listed in the event: the first, and the latest; all are counted.
MEMBERS = 200
SOURCES = 100
ENTITIES = 20
_OWN = ("new", "same-story")  # what is not (part of) another's text

K = TypeVar("K", bound=tuple[str, ...])


class Ranking(Generic[K]):
    """Counts, and the keys by count, the highest first, of equals the lowest key; each change costs a bisection."""

    def __init__(self) -> None:
        self.counts: dict[K, int] = {}
        self._order: list[tuple[int, K]] = []

    def change(self, key: K, by: int) -> None:
        """Count a key up or down."""
        before = self.counts.get(key, 0)
        if before:
            del self._order[bisect_left(self._order, (-before, key))]
        after = before + by
        if after > 0:
            self.counts[key] = after
            insort(self._order, (-after, key))
        else:
            del self.counts[key]

    def top(self, count: int) -> list[tuple[K, int]]:
        """The first `count` keys with their counts."""
        return [(key, -negative) for negative, key in self._order[:count]]


class StoryMemory:
    """One story: its members in line, and what is said of them together."""

    def __init__(self, story_id: str) -> None:
        self.id = story_id
        self._members: dict[int, Entry] = {}
        self._lines: list[int] = []
        self._sources: Ranking[tuple[str]] = Ranking()
        self._own: Counter[str] = Counter()
        self._published: list[tuple[int, str]] = []
        self._seen: list[tuple[int, str]] = []
        self._things: Ranking[tuple[str]] = Ranking()
        self._names: defaultdict[str, Counter[tuple[str, Label]]] = defaultdict(Counter)

    def __len__(self) -> int:
        return len(self._members)

    def join(self, entry: Entry) -> None:
        """Take in a member, or the newest version of one after `leave`."""
        line = entry.lines[0].line
        insort(self._lines, line)
        self._members[line] = entry
        self._count(entry, 1)
        for dates, date in self._dates(entry):
            insort(dates, date)

    def leave(self, entry: Entry) -> None:
        """Let a member go, as it was when it joined."""
        line = entry.lines[0].line
        del self._lines[bisect_left(self._lines, line)]
        del self._members[line]
        self._count(entry, -1)
        for dates, date in self._dates(entry):
            del dates[bisect_left(dates, date)]

    def _dates(self, entry: Entry) -> list[tuple[list[tuple[int, str]], tuple[int, str]]]:
        member = entry.member
        assert member is not None  # noqa: S101
        found = [(self._seen, (entry.seen_us, member.seen_at))]
        if member.published_at is not None:
            found.append((self._published, (entry.date_us, member.published_at)))
        return found

    def _count(self, entry: Entry, by: int) -> None:
        member = entry.member
        assert member is not None  # noqa: S101
        self._sources.change((member.source,), by)
        if member.kind in _OWN:
            self._own[member.source] += by
            if not self._own[member.source]:
                del self._own[member.source]
        for thing, name, label in entry.things:
            self._things.change((thing,), by)
            names = self._names[thing]
            names[name, label] += by
            if not names[name, label]:
                del names[name, label]
            if not names:
                del self._names[thing]

    def event(self, line: int, seen_at: str) -> Story:
        """The story as of the decision of that line; `seen_at` stands in where every member was canceled."""
        listed = self._lines if len(self._lines) <= MEMBERS else [self._lines[0], *self._lines[1 - MEMBERS :]]
        entries = [self._members[each] for each in listed]
        members: list[Member] = [each.member for each in entries if each.member is not None]
        return Story(
            id=self.id,
            headline=next((each.title for each in members if each.title), None),
            language=entries[0].language if entries else None,
            articles=len(self._members),
            members=members,
            sources=[StorySource(source=key[0], articles=count) for key, count in self._sources.top(SOURCES)],
            distinct_texts=len(self._own),
            first_published_at=self._published[0][1] if self._published else None,
            last_published_at=self._published[-1][1] if self._published else None,
            first_seen_at=self._seen[0][1] if self._seen else seen_at,
            last_seen_at=self._seen[-1][1] if self._seen else seen_at,
            entities=[self._entity(thing, count) for (thing,), count in self._things.top(ENTITIES)],
            line=line,
        )

    def _entity(self, thing: str, articles: int) -> StoryEntity:
        """A thing by the name that most articles give it, of those the longest, of those the first by code points."""
        names = self._names[thing]
        name, label = min(names, key=lambda each: (-names[each], -len(each[0]), each))
        return StoryEntity(id=thing, name=name, label=label, articles=articles)
