"""The whole text from an article's page, where the site lets us and at a pace that it will not notice."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from protego import Protego

from streams.feeds.charset import decode
from streams.feeds.errors import FeedFailed
from streams.feeds.fetching import AGENT, Fetched, Fetcher, Limits

__all__ = ["Page", "Pages", "extract"]

log = logging.getLogger(__name__)
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # tells at ERROR of each page without a text
logging.getLogger("htmldate").setLevel(logging.CRITICAL)

# Extraction takes 10 to 100 ms of CPU for honest pages of 100 KB, and grows with size.
_PAGE = Limits(seconds=20, size=2 * 1024 * 1024)
_ROBOTS = Limits(seconds=10, size=512 * 1024)  # RFC 9309 asks to read 500 KiB
_ROBOTS_HOLD = 86_400.0  # seconds, as RFC 9309 allows
_ROBOTS_RETRY = 3_600.0  # after a server error, which forbids all until then
# Seconds between two pages of one host. A site's own Crawl-delay counts if it is longer, up to the longest: beyond that
# a busy feed would never be through.
_DELAY = 1.0
_LONGEST_DELAY = 30.0
_HOSTS = 10_000  # that are remembered
_PASSING = ("timeout", "connection", "dns", "robots", "http-429")  # failures that may pass, as those of a server do
_WORD = AGENT.partition("/")[0]
_DATES = (
    '//meta[@property="article:published_time" or @itemprop="datePublished" or @name="datePublished" '
    'or @property="og:published_time" or @name="pubdate" or @name="DC.date.issued"]/@content'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What an article's page says of it."""

    text: str | None = None
    title: str | None = None
    author: str | None = None
    image: str | None = None
    date: str | None = None  # as the page writes it
    canonical: str | None = None  # only within the site: nobody declares a page to be another outlet's


class Reading(Protocol):
    """What takes a page apart."""

    async def page(self, fetched: Fetched) -> Page | None:
        """What the page says, None if it is none; raises FeedFailed."""


@dataclass(slots=True)
class _Host:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)  # one page at a time
    free_at: float = 0.0
    rules: Protego | None = None  # None: nothing is allowed
    hold_until: float = 0.0


class Pages:
    """Gets the pages of articles; `clock` in seconds that only rise."""

    def __init__(
        self, fetcher: Fetcher, reading: Reading, *, delay: float = _DELAY, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetcher = fetcher
        self._reading = reading
        self._delay = delay
        self._clock = clock
        self._hosts: dict[str, _Host] = {}

    async def get(self, url: str) -> Page | None:
        """The page, None where robots.txt forbids it, it is not there, or nothing can be read from it; waits until it
        is the host's turn. Raises FeedFailed where another time may do better."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._hosts and len(self._hosts) >= _HOSTS:
            self._hosts = {name: host for name, host in self._hosts.items() if host.lock.locked()}
        host = self._hosts.setdefault(origin, _Host())
        try:
            async with host.lock:
                if self._clock() >= host.hold_until:
                    await self._read_robots(origin, host)
                if host.rules is None:
                    raise FeedFailed("robots", f"{origin}/robots.txt cannot be had, and forbids all until it can")
                if not host.rules.can_fetch(url, _WORD):
                    log.info("robots.txt does not let us read %s", url)
                    return None
                await asyncio.sleep(max(0.0, host.free_at - self._clock()))
                try:
                    fetched = await self._fetcher.get(url, limits=_PAGE)
                finally:
                    asked = host.rules.crawl_delay(_WORD) or 0.0
                    host.free_at = self._clock() + max(self._delay, min(float(asked), _LONGEST_DELAY))
            return await self._reading.page(fetched)
        except FeedFailed as bad:
            log.info("%s cannot be read: %s", url, bad)
            if bad.kind in _PASSING or bad.kind.startswith("http-5"):
                raise
            return None

    async def _read_robots(self, origin: str, host: _Host) -> None:
        """RFC 9309: what is not there forbids nothing, what cannot be reached forbids all."""
        hold = _ROBOTS_HOLD
        try:
            fetched = await self._fetcher.get(f"{origin}/robots.txt", limits=_ROBOTS)
            host.rules = Protego.parse(decode(fetched.body, fetched.charset))
        except FeedFailed as bad:
            if bad.kind == "gone" or bad.kind.startswith("http-4"):
                host.rules = Protego.parse("")
            else:
                host.rules, hold = None, _ROBOTS_RETRY
        host.hold_until = self._clock() + hold


def extract(fetched: Fetched) -> Page | None:
    """Read a page; None if there is no HTML in it."""
    import trafilatura  # a second or two, that feeds alone should not wait for
    from trafilatura.utils import load_html

    try:
        tree = load_html(decode(fetched.body, fetched.charset))
        if tree is None:
            return None
        dates = [str(each) for each in tree.xpath(_DATES)]
        canonical = [str(each) for each in tree.xpath('//link[@rel="canonical"]/@href')]
        heading = " ".join(tree.xpath("string(//h1)").split())
        found = trafilatura.bare_extraction(
            tree, url=fetched.url, include_comments=False, include_tables=False, with_metadata=True
        )
    except (ValueError, TypeError, AttributeError, RecursionError) as bad:  # what hostile markup makes of lxml's users
        log.info("%s cannot be taken apart: %r", fetched.url, bad)
        return None
    if found is None or isinstance(found, dict):
        return None
    return Page(
        text=_without(heading, found.text or "") or None,
        title=found.title or None,
        author=found.author or None,
        image=found.image or None,
        date=next((each for each in dates if each.strip()), None) or found.date or None,
        canonical=next((each for each in canonical if _same_site(each, fetched.url)), None),
    )


def _without(heading: str, text: str) -> str:
    """The headline is the title, and no part of the body."""
    first, _, rest = text.partition("\n")
    return rest if heading and first.strip() == heading else text


def _same_site(canonical: str, url: str) -> bool:
    try:
        one, other = urlsplit(canonical), urlsplit(url)
        return (
            one.scheme in ("http", "https")
            and bool(one.path.strip("/"))
            and _site(one.hostname) == _site(other.hostname)
        )
    except ValueError:
        return False


def _site(host: str | None) -> str:
    """The host without what tells a site's faces apart."""
    parts = (host or "").lower().split(".")
    while len(parts) > 2 and parts[0] in ("www", "m", "amp", "mobile"):
        parts = parts[1:]
    return ".".join(parts)
