"""Serves the application with uvicorn: on a socket of ours, and to its end: what was accepted is answered first."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from schemas import Misconfigured

__all__ = ["Server", "listen"]

_GRACE_S = 20  # for requests under way at the end; Kubernetes kills after 30, and no push waits longer than 10
_KEEP_ALIVE_S = 75  # longer than the 60 s after which proxies drop an idle connection, so that they never race with us
_CONNECTIONS = 10_000  # open at once; more get 503. Each stream is one, and holds some 20 KB.


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; raises Misconfigured if that cannot be."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as bad:
        raise Misconfigured(f"gateway_host is {host!r}: {bad.strerror}; give an address of this machine") from None
    found = socket.socket(family, kind, protocol)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind(address)
        found.listen(2048)
    except OSError as bad:
        found.close()
        raise Misconfigured(
            f"the gateway cannot listen at {host}:{port}: {bad.strerror}; give another --port, or stop what is there"
        ) from None
    return found


class Server(uvicorn.Server):
    """`await Server(app, started).serve([listening])` serves until SIGTERM, SIGINT or `should_exit`.

    Then it takes no more connections, answers what is under way, and returns. `started` is called when it answers.
    """

    def __init__(self, app: Starlette, started: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            lifespan="off",  # see `serve`
            ws="none",
            log_config=None,  # ours
            access_log=False,  # it would hold tokens and who reads what
            server_header=False,
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
