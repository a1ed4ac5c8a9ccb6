"""Retention on a real broker: an archive of years ago stays whole in its lane, whatever live lanes forget."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from deploy.broker import Broker
from deploy.chain import Chain
from deploy.replaying import replay_archive
from schemas import Lane, Misconfigured
from streams import lanes, replay, topics
from streams.archives import Archive, Bounds, FieldMap, Placing
from streams.kafka import make_producer, running
from streams.ledger import read_ledger
from streams.read import read_topic
from streams.settings import Settings
from streams.topics import Topics

pytestmark = pytest.mark.kafka

# The broker looks for what is too old five times a second, and closes segments as soon, so that there is some.
HASTY = {"log.retention.check.interval.ms": "200", "log.roll.ms": "500", "log.segment.delete.delay.ms": "100"}
TEXT = "وصل وفد من خبراء الري إلى بلدة عين الرمان صباح اليوم، وزار السد القديم الذي تصدع في الشتاء الماضي."


async def count(settings: Settings, topic: str) -> int:
    return sum([1 async for _ in read_topic(settings, topic)])


async def holds(settings: Settings, topic: str) -> bool:
    try:
        return await count(settings, topic) > 0
    except Misconfigured:  # what was there when reading began is gone
        return True


async def test_an_archive_of_2015_loses_nothing_where_live_lanes_forget_within_seconds(
    make_broker: Callable[..., Broker],
    lane: str,
    monkeypatch: pytest.MonkeyPatch,
    workers: Callable[[Settings], AbstractContextManager[None]],
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(replay, "_ALONE_S", 1.0)
    monkeypatch.setattr(topics, "_DAY_MS", 100)  # fourteen days of a live lane are 1.4 s
    broker = make_broker(HASTY)
    broker.start()
    live = Settings(broker=broker.bootstrap, lane=lane, tagger="off", metrics_port=0)
    replayed = live.on(f"{lane}-2015")
    await lanes.create(live, Lane(kind="live", since=None, until=None, versions={}))
    async with running(make_producer(live), live) as producer:
        for number in range(50):
            await producer.send_and_wait(Topics(live.prefix, live.lane).name("raw"), b"%d" % number)
    rows = [
        {
            "source": "alofoq.example",
            "source_id": str(n),
            "title": f"{n}",
            "body": f"{TEXT} {n}",
            "published_at": 1.43e9 + n,
        }
        for n in range(300)
    ]
    (tmp_path / "2015.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    bounds = Bounds.parse("2015-01-01", "2015-12-31", UTC, datetime.now(UTC))
    archive = Archive([tmp_path / "2015.jsonl"], FieldMap({}), Placing(bounds))
    versions = Chain.shipped("off").versions
    assert not await replay_archive(replayed, archive, versions, lambda _: None)  # sent, and nobody works on it
    async with asyncio.timeout(90):
        while await holds(live, "raw"):  # until retention has struck where it may
            await asyncio.sleep(0.3)
        with workers(replayed):
            while not await replay_archive(replayed, archive, versions, lambda _: None):
                pass  # the workers start
    ledger = await read_ledger(replayed)
    assert (ledger.enriched, ledger.records) == (300, 300)
    assert await count(replayed, "enriched") == 300
