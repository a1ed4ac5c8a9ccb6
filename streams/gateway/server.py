"""Serves the application with uvicorn: on a socket of ours, and to its end: what was accepted is answered first."""

from __future__ import annotations

import asyncio
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import orjson
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from schemas import Misconfigured
from streams.gateway.guard import HEADERS
from streams.gateway.problem import PROBLEM_JSON, document

__all__ = ["Server", "listen"]

_GRACE_S = 20  # for requests under way at the end; Kubernetes kills after 30, and no push waits longer than 10
_KEEP_ALIVE_S = 75  # longer than the 60 s after which proxies drop an idle connection, so that they never race with us
_HEAD_S = 15.0  # from a connection's or a request's first byte to the end of its head
_HEAD_BYTES = 64 * 1024  # the longest honest ones, with cookies and tokens, have some 8 KB
_SEND_BUFFER = (
    128 * 1024
)  # bytes; a stream of 150 KB/s to a client 100 ms away needs 15 KB, the system takes up to 4 MB
_GONE_MS = 30_000
_CONNECTIONS = 10_000  # open at once; more get 503. Each stream is one, and holds some 20 KB.


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there, and leave to open as many connections; raises Misconfigured if that cannot be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _CONNECTIONS + 1_000 if hard == resource.RLIM_INFINITY else min(hard, _CONNECTIONS + 1_000)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as bad:
        raise Misconfigured(f"gateway_host is {host!r}: {bad.strerror}; give an address of this machine") from None
    found = socket.socket(family, kind, protocol)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Both are inherited by every connection: what the system holds for a client that reads slowly, and how long it
    # waits for one that is gone without a word.
    found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    if sys.platform == "linux":
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _GONE_MS)
    try:
        found.bind(address)
        found.listen(2048)
    except OSError as bad:
        found.close()
        raise Misconfigured(
            f"the gateway cannot listen at {host}:{port}: {bad.strerror}; give another --port, or stop what is there"
        ) from None
    return found


class _Connection(HttpToolsProtocol):
    """uvicorn's connection, which alone would wait for a request for ever, and take a head of any size."""

    _timer: asyncio.TimerHandle | None = None  # there is one while a head is awaited
    _head = 0  # bytes of it that are there

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._have_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._timer is not None:
            self._head += len(data)
            if self._head > _HEAD_BYTES:
                self._have_head()
                self.send_400_response(f"The head of the request is over {_HEAD_BYTES} bytes.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        self._have_head()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """As uvicorn's own, for what is no request, but as a problem document."""
        body = orjson.dumps(document(400, msg))
        about = [(b"content-type", PROBLEM_JSON.encode()), (b"content-length", b"%d" % len(body))]
        head = [
            b"%s: %s\r\n" % each for each in (*self.server_state.default_headers, *about, (b"connection", b"close"))
        ]
        self.transport.write(b"".join([b"HTTP/1.1 400 Bad Request\r\n", *head, b"\r\n", body]))
        self.transport.close()

    def _await_head(self) -> None:
        self._have_head()
        self._head = 0
        self._timer = self.loop.call_later(_HEAD_S, self.transport.close)

    def _have_head(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Server(uvicorn.Server):
    """`await Server(app, started).serve([listening])` serves until SIGTERM, SIGINT or `should_exit`.

    Then it takes no more connections, answers what is under way, and returns. `started` is called when it answers.
    """

    def __init__(self, app: Starlette, started: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            http=_Connection,
            lifespan="off",  # see `serve`
            ws="none",
            log_config=None,  # ours
            access_log=False,  # it would hold tokens and who reads what
            server_header=False,
            headers=list(HEADERS.items()),
            proxy_headers=False,
            limit_concurrency=_CONNECTIONS,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_GRACE_S,
        )
        super().__init__(config)
        self._app, self._tell = app, started

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Run the parts of the application around it; what they raise is raised here, where uvicorn would log it."""
        async with self._app.router.lifespan_context(self._app):
            await super().serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._tell()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.drain()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn's own would end the process by the signal that it has just obeyed."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, self.handle_exit, each, None)
        try:
            yield
        finally:
            for each in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(each)
