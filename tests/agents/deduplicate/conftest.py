"""Articles for the tests of deduplicate: from their fields, normalized for real, with the names that a test marks."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import orjson
import pytest

from agents.deduplicate import Deduplicator
from agents.deduplicate.making import fingerprint
from agents.normalize import Normalizer
from schemas import (
    Article,
    EnrichedArticle,
    Entity,
    Event,
    NormalizedArticle,
    Received,
    Story,
    TaggedArticle,
    from_rfc3339,
    raw_from_fields,
)

NORMALIZER = Normalizer.shipped()


def _entities(article: NormalizedArticle, people: tuple[str, ...]) -> list[Entity]:
    found = []
    for field in ("title", "body"):
        text = getattr(article, field) or ""
        for name in people:
            start = text.find(name)
            while start >= 0:
                found.append(
                    Entity(
                        field=field, start=start, end=start + len(name), text=name, label="PERS",
                        id=f"kh:{name}", name=name, confidence=1.0,
                    )
                )  # fmt: skip
                start = text.find(name, start + 1)
    return found


def build(
    number: int | str,
    body: str | None,
    *,
    title: str | None = None,
    source: str = "alnahar.example",
    at: str = "2026-05-01T09:00:00Z",
    seen: str | None = None,
    people: tuple[str, ...] = (),
    **more: Any,
) -> TaggedArticle:
    """An article, tagged: `at` is its date, `seen` when it came (as dated unless told)."""
    record = {"source": source, "source_id": str(number), "title": title, "body": body, "published_at": at} | more
    value = orjson.dumps(record)
    received = Received(value=value, seen_us=from_rfc3339(seen or at or "2026-05-01T09:00:00Z"))
    normal = NORMALIZER.normalize(raw_from_fields(record), received)
    carried = {each.name: getattr(normal, each.name) for each in fields(Article)}
    return TaggedArticle(**carried, entities=_entities(normal, people), fingerprint=fingerprint(normal))


class Line:
    """A line of articles that are decided one after the other; the newest event of each id and story."""

    def __init__(self) -> None:
        self.deduplicator = Deduplicator.shipped()
        self.line = -1
        self.log: list[tuple[int, TaggedArticle]] = []
        self.events: list[list[Event]] = []
        self.enriched: dict[str, EnrichedArticle] = {}
        self.stories: dict[str, Story] = {}

    def take(self, article: TaggedArticle) -> EnrichedArticle | None:
        """Decide on the next article; None for a repeat."""
        events = self.deduplicator.decide(article, self.line + 1)
        self.events.append(events)
        if not events:
            return None
        self.line += 1
        self.log.append((self.line, article))
        for event in events:
            if isinstance(event, EnrichedArticle):
                self.enriched[event.id] = event
            elif isinstance(event, Story):
                self.stories[event.id] = event
        return self.enriched[article.id]

    def story(self, article: TaggedArticle) -> Story:
        """The story of an article as it was last told."""
        ref = self.enriched[article.id].story
        assert ref is not None
        return self.stories[ref.id]


@pytest.fixture
def line() -> Line:
    """An empty line."""
    return Line()


@pytest.fixture(scope="session")
def article() -> Callable[..., TaggedArticle]:
    """Builds an article of its number and body."""
    return build


@pytest.fixture(scope="session")
def new_line() -> Callable[[], Line]:
    """Builds an empty line, where a test needs several."""
    return Line
