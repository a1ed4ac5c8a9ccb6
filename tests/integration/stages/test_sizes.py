"""Records just under, at and over every limit, on a real Kafka."""

import os

import pytest

from streams.delivery import Delivery, Output
from streams.letters import read_letters
from streams.topics import TABLE, by_name

pytestmark = pytest.mark.kafka


async def test_every_topic_takes_and_gives_back_its_largest_record_even_if_nothing_can_be_compressed(way):
    delivery = Delivery(way.settings)
    for topic in TABLE:
        values = [os.urandom(topic.largest - 1 - size) for size in (1, 0)]
        await delivery.send(Output(way.names.name(topic.name), 0, b"k", value, []) for value in values)
        found = [record.value for record in await way.records(topic.name) if record.key == b"k"]
        assert found == values, topic.name
    await delivery.close()


async def test_articles_at_the_limit_come_through_and_one_byte_more_is_a_dead_letter(way, write):
    largest = by_name("raw").largest - len(b"k")
    empty = len(write(0, title="طويل", body_size=0))
    sizes = {1: largest - 1, 2: largest, 3: largest + 1}
    values = [write(number, title="طويل", body_size=size - empty) for number, size in sizes.items()]
    assert [len(value) for value in values] == list(sizes.values())
    await way.send(values)
    for stage in ("normalize", "tag", "deduplicate"):
        way.start(stage)
    await way.drained("normalize", "tag", "deduplicate")
    assert sorted(event["source_id"] for event in await way.values("enriched")) == ["a1", "a2"]
    (letter,) = [letter async for letter in read_letters(way.settings)]
    assert (letter.note.cause, letter.value) == ("too-large", values[2])
