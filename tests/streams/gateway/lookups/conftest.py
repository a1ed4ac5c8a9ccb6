"""A line of real decisions on sample articles, and stores that are filled with it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from importlib import resources
from pathlib import Path
from shutil import copy
from typing import Any

import orjson
import pytest

from agents.normalize.words import Words
from deploy import samples
from deploy.chain import Chain, Refusal
from schemas import EnrichedArticle, Event, Story, encode, parse_date, place_of
from streams.archives import Placed
from streams.feeds import Source
from streams.gateway.atom import Atom
from streams.gateway.feedback import Verdicts
from streams.gateway.index import Terms
from streams.gateway.lookups import Lookups
from streams.gateway.opening import opened
from streams.gateway.readers import Readers
from streams.gateway.store import Bounds, Change, Store
from streams.gateway.stores import Stores
from streams.settings import Settings


@pytest.fixture(scope="session")
def words() -> Words:
    return Words.shipped()


@pytest.fixture(scope="session")
def line() -> list[Event]:
    """What a replay of the samples writes, in line; a cancellation and several versions are among it."""
    records = []
    for value in (resources.files(samples) / "articles.jsonl").read_bytes().splitlines():
        raw = orjson.loads(value)
        at = parse_date(raw.get("seen_at") or raw["published_at"], "published_at").us
        records.append(Placed(place_of(at, canceled=raw.get("status") == "canceled", value=value), "samples", value))
    found: list[Event] = []
    for result in Chain.shipped().run(sorted(records, key=lambda each: each.place)):
        assert not isinstance(result, Refusal), result
        found += result
    assert len({each.id for each in found if isinstance(each, Story)}) > 30
    return found


@pytest.fixture(scope="session")
def change() -> Callable[[Event], Change]:
    """The record of an event."""

    def of(event: Event, **fields: Any) -> Change:
        value = orjson.dumps(orjson.loads(encode(event)) | fields) if fields else encode(event)
        number = None  # as in the topics of trends and alerts
        if isinstance(event, EnrichedArticle):
            number = event.lines[-1].line
        elif isinstance(event, Story):
            number = event.line
        return Change(event.topic, getattr(event, "key", None) or event.id, value, number)  # type: ignore[attr-defined]

    return of


@pytest.fixture
def store_at(tmp_path: Path, words: Words) -> Iterator[Callable[..., Store]]:
    """`store_at()` opens the store of this test; again, after closing it, with `about`, `bounds` or another `name`."""
    held = ExitStack()

    def make(name: str = "lane", version: str = "1", bounds: Bounds | None = None, **about: str) -> Store:
        held.close()
        terms = Terms.of(words, version)
        return held.enter_context(opened(tmp_path / "cache" / f"{name}.sqlite", about, terms, bounds))

    yield make
    held.close()


@pytest.fixture(scope="session")
def filled(
    tmp_path_factory: pytest.TempPathFactory, words: Words, line: list[Event], change: Callable[[Event], Change]
) -> Path:
    """The file of a store that holds the whole line, to be copied."""
    path = tmp_path_factory.mktemp("filled") / "lane.sqlite"
    with opened(path, {}, Terms.of(words, "1")) as store:
        store.apply(map(change, line), {"articles.enriched": len(line), "stories": len(line)})
    return path


@pytest.fixture
def store(store_at: Callable[..., Store], filled: Path, tmp_path: Path) -> Store:
    """A store that holds the whole line."""
    (tmp_path / "cache").mkdir()
    copy(filled, tmp_path / "cache" / "lane.sqlite")
    return store_at()


class Ready(Stores):
    """Stores of which one is open, and was filled by the test."""

    def __init__(self, store: Store) -> None:
        self.readers = Readers(store.reader)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        yield
        self.readers.close()

    def unready(self) -> str | None:
        return None

    def of(self, settings: Settings) -> Any:
        return self.readers


@pytest.fixture
def sources() -> dict[str, Source]:
    return {
        "bawabat-sham.example": Source(name="بوابة الشام", latin="Bawabat", country="SY", group="سوريا"),
        "nilenews.example": Source(name="أخبار النيل", country="EG", kind="agency"),
        "quiet.example": Source(name="صامت", country="EG"),
    }


@pytest.fixture
async def served(serving: Callable[..., Awaitable[str]], store: Store, sources: dict[str, Source], words: Words) -> str:
    """The address of a gateway with the look-ups of the whole line, trends and alerts too."""
    stores = Ready(store)
    verdicts = Verdicts(Settings(), stores)
    return await serving([stores, Lookups(stores, sources, words), Atom(stores, sources, words), verdicts])
