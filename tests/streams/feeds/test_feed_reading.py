"""What is made to be costly costs a process that is killed, and its feed a line in the health."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from streams.feeds.errors import FeedFailed
from streams.feeds.fetching import Fetched
from streams.feeds.reading import Reader

GOOD = b"<rss version='2.0'><channel><item><title>\xd8\xae\xd8\xa8\xd8\xb1</title></item></channel></rss>"
COSTLY = b"<rss version='2.0'><channel><item><title>" + b"<b" * 1_000_000


def fetched(body: bytes) -> Fetched:
    return Fetched(url="https://example.org/a", body=body, charset=None)


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    reader = Reader(seconds=2.0)
    yield reader
    await reader.close()


async def test_costly_markup_is_given_up_and_the_next_feed_is_read(reader: Reader) -> None:
    assert [item.title for item in (await reader.feed(fetched(GOOD))).items] == ["خبر"]
    begun = time.monotonic()
    for costly in (reader.feed(fetched(COSTLY)), reader.page(fetched(b"<br>" * 500_000))):
        with pytest.raises(FeedFailed, match="within 2 s") as caught:
            await costly
        assert caught.value.kind == "too-costly"
    assert time.monotonic() - begun < 20
    assert [item.title for item in (await reader.feed(fetched(GOOD))).items] == ["خبر"]


async def test_a_failure_comes_back_as_it_was(reader: Reader) -> None:
    with pytest.raises(FeedFailed, match="it is a web page") as caught:
        await reader.feed(fetched(b"<html></html>"))
    assert caught.value.kind == "not-a-feed"
    assert await reader.page(fetched(b"")) is None


async def test_an_answer_that_nobody_waits_for_is_given_to_nobody_else(reader: Reader) -> None:
    await reader.feed(fetched(GOOD))
    asking = asyncio.create_task(reader.page(fetched(b"<br>" * 200_000)))
    await asyncio.sleep(0.1)
    asking.cancel()
    assert [item.title for item in (await reader.feed(fetched(GOOD))).items] == ["خبر"]
