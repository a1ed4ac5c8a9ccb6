"""Feeds and pages are taken apart in a process of its own: markup that is made to cost minutes costs that process."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from streams.feeds.errors import FeedFailed
from streams.feeds.fetching import Fetched
from streams.feeds.items import Document
from streams.feeds.parsing import parse
from streams.pages import Page, extract

__all__ = ["Reader", "serve"]

log = logging.getLogger(__name__)

# Honest feeds and pages take under a second, 2 MB of hostile markup half a minute. Lower loses what is honest on a busy
# machine; higher lets one server hold up all others for longer.
_SECONDS = 10.0
_START_SECONDS = 60.0
_PROGRAM = f"from {__name__} import serve; serve()"
_HEAD = 8  # bytes that give the length of what follows


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    what: Literal["feed", "page"]
    fetched: Fetched


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    document: Document | None = None
    page: Page | None = None
    failed: str | None = None  # the class of a FeedFailed
    why: str = ""


class Reader:
    """One reading process, started when it is first needed and killed when it takes too long."""

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()

    async def feed(self, fetched: Fetched) -> Document:
        """What a feed says; raises FeedFailed, `too-costly` if it takes too long."""
        document = (await self._ask(_Request(what="feed", fetched=fetched))).document
        assert document is not None  # noqa: S101 - or it would have failed
        return document

    async def page(self, fetched: Fetched) -> Page | None:
        """What a page says, None if it is none; raises FeedFailed, `too-costly` if it takes too long."""
        return (await self._ask(_Request(what="page", fetched=fetched))).page

    async def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def _ask(self, request: _Request) -> _Answer:
        async with self._lock:
            answered = False
            try:
                answer = await self._exchange(request)
                answered = True
            except TimeoutError:
                raise FeedFailed("too-costly", f"it cannot be taken apart within {self._seconds:g} s") from None
            except (ConnectionError, asyncio.IncompleteReadError):
                raise FeedFailed("too-costly", "the process that took it apart has died of it") from None
            finally:
                if not answered:  # cancelled, too: what it would answer is nobody's any more
                    await self.close()
        if answer.failed is not None:
            raise FeedFailed(answer.failed, answer.why)
        return answer

    async def _exchange(self, request: _Request) -> _Answer:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", _PROGRAM, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
            async with asyncio.timeout(_START_SECONDS):
                await _read(self._process)
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        async with asyncio.timeout(self._seconds):
            self._process.stdin.write(_framed(request))
            await self._process.stdin.drain()
            return msgspec.msgpack.decode(await _read(self._process), type=_Answer)


async def _read(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None  # noqa: S101 - asked for where it was started
    return await process.stdout.readexactly(int.from_bytes(await process.stdout.readexactly(_HEAD)))


def _framed(message: Any) -> bytes:
    body = msgspec.msgpack.encode(message)
    return len(body).to_bytes(_HEAD) + body


def _answer(request: _Request) -> _Answer:
    fetched = request.fetched
    try:
        if request.what == "page":
            return _Answer(page=extract(fetched.body, fetched.charset, fetched.url))
        return _Answer(document=parse(fetched.body, fetched.url, fetched.charset))
    except FeedFailed as bad:
        return _Answer(failed=bad.kind, why=str(bad))
    except Exception as bad:
        log.exception("%s: a bug", fetched.url)
        return _Answer(failed="bug", why=repr(bad))


def serve() -> None:
    """Answer a `Reader` on stdin and stdout until it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the follower, whose end ends our stdin
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a follower that was killed is told nothing
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    answers.write(_framed("ready"))
    answers.flush()
    while len(head := requests.read(_HEAD)) == _HEAD:
        request = msgspec.msgpack.decode(requests.read(int.from_bytes(head)), type=_Request)
        answers.write(_framed(_answer(request)))
        answers.flush()
