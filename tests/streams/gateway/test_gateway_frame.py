"""The frame: what every request meets, whatever part answers it."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import aiohttp
import orjson
import pytest
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from schemas import Misconfigured, Unavailable
from streams.gateway import server, standing
from streams.gateway.app import Part
from streams.gateway.server import listen
from streams.settings import Settings

DESK = "read-secret"
READ = {sha256(DESK.encode()).hexdigest(): "dashboard"}


class Example(Part):
    """A part with a route that answers, one that waits, one that never ends, and ones that fail."""

    def __init__(self) -> None:
        self.routes = [
            Route("/v1/example", self.example),
            Route("/v1/slow", self.slow),
            Route("/v1/endless", self.endless),
            Route("/v1/bug", self.bug),
            Route("/v1/away", self.away),
        ]
        self.log: list[str] = []
        self.reason: str | None = "the store is catching up"
        self.ending = asyncio.Event()
        self.asked = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self.log.append("runs")
        yield
        self.log.append("ends")

    def unready(self) -> str | None:
        return self.reason

    def drain(self) -> None:
        self.ending.set()

    async def example(self, request: Request) -> Response:
        return PlainTextResponse("خبر")

    async def slow(self, request: Request) -> Response:
        self.asked.set()
        await asyncio.sleep(0.5)
        self.log.append("answers")
        return PlainTextResponse("late, but there")

    async def endless(self, request: Request) -> Response:
        async def lines() -> AsyncIterator[str]:
            yield "begun\n"
            await self.ending.wait()
            yield "ended\n"

        return StreamingResponse(lines())

    async def bug(self, request: Request) -> Response:
        raise ZeroDivisionError("a secret of ours")

    async def away(self, request: Request) -> Response:
        raise Unavailable("Kafka at 10.0.0.7:9092 does not answer")


async def problem(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    assert answer.content_type == "application/problem+json"
    found: dict[str, Any] = await answer.json(content_type=None)
    assert found["status"] == answer.status
    assert found["title"]
    return found


async def test_every_answer_forbids_what_a_page_of_ours_does_not_need(serving: Any, client: Any) -> None:
    url = await serving([Example()])
    for path in ("/v1/example", "/nothing", "/v1/bug", "/healthz"):
        async with client.get(url + path) as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "server" not in answer.headers


async def test_errors_are_problem_documents_that_tell_nothing_of_the_inside(serving: Any, client: Any) -> None:
    url = await serving([Example()])
    for path, status in (("/nothing", 404), ("/v1/bug", 500), ("/v1/away", 503)):
        async with client.get(url + path) as answer:
            assert answer.status == status
            text = str(await problem(answer))
            assert "secret" not in text
            assert "10.0.0.7" not in text
    async with client.delete(url + "/v1/example") as answer:
        assert (await problem(answer))["status"] == 405
    async with client.get(url + "/v1/away") as answer:
        assert int(answer.headers["Retry-After"]) > 0


async def test_health_is_logged_once_for_each_outage(
    serving: Any, client: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks = iter([Unavailable("gone"), TimeoutError(), None, Unavailable("gone again"), Unavailable("gone again")])

    async def look(_: Any) -> dict[str, str]:
        if (wrong := next(looks)) is not None:
            raise wrong
        return {}

    monkeypatch.setattr(standing._Lane, "_look", look)
    monkeypatch.setattr(standing, "_FRESH_S", 0)
    url = await serving([standing.Standing(Settings(), lambda _: None)])
    for expected in (503, 503, 200, 503, 503):
        async with client.get(url + "/v1/health") as answer:
            assert answer.status == expected
            assert ("Retry-After" in answer.headers) == (expected == 503)
    warnings = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert warnings == [f"how lane live stands is not known: {why}" for why in ("gone", "gone again")]


async def test_it_is_ready_when_every_part_is(serving: Any, client: Any) -> None:
    part = Example()
    url = await serving([Part(), part])
    async with client.get(url + "/readyz") as answer:
        assert (answer.status, await answer.text()) == (503, "the store is catching up\n")
    part.reason = None
    async with client.get(url + "/readyz") as answer:
        assert (answer.status, await answer.text()) == (200, "ok\n")
    async with client.get(url + "/healthz") as answer:
        assert answer.status == 200


async def test_where_there_are_read_tokens_reading_needs_one(serving: Any, client: Any) -> None:
    url = await serving([Example()], Settings(read_tokens=READ))
    for path in ("/v1/example", "/metrics"):
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {DESK}"}):
            async with client.get(url + path, headers=headers) as answer:
                assert (await problem(answer))["status"] == 401
                assert answer.headers["WWW-Authenticate"] == "Bearer"
        async with client.get(url + path, headers={"Authorization": f"Bearer {DESK}"}) as answer:
            assert answer.status == 200
        async with client.get(url + path, params={"access_token": DESK}) as answer:
            assert answer.status == 200
    for path in ("/healthz", "/readyz"):
        async with client.get(url + path) as answer:
            assert answer.status != 401


async def test_only_listed_origins_may_read_from_a_browser(serving: Any, client: Any) -> None:
    ours, other = {"Origin": "https://desk.example"}, {"Origin": "https://other.example"}
    url = await serving([Example()], Settings(cors_origins="https://desk.example", read_tokens=READ))
    async with client.get(url + "/v1/example", headers=ours) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "https://desk.example"
        assert answer.status == 401  # which the page may read, and say
    async with client.get(url + "/v1/example", headers=other) as answer:
        assert "Access-Control-Allow-Origin" not in answer.headers
    asking = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    async with client.options(url + "/v1/example", headers=ours | asking) as answer:
        assert answer.status == 200
    pushing = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    async with client.options(url + "/v1/articles", headers=ours | pushing) as answer:
        problem = await answer.json(content_type="application/problem+json")
        assert (answer.status, problem["status"]) == (400, 400)
        assert problem["detail"].startswith("Disallowed CORS method")


async def test_a_name_that_is_not_ours_is_refused_on_loopback(serving: Any, client: Any) -> None:
    """DNS rebinding: a page of evil.example, whose name now points to 127.0.0.1, asks as if it were of our origin."""
    url = await serving([Example()], Settings(gateway_names="desk.example"))
    for host, status in (("evil.example:80", 421), ("localhost", 200), ("[::1]:8464", 200), ("Desk.example", 200)):
        async with client.get(url + "/v1/example", headers={"Host": host}) as answer:
            assert answer.status == status


async def test_beyond_loopback_names_are_checked_where_there_are_any(serving: Any, client: Any) -> None:
    for names, status in (((), 200), (("desk.example",), 421)):
        url = await serving([Example()], Settings(gateway_host="0.0.0.0", gateway_names=names))  # noqa: S104
        async with client.get(url + "/v1/example", headers={"Host": "evil.example"}) as answer:
            assert answer.status == status


async def test_one_address_may_ask_so_often_and_is_told_when_again(serving: Any, client: Any) -> None:
    url = await serving([Example()], Settings(gateway_rate=1))
    statuses = []
    for _ in range(31):
        async with client.get(url + "/v1/example") as answer:
            statuses.append(answer.status)
            retry = answer.headers.get("Retry-After")
    assert statuses == [200] * 30 + [429]
    assert retry == "1"
    await asyncio.sleep(1.0)
    async with client.get(url + "/v1/example") as answer:
        assert answer.status == 200


async def test_what_was_answered_is_counted(serving: Any, client: Any) -> None:
    registry = CollectorRegistry()
    url = await serving([Example()], registry=registry)
    for path in ("/v1/example", "/v1/example", "/nothing"):
        async with client.get(url + path):
            pass
    async with client.get(url + "/metrics") as answer:
        text = await answer.text()
    assert 'khabar_http_requests_total{method="GET",status="200"} 2.0' in text
    assert 'khabar_http_requests_total{method="GET",status="404"} 1.0' in text


async def test_the_end_waits_for_answers_and_ends_streams(serving: Any, client: Any) -> None:
    part = Example()
    url = await serving([part])
    async with client.get(url + "/v1/endless") as stream:
        assert await stream.content.readline() == b"begun\n"
        slow = asyncio.create_task(client.get(url + "/v1/slow"))
        await part.asked.wait()
        serving.running[-1][0].should_exit = True
        assert await stream.content.read() == b"ended\n"
        async with await slow as answer:
            assert await answer.text() == "late, but there"
    await serving.running[-1][1]
    assert part.log == ["runs", "answers", "ends"]


def test_a_port_that_is_taken_is_said() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(Misconfigured, match="give another --port"):
        listen("127.0.0.1", taken.getsockname()[1])


async def talk(url: str, said: bytes) -> tuple[bytes, float]:
    """What a connection answers to these bytes until it is closed, and after how long."""
    began = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(said)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer, time.monotonic() - began


async def test_who_does_not_get_on_with_a_request_is_not_waited_for(
    serving: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_HEAD_S", 0.3)
    url = await serving([Example()])
    for said in (b"", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"):
        answer, seconds = await talk(url, said)
        assert answer == b""
        assert 0.2 < seconds < 2
    whole = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer, seconds = await talk(url, whole + whole[:20])  # the second request of a connection as well
    assert answer.count(b"200 OK") == 1
    assert seconds < 2
    async with client.get(url + "/v1/slow") as response:  # half a second: only the head has to be quick
        assert response.status == 200


async def test_a_head_without_end_is_cut(serving: Any) -> None:
    url = await serving([Example()])
    for said in (b"GET /" + b"a" * 70_000, b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 11_000):
        answer, _ = await talk(url, said)
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"application/problem+json" in answer


async def test_what_is_no_request_gets_a_problem_and_the_headers_of_all_answers(serving: Any) -> None:
    answer, _ = await talk(await serving([Example()]), b"\x16\x03\x01 hello\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert orjson.loads(body)["status"] == 400
    assert b"x-content-type-options: nosniff" in head.lower()


async def test_a_slash_too_many_is_not_redirected_with_what_the_query_holds(serving: Any, client: Any) -> None:
    url = await serving([Example()])
    async with client.get(f"{url}/v1/example/?access_token=secret", allow_redirects=False) as answer:
        assert answer.status == 404
        assert "secret" not in await answer.text()


async def test_the_description_is_whole_and_the_page_shows_it(serving: Any, client: Any) -> None:
    url = await serving([Example()])
    async with client.get(url + "/openapi.json") as answer:
        described = await answer.json()
    async with client.get(url + "/docs") as answer:
        shown = await answer.text()
    assert list(described["paths"]) == ["/v1/away", "/v1/bug", "/v1/endless", "/v1/example", "/v1/slow"]
    assert "<script" not in shown
    assert " style=" not in shown
    for path in described["paths"]:
        assert f"<code>{path}</code>" in shown
