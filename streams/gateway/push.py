"""Articles in over HTTP: judged at the door one by one, and answered for when the broker has them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas import Misconfigured, Unavailable
from streams import lanes
from streams.gateway.app import Part
from streams.gateway.body import JSON, media_type, read_body
from streams.gateway.door import Identify, Refusal, Taken, check, lines
from streams.gateway.guard import bearer, owner
from streams.gateway.problem import Problem, wrong_parameter
from streams.gateway.pushed import NDJSON, PATH, Judged, PushedArticle, PushedBatch, many, one
from streams.gateway.tasks import cancelled
from streams.lag import Lag
from streams.publishing import Publisher, Record
from streams.settings import Settings

__all__ = ["Behind", "Limits", "Push"]

log = logging.getLogger(__name__)

_MIB = 1 << 20
_AGAIN_S = 5  # that a client waits where the broker is away
_LOOK_S = 2.0  # between two looks at how far behind normalize is
_LONGEST_S = 60  # that a client is told to wait
_TOGETHER = 50  # records judged before others get their turn: some 5 ms
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one gateway takes in; each bounds memory or time, and raising it costs that."""

    body: int = 16 * _MIB  # bytes after unpacking: sixteen of the largest records, some 5,000 usual ones
    records: int = 10_000  # lines of one request, so that an answer that names each of them stays within 2 MB
    in_flight: int = 64 * _MIB  # bytes held: of bodies until they are answered, of records until the broker has them
    wait: float = 10.0  # seconds for the broker; it restarts in 3, and a client waits no longer
    # Records that normalize may be behind on its worst partition: with 400 articles a second on four partitions a
    # quarter of an hour. Articles are safe in their topic, so this slows producers down; it saves none.
    behind: int = 100_000


class Push(Part):
    """POST /v1/articles, into the gateway's own lane: a token lets nobody into another."""

    paths: Mapping[str, Any] = {"/v1/articles": PATH}
    types = (PushedArticle, PushedBatch)

    def __init__(
        self, settings: Settings, identify: Identify, registry: CollectorRegistry, limits: Limits | None = None
    ) -> None:
        self.routes = [Route("/v1/articles", self._post, methods=["POST"])]
        self._settings, self._identify, self._limits = settings, identify, limits or Limits()
        self._closed: str | None = None  # why nothing can be pushed here at all
        self._publisher: Publisher | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._sending: set[asyncio.Task[Exception | None]] = set()
        self._held = 0
        self._stuck = False  # a request waited in vain for the broker, and nothing has arrived since
        self._behind = Behind(self._limits.behind)
        self._records = Counter(
            "khabar_push_records", "Articles pushed, by source and outcome.", ["source", "outcome"], registry=registry
        )
        self._seconds = Histogram(
            "khabar_push_duration_seconds", "From a body being judged to the broker having all of it.",
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        Gauge(
            "khabar_push_held_bytes", "Bytes of bodies and of records on their way to the broker.", registry=registry
        ).set_function(lambda: self._held)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send what is taken. When this is left every request has its answer; what is still on its way had none that
        says 202, and is dropped."""
        found = await lanes.find(self._settings)
        if found is not None and found.kind != "live":
            self._closed = f"lane {self._settings.lane} is a replay's; articles are pushed to a live one"
            yield
            return
        self._publisher, _ = await Publisher.to(self._settings)
        async with asyncio.TaskGroup() as self._tasks:
            around = [self._tasks.create_task(each) for each in (self._run(self._publisher), self._look())]
            yield
            await cancelled({*around, *self._sending})

    def unready(self) -> str | None:
        """Nothing can be taken while the broker is away."""
        return "the broker does not take what is pushed" if self._stuck else None

    async def _run(self, publisher: Publisher) -> None:
        """What the broker refused for good fails the requests that sent it, and not the next."""
        while True:
            try:
                await publisher.run()
            except Exception as refusal:
                log.error("pushed articles were not taken: %s", refusal)
                await asyncio.sleep(1)

    async def _look(self) -> None:
        async with Lag(self._settings) as lag:
            while True:
                try:
                    self._behind.seen((await lag.worst(("normalize",))).records, time.monotonic())
                except (Unavailable, Misconfigured) as away:
                    log.info("how far behind normalize is, is not known: %s", away)
                await asyncio.sleep(_LOOK_S)

    async def _post(self, request: Request) -> Response:
        source = self._source(request.headers)
        self._open(request)
        kind = media_type(request, (JSON, NDJSON))
        with self._holding(_told(request, self._limits.body)):
            body = await read_body(request, self._limits.body)
            if kind == NDJSON and body.count(b"\n") > self._limits.records:
                raise Problem(413, f"the body has more than {self._limits.records:,} lines; send smaller batches")
            numbered = [(1, body)] if kind == JSON else list(lines(body))
            judged = await self._judge(numbered, source)
            if taken := [each for _, each in judged if isinstance(each, Taken)]:
                await self._deliver(taken)
                self._records.labels(source, "taken").inc(len(taken))
        return one(judged) if kind == JSON else many(judged)

    def _source(self, headers: Mapping[str, str]) -> str:
        source = owner(self._settings.push_tokens, bearer(headers))
        if source is None:
            given = "this token is not known here" if bearer(headers) else "pushing needs a token"
            detail = f"{given}: Authorization: Bearer …"
            if not self._settings.push_tokens:
                detail = "nobody may push here yet: khabar token SOURCE makes a token, and says what to set"
            raise Problem(401, detail, headers={"WWW-Authenticate": "Bearer"})
        return source

    def _open(self, request: Request) -> None:
        """Raises Problem where nothing can be taken now."""
        lane = request.query_params.get("lane", self._settings.lane)
        if lane != self._settings.lane:
            detail = f'lane is "{lane[:60]}"; articles are pushed to {self._settings.lane}, the gateway\'s own'
            raise wrong_parameter("lane", detail, 404)
        if self._closed is not None:
            raise Problem(409, self._closed)
        if self._stuck:
            raise _away("the broker does not answer; nothing was taken")
        if (wait := self._behind.wait()) is not None:
            raise Problem(
                429, "what was sent before is still to be worked on; go slower", headers={"Retry-After": str(wait)}
            )

    @contextmanager
    def _holding(self, size: int) -> Iterator[None]:
        if self._held + size > self._limits.in_flight:
            raise Problem(429, "too much is on its way to the broker; go slower", headers={"Retry-After": "1"})
        self._held += size
        try:
            yield
        finally:
            self._held -= size

    async def _judge(self, numbered: list[tuple[int, bytes]], source: str) -> list[Judged]:
        judged: list[Judged] = []
        for number, value in numbered:
            found = check(value, source, self._identify)
            judged.append((number, found))
            if isinstance(found, Refusal):
                self._records.labels(source, found.cause).inc()
            if len(judged) % _TOGETHER == 0:
                await asyncio.sleep(0)
        return judged

    async def _deliver(self, taken: list[Taken]) -> None:
        """Return when the broker has all of them; raises Problem when it has not after a while."""
        assert self._tasks is not None  # noqa: S101 - `running` is around every request
        began = time.monotonic()
        sending = self._tasks.create_task(self._send([each.record for each in taken]))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)
        done, _ = await asyncio.wait([sending], timeout=self._limits.wait)
        if not done:
            self._stuck = True
            raise _away(f"the broker did not answer for {self._limits.wait:.0f} s; what was sent may yet arrive")
        if (refusal := sending.result()) is not None:
            raise refusal
        self._seconds.observe(time.monotonic() - began)

    async def _send(self, records: list[Record]) -> Exception | None:
        """Goes on when the request has given up, so that what it holds is counted until it is gone."""
        assert self._publisher is not None  # noqa: S101 - `running` is around every request
        size = sum(len(record.value) for record in records)
        self._held += size
        try:
            await self._publisher.send(records)
        except Exception as refusal:
            return refusal
        finally:
            self._held -= size
            self._stuck = False
        return None


class Behind:
    """Whether a stage is too far behind, and when that may be over."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._records, self._at, self._rate = 0, 0.0, 0.0

    def seen(self, records: int, now: float) -> None:
        """So many records wait at the moment `now` (seconds)."""
        self._rate = max(0.0, (self._records - records) / (now - self._at)) if now > self._at else 0.0
        self._records, self._at = records, now

    def wait(self) -> int | None:
        """Whole seconds until what is too much will be done at the rate of the last look, from 1 to 60; None if nothing
        is too much."""
        over = self._records - self._limit
        if over <= 0:
            return None
        return max(1, min(_LONGEST_S, round(over / self._rate))) if self._rate else _LONGEST_S


def _told(request: Request, limit: int) -> int:
    """The size of the body if the client tells it, else the most that it may have."""
    length = request.headers.get("content-length", "")
    known = length.isdecimal() and "content-encoding" not in request.headers
    return min(int(length), limit) if known else limit


def _away(detail: str) -> Problem:
    return Problem(503, f"{detail}; send it again, which is safe", headers={"Retry-After": str(_AGAIN_S)})
