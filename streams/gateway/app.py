"""The gateway's application: put together from parts that know nothing of each other, behind one guard."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from typing import Any

import orjson
from prometheus_client import CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from streams.gateway.docs import STYLE, page
from streams.gateway.guard import Guard
from streams.gateway.lanes import Lanes
from streams.gateway.openapi import document
from streams.gateway.problem import HANDLERS
from streams.settings import Settings

__all__ = ["Part", "application"]


class Part:
    """What the gateway is put together from; a part overrides what it needs."""

    routes: Sequence[BaseRoute] = ()
    # For OpenAPI, by path: the path items of those routes of which their docstring does not say all, and the types that
    # these refer to beside the events.
    paths: Mapping[str, Any] = {}
    types: Sequence[Any] = ()

    def running(self) -> AbstractAsyncContextManager[object]:
        """What has to run while the gateway does; parts are entered in order and left in reverse."""
        return nullcontext()

    def unready(self) -> str | None:
        """Why /readyz has to say no, None if it need not."""
        return None

    def drain(self) -> None:
        """The gateway is about to end: end what never ends by itself; requests under way still get their answer."""


def application(settings: Settings, parts: Sequence[Part], registry: CollectorRegistry) -> Starlette:
    """The gateway of these parts; /metrics shows what they registered.

    `app.state.drain()` tells all of them that the end is near (see `server`); `app.state.lanes` is what `?lane=` means.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for part in parts:
                await stack.enter_async_context(part.running())
            yield

    async def healthz(request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(request: Request) -> Response:
        reasons = [reason for part in parts if (reason := part.unready())]
        return PlainTextResponse("".join(f"{each}\n" for each in reasons or ["ok"]), 503 if reasons else 200)

    async def openapi(request: Request) -> Response:
        return Response(description, media_type="application/json")

    async def docs(request: Request) -> Response:
        return HTMLResponse(shown)

    async def style(request: Request) -> Response:
        return Response(STYLE, media_type="text/css")

    async def metrics(request: Request) -> Response:
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")

    described = document(parts)
    description, shown = orjson.dumps(described, option=orjson.OPT_INDENT_2), page(described)

    def drain() -> None:
        for part in parts:
            part.drain()

    app = Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            Route("/openapi.json", openapi),
            Route("/docs", docs),
            Route("/docs/style.css", style),
            *(route for part in parts for route in part.routes),
        ],
        middleware=[Middleware(Guard, settings=settings, registry=registry)],
        exception_handlers=HANDLERS,
        lifespan=lifespan,
    )
    # A path with a slash too many is none: redirects name plain HTTP, also behind a proxy with TLS, and a token in the
    # query would go out unencrypted.
    app.router.redirect_slashes = False
    app.state.drain = drain
    app.state.lanes = Lanes(settings)
    return app
