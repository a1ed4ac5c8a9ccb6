"""What is remembered of an id for ninety days of the line: its versions, its story, and how it stands in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from schemas import (
    Article,
    Decision,
    EnrichedArticle,
    Entity,
    Label,
    Member,
    Status,
    StoryRef,
    from_rfc3339,
)

__all__ = ["MEMORY_US", "Entry", "date_us", "microseconds", "things"]

# 90 days, as long as compacted topics keep an article: an old item seen again is a repeat and not a new story.
MEMORY_US = 90 * 86_400_000_000
# Things counted for each article, those mentioned most; an article of 300 words names some fifteen.
THINGS = 40

# Each date of an article is asked for several times within one decision.
microseconds = lru_cache(maxsize=64)(from_rfc3339)


@dataclass(slots=True)
class Entry:
    """An id. `live` is the line of the decision that its text stands by, -1 where it takes part in no story."""

    id: str
    lines: list[Decision]
    status: Status
    version: str
    date_us: int
    seen_us: int
    covered_us: int | None
    story: StoryRef | None
    language: str | None
    member: Member | None
    things: tuple[tuple[str, str, Label], ...]

    @classmethod
    def of(cls, event: EnrichedArticle) -> Entry:
        """What is remembered of an article once `event` is out: nothing that is not in the event."""
        member = None
        if event.relation is not None:
            member = Member(
                id=event.id, version=event.version, source=event.source, url=event.url, title=event.title,
                kind=event.relation.kind, to=event.relation.to, published_at=event.published_at, seen_at=event.seen_at,
            )  # fmt: skip
        return cls(
            id=event.id,
            lines=event.lines,
            status=event.status,
            version=event.version,
            date_us=date_us(event),
            seen_us=microseconds(event.seen_at),
            covered_us=None if event.covered_until is None else microseconds(event.covered_until),
            story=event.story,
            language=event.language,
            member=member,
            things=things(event.entities) if member else (),
        )


def date_us(article: Article) -> int:
    """Event time in microseconds: when it was published, else when it was seen."""
    return microseconds(article.published_at or article.seen_at)


def things(entities: Iterable[Entity]) -> tuple[tuple[str, str, Label], ...]:
    """Id, name and label of the things an article names, each once, those named most first."""
    counts: dict[str, int] = {}
    first: dict[str, tuple[str, str, Label]] = {}
    for entity in entities:
        counts[entity.id] = counts.get(entity.id, 0) + 1
        first.setdefault(entity.id, (entity.id, entity.name, entity.label))
    return tuple(first[each] for each in sorted(counts, key=lambda each: (-counts[each], each))[:THINGS])
