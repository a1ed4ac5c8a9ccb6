"""What a poll sends and remembers: each new or changed item once, through restarts and failures."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

Rss = Callable[..., bytes]

NOW = "Fri, 01 May 2026 09:00:00 GMT"
OLD = "Mon, 27 Apr 2026 09:00:00 GMT"
BODY = "وصل الوفد إلى العاصمة صباح اليوم. " * 40


def item(number: int, **more: str) -> dict[str, str]:
    return {
        "title": f"خبر رقم {number}",
        "link": f"https://example.org/news/{number}",
        "guid": f"n-{number}",
        "pubDate": NOW,
    } | more


async def test_an_item_becomes_a_raw_article_with_what_the_feed_says(site: Any, desk: Any, sent: Any, rss: Rss) -> None:
    site.pages["/rss"] = rss(
        item(
            1,
            description="موجز الخبر",
            category="سياسة",
            author="ليلى",
            **{"content:encoded": f"<![CDATA[<p>{BODY}</p>]]>"},
        )
    )
    await desk.poll(site.root + "/rss")
    (article,) = sent.articles
    assert article["source"] == "127.0.0.1"
    assert article["source_id"] == "n-1"
    assert article["url"] == "https://example.org/news/1"
    assert article["title"] == "خبر رقم 1"
    assert article["lead"] == "موجز الخبر"
    assert article["body"] == BODY.strip()
    assert article["section"] == "سياسة"
    assert article["author"] == "ليلى"
    assert article["published_at"] == "2026-05-01T09:00:00Z"
    assert article["date_precision"] == "second"
    assert article["dated_by"] == "feed"
    assert article["extra"] == {"feed": site.root + "/rss"}


async def test_an_item_is_sent_once_however_often_it_is_seen(site: Any, desk: Any, sent: Any, rss: Rss) -> None:
    site.pages["/rss"] = rss(item(1), item(2))
    await desk.poll(site.root + "/rss")
    site.pages["/rss"] = rss(item(3), item(1), item(2))
    await desk.poll(site.root + "/rss")
    await desk.poll(site.root + "/rss")
    assert sent.titles == ["خبر رقم 2", "خبر رقم 1", "خبر رقم 3"]


async def test_changed_text_is_sent_again(site: Any, desk: Any, sent: Any, rss: Rss) -> None:
    site.pages["/rss"] = rss(item(1))
    await desk.poll(site.root + "/rss")
    site.pages["/rss"] = rss(item(1, title="خبر مصحح"))
    await desk.poll(site.root + "/rss")
    assert sent.titles == ["خبر رقم 1", "خبر مصحح"]
    assert sent.records[0].key == sent.records[1].key


@pytest.mark.parametrize(
    "again",
    [
        {"guid": "another"},
        {"link": "http://example.org/news/1"},
        {"link": "https://example.org/news/1?utm_source=rss"},
        {"link": "https://EXAMPLE.org/news/1#top"},
    ],
    ids=str,
)
async def test_the_same_item_dressed_otherwise_is_the_same(
    site: Any, desk: Any, sent: Any, rss: Rss, again: dict[str, str]
) -> None:
    site.pages["/rss"] = rss(item(1))
    await desk.poll(site.root + "/rss")
    site.pages["/rss"] = rss(item(1, **again))
    await desk.poll(site.root + "/rss")
    assert len(sent.records) == 1


async def test_an_arabic_address_is_the_same_percent_encoded(site: Any, desk: Any, sent: Any, rss: Rss) -> None:
    site.pages["/rss"] = rss(item(1, link="https://example.org/أخبار"))
    await desk.poll(site.root + "/rss")
    site.pages["/rss"] = rss(item(1, link="https://example.org/%D8%A3%D8%AE%D8%A8%D8%A7%D8%B1"))
    await desk.poll(site.root + "/rss")
    assert len(sent.records) == 1


async def test_where_items_share_a_link_the_guid_decides_and_goes_on_to(
    site: Any, desk: Any, sent: Any, rss: Rss
) -> None:
    home = "https://example.org/live"
    site.pages["/rss"] = rss(item(1, link=home), item(2, link=home))
    await desk.poll(site.root + "/rss")
    site.pages["/rss"] = rss(item(3, link=home))
    await desk.poll(site.root + "/rss")
    desk.restart()
    site.pages["/rss"] = rss(item(3, link=home), item(1, link=home))
    await desk.poll(site.root + "/rss")
    assert [(a["source_id"], a["url"], a["extra"]["link"]) for a in sent.articles] == [
        ("n-2", None, home),
        ("n-1", None, home),
        ("n-3", None, home),
    ]


async def test_a_restart_floods_nobody(site: Any, desk: Any, sent: Any, rss: Rss) -> None:
    site.pages["/rss"] = rss(*map(item, range(50)))
    await desk.poll(site.root + "/rss")
    desk.restart()
    await desk.poll(site.root + "/rss")
    site.pages["/rss"] = rss(*map(item, range(51)))
    await desk.poll(site.root + "/rss")
    assert len(sent.records) == 51


async def test_what_the_broker_did_not_get_is_sent_by_the_next_poll(site: Any, desk: Any, sent: Any, rss: Rss) -> None:
    site.pages["/rss"] = rss(item(1))
    sent.down = True
    await desk.poll(site.root + "/rss")
    assert desk.status().error == "bug"
    desk.restart()
    sent.down = False
    await desk.poll(site.root + "/rss")
    assert sent.titles == ["خبر رقم 1"]
    assert desk.status().error is None


async def test_the_first_poll_and_what_is_a_day_old_are_marked_late(site: Any, desk: Any, sent: Any, rss: Rss) -> None:
    site.pages["/rss"] = rss(item(1))
    await desk.poll(site.root + "/rss")
    site.pages["/rss"] = rss(item(1), item(2), item(3, pubDate=OLD))
    await desk.poll(site.root + "/rss")
    assert {a["title"]: a["late"] for a in sent.articles} == {
        "خبر رقم 1": True,
        "خبر رقم 2": False,
        "خبر رقم 3": True,
    }


async def test_since_bounds_the_first_poll_only(site: Any, desk: Any, sent: Any, rss: Rss) -> None:
    desk.rules = replace(desk.rules, since=datetime(2026, 5, 1, tzinfo=UTC))
    site.pages["/rss"] = rss(item(1, pubDate=OLD), item(2))
    await desk.poll(site.root + "/rss")
    site.pages["/rss"] = rss(item(1, pubDate=OLD), item(2), item(3, pubDate=OLD))
    await desk.poll(site.root + "/rss")
    assert sent.titles == ["خبر رقم 2", "خبر رقم 3"]


async def test_a_tombstone_cancels_the_article_under_its_address(site: Any, desk: Any, sent: Any, rss: Rss) -> None:
    site.pages["/rss"] = rss(item(1), item(2))
    await desk.poll(site.root + "/rss")
    gone = rss(item(2)).replace(b"</channel>", b'<at:deleted-entry ref="n-1" when="2026-05-01T09:20:00Z"/></channel>')
    site.pages["/rss"] = gone
    await desk.poll(site.root + "/rss")
    site.pages["/rss"] = gone + b"\n"
    await desk.poll(site.root + "/rss")
    canceled = sent.articles[2:]
    assert [(a["status"], a["url"], a["source_id"], a["published_at"]) for a in canceled] == [
        ("canceled", "https://example.org/news/1", "n-1", "2026-05-01T09:20:00Z")
    ]


async def test_a_gone_feed_cancels_nothing_and_counts_in_its_health(site: Any, desk: Any, sent: Any, rss: Rss) -> None:
    async def gone(_: web.Request) -> web.Response:
        return web.Response(status=410)

    site.pages["/rss"] = rss(item(1))
    await desk.poll(site.root + "/rss")
    site.pages["/rss"] = gone
    await desk.poll(site.root + "/rss")
    assert len(sent.records) == 1
    assert (desk.status().error, desk.status().streak) == ("gone", 1)


async def test_an_unchanged_feed_is_not_read_again_and_keeps_its_state(
    site: Any, desk: Any, sent: Any, rss: Rss
) -> None:
    async def tagged(request: web.Request) -> web.Response:
        if request.headers.get("If-None-Match") == '"a1"' and request.headers.get("If-Modified-Since") == NOW:
            return web.Response(status=304)
        return web.Response(body=rss(item(1), ttl="7"), headers={"ETag": '"a1"', "Last-Modified": NOW})

    site.pages["/rss"] = tagged
    await desk.poll(site.root + "/rss")
    before = desk.status()
    desk.restart()
    await desk.poll(site.root + "/rss")
    after = desk.status()
    assert (after.etag, after.modified, after.items, after.asks) == ('"a1"', NOW, 1, before.asks)
    assert len(sent.records) == 1
    assert len(site.asked) == 2
    assert after.next_poll >= desk.now + 7 * 60


async def test_malformed_is_read_as_far_as_it_goes_and_says_so(site: Any, desk: Any, sent: Any, rss: Rss) -> None:
    site.pages["/rss"] = rss(item(1), item(2)).replace(b"</channel></rss>", b"<item><title>&oops; <b>")
    await desk.poll(site.root + "/rss")
    assert {"خبر رقم 1", "خبر رقم 2"} <= set(sent.titles)
    assert desk.status().error is None
    assert "malformed" in desk.status().detail


async def test_an_empty_feed_is_no_failure(site: Any, desk: Any, sent: Any, rss: Rss) -> None:
    site.pages["/rss"] = rss()
    await desk.poll(site.root + "/rss")
    assert (desk.status().error, desk.status().items, sent.records) == (None, 0, [])


async def test_retry_after_is_respected(site: Any, desk: Any) -> None:
    async def busy(_: web.Request) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": "7200"})

    site.pages["/rss"] = busy
    await desk.poll(site.root + "/rss")
    assert desk.status().error == "http-503"
    assert desk.status().next_poll >= desk.now + 7200


async def test_one_failing_feed_leaves_the_others_alone(site: Any, desk: Any, sent: Any, rss: Rss) -> None:
    site.pages["/good"] = rss(item(1))
    await desk.poll(site.root + "/good", site.root + "/bad")
    assert [status.error for _, status in desk.state.health()] == [None, "http-404"]
    assert len(sent.records) == 1


async def test_an_article_larger_than_a_record_is_left_out_and_told(site: Any, desk: Any, sent: Any, rss: Rss) -> None:
    desk._fetcher._limits = replace(desk._fetcher._limits, size=8_000_000)
    site.pages["/rss"] = rss(item(1, description="كلام " * 300_000), item(2))
    await desk.poll(site.root + "/rss")
    assert sent.titles == ["خبر رقم 2"]
    assert "1 items are larger" in desk.status().detail
