"""What each hostile server does shows in `khabar feeds`, and is forgotten once the server behaves."""

import asyncio
import contextlib
import gzip
import json
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from typer.testing import CliRunner

from deploy.cli import app
from streams.feeds import fetching
from streams.feeds.fetching import Fetcher

Rss = Callable[..., bytes]
Server = Callable[[web.Request], Awaitable[web.StreamResponse]]

BOMB = gzip.compress(bytes(20_000_000))
LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>
<rss version="2.0"><channel><item><title>&c;</title></item></channel></rss>"""


async def to_loopback(request: web.Request) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": str(request.url.with_host("localhost"))})


async def round_and_round(request: web.Request) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": str(request.url)})


async def gzip_bomb(_: web.Request) -> web.StreamResponse:
    return web.Response(body=BOMB, headers={"Content-Encoding": "gzip"})


async def entity_bomb(_: web.Request) -> web.StreamResponse:
    return web.Response(body=LAUGHS)


async def endless(request: web.Request) -> web.StreamResponse:
    return await _drip(request, b"<item/>" * 1000, 0)


async def slow_drip(request: web.Request) -> web.StreamResponse:
    return await _drip(request, b"<", 0.1)


async def _drip(request: web.Request, piece: bytes, seconds: float) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    with contextlib.suppress(ConnectionError):
        while True:
            await answer.write(piece)
            await asyncio.sleep(seconds)
    return answer


async def login_page(_: web.Request) -> web.StreamResponse:
    return web.Response(body=b"<!DOCTYPE html><title>Login</title>", content_type="text/html")


@pytest.fixture
def row(tmp_path: Path, desk: Any) -> Callable[[], dict[str, Any]]:
    """The one feed that is followed, as `khabar feeds` has it."""

    def look() -> dict[str, Any]:
        done = CliRunner().invoke(app, ["feeds", "list", "--json", "--state", str(tmp_path / "feeds.sqlite")])
        assert done.exit_code == 0, done.output
        (found,) = json.loads(done.stdout)
        return dict(found)

    return look


@pytest.mark.parametrize(
    ("server", "error", "remark"),
    [
        (to_loopback, "forbidden", "localhost has the address"),
        (round_and_round, "redirects", "more than 5 redirects"),
        (gzip_bomb, "too-large", "more than 100,000 bytes after decompression"),
        (entity_bomb, "entities", "entities"),
        (endless, "too-large", "more than 100,000 bytes"),
        (slow_drip, "timeout", "no whole answer within 1 s"),
        (login_page, "not-a-feed", ""),
    ],
)
async def test_a_hostile_server_shows_in_the_list_of_feeds_until_it_behaves(
    site: Any, desk: Any, sent: Any, rss: Rss, row: Any, server: Server, error: str, remark: str
) -> None:
    site.pages["/rss"] = server
    for streak in (1, 2):
        await desk.poll(site.root + "/rss")
        found = row()
        assert (found["error"], found["streak"], found["sent"], found["last_success"]) == (error, streak, 0, None)
        assert remark in found["detail"]
        assert found["next_poll"] > found["last_poll"]
    assert sent.records == []
    site.pages["/rss"] = rss({"title": "خبر", "link": "https://example.org/1"})
    await desk.poll(site.root + "/rss")
    found = row()
    assert (found["error"], found["streak"], found["sent"], found["detail"]) == (None, 0, 1, None)


async def test_a_name_that_leads_to_a_private_address_shows_in_the_list_of_feeds(
    site: Any, desk: Any, row: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: resolved)
    await desk.poll(site.root.replace("127.0.0.1", "news.example.org") + "/rss")
    assert (row()["error"], site.asked) == ("forbidden", [])
    assert "news.example.org has the address 127.0.0.1, which is not public" in row()["detail"]


async def test_hostile_words_and_markup_leave_a_feed_in_health(
    site: Any, desk: Any, sent: Any, rss: Rss, row: Any
) -> None:
    async def send(_: web.Request) -> web.Response:
        html = "<![CDATA[<script>alert(1)</script><p onclick='x()'>كلام</p>" + "<div>" * 3000 + "]]>"
        answer = web.Response(body=rss({"title": "خبر", "guid": "1", "link": "javascript:x()", "description": html}))
        answer.headers["Content-Type"] = "application/xml; charset=utf-7"
        return answer

    site.pages["/rss"] = send
    await desk.poll(site.root + "/rss")
    assert (row()["error"], row()["items"], row()["sent"]) == (None, 1, 1)
    assert [(each["title"], each["lead"], each["url"]) for each in sent.articles] == [("خبر", "كلام", None)]


@pytest.mark.parametrize(("server", "error"), [(gzip_bomb, "too-large"), (to_loopback, "forbidden")])
async def test_a_hostile_page_shows_beside_its_feed_and_costs_the_article_its_text_only(
    site: Any, desk: Any, sent: Any, rss: Rss, row: Any, server: Server, error: str
) -> None:
    desk.rules = replace(desk.rules, pages=True)
    site.pages["/rss"] = rss({"title": "خبر", "link": site.root + "/a", "description": "مقدمة…"})
    site.pages["/a"] = server
    await desk.poll(site.root + "/rss")
    assert [(each["lead"], each["body"]) for each in sent.articles] == [("مقدمة…", None)]
    found = row()
    assert (found["error"], found["sent"]) == (None, 1)
    assert found["detail"] == f"1 pages could not be read, such as {site.root}/a ({error})"


async def test_no_more_than_so_many_connections_are_open_to_one_host(site: Any, quick: Any) -> None:
    open_now = most = 0

    async def slow(_: web.Request) -> web.Response:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await asyncio.sleep(0.05)
        open_now -= 1
        return web.Response(body=b"x")

    site.pages["/rss"] = slow

    async def many(fetcher: Fetcher) -> int:
        await asyncio.gather(*(fetcher.get(f"{site.root}/rss") for _ in range(8)))
        return most

    async with fetching.opened(allowed=["127.0.0.1"], limits=replace(quick, seconds=10)) as fetcher:
        assert await many(fetcher) == 2
