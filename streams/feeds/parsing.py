"""Feeds of every format to one: RSS and Atom through feedparser, JSON Feed and news sitemaps here."""

from __future__ import annotations

import calendar
import io
import logging
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.etree.ElementTree import Element, ParseError

import feedparser
import orjson
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from streams.feeds.errors import FeedFailed
from streams.feeds.items import Document, Item, Wishes
from streams.feeds.text import ILLEGAL, line, plain
from streams.pages import decode

__all__ = ["MOST_ITEMS", "parse"]

# Items of one poll that are looked at; a news sitemap may hold 1,000. More is an archive, and one for `khabar replay`.
MOST_ITEMS = 2_000

_LONGEST = 2_000  # characters of a guid, link, date, author or section that are kept
_TAGS = 20
_ROOT = re.compile(r"<([A-Za-z_][\w.:-]*)")
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_ENTITY = re.compile(r"<!ENTITY", re.IGNORECASE)
_DAYS = {name.lower(): number for number, name in enumerate(calendar.day_name)}
_PERIODS = {"hourly": 3600.0, "daily": 86_400.0, "weekly": 604_800.0, "monthly": 2_592_000.0, "yearly": 31_536_000.0}

log = logging.getLogger(__name__)


def parse(body: bytes, url: str, charset: str | None = None) -> Document:
    """Read a feed that was fetched from `url`; `charset` is that of its Content-Type.

    What is malformed is read as far as it goes, and says so in `note`. Raises FeedFailed: `not-a-feed`, `malformed`
    (nothing could be read), `entities` (it declares XML entities, which no honest feed needs and bombs are made of).
    """
    text = ILLEGAL.sub("", decode(body, charset)).lstrip("\ufeff \t\r\n")
    if text.startswith("{"):
        return _json_feed(text, url)
    root = _ROOT.search(text)
    if root is None:
        raise FeedFailed("not-a-feed", "it is neither XML nor JSON" if text else "it is empty")
    name = root[1].rpartition(":")[2].lower()
    if name == "html":
        raise FeedFailed("not-a-feed", "it is a web page; give the address of its feed")
    if name == "sitemapindex":
        raise FeedFailed("not-a-feed", "it is a list of sitemaps; give the news sitemap itself")
    if _ENTITY.search(text, 0, root.start()):
        raise FeedFailed("entities", "it declares XML entities; they are not expanded")
    text = _XML_DECLARATION.sub("", text, count=1)
    return _sitemap(text) if name == "urlset" else _rss_or_atom(text, url)


def _rss_or_atom(text: str, url: str) -> Document:
    headers = {"content-type": "application/xml; charset=utf-8"}  # no address: it would be put before each guid, too
    found: Any = feedparser.parse(
        io.BytesIO(text.encode()), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
    )
    if not found.entries and not found.version:
        if found.bozo:
            raise FeedFailed("malformed", f"nothing could be read: {found.get('bozo_exception')}")
        raise FeedFailed("not-a-feed", "it is XML, but neither RSS nor Atom")
    feed = found.feed
    items = [_entry(entry, url) for entry in found.entries[:MOST_ITEMS]]
    hours, days = set[int](), set[int]()
    if "skipHours" in text or "skipDays" in text or "deleted-entry" in text:
        for element in _Elements(text):
            tag, words = _local(element), (element.text or "").strip()
            if tag == "deleted-entry" and element.get("ref"):
                items.append(Item(guid=_short(element.get("ref")), date=_short(element.get("when")), canceled=True))
            elif tag == "hour" and words.isdecimal():
                hours.add(int(words) % 24)
            elif tag == "day" and words.lower() in _DAYS:
                days.add(_DAYS[words.lower()])
    note = f"malformed: {found.get('bozo_exception')}" if found.bozo else None
    if len(found.entries) > MOST_ITEMS:
        note = f"{len(found.entries):,} items, the first {MOST_ITEMS:,} are read"
    return Document(
        items=items,
        wishes=Wishes(
            ttl=_ttl(feed),
            skip_hours=tuple(sorted(hours)) if len(hours) < 24 else (),
            skip_days=tuple(sorted(days)) if len(days) < 7 else (),
        ),
        note=note,
    )


def _entry(entry: Any, url: str) -> Item:
    contents = [plain(each.get("value")) for each in entry.get("content", []) if "text" in each.get("type", "text")]
    body = max((each for each in contents if each), key=len, default=None)
    lead = plain(entry.get("summary"))
    if lead == body:  # feedparser gives an only content as the summary, too
        lead = None
    parsed = entry.get("published_parsed") or entry.get("updated_parsed")
    return Item(
        guid=_short(entry.get("id")),
        link=_http(entry.get("feedburner_origlink") or entry.get("link"), url),
        title=line(entry.get("title")),
        lead=lead,
        body=body,
        author=_short(line(entry.get("author"))),
        section=_short(next((line(tag.get("term")) for tag in entry.get("tags", []) if tag.get("term")), None)),
        image=_image(entry, url),
        date=_short(entry.get("published") or entry.get("updated") or entry.get("created")),
        date_us=calendar.timegm(parsed) * 1_000_000 if parsed else None,
        extra=_tags([tag.get("term") for tag in entry.get("tags", [])]),
    )


def _image(entry: Any, url: str) -> str | None:
    media = [*entry.get("media_content", []), *entry.get("media_thumbnail", []), *entry.get("enclosures", [])]
    for each in media:
        kind = each.get("medium") or each.get("type") or "image"
        if kind.startswith("image") and (address := _http(each.get("url") or each.get("href"), url)):
            return address
    return None


def _ttl(feed: Any) -> float | None:
    minutes = str(feed.get("ttl", "")).strip()
    if minutes.isdecimal() and len(minutes) < 7:
        return int(minutes) * 60.0
    period = _PERIODS.get(str(feed.get("sy_updateperiod", "")).strip().lower())
    frequency = str(feed.get("sy_updatefrequency", "1")).strip()
    if period is None or not frequency.isdecimal():
        return None
    return period / max(1, int(frequency[:6]))


def _json_feed(text: str, url: str) -> Document:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as bad:
        raise FeedFailed("malformed", f"it is no JSON: {bad}") from None
    if not isinstance(found, dict) or not isinstance(found.get("items"), list):
        raise FeedFailed("not-a-feed", "it is JSON, but no JSON Feed: there is no list `items`")
    entries = [each for each in found["items"][:MOST_ITEMS] if isinstance(each, dict)]
    return Document(items=[_json_item(entry, url) for entry in entries])


def _json_item(entry: dict[str, Any], url: str) -> Item:
    authors = entry.get("authors") if isinstance(entry.get("authors"), list) else [entry.get("author")]
    names = [line(_text(each.get("name"))) for each in authors or [] if isinstance(each, dict)]
    tags = entry.get("tags") if isinstance(entry.get("tags"), list) else []
    body = plain(_text(entry.get("content_html")) or _text(entry.get("content_text")))
    guid = entry.get("id")
    return Item(
        guid=_short(str(guid)) if isinstance(guid, str | int | float) else None,
        link=_http(_text(entry.get("url")) or _text(entry.get("external_url")), url),
        title=line(_text(entry.get("title"))),
        lead=plain(_text(entry.get("summary"))),
        body=body,
        author=_short("، ".join(name for name in names if name) or None),
        section=_short(next((tag for tag in tags or [] if isinstance(tag, str)), None)),
        image=_http(_text(entry.get("image")) or _text(entry.get("banner_image")), url),
        language=_text(entry.get("language")),
        date=_short(_text(entry.get("date_published")) or _text(entry.get("date_modified"))),
        extra=_tags(tags or []),
    )


def _sitemap(text: str) -> Document:
    items: list[Item] = []
    note = None
    elements = _Elements(text)
    for element in elements:
        if _local(element) == "url" and len(items) < MOST_ITEMS:
            said = {_local(each): (each.text or "").strip() for each in element.iter()}
            link = _http(said.get("loc"), "")
            if link is not None:
                items.append(
                    Item(
                        link=link,
                        title=line(said.get("title")),
                        language=said.get("language") or None,
                        date=_short(said.get("publication_date") or said.get("lastmod")),
                    )
                )
            element.clear()
    if elements.broken is not None:
        if not items:
            raise FeedFailed("malformed", f"nothing could be read: {elements.broken}")
        note = f"malformed: {elements.broken}"
    return Document(items=items, note=note)


class _Elements(Iterator[Element]):
    """The elements of a document as each ends, up to where it stops being XML; `broken` then says why."""

    def __init__(self, text: str) -> None:
        self.broken: Exception | None = None
        self._events = iter(iterparse(io.BytesIO(text.encode()), events=("end",)))

    def __next__(self) -> Element:
        try:
            return next(self._events)[1]  # type: ignore[no-any-return]
        except DefusedXmlException as bad:
            raise FeedFailed("entities", f"it declares XML entities: {bad}") from None
        except ParseError as bad:
            self.broken = bad
            raise StopIteration from None


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _http(link: str | None, base: str) -> str | None:
    """The link made absolute, if it is one of http or https."""
    if not link or not (link := link.strip()) or len(link) > _LONGEST:
        return None
    try:
        link = urljoin(base, link)
        parts = urlsplit(link)
        return link if parts.scheme in ("http", "https") and parts.hostname else None
    except ValueError:
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _short(text: str | None) -> str | None:
    text = text.strip()[:_LONGEST] if text else None
    return text or None


def _tags(tags: list[Any]) -> dict[str, object]:
    kept = [words for tag in tags[:_TAGS] if isinstance(tag, str) and (words := _short(line(tag)))]
    return {"tags": [words[:100] for words in kept]} if len(kept) > 1 else {}
