"""enriched -> entities.trends: how much a thing is spoken of just now, and how unusual that is for it.

    trends = Trends()
    trends.take(article)    # the trends that this article changed, those that the passing of time changed among them

Time is the line's: the latest `seen_at` so far. An article counts from its place in line on, for an hour and for a day,
and after that for a week as the past that the next are held against. What counts is its newest version; a
cancellation, a withheld text and what was `late` count for nothing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from agents.deduplicate.memory import microseconds, things
from agents.trends.unusual import unusual
from schemas import EnrichedArticle, Label, Trend, TrendWindow, to_rfc3339

__all__ = ["REACH_US", "SAID_US", "Trends"]

_HOUR_US = 3_600_000_000
_WINDOWS: tuple[tuple[TrendWindow, int], ...] = (("1h", _HOUR_US), ("24h", 24 * _HOUR_US))  # the longest comes last
_NAMES = [name for name, _ in _WINDOWS]
# A week: every day of it is in what is expected, and a name that stays in the news becomes usual.
_PAST_US = 7 * 24 * _HOUR_US
# How far back a trend may say that there are articles.
SAID_US = _WINDOWS[-1][1]
# How far back an article still counts, so how far back of the line the memory is to be rebuilt from.
REACH_US = SAID_US + _PAST_US
# Articles held at most, the earliest let go first, should an archive put years into these eight days. One takes
# 1.5 KB (ANT, 9 things an article). Of what was replaced as many again are kept, without what they named.
HELD = 400_000
_REPRINTS = frozenset(("copy", "near-copy", "contained"))
# Code points of a name, which is as long as whoever wrote the text pleases.
_LONGEST_NAME = 200


class Trends:
    """A value that learns: what it knows, and what it last said of each key, follows from the line.

    Give it each event once, in line; an event that is not later in line than the last is dropped.
    """

    def __init__(self) -> None:
        self._line = -1
        self._clock_us = -(1 << 62)
        self._windows = tuple(_Window(name=name, us=us) for name, us in _WINDOWS)
        self._parts: dict[str, _Part] = {}  # by article
        self._things: dict[str, _Thing] = {}
        self._before: dict[tuple[_Thing, int], _Counts] = {}  # of what the event in hand has touched
        self._recalled: dict[str, Trend] = {}  # by key, until the first event is taken

    def __len__(self) -> int:
        return len(self._parts)

    def recall(self, said: Trend) -> None:
        """Take a trend that is out, later ones last; what memory has otherwise is said with the first event taken.

        Compaction may have taken the version of an article that a trend counts, so that nothing takes it back.
        """
        if said.articles:
            self._recalled[said.key] = said
        else:
            self._recalled.pop(said.key, None)

    def take(self, event: EnrichedArticle) -> list[Trend]:
        """The trends that are now others than before, as they are at this place in line."""
        self.learn(event)
        while self._recalled:
            _, said = self._recalled.popitem()
            thing = self._things.get(said.entity) or _Thing(id=said.entity, name=said.name, label=said.label)
            self._before[thing, _NAMES.index(said.window)] = _Counts(said.articles, said.stories, said.texts)
        bounds = [(to_rfc3339(self._clock_us - window.us), to_rfc3339(self._clock_us)) for window in self._windows]
        return [
            self._trend(thing, number, *bounds[number])
            for (thing, number), before in self._before.items()
            if thing.tallies[number].counts() != before
        ]

    def learn(self, event: EnrichedArticle) -> None:
        """Take an event of which the trends are out already."""
        self._before.clear()
        line = event.lines[-1].line
        if line <= self._line:
            return
        self._line = line
        self._clock_us = max(self._clock_us, microseconds(event.seen_at))
        self._move_on()
        old = self._parts.pop(event.id, None)
        if event.relation is not None and event.story is not None and not event.late:
            self._enter(event, event.story.id, is_text=event.relation.kind not in _REPRINTS)
        if old is not None:  # after the new version, so that a thing of both is never without
            self._drop(old)
        while len(self._parts) > HELD:
            self._drop(self._oldest())
        for window in self._windows:
            if len(window.now) + len(window.past) > 2 * HELD:
                window.now = deque(part for part in window.now if part.counts)
                window.past = deque(part for part in window.past if part.counts)

    def standing(self, name: TrendWindow) -> list[tuple[int, int, int, int]]:
        """What agents.trends.unusual is asked of each thing in memory: texts in the window and before, each of all."""
        number = _NAMES.index(name)
        window, tallies = self._windows[number], (thing.tallies[number] for thing in self._things.values())
        return [(each.texts, window.texts, each.past, window.past_texts) for each in tallies]

    def _enter(self, event: EnrichedArticle, story: str, *, is_text: bool) -> None:
        named = []
        for thing_id, name, label in things(event.entities):
            thing = self._things.get(thing_id)
            if thing is None:
                thing = self._things[thing_id] = _Thing(id=thing_id)
            thing.name, thing.label = name[:_LONGEST_NAME], label
            thing.parts += 1
            named.append(thing)
        part = _Part(id=event.id, at_us=self._clock_us, story=story, texts=int(is_text), things=tuple(named))
        self._parts[event.id] = part
        for number, window in enumerate(self._windows):
            window.now.append(part)
            window.texts += part.texts
            for thing in part.things:
                self._touched(thing, number).enter(part)

    def _move_on(self) -> None:
        """Let what time has taken out of a window become past, and what is too long past be forgotten."""
        for number, window in enumerate(self._windows):
            ends_us = self._clock_us - window.us
            while window.now and window.now[0].at_us <= ends_us:
                part = window.now.popleft()
                if part.counts:
                    self._leave(part, number)
                    window.add_past(part, number, 1)
                    window.past.append(part)
            while window.past and window.past[0].at_us <= ends_us - _PAST_US:
                part = window.past.popleft()
                if part.counts:
                    window.add_past(part, number, -1)
                    if window is self._windows[-1]:
                        self._forget(part)

    def _leave(self, part: _Part, number: int) -> None:
        self._windows[number].texts -= part.texts
        for thing in part.things:
            self._touched(thing, number).leave(part)

    def _drop(self, part: _Part) -> None:
        """Take a part back from wherever it counts."""
        for number, window in enumerate(self._windows):
            age_us = self._clock_us - part.at_us
            if age_us < window.us:
                self._leave(part, number)
            elif age_us < window.us + _PAST_US:
                window.add_past(part, number, -1)
        self._forget(part)

    def _forget(self, part: _Part) -> None:
        if self._parts.get(part.id) is part:
            del self._parts[part.id]
        for thing in part.things:
            thing.parts -= 1
            if not thing.parts:
                del self._things[thing.id]
        part.counts, part.things = False, ()  # windows may hold it for long

    def _oldest(self) -> _Part:
        window = self._windows[-1]
        while not (oldest := window.past or window.now)[0].counts:
            oldest.popleft()
        return oldest[0]

    def _touched(self, thing: _Thing, number: int) -> _Tally:
        tally = thing.tallies[number]
        self._before.setdefault((thing, number), tally.counts())
        return tally

    def _trend(self, thing: _Thing, number: int, since: str, until: str) -> Trend:
        window, tally = self._windows[number], thing.tallies[number]
        articles, stories, texts = tally.counts()
        expected, score = unusual(texts, window.texts, tally.past, window.past_texts)
        return Trend(
            entity=thing.id, name=thing.name, label=thing.label, window=window.name, articles=articles, stories=stories,
            texts=texts, expected=expected, score=score, since=since, until=until, line=self._line,
        )  # fmt: skip


class _Counts(NamedTuple):
    """What a trend is sent again for, when it changes."""

    articles: int
    stories: int
    texts: int


@dataclass(slots=True)
class _Part:
    """What an article counts for: `texts` is 0 for a reprint. It `counts` until it is replaced or too long past."""

    id: str
    at_us: int
    story: str
    texts: int
    things: tuple[_Thing, ...]
    counts: bool = True


@dataclass(slots=True)
class _Tally:
    """Who speaks of a thing in a window, and how many texts did in its past."""

    articles: int = 0
    texts: int = 0
    past: int = 0
    stories: dict[str, int] = field(default_factory=dict)

    def counts(self) -> _Counts:
        return _Counts(self.articles, len(self.stories), self.texts)

    def enter(self, part: _Part) -> None:
        self.articles += 1
        self.texts += part.texts
        self.stories[part.story] = self.stories.get(part.story, 0) + 1

    def leave(self, part: _Part) -> None:
        self.articles -= 1
        self.texts -= part.texts
        self.stories[part.story] -= 1
        if not self.stories[part.story]:
            del self.stories[part.story]


@dataclass(slots=True, eq=False)
class _Thing:
    """A thing in the world, with a tally for each window; `parts` is how many articles in memory name it."""

    id: str
    name: str = ""
    label: Label = "MISC"
    parts: int = 0
    tallies: tuple[_Tally, _Tally] = field(default_factory=lambda: (_Tally(), _Tally()))


@dataclass(slots=True, kw_only=True)
class _Window:
    """A stretch of the line up to its clock, and the week before that stretch; both hold what was replaced, too."""

    name: TrendWindow
    us: int
    now: deque[_Part] = field(default_factory=deque)
    past: deque[_Part] = field(default_factory=deque)
    texts: int = 0
    past_texts: int = 0

    def add_past(self, part: _Part, number: int, sign: int) -> None:
        self.past_texts += sign * part.texts
        for thing in part.things:
            thing.tallies[number].past += sign * part.texts
