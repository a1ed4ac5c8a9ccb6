"""What every request passes: the CORS list, read tokens, a rate for each client, and the counters."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from hashlib import sha256

import orjson
from prometheus_client import CollectorRegistry, Counter
from starlette.datastructures import Headers, QueryParams
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streams.gateway.problem import PROBLEM_JSON, Problem, answer, document
from streams.settings import Settings

__all__ = ["HEADERS", "Guard", "bearer", "owner"]

# Of every answer; `server` puts them there, also on those to what is no request.
HEADERS: Mapping[str, str] = {
    # Nothing but our own files: no inline script or style, no frame around the page, nothing sent elsewhere.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1")
_PORT = re.compile(r":\d*$")
_OPEN = frozenset({"/healthz", "/readyz"})  # for whoever starts and stops the gateway; they say nothing of the news
_BURST_S = 30  # of its rate that a client may use at once: two thousand streams are opened again in a few seconds
_CLIENTS = 10_000  # clients whose rate is remembered; beyond, the one that was quiet for longest is forgotten


def owner(tokens: Mapping[str, str], token: str | None) -> str | None:
    """Whose token it is, by its SHA-256 in hex; None where it is nobody's.

    A lookup by the hash says nothing about it by how long it takes that would help to guess a 256-bit secret.
    """
    return None if token is None else tokens.get(sha256(token.encode()).hexdigest())


class Guard:
    """Middleware (pure ASGI: streams pass it as they are)."""

    def __init__(self, app: ASGIApp, settings: Settings, registry: CollectorRegistry) -> None:
        self._app = app
        self._counted = Counter(
            "khabar_http_requests", "Requests answered, by method and status.", ["method", "status"], registry=registry
        )
        self._settings = settings
        self._rates = _Rates(settings.gateway_rate)
        # A page from anywhere can have its own name point to 127.0.0.1, and the browser of whoever looks at it asks us.
        self._names = None
        if settings.gateway_names or _LOOPBACK.fullmatch(settings.gateway_host):
            self._names = {"localhost", "127.0.0.1", "[::1]", settings.gateway_host, *settings.gateway_names}
        self._inner: ASGIApp = self._checked
        if settings.cors_origins:
            self._inner = _Cors(
                self._checked,
                allow_origins=settings.cors_origins,
                allow_methods=["GET", "HEAD"],
                allow_headers=["Authorization", "If-None-Match", "Last-Event-ID"],
                expose_headers=["ETag", "Retry-After"],
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the request, pass it on, and count whatever is answered, a bug's answer included."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answered = False

        async def guarded(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                self._counted.labels(_method(scope["method"]), str(message["status"])).inc()
            await send(message)

        try:
            await self._inner(scope, receive, guarded)
        except ClientDisconnect:
            self._counted.labels(_method(scope["method"]), "gone").inc()
        except Exception as bug:
            if answered:
                raise  # uvicorn tells of it, and closes the connection, which is all that can be said now
            await answer(Request(scope), bug)(scope, receive, guarded)

    async def _checked(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check(scope)
        except Problem as problem:
            await answer(Request(scope), problem)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        """Raises Problem for a request that must not get further."""
        path = scope["path"]
        if path in _OPEN:
            return
        if self._names is not None and (host := _host(scope)) not in self._names:
            raise Problem(
                421, f'the request is for "{host[:60]}", which is not this gateway; gateway_names lists its names'
            )
        client = scope["client"][0] if scope.get("client") else ""
        if (wait := self._rates.take(client)) > 0:
            raise Problem(
                429,
                f"more than {self._settings.gateway_rate} requests a second from one address; slow down",
                headers={"Retry-After": str(wait)},
            )
        tokens = self._settings.read_tokens
        reads = path.startswith("/v1/") and path != "/v1/articles"
        if (reads or path == "/metrics") and tokens and owner(tokens, _token(scope)) is None:
            raise Problem(
                401,
                "reading needs a token: Authorization: Bearer …, or ?access_token=… where headers cannot be set",
                headers={"WWW-Authenticate": "Bearer"},
            )


class _Cors(CORSMiddleware):
    """Starlette's, but that it refuses with a problem document."""

    def preflight_response(self, request_headers: Headers) -> Response:
        found = super().preflight_response(request_headers)
        if found.status_code >= 400:
            why = bytes(found.body).decode()
            found.body = orjson.dumps(document(found.status_code, f"{why}; cors_origins lists whose pages may read"))
            found.headers.update({"Content-Type": PROBLEM_JSON, "Content-Length": str(len(found.body))})
        return found


class _Rates:
    """A bucket of requests for each client, filled at the rate, holding at most `_BURST_S` of it."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._buckets: dict[str, tuple[float, float]] = {}  # client -> (requests left, when); the quietest first

    def take(self, client: str) -> int:
        """Count one request; return the whole seconds to wait where there is none left, else 0."""
        if not self._rate:
            return 0
        now = time.monotonic()
        most = float(self._rate * _BURST_S)
        left, at = self._buckets.pop(client, (most, now))
        left = min(most, left + (now - at) * self._rate)
        self._buckets[client] = (left - 1 if left >= 1 else left), now
        if len(self._buckets) > _CLIENTS:
            del self._buckets[next(iter(self._buckets))]
        return 0 if left >= 1 else 1


def _host(scope: Scope) -> str:
    """The name or address that the client asked for, without the port."""
    return _PORT.sub("", Headers(scope=scope).get("host", "")).lower()


def _token(scope: Scope) -> str | None:
    return bearer(Headers(scope=scope)) or QueryParams(scope["query_string"]).get("access_token")


def bearer(headers: Mapping[str, str]) -> str | None:
    """The token of `Authorization: Bearer …`."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _method(method: str) -> str:
    return method if method in ("GET", "HEAD", "POST", "OPTIONS") else "other"  # what clients send is no label
