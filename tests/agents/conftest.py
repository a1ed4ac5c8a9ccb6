"""Enriched articles for the tests of what looks at them: only what they look at can be told, the rest is made up."""

from collections.abc import Callable, Iterable

import pytest

from schemas import Decision, EnrichedArticle, Entity, Relation, RelationKind, Status, StoryRef

Enriched = Callable[..., EnrichedArticle]


def _mention(name: str) -> Entity:
    return Entity(
        field="body", start=0, end=len(name), text=name, label="PERS", id=f"kh:{name}", name=name, confidence=1.0
    )


def _enriched(
    line: int,
    article: str = "a",
    *,
    seen: str = "2026-05-01T09:00:00Z",
    names: Iterable[str] = (),
    story: str | None = "s",
    kind: RelationKind = "new",
    status: Status = "usable",
    late: bool = False,
    source: str = "aswar.example",
    title: str | None = "افتتاح جسر جديد فوق النهر",
    body: str | None = None,
) -> EnrichedArticle:
    usable, version = status == "usable", f"{line:x}"
    return EnrichedArticle(
        id=article, version=version, status=status, source=source, source_id=None, url=None, title=title, lead=None,
        body=body, author=None, section=None, image=None, extra={}, language="ar", published_at=None, dated_by="none",
        date_precision=None, seen_at=seen, late=late, attributions=[], provenance={}, revision=0,
        entities=[_mention(name) for name in names], relation=Relation(kind=kind) if usable else None,
        story=None if story is None else StoryRef(id=story, since=seen), lines=[Decision(line=line, version=version)],
    )  # fmt: skip


@pytest.fixture(scope="session")
def enriched() -> Enriched:
    """Makes an enriched article: its line, its id, and what a test is about."""
    return _enriched
