"""What look-ups have in common: parameters that are checked, cursors, and answers that a client need not get twice."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Collection, Iterable, Mapping
from sqlite3 import Connection
from typing import TypeVar

import orjson
from starlette.requests import Request
from starlette.responses import Response
from xxhash import xxh3_64_hexdigest

from schemas import Unavailable
from streams.gateway.problem import Problem, wrong_parameter
from streams.gateway.questions import Key, Page
from streams.gateway.stores import Stores

__all__ = [
    "MOST", "PAGED", "answer", "ask", "choice", "chosen", "cursor", "known", "limit_of", "listed", "missing", "tagged",
    "token",
]  # fmt: skip

MOST = 200  # things on a page
PAGED = frozenset({"limit", "cursor"})
_FEW = 50  # where no limit is given: more than a screen shows
_EVERYWHERE = frozenset({"lane", "access_token"})
_LONGEST = 400  # characters of a cursor: four numbers or ids
_RETRY_S = 2  # the store of a lane is opened within seconds, unless it is made anew

T = TypeVar("T")


async def ask(stores: Stores, request: Request, question: Callable[[Connection], T]) -> T:
    """The answer of the lane that the request names. Raises Problem 404 where there is none, 503 where its store cannot
    answer yet."""
    settings = await request.app.state.lanes.of(request)
    try:
        return await stores.of(settings).ask(question)
    except Unavailable as reason:
        raise Problem(503, str(reason), headers={"Retry-After": str(_RETRY_S)}) from None


def known(request: Request, names: Collection[str]) -> None:
    """Raise Problem 400 for a parameter that means nothing here: it would be passed over in silence."""
    for name in request.query_params:
        if name not in names and name not in _EVERYWHERE:
            raise wrong_parameter(
                name[:60], f"{name[:60]!r} means nothing here; take {', '.join(sorted({*names, 'lane'}))}"
            )


def choice(request: Request, name: str, choices: tuple[str, ...]) -> str:
    """One of these, the first where none is given; raises Problem 400."""
    return chosen(name, request.query_params.get(name, choices[0]), choices)


def chosen(name: str, value: str, choices: tuple[str, ...]) -> str:
    """The value, if it is one of these; raises Problem 400."""
    if value not in choices:
        raise wrong_parameter(name, f"{name} is {value[:60]!r}; give one of {', '.join(choices)}")
    return value


def limit_of(request: Request, default: int = _FEW) -> int:
    """How many things the page may hold; raises Problem 400."""
    given = request.query_params.get("limit", str(default))
    if not (given.isascii() and given.isdigit() and len(given) < 10 and 1 <= int(given) <= MOST):
        raise wrong_parameter("limit", f"limit is {given[:60]!r}; give 1 to {MOST}")
    return int(given)


def token(kind: str, page: Page) -> str | None:
    """The cursor that leads to the next page. Clients take it as it is: what is in it may change."""
    if page.next is None:
        return None
    return base64.urlsafe_b64encode(orjson.dumps([kind, *page.next])).decode().rstrip("=")


def cursor(request: Request, kind: str, shape: str) -> Key | None:
    """Where the page begins, behind the last key of the one before; raises Problem 400 for what is no cursor of these
    pages. `shape` has an i for each number and an s for each text in a key."""
    given = request.query_params.get("cursor")
    if given is None:
        return None
    types = [{"i": int, "s": str}[each] for each in shape]
    try:
        if len(given) > _LONGEST:
            raise ValueError
        found = orjson.loads(base64.b64decode(given + "=" * (-len(given) % 4), b"-_", validate=True))
        name, *key = found
        if name != kind or [type(each) for each in key] != types:
            raise ValueError
    except (ValueError, TypeError, binascii.Error):
        raise wrong_parameter(
            "cursor", "cursor is none of this look-up; give `next` of the page before, and the same sort"
        ) from None
    return tuple(key)


def listed(values: Iterable[bytes]) -> bytes:
    """A JSON array of values that are JSON already."""
    return b"[" + b",".join(values) + b"]"


def answer(request: Request, parts: Mapping[str, object], offsets: Mapping[str, int] | None = None) -> Response:
    """A JSON object of these parts; what is bytes is JSON already.

    `offsets` move with every event of the lane, and still it is the same answer: a stream that goes on from older ones
    gives a few events twice.
    """
    body = b",".join(
        orjson.dumps(name) + b":" + (value if isinstance(value, bytes) else orjson.dumps(value))
        for name, value in parts.items()
    )
    tail = b"" if offsets is None else b',"offset":' + orjson.dumps(dict(offsets))
    return tagged(request, b"{" + body + tail + b"}", body)


def tagged(request: Request, body: bytes, same: bytes, media_type: str = "application/json") -> Response:
    """The body, or 304 where the client has what is the `same`."""
    tag = f'W/"{xxh3_64_hexdigest(same)}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    given = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if "*" in given or tag.removeprefix("W/") in given:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=media_type)


def missing(what: str, id_: str) -> Problem:
    """404 for an id that the store does not have."""
    return Problem(404, f"there is no {what} {id_[:100]!r} in this lane, or it is older than what is kept")
