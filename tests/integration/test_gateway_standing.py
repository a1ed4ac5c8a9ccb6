"""How a lane stands, and what readers say of its stories, over HTTP and before a real Kafka."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
from prometheus_client import CollectorRegistry

from schemas import DeadLetter, EnrichedArticle, Feedback, Lane, RawArticle
from streams import cluster, lanes
from streams.gateway.app import application
from streams.gateway.feedback import Verdicts
from streams.gateway.server import Server, listen
from streams.gateway.standing import Standing
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
async def gateway(settings: Settings) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a gateway with these two parts, on a live lane."""
    await lanes.create(settings, lanes.LIVE)
    parts = [Standing(settings, lambda _: {"ok": 3, "failing": 1}), Verdicts(settings)]
    listening = listen("127.0.0.1", 0)
    started = asyncio.Event()
    server = Server(application(settings, parts, CollectorRegistry()), started.set)
    async with parts[0].running(), parts[1].running():
        serving = asyncio.create_task(server.serve([listening]))
        await started.wait()
        async with aiohttp.ClientSession(f"http://127.0.0.1:{listening.getsockname()[1]}") as client:
            yield client
        server.should_exit = True
        await serving


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
    assert (await health(gateway))["stages"][0]["rate"] == 0


async def test_health_tells_an_archive_from_a_live_lane(gateway: aiohttp.ClientSession, settings: Settings) -> None:
    other = settings.on(f"{settings.lane}-archive")
    await lanes.create(other, Lane(kind="replay", since=None, until=None, versions={}))
    assert (await health(gateway, lane=other.lane))["kind"] == "replay"


async def test_a_verdict_is_with_the_broker_when_it_is_answered(
    gateway: aiohttp.ClientSession, settings: Settings
) -> None:
    said = {"story": STORY, "articles": ["a1", "a2"], "verdict": "not-one-story", "note": "خبران عن مصرفين"}
    async with gateway.post("/v1/feedback", json=said) as answer:
        assert answer.status == 202
    record = await newest(settings, Feedback, STORY.encode())
    assert record is not None
    written = orjson.loads(record.value or b"")
    assert {name: written[name] for name in said} == said
    assert written["at"].endswith("Z")


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"story": STORY, "verdict": "boring"}, 422, "#/verdict"),
        ({"verdict": "not-one-story"}, 422, "#"),
        ({"story": STORY, "verdict": "not-one-story", "articles": [7]}, 422, "#/articles/0"),
        ({"story": STORY, "verdict": "not-one-story", "note": "x" * 2001}, 422, "#/note"),
        ({"story": STORY, "verdict": "not-one-story", "votes": 9}, 422, "#"),
    ],
)
async def test_what_is_no_verdict_is_told_so(
    gateway: aiohttp.ClientSession, body: dict[str, Any], status: int, pointer: str
) -> None:
    async with gateway.post("/v1/feedback", json=body) as answer:
        assert answer.status == status
        problem = await answer.json()
    assert problem["errors"][0]["pointer"] == pointer


async def test_a_form_of_another_page_is_no_verdict(gateway: aiohttp.ClientSession) -> None:
    """A browser sends text/plain anywhere without asking; JSON it sends only to where it may."""
    async with gateway.post("/v1/feedback", data=b'{"story": "x", "verdict": "not-one-story"}') as answer:
        assert answer.status == 415


async def test_a_lane_without_the_topic_says_how_to_make_it(
    gateway: aiohttp.ClientSession, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def missing(*_: Any) -> bool:
        return False

    monkeypatch.setattr(cluster, "exists", missing)
    async with gateway.post("/v1/feedback", json={"story": STORY, "verdict": "not-one-story"}) as answer:
        assert answer.status == 409
        assert f"khabar topics --create --lane {settings.lane}" in (await answer.json())["detail"]
