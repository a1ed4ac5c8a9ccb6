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

from streams.feeds.errors import FeedFailed
from streams.feeds.fetching import AGENT, Fetched, Fetcher, Limits
from streams.pages import LARGEST_PAGE, Page, decode

__all__ = ["Pages", "may_pass"]

log = logging.getLogger(__name__)

_PAGE = Limits(seconds=20, size=LARGEST_PAGE)
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


def may_pass(failed: FeedFailed) -> bool:
    """Whether what kept a page from being had may be over another time."""
    return failed.kind in _PASSING or failed.kind.startswith("http-5")


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
        """The page, None where robots.txt forbids it, or nothing can be read from it; waits for the host's turn.

        Raises FeedFailed where it cannot be had; `may_pass` says whether another time may do better.
        """
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
            raise

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
