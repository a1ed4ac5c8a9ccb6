"""The look-ups on a real Kafka: they catch up, go on after a restart, and never show a lane that is no longer there."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import aiohttp
import orjson
import pytest
from prometheus_client import CollectorRegistry

from agents.normalize.words import Words
from schemas import (
    Decision,
    EnrichedArticle,
    Entity,
    Event,
    Member,
    Relation,
    Story,
    StoryEntity,
    StoryRef,
    StorySource,
    Unavailable,
    encode,
    to_rfc3339,
)
from streams import lanes
from streams.gateway import filling, questions, stores
from streams.gateway.app import application
from streams.gateway.lookups import Lookups
from streams.gateway.server import Server, listen
from streams.gateway.sse import Streams
from streams.gateway.stores import Stores
from streams.kafka import make_producer, running
from streams.lanes import LIVE
from streams.settings import Settings
from streams.topics import Topics

pytestmark = pytest.mark.kafka

START_US = 1_777_600_000_000_000
Serve = Callable[..., Any]


def article(line: int, *, story: int | None = None) -> EnrichedArticle:
    """Decision number `line`: an article of its own, in the story whose first article was on line `story`."""
    first = line if story is None else story
    return EnrichedArticle(
        id=f"article-{line}", version=f"{line}", status="usable", source=f"outlet-{line % 7}.example",
        source_id=None, url=f"https://outlet.example/{line}", title="فيضان النهر", lead=None,
        body=f"ارتفع منسوب النهر في بلدة الجسر {line} سنتيمترا، وقالت البلدية إن السدود صامدة. " * 4, author=None,
        section=None, image=None, extra={}, language="ar", published_at=None, dated_by="none", date_precision=None,
        seen_at=to_rfc3339(START_US + line * 1_000_000), late=False, attributions=[], provenance={}, revision=0,
        entities=[Entity(field="body", start=0, end=4, text="الجسر", label="LOC", id="kh:bridge", name="الجسر",
                         confidence=1.0)],
        relation=Relation(kind="new" if story is None else "copy"),
        story=StoryRef(id=f"story-{first}", since=to_rfc3339(START_US)), lines=[Decision(line=line, version=f"{line}")],
    )  # fmt: skip


def story_of(*articles: EnrichedArticle) -> Story:
    """The story of these articles as of the last of them."""
    first, last = articles[0], articles[-1]
    assert first.story is not None
    members = [
        Member(id=a.id, version=a.version, source=a.source, url=a.url, title=a.title, kind="new", to=None,
               published_at=None, seen_at=a.seen_at)
        for a in articles
    ]  # fmt: skip
    return Story(
        id=first.story.id, headline=first.title, language="ar", articles=len(articles), members=members,
        sources=[StorySource(source=a.source, articles=1) for a in articles], distinct_texts=1,
        first_published_at=None, last_published_at=None, first_seen_at=first.seen_at, last_seen_at=last.seen_at,
        entities=[StoryEntity(id="kh:bridge", name="الجسر", label="LOC", articles=len(articles))],
        line=last.lines[-1].line,
    )  # fmt: skip


def line_of(count: int) -> list[Event]:
    """Decisions: of each ten, nine are stories of their own, and one joins the first of the ten."""
    found: list[Event] = []
    firsts: dict[int, EnrichedArticle] = {}
    for number in range(count):
        joins = number - 9 if number % 10 == 9 else None
        event = article(number, story=joins)
        firsts[number] = event
        found += [event, story_of(event) if joins is None else story_of(firsts[joins], event)]
    return found


async def send(settings: Settings, events: list[Event]) -> None:
    names = Topics(settings.prefix, settings.lane)
    async with running(make_producer(settings), settings) as producer:
        for event in events:
            number = event.lines[-1].line if isinstance(event, EnrichedArticle) else event.line  # type: ignore[attr-defined]
            headers = [("khabar-line", str(number).encode())]
            await producer.send(names.name(event), encode(event), event.id.encode(), headers=headers)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def words() -> Words:
    return Words.shipped()


@pytest.fixture
async def settings(kafka: str, lane: str) -> Settings:
    settings = Settings(broker=kafka, lane=lane)
    await lanes.create(settings, LIVE)
    return settings


@pytest.fixture
def serve(tmp_path: Path, words: Words) -> Serve:
    """`async with serve(settings) as stores:` keeps the stores of the test's own folder."""

    @asynccontextmanager
    async def run(settings: Settings) -> AsyncIterator[Stores]:
        kept = Stores(settings, tmp_path, words, words.version)
        async with kept.running():
            yield kept

    return run


async def until(good: Callable[[], Awaitable[bool] | bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not (found if isinstance(found := good(), bool) else await found):
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


async def ids(kept: Stores, settings: Settings, table: str = "articles") -> list[str]:
    """The ids in a table; waits while the store is being filled."""

    def look(database: sqlite3.Connection) -> list[str]:
        return [row[0] for row in database.execute(f"SELECT id FROM {table} ORDER BY id")]  # noqa: S608

    while True:
        try:
            return await kept.of(settings).ask(look)
        except Unavailable:
            await asyncio.sleep(0.05)


def sorted_ids(events: list[Event], kind: type[Event] = EnrichedArticle) -> list[str]:
    return sorted({each.id for each in events if isinstance(each, kind)})  # type: ignore[attr-defined]


async def test_the_look_ups_are_ready_once_they_have_all_that_was_there_and_go_on_with_what_comes(
    settings: Settings, serve: Serve
) -> None:
    line = line_of(120)
    await send(settings, line[:200])
    async with serve(settings) as kept:
        assert kept.unready() is not None
        assert await ids(kept, settings) == sorted_ids(line[:200])
        assert kept.unready() is None
        assert await ids(kept, settings, "stories") == sorted_ids(line[:200], Story)
        assert await kept.of(settings).ask(questions.offsets) == {
            "enriched": 100, "stories": 100, "trends": 0, "alerts": 0,
        }  # fmt: skip
        await send(settings, line[200:])
        began = time.monotonic()
        await until(lambda: _same(kept, settings, line), 5)
        assert time.monotonic() - began < 2


async def _same(kept: Stores, settings: Settings, line: list[Event]) -> bool:
    return await ids(kept, settings) == sorted_ids(line) and await ids(kept, settings, "stories") == sorted_ids(
        line, Story
    )


async def test_after_a_restart_it_reads_on_where_it_was(settings: Settings, serve: Serve, tmp_path: Path) -> None:
    line = line_of(40)
    await send(settings, line[:60])
    async with serve(settings) as kept:
        assert await ids(kept, settings) == sorted_ids(line[:60])
    mark(tmp_path)
    await send(settings, line[60:])
    async with serve(settings) as kept:
        assert await ids(kept, settings) == sorted_ids(line)
        assert await ids(kept, settings, "alerts") == ["marked"]


@pytest.mark.parametrize("how", ["before it is opened", "while it is read"])
async def test_a_damaged_store_is_made_anew_from_its_topics(
    settings: Settings, serve: Serve, tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    line = line_of(40)
    await send(settings, line)
    async with serve(settings) as kept:
        assert await ids(kept, settings) == sorted_ids(line)
    mark(tmp_path)
    if how == "before it is opened":
        garble(file_in(tmp_path))
    async with serve(settings) as kept:
        assert await ids(kept, settings) == sorted_ids(line)
        if how == "while it is read":
            assert await ids(kept, settings, "alerts") == ["marked"]
            (tmp_path / "garbled").write_bytes(b"no database" * 1000)
            with pytest.raises(Unavailable, match="the store fails"):
                await kept.of(settings).ask(damaged_file(tmp_path / "garbled"))
            await until(lambda: _empty(kept, settings, "alerts"), 10)
            assert await ids(kept, settings) == sorted_ids(line)
        assert await ids(kept, settings, "alerts") == []


async def _empty(kept: Stores, settings: Settings, table: str) -> bool:
    return await ids(kept, settings, table) == []


def damaged_file(path: Path) -> Callable[[sqlite3.Connection], Any]:
    """A question that meets a page that is none, as one to a damaged store would."""
    return lambda database: sqlite3.connect(path).execute("SELECT * FROM articles").fetchall()


async def test_look_ups_that_are_behind_are_not_ready_and_answer_all_the_same(
    settings: Settings, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is said while the broker is away; the test below, of all tests, really takes it away."""
    monkeypatch.setattr(filling, "_WATCH_S", 0.1)
    line = line_of(20)
    await send(settings, line)
    async with serve(settings) as kept:
        assert await ids(kept, settings) == sorted_ids(line)
        assert kept.unready() is None
        monkeypatch.setattr(stores, "_BEHIND_S", 3.0)
        with monkeypatch.context() as away:
            away.setattr(filling, "identity", AsyncMock(side_effect=Unavailable("Kafka does not answer")))
            await asyncio.sleep(1)
            assert kept.unready() is None  # a broker that starts again is nothing to tell a load balancer
            await until(lambda: "they have been behind their topics for 3 s" in (kept.unready() or ""), 10)
            assert await ids(kept, settings) == sorted_ids(line)
        await until(lambda: kept.unready() is None, 10)


async def test_a_lane_that_is_removed_and_made_anew_is_another_lane(
    settings: Settings, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "_WATCH_S", 0.3)
    monkeypatch.setattr(stores, "_AGAIN_S", 0.3)
    line = line_of(60)
    await send(settings, line[:20])
    async with serve(settings) as kept:
        assert await ids(kept, settings) == sorted_ids(line[:20])
        await lanes.remove(settings)
        await lanes.create(settings, LIVE)
        await send(settings, line[40:])  # more than there were, so that no offset betrays it
        await until(lambda: _same(kept, settings, line[40:]))
        await lanes.remove(settings)
        await lanes.create(settings, LIVE)
    await send(settings, line[:40])
    async with serve(settings) as kept:
        assert await ids(kept, settings) == sorted_ids(line[:40])


async def test_lanes_are_opened_when_asked_about_and_closed_when_there_are_too_many_or_nobody_asks(
    settings: Settings, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "_LANES", 2)
    others = [settings.on(f"{settings.lane}-{number}") for number in range(2)]
    for number, each in enumerate(others):
        await lanes.create(each, LIVE)
        await send(each, [article(number)])
    async with serve(settings) as kept:
        for number, each in [(0, others[0]), (1, others[1]), (0, others[0])]:
            assert await ids(kept, each) == [f"article-{number}"]
            assert kept._open.keys() == {settings.lane, each.lane}
        assert await ids(kept, settings) == []
        monkeypatch.setattr(stores, "_IDLE_S", 0.0)
        closing_idle = asyncio.create_task(kept._close_idle())
        await until(lambda: list(kept._open) == [settings.lane], 5)
        assert closing_idle.cancel()


async def test_a_page_and_the_stream_from_its_offset_leave_no_gap_and_repeat_nothing(
    settings: Settings, tmp_path: Path, words: Words
) -> None:
    line = line_of(60)
    told = [each.line for each in line if isinstance(each, Story)]
    await send(settings, line[:80])
    kept = Stores(settings, tmp_path, words, words.version)
    registry = CollectorRegistry()
    parts = [kept, Lookups(kept, {}, words), Streams(settings, {}, words, registry)]
    listening = listen("127.0.0.1", 0)
    server = Server(application(settings, parts, registry), lambda: None)
    serving = asyncio.create_task(server.serve([listening]))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    async with aiohttp.ClientSession() as client:
        async with client.get(f"{url}/stories", params={"limit": 200}) as answer:  # waits until it has caught up
            page = await answer.json()
        await send(settings, line[80:])
        found = sorted(each["line"] for each in page["items"])
        stream = client.get(f"{url}/stream/stories", params={"since": page["offset"]["stories"]})
        async with asyncio.timeout(30), stream as events:
            async for each in events.content:
                if each.startswith(b"data: "):
                    found.append(orjson.loads(each.removeprefix(b"data: "))["line"])
                    if found[-1] == told[-1]:
                        break
    server.should_exit = True
    await asyncio.wait_for(serving, 30)
    newest = {each.id: each.line for each in line[:80] if isinstance(each, Story)}
    assert found == sorted(newest.values()) + [each for each in told if each >= 40]


def test_killed_at_any_moment_it_has_everything_once_when_it_is_ready_again(
    kafka: str, lane: str, tmp_path: Path, words: Words
) -> None:
    settings = Settings(broker=kafka, lane=lane)
    line = line_of(600)
    asyncio.run(prepared(settings, line))
    for articles in (100, 350, 600):
        process = get_context("fork").Process(target=fill, args=(settings, tmp_path, words))
        process.start()
        wait_for(tmp_path, articles)
        process.kill()
        process.join()
    with closing(sqlite3.connect(file_in(tmp_path))) as database:
        assert [row[0] for row in database.execute("SELECT id FROM articles ORDER BY id")] == sorted_ids(line)
        assert database.execute("SELECT count(*) FROM article_texts('الجسر')").fetchone() == (600,)
        assert database.execute("SELECT count(*) FROM article_things").fetchone() == (600,)
        stories = database.execute("SELECT id FROM stories ORDER BY id").fetchall()
        assert {row[0] for row in stories} <= set(sorted_ids(line, Story))  # these may lag behind the articles
        assert database.execute("SELECT count(DISTINCT story) FROM story_sources").fetchone() == (len(stories),)
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def fill(settings: Settings, folder: Path, words: Words) -> None:
    """A process that keeps the look-ups of a lane, until it is killed."""

    async def forever() -> None:
        async with Stores(settings, folder, words, words.version).running():
            await asyncio.sleep(3600)

    asyncio.run(forever())


@pytest.mark.full
async def test_while_the_broker_is_away_answers_go_on_and_afterwards_it_catches_up(
    broker: Any, lane: str, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "_WATCH_S", 0.3)
    settings = Settings(broker=broker.bootstrap, lane=lane)
    await lanes.create(settings, LIVE)
    line = line_of(20)
    await send(settings, line[:20])
    async with serve(settings) as kept:
        assert await ids(kept, settings) == sorted_ids(line[:20])
        broker.kill()
        await asyncio.sleep(2)
        assert await ids(kept, settings) == sorted_ids(line[:20])
        await asyncio.to_thread(broker.start)
        await send(settings, line[20:])
        await until(lambda: _same(kept, settings, line))


async def prepared(settings: Settings, line: list[Event]) -> None:
    await lanes.create(settings, LIVE)
    await send(settings, line)


def wait_for(folder: Path, articles: int) -> None:
    """Return when the store in that folder holds so many articles."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            with closing(sqlite3.connect(f"{file_in(folder).as_uri()}?mode=ro", uri=True)) as database:
                if database.execute("SELECT count(*) FROM articles").fetchone()[0] >= articles:
                    return
        except (IndexError, sqlite3.Error):
            pass  # it is not there yet
        time.sleep(0.02)
    raise AssertionError(f"there are not {articles} articles after a minute")


def file_in(folder: Path) -> Path:
    return next(folder.rglob("*.sqlite"), None) or [][0]


def mark(folder: Path) -> None:
    """An alert that no topic has: it stays as long as the store is not made anew."""
    with closing(sqlite3.connect(file_in(folder))) as database, database:
        database.execute("INSERT INTO alerts VALUES ('marked', 1, x'7b7d')")


def garble(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)
