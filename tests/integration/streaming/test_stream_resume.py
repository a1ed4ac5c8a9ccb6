"""Streams on a real Kafka: each event once, and no gap, whoever comes back, when, and to which gateway."""

import asyncio
from functools import partial
from typing import Any

import aiohttp
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from schemas import Lane
from streams import lanes
from streams.gateway import hub
from streams.gateway.ring import Ring
from streams.kafka import make_admin, running
from streams.settings import Settings
from streams.topics import Topics

pytestmark = pytest.mark.kafka


def lines(events: Any) -> list[int]:
    return [int(each.data["id"][1:]) for each in events]


async def until(events: Any, end: int) -> list[Any]:
    """The events up to the heartbeat that says that everything before that offset was looked at."""
    found = []
    async with asyncio.timeout(10):
        async for each in events:
            if each.data is not None:
                found.append(each)
            elif each.id >= end:
                break
    return found


async def test_what_comes_is_streamed_as_it_comes_and_ids_lead_on(
    settings: Settings, gateway: Any, publish: Any, sse: Any, make_article: Any
) -> None:
    await publish(settings, "enriched", [make_article(n) for n in range(3)])
    url = await gateway(settings)
    async with sse(f"{url}/v1/stream/enriched") as events:
        await publish(settings, "enriched", [make_article(n) for n in range(3, 6)])
        came = await sse.take(events, 3)
    assert lines(came) == [3, 4, 5]
    assert {each.event for each in came} == {"enriched"}
    async with sse(f"{url}/v1/stream/enriched?since={came[0].id}") as events:
        assert lines(await sse.take(events, 2)) == [4, 5]
    async with sse(f"{url}/v1/stream/enriched?since=0") as events:
        assert lines(await sse.take(events, 6)) == list(range(6))
    async with sse(f"{url}/v1/stream/enriched?since=0", last=came[1].id) as events:  # a browser that comes back
        assert lines(await sse.take(events, 1)) == [5]


async def test_a_resume_on_another_gateway_after_a_restart_has_no_gap(
    settings: Settings, gateway: Any, publish: Any, sse: Any, make_article: Any
) -> None:
    first = await gateway(settings)
    async with sse(f"{first}/v1/stream/enriched") as events:
        await publish(settings, "enriched", [make_article(n) for n in range(4)])
        came = await sse.take(events, 4)
        await gateway.stop(first)
        end = (await sse.take(events, 1))[0]
    assert (end.event, end.data["reason"]) == ("end", "restart")
    assert end.data["resume"] == end.id >= came[-1].id
    await publish(settings, "enriched", [make_article(n) for n in range(4, 8)])
    second = await gateway(settings)
    async with sse(f"{second}/v1/stream/enriched", last=end.id) as events:
        assert lines(await sse.take(events, 4)) == [4, 5, 6, 7]


@pytest.mark.parametrize("held", [10, 10_000], ids=["from-kafka", "from-the-ring"])
async def test_repeats_are_dropped_by_their_line_wherever_one_resumes(
    held: int,
    settings: Settings,
    gateway: Any,
    publish: Any,
    sse: Any,
    make_article: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub, "Ring", partial(Ring, most=held))
    monkeypatch.setattr(hub, "_RECENT", held)
    url = await gateway(settings)
    async with sse(f"{url}/v1/stream/enriched") as events:
        for batch in range(5):
            sent = [make_article(n) for n in range(batch * 20, batch * 20 + 20)]
            await publish(settings, "enriched", sent)
            await publish(settings, "enriched", sent[5:])  # what a restarted stage may do
        came = await sse.take(events, 100)
    assert lines(came) == list(range(100))
    for at in (0, 19, 20, 24, 50, 95, 99):
        async with sse(f"{url}/v1/stream/enriched", last=came[at].id) as events:
            assert lines(await sse.take(events, 99 - at)) == list(range(at + 1, 100))
    again = await gateway(settings)  # it starts in the midst of the topic
    async with sse(f"{again}/v1/stream/enriched?since={came[40].id}") as events:
        assert lines(await sse.take(events, 59)) == list(range(41, 100))


async def test_an_id_that_expired_gets_the_range_that_is_missing(
    settings: Settings, gateway: Any, publish: Any, sse: Any, make_article: Any
) -> None:
    await publish(settings, "enriched", [make_article(n) for n in range(10)])
    where = TopicPartition(Topics(settings.prefix, settings.lane).name("enriched"), 0)
    async with running(make_admin(settings), settings) as admin:
        await admin.delete_records({where: RecordsToDelete(before_offset=6)})
    url = await gateway(settings)
    async with sse(f"{url}/v1/stream/enriched", last=3) as events:
        gap, *rest = await sse.take(events, 5)
    assert (gap.event, gap.id, gap.data) == ("gap", 6, {"from": 3, "to": 6, "reason": "expired"})
    assert lines(rest) == [6, 7, 8, 9]
    async with sse(f"{url}/v1/stream/enriched?since=0") as events:  # all that there is: nothing is missed
        assert lines(await sse.take(events, 4)) == [6, 7, 8, 9]
    async with sse(f"{url}/v1/stream/enriched", last=5_000) as events:  # of a lane of that name before this one
        gap, *rest = await sse.take(events, 5)
    assert (gap.event, gap.data) == ("gap", {"from": 5_000, "to": 6, "reason": "made-anew"})
    assert lines(rest) == [6, 7, 8, 9]


async def test_filters_hold_for_what_comes_and_for_what_came(
    settings: Settings, gateway: Any, publish: Any, sse: Any, make_article: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.gateway.eventstream._HEARTBEAT_S", 0.2)
    url = await gateway(settings)
    sent = [
        make_article(0, title="زيارة وفد إلى مصر"),
        make_article(1, title="وزير الخارجية في دمشق", source="sham.example", entities=(("geo:1", "دمشق"),)),
        make_article(2, title="اجتماع بمصر حول المياه", story=0),
        make_article(3, title="علي يلتقي الطلاب", source="other.example"),
        make_article(4, title="الحديث على الهاتف", source="other.example"),
    ]
    wanted = {
        "q=مصر": [0, 2],
        "q=علي": [3],
        'q="في دمشق"': [1],
        "q=مصر&q=دمشق": [0, 1, 2],
        "source=sham.example": [1],
        "country=sy&country=EG": [0, 1, 2],
        "group=الشام": [1],
        "entity=geo:1&country=sy": [1],
        "entity=geo:1&country=eg": [],
        "story=a0": [0, 2],
        "relation=copy": [2],
        "new-stories-only=1": [0, 1, 3, 4],
        "language=fa": [],
        "new-stories-only=1&q=مصر": [0],
    }
    for start in ("", "&since=0"):
        streams = [sse(f"{url}/v1/stream/enriched?{query}{start}") for query in wanted]
        entered = [await each.__aenter__() for each in streams]
        if not start:
            await publish(settings, "enriched", sent)
        for (query, expected), stream, events in zip(wanted.items(), streams, entered, strict=True):
            assert lines(await until(events, 5)) == expected, query
            await stream.__aexit__(None, None, None)


async def test_one_gateway_streams_every_lane_and_says_what_there_is_not(
    settings: Settings, gateway: Any, publish: Any, sse: Any, make_article: Any
) -> None:
    other = settings.on(f"{settings.lane}-b")
    await lanes.create(other, Lane(kind="live", since=None, until=None, versions={}))
    url = await gateway(settings)
    await publish(other, "enriched", [make_article(7)])
    async with sse(f"{url}/v1/stream/enriched?since=0&lane={other.lane}") as events:
        assert lines(await sse.take(events, 1)) == [7]
    async with aiohttp.ClientSession() as session:
        for query, status, said in (
            ("enriched?lane=nobody", 404, "there is no such lane"),
            ("everything", 404, "there is no stream 'everything'"),
            ("enriched?since=yesterday", 400, "since is 'yesterday'"),
            ("enriched?entitiy=wd:Q79", 400, "'entitiy' means nothing here; take country, entity"),
            ("trends?source=x", 400, "'source' means nothing here; take entity, lane, q, since"),
            ("enriched?relation=twin", 400, "relation is 'twin'; give one of"),
            ("enriched?q=...", 400, "there is no word to look for"),
        ):
            async with session.get(f"{url}/v1/stream/{query}") as answer:
                problem = await answer.json(content_type="application/problem+json")
                assert (answer.status, said in problem["detail"]) == (status, True), (query, problem)


async def test_a_stream_is_quiet_but_for_heartbeats_which_say_where_it_stands(
    settings: Settings, gateway: Any, publish: Any, sse: Any, make_article: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.gateway.eventstream._HEARTBEAT_S", 0.2)
    url = await gateway(settings)
    async with sse(f"{url}/v1/stream/enriched?source=nobody.example") as events:
        before = (await sse.take(events, 1, beats=True))[0]
        await publish(settings, "enriched", [make_article(n) for n in range(5)])
        async with asyncio.timeout(10):
            while (beat := (await sse.take(events, 1, beats=True))[0]).id == before.id:
                pass
    assert (beat.event, beat.data) == ("id", None)
    assert beat.id >= 5  # nobody reads these five again for it
