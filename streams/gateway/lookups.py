"""The look-ups: stories, articles, entities, trends and alerts as they are now, page by page, out of the lane's store.

An answer is of one state of the store, and says in `offset` where the streams go on from it without a gap.
"""

from __future__ import annotations

from collections.abc import Mapping
from sqlite3 import Connection
from typing import Any, Protocol, get_args

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas import Label, TrendWindow
from streams.gateway import questions
from streams.gateway.answers import (
    MOST,
    PAGED,
    answer,
    ask,
    choice,
    chosen,
    cursor,
    known,
    limit_of,
    listed,
    missing,
    tagged,
    token,
)
from streams.gateway.app import Part
from streams.gateway.described import LOOKUPS, TYPES
from streams.gateway.filters import FILTERS, PERIOD, Filter
from streams.gateway.questions import Found, Judge, Page
from streams.gateway.stores import Stores
from streams.gateway.words import Words

__all__ = ["Lookups", "Outlet"]

_KEYS = {"last_seen": "is", "growth": "iiis"}  # of the cursors of stories
_EXCERPT = 300  # code points of a body that a hit shows: two lines on a screen


class Outlet(Protocol):
    """What is known of a source."""

    @property
    def name(self) -> str | None:
        """In Arabic."""

    @property
    def latin(self) -> str | None:
        """In Latin letters."""

    @property
    def country(self) -> str | None:
        """ISO 3166, two letters."""

    @property
    def kind(self) -> str:
        """agency, outlet or aggregator."""

    @property
    def group(self) -> str | None:
        """The group or folder that it is listed in."""


class Lookups(Part):
    """The routes under /v1 that look things up."""

    paths = LOOKUPS
    types = TYPES

    def __init__(self, stores: Stores, sources: Mapping[str, Outlet], words: Words) -> None:
        self._stores = stores
        self._sources = sources
        self._words = words
        self.routes = [
            Route("/v1/stories", self.stories),
            Route("/v1/stories/{id}", self.story),
            Route("/v1/articles/{id}", self.article),
            Route("/v1/entities/{id}", self.entity),
            Route("/v1/search", self.search),
            Route("/v1/trends", self.trends),
            Route("/v1/alerts", self.alerts),
            Route("/v1/sources", self.sources),
        ]

    async def stories(self, request: Request) -> Response:
        """Stories that pass the filters: the one first that was joined last, or that grows most."""
        known(request, FILTERS | PERIOD | PAGED | {"sort"})
        sort = choice(request, "sort", ("last_seen", "growth"))
        question = questions.growing if sort == "growth" else questions.latest
        judge, limit = self._judge(request), limit_of(request)
        after = cursor(request, sort, _KEYS[sort])

        def look(database: Connection) -> tuple[Page, dict[str, int]]:
            return question(database, judge, after, limit), questions.offsets(database)

        page, offsets = await ask(self._stores, request, look)
        return answer(request, {"items": _values(page.items), "next": token(sort, page)}, offsets)

    async def story(self, request: Request) -> Response:
        """A story and its articles in line, with their texts."""
        known(request, PAGED)
        id_, after, limit = request.path_params["id"], cursor(request, "story", "i"), limit_of(request, MOST)

        def look(database: Connection) -> tuple[Found | None, Page, dict[str, int]]:
            return (
                questions.story(database, id_),
                questions.articles_of(database, id_, after, limit),
                questions.offsets(database),
            )

        story, page, offsets = await ask(self._stores, request, look)
        if story is None:
            raise missing("story", id_)
        parts = {"story": story.value, "articles": _values(page.items), "next": token("story", page)}
        return answer(request, parts, offsets)

    async def article(self, request: Request) -> Response:
        """An article as it is now; a canceled one without its text."""
        known(request, ())
        id_ = request.path_params["id"]
        found = await ask(self._stores, request, lambda database: questions.article(database, id_))
        if found is None:
            raise missing("article", id_)
        return tagged(request, found.value, found.value)

    async def entity(self, request: Request) -> Response:
        """A thing in the world: how many articles name it, in which stories, and how unusual that is."""
        known(request, PAGED)
        id_, after, limit = (
            request.path_params["id"],
            cursor(request, "last_seen", _KEYS["last_seen"]),
            limit_of(request),
        )
        judge = Judge(Filter(entities=frozenset({id_})), self._sources, self._words)

        def look(database: Connection) -> tuple[int, Found | None, Page, list[bytes], dict[str, int]]:
            count, last = questions.mentions(database, id_)
            stories = questions.latest(database, judge, after, limit)
            return count, last, stories, questions.trends_of(database, id_), questions.offsets(database)

        count, last, page, trends, offsets = await ask(self._stores, request, look)
        name = _name(id_, last, page, trends)
        if name is None:
            raise missing("entity", id_)
        parts = {"id": id_, **name, "articles": count, "stories": _values(page.items), "trends": listed(trends)}
        return answer(request, parts | {"next": token("last_seen", page)}, offsets)

    async def search(self, request: Request) -> Response:
        """Articles that pass the filters, the latest first, with the beginning of their texts."""
        known(request, FILTERS | PERIOD | PAGED)
        judge, after, limit = self._judge(request), cursor(request, "search", "i"), limit_of(request)

        def look(database: Connection) -> tuple[Page, dict[str, int]]:
            return questions.search(database, judge, after, limit), questions.offsets(database)

        page, offsets = await ask(self._stores, request, look)
        items = listed(orjson.dumps(_hit(each.event)) for each in page.items)
        return answer(request, {"items": items, "next": token("search", page)}, offsets)

    async def trends(self, request: Request) -> Response:
        """What is spoken of in a window, the most unusual first."""
        known(request, {"window", "label", "limit"})
        window, limit = choice(request, "window", get_args(TrendWindow)), limit_of(request)
        labels = [chosen("label", each, get_args(Label)) for each in request.query_params.getlist("label")]

        def look(database: Connection) -> tuple[list[bytes], dict[str, int]]:
            return questions.trends(database, window, labels, limit), questions.offsets(database)

        found, offsets = await ask(self._stores, request, look)
        return answer(request, {"items": listed(found)}, offsets)

    async def alerts(self, request: Request) -> Response:
        """Alerts, the latest first."""
        known(request, PAGED)
        after, limit = cursor(request, "alerts", "is"), limit_of(request)

        def look(database: Connection) -> tuple[Page, dict[str, int]]:
            return questions.alerts(database, after, limit), questions.offsets(database)

        page, offsets = await ask(self._stores, request, look)
        return answer(request, {"items": _values(page.items), "next": token("alerts", page)}, offsets)

    async def sources(self, request: Request) -> Response:
        """The sources that are known, and those that there are articles of."""
        known(request, ())
        there = await ask(self._stores, request, questions.outlets)
        ids = sorted({*self._sources, *there})
        items = listed(orjson.dumps(_outlet(each, self._sources.get(each))) for each in ids)
        return answer(request, {"items": items})

    def _judge(self, request: Request) -> Judge:
        parameters = request.query_params.multi_items()
        return Judge(Filter.of(parameters, self._words, allowed=FILTERS | PERIOD), self._sources, self._words)


def _values(found: list[Found]) -> bytes:
    return listed(each.value for each in found)


def _name(id_: str, last: Found | None, page: Page, trends: list[bytes]) -> dict[str, str] | None:
    """Name and label of a thing, as who names it last has them."""
    named = [each for found in [last, *page.items[:1]] if found is not None for each in found.event["entities"]]
    for each in named:
        if each["id"] == id_:
            return {"name": each["name"], "label": each["label"]}
    for trend in map(orjson.loads, trends):
        return {"name": trend["name"], "label": trend["label"]}
    return None


def _hit(event: Mapping[str, Any]) -> dict[str, Any]:
    """An article as a list of hits shows it."""
    shown = {name: value for name, value in event.items() if name not in ("body", "extra", "attributions", "lines")}
    shown["entities"] = [each for each in event["entities"] if each["field"] != "body"]
    if event["relation"] is not None:
        shown["relation"] = event["relation"] | {"evidence": None}
    body = event["body"]
    return {"article": shown, "story": event["story"]["id"], "excerpt": None if body is None else body[:_EXCERPT]}


def _outlet(id_: str, outlet: Outlet | None) -> dict[str, str | None]:
    said: dict[str, str | None] = dict.fromkeys(("name", "name_latin", "country", "kind", "group"))
    if outlet is not None:
        said = {
            "name": outlet.name,
            "name_latin": outlet.latin,
            "country": outlet.country,
            "kind": outlet.kind,
            "group": outlet.group,
        }
    return {"id": id_, **said}
