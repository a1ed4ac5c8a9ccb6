"""The gateway in a process of its own, for as long as something else goes on: the demo, the load test."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from tempfile import TemporaryFile
from typing import NamedTuple

from deploy.console import say
from schemas import Unavailable
from streams.settings import Settings

__all__ = ["Served", "free_port", "served", "serving"]

_START_S = 60.0  # it needs 3 s of CPU; a machine that takes longer than this would show no page worth seeing
_STOP_S = 25.0  # `khabar serve` gives requests under way 20
_LOOK_S = 0.1
_LONGEST_DELAY_S = 30.0  # before it is started again; the first time 1, then twice as long each time


class Served(NamedTuple):
    """Where the gateway answers, which process it is, and how it ended, to be waited for."""

    url: str
    pid: int
    ended: Callable[[], Awaitable[str]]


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[str]:
    """The address of `served`, where it is started again, and that is said, whenever it ends by itself."""
    port = free_port(settings.gateway_host, settings.gateway_port)
    async with AsyncExitStack() as processes:
        gateway = await processes.enter_async_context(served(settings, port))
        keeping = asyncio.create_task(_keep(gateway, lambda: processes.enter_async_context(served(settings, port))))
        try:
            yield gateway.url
        finally:
            keeping.cancel()
            await asyncio.wait((keeping,))


async def _keep(gateway: Served, start: Callable[[], Awaitable[Served]]) -> None:
    """Start it again each time it ended, and go on where that fails: the rest of what runs here needs no page."""
    delay, how = 1.0, await gateway.ended()
    while True:
        say(f"{how}\nIt starts again in {delay:g} s")
        await asyncio.sleep(delay)
        delay = min(2 * delay, _LONGEST_DELAY_S)
        try:
            how = await (await start()).ended()
        except Unavailable as error:
            how = str(error)


@asynccontextmanager
async def served(settings: Settings, port: int | None = None) -> AsyncIterator[Served]:
    """`khabar serve` serves the settings' lane: at this port, or at theirs, or at any where that is taken.

    It ends with this process however that ends. Raises Unavailable, with its last words, if it does not start.
    """
    host = settings.gateway_host
    port = port or free_port(host, settings.gateway_port)
    command = [sys.executable, "-m", "deploy", "serve", "--port", str(port), "--owner", str(os.getpid())]
    with TemporaryFile() as words:
        child = await asyncio.create_subprocess_exec(
            *command,
            env=os.environ | settings.environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=words,
            start_new_session=True,  # Ctrl-C reaches this process alone, which then stops all in order
        )

        def said() -> str:
            words.seek(0)
            return "Its last words:\n" + (words.read().decode("utf-8", "replace").strip()[-1000:] or "nothing")

        async def ended() -> str:
            return f"khabar serve ended with exit code {await child.wait()}. {said()}"

        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_START_S):
                    while child.returncode is None and not await _listens(host, port):  # noqa: ASYNC110 - nobody tells
                        await asyncio.sleep(_LOOK_S)
            if child.returncode is not None or not await _listens(host, port):
                raise Unavailable(f"khabar serve does not serve {host}:{port}. {said()}")
            yield Served(f"http://{host}:{port}", child.pid, ended)
        finally:
            with suppress(ProcessLookupError):
                child.terminate()
            try:
                await asyncio.wait_for(child.wait(), _STOP_S)
            except TimeoutError:
                child.kill()
                await child.wait()


def free_port(host: str, wanted: int) -> int:
    """The wanted port where nobody listens at it, else any."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, wanted))
        except OSError:
            probe.bind((host, 0))
        return int(probe.getsockname()[1])


async def _listens(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True
