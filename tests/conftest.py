"""Fixtures that every room's tests may use."""

import os
import signal
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from schemas import Decision, EnrichedArticle, Entity, Relation, RelationKind, Status, StoryRef

Enriched = Callable[..., EnrichedArticle]

# Tests run beside others, and beside the processes that those start: how long an example took says nothing of it.
settings.register_profile("khabar", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("khabar")

# Files of half a minute and more, the longest first: begun at the end, one of them would run alone.
LONGEST = [
    f"test_{name}.py"
    for name in ("equality", "kills", "line_replay", "demo", "broker_life", "follow_day", "replay", "fuzz", "page_live")
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the longest files begin."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.fixture(scope="session")
def data() -> Path:
    """The project's data set, which is not in the repository."""
    folder = os.environ.get("KHABAR_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs the data set: point KHABAR_DATA to its folder")
    return Path(folder)


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """A test run in the background of a shell ignores SIGINT, and every process that it starts would inherit that."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def lane() -> str:
    """A lane that no other test uses."""
    return f"test-{uuid.uuid4().hex[:12]}"


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
    """Makes an enriched article for what looks at them: its line, its id, what a test is about; the rest is made up."""
    return _enriched
