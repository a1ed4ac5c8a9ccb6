"""A web site on this machine that does what a test tells it to, and a follower whose records stay in a list."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import orjson
import pytest
from aiohttp import web

from agents.normalize.identity import canonical_url
from streams.feeds import Feed, Follower, Rules, State, Status, fetching, opened, read_feeds
from streams.feeds.fetching import Fetched, Fetcher, Limits
from streams.feeds.items import Document
from streams.feeds.pages import Pages
from streams.feeds.parsing import parse
from streams.pages import Page, extract
from streams.publishing import Record

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Site:
    """Answers each path with what `pages` holds for it: bytes, or a handler."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes | Handler] = {}
        self.asked: list[web.Request] = []
        self.root = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        page = self.pages.get(request.path)
        if page is None:
            return web.Response(status=404)
        return web.Response(body=page) if isinstance(page, bytes) else await page(request)

    def paths(self) -> list[str]:
        return [request.path for request in self.asked]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", site.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    listening = web.TCPSite(runner, "127.0.0.1", 0)
    await listening.start()
    site.root = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield site
    await runner.cleanup()


@pytest.fixture
def quick() -> Limits:
    """Limits that a test can wait for."""
    return Limits(seconds=1.0, connect=0.5, size=100_000)


@pytest.fixture
async def fetcher(quick: Limits) -> AsyncIterator[Fetcher]:
    """May reach 127.0.0.1, where the site is, and nothing else that is not public."""
    async with fetching.opened(allowed=["127.0.0.1"], limits=quick) as fetcher:
        yield fetcher


class Sent:
    """Takes records as the broker does; refuses while `down`."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.down = False

    async def send(self, records: Sequence[Record]) -> None:
        if self.down:
            raise ConnectionError("no broker")
        self.records += records

    @property
    def articles(self) -> list[dict[str, object]]:
        return [orjson.loads(record.value) for record in self.records]

    @property
    def titles(self) -> list[object]:
        return [article["title"] for article in self.articles]


class Inline:
    """Takes apart in this process what `Reader` takes apart in its own: a start of that costs a second."""

    async def feed(self, fetched: Fetched) -> Document:
        return parse(fetched.body, fetched.url, fetched.charset)

    async def page(self, fetched: Fetched) -> Page | None:
        return extract(fetched.body, fetched.charset, fetched.url)


@pytest.fixture
def inline() -> Inline:
    return Inline()


@pytest.fixture
def sent() -> Sent:
    return Sent()


class Desk:
    """Polls feeds as `khabar follow` does, at a time that the test sets; `restart` is what a kill -9 leaves."""

    def __init__(self, path: Path, fetcher: Fetcher, sent: Sent) -> None:
        self._path = path
        self._fetcher = fetcher
        self._sent = sent
        self._stack = contextlib.ExitStack()
        self.rules = Rules(pages=False)
        self.now = 1_777_627_800.0  # 2026-05-01T09:30:00Z
        self.state: State
        self.restart()

    def restart(self) -> None:
        self._stack.close()
        self.state = self._stack.enter_context(opened(self._path, alone=True))

    async def poll(self, *given: str | Feed) -> None:
        feeds = [each for one in given for each in ([one] if isinstance(one, Feed) else read_feeds([one]))]
        follower = Follower(
            feeds,
            self.state,
            self._fetcher,
            self._sent,
            Inline(),
            canonical=canonical_url,
            rules=self.rules,
            now=lambda: self.now,
        )
        follower._pages = Pages(self._fetcher, Inline(), delay=0)
        await follower.once()

    def status(self) -> Status:
        ((_, status),) = self.state.health()
        return status

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def desk(tmp_path: Path, fetcher: Fetcher, sent: Sent) -> Iterator[Desk]:
    desk = Desk(tmp_path / "feeds.sqlite", fetcher, sent)
    yield desk
    desk.close()


@pytest.fixture
def rss() -> Callable[..., bytes]:
    """RSS 2.0 of items, each a dict of elements: `rss({"title": "خبر", "link": "https://example.org/1"}, ttl=5)`."""

    def make(*items: dict[str, str], **channel: object) -> bytes:
        inside = "".join(
            "<item>" + "".join(f"<{name}>{text}</{name}>" for name, text in item.items()) + "</item>" for item in items
        )
        head = "".join(f"<{name}>{text}</{name}>" for name, text in channel.items())
        return (
            '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" '
            'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:at="http://purl.org/atompub/tombstones/1.0">'
            f"<channel><title>صحيفة المثال</title>{head}{inside}</channel></rss>"
        ).encode()

    return make
