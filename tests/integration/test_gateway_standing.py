"""How a lane stands, and what readers say of its stories, over HTTP and before a real Kafka."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from prometheus_client import CollectorRegistry

from agents.normalize.words import Words
from schemas import DeadLetter, EnrichedArticle, Feedback, Lane, RawArticle, Story
from streams import cluster, lanes
from streams.gateway.app import application
from streams.gateway.feedback import Verdicts
from streams.gateway.server import Server, listen
from streams.gateway.standing import Standing
from streams.gateway.stores import Stores
from streams.kafka import make_producer, running
from streams.read import newest
from streams.settings import Settings
from streams.topics import Topics

pytestmark = pytest.mark.kafka

STORY = "51d0" * 8


@pytest.fixture
def settings(kafka: str, lane: str) -> Settings:
    return Settings(broker=kafka, lane=lane)


@pytest.fixture
async def gateway(settings: Settings, tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a gateway with these two parts, on a live lane."""
    await lanes.create(settings, lanes.LIVE)
    words = Words.shipped()
    stores = Stores(settings, tmp_path, words, words.version)
    parts = [stores, Standing(settings, lambda _: {"ok": 3, "failing": 1}), Verdicts(settings, stores)]
    listening = listen("127.0.0.1", 0)
    started = asyncio.Event()
    server = Server(application(settings, parts, CollectorRegistry()), started.set)
    serving = asyncio.create_task(server.serve([listening]))
    await started.wait()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{listening.getsockname()[1]}") as client:
        yield client
    server.should_exit = True
    await serving


@pytest.fixture
async def story(gateway: aiohttp.ClientSession, settings: Settings) -> None:
    """The gateway's lane has this one, of two articles."""
    member = {"version": "1", "source": "nile.example", "title": "إغلاق مصرف الزيتونة", "kind": "new"}
    event = {
        "id": STORY, "headline": member["title"], "language": "ar", "articles": 2, "entities": [], "line": 1,
        "members": [member | {"id": each} for each in ("a1", "a2")], "last_seen_at": "2026-05-01T09:00:00Z",
        "sources": [{"source": "nile.example", "articles": 2}],
    }  # fmt: skip
    async with running(make_producer(settings), settings) as producer:
        topic = Topics(settings.prefix, settings.lane).name(Story)
        await producer.send_and_wait(topic, orjson.dumps(event), key=STORY.encode(), headers=[("khabar-line", b"1")])


async def verdict(gateway: aiohttp.ClientSession, said: Any) -> tuple[int, Any]:
    """Status and JSON of the answer, once the look-ups have the story."""
    while True:
        async with gateway.post("/v1/feedback", json=said) as answer:
            if answer.status not in (404, 503):
                return answer.status, None if answer.status == 202 else await answer.json()
        await asyncio.sleep(0.05)


async def health(gateway: aiohttp.ClientSession, **params: str) -> Any:
    async with gateway.get("/v1/health", params=params) as answer:
        assert answer.status == 200, await answer.text()
        found = await answer.json()
    if found["stages"][0]["lag"] is None:  # a broker that has just started does not know its groups yet
        await asyncio.sleep(0.5)
        return await health(gateway, **params)
    return found


async def test_health_counts_what_waits_what_was_refused_and_when_the_newest_was_seen(
    gateway: aiohttp.ClientSession, settings: Settings
) -> None:
    topics = Topics(settings.prefix, settings.lane)
    async with running(make_producer(settings), settings) as producer:
        for number in range(7):
            await producer.send(topics.name(RawArticle), b"{}", key=b"k", partition=number % 4)
        await producer.send(topics.name(DeadLetter), b"x")
        for seen in ("2026-05-01T09:00:00Z", "2026-05-01T09:30:00Z"):
            await producer.send(topics.name(EnrichedArticle), orjson.dumps({"seen_at": seen}), key=b"a")
        await producer.flush()
    found = await health(gateway)
    assert found["kind"] == "live"
    assert found["letters"] == 1
    assert found["newest"] == "2026-05-01T09:30:00Z"
    assert found["feeds"] == {"ok": 3, "failing": 1}
    stages = {each["stage"]: each for each in found["stages"]}
    assert stages["normalize"]["lag"] == 7
    assert stages["tag"] == {"stage": "tag", "lag": 0, "rate": None, "members": 0}
    await asyncio.sleep(2.1)  # an answer serves for two seconds
    asked = time.monotonic()
    assert (await health(gateway))["stages"][0]["rate"] == 0
    assert time.monotonic() - asked < 1  # behind fetches that nobody needs it takes two seconds, else milliseconds


async def test_health_tells_an_archive_from_a_live_lane(gateway: aiohttp.ClientSession, settings: Settings) -> None:
    other = settings.on(f"{settings.lane}-archive")
    await lanes.create(other, Lane(kind="replay", since=None, until=None, versions={}))
    assert (await health(gateway, lane=other.lane))["kind"] == "replay"


@pytest.mark.usefixtures("story")
async def test_a_verdict_is_with_the_broker_when_it_is_answered(
    gateway: aiohttp.ClientSession, settings: Settings
) -> None:
    said = {"story": STORY, "articles": ["a1", "a2"], "verdict": "not-one-story", "note": "خبران عن مصرفين"}
    assert await verdict(gateway, said) == (202, None)
    record = await newest(settings, Feedback, STORY.encode())
    assert record is not None
    written = orjson.loads(record.value or b"")
    assert {name: written[name] for name in said} == said
    assert written["at"].endswith("Z")


@pytest.mark.usefixtures("story")
async def test_a_lane_without_the_topic_says_how_to_make_it(
    gateway: aiohttp.ClientSession, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def missing(*_: Any) -> bool:
        return False

    monkeypatch.setattr(cluster, "exists", missing)
    status, problem = await verdict(gateway, {"story": STORY, "verdict": "not-one-story"})
    assert status == 409
    assert f"khabar topics --create --lane {settings.lane}" in problem["detail"]
