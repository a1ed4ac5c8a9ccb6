"""How following goes, as Prometheus and a supervisor see it; and what a thousand quiet feeds cost."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from agents.normalize.identity import canonical_url
from streams.feeds import Follower, Rules, read_feeds
from streams.feeds.metrics import Polls

Rss = Callable[..., bytes]

MINUTES_5 = 300.0


async def test_polls_are_counted_by_what_became_of_them(site: Any, desk: Any, inline: Any, sent: Any, rss: Rss) -> None:
    site.pages["/good"] = rss({"title": "خبر", "link": "https://example.org/1"})
    feeds = read_feeds([site.root + "/good", site.root + "/bad"])
    rules = Rules(pages=False)
    follower = Follower(feeds, desk.state, desk._fetcher, sent, inline, canonical=canonical_url, rules=rules)
    await follower.once()
    await follower.once()
    said = follower.polls.text("live").decode()
    assert 'khabar_feed_polls_total{lane="live",outcome="new"} 1.0' in said
    assert 'khabar_feed_polls_total{lane="live",outcome="same"} 1.0' in said
    assert 'khabar_feed_polls_total{lane="live",outcome="http-404"} 2.0' in said
    assert 'khabar_feed_articles_total{lane="live"} 1.0' in said
    assert 'khabar_feeds{lane="live",state="failing"} 1.0' in said


def test_a_feed_that_nobody_polls_any_more_is_a_complaint() -> None:
    now = 1000.0
    polls = Polls(lambda: now)
    assert polls.unready()
    polls.due(1, 10.0)  # was due before the start
    polls.due(2, 2000.0)
    assert polls.unready() is None
    assert polls.complaint() is None
    now = 1000.0 + 901
    assert polls.overdue() == 901
    assert polls.complaint() == "a feed has been due for 901 s, and is not polled"
    polls.due(1, 3000.0)
    assert polls.complaint() is None


@pytest.mark.parametrize("feeds", [100, pytest.param(1000, marks=pytest.mark.full)])
async def test_a_thousand_quiet_feeds_every_five_minutes_take_less_than_a_tenth_of_a_core(
    site: Any, desk: Any, inline: Any, sent: Any, rss: Rss, feeds: int
) -> None:
    """The server's part is in it, which is about half."""

    async def quiet(request: web.Request) -> web.Response:
        if request.headers.get("If-None-Match") == '"1"':
            return web.Response(status=304)
        items = [{"title": f"{n}", "link": f"https://example.org{request.path}/{n}"} for n in range(30)]
        return web.Response(body=rss(*items), headers={"ETag": '"1"'})

    paths = [f"/{number}" for number in range(feeds)]
    site.pages = dict.fromkeys(paths, quiet)
    given = read_feeds([site.root + path for path in paths])
    rules = Rules(pages=False)
    follower = Follower(given, desk.state, desk._fetcher, sent, inline, canonical=canonical_url, rules=rules)
    for number in follower._feeds:
        await follower.poll(number)
    begun = time.process_time()
    for number in follower._feeds:
        await follower.poll(number)
    each = (time.process_time() - begun) / feeds
    share = each * 1000 / MINUTES_5
    print(f"{each * 1e6:,.0f} us of CPU a poll: {share:.1%} of a core for 1,000 feeds every five minutes")
    assert follower.polls.outcomes == {"new": feeds, "same": feeds}
    assert share < 0.1
