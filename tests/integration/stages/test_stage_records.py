"""What becomes of records on a real Kafka: each out once, or a dead letter."""

from collections import Counter

import pytest

from schemas import ProgressMark, encode
from streams.letters import read_letters
from streams.read import header

pytestmark = pytest.mark.kafka


async def test_one_record_that_is_not_json_among_1000_harms_itself_only(way, write):
    values = [write(number) for number in range(1000)]
    values[617] = b"{this is not JSON"
    await way.send(values)
    for stage in ("normalize", "tag", "deduplicate"):
        way.start(stage)
    await way.drained("normalize", "tag", "deduplicate")
    for topic in ("normalized", "tagged", "enriched"):
        found = Counter(event["source_id"] for event in await way.values(topic))
        assert found == Counter(f"a{number}" for number in range(1000) if number != 617), topic
    (letter,) = [letter async for letter in read_letters(way.settings)]
    assert letter.value == values[617]
    assert (letter.note.stage, letter.note.cause, letter.key) == ("normalize", "not-json", b"k")
    assert (letter.note.from_partition, letter.note.from_offset) == (617 % 4, 617 // 4)


async def test_a_core_that_fails_on_one_record_makes_one_dead_letter_with_the_trace(way, write):
    await way.send([write(number, title="خلل" if number == 30 else None) for number in range(60)])
    way.start("normalize")
    await way.drained("normalize")
    assert len(await way.records("normalized")) == 59
    (letter,) = [letter async for letter in read_letters(way.settings)]
    assert letter.note.cause == "bug"
    assert letter.note.reason == "ZeroDivisionError: a bug on purpose"
    assert "plain.py" in (letter.note.trace or "")


async def test_normalize_keeps_the_partition_and_says_where_each_record_came_from(way, write):
    trace = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    await way.send([write(number) for number in range(8)], headers=[("traceparent", trace), ("khabar-raw", b"9:9")])
    way.start("normalize")
    way.start("tag")
    await way.drained("normalize", "tag")
    for record in await way.records("normalized"):
        assert header(record, "khabar-raw") == f"{record.partition}:{record.offset}".encode()
    tagged = await way.records("tagged")
    assert len(tagged) == 8
    for record in tagged:
        raw = header(record, "khabar-raw")
        assert header(record, "ce_id") == raw
        assert header(record, "traceparent") == trace
        assert header(record, "ce_type") == b"khabar.articles.tagged.v1"
        assert (header(record, "ce_specversion"), header(record, "content-type")) == (b"1.0", b"application/json")


async def test_a_live_lane_takes_no_marks_and_tombstones_are_nothing(way, write):
    await way.send([encode(ProgressMark(place="~"))], headers=[("khabar-mark", b"~")])
    await way.send([None, write(1)])
    way.start("normalize")
    await way.drained("normalize")
    assert len(await way.records("normalized")) == 1
    (letter,) = [letter async for letter in read_letters(way.settings)]
    assert letter.note.cause == "invalid"
    assert "progress mark" in letter.note.reason


async def test_a_replay_lane_takes_what_was_placed_and_passes_marks_on(make_way, kafka, lane, write):
    way = make_way(kafka, lane)
    await way.make(kind="replay")
    await way.send([write(1)], partition=0)
    refused = [("khabar-refused", b'published_at is "gestern"'), ("khabar-cause", b"undated")]
    await way.send([write(2)], headers=refused, partition=1)
    await way.send([encode(ProgressMark(place="~"))], headers=[("khabar-mark", b"~")], partition=2)
    way.start("normalize")
    await way.drained("normalize")
    (mark,) = await way.records("normalized")
    assert (mark.partition, mark.value) == (2, encode(ProgressMark(place="~")))
    assert (header(mark, "khabar-mark"), header(mark, "khabar-raw")) == (b"~", b"2:0")
    causes = {letter.note.cause: letter.note.reason async for letter in read_letters(way.settings)}
    assert causes == {"undated": 'published_at is "gestern"', "invalid": causes["invalid"]}
    assert "khabar-place" in causes["invalid"]
