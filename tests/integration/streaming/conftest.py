"""A gateway with streams alone on a real Kafka, events written straight to its topics, and a client that reads SSE."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
import pytest
from prometheus_client import CollectorRegistry

from agents.normalize.words import Words
from schemas import EnrichedArticle, Entity, Relation, StoryRef, encode
from streams import cluster
from streams.gateway.app import application
from streams.gateway.server import Server, listen
from streams.gateway.sse import Streams
from streams.kafka import make_producer, running
from streams.settings import Settings
from streams.topics import Topics

WORDS = Words.shipped()
SEEN = "2026-05-01T09:30:00Z"


@dataclass(frozen=True)
class Source:
    country: str | None = None
    group: str | None = None


SOURCES = {"nile.example": Source("EG", "مصر"), "sham.example": Source("SY", "الشام")}


@dataclass(frozen=True)
class Sent:
    """One SSE event as it came."""

    id: int
    event: str
    data: Any


Gateway = Callable[[Settings], Awaitable[str]]
Publish = Callable[..., Awaitable[None]]


@pytest.fixture
async def settings(kafka: str, lane: str) -> Settings:
    settings = Settings(broker=kafka, lane=lane)
    await cluster.create(settings)
    return settings


@pytest.fixture
def publish() -> Publish:
    """`await publish(settings, "enriched", [(key, value, line), …])` in one transaction, as deduplicate does."""

    async def send(settings: Settings, name: str, records: list[tuple[str, Mapping[str, Any] | bytes, int]]) -> None:
        topic = Topics(settings.prefix, settings.lane).name(name)
        made = make_producer(settings, transactional_id=f"{settings.lane}.t")
        async with running(made, settings) as producer, producer.transaction():
            for key, value, line in records:
                headers = [("khabar-line", str(line).encode())]
                body = value if isinstance(value, bytes) else orjson.dumps(value)
                await producer.send(topic, body, key.encode(), partition=0, headers=headers)

    return send


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    """`url = await gateway(settings)`: several may run at once; `await gateway.stop(url)` ends one as SIGTERM does."""
    running_ones: dict[str, tuple[Server, asyncio.Task[None]]] = {}

    async def make(settings: Settings) -> str:
        registry = CollectorRegistry()
        app = application(settings, [Streams(settings, SOURCES, WORDS, registry)], registry)
        listening = listen("127.0.0.1", 0)
        started = asyncio.Event()
        server = Server(app, started.set)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        running_ones[url] = server, asyncio.create_task(server.serve([listening]))
        await asyncio.wait_for(started.wait(), 20)
        return url

    async def stop(url: str) -> None:
        server, task = running_ones.pop(url)
        server.should_exit = True
        await asyncio.wait_for(task, 30)

    make.stop = stop  # type: ignore[attr-defined]
    yield make
    for url in list(running_ones):
        await stop(url)


@asynccontextmanager
async def opened(url: str, last: int | None = None) -> AsyncIterator[AsyncIterator[Sent]]:
    """The events of a stream; closes the connection at the end."""
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        async with aclosing(parsed(answer.content)) as events:
            assert (
                await asyncio.wait_for(anext(events), 10)
            ).event == "id"  # where the stream stands, before any event
            yield events


async def parsed(content: aiohttp.StreamReader) -> AsyncIterator[Sent]:
    """SSE as the standard reads it; a block without data, which sets the id alone, is an event called `id` here."""
    fields: dict[str, str] = {}
    async for line in content:
        text = line.decode().rstrip("\n")
        if text:
            name, _, value = text.partition(": ")
            fields[name] = f"{fields[name]}\n{value}" if name == "data" and name in fields else value
        elif fields:
            data = orjson.loads(fields["data"]) if "data" in fields else None
            yield Sent(int(fields["id"]), fields.get("event", "id"), data)
            fields = {}


async def take(events: AsyncIterator[Sent], count: int, *, beats: bool = False) -> list[Sent]:
    """The next so many events, or heartbeats."""
    found: list[Sent] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            each = await anext(events)
            if (each.event == "id") == beats:
                found.append(each)
    return found


@pytest.fixture
def sse() -> Any:
    """`async with sse(url) as events:` and `await sse.take(events, 3)`."""
    opened.take = take  # type: ignore[attr-defined]
    return opened


def article(
    number: int,
    *,
    title: str = "افتتاح جسر جديد في مدينة الزيتونة",
    source: str = "nile.example",
    story: int | None = None,
    entities: tuple[tuple[str, str], ...] = (),
    language: str = "ar",
) -> tuple[str, dict[str, Any], int]:
    """Key, value and line of an enriched article that opens a story of its own, or joins that of another."""
    same = story is None
    mentions = [
        Entity(field="title", start=0, end=3, text=name, label="MISC", id=id_, name=name, confidence=1.0)
        for id_, name in entities
    ]
    event = EnrichedArticle(
        id=f"a{number}", version="1", status="usable", source=source, source_id=None, url=f"https://{source}/{number}",
        title=title, lead=None, body="وقال المهندس إن العمل استمر عامين.", author=None, section=None, image=None,
        extra={}, language=language, published_at=None, dated_by="none", date_precision=None, seen_at=SEEN,
        late=False, attributions=[], provenance={}, revision=0, entities=mentions,
        relation=Relation(kind="new") if same else Relation(kind="copy", to=f"a{story}", to_version="1"),
        story=StoryRef(id=f"a{number if same else story}", since=SEEN), lines=[],
    )  # fmt: skip
    return event.id, orjson.loads(encode(event)), number


@pytest.fixture
def make_article() -> Any:
    """`make_article(5, title=…)`: what `publish` takes of an article whose line is 5."""
    return article
