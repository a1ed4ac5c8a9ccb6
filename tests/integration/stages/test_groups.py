"""What a group does when the broker's word comes late."""

import asyncio
import time

import pytest

from streams import cluster
from streams.driver import make_group_reader
from streams.settings import Settings
from streams.topics import Topics

pytestmark = pytest.mark.kafka


async def test_a_group_that_was_divided_before_its_topic_was_known_is_divided_again_soon(kafka: str, lane: str) -> None:
    settings = Settings(broker=kafka, lane=lane)
    topics = Topics(settings.prefix, lane)
    reader = make_group_reader(settings, topics.group("tag"), None)
    await reader.start()
    try:
        reader.subscribe([topics.name("articles.normalized")])
        await asyncio.sleep(2)  # it joins, leads, and gives itself nothing
        await cluster.create(settings)
        until = time.monotonic() + 20
        while not reader.assignment():
            assert time.monotonic() < until, "the group waits for the client's next look at the topics"
            await asyncio.sleep(0.1)
        assert len(reader.assignment()) == settings.partitions
    finally:
        await reader.stop()
