"""`khabar worker trends alerts` on a real broker: killed in the middle, they say what an undisturbed run says."""

import asyncio
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from agents.alerts import Alerts
from agents.alerts.rules import read_rules
from agents.normalize.words import Words
from agents.trends import Trends
from schemas import Alert, EnrichedArticle, Misconfigured, Trend, decode, encode, from_rfc3339, to_rfc3339
from streams import cluster, lanes
from streams.delivery import Output, transact
from streams.kafka import make_admin, make_producer, running
from streams.lag import VIEWS, Lag, patiently
from streams.read import Record, read_topic
from streams.settings import Settings
from streams.topics import Topics

pytestmark = pytest.mark.kafka

Enriched = Callable[..., EnrichedArticle]

RULES = """
[[rule]]
name = "الجسر"
words = "جسر"

[[rule]]
name = "يكبر"
growth = { sources = 3, minutes = 30 }
"""
NAMES = ("ليلى", "سامر", "هدى", "نادر")
START_US = from_rfc3339("2026-05-01T09:00:00Z")


@pytest.fixture
def settings(kafka: str, lane: str, tmp_path: Path) -> Settings:
    (tmp_path / "rules.toml").write_text(RULES, "utf-8")
    return Settings(broker=kafka, lane=lane, metrics_port=0, rules=tmp_path / "rules.toml")


class Workers:
    """`khabar worker trends alerts`, started again by its supervisor."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._log = folder / "worker.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deploy", "worker", *VIEWS],
                env=os.environ | settings.environment(), stdout=log, stderr=log,
            )  # fmt: skip

    @property
    def said(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def kill(self) -> None:
        """Kill both stages with SIGKILL, wherever they are."""
        for child in psutil.Process(self.process.pid).children():
            child.kill()


@pytest.fixture
def workers(settings: Settings, tmp_path: Path) -> Iterator[Callable[[], Workers]]:
    started: list[Workers] = []

    def start() -> Workers:
        started.append(Workers(settings, tmp_path))
        return started[-1]

    yield start
    for each in started:
        each.process.terminate()
        assert each.process.wait(40) == 0, each.said


def line_of(enriched: Enriched, count: int) -> list[EnrichedArticle]:
    """Some hours of news: stories that several sources tell, revisions, a cancellation here and there."""
    line = []
    for number in range(count):
        line.append(
            enriched(
                number * 3, f"a{number % 97}", seen=to_rfc3339(START_US + number * 60_000_000), story=f"s{number % 13}",
                names=[NAMES[number % 4], NAMES[number % 3]], kind="copy" if number % 5 == 0 else "same-story",
                source=f"o{number % 7}.example", status="canceled" if number % 41 == 40 else "usable",
                title="ازدحام بالجسر" if number % 2 else "افتتاح مدرسة",
            )
        )  # fmt: skip
    return line


async def decide(settings: Settings, line: list[EnrichedArticle]) -> None:
    """Write the articles as deduplicate does: each few in a transaction, which leaves a marker in the topic."""
    topic = Topics(settings.prefix, settings.lane).name(EnrichedArticle)
    producer = make_producer(settings, transactional_id=f"{settings.lane}-decides")
    async with running(producer, settings):
        for first in range(0, len(line), 10):
            some = line[first : first + 10]
            outputs = deque(Output(topic, 0, each.id.encode(), encode(each), []) for each in some)
            await transact(producer, {(topic, 0): outputs})
            await asyncio.sleep(0.01)


async def until(settings: Settings, reached: Callable[[dict[str, int]], bool], worker: Workers, limit_s: float) -> None:
    async with Lag(settings) as lag:
        deadline = time.monotonic() + limit_s
        while True:
            stands = {stage: (await patiently(lambda stage=stage: lag.stands(stage))).get(0, -1) for stage in VIEWS}
            if reached(stands):
                return
            assert time.monotonic() < deadline, f"{stands}\n{worker.said}"
            await asyncio.sleep(0.1)


async def records(settings: Settings, name: str) -> list[Record]:
    async with aclosing(read_topic(settings, name)) as found:
        return [record async for record in found]


async def test_killed_in_the_middle_the_last_values_and_the_alerts_are_those_of_an_undisturbed_run(
    settings: Settings, workers: Callable[[], Workers], enriched: Enriched
) -> None:
    await lanes.ensure(settings)
    history, line = [enriched(0, "old", title="جسر قديم", story="old")], line_of(enriched, 600)[1:]
    await decide(settings, history)
    worker = workers()
    await until(settings, lambda stands: stands["alerts"] > 0, worker, 90)  # from here on it has to see all
    await decide(settings, line[:300])
    worker.kill()
    await decide(settings, line[300:])
    ends = await end_of(settings)
    await until(settings, lambda stands: set(stands.values()) == {ends}, worker, 90)
    async with Lag(settings) as lag:
        assert [await lag.of(stage) for stage in VIEWS] == [{0: 0}, {0: 0}], "the marker at the end is no lag"

    trends = Trends()
    undisturbed = {trend.key: trend for event in [*history, *line] for trend in trends.take(event)}
    said = [decode(Trend, record.value or b"") for record in await records(settings, "trends")]
    assert {trend.key: trend for trend in said} == undisturbed

    words = Words.shipped()
    rules = read_rules(settings.rules or Path(), words)
    alerts = Alerts(rules, words)
    expected = [alert for event in line for alert in alerts.take(event)]
    found = await records(settings, "alerts")
    assert [decode(Alert, record.value or b"") for record in found] == expected
    assert [record.key for record in found] == [alert.id.encode() for alert in expected]
    assert {alert.kind for alert in expected} == {"words", "growth"}
    assert "Traceback" not in worker.said


async def end_of(settings: Settings) -> int:
    async with Lag(settings) as lag:
        return (await lag.ends("trends"))[0]


async def test_a_lane_of_an_earlier_version_works_on_and_gets_what_it_lacks(
    settings: Settings, workers: Callable[[], Workers]
) -> None:
    await lanes.ensure(settings)
    topics = Topics(settings.prefix, settings.lane)
    async with running(make_admin(settings), settings) as admin:
        await admin.delete_topics([topics.name("alerts"), topics.name("feedback")])
        while {topics.name("alerts"), topics.name("feedback")} & set(await admin.list_topics()):
            await asyncio.sleep(0.1)
    warnings = await cluster.check(settings)
    assert [warning.split(": ")[0] for warning in warnings] == [topics.name("alerts"), topics.name("feedback")]
    worker = workers()
    await until(settings, lambda stands: stands["alerts"] == 0, worker, 90)
    assert await cluster.check(settings) == []
    with pytest.raises(Misconfigured, match=r"topics of lane .* are missing"):
        await cluster.check(settings.on(f"{settings.lane}-x"))
