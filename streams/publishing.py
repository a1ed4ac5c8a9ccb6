"""Raw articles to the broker: feeds and requests share one producer, and each knows when its own have arrived."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from aiokafka.partitioner import murmur2

from schemas import Misconfigured, RawArticle, encode
from streams import cluster, lanes
from streams.delivery import Delivery, Output
from streams.kafka import errors, make_admin, running
from streams.settings import Settings
from streams.topics import Topics, by_name, size_of

__all__ = ["Publisher", "Record", "record_of"]

_BATCH = 500  # records that are sent together


class Record(NamedTuple):
    """What goes to articles.raw."""

    key: bytes
    value: bytes


def record_of(article: RawArticle, value: bytes | None = None) -> Record | None:
    """The record of an article, or of its bytes as they were sent, keyed by what says which article it is, so that its
    versions stay in order; None if it is larger than its topic takes."""
    key = (article.url or f"{article.source}\n{article.source_id or ''}").encode("utf-8", "replace")
    record = Record(key, encode(article) if value is None else value)
    return record if size_of(*record, ()) <= by_name(RawArticle.topic).largest else None


class Publisher:
    """Sends the records of many callers together; `run` has to run meanwhile."""

    def __init__(self, settings: Settings, partitions: int) -> None:
        self._settings = settings
        self._delivery = Delivery(settings)
        self._topic = Topics(settings.prefix, settings.lane).name(RawArticle)
        self._partitions = partitions
        self._waiting: asyncio.Queue[tuple[Output, asyncio.Future[None]]] = asyncio.Queue(_BATCH)

    @classmethod
    async def to(cls, settings: Settings) -> tuple[Publisher, str]:
        """A publisher to the live lane of the settings, which is made if it is not there, and the id of its cluster.

        Raises Misconfigured if the lane is a replay's.
        """
        lane = await lanes.ensure(settings)
        if lane.kind != "live":
            raise Misconfigured(
                f"lane {settings.lane} is a replay's; what is new goes to a live one, give another --lane"
            )
        topic = Topics(settings.prefix, settings.lane).name(RawArticle)
        partitions = await cluster.partitions(settings, topic)
        async with running(make_admin(settings), settings) as admin:
            with errors(settings):
                described = await admin.describe_cluster()
        return cls(settings, len(partitions)), str(described["cluster_id"])

    async def send(self, records: Sequence[Record]) -> None:
        """Return when the broker has all of them; raises what it will never take."""
        arrivals = []
        for record in records:
            # As Java's client and aiokafka choose by themselves, so that other producers' versions meet ours.
            partition = (murmur2(record.key) & 0x7FFFFFFF) % self._partitions
            arrival: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            await self._waiting.put((Output(self._topic, partition, record.key, record.value, ()), arrival))
            arrivals.append(arrival)
        await asyncio.gather(*arrivals)

    async def run(self) -> None:
        """Send what comes until cancelled; raises what Kafka will never take, to those as well who wait for it."""
        try:
            while True:
                batch = [await self._waiting.get()]
                while len(batch) < _BATCH and not self._waiting.empty():
                    batch.append(self._waiting.get_nowait())
                arrivals = [arrival for _, arrival in batch if not arrival.done()]  # done: cancelled with its caller
                try:
                    with errors(self._settings):
                        await self._delivery.send(output for output, _ in batch)
                except Exception as refusal:
                    for arrival in arrivals:
                        arrival.set_exception(refusal)
                    raise
                for arrival in arrivals:
                    if not arrival.done():
                        arrival.set_result(None)
        finally:
            await self._delivery.close()
