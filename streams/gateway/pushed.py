"""What a push is answered with: what became of the article, or of each line of a batch; and how OpenAPI tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import orjson
from starlette.responses import Response

from schemas import RawArticle
from streams.gateway.body import JSON
from streams.gateway.door import Refusal, Taken
from streams.gateway.openapi import LANE, answered, ref
from streams.gateway.problem import Problem, Wrong

__all__ = ["NDJSON", "PATH", "Judged", "PushedArticle", "PushedBatch", "many", "one"]

NDJSON = "application/x-ndjson"
Judged = tuple[int, Taken | Refusal]  # the line, and what was found


class PushedArticle(TypedDict):
    """The article is with the broker; `id` is null where it follows from the text: no url or source_id came."""

    id: str | None


class PushedRecord(TypedDict):
    """What became of one line: `status` 202 with the article's id as above, or another with what is wrong."""

    line: int  # from 1
    status: int
    id: NotRequired[str | None]
    error: NotRequired[Wrong]


class PushedBatch(TypedDict):
    """What became of a batch: what was taken is with the broker."""

    taken: int
    refused: int
    records: list[PushedRecord]


_EXAMPLE = {
    "url": "https://example.org/a/17",
    "title": "افتتاح الجسر الجديد",
    "body": "افتتح الوزير الجسر الجديد صباح اليوم.",
    "published_at": "2026-05-01T09:30:00+03:00",
}
_CANCELED = {"url": "https://example.org/a/16", "status": "canceled"}
PATH: Mapping[str, Any] = {
    "post": {
        "operationId": "push",
        "summary": "Push articles: one as JSON, many as NDJSON, a record a line.",
        "description": "Each is judged by itself, and good ones are taken where others are bad. What was answered with "
        "202 is with the broker, on all of its replicas. Ids follow from what is sent, so that sending again is safe: "
        "the same text is a repeat, another text a new version. The token says which source it is; a record may name "
        'that one, or none. "status": "canceled" takes an article back by its url, or by source_id. Fields that are '
        "not among those of RawArticle are kept as they are. Bodies may come as gzip.",
        "security": [{"pushToken": []}],
        "parameters": [LANE],
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": ref(RawArticle), "example": _EXAMPLE},
                NDJSON: {
                    "schema": {"type": "string", "description": "A RawArticle as JSON on each line."},
                    "example": "".join(orjson.dumps(each).decode() + "\n" for each in (_EXAMPLE, _CANCELED)),
                },
            },
        },
        "responses": answered(
            {
                202: ("All is with the broker.", {"anyOf": [ref(PushedArticle), ref(PushedBatch)]}),
                207: ("A part of the batch is with the broker.", ref(PushedBatch)),
            },
            {
                400: "Not JSON, not gzip, or a batch without any record that is.",
                401: "No push token, or one that is not known here.",
                404: "Another lane than the one that is pushed to.",
                408: "The body took more than a minute.",
                409: "The gateway serves a replay's lane.",
                413: "More than 16 MiB, 10,000 lines, or 1 MiB a record.",
                415: "Neither JSON nor NDJSON, or packed otherwise than as gzip.",
                422: "No record can be used; errors says of each what is wrong.",
                429: "Too much at once: Retry-After says when to come again.",
                503: "The broker does not answer; what was sent may yet arrive. Send it again after Retry-After.",
            },
        ),
    }
}


def one(judged: list[Judged]) -> Response:
    """202, or the problem of the article."""
    ((_, found),) = judged
    if isinstance(found, Refusal):
        raise Problem(found.status, found.detail, errors=[_wrong(found)])
    where = {"Location": f"/v1/articles/{found.id}"} if found.id else {}
    return Response(orjson.dumps(PushedArticle(id=found.id)), 202, where, JSON)


def many(judged: list[Judged]) -> Response:
    """202 if all were taken, 207 if some were, and the problem of all if none was."""
    refused = [(line, each) for line, each in judged if isinstance(each, Refusal)]
    if len(refused) == len(judged):
        statuses = {each.status for _, each in refused}
        errors = [_wrong(each, line) for line, each in refused]
        detail = f"none of the {len(refused):,} records was taken" if refused else "the body is empty"
        raise Problem(statuses.pop() if len(statuses) == 1 else 422, detail, errors=errors)
    records = [
        PushedRecord(line=line, status=202, id=each.id)
        if isinstance(each, Taken)
        else PushedRecord(line=line, status=each.status, error=_wrong(each))
        for line, each in judged
    ]
    said = PushedBatch(taken=len(judged) - len(refused), refused=len(refused), records=records)
    return Response(orjson.dumps(said), 207 if refused else 202, media_type=JSON)


def _wrong(refusal: Refusal, line: int | None = None) -> Wrong:
    found = Wrong(detail=refusal.detail, cause=refusal.cause)
    if line is not None:
        found["line"] = line
    if refusal.pointer is not None:
        found["pointer"] = refusal.pointer
    return found
