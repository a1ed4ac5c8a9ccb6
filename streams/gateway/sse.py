"""Server-sent events: whoever can open a URL follows a topic, with filters, and resumes without a gap.

    GET /v1/stream/enriched|stories|trends|alerts ? lane= & since= & the filters of streams.gateway.filters

The id of an event is the offset that follows it in its topic, so any gateway can go on from it. A stream begins with
the id of where it stands, repeats that with every heartbeat, and ends with `event: end`, whose id is where to resume.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

import orjson
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from streams.gateway import asyncapi
from streams.gateway.answers import known
from streams.gateway.app import Part
from streams.gateway.backlog import Backlog
from streams.gateway.described import STREAMS
from streams.gateway.eventstream import Counts, EventStream
from streams.gateway.filters import Filter, Sources
from streams.gateway.hub import Hub
from streams.gateway.kinds import KINDS
from streams.gateway.problem import Problem, wrong_parameter
from streams.gateway.words import Words
from streams.settings import Settings

__all__ = ["Streams"]


class Streams(Part):
    """The streams of the gateway."""

    paths = STREAMS

    def __init__(self, settings: Settings, sources: Sources, words: Words, registry: CollectorRegistry) -> None:
        self.routes: list[BaseRoute] = [
            Route("/v1/stream/{stream}", self._open),
            Route("/asyncapi.json", self._describe),
        ]
        self._draining = False
        self._words = words
        self._hub = Hub(settings, sources, words)
        self._backlog = Backlog(settings)
        self._counts = Counts(registry)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read the live ends."""
        async with self._hub.running():
            try:
                yield
            finally:
                await self._backlog.close()

    def unready(self) -> str | None:
        """Until the live end is reached, clients would have to wait for it."""
        return self._hub.unready()

    def drain(self) -> None:
        """End all streams, each with the id to resume from."""
        self._draining = True
        for tail in self._hub.tails():
            tail.wake_all()

    async def _describe(self, request: Request) -> Response:
        """What there is to subscribe to, topics and streams, as AsyncAPI."""
        return Response(_described(), media_type="application/json")

    async def _open(self, request: Request) -> Response:
        """Events as they come (text/event-stream)."""
        kind = KINDS.get(request.path_params["stream"])
        if kind is None:
            raise Problem(404, f"there is no stream {request.path_params['stream'][:60]!r}; take {', '.join(KINDS)}")
        known(request, kind.filters | {"since"})
        wanted = Filter.of(request.query_params.multi_items(), self._words, allowed=kind.filters)
        start = _start(request)
        settings = await request.app.state.lanes.of(request)
        tail = await self._hub.tail(settings, kind)
        return EventStream(tail, self._backlog, wanted, start, self._counts, draining=lambda: self._draining)


@cache
def _described() -> bytes:
    return orjson.dumps(asyncapi.document())


def _start(request: Request) -> int | None:
    """Where to begin, None for the live end; a client that comes back knows it better than the address that it has."""
    for name, value in (
        ("Last-Event-ID", request.headers.get("last-event-id")),
        ("since", request.query_params.get("since")),
    ):
        if value:
            if not value.isascii() or not value.isdigit() or len(value) > 18:
                raise wrong_parameter(
                    name, f"{name} is {value[:60]!r}; give an id of this stream, or since=0 for all of it"
                )
            return int(value)
    return None
