"""The gateway in a process of its own, for as long as something else goes on: the demo, the load test."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from tempfile import TemporaryFile
from typing import NamedTuple

from schemas import Unavailable
from streams.settings import Settings

__all__ = ["Served", "free_port", "served", "serving"]

_START_S = 60.0  # it needs 3 s of CPU; a machine that takes longer than this would show no page worth seeing
_STOP_S = 25.0  # `khabar serve` gives requests under way 20
_LOOK_S = 0.1


class Served(NamedTuple):
    """Where the gateway answers, and which process it is."""

    url: str
    pid: int


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[str]:
    """The address of `served`."""
    async with served(settings) as gateway:
        yield gateway.url


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[Served]:
    """`khabar serve` serves the settings' lane: at their port, or at any where that is taken.

    It ends with this process however that ends. Raises Unavailable, with its last words, if it does not start.
    """
    host, port = settings.gateway_host, free_port(settings.gateway_host, settings.gateway_port)
    command = [sys.executable, "-m", "deploy", "serve", "--port", str(port), "--owner", str(os.getpid())]
    with TemporaryFile() as words:
        child = await asyncio.create_subprocess_exec(
            *command,
            env=os.environ | settings.environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=words,
            start_new_session=True,  # Ctrl-C reaches this process alone, which then stops all in order
        )
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_START_S):
                    while child.returncode is None and not await _listens(host, port):  # noqa: ASYNC110 - nobody tells
                        await asyncio.sleep(_LOOK_S)
            if child.returncode is not None or not await _listens(host, port):
                words.seek(0)
                said = words.read().decode("utf-8", "replace").strip()[-1000:] or "nothing"
                raise Unavailable(f"khabar serve does not serve {host}:{port}. Its last words:\n{said}")
            yield Served(f"http://{host}:{port}", child.pid)
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
