"""Follows each feed in a task of its own: ask, read, send what is new, remember it, wait."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

import msgspec
from xxhash import xxh3_128_hexdigest

from schemas import KhabarError
from streams.feeds import articles
from streams.feeds.articles import Canonical
from streams.feeds.errors import FeedFailed
from streams.feeds.fetching import Fetched, Fetcher, Limits, opened
from streams.feeds.items import Document, Item, Wishes
from streams.feeds.metrics import Polls
from streams.feeds.pages import Pages, may_pass
from streams.feeds.polling import Pace, next_poll
from streams.feeds.reading import Reader
from streams.feeds.sources import Feed
from streams.feeds.state import Item as Delivered
from streams.feeds.state import Missed, State, Status
from streams.pages import Page
from streams.publishing import Publisher, Record, record_of
from streams.settings import Settings

__all__ = ["Follower", "Rules", "follower"]

log = logging.getLogger(__name__)

# Seconds until a page that could not be had is asked for again, the first time, the second, and the last: most outages
# are over by then, and a reader of old news is few. Longer lists ask a broken site for what nobody waits for any more.
_AGAIN = (600.0, 2_400.0, 9_600.0)
_TOGETHER = 100  # items that are sent before they are remembered: what a kill may repeat of one feed
_FAR = 2 * 86_400.0  # a next poll beyond this was written under another clock
_LONGEST_DETAIL = 500  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the operator decides."""

    late_after: float = 86_400.0  # seconds from an item's date to its being seen, after which it is marked `late`
    since: datetime | None = None  # items dated before are left out of a feed's first poll
    pages: bool = True  # whether pages are read where a feed has only leads
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """What of an item is kept until its page can be had."""

    item: Item
    late: bool


class Reading(Protocol):
    """What takes feeds and pages apart."""

    async def feed(self, fetched: Fetched) -> Document:
        """What the feed says; raises FeedFailed."""

    async def page(self, fetched: Fetched) -> Page | None:
        """What the page says, None if it is none; raises FeedFailed."""


class Sending(Protocol):
    """Where records go."""

    async def send(self, records: Sequence[Record]) -> None:
        """Return when they have arrived."""


class Follower:
    """Polls feeds; `now` gives seconds since 1970."""

    def __init__(
        self,
        feeds: Sequence[Feed],
        state: State,
        fetcher: Fetcher,
        sending: Sending,
        reading: Reading,
        *,
        canonical: Canonical,
        rules: Rules,
        now: Callable[[], float] = time.time,
    ) -> None:
        numbers = state.follow(feeds)
        self._feeds = {numbers[feed.url]: feed for feed in feeds}
        self._state = state
        self._fetcher = fetcher
        self._pages = Pages(fetcher, reading)
        self._reading = reading
        self._sending = sending
        self._canonical = canonical
        self._rules = rules
        self._now = now
        self._chance = random.Random()  # noqa: S311 - for jitter
        self.polls = Polls(now)

    async def run(self) -> None:
        """Poll every feed whenever it is due, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for number in self._feeds:
                tasks.create_task(self._for_ever(number))

    async def once(self) -> None:
        """Poll every feed once, due or not."""
        async with asyncio.TaskGroup() as tasks:
            for number in self._feeds:
                tasks.create_task(self.poll(number))

    async def _for_ever(self, number: int) -> None:
        while True:
            at = self._state.status(number).next_poll
            due = at - self._now()
            self.polls.due(number, at if due < _FAR else 0.0)
            await asyncio.sleep(due if 0 < due < _FAR else 0)
            await self.poll(number)

    async def poll(self, number: int) -> None:
        """Poll one feed, and write down how it went; a feed that fails, fails alone."""
        feed = self._feeds[number]
        status = self._state.status(number)
        pace = self._rules.pace
        interval = status.interval or pace.first
        status.last_poll = self._now()
        try:
            fetched = await self._fetcher.get(feed.url, etag=status.etag, modified=status.modified)
            new = await self._read(number, feed, status, fetched)
            new += await self._read_missed(number, feed, status)
            status.interval = wait = pace.after_success(interval, new=new > 0)
            at_least = None if fetched.max_age is None else min(fetched.max_age, pace.longest)
            outcome = "new" if new else "same"
        except FeedFailed as bad:
            outcome = bad.kind
            wait, at_least = self._failed(feed, status, bad)
        except Exception as bad:
            log.exception("%s: a bug", feed.url)
            outcome = "bug"
            wait, at_least = self._failed(feed, status, FeedFailed(outcome, repr(bad)))
        self.polls.polled(number, outcome, failed=status.error is not None)
        status.next_poll = next_poll(
            self._now(), wait, at_least=at_least, wishes=self._wishes(status), chance=self._chance
        )
        self._state.write(number, status)

    def _wishes(self, status: Status) -> Wishes:
        wishes = msgspec.json.decode(status.asks, type=Wishes)
        if wishes.ttl is None or wishes.ttl <= self._rules.pace.longest:
            return wishes
        return replace(wishes, ttl=self._rules.pace.longest)  # a feed that asks for a year is asked all the same

    def _failed(self, feed: Feed, status: Status, bad: FeedFailed) -> tuple[float, float | None]:
        status.streak += 1
        status.error, status.detail = bad.kind, str(bad)[:_LONGEST_DETAIL]
        log.info("%s: %s: %s (%d in a row)", feed.url, bad.kind, bad, status.streak)
        pace = self._rules.pace
        if bad.kind == "gone":
            return pace.longest, bad.wait
        return pace.after_failure(status.interval or pace.first, status.streak), bad.wait

    async def _read(self, number: int, feed: Feed, status: Status, fetched: Fetched) -> int:
        """Send what is new of an answer, and return how many items were."""
        new, notes = 0, list[str]()
        if fetched.moved:
            notes.append(f"has moved to {fetched.moved}")
        body = xxh3_128_hexdigest(fetched.body)
        if not fetched.unchanged and body != status.body:
            document = await self._reading.feed(fetched)
            new = await self._take(number, feed, status, document, notes)
            status.items = sum(not item.canceled for item in document.items)
            if document.note:
                notes.append(document.note)
            status.asks = msgspec.json.encode(document.wishes).decode()
            status.body = body
            status.detail = "; ".join(notes)[:_LONGEST_DETAIL] or None
        elif status.error is not None or notes:
            status.detail = "; ".join(notes)[:_LONGEST_DETAIL] or None
        if not fetched.unchanged:
            status.etag, status.modified = fetched.etag, fetched.modified
        status.error, status.streak, status.last_success = None, 0, self._now()
        if new:
            status.last_new = status.last_success
            log.info("%s: %d new", feed.url, new)
        return new

    async def _take(self, number: int, feed: Feed, status: Status, document: Document, notes: list[str]) -> int:
        """Send the new and changed items, the oldest first as feeds are ordered; return how many, note what was odd.

        What has arrived is remembered at once, so that a page that takes its time costs no repeats.
        """
        first = status.last_success is None
        shared = set(json.loads(status.shared))
        items = articles.keys_of(document.items, shared, self._canonical)
        sent = left_out = 0
        unread: list[str] = []
        records: list[Record] = []
        arriving: list[Delivered] = []
        for key, item in reversed(items.items()):
            version = articles.version_of(item)
            known = self._state.known(number, key)
            if known is not None and known.version == version:
                continue
            url = known.url if known is not None else None
            if item.canceled:
                url = url or self._state.url_of(number, item.guid or "") or _address(item.guid)
                article = articles.cancellation_of(feed, item, url, feed.source.zone)
                asked = False
            else:
                dated = articles.date_of(item, None, feed.source.zone)
                asked = self._rules.pages and articles.lead_only(item) and not (first and self._too_old(dated))
                page, failed = await self._page(item) if asked else (None, None)
                dated = articles.date_of(item, page, feed.source.zone)
                if first and self._too_old(dated):
                    self._state.delivered(number, [Delivered(key, version, item.guid, None)], self._now())
                    continue
                late = first or self._late(dated)
                article = articles.article_of(feed, item, key, page, dated, url, late)
                if failed is not None:
                    unread.append(f"{item.link} ({failed.kind})")
                if failed is not None and may_pass(failed):
                    self._miss(number, key, version, _Waiting(item=item, late=late), 0)
                elif asked:
                    self._state.settle(number, key)
                if not (article.title or article.body or article.lead):
                    continue
            record = record_of(article)
            if record is None:
                left_out += 1
                continue
            records.append(record)
            arriving.append(Delivered(key, version, item.guid, article.url))
            if asked or len(records) >= _TOGETHER:
                sent += await self._deliver(number, status, records, arriving)
        sent += await self._deliver(number, status, records, arriving)
        self._state.on_feed(number, items, self._now())
        status.shared = json.dumps(sorted(shared))
        if left_out:
            notes.append(f"{left_out} items are larger than a raw record may be, and left out")
        if unread:
            notes.append(f"{len(unread)} pages could not be read, such as {unread[0]}")
        return sent

    async def _page(self, item: Item) -> tuple[Page | None, FeedFailed | None]:
        """The page of an item, if there is one, or why it could not be had."""
        try:
            return (await self._pages.get(item.link), None) if item.link else (None, None)
        except FeedFailed as failed:
            return None, failed

    def _miss(self, number: int, key: str, version: str, waiting: _Waiting, tries: int) -> None:
        due = self._now() + _AGAIN[tries]
        self._state.miss(number, Missed(key, version, msgspec.json.encode(waiting), tries, due))

    async def _read_missed(self, number: int, feed: Feed, status: Status) -> int:
        """Ask again for pages that could not be had, and send the articles that are whole now; how many."""
        sent = 0
        for key, version, kept, tries, _ in self._state.missed(number, self._now()):
            waiting = msgspec.json.decode(kept, type=_Waiting)
            page, failed = await self._page(waiting.item)
            if failed is not None and may_pass(failed) and tries + 1 < len(_AGAIN):
                self._miss(number, key, version, waiting, tries + 1)
                continue
            known = self._state.known(number, key)
            canceled = self._state.known(number, f"canceled:{waiting.item.guid}") is not None
            if page is not None and page.text and known is not None and known.version == version and not canceled:
                dated = articles.date_of(waiting.item, page, feed.source.zone)
                article = articles.article_of(feed, waiting.item, key, page, dated, known.url, waiting.late)
                if (record := record_of(article)) is not None:
                    delivered = Delivered(key, version, waiting.item.guid, article.url)
                    sent += await self._deliver(number, status, [record], [delivered])
            self._state.settle(number, key)
        return sent

    async def _deliver(self, number: int, status: Status, records: list[Record], arriving: list[Delivered]) -> int:
        if not records:
            return 0
        await self._sending.send(records)
        self._state.delivered(number, arriving, self._now())
        sent = len(records)
        status.sent += sent
        self.polls.articles += sent
        records.clear()
        arriving.clear()
        return sent

    def _too_old(self, dated: articles.Dated) -> bool:
        since = self._rules.since
        return since is not None and dated.at is not None and dated.at.us < since.timestamp() * 1_000_000

    def _late(self, dated: articles.Dated) -> bool:
        return dated.at is not None and dated.at.us < (self._now() - self._rules.late_after) * 1_000_000


def _address(guid: str | None) -> str | None:
    return guid if guid is not None and guid.startswith(("http://", "https://")) else None


@asynccontextmanager
async def follower(
    settings: Settings,
    feeds: Sequence[Feed],
    state: State,
    *,
    canonical: Canonical,
    allowed: Collection[str] = (),
    limits: Limits | None = None,
    rules: Rules | None = None,
) -> AsyncIterator[Follower]:
    """A follower that sends to the live lane of the settings, and everything that it needs; `canonical` gives the one
    form of an address, `allowed` are hosts that may be private."""
    publisher, cluster = await Publisher.to(settings)
    state.belongs_to(cluster)
    reader = Reader()
    try:
        async with opened(allowed=allowed, limits=limits) as fetcher, asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(publisher.run())
            try:
                yield Follower(feeds, state, fetcher, publisher, reader, canonical=canonical, rules=rules or Rules())
            finally:
                sending.cancel()
    except ExceptionGroup as group:  # of tasks; what the operator has to hear of has one cause
        cause: Exception = group.subgroup(KhabarError) or group
        while isinstance(cause, ExceptionGroup):
            cause = cause.exceptions[0]
        raise cause from group
    finally:
        await reader.close()
