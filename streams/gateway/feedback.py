"""Takes what readers say of a story that there is, and writes it to the feedback topic: nothing else changes by it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from sqlite3 import Connection
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas import Feedback, Unavailable, encode, to_rfc3339
from streams import cluster
from streams.delivery import Delivery, Output
from streams.gateway import questions
from streams.gateway.answers import ask, known, missing
from streams.gateway.app import Part
from streams.gateway.body import JSON, media_type, read_body
from streams.gateway.openapi import LANE, READ, answered, ref
from streams.gateway.problem import Problem, Wrong
from streams.gateway.questions import Found
from streams.gateway.stores import Stores
from streams.kafka import errors
from streams.settings import Settings
from streams.topics import Topics

__all__ = ["Verdict", "Verdicts"]

_LIMIT = 64 * 1024  # bytes; two hundred ids and the longest note take half of it
_WAIT_S = 10.0  # for the broker; then the reader is told to try again

_Id = Annotated[str, Meta(min_length=1, max_length=64)]


class Verdict(msgspec.Struct, forbid_unknown_fields=True):
    """What is sent; a story lists at most 200 articles."""

    story: _Id
    verdict: Literal["not-one-story"]
    articles: Annotated[list[_Id], Meta(max_length=200)] = []
    note: Annotated[str, Meta(max_length=2000)] | None = None


_PATH: Mapping[str, Any] = {
    "post": {
        "operationId": "feedback",
        "summary": "Say that the articles of a story are not one story.",
        "description": "It is written down, in the lane's feedback topic, for whoever tunes or judges deduplicate; the "
        "story stays as it is. `articles` are those that do not belong, none where one cannot say.",
        "security": READ,
        "requestBody": {"required": True, "content": {JSON: {"schema": ref(Verdict)}}},
        "parameters": [LANE],
        "responses": answered(
            {202: ("The broker has it.", None)},
            {
                400: "It is not JSON, or not gzip.",
                404: "There is no such lane, or no such story in it.",
                408: "The body took more than a minute.",
                409: "The lane has no topic for it.",
                413: "More than 64 KiB.",
                415: "Neither JSON, nor packed otherwise than as gzip.",
                422: "It is no verdict, or names articles that are not of the story; errors says which.",
                503: "The broker does not answer, or the lane is being read: try again.",
            },
        ),
    }
}


class Verdicts(Part):
    """`POST /v1/feedback`; 202 once the broker has it."""

    paths: Mapping[str, Any] = {"/v1/feedback": _PATH}
    types: Sequence[Any] = (Verdict,)

    def __init__(self, settings: Settings, stores: Stores) -> None:
        self._stores = stores
        self._delivery = Delivery(settings)
        self._sending = asyncio.Lock()  # a producer of ours has one batch in flight
        self.routes = [Route("/v1/feedback", self._post, methods=["POST"])]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Let go of the producer at the end."""
        try:
            yield
        finally:
            await self._delivery.close()

    async def _post(self, request: Request) -> Response:
        known(request, ())
        settings: Settings = await request.app.state.lanes.of(request)
        media_type(request, (JSON,))
        try:
            said = msgspec.json.decode(await read_body(request, _LIMIT), type=Verdict)
        except msgspec.DecodeError as bad:
            what, _, path = str(bad).partition(" - at `$")
            pointer = "#" + path.rstrip("`").replace(".", "/").replace("[", "/").replace("]", "")
            status = 422 if isinstance(bad, msgspec.ValidationError) else 400
            raise Problem(status, f"not a verdict: {bad}", errors=[{"pointer": pointer, "detail": what}]) from None
        await self._check(request, said)
        if not await cluster.exists(settings, Feedback.topic):
            raise Problem(
                409,
                f"lane {settings.lane} is older than feedback and has no topic for it; make what it lacks: "
                f"khabar topics --create --lane {settings.lane}",
            )
        at = to_rfc3339(time.time_ns() // 1_000_000 * 1000)
        event = Feedback(story=said.story, articles=said.articles, verdict=said.verdict, note=said.note or None, at=at)
        topic = Topics(settings.prefix, settings.lane).name(event)
        await self._send(settings, Output(topic, 0, said.story.encode(), encode(event), ()))
        return Response(status_code=202)

    async def _check(self, request: Request, said: Verdict) -> None:
        """Raise Problem for a story that the lane does not know, and for articles that are not of it."""

        def look(database: Connection) -> tuple[Found | None, set[str]]:
            return questions.story(database, said.story), questions.members_among(database, said.story, said.articles)

        story, members = await ask(self._stores, request, look)
        if story is None:
            raise missing("story", said.story)
        members.update(each["id"] for each in story.event["members"])  # an article may be gone, and its story not
        strangers = [
            Wrong(pointer=f"#/articles/{place}", detail=f"article {each!r} is not of story {said.story!r}")
            for place, each in enumerate(said.articles)
            if each not in members
        ]
        if strangers:
            raise Problem(422, "not all of the articles are of the story; look at it again", errors=strangers)

    async def _send(self, settings: Settings, output: Output) -> None:
        try:
            async with asyncio.timeout(_WAIT_S), self._sending:
                with errors(settings):
                    await self._delivery.send([output])
        except TimeoutError:
            raise Unavailable(f"Kafka did not take a verdict within {_WAIT_S:.0f} s") from None
