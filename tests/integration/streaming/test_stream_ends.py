"""What a stream says when it cannot go on, and what it lives through."""

import asyncio
from typing import Any

import pytest

from deploy.broker import Broker
from schemas import Lane
from streams import lanes
from streams.gateway import hub
from streams.settings import Settings

pytestmark = pytest.mark.kafka


async def test_a_stream_of_a_lane_that_is_removed_ends(
    settings: Settings, gateway: Any, publish: Any, sse: Any, make_article: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "_QUIET_S", 0.3)
    monkeypatch.setattr(hub, "_POLL_MS", 300)
    other = settings.on(f"{settings.lane}-b")
    await lanes.create(other, Lane(kind="live", since=None, until=None, versions={}))
    url = await gateway(settings)
    async with sse(f"{url}/v1/stream/enriched?lane={other.lane}") as events:
        await publish(other, "enriched", [make_article(1)])
        assert (await sse.take(events, 1))[0].event == "enriched"
        await lanes.remove(other)
        end = (await sse.take(events, 1))[0]
    assert (end.event, end.data["reason"]) == ("end", "lane-removed")


async def test_clients_of_a_topic_that_lost_what_was_not_read_yet_are_told(
    settings: Settings, gateway: Any, publish: Any, sse: Any, make_article: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "_QUIET_S", 0.3)
    monkeypatch.setattr(hub, "_POLL_MS", 300)
    other = settings.on(f"{settings.lane}-c")
    lane = Lane(kind="live", since=None, until=None, versions={})
    await lanes.create(other, lane)
    await publish(other, "enriched", [make_article(n) for n in range(9)])
    url = await gateway(settings)
    async with sse(f"{url}/v1/stream/enriched?lane={other.lane}") as events:
        await lanes.remove(other)
        await lanes.create(other, lane)
        await publish(other, "enriched", [make_article(1)])
        came = await sse.take(events, 1)
        if came[0].event == "gap":
            came += await sse.take(events, 1)
    reasons = [each.data.get("reason") for each in came]
    assert reasons in (["made-anew", None], ["lane-removed"])  # by whether the gateway looked while there was none


@pytest.mark.full
@pytest.mark.timeout(120)
async def test_a_stream_outlives_its_broker(
    broker: Broker,
    lane: str,
    gateway: Any,
    publish: Any,
    sse: Any,
    make_article: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub, "_QUIET_S", 0.3)
    monkeypatch.setattr(hub, "_POLL_MS", 300)
    settings = Settings(broker=broker.bootstrap, lane=lane)
    await lanes.create(settings, Lane(kind="live", since=None, until=None, versions={}))
    url = await gateway(settings)
    async with sse(f"{url}/v1/stream/enriched") as events:
        await publish(settings, "enriched", [make_article(1)])
        came = await sse.take(events, 1)
        await asyncio.to_thread(broker.kill)
        await asyncio.sleep(3)  # in which it is missed, and not found
        await asyncio.to_thread(broker.start)
        await publish(settings, "enriched", [make_article(2)])
        came += await sse.take(events, 1)
    assert [each.data["id"] for each in came] == ["a1", "a2"]
