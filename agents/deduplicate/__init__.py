"""tagged -> enriched and stories: which articles tell the same story, decided once for each, in line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from heapq import heappop, heappush
from operator import attrgetter
from typing import Any

from agents.deduplicate.conflicts import Names, names_of
from agents.deduplicate.fingerprint import MAKER, Print, unpack
from agents.deduplicate.memory import MEMORY_US, Entry, date_us, microseconds
from agents.deduplicate.relations import Relations
from agents.deduplicate.stories import StoryMemory
from agents.deduplicate.window import Live, Window
from schemas import (
    Article,
    Decision,
    EnrichedArticle,
    Event,
    Refused,
    Relation,
    StoryRef,
    TaggedArticle,
    to_rfc3339,
)

__all__ = ["VERSION", "Deduplicator"]

# Raise it with every change that may change a decision: a replay lane is pinned to it.
VERSION = f"2/{MAKER}"
_COPIED = [each.name for each in fields(Article)]
_copied = attrgetter(*_COPIED)


class Deduplicator:
    """Decides on articles in line; all it knows follows from the decisions it took, and can be rebuilt from them.

    Give it each record once, in line, with a line number higher than the last.
    """

    def __init__(self) -> None:
        self.version = VERSION
        self._ids: dict[str, Entry] = {}
        self._oldest: list[tuple[int, int, str]] = []  # heap: seen, line of the newest decision, id
        self._stories: dict[str, StoryMemory] = {}
        self._window = Window()
        self._relations = Relations(self._window)

    @classmethod
    def shipped(cls) -> Deduplicator:
        """A deduplicator with the tables that ship, and nothing in memory."""
        return cls()

    def known(self, article: TaggedArticle) -> bool:
        """Whether this is a repeat: an id and version already in line, or a version that a cancellation covers.

        A version that was withheld so far is known once it was decided as usable.
        """
        entry = self._ids.get(article.id)
        if entry is None:
            return False
        if article.status != "canceled" and entry.covered_us is not None and date_us(article) <= entry.covered_us:
            return True
        if article.status == "usable" and entry.status == "withheld" and entry.version == article.version:
            return False
        return any(each.version == article.version for each in entry.lines)

    def decide(self, article: TaggedArticle, line: int) -> list[Event]:
        """The enriched article, and the story it touches; nothing for a repeat.

        Raises Refused for a cancellation of nothing: its article's version that stands is dated later.
        """
        if self.known(article):
            return []
        entry = self._ids.get(article.id)
        lines = [*(entry.lines if entry else ()), Decision(line=line, version=article.version)]
        clock_us = max(self._window.clock_us, microseconds(article.seen_at))
        live: Live | None = None
        if article.status == "usable":
            event, live = self._usable(article, entry, lines, clock_us)
        elif article.status == "withheld":
            event = _enriched(article, lines, entry, None, entry.story if entry else None)
        else:
            event = _canceled(article, entry, lines)
        return self._keep(event, entry, live, clock_us)

    def _usable(
        self, article: TaggedArticle, entry: Entry | None, lines: list[Decision], clock_us: int
    ) -> tuple[EnrichedArticle, Live | None]:
        story = entry.story if entry else None
        print_ = unpack(article.fingerprint) if article.fingerprint else None
        names = names_of(article.entities)
        relation, joined = Relation(kind="new"), None
        if print_ is not None:
            relation, joined = self._relations.best(article.id, print_, names, date_us(article), clock_us)
        story = story or joined or StoryRef(id=article.id, since=article.seen_at)
        live = None
        if print_ is not None:
            live = _live(article, lines[-1].line, clock_us, print_, names, story)
        return _enriched(article, lines, entry, relation, story), live

    def _keep(self, event: EnrichedArticle, entry: Entry | None, live: Live | None, clock_us: int) -> list[Event]:
        """Take the decision into memory; from here on nothing raises."""
        self._window.forward(clock_us)
        self._forget(clock_us)
        if live is not None:
            self._window.add(live)
        else:
            self._window.retire(event.id)
        if entry is not None and entry.member is not None and event.id in self._ids:
            self._leave(entry)
        self._learn(event)
        if event.story is None:
            return [event]
        story = self._stories.get(event.story.id) or StoryMemory(event.story.id)
        return [event, story.event(event.lines[-1].line, event.seen_at)]

    def _learn(self, event: EnrichedArticle) -> None:
        entry = Entry.of(event)
        self._ids[entry.id] = entry
        heappush(self._oldest, (entry.seen_us, entry.lines[-1].line, entry.id))
        if entry.member is not None and entry.story is not None:
            story = self._stories.get(entry.story.id)
            if story is None:
                story = self._stories[entry.story.id] = StoryMemory(entry.story.id)
            story.join(entry)

    def _leave(self, entry: Entry) -> None:
        if entry.story is None:
            return
        story = self._stories[entry.story.id]
        story.leave(entry)
        if not len(story):
            del self._stories[entry.story.id]

    def _forget(self, clock_us: int) -> None:
        while self._oldest and self._oldest[0][0] < clock_us - MEMORY_US:
            _, line, article_id = heappop(self._oldest)
            entry = self._ids.get(article_id)
            if entry is not None and entry.lines[-1].line == line:
                del self._ids[article_id]
                if entry.member is not None:
                    self._leave(entry)

    def restore(self, enriched: Iterable[EnrichedArticle], log: Iterable[tuple[int, TaggedArticle]]) -> None:
        """Rebuild the memory that these decisions left; for a deduplicator that has decided nothing yet.

        `enriched`: the newest event of each id. `log`: everything that was decided, with the line of its decision, in
        line, from at least the first record whose line clock (the latest `seen_at` so far) is within the window.
        """
        clock_us = self._window.clock_us
        for event in sorted(enriched, key=lambda each: each.lines[-1].line):
            self._learn(event)
            clock_us = max(clock_us, microseconds(event.seen_at))
        for line, article in log:
            entry = self._ids.get(article.id)
            if entry is None or all(each.line != line for each in entry.lines):
                continue
            self._window.forward(microseconds(article.seen_at))
            if article.status == "usable" and article.fingerprint is not None and entry.story is not None:
                print_ = unpack(article.fingerprint)
                self._window.add(
                    _live(article, line, self._window.clock_us, print_, names_of(article.entities), entry.story)
                )
            else:
                self._window.retire(article.id)
        self._window.forward(clock_us)
        self._forget(clock_us)


def _live(article: TaggedArticle, line: int, clock_us: int, print_: Print, names: Names, story: StoryRef) -> Live:
    return Live(
        line=line, clock_us=clock_us, id=article.id, version=article.version, date_us=date_us(article),
        print=print_, names=names, story=story,
    )  # fmt: skip


def _enriched(
    article: TaggedArticle,
    lines: list[Decision],
    entry: Entry | None,
    relation: Relation | None,
    story: StoryRef | None,
    **changes: Any,
) -> EnrichedArticle:
    copied: dict[str, Any] = dict(zip(_COPIED, _copied(article), strict=True))
    copied["provenance"] = article.provenance | {"deduplicate": VERSION}
    copied["entities"] = article.entities
    copied["covered_until"] = None if entry is None or entry.covered_us is None else to_rfc3339(entry.covered_us)
    copied |= changes
    before = {each.version for each in lines[:-1]} - {article.version}
    return EnrichedArticle(revision=len(before), relation=relation, story=story, lines=lines, **copied)


def _canceled(article: TaggedArticle, entry: Entry | None, lines: list[Decision]) -> EnrichedArticle:
    covers = date_us(article)
    if entry is not None and entry.status != "canceled" and entry.date_us > covers:
        raise Refused(
            f"the cancellation of {article.id} is dated {to_rfc3339(covers)}, the version that stands "
            f"{to_rfc3339(entry.date_us)}: it covers nothing",
            cause="late",
        )
    if entry is not None and entry.covered_us is not None:
        covers = max(covers, entry.covered_us)
    return _enriched(
        article, lines, entry, None, entry.story if entry else None,
        title=None, lead=None, body=None, attributions=[], entities=[], covered_until=to_rfc3339(covers),
    )  # fmt: skip
