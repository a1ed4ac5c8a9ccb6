"""A stage: one Faust app and consumer group that reads one topic, and the batch loop that every agent shares.

    app = Stage("normalize", reads=RawArticle, writes=NormalizedArticle)

    @app.agent(app.source)
    async def normalize(records: Records) -> None:
        core = await app.load(Normalizer.shipped)
        await app.each_batch(records, core...)

A batch is acknowledged only when the broker has acknowledged every output of it; whatever goes wrong that is not a
record's fault ends the process at once with nothing of the batch acknowledged, and the batch comes again.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import time
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, NoReturn, Protocol, TypeVar, cast

import faust
import uvloop
from aiokafka.errors import KafkaError
from faust.types import TP

from schemas import Event, KhabarError, Lane, Misconfigured, Unavailable
from streams import cluster, lanes
from streams.delivery import Delivery
from streams.driver import Bounds, Consumer, Slice, Transport
from streams.health import Health, serve
from streams.lag import VIEWS
from streams.metrics import Metrics
from streams.read import Record
from streams.security import read_security
from streams.settings import Settings
from streams.topics import Topics
from streams.turn import Finish, Think, Turn, Turned

__all__ = ["STAGES", "Records", "Stage", "start_of"]

log = logging.getLogger(__name__)

Records = faust.StreamT[Any]

STAGES = ("normalize", "tag", "deduplicate")

# Records of a batch: what a core does in about the time below, at most so many. Larger batches cost less CPU a record
# (nothing more is won past 500); longer ones make a stop and a rebalance wait.
_LARGEST_BATCH = 500
_BATCH_S = 0.5
_RESTORE_S = 900.0  # for all that happens when a partition is given; restoring three months of a line takes minutes
_WATCH_S = 5.0  # how often the broker is asked whether the topic is still there, and where it ends
_LISTEN_S = 1.0  # how often a broker that has fallen silent is looked for; the log tells the second
_STOP_GRACE_S = 5.0  # for what is being sent when the stage is told to stop; then it leaves, and the batch comes again

# New objects after which Python looks for garbage among them, instead of 700: a batch holds tens of thousands that are
# none. With the freezing of what was loaded and restored, which is none either, the chain's collections take 22 us an
# article instead of 69, and none of them 60 ms (with a core just loaded) to 300 (a memory of 12,000 articles).
_GARBAGE = 10_000

_MISCONFIGURED, _UNAVAILABLE, _BROKEN = 2, 1, 70  # exit codes; 70 is EX_SOFTWARE


class _Versioned(Protocol):
    @property
    def version(self) -> str: ...


_Thought = asyncio.Queue[tuple[list[Slice], Turned, float] | None]  # batch, what came of it, when; None: the end
Core = TypeVar("Core", bound=_Versioned)


class Stage(faust.App):
    """One stage of the way in one lane: reads the topic of `reads`, writes that of `writes`."""

    consumer: Consumer
    lane: Lane  # known once the app has started

    def __init__(self, name: str, *, reads: type[Event], writes: type[Event], settings: Settings | None = None) -> None:
        self.name, self.reads, self.writes = name, reads, writes
        self.settings = settings or Settings()
        self.names = Topics(self.settings.prefix, self.settings.lane)
        self.delivery = Delivery(self.settings)
        super().__init__(
            self.names.group(name),
            broker=f"kafka://{self.settings.broker.replace(',', ';')}",
            store="memory://",
            value_serializer="raw",
            autodiscover=False,
            web_enabled=False,
            topic_disable_leader=True,
            topic_allow_declare=False,
            stream_wait_empty=False,
            worker_redirect_stdouts=False,
            broker_commit_interval=0.2,
            broker_max_poll_records=_LARGEST_BATCH,
            broker_request_timeout=_RESTORE_S,
        )
        self.source = self.topic(self.names.name(reads), value_type=bytes)
        self._queue: asyncio.Queue[Slice] = asyncio.Queue()
        self._rest: deque[Slice] = deque()
        self._limit = min(32, _LARGEST_BATCH)
        self.health = Health()
        self.metrics = Metrics(name, self.settings.lane, self.health.lag)
        self.task(self._watch)
        self.task(self._tell_of_silence)

    # The batch loop.

    async def load(self, make: Callable[[], Core]) -> Core:
        """Make the core, in a thread; in a lane that is pinned to another version of it this process ends."""
        try:
            core = await asyncio.to_thread(make)
            gc.freeze()
            pinned = self.lane.versions.get(self.name)
            if pinned is not None and pinned != core.version:
                raise Misconfigured(
                    f"lane {self.settings.lane} is pinned to version {pinned} of {self.name}, and this is version "
                    f"{core.version}; run the version that the lane was made with, or replay into a new lane"
                )
        except Exception as failure:
            self.fail(failure)
        return core

    async def each_batch(self, records: Records, think: Think, finish: Finish | None = None) -> None:
        """Run `think` on every record, `finish` on what comes of many, and send that; never returns.

        While one batch is being sent the next is thought about; they are acknowledged in order.
        """
        self.listen(records)
        turn = Turn(self.name, self.names, self.lane, self.writes, think, finish)
        thought: _Thought = asyncio.Queue(maxsize=1)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._think(turn, thought))
            tasks.create_task(self._deliver(thought))

    async def _think(self, turn: Turn, thought: _Thought) -> None:
        try:
            while True:
                batch = await self.next_batch()
                began = time.perf_counter()
                turned = await asyncio.to_thread(turn.run, [record for each in batch for record in each.records])
                self.took(sum(len(each.records) for each in batch), time.perf_counter() - began)
                await thought.put((batch, turned, began))
                await thought.join()  # what arrives while the batch before is sent comes with the next, not after it
        except StopAsyncIteration:  # how Faust's queue says that the agent is stopping
            await thought.put(None)
        except Exception as failure:
            self.fail(failure)

    async def _deliver(self, thought: _Thought) -> None:
        try:
            while (found := await thought.get()) is not None:
                thought.task_done()
                batch, turned, began = found
                stopping = await self.until_stopped(self.delivery.send(turned.outputs))
                self.acknowledge(batch)
                self.metrics.batch(turned.outcomes, time.perf_counter() - began)
                if stopping:
                    raise asyncio.CancelledError
        except Exception as failure:
            self.fail(failure)

    def listen(self, records: Records) -> None:
        """Take what arrives from the queue of the agent's own stream, and first what came before the agent was there.

        Partitions may be given, and read, while the agent still makes its core.
        """
        early, self._queue = self._queue, cast(Any, records).channel.queue
        while not early.empty():
            self._queue.put_nowait(early.get_nowait())

    async def until_stopped(self, sending: Coroutine[Any, Any, None]) -> bool:
        """Await it; told to stop meanwhile, give it a little time and return True, or give it up and the batch too."""
        task = asyncio.ensure_future(sending)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task], timeout=_STOP_GRACE_S)
            if task.cancel():
                log.warning("stopping while Kafka does not take the last batch; it will come again")
                raise
            task.result()
            return True
        return False

    async def next_batch(self) -> list[Slice]:
        """What has arrived by now, at once if anything has: batches grow with the load, and with it alone.

        One slice a partition, however many polls it came in: what is sent of a slice may be a transaction, and takes as
        long for one record as for a hundred.
        """
        batch: defaultdict[tuple[TP, int], list[Record]] = defaultdict(list)
        room = self._limit
        while room > 0:
            if self._rest:
                found = self._rest.popleft()
            elif batch and self._queue.empty():
                break
            else:
                found = await self._queue.get()
            if found.generation != self.consumer.generation:
                continue  # the partitions were given anew since: it will be read again
            if len(found.records) > room:
                self._rest.appendleft(found._replace(records=found.records[room:]))
                found = found._replace(records=found.records[:room])
            batch[found.partition, found.generation] += found.records
            room -= len(found.records)
        self.health.read({partition: records[-1].offset + 1 for (partition, _), records in batch.items()})
        return [Slice(*where, records) for where, records in batch.items()]

    def took(self, records: int, seconds: float) -> None:
        """Set the size of the next batches by what this one cost."""
        fitting = int(_BATCH_S * records / seconds) if seconds else _LARGEST_BATCH
        self._limit = max(1, min(_LARGEST_BATCH, fitting, 2 * self._limit))

    def acknowledge(self, batch: Iterable[Slice]) -> None:
        """Let the group commit everything up to the end of the batch."""
        for each in batch:
            self.consumer.acknowledge(each.partition, each.generation, each.records[-1].offset + 1)

    # What the consumer calls (streams.driver).

    def arrived(self, found: Slice) -> None:
        """Records for the agent."""
        self.health.heard()
        self._queue.put_nowait(found)

    def waiting(self) -> int:
        """How many slices the agent has not taken yet."""
        return self._queue.qsize()

    async def take_over(self, partitions: set[TP], generation: int) -> dict[TP, int]:
        """This process was given partitions: where to read on."""
        self.health.taken()
        try:
            positions = await self.given(partitions)
        except Exception as failure:
            self.fail(failure)
        self.health.given(positions)
        return positions

    async def given(self, partitions: set[TP]) -> dict[TP, int]:
        """Positions to read on from; a stage with a memory restores it here. Raises Misconfigured if one is gone."""
        bounds = await self.consumer.bounds(partitions) if partitions else {}
        return {each: start_of(each, found) for each, found in bounds.items()}

    async def _watch(self) -> None:
        """Notice a topic that was deleted or made anew: Kafka's client would wait in silence, or skip what is there."""
        topic = self.names.name(self.reads)
        while not self.should_stop:
            await self.sleep(_WATCH_S)
            try:
                topics = await self.consumer.topics()
                self.health.heard()
                if topic not in topics:
                    raise Misconfigured(f"{topic} was deleted under its reader; make the lane anew, or remove it")
                generation, positions = self.consumer.generation, dict(self.consumer.next)
                bounds = await self.consumer.bounds(positions)
                if generation != self.consumer.generation:
                    continue
                self.health.ends({each: found.end for each, found in bounds.items()})
                for each, found in bounds.items():
                    if found.end < positions[each]:
                        raise Misconfigured(
                            f"{topic}, partition {each.partition} ends at {found.end}, and {positions[each]} was read: "
                            "it was deleted and made anew under its reader; start again"
                        )
            except KafkaError as away:
                log.debug("the broker does not say where %s ends: %r", topic, away)
            except Exception as failure:
                if not self.should_stop:
                    self.fail(failure)

    async def _tell_of_silence(self) -> None:
        """Say once that the broker does not answer, and once that it does again; the clients try on in silence."""
        self.health.heard()  # what was restored before this began may have taken longer
        away = False
        while not self.should_stop:
            await self.sleep(_LISTEN_S)
            if (complaint := self.health.complaint()) is not None:
                self.fail(Unavailable(f"{complaint}; it ends, to be started again"))
            silent = self.health.silence()
            if silent is not None and not away:
                since = time.strftime("%H:%M:%S", time.localtime(time.time() - silent))
                log.warning("Kafka at %s does not answer since %s; trying on", self.settings.broker, since)
            elif silent is None and away:
                log.warning("Kafka at %s answers again", self.settings.broker)
            away = silent is not None

    # The process.

    def work(self) -> NoReturn:
        """Run the stage in this process until SIGTERM or SIGINT; logging is the caller's."""
        # Not with TLS: uvloop takes 30 s, its whole shutdown timeout, to close about one connection in 30.
        if read_security(self.settings.kafka).context is None:
            asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())  # so that Faust's consumer thread has it too
        gc.set_threshold(_GARBAGE)
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        # Faust's own logging and spinner would write cursor movements into pipes and turn every logger to DEBUG.
        logging.getLogger("mode.timers").setLevel(logging.ERROR)  # that a commit outlasted its interval is no news
        worker = faust.Worker(self, loop=loop, quiet=True, override_logging=False, redirect_stdouts=False)
        worker.spinner = None
        worker.execute_from_commandline()

    async def on_first_start(self) -> None:
        """Before anything runs: what the lane is, and whether its topics are as they must be."""
        await super().on_first_start()
        try:
            self.lane = await lanes.require(self.settings)
            for warning in await cluster.check(self.settings, self.lane.kind):
                log.warning("%s", warning)
            first = self.settings.metrics_port
            serve(first and first + (*STAGES, *VIEWS).index(self.name), self.health, self.metrics.text)
        except Exception as failure:
            self.fail(failure)

    async def crash(self, reason: BaseException) -> None:
        """Any part of Faust that gives up ends the process."""
        self.fail(reason)

    def _crash(self, reason: BaseException) -> None:
        self.fail(reason)

    def fail(self, failure: BaseException) -> NoReturn:
        """End the process at once: nothing more is acknowledged, committed or sent."""
        if isinstance(failure, KhabarError):
            code = _MISCONFIGURED if isinstance(failure, Misconfigured) else _UNAVAILABLE
            print(f"khabar worker {self.name}: {failure}", file=sys.stderr, flush=True)  # noqa: T201 - the last words
        else:
            code = _BROKEN
            log.critical("%s stops; what is not acknowledged comes again", self.conf.id, exc_info=failure)
        logging.shutdown()
        os._exit(code)

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)  # no loop yet: agents are declared before one runs

    _new_producer_transport = _new_transport

    def _create_directories(self) -> None:
        """None are needed: nothing is kept on disk."""


def start_of(partition: TP, bounds: Bounds) -> int:
    """Where a group reads on; raises Misconfigured if that is no longer in the log, or not yet."""
    committed, first, end = bounds
    where = f"{partition.topic}, partition {partition.partition}"
    if committed is None:
        if first > 0:
            log.warning("%s: nothing is committed, and the log begins at offset %d: reading from there", where, first)
        return first
    if committed < first:
        raise Misconfigured(
            f"{where}: offsets {committed} to {first - 1} are gone, deleted before they were read; "
            f"to go on without them set the group's offset to {first} (kafka-consumer-groups.sh --reset-offsets)"
        )
    if committed > end:
        raise Misconfigured(
            f"{where} ends at offset {end}, before the committed {committed}: it was deleted and made anew, or cut; "
            "remove the lane, or set the group's offset"
        )
    return committed
