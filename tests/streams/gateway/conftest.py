"""A gateway of given parts on a real socket, and a client for it."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from streams.gateway.app import Part, application
from streams.gateway.server import Server, listen
from streams.settings import Settings


class Serving:
    """`url = await serving([parts], settings, registry)`: serves them at that address until the test ends."""

    def __init__(self) -> None:
        self.running: list[tuple[Server, asyncio.Task[None]]] = []

    async def __call__(
        self, parts: list[Part], settings: Settings | None = None, registry: CollectorRegistry | None = None
    ) -> str:
        app = application(settings or Settings(), parts, registry or CollectorRegistry())
        listening = listen("127.0.0.1", 0)
        started = asyncio.Event()
        server = Server(app, started.set)
        task = asyncio.create_task(server.serve([listening]))
        self.running.append((server, task))
        await asyncio.wait([task, waiting := asyncio.create_task(started.wait())], return_when="FIRST_COMPLETED")
        waiting.cancel()
        assert started.is_set(), task.exception()
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    async def end(self) -> None:
        for server, _ in self.running:
            server.should_exit = True
        for _, task in self.running:
            await asyncio.wait_for(task, 30)


@pytest.fixture
async def serving() -> AsyncIterator[Serving]:
    serving = Serving()
    yield serving
    await serving.end()


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that is closed at the end, before the gateway has to wait for it."""
    async with aiohttp.ClientSession() as session:
        yield session
