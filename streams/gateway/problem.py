"""Errors as RFC 9457 has them: whatever goes wrong, the client gets application/problem+json that says what to do."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from schemas import Misconfigured, Refused, Unavailable

__all__ = ["HANDLERS", "PROBLEM_JSON", "Problem", "document", "phrase"]

log = logging.getLogger(__name__)

PROBLEM_JSON = "application/problem+json"
_RETRY_S = 5  # what a client waits where the broker is away: it is back within seconds, or not for long


class Problem(HTTPException):
    """Ends a request with `status` and a problem document.

    `errors` names what is wrong one by one: `pointer` (a JSON pointer as a URI fragment), `parameter` (of the query) or
    `line` (of an NDJSON body, from 1), and `detail`.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, headers)
        self.errors = errors


def phrase(status: int) -> str:
    """The title of a problem: the status in HTTP's words."""
    return HTTPStatus(status).phrase


def document(status: int, detail: str, errors: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """The members of a problem document."""
    found: dict[str, Any] = {"type": "about:blank", "title": phrase(status), "status": status, "detail": detail}
    return found | ({"errors": list(errors)} if errors else {})


def _answer(
    status: int, detail: str, errors: Sequence[Mapping[str, Any]] = (), headers: Mapping[str, str] | None = None
) -> Response:
    return Response(orjson.dumps(document(status, detail, errors)), status, headers, PROBLEM_JSON)


def _problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)  # noqa: S101 - registered for it below
    detail = problem.detail
    if detail == phrase(problem.status_code):  # Starlette's own
        detail = f"{request.method} {request.url.path}: {detail}; what there is, stands in /docs"
    return _answer(problem.status_code, detail, getattr(problem, "errors", ()), problem.headers)


def _refused(request: Request, refused: Exception) -> Response:
    return _answer(422, str(refused))


def _unavailable(request: Request, away: Exception) -> Response:
    log.warning("%s %s: %s", request.method, request.url.path, away)
    return _answer(503, "the broker does not answer; try again", headers={"Retry-After": str(_RETRY_S)})


def _misconfigured(request: Request, wrong: Exception) -> Response:
    log.error("%s %s: %s", request.method, request.url.path, wrong)
    return _answer(500, "the gateway is not set up for this; its log says what to do")


def _bug(request: Request, bug: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=bug)
    return _answer(500, "something went wrong in the gateway; its log says what")


# What a route raises, and what becomes of it. Details of the broker are for the log, not for whoever asks.
HANDLERS: Mapping[Any, Any] = {
    HTTPException: _problem,
    Refused: _refused,
    Unavailable: _unavailable,
    Misconfigured: _misconfigured,
    Exception: _bug,
}
