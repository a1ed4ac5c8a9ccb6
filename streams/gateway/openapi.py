"""What the gateway offers, for programs: OpenAPI 3.1, made from the routes of its parts and from the events' types."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Protocol

import msgspec
from starlette.routing import BaseRoute, Route

from schemas import Alert, EnrichedArticle, Feedback, RawArticle, Story, Trend
from streams.gateway.problem import PROBLEM_JSON, ProblemDocument

__all__ = ["LANE", "READ", "Described", "answered", "document", "ref"]

# Needed only where the settings list read tokens.
READ: list[dict[str, list[str]]] = [{"readToken": []}, {"readTokenInQuery": []}, {}]
LANE = {
    "name": "lane",
    "in": "query",
    "description": "the lane that is meant; the gateway's own if none is given",
    "schema": {"type": "string"},
}
_TYPES = (RawArticle, EnrichedArticle, Story, Trend, Alert, Feedback, ProblemDocument)
_NAMED = re.compile(r"{(\w+)(?::\w+)?}")
_WORDS = re.compile(r"[^\w.]+")
_ABOUT = """Articles go in by POST /v1/articles; streams (Server-Sent Events) and look-ups come out. Every route takes \
`lane`; the gateway's own lane is meant where none is given. Errors are application/problem+json (RFC 9457)."""


class Described(Protocol):
    """A part of the gateway, as in `app`."""

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """What it answers."""

    @property
    def paths(self) -> Mapping[str, Any]:
        """By path: OpenAPI's path items of those routes of which their docstring does not say all."""

    @property
    def types(self) -> Sequence[Any]:
        """What these refer to beside the events."""


def ref(kind: type) -> dict[str, str]:
    """The schema of a type that the document has among its components."""
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def answered(
    good: Mapping[int, tuple[str, Any]], problems: Mapping[int, str], kind: str = "application/json"
) -> dict[str, Any]:
    """The `responses` of an operation: status -> (words, schema or None) of what is answered as `kind`, and status ->
    words of a problem."""
    found: dict[str, Any] = {}
    for status, (words, schema) in good.items():
        found[str(status)] = {"description": words} | (
            {} if schema is None else {"content": {kind: {"schema": schema}}}
        )
    for status, words in problems.items():
        found[str(status)] = {"description": words, "content": {PROBLEM_JSON: {"schema": ref(ProblemDocument)}}}
    return found


# What the guard and the lane may say to any request.
_EVERYWHERE = answered(
    {},
    {
        401: "It takes a token, and none that is known here came.",
        404: "There is no such lane.",
        421: "It is meant for a host that is not among gateway_names.",
        429: "Too much at once: Retry-After says when to come again.",
        503: "The broker does not answer.",
    },
)


def document(parts: Iterable[Described]) -> dict[str, Any]:
    """The OpenAPI document of these parts."""
    paths: dict[str, Any] = {}
    types: list[Any] = [*_TYPES]
    for part in parts:
        types += part.types
        for route in part.routes:
            if isinstance(route, Route) and route.include_in_schema:
                path = _NAMED.sub(r"{\1}", route.path)
                item = part.paths.get(path) or _of_docstring(route)
                paths[path] = _with_everywhere(item) if path.startswith("/v1/") else item
    _, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    for schema in components.values():
        if "description" in schema:
            schema["description"] = inspect.cleandoc(schema["description"])
    return {
        "openapi": "3.1.0",
        "info": {"title": "Khabar", "version": version("khabar"), "description": _ABOUT},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": components,
            "securitySchemes": {
                "pushToken": {"type": "http", "scheme": "bearer", "description": "of a producer: khabar token SOURCE"},
                "readToken": {"type": "http", "scheme": "bearer", "description": "where the settings list read_tokens"},
                "readTokenInQuery": {
                    "type": "apiKey",
                    "in": "query",
                    "name": "access_token",
                    "description": "the same, for whoever can set no headers (EventSource, feed readers)",
                },
            },
        },
    }


def _with_everywhere(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        method: {**operation, "responses": dict(sorted((_EVERYWHERE | operation["responses"]).items()))}
        for method, operation in item.items()
    }


def _of_docstring(route: BaseRoute) -> dict[str, Any]:
    assert isinstance(route, Route)  # noqa: S101 - see above
    summary, _, description = (inspect.getdoc(route.endpoint) or "").partition("\n\n")
    operation: dict[str, Any] = {
        "operationId": _WORDS.sub("-", route.path.removeprefix("/v1")).strip("-"),
        "summary": " ".join(summary.split()),
        "parameters": [
            *(
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in _NAMED.findall(route.path)
            ),
            LANE,
        ],
        "responses": answered({200: ("What was asked for.", None)}, {404: "There is none such."}),
    }
    if description:
        operation["description"] = description
    return {(min((route.methods or {"GET"}) - {"HEAD"})).lower(): operation}
