"""Says how a lane stands: how far each stage is behind, how fast it goes, what was refused, how the feeds are."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Literal, TypedDict

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas import DeadLetter, EnrichedArticle, Unavailable
from streams import lanes
from streams.gateway.answers import known
from streams.gateway.app import Part
from streams.gateway.openapi import LANE, READ, answered, ref
from streams.gateway.problem import away
from streams.kafka import errors, make_consumer, running
from streams.lag import READS, VIEWS, Lag
from streams.settings import Settings
from streams.topics import Topics

__all__ = ["Feeds", "Standing"]

log = logging.getLogger(__name__)

# What is known of the feeds of a lane: how many work and how many fail; None where nobody follows any.
Feeds = Callable[[Settings], "FeedsStanding | None"]

_FRESH_S = 2.0  # an answer serves everybody for so long: a wall of screens asks the broker no more than one
_RATE_S = 60.0  # over which rates are taken; shorter jumps about, longer hides a stop
_WAIT_S = 10.0  # for the broker
_LANES = 8  # looked at at once; each has three connections
_TAIL = 16  # records at the end of enriched that hold at least one article: the others are marks of transactions


class StageStanding(TypedDict):
    """One stage: records that it has not acknowledged, records a second, workers; null where that is not known."""

    stage: str
    lag: int | None
    rate: float | None
    members: int | None


class FeedsStanding(TypedDict):
    """How many of the followed feeds work and fail."""

    ok: int
    failing: int


class LaneStanding(TypedDict):
    """How a lane stands; `newest` is when the newest article was seen, `feeds` null where none are followed here."""

    lane: str
    kind: Literal["live", "replay"]
    stages: list[StageStanding]
    letters: int  # dead letters that are kept
    feeds: FeedsStanding | None
    newest: str | None


_PATH: Mapping[str, Any] = {
    "get": {
        "operationId": "health",
        "summary": "How a lane stands: each stage's lag and rate, dead letters, feeds, the newest article.",
        "security": READ,
        "parameters": [LANE],
        "responses": answered(
            {200: ("How it stands, at most two seconds ago.", ref(LaneStanding))},
            {400: "A parameter is wrong; `errors` names it."},
        ),
    }
}


class Standing(Part):
    """`GET /v1/health`."""

    paths: Mapping[str, Any] = {"/v1/health": _PATH}
    types: Sequence[Any] = (LaneStanding,)

    def __init__(self, settings: Settings, feeds: Feeds) -> None:
        self._feeds = feeds
        self._lanes: OrderedDict[str, _Lane] = OrderedDict()
        self.routes = [Route("/v1/health", self._get)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Let go of all clients at the end."""
        try:
            yield
        finally:
            for lane in self._lanes.values():
                await lane.close()

    async def _get(self, request: Request) -> Response:
        known(request, ())
        settings: Settings = await request.app.state.lanes.of(request)
        lane = self._lanes.setdefault(settings.lane, _Lane(settings, self._feeds))
        self._lanes.move_to_end(settings.lane)
        if len(self._lanes) > _LANES:
            _, longest_quiet = self._lanes.popitem(last=False)
            await longest_quiet.close()
        return Response(await lane.answer(), media_type="application/json", headers={"Cache-Control": "no-store"})


class _Lane:
    """Asks about one lane, one question at a time; its clients are made when it is first asked."""

    def __init__(self, settings: Settings, feeds: Feeds) -> None:
        self._settings = settings
        self._feeds = feeds
        self._asking = asyncio.Lock()
        self._clients = AsyncExitStack()
        self._lag: Lag | None = None
        self._tail: _Tail | None = None
        self._kind: Literal["live", "replay"] = "live"
        self._stood: deque[tuple[float, dict[str, int]]] = deque()
        self._answer, self._at = b"", float("-inf")
        self._away = False

    async def answer(self) -> bytes:
        """The JSON of how the lane stands, at most `_FRESH_S` old; raises Problem 503 where Kafka does not say."""
        async with self._asking:
            if time.monotonic() - self._at >= _FRESH_S:
                try:
                    async with asyncio.timeout(_WAIT_S):
                        self._answer = orjson.dumps(await self._look())
                except (Unavailable, TimeoutError) as why:
                    await self._let_go()
                    if not self._away:  # once, not for everybody who asks
                        said = str(why) or f"Kafka did not say within {_WAIT_S:.0f} s"
                        log.warning("how lane %s stands is not known: %s", self._settings.lane, said)
                    self._away = True
                    raise away() from None
                except BaseException:
                    await self._let_go()
                    raise
                self._at, self._away = time.monotonic(), False
            return self._answer

    async def close(self) -> None:
        """Let go of the clients, once nobody waits for an answer."""
        async with self._asking:
            await self._let_go()

    async def _let_go(self) -> None:
        self._lag = self._tail = None
        clients, self._clients = self._clients, AsyncExitStack()
        await clients.aclose()

    async def _look(self) -> LaneStanding:
        if self._lag is None or self._tail is None:
            self._kind = (await lanes.require(self._settings)).kind
            self._lag = await self._clients.enter_async_context(Lag(self._settings))
            consumer = await self._clients.enter_async_context(running(make_consumer(self._settings), self._settings))
            self._tail = _Tail(self._settings, consumer)
        return {
            "lane": self._settings.lane,
            "kind": self._kind,
            "stages": await self._stages(self._lag),
            "letters": await self._tail.letters(),
            "feeds": await asyncio.to_thread(self._feeds, self._settings),
            "newest": await self._tail.newest(),
        }

    async def _stages(self, lag: Lag) -> list[StageStanding]:
        """The stages of the way, and the views that work on the lane or once did.

        Nothing is known of them where the broker cannot tell: for a moment after its start it knows no groups."""
        try:
            stands = {stage: await lag.stands(stage) for stage in (*READS, *VIEWS)}
            members = await lag.members(stands)
            there = [stage for stage in stands if stage in READS or stands[stage] or members[stage]]
            behind = {stage: sum((await lag.of(stage, stands[stage])).values()) for stage in there}
            rates = self._rates({stage: sum(stands[stage].values()) for stage in there})
        except Unavailable as why:
            log.info("lane %s: how its stages stand is not known: %s", self._settings.lane, why)
            return [{"stage": each, "lag": None, "rate": None, "members": None} for each in READS]
        return [{"stage": each, "lag": behind[each], "rate": rates[each], "members": members[each]} for each in there]

    def _rates(self, stands: dict[str, int]) -> dict[str, float | None]:
        """Records a second that each stage acknowledged in the last minute; None at the first look."""
        now = time.monotonic()
        self._stood.append((now, stands))
        while len(self._stood) > 2 and self._stood[1][0] <= now - _RATE_S:
            self._stood.popleft()
        then, stood = self._stood[0]
        if now - then < _FRESH_S / 2:
            return dict.fromkeys(stands)
        return {
            stage: round(max(0, stands[stage] - stood.get(stage, stands[stage])) / (now - then), 2) for stage in stands
        }


class _Tail:
    """Looks at the ends of two topics of one partition."""

    def __init__(self, settings: Settings, consumer: AIOKafkaConsumer) -> None:
        self._settings = settings
        self._consumer = consumer
        self._end = -1
        self._newest: str | None = None

    async def letters(self) -> int:
        """Dead letters that are kept; one that was written again after a kill counts twice."""
        _, first, end = await self._bounds(DeadLetter.topic)
        return end - first

    async def newest(self) -> str | None:
        """When the newest enriched article was seen, None where there is none."""
        partition, first, end = await self._bounds(EnrichedArticle.topic)
        if end == self._end:
            return self._newest
        with errors(self._settings):
            self._consumer.assign([partition])
            self._consumer.seek(partition, max(first, end - _TAIL))
            while await self._consumer.position(partition) < end:
                for record in (await self._consumer.getmany(partition, timeout_ms=500)).get(partition, []):
                    if record.value is not None:
                        self._newest = orjson.loads(record.value).get("seen_at")
            self._consumer.pause(partition)  # else it goes on to fetch, and Kafka answers all else behind what waits
        self._end = end
        return self._newest

    async def _bounds(self, topic: str) -> tuple[TopicPartition, int, int]:
        partition = TopicPartition(Topics(self._settings.prefix, self._settings.lane).name(topic), 0)
        with errors(self._settings):
            first = await self._consumer.beginning_offsets([partition])
            end = await self._consumer.end_offsets([partition])
        return partition, first[partition], end[partition]
