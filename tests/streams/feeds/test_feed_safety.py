"""Nothing that is fetched is trusted: each of these servers tries something, and none gets anywhere."""

import asyncio
import contextlib
import gzip
import resource
import socket
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from streams.feeds import fetching
from streams.feeds.errors import FeedFailed
from streams.feeds.fetching import Fetcher, Limits

Rss = Callable[..., bytes]


@pytest.fixture
async def stranger(quick: Limits) -> AsyncIterator[Fetcher]:
    """Allowed nothing that is not public."""
    async with fetching.opened(limits=quick) as fetcher:
        yield fetcher


async def failure(fetcher: Fetcher, url: str) -> FeedFailed:
    with pytest.raises(FeedFailed) as caught:
        await fetcher.get(url)
    return caught.value


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",  # 127.0.0.1 to the C library
        "0x7f.1",
        "0.0.0.0",  # noqa: S104
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fc00::1]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:7f00:1::]",
        "[fd00:ec2::254]",
    ],
)
async def test_no_address_that_is_not_public_is_reached(stranger: Fetcher, host: str) -> None:
    assert (await failure(stranger, f"http://{host}/latest/meta-data")).kind == "forbidden"


async def test_a_name_is_judged_by_what_it_resolves_to(
    stranger: Fetcher, monkeypatch: pytest.MonkeyPatch, site: Any
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _everybody_is("127.0.0.1"))
    bad = await failure(stranger, site.root.replace("127.0.0.1", "news.example.org"))
    assert bad.kind == "forbidden"
    assert "news.example.org has the address 127.0.0.1" in str(bad)
    assert site.asked == []


def _everybody_is(address: str) -> Callable[..., Any]:
    def resolve(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    return resolve


async def test_every_redirect_is_judged_again(fetcher: Fetcher, site: Any) -> None:
    async def away(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": site.root.replace("127.0.0.1", "localhost") + "/secret"})

    site.pages["/rss"] = away
    assert (await failure(fetcher, site.root + "/rss")).kind == "forbidden"
    assert site.paths() == ["/rss"]


@pytest.mark.parametrize("target", ["http://169.254.169.254/", "http://[::1]/", "file:///etc/passwd", "gopher://a/"])
async def test_a_redirect_leads_to_no_forbidden_place(fetcher: Fetcher, site: Any, target: str) -> None:
    async def away(_: web.Request) -> web.Response:
        return web.Response(status=301, headers={"Location": target})

    site.pages["/rss"] = away
    assert (await failure(fetcher, site.root + "/rss")).kind == "forbidden"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/a", "data:text/xml,<rss/>", "//example.org"])
async def test_only_http_and_https_are_fetched(fetcher: Fetcher, url: str) -> None:
    assert (await failure(fetcher, url)).kind == "forbidden"


async def test_an_allowed_host_is_that_host_only(site: Any, quick: Limits) -> None:
    site.pages["/rss"] = b"x"
    async with fetching.opened(allowed=["localhost"], limits=quick) as fetcher:
        named = site.root.replace("127.0.0.1", "localhost")
        assert (await fetcher.get(named + "/rss")).body == b"x"
        assert (await failure(fetcher, site.root + "/rss")).kind == "forbidden"


async def test_redirects_end(fetcher: Fetcher, site: Any) -> None:
    async def round_and_round(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": f"/rss?{len(site.asked)}"})

    site.pages["/rss"] = round_and_round
    assert (await failure(fetcher, site.root + "/rss")).kind == "redirects"
    assert len(site.asked) == 6


async def test_a_gzip_bomb_is_cut_off_in_time(fetcher: Fetcher, site: Any) -> None:
    bomb = gzip.compress(bytes(200_000_000), 9)

    async def send(_: web.Request) -> web.Response:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    site.pages["/rss"] = send
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (await failure(fetcher, site.root + "/rss")).kind == "too-large"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate"])
async def test_every_compression_is_read_and_bounded(fetcher: Fetcher, site: Any, encoding: str) -> None:
    import zlib

    import brotli
    from backports import zstd

    pack = {"gzip": gzip.compress, "br": brotli.compress, "zstd": zstd.compress, "deflate": zlib.compress}[encoding]

    async def small(request: web.Request) -> web.Response:
        assert encoding in request.headers["Accept-Encoding"]
        return web.Response(body=pack("خبر".encode() * 1000), headers={"Content-Encoding": encoding})

    async def bomb(_: web.Request) -> web.Response:
        return web.Response(body=pack(bytes(5_000_000)), headers={"Content-Encoding": encoding})

    site.pages["/rss"], site.pages["/bomb"] = small, bomb
    assert (await fetcher.get(site.root + "/rss")).body == "خبر".encode() * 1000
    assert (await failure(fetcher, site.root + "/bomb")).kind == "too-large"


async def test_what_is_not_the_compression_it_says_fails_as_that(fetcher: Fetcher, site: Any) -> None:
    async def lie(_: web.Request) -> web.Response:
        return web.Response(body=b"<rss/>", headers={"Content-Encoding": "gzip"})

    site.pages["/rss"] = lie
    assert (await failure(fetcher, site.root + "/rss")).kind == "encoding"


async def test_an_endless_body_ends(fetcher: Fetcher, site: Any) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await answer.write(b"<item/>" * 1000)
        return answer

    site.pages["/rss"] = endless
    assert (await failure(fetcher, site.root + "/rss")).kind == "too-large"


async def test_a_length_too_large_is_not_waited_for(fetcher: Fetcher, site: Any) -> None:
    async def huge(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "10000000000"})
        await answer.prepare(request)
        await asyncio.sleep(5)
        return answer

    site.pages["/rss"] = huge
    begun = time.monotonic()
    assert (await failure(fetcher, site.root + "/rss")).kind == "too-large"
    assert time.monotonic() - begun < 0.9


async def test_a_slow_drip_is_given_up(fetcher: Fetcher, site: Any) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await answer.write(b"<")
                await asyncio.sleep(0.1)
        return answer

    site.pages["/rss"] = drip
    begun = time.monotonic()
    assert (await failure(fetcher, site.root + "/rss")).kind == "timeout"
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize(
    ("said", "kinds"),
    [
        (b"", {"connection"}),
        (b"\x00\xff\xfe garbage\r\n\r\n", {"connection"}),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", {"connection"}),
        (b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 20_000, {"connection", "timeout"}),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", {"connection"}),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", {"connection", "timeout"}),
        (b"HTTP/1.1 302 Found\r\nLocation: http://[bad\r\nContent-Length: 0\r\n\r\n", {"connection"}),
    ],
    ids=["hangs up", "garbage", "long header", "endless headers", "breaks off", "bad chunk", "bad redirect"],
)
async def test_what_is_no_http_fails_as_that(fetcher: Fetcher, said: bytes, kinds: set[str]) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            writer.write(said)
            await writer.drain()
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert (await failure(fetcher, f"http://127.0.0.1:{port}/")).kind in kinds
    server.close()


async def test_nobody_who_listens_is_a_connection_failure(fetcher: Fetcher) -> None:
    assert (await failure(fetcher, "http://127.0.0.1:1/")).kind == "connection"


LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>
<rss version="2.0"><channel><item><title>&c;</title></item></channel></rss>"""
OUTSIDE = b"""<!DOCTYPE rss [<!ENTITY f SYSTEM "file:///etc/passwd">]>
<rss version="2.0"><channel><item><title>&f;</title></item></channel></rss>"""
SITEMAP = b"""<!DOCTYPE urlset [<!ENTITY a "ha">]><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"/>"""


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (LAUGHS, "entities"),
        (LAUGHS.decode().encode("utf-16"), "entities"),
        (OUTSIDE, "entities"),
        (SITEMAP, "entities"),
        (b"<html><body>Not found</body></html>", "not-a-feed"),
        (b"<!DOCTYPE html><title>Login</title>", "not-a-feed"),
        (b"", "not-a-feed"),
        (b"\x89PNG\r\n\x1a\n" + bytes(500), "not-a-feed"),
        (b'{"a": ' * 5000, "malformed"),
        (b'{"items": 3}', "not-a-feed"),
        (b"<a>" * 30_000, "not-a-feed"),
        (b"<sitemapindex/>", "not-a-feed"),
    ],
    ids=[
        "laughs",
        "utf-16-laughs",
        "outside",
        "sitemap",
        "page",
        "login",
        "empty",
        "image",
        "deep-json",
        "json",
        "deep-xml",
        "index",
    ],
)
async def test_a_hostile_or_wrong_body_shows_in_the_health(
    site: Any, desk: Any, sent: Any, body: bytes, error: str
) -> None:
    site.pages["/rss"] = body
    begun = time.process_time()
    await desk.poll(site.root + "/rss")
    assert desk.status().error in (error, "malformed" if body.startswith(b"<a>") else error)
    assert desk.status().streak == 1
    assert sent.records == []
    assert time.process_time() - begun < 5


@pytest.mark.parametrize("charset", ["utf-7", "zlib", "rot13", "unicode_escape", "idna", "x" * 200, "utf-16", "'"])
async def test_a_hostile_charset_harms_nobody(site: Any, desk: Any, sent: Any, rss: Rss, charset: str) -> None:
    async def send(_: web.Request) -> web.Response:
        answer = web.Response(body=rss({"title": "خبر", "link": "https://example.org/1"}))
        answer.headers["Content-Type"] = f"application/xml; charset={charset}"
        return answer

    site.pages["/rss"] = send
    await desk.poll(site.root + "/rss")
    assert sent.titles == ["خبر"]


async def test_hostile_html_in_an_item_is_only_text(site: Any, desk: Any, sent: Any, rss: Rss) -> None:
    html = "<script>alert(1)</script><p onclick='x()'>كلام<iframe src='http://169.254.169.254/'></iframe></p>"
    deep = "<div>" * 3000 + "عميق"
    site.pages["/rss"] = rss(
        {"title": "أ", "link": "javascript:alert(1)", "guid": "1", "description": f"<![CDATA[{html}]]>"},
        {"title": "ب", "link": "file:///etc/passwd", "guid": "2", "description": f"<![CDATA[{deep}]]>"},
    )
    await desk.poll(site.root + "/rss")
    assert [(a["url"], a["lead"]) for a in sent.articles][1] == (None, "كلام")
    assert sent.articles[0]["url"] is None
