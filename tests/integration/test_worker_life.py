"""`khabar worker` on a real broker: what it works on, what it survives, and what it leaves behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from streams.topics import TABLE

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[2]
ARTICLE = '{"source": "aswar.example", "source_id": "%d", "title": "جسر جديد", "published_at": "2026-05-01T09:30:00Z"}'


class Worker:
    """A `khabar worker` of its own process; `said` is what it wrote by now."""

    def __init__(self, prefix: str, folder: Path, kafka: str, *arguments: str) -> None:
        self.log = folder / "worker.log"
        settings = {"KHABAR_BROKER": kafka, "KHABAR_PREFIX": prefix, "KHABAR_METRICS_PORT": "0"}
        with self.log.open("wb") as log:
            command = [sys.executable, "-m", "deploy", "worker", *arguments]
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=os.environ | settings, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def said(self) -> str:
        return self.log.read_text("utf-8")

    def stage(self, name: str) -> psutil.Process | None:
        """The process that runs the stage, if it does by now."""
        for child in psutil.Process(self.process.pid).children():
            if name in child.cmdline():
                return child
        return None


T = TypeVar("T")
Start = Callable[..., Worker]


@pytest.fixture
def start(lane: str, tmp_path: Path, kafka: str) -> Iterator[Start]:
    """Starts workers whose topics are this test's own, lane `live` included."""
    made: list[Worker] = []

    def start_one(*arguments: str) -> Worker:
        made.append(Worker(lane, tmp_path, kafka, *arguments))
        return made[-1]

    yield start_one
    for worker in made:
        worker.process.kill()
        worker.process.wait()


def wait_for(what: Callable[[], T | None], worker: Worker) -> T:
    deadline = time.monotonic() + 60
    while (found := what()) is None:
        assert time.monotonic() < deadline, worker.said
        time.sleep(0.1)
    return found


async def publish(kafka: str, prefix: str, number: int) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        await producer.send_and_wait(f"{prefix}.live.articles.raw.v1", (ARTICLE % number).encode())


async def normalized(kafka: str, prefix: str, count: int) -> int:
    """Wait until so many articles are normalized; returns how many came, each counted once (a kill repeats some)."""
    topic = f"{prefix}.live.articles.normalized.v1"
    async with AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest") as consumer:
        came: set[bytes] = set()
        deadline = time.monotonic() + 60
        while len(came) < count and time.monotonic() < deadline:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                came |= {record.key for record in records}
        return len(came)


async def test_a_killed_stage_goes_on_where_it_was_and_sigterm_ends_all(start: Start, kafka: str, lane: str) -> None:
    worker = start("normalize", "deduplicate")
    first = wait_for(lambda: worker.stage("normalize"), worker)
    await wait_for_topics(kafka, lane, worker)
    await publish(kafka, lane, 1)
    assert await normalized(kafka, lane, 1) == 1
    first.kill()
    await publish(kafka, lane, 2)
    assert await normalized(kafka, lane, 2) == 2, worker.said
    children = psutil.Process(worker.process.pid).children()
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(40) == 0, worker.said
    assert not [child for child in children if child.is_running()]
    assert "normalize ended by SIGKILL" in worker.said
    assert "Traceback" not in worker.said


def test_a_killed_supervisor_leaves_no_stage_behind(start: Start) -> None:
    worker = start("normalize", "deduplicate")
    children = [wait_for(lambda name=name: worker.stage(name), worker) for name in ("normalize", "deduplicate")]
    worker.process.kill()
    worker.process.wait()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not [child for child in alive if child.status() != psutil.STATUS_ZOMBIE]


def test_a_lane_that_is_not_there_ends_all_stages_with_the_way_out(start: Start, lane: str) -> None:
    worker = start("normalize", "deduplicate", "--lane", lane)
    assert worker.process.wait(60) == 2, worker.said
    assert worker.said.splitlines()[-1].startswith("khabar: stage ")
    assert f"there is no lane {lane}" in worker.said


async def wait_for_topics(kafka: str, prefix: str, worker: Worker) -> None:
    """Wait until the worker has made the topics of its lane."""
    async with AIOKafkaConsumer(bootstrap_servers=kafka) as consumer:
        deadline = time.monotonic() + 60
        while len([topic for topic in await consumer.topics() if topic.startswith(f"{prefix}.live.")]) < len(TABLE):
            assert time.monotonic() < deadline, worker.said
