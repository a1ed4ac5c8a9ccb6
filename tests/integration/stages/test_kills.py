"""Stages and brokers that are killed, frozen and started again: nothing is lost, and the line stays one."""

import asyncio
import signal
from collections import Counter

import pytest

from agents.deduplicate import Deduplicator
from schemas import EnrichedArticle, Story, TaggedArticle, decode, encode
from streams.letters import read_letters
from streams.read import line_of

pytestmark = pytest.mark.kafka


async def follow_the_line(way):
    """What a subscriber sees must be what the story log comes to, each decision once and in order."""
    core, last, expected = Deduplicator.shipped(), {}, []
    for record in await way.records("tagged"):
        partition, _, offset = dict(record.headers)["khabar-raw"].partition(b":")
        if int(offset) <= last.get(partition, -1):
            continue
        last[partition] = int(offset)
        expected += [
            (record.offset, event) for event in core.decide(decode(TaggedArticle, record.value), record.offset)
        ]
    for topic, kind in (("enriched", EnrichedArticle), ("stories", Story)):
        seen = [(line_of(record), record.value) for record in await way.records(topic)]
        assert seen == [(line, encode(event)) for line, event in expected if isinstance(event, kind)], topic


async def test_a_stage_killed_in_the_middle_loses_nothing(way, write):
    count = 600
    await way.send([write(number) if number % 50 else b"%d" % number for number in range(count)])
    for _ in range(3):
        process = way.start("normalize", KHABAR_TEST_SLOW="0.003", KHABAR_TEST_LIMIT="20")
        before = len(await way.records("normalized"))
        await way.until("normalized", before + 40)
        process.kill()
        process.wait()
    way.start("normalize")
    way.start("tag")
    way.start("deduplicate")
    await way.drained("normalize", "tag", "deduplicate")
    found = Counter(event["source_id"] for event in await way.values("enriched"))
    assert found == Counter(f"a{number}" for number in range(count) if number % 50)
    letters = [letter async for letter in read_letters(way.settings)]
    assert len(letters) == count // 50
    await follow_the_line(way)


async def test_partitions_move_between_workers_and_nothing_is_lost(way, write):
    count = 800
    await way.send([write(number) for number in range(count)])
    first = way.start("normalize", KHABAR_TEST_SLOW="0.01", KHABAR_TEST_LIMIT="20")
    await way.until("normalized", 40)
    way.start("normalize", KHABAR_TEST_SLOW="0.005", KHABAR_TEST_LIMIT="20")
    way.start("tag")
    way.start("deduplicate")
    await way.until("normalized", 300)
    first.send_signal(signal.SIGTERM)
    assert await way.ended(first) == 0
    await way.drained("normalize", "tag", "deduplicate")
    found = Counter(event["source_id"] for event in await way.values("enriched"))
    assert found == Counter(f"a{number}" for number in range(count))
    await follow_the_line(way)


async def test_stages_outlive_a_broker_that_is_killed(broker, make_way, lane, write):
    way = make_way(broker.bootstrap, lane)
    await way.make()
    for stage in ("normalize", "tag", "deduplicate"):
        way.start(stage, KHABAR_TEST_SLOW="0.001", KHABAR_TEST_LIMIT="50")
    await way.send([write(number) for number in range(400)])
    await way.until("enriched", 50)
    broker.kill()
    await asyncio.sleep(2)
    broker.start()
    await way.send([write(number) for number in range(400, 600)])
    await way.drained("normalize", "tag", "deduplicate")
    assert [process.poll() for process in way.processes] == [None, None, None]
    found = Counter(event["source_id"] for event in await way.values("enriched"))
    assert found == Counter(f"a{number}" for number in range(600))
    await follow_the_line(way)


async def test_a_line_restarted_after_every_batch_is_the_same_line(way, write):
    values = [write(number % 100, title=f"خبر {number}") for number in range(160)]
    await way.send(values)
    way.start("normalize")
    way.start("tag")
    await way.drained("normalize", "tag")
    restarts = 0
    while True:
        process = way.start("deduplicate", KHABAR_TEST_ALONE="1", KHABAR_TEST_BATCHES="1", KHABAR_TEST_LIMIT="10")
        waiting = asyncio.create_task(way.drained("deduplicate"))
        ended = asyncio.create_task(way.ended(process, 90))
        await asyncio.wait([waiting, ended], return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            ended.cancel()
            break
        waiting.cancel()
        assert ended.result() == 9, way.said("deduplicate")
        restarts += 1
    assert restarts >= 2
    await follow_the_line(way)


async def test_a_frozen_deduplicate_is_shut_out_by_the_standby_and_ends(way, write):
    way.start("normalize", KHABAR_TEST_SLOW="0.002")
    way.start("tag")
    frozen = way.start("deduplicate", KHABAR_TEST_LIMIT="30")
    await way.send([write(number) for number in range(900)])
    await way.until("enriched", 30)
    frozen.send_signal(signal.SIGSTOP)
    way.start("deduplicate")
    await way.drained("normalize", "tag", "deduplicate")
    frozen.send_signal(signal.SIGCONT)
    assert await way.ended(frozen) == 1
    assert "another deduplicate has taken over" in way.said("deduplicate")
    await way.send([write(number) for number in range(900, 1000)])
    await way.drained("normalize", "tag", "deduplicate")
    found = Counter(event["source_id"] for event in await way.values("enriched"))
    assert found == Counter(f"a{number}" for number in range(1000))
    await follow_the_line(way)
