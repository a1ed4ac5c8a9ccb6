"""Serves the page of the newsroom: its files as they are packed with the code, whole, from memory."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from xxhash import xxh3_128_hexdigest

from streams.gateway.app import Part
from streams.gateway.problem import Problem

__all__ = ["Page"]

_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}


class Page(Part):
    """`/` is the page, `/page/…` what it is made of; the guard's headers keep everything else out of it."""

    def __init__(self) -> None:
        self._files = {name: (content, f'"{xxh3_128_hexdigest(content)}"') for name, content in _read()}
        self.routes = [
            Route("/", self._get, include_in_schema=False),
            Route("/page/{name:path}", self._get, include_in_schema=False),
        ]

    async def _get(self, request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        if name not in self._files:
            raise Problem(404, f"there is no {request.url.path}; the page is at /")
        content, etag = self._files[name]
        # Names stay the same from version to version, so a browser asks each time; mostly the answer is 304.
        headers = {"ETag": etag, "Cache-Control": "no-cache"}
        if etag in (each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")):
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=_KINDS[PurePosixPath(name).suffix])


def _read() -> Iterator[tuple[str, bytes]]:
    def within(folder: Traversable, before: str) -> Iterator[tuple[str, bytes]]:
        for each in folder.iterdir():
            if each.is_dir():
                yield from within(each, f"{before}{each.name}/")
            elif PurePosixPath(each.name).suffix in _KINDS:
                yield before + each.name, each.read_bytes()

    return within(files("streams.gateway") / "page", "")
