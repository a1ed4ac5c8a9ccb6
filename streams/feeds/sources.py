"""Which feeds to follow, and whose they are: a sources file (TOML), a list of subscriptions (OPML), or addresses."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from xml.etree import ElementTree
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from schemas import Misconfigured

__all__ = ["Feed", "Source", "opml", "read_feeds"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Who publishes. `id` is what its articles carry as `source`: whoever wants the rest joins on it."""

    id: str | None = None  # the host of the feed where none is given
    name: str | None = None  # in Arabic
    latin: str | None = None
    country: str | None = None  # ISO 3166, two letters
    kind: Literal["agency", "outlet", "aggregator"] = "outlet"
    owner: str | None = None
    timezone: str = "UTC"  # of dates that name none
    group: str | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The time zone; raises Misconfigured if there is none of that name."""
        try:
            return ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise Misconfigured(f"timezone is {self.timezone!r}; give a name such as Asia/Riyadh") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One address to poll."""

    url: str
    source: Source = Source()

    @property
    def source_id(self) -> str:
        """The `source` of its articles."""
        return self.source.id or (urlsplit(self.url).hostname or "").removeprefix("www.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry(Source):
    """A [[source]] of the file."""

    feeds: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    source: list[_Entry]


def read_feeds(given: Iterable[str]) -> list[Feed]:
    """The feeds of all that was given, each address once; raises Misconfigured, naming the file and what is wrong."""
    feeds: dict[str, Feed] = {}
    for each in given:
        for feed in _feeds_of(each):
            if feeds.setdefault(feed.url, feed).source != feed.source:
                raise Misconfigured(f"{feed.url} is given twice, for two sources; keep one of them")
    if not feeds:
        raise Misconfigured("there is no feed to follow; give an address, an OPML file or a sources file")
    return list(feeds.values())


def _feeds_of(given: str) -> Iterator[Feed]:
    if "://" in given:
        yield _feed(given, Source(), "the command line")
        return
    path = Path(given)
    try:
        content = path.read_bytes()
    except OSError as bad:
        raise Misconfigured(
            f"{given} cannot be read: {bad.strerror}; give a file, or an address with https://"
        ) from None
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        yield from _from_opml(content, given)
    else:
        yield from _from_toml(content, given)


def _from_toml(content: bytes, name: str) -> Iterator[Feed]:
    try:
        found = msgspec.convert(tomllib.loads(content.decode()), _File)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as bad:
        raise Misconfigured(f"{name} is not TOML: {bad}") from None
    except msgspec.ValidationError as bad:
        raise Misconfigured(f'{name}: {bad}; a source is [[source]] with feeds = ["https://…"]') from None
    for entry in found.source:
        source = Source(**{field: getattr(entry, field) for field in Source.__dataclass_fields__})
        for url in entry.feeds:
            yield _feed(url, source, name)


def _from_opml(content: bytes, name: str) -> Iterator[Feed]:
    try:
        root = fromstring(content)
    except (ElementTree.ParseError, DefusedXmlException) as bad:
        raise Misconfigured(f"{name} is not OPML: {bad}") from None
    if root.tag != "opml":
        raise Misconfigured(f"{name} is XML, but not OPML: it begins with <{root.tag}>")
    yield from _outlines(root.findall("body/outline"), name, None)


def _outlines(outlines: Sequence[Any], name: str, group: str | None) -> Iterator[Feed]:
    """The innermost folder is the group."""
    for outline in outlines:
        text = outline.get("text") or outline.get("title")
        url = outline.get("xmlUrl")
        if url:
            source = Source(name=text, group=group)
            known = {field: value for field in _OPML_FIELDS if (value := outline.get(field))}
            if known:
                try:
                    source = msgspec.convert({"name": text, "group": group} | known, Source)
                except msgspec.ValidationError as bad:
                    raise Misconfigured(f"{name}: {url}: {bad}") from None
            yield _feed(url, source, name)
        yield from _outlines(outline.findall("outline"), name, group if url else text or group)


# What OPML has no word for goes into attributes of these names, which other readers pass over.
_OPML_FIELDS = ("id", "latin", "country", "kind", "owner", "timezone")


def opml(feeds: Iterable[Feed]) -> bytes:
    """The feeds as OPML 2.0, a folder a group; `read_feeds` reads it back as it was."""
    root = ElementTree.Element("opml", version="2.0")
    ElementTree.SubElement(ElementTree.SubElement(root, "head"), "title").text = "Khabar"
    body = ElementTree.SubElement(root, "body")
    folders: dict[str, ElementTree.Element] = {}
    for feed in feeds:
        source = feed.source
        parent = body
        if source.group is not None:
            if source.group not in folders:
                folders[source.group] = ElementTree.SubElement(body, "outline", text=source.group)
            parent = folders[source.group]
        said = {"type": "rss", "text": source.name or feed.url, "xmlUrl": feed.url}
        plain = Source()
        for field in _OPML_FIELDS:
            if (value := getattr(source, field)) != getattr(plain, field):
                said[field] = value
        ElementTree.SubElement(parent, "outline", said)
    ElementTree.indent(root)
    written = ElementTree.tostring(root, "unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{written}\n'.encode()


def _feed(url: str, source: Source, where: str) -> Feed:
    url = url.strip()
    try:
        _ = source.zone
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname
    except ValueError:
        good = False
    except Misconfigured as bad:
        raise Misconfigured(f"{where}: {bad}") from None
    if not good:
        raise Misconfigured(f"{where}: {url!r} is no http or https address")
    return Feed(url=url, source=source)
