"""The whole text from the page, as far as the site lets us; the lead where it does not."""

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from streams.feeds.fetching import Fetcher
from streams.feeds.pages import Pages
from streams.pages import Page, extract

Rss = Callable[..., bytes]

LEAD = "افتتح الوزير معرض الكتاب…"
PARAGRAPHS = [
    "افتتح وزير الثقافة مساء أمس معرض الكتاب في دورته العشرين بحضور عدد كبير من الناشرين والكتاب والقراء.",
    "وقال الوزير في كلمته إن المعرض يضم أكثر من ستمئة دار نشر من ثلاثين دولة، وإن الدخول مجاني طوال أيامه.",
    "وتستمر فعاليات المعرض عشرة أيام، وتشمل ندوات وأمسيات شعرية وورشا للأطفال في الجناح الشرقي من المدينة.",
]
TEXT = "\n".join(PARAGRAPHS)


def page(head: str = "", charset: str = "utf-8") -> bytes:
    inside = "".join(f"<p>{each}</p>" for each in PARAGRAPHS)
    return (
        f'<!DOCTYPE html><html lang="ar"><head><meta charset="{charset}">'
        f"<title>معرض الكتاب | الصحيفة</title>{head}</head>"
        "<body><nav><a href='/'>الرئيسية</a> <a href='/sport'>رياضة</a></nav>"
        f"<article><h1>معرض الكتاب</h1>{inside}</article><footer>جميع الحقوق محفوظة</footer></body></html>"
    ).encode(charset)


@pytest.fixture
def followed(site: Any, desk: Any, rss: Rss) -> Any:
    """A desk that reads pages, and a feed with a lead of the article at /a."""
    desk.rules = replace(desk.rules, pages=True)
    site.pages["/rss"] = rss({"title": "معرض الكتاب", "link": site.root + "/a", "description": LEAD})
    site.pages["/a"] = page()
    return desk


async def test_a_lead_gets_the_text_of_its_page(site: Any, followed: Any, sent: Any) -> None:
    await followed.poll(site.root + "/rss")
    (article,) = sent.articles
    assert article["lead"] == LEAD
    assert article["body"] == TEXT
    assert article["title"] == "معرض الكتاب"
    assert site.paths() == ["/rss", "/robots.txt", "/a"]


async def test_a_whole_text_needs_no_page(site: Any, followed: Any, sent: Any, rss: Rss) -> None:
    site.pages["/rss"] = rss({"title": "خ", "link": site.root + "/a", "content:encoded": f"<![CDATA[{TEXT * 3}]]>"})
    await followed.poll(site.root + "/rss")
    assert site.paths() == ["/rss"]


async def test_robots_are_respected_and_the_lead_kept(site: Any, followed: Any, sent: Any) -> None:
    site.pages["/robots.txt"] = b"User-agent: *\nAllow: /\n\nUser-agent: Khabar\nDisallow: /a\n"
    await followed.poll(site.root + "/rss")
    assert site.paths() == ["/rss", "/robots.txt"]
    assert (sent.articles[0]["lead"], sent.articles[0]["body"]) == (LEAD, None)


async def test_robots_that_cannot_be_had_forbid_all(site: Any, followed: Any, sent: Any) -> None:
    async def broken(_: web.Request) -> web.Response:
        return web.Response(status=500)

    site.pages["/robots.txt"] = broken
    await followed.poll(site.root + "/rss")
    assert "/a" not in site.paths()


@pytest.mark.parametrize(
    "body", [None, b"", b"<html></html>", b"\x00" * 5000, b"<" * 5000, b"<div>" * 20_000], ids=range(6)
)
async def test_the_lead_is_kept_where_the_page_gives_nothing(
    site: Any, followed: Any, sent: Any, body: bytes | None
) -> None:
    if body is None:
        del site.pages["/a"]
    else:
        site.pages["/a"] = body
    await followed.poll(site.root + "/rss")
    assert (sent.articles[0]["lead"], sent.articles[0]["body"]) == (LEAD, None)
    assert followed.status().error is None


async def test_a_page_at_a_private_address_is_not_read(site: Any, followed: Any, sent: Any, rss: Rss) -> None:
    link = site.root.replace("127.0.0.1", "localhost") + "/a"
    site.pages["/rss"] = rss({"title": "خ", "link": link, "description": LEAD})
    await followed.poll(site.root + "/rss")
    assert site.paths() == ["/rss"]
    assert sent.articles[0]["lead"] == LEAD


async def test_the_page_dates_what_the_feed_does_not(site: Any, followed: Any, sent: Any) -> None:
    site.pages["/a"] = page('<meta property="article:published_time" content="2026-05-01T08:00:00+03:00">')
    await followed.poll(site.root + "/rss")
    (article,) = sent.articles
    assert (article["published_at"], article["dated_by"]) == ("2026-05-01T05:00:00Z", "page")


async def test_a_canonical_link_of_the_site_is_the_address(site: Any, followed: Any, sent: Any) -> None:
    site.pages["/a"] = page(f'<link rel="canonical" href="{site.root}/2026/book-fair">')
    await followed.poll(site.root + "/rss")
    assert sent.articles[0]["url"] == site.root + "/2026/book-fair"


async def test_a_canonical_link_of_another_site_is_none(site: Any, followed: Any, sent: Any) -> None:
    site.pages["/a"] = page('<link rel="canonical" href="https://example.org/their/story">')
    await followed.poll(site.root + "/rss")
    assert sent.articles[0]["url"] == site.root + "/a"


async def test_later_versions_go_under_the_first_address(site: Any, followed: Any, sent: Any, rss: Rss) -> None:
    site.pages["/a"] = page(f'<link rel="canonical" href="{site.root}/2026/book-fair">')
    await followed.poll(site.root + "/rss")
    del site.pages["/a"]
    site.pages["/rss"] = rss({"title": "معرض الكتاب", "link": site.root + "/a", "description": "تصحيح: " + LEAD})
    await followed.poll(site.root + "/rss")
    assert [article["url"] for article in sent.articles] == [site.root + "/2026/book-fair"] * 2


def test_a_page_in_windows_1256_that_says_utf_8_is_read() -> None:
    body = page(charset="windows-1256").replace(b"windows-1256", b"utf-8")
    found = extract(body, "utf-8", "https://example.org/a")
    assert found is not None
    assert found.text == TEXT


@pytest.mark.parametrize(
    ("canonical", "kept"),
    [
        ("https://www.example.org/b", True),
        ("https://example.org/b", True),
        ("https://example.org/", False),
        ("/b", False),
        ("https://example.com/b", False),
        ("https://evil.example.org.example.com/b", False),
        ("https://[bad", False),
    ],
)
def test_a_canonical_link_stays_within_the_site(canonical: str, kept: bool) -> None:
    body = page(f'<link rel="canonical" href="{canonical}">')
    found = extract(body, None, "https://m.example.org/a")
    assert isinstance(found, Page)
    assert found.canonical == (canonical if kept else None)


async def test_a_host_is_asked_for_one_page_at_a_time_with_a_pause(site: Any, fetcher: Fetcher, inline: Any) -> None:
    times = []

    async def note(_: web.Request) -> web.Response:
        times.append(time.monotonic())
        return web.Response(body=page(), content_type="text/html")

    for path in ("/1", "/2", "/3"):
        site.pages[path] = note
    pages = Pages(fetcher, inline, delay=0.2)
    await asyncio.gather(*(pages.get(site.root + path) for path in ("/1", "/2", "/3")))
    assert all(later - earlier >= 0.2 for earlier, later in itertools.pairwise(times))
    assert site.paths().count("/robots.txt") == 1
