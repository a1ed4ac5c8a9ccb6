"""A page that cannot be had costs its article no more than time: it goes out as it is, and whole when it can."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

Rss = Callable[..., bytes]

TEXT = "وصل وفد من خبراء الري إلى بلدة عين الرمان صباح اليوم، وزار السد القديم الذي تصدع في الشتاء الماضي. " * 8


class Article:
    """A page that answers with `status`, or with its text."""

    def __init__(self, site: Any, status: int) -> None:
        self.status = status
        self.asked = 0
        site.pages["/news/1"] = self.answer

    async def answer(self, _: web.Request) -> web.Response:
        self.asked += 1
        if self.status != 200:
            return web.Response(status=self.status)
        page = f"<html><body><article><h1>خبر</h1><p>{TEXT}</p></article></body></html>"
        return web.Response(text=page, content_type="text/html")


@pytest.fixture
def feed(site: Any, desk: Any, rss: Rss) -> str:
    desk.rules = replace(desk.rules, pages=True)
    site.pages["/rss"] = rss({"title": "خبر", "link": f"{site.root}/news/1", "guid": "n-1", "description": "وصل وفد…"})
    return str(site.root + "/rss")


async def test_a_page_that_could_not_be_had_is_read_later_though_the_feed_is_as_it_was(
    site: Any, desk: Any, sent: Any, feed: str
) -> None:
    page = Article(site, 503)
    await desk.poll(feed)
    desk.restart()
    page.status = 200
    await desk.poll(feed)
    assert page.asked == 1  # it is not due yet
    desk.now += 601
    await desk.poll(feed)
    await desk.poll(feed)
    assert [article["body"] and article["body"].startswith("وصل وفد من") for article in sent.articles] == [None, True]
    assert {(article["url"], article["lead"]) for article in sent.articles} == {(site.root + "/news/1", "وصل وفد…")}
    assert sent.records[0].key == sent.records[1].key
    assert page.asked == 2


async def test_it_is_tried_three_times_more_and_ever_more_rarely(site: Any, desk: Any, sent: Any, feed: str) -> None:
    page = Article(site, 503)
    await desk.poll(feed)
    for seconds, asked in ((601, 2), (601, 2), (1_800, 3), (9_601, 4), (100_000, 4)):
        desk.now += seconds
        await desk.poll(feed)
        assert page.asked == asked
    assert len(sent.records) == 1


@pytest.mark.parametrize("status", [404, 403, 410])
async def test_a_page_that_is_not_there_is_not_asked_for_again(
    site: Any, desk: Any, sent: Any, feed: str, status: int
) -> None:
    page = Article(site, status)
    await desk.poll(feed)
    desk.now += 10_000
    await desk.poll(feed)
    assert page.asked == 1
    assert len(sent.records) == 1


async def test_what_was_taken_back_meanwhile_stays_taken_back(
    site: Any, desk: Any, sent: Any, feed: str, rss: Rss
) -> None:
    page = Article(site, 503)
    await desk.poll(feed)
    tombstone = b'<at:deleted-entry ref="n-1" when="2026-05-01T09:20:00Z"/></channel>'
    site.pages["/rss"] = rss().replace(b"</channel>", tombstone)
    await desk.poll(feed)
    page.status = 200
    desk.now += 601
    await desk.poll(feed)
    assert [article["status"] for article in sent.articles] == ["usable", "canceled"]
