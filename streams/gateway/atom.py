"""Stories and alerts as Atom feeds (RFC 4287): any reader or chat tool subscribes to them, with every filter.

Titles are whatever somebody published: they cannot break the XML, turn the lines of others around, or be markup.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from sqlite3 import Connection
from typing import Any
from urllib.parse import quote, urlencode
from uuid import NAMESPACE_URL, uuid5

from lxml import etree
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas import to_rfc3339
from streams.gateway import questions
from streams.gateway.answers import PAGED, ask, cursor, known, limit_of, tagged, token
from streams.gateway.app import Part
from streams.gateway.described import FEEDS
from streams.gateway.filters import FILTERS, PERIOD, Filter, Sources
from streams.gateway.questions import Judge, Key, Page
from streams.gateway.stores import Stores
from streams.gateway.words import Words

__all__ = ["Atom"]

_ATOM = "http://www.w3.org/2005/Atom"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_CURSOR = "atom"
_NOT_ASKED = frozenset({"lane", "access_token", "cursor", "limit"})  # of the parameters: no part of what is asked
_MEMBERS = 20  # of a story that an entry lists: the latest; all are counted
_UNTITLED = "بلا عنوان"
# Not in XML 1.0; and what turns the direction of everything behind it, in lines that are not the title's own.
_HARMFUL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u202a-\u202e\u2066-\u2069]")
_WEB = re.compile(r"https?://[^\s]+$", re.IGNORECASE)
_RTL = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "iw", "khw", "ks", "ps", "sd", "ug", "ur", "yi"})
_STRONG = {"L": "ltr", "R": "rtl", "AL": "rtl"}
_MARKS = {"rtl": "\u200f", "ltr": "\u200e"}


class Atom(Part):
    """The feeds of a lane."""

    paths = FEEDS

    def __init__(self, stores: Stores, sources: Sources, words: Words) -> None:
        self._stores = stores
        self._sources = sources
        self._words = words
        self.routes = [Route("/v1/stories.atom", self.stories), Route("/v1/alerts.atom", self.alerts)]

    async def stories(self, request: Request) -> Response:
        """Stories that pass the filters as an Atom feed, the one that was joined last first."""
        known(request, FILTERS | PERIOD | PAGED)
        wanted = Filter.of(request.query_params.multi_items(), self._words, allowed=FILTERS | PERIOD)
        judge, after, limit = Judge(wanted, self._sources, self._words), _after(request), limit_of(request)

        def look(database: Connection) -> tuple[Page, int]:
            return questions.latest(database, judge, after, limit), questions.newest(database)

        page, newest = await ask(self._stores, request, look)
        feed = await _Feed.of(request, "أخبار", page, newest)
        for each in page.items:
            feed.story(each.event)
        return feed.sent()

    async def alerts(self, request: Request) -> Response:
        """Alerts as an Atom feed, the latest first."""
        known(request, PAGED)
        after, limit = _after(request), limit_of(request)

        def look(database: Connection) -> tuple[Page, int]:
            return questions.alerts(database, after, limit), questions.newest(database)

        page, newest = await ask(self._stores, request, look)
        feed = await _Feed.of(request, "تنبيهات", page, newest)
        for each in page.items:
            feed.alert(each.event)
        return feed.sent()


class _Feed:
    """The answer to one request, on its way to be XML."""

    def __init__(self, request: Request, lane: str, title: str, page: Page, newest: int) -> None:
        """`lane` with its prefix; `newest` is the lane's own time, in microseconds since 1970."""
        self._request = request
        self._lane = lane
        asked = sorted(each for each in request.query_params.multi_items() if each[0] not in _NOT_ASKED)
        self._root = etree.Element("feed", {_LANGUAGE: "ar"}, nsmap={None: _ATOM})
        _add(self._root, "id", self._id("feed", request.url.path, urlencode(asked)))
        _add(self._root, "title", " · ".join(["خبر", title, *(_apart(value) for _, value in asked)]), type="text")
        _add(self._root, "updated", _updated(page.items[0].event) if page.items else to_rfc3339(newest))
        _add(_add(self._root, "author"), "name", "خبر · Khabar")
        _add(self._root, "generator", "Khabar")
        here = request.url.remove_query_params("access_token")  # a secret is not for whoever is shown the feed
        _link(self._root, "self", str(here), "application/atom+xml")
        _link(self._root, "alternate", self._page(), "text/html")
        if (following := token(_CURSOR, page)) is not None:
            _link(self._root, "next", str(here.include_query_params(cursor=following)), "application/atom+xml")

    @classmethod
    async def of(cls, request: Request, title: str, page: Page, newest: int) -> _Feed:
        """A feed without entries; its id is one for each question, wherever the gateway is reached."""
        settings = await request.app.state.lanes.of(request)
        return cls(request, f"{settings.prefix}.{settings.lane}", title, page, newest)

    def story(self, story: Mapping[str, Any]) -> None:
        """An entry: the story, its latest articles, and links to them."""
        language, latest = story["language"], story["members"][-_MEMBERS:]
        entry = self._entry(story["id"], story["headline"], language, story["id"], story["last_seen_at"])
        _add(entry, "published", story["first_seen_at"])
        for source in story["sources"]:
            _add(_add(entry, "author"), "name", _clean(source["source"]))
        for entity in story["entities"]:
            _add(entry, "category", term=_clean(entity["id"]), label=_clean(entity["name"]))
        for url in dict.fromkeys(each["url"] for each in latest):
            if url is not None and _WEB.match(url):
                _link(entry, "related", url, "text/html")
        lines = [
            f"{each['seen_at'][:16].replace('T', ' ')} UTC · {_apart(each['source'])} · "
            f"{_apart(_title(each['title'], language))}"
            for each in reversed(latest)
        ]
        _add(entry, "summary", "\n".join(lines), type="text")

    def alert(self, alert: Mapping[str, Any]) -> None:
        """An entry: what the rule says, and the headline that met it."""
        entry = self._entry(alert["id"], alert["text"], "ar", alert["story"], alert["at"])
        _add(entry, "published", alert["at"])
        _add(_add(entry, "author"), "name", _clean(alert["source"]))
        _add(entry, "category", term=_clean(alert["rule"]))
        _add(entry, "summary", _apart(_title(alert["headline"], "ar")), type="text")

    def sent(self) -> Response:
        """The feed as it goes out."""
        body = etree.tostring(self._root, encoding="utf-8", xml_declaration=True)
        return tagged(self._request, body, body, "application/atom+xml; charset=utf-8")

    def _entry(self, id_: str, title: str | None, language: str | None, story: str, updated: str) -> Any:
        entry = _add(self._root, "entry")
        if language is not None:
            entry.set(_LANGUAGE, _clean(language))
        _add(entry, "id", self._id("entry", id_))
        _add(entry, "title", _title(title, language), type="text")
        _add(entry, "updated", updated)
        _link(entry, "alternate", self._page(open=story), "text/html")
        return entry

    def _page(self, **parameters: str) -> str:
        """The page, where somebody reads on."""
        lane = self._request.query_params.get("lane")
        query = urlencode(parameters | ({} if lane is None else {"lane": lane}))
        return str(self._request.url.replace(path="/", query=query))

    def _id(self, *parts: str) -> str:
        return uuid5(NAMESPACE_URL, "\n".join(["khabar", self._lane, *parts])).urn


def _after(request: Request) -> Key | None:
    return cursor(request, _CURSOR, "is")


def _updated(event: Mapping[str, Any]) -> str:
    """When a story was joined last, or an alert given."""
    found: str = event["at"] if "at" in event else event["last_seen_at"]
    return found


def _add(parent: Any, name: str, text: str | None = None, **attributes: str) -> Any:
    child = etree.SubElement(parent, f"{{{_ATOM}}}{name}", attributes)
    child.text = text
    return child


def _link(parent: Any, relation: str, href: str, type_: str) -> None:
    _add(parent, "link", rel=relation, href=_HARMFUL.sub(lambda found: quote(found[0]), href), type=type_)


def _title(title: str | None, language: str | None) -> str:
    """A title that is shown in the direction of its language, whatever letter it begins with."""
    text = " ".join(_clean(title or "").split()) or _UNTITLED
    wanted = "rtl" if (language or "ar").partition("-")[0] in _RTL else "ltr"
    strong = next((_STRONG[kind] for char in text if (kind := unicodedata.bidirectional(char)) in _STRONG), wanted)
    return text if strong == wanted else _MARKS[wanted] + text


def _apart(text: str) -> str:
    """A text that leaves the direction of what stands beside it alone."""
    return f"\u2068{_clean(text)}\u2069"


def _clean(text: str) -> str:
    return _HARMFUL.sub("", text)
