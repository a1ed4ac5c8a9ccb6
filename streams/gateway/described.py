"""The look-ups and streams as OpenAPI tells of them: what each takes, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, get_args

from schemas import Alert, EnrichedArticle, Label, RelationKind, Story, Trend, TrendWindow
from streams.gateway.answers import MOST
from streams.gateway.kinds import KINDS
from streams.gateway.openapi import LANE, READ, answered, ref

__all__ = ["FEEDS", "LOOKUPS", "STREAMS", "TYPES"]


class Hit(TypedDict):
    """An article that was found; `article` lacks body, extra, attributions and lines."""

    article: dict[str, Any]
    story: str
    excerpt: str | None  # the first 300 code points of the body


class KnownSource(TypedDict):
    """Who publishes, as far as it is known."""

    id: str
    name: str | None
    name_latin: str | None
    country: str | None
    kind: str | None
    group: str | None


TYPES = (Hit, KnownSource)

_STATUS = {
    400: "A parameter is wrong; `errors` names it.",
    503: "The lane is being read: try again.",
}
_NONE = {404: "There is no such lane, or none of this id in it."}
_TEXT = {"type": "string"}
_OFFSET = {
    "type": "object",
    "description": "by stream, the id from which it goes on where this answer ends: Last-Event-ID or `since`",
    "additionalProperties": {"type": "integer"},
}


def _parameter(name: str, description: str, schema: Mapping[str, Any] = _TEXT, where: str = "query") -> dict[str, Any]:
    found = {"name": name, "in": where, "description": description, "schema": schema}
    return found | ({"required": True} if where == "path" else {})


def _any_of(name: str, description: str, values: tuple[str, ...] = ()) -> dict[str, Any]:
    """A parameter that may be repeated."""
    of = _TEXT | ({"enum": list(values)} if values else {})
    return _parameter(name, f"{description}; repeated: any of them", {"type": "array", "items": of})


def _choice(name: str, description: str, values: tuple[str, ...]) -> dict[str, Any]:
    return _parameter(name, description, _TEXT | {"enum": list(values), "default": values[0]})


_DATE = {"type": "string", "format": "date-time"}
_FILTERS = [
    _any_of("entity", "id of a thing that is named, such as iso:SY"),
    _any_of("source", "id of a source"),
    _any_of("country", "of the source, ISO 3166, two letters"),
    _any_of("group", "of the source, as in the list of sources"),
    _any_of("story", "id of a story"),
    _any_of("relation", "how an article, of a story any, stands to the one before it", get_args(RelationKind)),
    _any_of("language", "BCP 47"),
    _any_of(
        "q", "all these words, in any spelling, behind proclitics; quoted: as written; of stories: headlines, names"
    ),
    _parameter("new-stories-only", "1: stories of one article alone", {"type": "string", "enum": ["1", "0"]}),
    _parameter("since", "seen at or after this", _DATE),
    _parameter("until", "seen before this", _DATE),
]
_LIMIT = _parameter("limit", "how many at most", {"type": "integer", "minimum": 1, "maximum": MOST})
_PAGED = [_LIMIT, _parameter("cursor", "`next` of the page before")]


def _array(of: type) -> dict[str, Any]:
    return {"type": "array", "items": ref(of)}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


_NEXT = {"type": ["string", "null"], "description": "the cursor of the next page; null where there is no more"}


def _get(
    operation: str, summary: str, parameters: list[dict[str, Any]], schema: Any, kind: str = "application/json"
) -> dict[str, Any]:
    of_path = [each for each in parameters if each["in"] == "path"]
    good = {200: ("What was found.", schema), 304: ("The client has it: If-None-Match named its ETag.", None)}
    problems = _STATUS | (_NONE if of_path else {404: "There is no such lane."})
    return {
        "get": {
            "operationId": operation,
            "summary": summary,
            "security": READ,
            "parameters": [*parameters, LANE],
            "responses": answered(good, problems, kind),
        }
    }


_STORIES = _object(items=_array(Story), next=_NEXT, offset=_OFFSET)
_STORY = _object(story=ref(Story), articles=_array(EnrichedArticle), next=_NEXT, offset=_OFFSET)
_ENTITY = _object(
    id=_TEXT, name=_TEXT, label=_TEXT, articles={"type": "integer"}, stories=_array(Story), trends=_array(Trend),
    next=_NEXT, offset=_OFFSET,
)  # fmt: skip
_SORT = _choice("sort", "joined last, or most sources within the last hour", ("last_seen", "growth"))
_WINDOW = _choice("window", "how much of the line counts", get_args(TrendWindow))
_LABELS = _any_of("label", "kind of thing", get_args(Label))


def _id(of: str) -> list[dict[str, Any]]:
    return [_parameter("id", f"of the {of}", where="path")]


LOOKUPS: dict[str, Any] = {
    "/v1/stories": _get("stories", "Stories that pass the filters", [*_FILTERS, _SORT, *_PAGED], _STORIES),
    "/v1/stories/{id}": _get("story", "A story with its articles, in line", [*_id("story"), *_PAGED], _STORY),
    "/v1/articles/{id}": _get("article", "An article as it is now", _id("article"), ref(EnrichedArticle)),
    "/v1/entities/{id}": _get("entity", "A thing in the world", [*_id("thing"), *_PAGED], _ENTITY),
    "/v1/search": _get(
        "search", "Articles that pass the filters, the latest first", [*_FILTERS, *_PAGED],
        _object(items=_array(Hit), next=_NEXT, offset=_OFFSET),
    ),
    "/v1/trends": _get(
        "trends", "What is spoken of, the most unusual first", [_WINDOW, _LABELS, _LIMIT],
        _object(items=_array(Trend), offset=_OFFSET),
    ),
    "/v1/alerts": _get(
        "alerts", "Alerts, the latest first", _PAGED, _object(items=_array(Alert), next=_NEXT, offset=_OFFSET)
    ),
    "/v1/sources": _get("sources", "The sources, and what is known of them", [], _object(items=_array(KnownSource))),
}  # fmt: skip

_XML = "application/atom+xml"
FEEDS: dict[str, Any] = {
    "/v1/stories.atom": _get("storiesFeed", "Stories as an Atom feed", [*_FILTERS, *_PAGED], _TEXT, _XML),
    "/v1/alerts.atom": _get("alertsFeed", "Alerts as an Atom feed", _PAGED, _TEXT, _XML),
}

_STREAM = _parameter("stream", "what is followed", {"type": "string", "enum": list(KINDS)}, "path")
_RESUMED = [
    _parameter("Last-Event-ID", "go on after the event of this id; browsers send it by themselves", _TEXT, "header"),
    _parameter("since", "go on at this id, 0 is the beginning; from now on if neither is given", {"type": "integer"}),
]
STREAMS: dict[str, Any] = {
    "/v1/stream/{stream}": {
        "get": {
            "operationId": "stream",
            "summary": "Follow what comes: Server-Sent Events, the same as on the topic",
            "description": "`id` is where to go on; `event` is story, enriched, trend or alert; gap, where what was to "
            "be resumed is no longer there; and end, which names the id to resume from. Trends take the filters entity "
            "and q, alerts source, country, group, story and q.",
            "security": READ,
            "parameters": [_STREAM, *(each for each in _FILTERS if each.get("schema") != _DATE), *_RESUMED, LANE],
            "responses": answered(
                {200: ("Events, until the client leaves or is told to come again.", _TEXT)},
                _STATUS,
                "text/event-stream",
            ),
        }
    }
}
