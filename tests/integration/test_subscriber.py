"""A subscriber that drops repeats by line number sees nothing twice and misses nothing, also after compaction."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, suppress

import orjson
import psutil
import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy.broker import Broker
from schemas import EnrichedArticle, Lane, RawArticle, Story, decode
from streams import lanes
from streams.delivery import Delivery, Output
from streams.kafka import make_admin, running
from streams.read import Record, line_of, read_topic, without_repeats
from streams.settings import Settings
from streams.topics import Topics

pytestmark = pytest.mark.kafka

ARTICLES, VERSIONS = 40, 12


def raw(article: int, version: int) -> bytes:
    """The same event in five outlets' words, and each of them again and again with another number of visitors."""
    body = (
        f"افتتح معرض الكتاب رقم {article // 5} في مدينة الزيتونة بمشاركة دور نشر من بلدان عدة، وقال مدير المعرض إن عدد "
        f"الزوار بلغ {1000 + version} زائرا منذ الصباح، وتستمر الفعاليات أسبوعا كاملا وتشمل ندوات وأمسيات شعرية."
    )
    outlet = f"outlet-{article % 5}.example"
    return orjson.dumps({"url": f"https://{outlet}/{article}", "title": f"معرض الكتاب {article // 5}", "body": body})


async def roll_segments_at_once(settings: Settings) -> None:
    """Compaction leaves the newest segment alone; let it be a second old at most."""
    topics = [Topics(settings.prefix, settings.lane).name(each) for each in (EnrichedArticle, Story)]
    config = {"segment.ms": "1000", "min.cleanable.dirty.ratio": "0.01", "cleanup.policy": "compact,delete"}
    config |= {"message.timestamp.type": "LogAppendTime", "max.message.bytes": str(8 * 2**20 + 65536)}
    async with running(make_admin(settings), settings) as admin:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, each, config) for each in topics])


async def kept(records: AsyncIterator[Record]) -> dict[int, Record]:
    """What a subscriber keeps, by line; asserts that the lines rise."""
    found: dict[int, Record] = {}
    async for record in without_repeats(records):
        line = line_of(record)
        assert line is not None
        assert line > max(found, default=-1)
        found[line] = record
    return found


def newest(found: dict[int, Record]) -> dict[bytes | None, bytes | None]:
    return {record.key: record.value for record in found.values()}


@pytest.mark.timeout(400)
async def test_nothing_twice_and_nothing_missing_through_kills_and_compaction(
    make_broker: Callable[..., Broker],
    lane: str,
    workers: Callable[[Settings], AbstractContextManager[None]],
) -> None:
    broker = make_broker({"log.cleaner.backoff.ms": "200", "log.retention.check.interval.ms": "500"})
    broker.start()
    settings = Settings(broker=broker.bootstrap, lane=lane, metrics_port=0)
    await lanes.create(settings, Lane(kind="live", since=None, until=None, versions={}))
    await roll_segments_at_once(settings)
    followed: dict[int, Record] = {}

    async def follow() -> None:
        async for record in without_repeats(read_topic(settings, EnrichedArticle, follow=True)):
            line = line_of(record)
            assert line is not None
            assert line not in followed
            followed[line] = record

    async def all_decided(versions: int) -> None:
        while len(followed) < ARTICLES * versions:
            await asyncio.sleep(0.2)

    topic, delivery = Topics(settings.prefix, lane).name(RawArticle), Delivery(settings)
    with workers(settings):
        follower = asyncio.create_task(follow())
        for version in range(VERSIONS):
            await delivery.send(
                Output(topic, article % settings.partitions, None, raw(article, version), ())
                for article in range(ARTICLES)
            )
            if version in (3, 7):
                deduplicate = [each for each in psutil.process_iter(["cmdline"]) if _is_deduplicate_of(lane, each)]
                for process in deduplicate:
                    process.send_signal(signal.SIGKILL)
            async with asyncio.timeout(120):
                waiting = asyncio.create_task(all_decided(version + 1))
                await asyncio.wait({waiting, follower}, return_when=asyncio.FIRST_COMPLETED)
                if follower.done():
                    follower.result()
            await asyncio.sleep(1.1)
        follower.cancel()
        with suppress(asyncio.CancelledError):
            await follower
        await delivery.close()
        async with asyncio.timeout(60):
            while len(late := await kept(read_topic(settings, EnrichedArticle))) > ARTICLES * VERSIONS // 2:
                await asyncio.sleep(0.5)
        stories = await kept(read_topic(settings, Story))

    events = [decode(EnrichedArticle, record.value or b"") for record in followed.values()]
    assert len(followed) == ARTICLES * VERSIONS
    assert {(each.id, each.revision) for each in events} == {
        (each.id, revision) for each in events for revision in range(VERSIONS)
    }
    assert newest(late) == newest(followed)
    told = {each.story.id for each in events if each.story}
    assert {decode(Story, record.value or b"").id for record in stories.values()} == told


def _is_deduplicate_of(lane: str, process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.cmdline()[-3::2] == ["--owner", "deduplicate"] and process.environ().get("KHABAR_LANE") == lane
    return False
