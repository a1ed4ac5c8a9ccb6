"""A stage that looks at enriched articles: what it sends and when, what it acknowledges, what harms it not."""

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.types import TP

from agents.trends import Trends
from schemas import EnrichedArticle, Event, Lane, Trend, encode, from_rfc3339
from streams import view
from streams.driver import Slice
from streams.settings import Settings
from streams.view import ViewStage, Wants

Enriched = Callable[..., EnrichedArticle]
HERE = TP("khabar.live.articles.enriched.v1", 0)


class World:
    """A stage without Kafka: what it sent, each transaction with its time, and what it acknowledged after which."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, core: view.View) -> None:
        self.sent: list[tuple[float, list[tuple[bytes, bytes]]]] = []
        self.acknowledged: list[tuple[int, int]] = []  # transactions before it, offset
        self.gap = (-1, -1)
        self.stage = ViewStage("trends", writes=Trend, settings=Settings(metrics_port=0))
        self.stage.__dict__["_consumer"] = SimpleNamespace(
            generation=1,
            acknowledge=lambda _, __, offset: self.acknowledged.append((len(self.sent), offset)),
            past_gap=lambda _, offset: self.gap[1] if offset == self.gap[0] else offset,
        )
        self.stage._tenure = view._Tenure(HERE, 1, cast(Any, None), core, 0)
        monkeypatch.setattr(view, "transact", self._transact)
        self._offset = 0

    async def _transact(self, _: object, outputs: dict[tuple[str, int], Iterable[Any]]) -> None:
        await asyncio.sleep(0.01)
        ((where, records),) = outputs.items()
        assert where == ("khabar.live.entities.trends.v1", 0)
        self.sent.append((time.monotonic(), [(each.key, each.value) for each in records]))

    def arrive(self, *values: bytes) -> None:
        records = [SimpleNamespace(offset=self._offset + n, value=value, topic="t") for n, value in enumerate(values)]
        self._offset += len(values)
        self.stage.arrived(Slice(HERE, 1, cast(Any, records)))

    async def run(self, pause_s: float, job: Callable[[], Any], until: int) -> None:
        """Do the job while the stage runs, until that offset is acknowledged."""
        records = cast(Any, SimpleNamespace(channel=SimpleNamespace(queue=asyncio.Queue())))
        wants = Wants(reach_us=0, pause_s=pause_s)
        running = asyncio.create_task(self.stage.each_article(records, Trends, wants))
        await asyncio.sleep(0)
        await job()
        async with asyncio.timeout(5):
            while not self.acknowledged or self.acknowledged[-1][1] < until:
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.wait([running])


async def test_a_key_is_sent_once_in_a_pause_and_its_last_value_always(
    monkeypatch: pytest.MonkeyPatch, enriched: Enriched
) -> None:
    world = World(monkeypatch, Trends())
    line = [enriched(number, f"a{number}", names=["ليلى", f"n{number}"]) for number in range(30)]

    async def job() -> None:
        for event in line:
            world.arrive(encode(event))
            await asyncio.sleep(0.02)

    await world.run(0.2, job, 30)
    times = [at for at, _ in world.sent]
    assert len(times) >= 2
    assert min(after - before for before, after in itertools.pairwise(times)) >= 0.2
    for _, records in world.sent:
        assert len({key for key, _ in records}) == len(records)
    core = Trends()
    undisturbed = {trend.key.encode(): encode(trend) for event in line for trend in core.take(event)}
    assert {key: value for _, records in world.sent for key, value in records} == undisturbed


async def test_an_article_is_acknowledged_once_what_came_of_it_was_sent(
    monkeypatch: pytest.MonkeyPatch, enriched: Enriched
) -> None:
    world = World(monkeypatch, Trends())

    async def job() -> None:
        world.arrive(encode(enriched(0, names=["ليلى"])))

    await world.run(0, job, 1)
    assert next(sent for sent, offset in world.acknowledged if offset >= 1) == 1


async def test_the_marker_after_the_last_article_is_acknowledged_with_it(
    monkeypatch: pytest.MonkeyPatch, enriched: Enriched
) -> None:
    world = World(monkeypatch, Trends())
    world.gap = (1, 2)

    async def job() -> None:
        world.arrive(encode(enriched(0)))

    await world.run(0, job, 2)
    assert world.stage.health.lag() == {HERE: 0}


async def test_who_is_given_nothing_says_that_it_stands_by(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stage = World(monkeypatch, Trends()).stage
    stage.begin((Trends, Wants(reach_us=0)))
    assert await stage.given(set()) == {}
    assert stage._tenure is None, "what it had before is another's now"
    assert caplog.messages == ["another trends works on lane live; this one stands by"]


@pytest.mark.parametrize("kind", [EnrichedArticle, Trend])
async def test_a_replay_is_read_again_from_where_its_line_was_at_that_time(
    monkeypatch: pytest.MonkeyPatch, enriched: Enriched, kind: type[Event]
) -> None:
    days = {0: 1, 1: 2, 4: 2, 5: 3, 9: 6, 12: 6, 13: 9}  # by offset; compaction and markers leave gaps
    topic: dict[int, bytes] = {}
    for offset, day in days.items():
        event = enriched(offset, names=["ليلى"], seen=f"2026-05-0{day}T00:00:00Z")
        topic[offset] = encode(event if kind is EnrichedArticle else Trends().take(event)[0])

    async def newest(_: Settings, __: type[Event], *, before: int = 99) -> Any:
        found = max((offset for offset in topic if offset < before), default=None)
        return None if found is None else SimpleNamespace(offset=found, value=topic[found])

    monkeypatch.setattr(view, "newest", newest)
    monkeypatch.setattr(view, "_NEAR", 0)
    stage = World(monkeypatch, Trends()).stage
    stage.lane = Lane(kind="replay", since=None, until=None, versions={})
    for day in range(1, 11):
        since = await stage._since(kind, from_rfc3339(f"2026-05-{day:02}T00:00:00Z"))
        assert [n for n in days if n >= (since or 0)] == [n for n in days if days[n] >= day]


class Failing(Trends):
    def take(self, event: EnrichedArticle) -> list[Trend]:
        if event.id == "bad":
            raise ZeroDivisionError
        return super().take(event)


async def test_a_record_that_is_no_article_or_that_a_core_fails_on_harms_itself_only(
    monkeypatch: pytest.MonkeyPatch, enriched: Enriched, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(monkeypatch, Failing())
    good = [encode(enriched(number, name, names=["ليلى"])) for number, name in enumerate(("a", "bad", "b"))]

    async def job() -> None:
        world.arrive(good[0], b"{", good[1], b"{}", good[2])

    with caplog.at_level(logging.ERROR):
        await world.run(0, job, 5)
    assert b'"articles":2' in dict(world.sent[-1][1])["kh:ليلى,1h".encode()]
    assert [record.message.split(" is passed over: ")[0] for record in caplog.records] == [
        "offset 1 of t", "offset 2 of t", "offset 3 of t"
    ]  # fmt: skip


async def test_the_reader_knows_where_a_transactions_marker_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = view._Consumer.__new__(view._Consumer)
    consumer.gaps, consumer.next, consumer.flow_active = {}, {HERE: 5}, True
    positions = iter((9, 10))

    async def position(_: TP) -> int:
        return next(positions)

    async def polled(*_: object) -> dict[TP, list[Any]]:
        return answers.pop(0)

    consumer._thread = cast(Any, SimpleNamespace(position=position))
    monkeypatch.setattr(view.driver.Consumer, "_getmany", polled)
    answers: list[dict[TP, list[Any]]] = [{HERE: [SimpleNamespace(offset=7)]}, {}]
    await consumer._getmany(None, 0)
    assert (consumer.past_gap(HERE, 8), consumer.past_gap(HERE, 7)) == (9, 7)
    consumer.next = {HERE: 8}
    await consumer._getmany(None, 0)
    assert consumer.past_gap(HERE, 8) == 10, "a second marker, and still no record"
