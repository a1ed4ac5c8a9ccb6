"""What an article costs: each core alone, the chain of them without a broker, and the whole way through Kafka.

CPU is the figure to trust: the clock on the wall also counts what else a machine does. All of it is measured on the
same articles, in one run. Through Kafka a lane of its own is used, and removed.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import platform
import signal
import statistics
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing import get_context
from typing import Any, Literal

import psutil

from agents.deduplicate import Deduplicator
from agents.deduplicate.making import fingerprints
from agents.normalize import Normalizer
from agents.tag import Tagger
from deploy.chain import Chain
from schemas import RawArticle, Received, Unavailable, date_of, decode_raw
from streams import lanes
from streams.archives import Placed
from streams.kafka import errors, make_producer, running
from streams.lag import Lag
from streams.read import header, read_topic
from streams.settings import Settings
from streams.stage import STAGES
from streams.topics import Topics
from streams.turn import RAW, TOGETHER

__all__ = ["CHAIN", "STREAMED", "Figure", "Latency", "cores", "latency", "machine", "through_kafka"]

_ROUNDS = 3  # of everything that runs in this process: the median counts
_READY_S = 60.0
_STALLED_S = 120.0  # without any progress: something is broken
_LOOK_S = 0.1
_WARM_S = 5.0  # until connections are open, and the broker's Java has compiled what it runs

Say = Callable[[str], None]
TaggerName = Literal["crf", "off"]

CHAIN = "the chain, no broker"
STREAMED = "all three workers, through Kafka"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """The cost of one part: articles a second by the clock, CPU in microseconds an article."""

    part: str
    rate: float
    cpu_us: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds that articles took for a part of their way."""

    part: str
    p50_ms: float
    p99_ms: float
    longest_ms: float


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    names = ("khabar", "faust-streaming", "aiokafka", "orjson", "camel-tools")
    return {
        "machine": f"{os.cpu_count()} cores, {psutil.virtual_memory().total >> 30} GiB, {platform.machine()}",
        "python": platform.python_version(),
    } | {name: version(name) for name in names}


def cores(articles: Sequence[Placed], tagger: TaggerName, say: Say) -> list[Figure]:
    """Each core alone, and the chain of them with the reading of raw JSON; each in a process of its own, as a stage is.

    The first articles only warm its caches: what a worker costs that has run for a while is what counts.
    """
    normalizer, tags = Normalizer.shipped(), _tagger(tagger)
    normalized = [normalizer.normalize(*_raw(each)) for each in articles]
    tagged = [tags.tag(each) for each in normalized]
    inputs: dict[str, Sequence[Any]] = {
        "normalize (with reading)": articles,
        "tag (with fingerprint)": normalized,
        "of which fingerprint": normalized,
        "deduplicate": tagged,
        CHAIN: articles,
    }
    figures = []
    for part, given in inputs.items():
        say(f"measuring {part}")
        rounds = []
        for _ in range(_ROUNDS):
            with ProcessPoolExecutor(1, get_context("spawn")) as alone:
                rounds.append(alone.submit(_cost, part, given, tagger).result())
        wall, cpu = (statistics.median(each) for each in zip(*rounds, strict=True))
        measured = len(given) - _warming(given)
        figures.append(Figure(part=part, rate=measured / wall, cpu_us=cpu / measured * 1e6))
    return figures


def _cost(part: str, given: Sequence[Any], tagger: TaggerName) -> tuple[float, float]:
    """Seconds by the clock and of CPU that a part takes for what it is given, but for the first of it."""
    run = _runner(part, tagger)
    warming = _warming(given)
    run(given[:warming])
    wall, cpu = time.perf_counter(), time.process_time()
    run(given[warming:])
    return time.perf_counter() - wall, time.process_time() - cpu


def _runner(part: str, tagger: TaggerName) -> Callable[[Sequence[Any]], object]:
    line = itertools.count()
    if part == "normalize (with reading)":
        normalize = Normalizer.shipped().normalize
        return lambda given: [normalize(*_raw(each)) for each in given]
    if part == "tag (with fingerprint)":
        tag_all = _tagger(tagger).tag_all
        return lambda given: [tag_all(given[at : at + TOGETHER]) for at in range(0, len(given), TOGETHER)]
    if part == "of which fingerprint":
        return fingerprints
    if part == "deduplicate":
        decide = Deduplicator.shipped().decide
        return lambda given: [decide(each, next(line)) for each in given]
    chain = Chain(Normalizer.shipped(), _tagger(tagger), Deduplicator.shipped())
    return lambda given: deque(chain.run(given), maxlen=0)


def _warming(given: Sequence[Any]) -> int:
    return len(given) // 5


def _tagger(name: TaggerName) -> Tagger:
    return Tagger.shipped() if name == "crf" else Tagger.off()


def _raw(article: Placed) -> tuple[RawArticle, Received]:
    return decode_raw(article.value), Received(value=article.value, seen_us=date_of(article.place))


async def through_kafka(settings: Settings, articles: Sequence[Placed], say: Say) -> list[Figure]:
    """All of the articles at once through the three stages: what each worker and the broker used for them."""
    async with _worked(settings, say) as stages, Lag(settings) as lag:
        broker = _listening_at(settings.broker)
        warming = _warming(articles)
        await _send(settings, articles[:warming])
        await _drained(lag, say)
        articles = articles[warming:]
        watched = stages | ({"the broker": broker} if broker else {})
        before = {name: _cpu_s(process) for name, process in watched.items()}
        begun = time.perf_counter()
        say(f"sending {len(articles):,} articles")
        await _send(settings, articles)
        await _drained(lag, say)
        wall = time.perf_counter() - begun
        used = {name: (_cpu_s(process) - before[name]) / len(articles) * 1e6 for name, process in watched.items()}
    rate = len(articles) / wall
    workers = sum(used[stage] for stage in STAGES)
    return [
        Figure(part=STREAMED, rate=rate, cpu_us=workers),
        *(Figure(part=f"  {name}", rate=rate, cpu_us=cpu) for name, cpu in used.items()),
    ]


async def _send(settings: Settings, articles: Sequence[Placed]) -> None:
    topic = Topics(settings.prefix, settings.lane).name(RawArticle)
    async with running(make_producer(settings), settings) as producer:
        with errors(settings):
            await asyncio.gather(*[await producer.send(topic, value=each.value) for each in articles])


async def latency(settings: Settings, articles: Iterable[Placed], rate: int, say: Say) -> list[Latency]:
    """Articles sent one by one at `rate` a second, and a subscriber that reads committed enriched articles.

    First the whole way, then without the first seconds, then its parts, by the times at which the broker appended.
    """
    sent: dict[bytes, float] = {}
    arrived: dict[bytes, float] = {}
    async with _worked(settings, say):
        say(f"sending {rate} articles a second")
        got = asyncio.create_task(_subscribe(settings, arrived))
        async with running(make_producer(settings, linger_ms=0), settings) as producer:
            topic = Topics(settings.prefix, settings.lane).name(RawArticle)
            begun = time.time()
            waiting = []
            for number, each in enumerate(articles):
                await asyncio.sleep(max(0.0, begun + number / rate - time.time()))
                waiting.append((time.time(), await producer.send(topic, value=each.value)))
            for moment, future in waiting:
                where = await future
                sent[f"{where.partition}:{where.offset}".encode()] = moment
        async with Lag(settings) as lag:
            await _drained(lag, say)
        await asyncio.sleep(1.0)
        got.cancel()
        appended = {name: await _appended(settings, name) for name in ("raw", "normalized", "tagged", "enriched")}
    through = [raw for raw in sent if raw in arrived]  # a repeat comes to nothing
    warm = [raw for raw in through if sent[raw] - begun >= _WARM_S]
    found = [_delay("sent to subscriber", through, sent, arrived)]
    if len(warm) > 1:
        found.append(_delay(f"without the first {_WARM_S:.0f} s", warm, sent, arrived))
    stations = {"sent": sent, **appended, "subscriber": arrived}
    for (start, left), (end, reached) in itertools.pairwise(stations.items()):
        found.append(_delay(f"  {start} to {end}", through, left, reached))
    return found


def _delay(part: str, through: Iterable[bytes], left: Mapping[bytes, float], reached: Mapping[bytes, float]) -> Latency:
    taken = sorted((reached[raw] - left[raw]) * 1000 for raw in through)
    cuts = statistics.quantiles(taken, n=100)
    return Latency(part=part, p50_ms=cuts[49], p99_ms=cuts[98], longest_ms=taken[-1])


async def _subscribe(settings: Settings, arrived: dict[bytes, float]) -> None:
    async for record in read_topic(settings, "enriched", follow=True):
        arrived[header(record, RAW) or b""] = time.time()


async def _appended(settings: Settings, name: str) -> dict[bytes, float]:
    """Raw position -> when the broker took what came of it into the topic, in seconds since 1970."""
    return {
        header(record, RAW) or f"{record.partition}:{record.offset}".encode(): record.timestamp / 1000
        async for record in read_topic(settings, name)
    }


@asynccontextmanager
async def _worked(settings: Settings, say: Say) -> AsyncIterator[dict[str, psutil.Process]]:
    """The lane with its three workers ready, each under its stage's name; both are gone afterwards."""
    await lanes.create(settings, lanes.LIVE)
    command = [sys.executable, "-m", "deploy", "worker", *STAGES]
    worker = await asyncio.create_subprocess_exec(*command, env=os.environ | settings.environment())
    try:
        say("starting the workers")
        async with Lag(settings) as lag:
            until = time.monotonic() + _READY_S
            while await _unserved(lag):
                if time.monotonic() > until or worker.returncode is not None:
                    raise Unavailable("the workers did not start; what they said is above")
                await asyncio.sleep(_LOOK_S)
        await asyncio.sleep(2.0)  # models are loaded while the group already counts the member
        children = psutil.Process(worker.pid).children()
        yield {stage: next(each for each in children if stage in each.cmdline()) for stage in STAGES}
    finally:
        worker.send_signal(signal.SIGTERM)
        await worker.wait()
        await lanes.remove(settings)


async def _unserved(lag: Lag) -> bool:
    try:
        return bool(await lag.unserved())
    except Unavailable:  # a broker that has just started knows no groups for some seconds
        return True


async def _drained(lag: Lag, say: Say) -> None:
    least, since = None, time.monotonic()
    while behind := max([sum((await lag.of(stage)).values()) for stage in STAGES]):
        if behind != least:
            least, since = behind, time.monotonic()
        elif time.monotonic() - since > _STALLED_S:
            raise Unavailable(f"the workers stopped {behind:,} records before the end; what they said is above")
        await asyncio.sleep(_LOOK_S)
    say("all of them came out")


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _listening_at(broker: str) -> psutil.Process | None:
    """The process behind the broker's address, where it is on this machine and ours to look at."""
    port = int(broker.split(",")[0].rpartition(":")[2])
    for each in psutil.process_iter(["name"]):
        try:
            if any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in each.net_connections("tcp")):
                return each
        except (psutil.AccessDenied, psutil.NoSuchProcess):
            continue
    return None
