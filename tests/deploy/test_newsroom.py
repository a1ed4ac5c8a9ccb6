"""The demo's own feeds: every version of every item is on an answer once, none before its time."""

import aiohttp
import feedparser
import pytest

from deploy.newsroom import newsroom
from streams.pages import extract


async def test_each_answer_shows_one_item_more_until_all_are_there() -> None:
    seen = set[tuple[str, str]]()
    async with newsroom(0.0) as room, aiohttp.ClientSession() as session:
        for _ in range(room.versions):
            for feed in room.feeds:
                async with session.get(feed.url) as answer:
                    entries = feedparser.parse(await answer.text()).entries
                seen |= {(entry.link, entry.title) for entry in entries}
    assert len(seen) == room.versions
    assert len({link for link, _ in seen}) == room.versions - 1  # one is corrected


async def test_nothing_but_the_first_is_there_before_its_time() -> None:
    async with newsroom(60.0) as room, aiohttp.ClientSession() as session:
        for _ in range(3):
            counts = []
            for feed in room.feeds:
                async with session.get(feed.url) as answer:
                    counts.append(len(feedparser.parse(await answer.text()).entries))
    assert counts == [1, 0]


async def test_a_page_has_the_text_that_the_feed_leaves_out() -> None:
    async with newsroom(0.0) as room, aiohttp.ClientSession() as session:
        feed = next(each for each in room.feeds if each.source_id == "nilenews.example")
        async with session.get(feed.url) as answer:
            (entry,) = feedparser.parse(await answer.text()).entries
        async with session.get(entry.link) as answer:
            page = extract(await answer.read(), answer.charset, entry.link)
    assert page is not None
    assert page.text is not None
    assert entry.summary.endswith("…")
    assert page.text.startswith(entry.summary.rstrip("…"))
    assert "ناصر العبيدان" in page.text


@pytest.mark.parametrize("path", ["nobody.example/rss", "nilenews.example/none"])
async def test_what_is_not_there_is_not_found(path: str) -> None:
    async with newsroom(0.0) as room, aiohttp.request("GET", f"{room.root}/{path}") as answer:
        assert answer.status == 404
