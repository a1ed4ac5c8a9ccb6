"""Errors as RFC 9457 has them: whatever goes wrong, the client gets application/problem+json that says what to do."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, NotRequired, TypedDict

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from schemas import Misconfigured, Refused, Unavailable

__all__ = [
    "HANDLERS", "PROBLEM_JSON", "Problem", "ProblemDocument", "Wrong", "answer", "away", "document", "wrong_parameter",
]  # fmt: skip

log = logging.getLogger(__name__)

PROBLEM_JSON = "application/problem+json"
_RETRY_S = 5  # what a client waits where the broker is away: it is back within seconds, or not for long


class Wrong(TypedDict):
    """One thing that is wrong, and where."""

    detail: str
    pointer: NotRequired[str]  # JSON pointer, as a URI fragment
    parameter: NotRequired[str]  # of the query
    line: NotRequired[int]  # of an NDJSON body, from 1
    cause: NotRequired[str]  # of a record: the word that dead letters of its kind are counted by


class ProblemDocument(TypedDict):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: NotRequired[list[Wrong]]


class Problem(HTTPException):
    """Ends a request with `status` and a problem document; `errors` names what is wrong one by one."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[Wrong] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, headers)
        self.errors = errors


def wrong_parameter(name: str, detail: str, status: int = 400) -> Problem:
    """What is wrong with a parameter of the query, or a header that stands for one."""
    return Problem(status, detail, errors=[{"parameter": name, "detail": detail}])


def away() -> Problem:
    """What a client gets for Unavailable."""
    return Problem(503, "the broker does not answer; try again", headers={"Retry-After": str(_RETRY_S)})


def document(status: int, detail: str, errors: Sequence[Wrong] = ()) -> ProblemDocument:
    """The problem with its title, which is the status in HTTP's words."""
    found = ProblemDocument(type="about:blank", title=HTTPStatus(status).phrase, status=status, detail=detail)
    if errors:
        found["errors"] = list(errors)
    return found


def answer(request: Request, error: Exception) -> Response:
    """What the client gets for an error. Details of the broker are for the log, not for whoever asks."""
    match error:
        case HTTPException(status_code=status, detail=detail, headers=headers):
            if detail == HTTPStatus(status).phrase:  # Starlette's own
                detail = f"{request.method} {request.url.path}: {detail}; what there is stands in /docs"
            return _response(status, detail, getattr(error, "errors", ()), headers)
        case Refused():
            return _response(422, str(error))
        case Unavailable():
            log.warning("%s %s: %s", request.method, request.url.path, error)
            return answer(request, away())
        case Misconfigured():
            log.error("%s %s: %s", request.method, request.url.path, error)
            return _response(500, "the gateway is not set up for this; its log says what to do")
        case _:
            log.error("%s %s failed", request.method, request.url.path, exc_info=error)
            return _response(500, "something went wrong in the gateway; its log says what")


def _response(
    status: int, detail: str, errors: Sequence[Wrong] = (), headers: Mapping[str, str] | None = None
) -> Response:
    return Response(orjson.dumps(document(status, detail, errors)), status, headers, PROBLEM_JSON)


async def _handle(request: Request, error: Exception) -> Response:
    return answer(request, error)  # in the loop: Starlette would call it from a thread


# For the routes: what they raise that is no bug. Bugs are the guard's, which puts its headers on their answer, too.
HANDLERS: Mapping[Any, Any] = dict.fromkeys((HTTPException, Refused, Unavailable, Misconfigured), _handle)
