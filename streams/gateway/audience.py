"""Who wants an event: two thousand filters are not asked one by one, but found by what the event is about."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from streams.gateway.filters import Facts, Filter
from streams.gateway.ring import Entry

__all__ = ["Audience", "Subscriber"]

# What waits for a client that reads more slowly than events come. With more a slow one is borne for longer, and all of
# them together may hold so many times the memory.
BUFFER = 500
BUFFER_BYTES = 256 << 10


class Subscriber:
    """One client at the live end, and what waits to be sent to it."""

    __slots__ = ("_bytes", "_waiting", "cut_at", "wake")

    def __init__(self) -> None:
        self._waiting: deque[Entry] = deque()
        self._bytes = 0
        self.wake = asyncio.Event()
        self.cut_at: int | None = None  # the offset to resume at, once it was too slow

    def offer(self, entry: Entry) -> None:
        """Let an event wait for it; too many, and none of them does: it resumes where it left off."""
        if self.cut_at is not None:
            return
        if self._waiting and (len(self._waiting) >= BUFFER or self._bytes + len(entry.frame) > BUFFER_BYTES):
            self.cut_at = self._waiting[0].offset
            self._waiting.clear()
        else:
            self._waiting.append(entry)
            self._bytes += len(entry.frame)
        self.wake.set()

    def take(self) -> list[Entry]:
        """All that waits."""
        found = list(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        self.wake.clear()
        return found


class _Group:
    """The subscribers of one filter, and what an event must have one of to pass it; nothing where it could be any."""

    __slots__ = ("filter", "members", "pivot", "terms")

    def __init__(self, wanted: Filter) -> None:
        self.filter = wanted
        self.members: set[Subscriber] = set()
        self.terms = bool(wanted.words) and not (wanted.stories or wanted.entities)
        if self.terms:  # of the words of each query the longest: long ones are rare
            self.pivot = frozenset().union(*(query.terms[0] for query in wanted.words))
        else:
            self.pivot = wanted.keys[0] if wanted.keys else frozenset()


_NOBODY: frozenset[_Group] = frozenset()


class Audience:
    """Subscribers by filter. Each different filter stands under one thing that an event must have to pass it: an
    event is held against those that stand under what it has, and each once."""

    def __init__(self) -> None:
        self._groups: dict[Filter, _Group] = {}
        self._by_fact: dict[str, set[_Group]] = {}
        self._by_term: dict[str, set[_Group]] = {}
        self._always: set[_Group] = set()

    def __len__(self) -> int:
        return sum(len(group.members) for group in self._groups.values())

    def join(self, wanted: Filter) -> Subscriber:
        """A subscriber that is offered from now on what passes the filter."""
        group = self._groups.get(wanted)
        if group is None:
            group = self._groups[wanted] = _Group(wanted)
            table = self._table(group)
            for key in group.pivot:
                table.setdefault(key, set()).add(group)
            if not group.pivot:
                self._always.add(group)
        subscriber = Subscriber()
        group.members.add(subscriber)
        return subscriber

    def leave(self, wanted: Filter, subscriber: Subscriber) -> None:
        """Offer it nothing more."""
        group = self._groups[wanted]
        group.members.discard(subscriber)
        if not group.members:
            del self._groups[wanted]
            self._always.discard(group)
            table = self._table(group)
            for key in group.pivot:
                table[key].discard(group)
                if not table[key]:
                    del table[key]

    def everybody(self) -> Iterable[Subscriber]:
        """All subscribers."""
        return [each for group in self._groups.values() for each in group.members]

    @property
    def asks(self) -> bool:
        """Whether any filter asks for facts."""
        return len(self._groups) > (Filter() in self._groups)

    def of(self, facts: Facts | None) -> Iterable[Subscriber]:
        """Those who want an event with these facts; None where nobody `asks`."""
        groups = set(self._always)
        if facts is not None:
            for key in facts.keys:
                groups |= self._by_fact.get(key, _NOBODY)
            if self._by_term:
                for term in facts.text.terms:
                    groups |= self._by_term.get(term, _NOBODY)
        for group in groups:
            if facts is None or group.filter.matches(facts):
                yield from group.members

    def _table(self, group: _Group) -> dict[str, set[_Group]]:
        return self._by_term if group.terms else self._by_fact
