"""A stage of which one process at a time works, with a memory restored whenever it is given its topic.

Before it reads its state it opens a new epoch of its transactional id, which shuts out an owner that still writes;
what is shut out ends its process. A second process is a hot standby.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from abc import abstractmethod
from typing import Any

from aiokafka import AIOKafkaProducer
from faust.types import TP

from streams.delivery import TRANSACTION_S
from streams.kafka import make_producer, start
from streams.stage import Stage

__all__ = ["FencedStage"]

log = logging.getLogger(__name__)


class FencedStage(Stage):
    """What stages with a memory share: the time between being given the topic and losing it, or being shut out."""

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, **options)
        self.sending = asyncio.Lock()  # held while a batch is sent, and while the topic changes hands
        self._tenure: Any = None  # what depends on having the topic, until it is lost
        self._wanted: asyncio.Future[Any] | None = None
        self._owned: AIOKafkaProducer | None = None

    def begin(self, wanted: Any) -> None:
        """The agent is there: from now on a topic that is given can be taken up, with what it wants."""
        self._future().set_result(wanted)

    def _future(self) -> asyncio.Future[Any]:
        if self._wanted is None:
            self._wanted = asyncio.get_running_loop().create_future()
        return self._wanted

    async def given(self, partitions: set[TP]) -> dict[TP, int]:
        """Shut out whoever still writes, then restore, then say where to read on."""
        wanted = await asyncio.shield(self._future())
        async with self.sending:  # what is being sent is sent first; what was only thought of is dropped
            self._tenure = None
            old, self._owned = self._owned, None
            if old is not None:
                await old.stop()
            if not partitions:
                log.warning("another %s works on lane %s; this one stands by", self.name, self.settings.lane)
                return {}
            producer = make_producer(self.settings, transactional_id=self.names.group(self.name), linger_ms=0)
            try:
                async with asyncio.timeout(TRANSACTION_S):
                    await start(producer, self.settings)
                self._tenure, positions = await self.taken_up(producer, partitions, wanted)
            except BaseException:  # also a rebalance in the middle of it
                await producer.stop()
                raise
            self._owned = producer
            gc.freeze()
        return positions

    @abstractmethod
    async def taken_up(self, producer: AIOKafkaProducer, partitions: set[TP], wanted: Any) -> tuple[Any, dict[TP, int]]:
        """The topic is this process's, which alone writes now: restore; return the tenure, and where to read on."""
