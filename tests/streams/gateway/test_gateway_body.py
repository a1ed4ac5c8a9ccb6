"""Bodies: never more is read than may be, however it is packed and however slowly it comes."""

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from streams.gateway import body as reading
from streams.gateway.app import Part
from streams.gateway.body import JSON, media_type, read_body

LIMIT = 100_000


class Echo(Part):
    """Answers with the length of what it was sent."""

    def __init__(self) -> None:
        self.routes = [Route("/echo", self.echo, methods=["POST"])]

    async def echo(self, request: Request) -> Response:
        media_type(request, (JSON,))
        return PlainTextResponse(str(len(await read_body(request, LIMIT))))


async def drip(chunk: bytes, times: int, pause: float = 0.0) -> AsyncIterator[bytes]:
    for _ in range(times):
        yield chunk
        await asyncio.sleep(pause)


HEADERS = {"Content-Type": "application/json; charset=utf-8"}
GZIP = HEADERS | {"Content-Encoding": "gzip"}


async def post(client: Any, url: str, data: Any, headers: dict[str, str] = HEADERS) -> tuple[int, str]:
    async with client.post(url + "/echo", data=data, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_what_fits_is_read_in_one_piece_or_in_many_packed_or_not(serving: Any, client: Any) -> None:
    url = await serving([Echo()])
    whole = b"x" * LIMIT
    for data, headers in (
        (whole, HEADERS),
        (drip(b"x" * 1000, 100), HEADERS),
        (gzip.compress(whole), GZIP),
        (drip(gzip.compress(whole), 1), GZIP),
    ):
        assert await post(client, url, data, headers) == (200, str(LIMIT))


async def test_a_byte_more_is_too_large_whether_its_length_is_told_or_not(serving: Any, client: Any) -> None:
    url = await serving([Echo()])
    more = b"x" * (LIMIT + 1)
    for data, headers in ((more, HEADERS), (drip(b"x" * 1000, 101), HEADERS), (gzip.compress(more), GZIP)):
        status, text = await post(client, url, data, headers)
        assert (status, "larger than 100,000 bytes" in text) == (413, True)


async def test_a_bomb_takes_no_more_memory_than_the_limit(serving: Any, client: Any) -> None:
    url = await serving([Echo()])
    bomb = gzip.compress(gzip.compress(bytes(200_000_000), 9), 9)
    inner = gzip.decompress(bomb)  # 200 MB in some 200 KB
    tracemalloc.start()
    try:
        assert (await post(client, url, inner[: LIMIT // 2], GZIP))[0] == 413
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("data", "headers", "status"),
    [
        (b"no gzip", GZIP, 400),
        (gzip.compress(b"{}", mtime=0)[:-4], GZIP, 400),
        (gzip.compress(b"{}", mtime=0) + b"more", GZIP, 400),
        (b"{}", HEADERS | {"Content-Encoding": "br"}, 415),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"{}", {"Content-Type": ""}, 415),
    ],
)
async def test_what_cannot_be_read_is_said(
    serving: Any, client: Any, data: bytes, headers: dict[str, str], status: int
) -> None:
    assert (await post(client, await serving([Echo()]), data, headers))[0] == status


async def test_a_body_that_never_ends_is_not_waited_for(
    serving: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_SECONDS", 0.3)
    status, text = await post(client, await serving([Echo()]), drip(b"x", 1000, 0.05))
    assert (status, "was not there after" in text) == (408, True)


async def test_a_client_that_leaves_is_no_error_of_ours(
    serving: Any, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    url = await serving([Echo()])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await post(client, url, drip(b"x", 1000, 0.05))
    await asyncio.sleep(0.2)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
