"""A client that is stopped while its broker is away does not end the task that stops it."""

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from streams.kafka import stop


class _Torn:
    """A fetcher that passes the cancellation of its own task on, as aiokafka's does; and connections to be closed."""

    def __init__(self) -> None:
        self.connected = True
        self.asked = asyncio.Event()
        self.going_on = asyncio.Event()

    async def fetch(self) -> None:
        raise asyncio.CancelledError

    async def close(self) -> None:
        self.connected = False

    def consumer(self, fetching: Any) -> AIOKafkaConsumer:
        made = AIOKafkaConsumer()
        made._client, made._fetcher = self, type("Fetcher", (), {"close": staticmethod(fetching)})
        return made

    async def wait(self) -> None:
        self.asked.set()
        await self.going_on.wait()


async def test_a_cancellation_of_aiokafkas_own_ends_nothing_and_leaves_nothing_open() -> None:
    torn = _Torn()
    await stop(torn.consumer(torn.fetch))
    assert not torn.connected


async def test_who_is_cancelled_while_a_client_stops_is_cancelled() -> None:
    torn = _Torn()
    stopping = asyncio.create_task(stop(torn.consumer(torn.wait)))
    await torn.asked.wait()
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    assert not torn.connected
