"""Which article an item is, and the raw article that it becomes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import tzinfo
from typing import NamedTuple

from xxhash import xxh3_128_hexdigest

from schemas import Instant, RawArticle, Refused, to_rfc3339
from schemas.events import DatedBy
from streams.feeds.dating import date_in_url, read_date
from streams.feeds.items import Item
from streams.feeds.sources import Feed
from streams.pages import Page

__all__ = ["Canonical", "Dated", "article_of", "cancellation_of", "date_of", "keys_of", "lead_only", "version_of"]

Canonical = Callable[[str], object]  # the one form of an address, as text; raises Refused if it is none

# Characters from which on a feed's text is taken for the whole: leads end before that. Higher costs the site a page for
# short news that was whole; lower leaves long leads without their article.
_WHOLE = 600
_CUT = re.compile(
    r"(?:…|\.{3}|\[…\]|\[\.\.\.\]|\[&hellip;\])\s*$|(?:اقرأ|إقرأ|قراءة|للمزيد)\s*(?:المزيد|أيضا)?\s*[.…»>]*\s*$"
)


class Dated(NamedTuple):
    """When an item was published, and who says so."""

    at: Instant | None
    by: DatedBy


def keys_of(items: Iterable[Item], shared: set[str], canonical: Canonical) -> dict[str, Item]:
    """The items of one poll by what says which article each is: the link, however it is written; the guid where there
    is none, or where items with several guids have had it at once (`shared`, which learns those); else the text.

    What is twice on the feed is once here, as it stands first.
    """
    items = list(items)
    links = [_canonical(item.link, canonical) for item in items]
    guids = defaultdict[str, set[str]](set)
    for item, link in zip(items, links, strict=True):
        if link is not None and item.guid is not None:
            guids[link].add(item.guid)
    shared |= {link for link, several in guids.items() if len(several) > 1}
    found: dict[str, Item] = {}
    for item, link in zip(items, links, strict=True):
        if item.canceled:
            key = f"canceled:{item.guid}"
        elif link is not None and (link not in shared or item.guid is None):
            key = f"link:{link}"
        elif item.guid is not None:
            key = f"guid:{item.guid}"
        else:
            key = f"text:{version_of(item)}"
        found.setdefault(key, item)
    return found


def version_of(item: Item) -> str:
    """Changes with the text as the feed has it; for a tombstone with its date."""
    parts = (item.date if item.canceled else None, item.title, item.lead, item.body)
    return xxh3_128_hexdigest("\0".join(part or "" for part in parts).encode("utf-8", "surrogatepass"))


def lead_only(item: Item) -> bool:
    """Whether the article's page may have more than the feed."""
    text = item.body or item.lead or ""
    return item.link is not None and (len(text) < _WHOLE or _CUT.search(text[-40:]) is not None)


def date_of(item: Item, page: Page | None, zone: tzinfo) -> Dated:
    """What the feed says, else the page, else the address."""
    found = read_date(item.date, zone) if item.date else None
    if found is None and item.date_us is not None:
        found = Instant(item.date_us, "second")
    if found is not None:
        return Dated(found, "feed")
    for date in page.dates if page is not None else ():
        if (found := read_date(date, zone)) is not None:
            return Dated(found, "page")
    if item.link is not None and (found := date_in_url(item.link, zone)):
        return Dated(found, "url")
    return Dated(None, "none")


def article_of(
    feed: Feed, item: Item, key: str, page: Page | None, dated: Dated, url: str | None, late: bool
) -> RawArticle:
    """The raw article; `url` is the address under which it went before, if it did.

    Of an item that goes by its guid the link is no more than a hint, and goes into `extra`.
    """
    extra: dict[str, object] = {"feed": feed.url, **item.extra}
    lead, body = item.lead, item.body
    if page is not None and page.text and len(page.text) > len(body or lead or ""):
        lead, body = lead or body, page.text
    if key.startswith("link:"):
        url = url or (page.canonical if page is not None else None) or item.link
    else:
        url = None
        if item.link is not None:
            extra["link"] = item.link
    return RawArticle(
        source=feed.source_id,
        source_id=item.guid,
        url=url,
        title=item.title or (page.title if page is not None else None),
        lead=lead,
        body=body,
        author=item.author or (page.author if page is not None else None),
        section=item.section,
        image=item.image or (page.image if page is not None else None),
        language=item.language,
        published_at=to_rfc3339(dated.at.us) if dated.at is not None else None,
        date_precision=dated.at.precision if dated.at is not None else None,
        dated_by=dated.by,
        late=late,
        extra=extra,
    )


def cancellation_of(feed: Feed, item: Item, url: str | None, zone: tzinfo) -> RawArticle:
    """What takes back the article of a tombstone; `url` is the address under which it went, if it had one."""
    at = read_date(item.date, zone) if item.date else None
    return RawArticle(
        source=feed.source_id,
        source_id=item.guid,
        url=url,
        published_at=to_rfc3339(at.us) if at is not None else None,
        date_precision=at.precision if at is not None else None,
        dated_by="feed" if at is not None else "none",
        status="canceled",
        extra={"feed": feed.url},
    )


def _canonical(link: str | None, canonical: Canonical) -> str | None:
    if link is None:
        return None
    try:
        return str(canonical(link))
    except Refused:
        return None
