"""A replay lane's line on a real Kafka: the order of places, marks, restarts, and what comes too late."""

import asyncio
import random

import pytest
from aiokafka.admin import NewPartitions

from agents.deduplicate import Deduplicator
from schemas import LAST, EnrichedArticle, ProgressMark, TaggedArticle, date_of, decode, encode, from_rfc3339, place_of
from streams import lanes
from streams.kafka import make_admin, running
from streams.letters import read_letters
from streams.read import line_of

pytestmark = pytest.mark.kafka


def article(partition, place, value):
    return partition, value, [("khabar-place", place.encode())]


def mark(partition, place):
    return partition, encode(ProgressMark(place=place)), [("khabar-mark", place.encode())]


async def test_a_replay_decides_by_place_whatever_order_partitions_bring_and_however_often_it_restarts(
    make_way, kafka, lane, write
):
    way = make_way(kafka, lane)
    await way.make(kind="replay")
    chance = random.Random(5)
    day = 86_400_000_000
    values = [write(number % 50, title=f"خبر {number}") for number in range(80)]
    placed = sorted(
        (place_of(1_400_000_000_000_000 + chance.randrange(9 * day), canceled=False, value=value), value)
        for value in values
    )
    records = []
    for number in range(0, 80, 8):  # partition by partition, so that the log is far from the order of places
        part = placed[number : number + 8]
        records += [article(partition, *each) for partition in (3, 1, 0, 2) for each in part[partition::4]]
        records += [mark(partition, part[-1][0]) for partition in (2, 0, 3, 1)]
    await way.send_each([*records, *(mark(partition, LAST) for partition in range(4))])
    way.start("normalize")
    way.start("tag")
    await way.drained("normalize", "tag")
    restarts = 0
    while (standing := await lanes.progress(way.settings)) is None or standing.passed != LAST:
        code = await way.ended(
            way.start("deduplicate", KHABAR_TEST_ALONE="1", KHABAR_TEST_BATCHES="1", KHABAR_TEST_LIMIT="3"), 90
        )
        assert code == 9, way.said("deduplicate")
        restarts += 1
    assert restarts >= 2
    last = way.start("deduplicate")
    await way.drained("deduplicate")

    tagged = {dict(record.headers).get("khabar-place"): record.value for record in await way.records("tagged")}
    core, expected = Deduplicator.shipped(), []
    for place, _ in placed:
        event = core.decide(decode(TaggedArticle, tagged[place.encode()]), len(expected))
        if event:
            expected.append(encode(event[0]))
    records = await way.records("enriched")
    assert [line_of(record) for record in records] == list(range(len(expected)))
    assert [record.value for record in records] == expected
    for record in records:
        place = dict(record.headers)["khabar-place"].decode()
        assert from_rfc3339(decode(EnrichedArticle, record.value).seen_at) == date_of(place)

    value = write(900)
    late = place_of(1_400_000_000_000_000, canceled=False, value=value)
    await way.send_each([article(0, late, value), article(0, *placed[3])])
    await way.drained("normalize", "tag", "deduplicate")
    (letter,) = [letter async for letter in read_letters(way.settings)]
    assert (letter.note.stage, letter.note.cause) == ("deduplicate", "late")
    assert len(await way.records("enriched")) == len(expected)
    assert last.poll() is None


async def widen(way, topic, partitions):
    async with running(make_admin(way.settings), way.settings) as admin:
        await admin.create_partitions({way.names.name(topic): NewPartitions(total_count=partitions)})


async def test_a_raw_topic_that_gains_a_partition_in_the_middle_loses_nothing_and_says_what_to_do(
    make_way, kafka, lane, write
):
    way = make_way(kafka, lane)
    await way.make(kind="replay")
    placed = []
    for number in range(24):
        value = write(number)
        placed.append((place_of(1_400_000_000_000_000 + number * 1_000_000, canceled=False, value=value), value))
    await way.send_each(article(number % 4, *each) for number, each in enumerate(placed[:12]))
    await way.send_each(mark(partition, placed[11][0]) for partition in range(4))
    normalize, deduplicate = (way.start(stage, KHABAR_TEST_ALONE="1") for stage in ("normalize", "deduplicate"))
    way.start("tag")
    await way.until("enriched", 12)

    await widen(way, "raw", 5)
    await asyncio.sleep(1)  # until the broker's other half knows
    await way.send_each(article(number % 5, *each) for number, each in enumerate(placed[12:]))
    assert await way.ended(normalize, 90) == 70  # there is no such partition to write to
    assert await way.ended(way.start("normalize"), 90) == 2
    assert "normalized.v1: has 4 partitions" in way.said("normalize")
    assert "raw.v1 has 5; they must have as many" in way.said("normalize")

    await widen(way, "normalized", 5)
    way.start("normalize", KHABAR_TEST_ALONE="1")
    assert await way.ended(deduplicate, 90) == 70
    assert "raw partition 4 was added to the lane since this line began" in way.said("deduplicate")
    way.start("deduplicate", KHABAR_TEST_ALONE="1")
    await way.send_each(mark(partition, LAST) for partition in range(5))
    await way.until("enriched", 24)
    assert [decode(EnrichedArticle, record.value).source_id for record in await way.records("enriched")] == [
        f"a{number}" for number in range(24)
    ]
    assert not [letter async for letter in read_letters(way.settings)]
