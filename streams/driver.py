"""Faust's Kafka consumer, made to hand a stage what it fetched at once instead of record by record.

Faust spends some 60 us of CPU on each record between its fetcher and an agent (two tasks, a message, an event, sensor
calls); here a poll's records of one partition travel as one item through the agent's queue. Rebalances, heartbeats
and commits stay Faust's. The positions to read from, and what may be committed, are the stage's.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from faust.transport.drivers import aiokafka as faust_aiokafka
from faust.types import TP

from streams.kafka import make_consumer
from streams.read import Record
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.stage import Stage

__all__ = ["Bounds", "Consumer", "Slice", "Transport", "make_group_reader"]

log = logging.getLogger(__name__)

_AHEAD = 8  # slices read but not yet taken by the stage; more only costs memory
# A pause after a poll that brought something, but not all it may; what comes to a stage at rest is taken at once. A
# fetch, a batch and the sending of it take some 5 ms of CPU, for one record as for ten: at 200 articles/s the pause
# saves a third of the workers' CPU, and with it the queues (from raw to enriched p50 166 -> 43 ms, p99 302 -> 109).
# With 10 ms p50 is 30 and a sixth is saved; with 30 ms p50 is 60.
_APART_S = 0.02
_POLL_S = 1.0
_SESSION_MS = 6_000  # a worker that dies is noticed, and its partitions go to another, this much later
_HEARTBEAT_MS = 1_000
# A member that starts while the broker goes down and comes again leads its group without having heard of the topic: it
# gives nobody anything until it asks again, which by the client's own default is 5 minutes later.
_METADATA_MS = 3_000
# Who polls nothing for so long leaves the group for good, and a standby polls nothing: never (the largest int32). A
# reader that stands still is noticed by streams.health.
_IDLE_MS = 2**31 - 1


class Slice(NamedTuple):
    """What one poll brought of one partition, in order. Stale where `generation` is no longer the consumer's."""

    partition: TP
    generation: int
    records: list[Record]


class Bounds(NamedTuple):
    """Where a partition stands: what the group committed (None: nothing yet), its first offset and its end."""

    committed: int | None
    first: int
    end: int


class Consumer(faust_aiokafka.Consumer):
    """Reads on from where the stage says, and commits up to where the stage says, partition by partition."""

    app: Stage

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.generation = 0  # counts the times that partitions were given to this worker
        self.next: dict[TP, int] = {}  # of the next record that the stage will be handed
        self.done: dict[TP, int] = {}  # up to where everything has been acknowledged

    def acknowledge(self, partition: TP, generation: int, offset: int) -> None:
        """Everything before `offset` is done with: it may be committed. What is stale is ignored."""
        if generation == self.generation:
            self.done[partition] = offset

    async def topics(self) -> set[str]:
        """The topics that there are, asked of the broker."""
        return set(await self._thread.call_thread(self._thread._ensure_consumer().topics))

    async def bounds(self, partitions: Iterable[TP]) -> dict[TP, Bounds]:
        """What the broker says of where the partitions stand now."""
        return dict(await self._thread.call_thread(self._bounds, list(partitions)))

    async def _bounds(self, partitions: list[TP]) -> Mapping[TP, Bounds]:
        reader = self._thread._ensure_consumer()
        kafka = {TopicPartition(*each): each for each in partitions}
        first, end = await reader.beginning_offsets(list(kafka)), await reader.end_offsets(list(kafka))
        return {
            ours: Bounds(await reader.committed(theirs), first[theirs], end[theirs]) for theirs, ours in kafka.items()
        }

    # What Faust calls.

    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    async def perform_seek(self) -> None:
        """Given partitions, with the flow stopped: the stage takes them over and says where it reads on."""
        partitions = set(self.assignment())
        self.generation += 1
        self.done.clear()
        self._committed_offset.clear()
        self.next = await self.app.take_over(partitions, self.generation)
        self.done = dict(self.next)  # also where it was not committed: a line may know better how far it is

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Faust seeks only where there is something to read; a standby, too, has to let go of what it had."""
        if not assigned:
            self.next = {}  # before Faust lets the flow go on: what was read is no longer this process's to seek
        await super().on_partitions_assigned(assigned, generation_id)
        if not assigned:
            await self.perform_seek()

    async def _drain_messages(self, fetcher: Any) -> None:
        """Move what is fetched to the agent's queue, until stopped."""
        stale = True
        while not (self.should_stop or fetcher.should_stop):
            if not self.flow_active:
                await self.wait(self.can_resume_flow)  # type: ignore[arg-type] # asyncio.Event serves
                stale = True
                continue
            if not self.next:
                await self.sleep(0.05)
                continue
            generation = self.generation
            try:
                if stale:  # a poll that began before the rebalance may have moved the reader's position since
                    await self.seek_wait(dict(self.next))
                    stale = False
                polled: Mapping[TP, list[Record]] = await self._getmany(None, _POLL_S)
            except Exception as failure:
                if self.should_stop or fetcher.should_stop:
                    return
                if generation != self.generation or not self.flow_active:
                    stale = True
                    continue
                self.app.fail(failure)
                raise
            if generation != self.generation or not self.flow_active:
                stale = True
                continue
            for kafka, records in polled.items():
                partition = TP(kafka.topic, kafka.partition)
                self.next[partition] = records[-1].offset + 1
                self.app.arrived(Slice(partition, generation, records))
            if 0 < sum(map(len, polled.values())) < (self.app.conf.broker_max_poll_records or 0):
                await self.sleep(_APART_S)
            while self.app.waiting() >= _AHEAD and self.flow_active and not self.should_stop:
                await self.sleep(0.005)

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Any:
        return list(self.done)

    def _new_offset(self, tp: TP) -> int | None:
        return self.done.get(tp)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's own watch reads its sensors, which see nothing here; streams.health watches instead."""


class _Thread(faust_aiokafka.AIOKafkaConsumerThread):
    """Faust's thread for the consumer, with a consumer of our making."""

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        app: Stage = self.consumer.app  # type: ignore[assignment]
        self._assignor = RoundRobinPartitionAssignor
        return make_group_reader(app.settings, app.conf.id, app.conf.broker_max_poll_records)

    async def _fetch_records(self, consumer: AIOKafkaConsumer, *args: Any, **options: Any) -> Any:
        """Fetch only while polled: a fetch between polls would bring one record, and what comes after it would wait."""
        consumer.resume(*consumer.paused())
        found = await super()._fetch_records(consumer, *args, **options)
        consumer.pause(*consumer.assignment())
        return found


def make_group_reader(settings: Settings, group: str, most: int | None) -> AIOKafkaConsumer:
    """A member of a group, not yet started, whose polls bring at most so many records."""
    return make_consumer(
        settings,
        group_id=group,
        partition_assignment_strategy=[RoundRobinPartitionAssignor],
        max_poll_records=most,
        max_poll_interval_ms=_IDLE_MS,
        metadata_max_age_ms=_METADATA_MS,
        session_timeout_ms=_SESSION_MS,
        heartbeat_interval_ms=_HEARTBEAT_MS,
        fetch_max_wait_ms=500,
    )


class _Producer(faust_aiokafka.Producer):
    """Nothing: what a stage sends goes through streams.delivery; Faust's own producer is not idempotent."""

    async def on_start(self) -> None:
        """Open no connection."""

    async def on_stop(self) -> None:
        """Close none."""

    async def flush(self) -> None:
        """Nothing is ever in it."""


class Transport(faust_aiokafka.Transport):
    """Faust's transport with the consumer above."""

    Consumer = Consumer
    Producer = _Producer
