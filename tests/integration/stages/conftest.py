"""Stages in processes of their own on a real Kafka, and what goes in and comes out of them."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from pathlib import Path

import orjson
import pytest

from schemas import Lane, RawArticle, Unavailable, encode
from streams import lanes
from streams.delivery import Delivery, Output
from streams.lag import Lag
from streams.read import Record, read_topic
from streams.settings import Settings
from streams.topics import Header, Topics

KILLED_ITSELF = 9  # what plain.py exits with when it was told to end
ROOT = Path(__file__).parents[3]
WORDS = ["ميناء", "سفينة", "مرفأ", "بحار", "شراع", "موجة", "جزيرة", "منارة", "صياد", "شبكة", "قارب", "ساحل", "ملاح"]


def article(number: int, *, title: str | None = None, body_size: int | None = None, **fields: object) -> bytes:
    """An article of its own; the words that it is made of say nothing. `body_size`: a body of so many bytes."""
    words = [WORDS[(number * 7 + each * each * (1 + number % 13)) % len(WORDS)] for each in range(40)]
    made = RawArticle(
        source="marsa.example",
        source_id=f"a{number}",
        title=title or f"خبر {number} من {' '.join(words[:5])}",
        body=f"{' '.join(words)} {number}"
        if body_size is None
        else ("x" * 8 + " ") * (body_size // 9) + "y" * (body_size % 9),
        published_at="2026-05-01T09:30:00Z",
        **fields,
    )
    return encode(made)


class Way:
    """A lane: what is sent into it, what comes out, and the processes that work on it."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        self.names = Topics(settings.prefix, settings.lane)
        self.processes: list[subprocess.Popen[bytes]] = []

    async def make(self, **lane: object) -> None:
        """The lane, live unless told otherwise."""
        await lanes.create(
            self.settings, Lane(**({"kind": "live", "since": None, "until": None, "versions": {}} | lane))
        )

    async def send(
        self, values: Sequence[bytes | None], headers: Sequence[Header] = (), partition: int | None = None
    ) -> None:
        """Raw records, spread over the partitions unless told otherwise."""
        count = self.settings.partitions
        await self.send_each(
            (number % count if partition is None else partition, value, headers) for number, value in enumerate(values)
        )

    async def send_each(self, records: Iterable[tuple[int, bytes | None, Sequence[Header]]]) -> None:
        """Raw records: partition, value, headers."""
        delivery, topic = Delivery(self.settings), self.names.name(RawArticle)
        await delivery.send(Output(topic, partition, b"k", value, headers) for partition, value, headers in records)
        await delivery.close()

    def start(self, stage: str, **environment: object) -> subprocess.Popen[bytes]:
        """The stage in a process of its own; what it says is in `said(stage)`."""
        shown = {name: str(value) for name, value in environment.items()}
        settings = {
            "KHABAR_BROKER": self.settings.broker,
            "KHABAR_LANE": self.settings.lane,
            "KHABAR_METRICS_PORT": "0",
        }
        with (self.folder / f"{stage}.log").open("ab") as log:
            command = [sys.executable, str(Path(__file__).with_name("plain.py")), stage]
            environ = os.environ | {"PYTHONPATH": str(ROOT)} | settings | shown
            process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def said(self, stage: str) -> str:
        return (self.folder / f"{stage}.log").read_text("utf-8")

    async def ended(self, process: subprocess.Popen[bytes], seconds: float = 40) -> int:
        """The exit code of a process that ends by itself."""
        async with asyncio.timeout(seconds):
            while process.poll() is None:
                await asyncio.sleep(0.05)
        return process.returncode

    async def drained(self, *stages: str, seconds: float = 90) -> None:
        """Wait until the stages have acknowledged all that lies before them."""
        began = time.monotonic()
        async with Lag(self.settings) as lag:
            while await self._behind(lag, stages):
                for process in self.processes:
                    assert process.poll() in (None, 0, 1, -signal.SIGKILL, KILLED_ITSELF), "a stage broke"
                assert time.monotonic() - began < seconds, f"not drained within {seconds} s"
                await asyncio.sleep(0.2)

    async def _behind(self, lag: Lag, stages: Sequence[str]) -> bool:
        try:
            return any([sum((await lag.of(stage)).values()) for stage in stages])
        except Unavailable:  # a broker that has just started
            return True

    async def until(self, topic: str, count: int, seconds: float = 60) -> None:
        """Wait until the topic has so many records."""
        async with asyncio.timeout(seconds):
            while len(await self.records(topic)) < count:
                await asyncio.sleep(0.25)  # each look reads the whole topic

    async def records(self, topic: str) -> list[Record]:
        return [record async for record in read_topic(self.settings, topic)]

    async def values(self, topic: str) -> list[dict[str, object]]:
        return [orjson.loads(record.value or b"{}") for record in await self.records(topic)]

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()


@pytest.fixture
async def make_way(tmp_path: Path) -> AsyncIterator[Callable[[str, str], Way]]:
    """Makes the way of a lane at a broker."""
    made: list[Way] = []

    def make(broker: str, lane: str) -> Way:
        made.append(Way(Settings(broker=broker, lane=lane, metrics_port=0), tmp_path))
        return made[-1]

    yield make
    for way in made:
        way.end()


@pytest.fixture
async def way(make_way: Callable[[str, str], Way], kafka: str, lane: str) -> Way:
    """The way of a live lane at the shared broker."""
    made = make_way(kafka, lane)
    await made.make()
    return made


@pytest.fixture
def write() -> Iterator[Callable[..., bytes]]:
    """Writes articles: `write(7, title="…")`."""
    return article
