"""A day in the life of `khabar follow`, compressed: fifty feeds, five kills, and nothing is lost or told otherwise."""

from __future__ import annotations

import asyncio
import gzip
import html
import os
import random
import signal
import sqlite3
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest
from aiohttp import web

from agents.normalize.identity import canonical_url
from deploy.chain import Chain
from schemas import EnrichedArticle, place_of
from streams.archives import Placed
from streams.feeds import articles
from streams.feeds.parsing import parse
from streams.read import read_topic
from streams.settings import Settings

pytestmark = pytest.mark.kafka

FEEDS = 50
# Of all articles what a feed shows, the newest first: more than the busiest brings while a follower starts again.
SHOWN = 1 / 4
DATE = "Thu, 01 Jan 2026 00:00:00 GMT"
CORRECTED = 0.15  # of the articles, later in the day
# `khabar follow`, at a pace that is to the compressed day as its own is to a whole one.
FOLLOW = """
import asyncio, sys
from pathlib import Path
from agents.normalize.identity import canonical_url
from streams.feeds import Pace, Rules, follower, opened, read_feeds
from streams.settings import Settings

async def run():
    rules = Rules(pages=False, pace=Pace(first=0.4, shortest=0.4, longest=1.5))
    with opened(Path(sys.argv[1]), alone=True) as state:
        making = follower(
            Settings(), read_feeds(sys.argv[2:]), state, canonical=canonical_url, allowed=["127.0.0.1"], rules=rules
        )
        async with making as it:
            await it.run()

asyncio.run(run())
"""


class Version(NamedTuple):
    """An article as it is from `at` on (seconds into the compressed day); its title begins with `name` and a stop."""

    at: float
    number: str
    name: str
    title: str
    body: str


@dataclass
class Reader:
    """What one follower was answered: the versions of each feed, and its last answer whole."""

    shown: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    settled: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    answers: dict[int, bytes] = field(default_factory=dict)

    @property
    def versions(self) -> set[str]:
        return set[str]().union(*self.shown.values())

    def killed(self) -> None:
        """Nobody knows what came of the last answers."""
        self.answers = {}


class Day:
    """Fifty feeds through a day. A correction replaces the version before it, but not before each follower has asked
    once more since it was shown that one: what a feed takes back between two polls, nobody can have."""

    def __init__(self, plans: list[list[Version]], readers: tuple[str, ...], seconds: float) -> None:
        self.plans, self.seconds = plans, seconds
        self.readers = {name: Reader() for name in readers}
        self._there: list[dict[str, Version]] = [{} for _ in plans]
        self._waiting = [list(plan) for plan in plans]
        self._most = round(SHOWN * sum(len(plan) for plan in plans))
        self._begun = time.monotonic()

    @property
    def over(self) -> bool:
        """Whether everything has appeared, and each follower was shown it."""
        every = {each.name for plan in self.plans for each in plan}
        return all(reader.versions == every for reader in self.readers.values())

    def begin(self) -> None:
        self._begun = time.monotonic()

    async def answer(self, request: web.Request) -> web.Response:
        feed, reader = int(request.match_info["feed"]), self.readers[request.match_info["reader"]]
        if feed in reader.answers:  # whoever asks again has sent on what it was answered before
            reader.settled[feed] |= reader.shown[feed]
        self._appear(feed)
        newest = list(self._there[feed].values())[: -self._most - 1 : -1]
        reader.shown[feed] |= {each.name for each in newest}
        items = "".join(
            f"<item><title>{html.escape(each.title)}</title><link>https://example.org/{each.number}</link>"
            f"<pubDate>{DATE}</pubDate><description>{html.escape(each.body)}</description></item>"
            for each in newest
        )
        reader.answers[feed] = f'<rss version="2.0"><channel><title>أخبار</title>{items}</channel></rss>'.encode()
        return web.Response(body=reader.answers[feed], content_type="application/rss+xml", charset="utf-8")

    def _appear(self, feed: int) -> None:
        now, there, later = time.monotonic() - self._begun, self._there[feed], list[Version]()
        for each in self._waiting[feed]:
            before = there.get(each.number)
            seen = before is None or all(before.name in reader.settled[feed] for reader in self.readers.values())
            if each.at <= now and seen:
                there.pop(each.number, None)
                there[each.number] = each
            else:
                later.append(each)
        self._waiting[feed] = later


def real_day(data: Path, most: int) -> list[tuple[float, str, str]]:
    """Articles of the data set: the part of the day at which they came out, title and text."""
    with gzip.open(data / "news" / "ant-2018-02-05.jsonl.gz") as lines:
        found = [orjson.loads(line) for line in lines]
    moments = [(parsedate_to_datetime(each["time"]), each) for each in found[:: max(1, len(found) // most)][:most]]
    return [
        ((at.hour * 3600 + at.minute * 60 + at.second) / 86_400, each["title"], each["text"][:6000])
        for at, each in moments
    ]


def invented_day(most: int) -> list[tuple[float, str, str]]:
    """The same where there is no data set: few at night, most before noon and in the evening."""
    chance = random.Random(7)
    hours = [1, 1, 1, 1, 2, 4, 6, 9, 10, 10, 9, 8, 7, 6, 6, 7, 8, 9, 10, 9, 7, 5, 3, 2]
    towns, doers = ["الوادي", "المرفأ", "السهل", "عين الرمان"], ["المجلس البلدي", "هيئة الموانئ", "جامعة السهل"]
    day = []
    for number in range(most):
        town, doer = chance.choice(towns), chance.choice(doers)
        text = f"أعلن {doer} في {town} أن المشروع رقم {number} يبدأ بعد {chance.randrange(2, 90)} يوما. " * 4
        (hour,) = chance.choices(range(24), hours)
        day.append(((hour + chance.random()) / 24, f"{doer}: مشروع جديد في {town} ({number})", text))
    return day


def plans_of(day: list[tuple[float, str, str]], seconds: float) -> list[list[Version]]:
    """The articles on the feeds, a few of which are busy and most quiet, with corrections."""
    chance = random.Random(5)
    weights = [1 / (rank + 2) for rank in range(FEEDS)]
    plans: list[list[Version]] = [[] for _ in range(FEEDS)]
    for number, (part, title, body) in enumerate(day):
        (feed,) = chance.choices(range(FEEDS), weights)
        plans[feed].append(Version(part * seconds, f"n{number}", f"{number}a", f"{number}a. {title}", body))
        if chance.random() < CORRECTED:
            at = chance.uniform(part, 1) * seconds
            corrected = f"{number}b. تصحيح: {title}"
            plans[feed].append(Version(at, f"n{number}", f"{number}b", corrected, body + "\nتصحيح."))
    return [sorted(plan) for plan in plans]


@asynccontextmanager
async def serving(day: Day) -> AsyncIterator[dict[str, list[str]]]:
    app = web.Application()
    app.router.add_get("/{reader}/{feed}", day.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    root = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield {name: [f"{root}/{name}/{feed}" for feed in range(FEEDS)] for name in day.readers}
    finally:
        await runner.cleanup()


def in_flight(reader: Reader, state: Path) -> int:
    """Versions that a killed follower was answered last, and has not written down as delivered."""
    database = sqlite3.connect(state)
    try:
        known = set(database.execute("SELECT feed, key, version FROM items"))
        numbers = dict(database.execute("SELECT url, id FROM feeds"))
    finally:
        database.close()
    by_feed = {int(url.rpartition("/")[2]): number for url, number in numbers.items()}
    count = 0
    for feed, answer in reader.answers.items():
        items = articles.keys_of(parse(answer, "http://127.0.0.1/").items, set(), canonical_url)
        count += sum((by_feed[feed], key, articles.version_of(item)) not in known for key, item in items.items())
    return count


async def raw_versions(settings: Settings) -> Counter[str]:
    found = Counter[str]()
    async for record in read_topic(settings, "raw"):
        article = orjson.loads(record.value or b"")
        found[article["title"].partition(".")[0]] += 1
    return found


async def chained(settings: Settings) -> set[str]:
    """Id and version of everything in the raw topic, as the cores without a broker have it."""
    records = [record async for record in read_topic(settings, "raw")]
    placed = [
        Placed(place_of(record.timestamp * 1000, canceled=False, value=record.value), "", record.value)
        for record in records
        if record.value is not None
    ]
    outcomes = Chain.shipped("off").run(sorted(placed))
    events = [event for outcome in outcomes if isinstance(outcome, list) for event in outcome]
    return {f"{event.id} {event.version}" for event in events if isinstance(event, EnrichedArticle)}


Follow = Callable[[Settings, Path, list[str]], Awaitable[asyncio.subprocess.Process]]


@pytest.fixture
async def follow(tmp_path: Path) -> AsyncIterator[Follow]:
    """Starts a follower; those that still run at the end are killed."""
    begun: list[asyncio.subprocess.Process] = []
    with (tmp_path / "follow.log").open("ab") as log:

        async def start(settings: Settings, state: Path, urls: list[str]) -> asyncio.subprocess.Process:
            words, environment = (str(state), *urls), os.environ | settings.environment()
            command = asyncio.create_subprocess_exec(
                sys.executable, "-c", FOLLOW, *words, env=environment, stdout=log, stderr=log
            )
            begun.append(await command)
            return begun[-1]

        yield start
        for process in begun:
            if process.returncode is None:
                await kill(process)


async def kill(process: asyncio.subprocess.Process) -> None:
    assert process.returncode is None
    process.send_signal(signal.SIGKILL)
    await process.wait()


async def until_over(day: Day, *lanes: tuple[Settings, Reader]) -> None:
    async with asyncio.timeout(120 + day.seconds):
        while not day.over:
            await asyncio.sleep(0.1)
        for settings, reader in lanes:
            while not reader.versions <= set(await raw_versions(settings)):
                await asyncio.sleep(0.3)


@pytest.mark.parametrize(
    ("seconds", "most"),
    [(15.0, 500), pytest.param(240.0, 4000, marks=[pytest.mark.full, pytest.mark.timeout(1200)])],
)
async def test_a_day_of_fifty_feeds_survives_five_kills(
    kafka: str,
    lane: str,
    workers: Callable[[Settings], AbstractContextManager[None]],
    follow: Follow,
    tmp_path: Path,
    seconds: float,
    most: int,
) -> None:
    """Every version that was ever on a feed is in raw; repeats were in flight at a kill; and what comes out is what
    comes of a follower that nobody disturbed."""
    folder = os.environ.get("KHABAR_DATA")
    articles_of_the_day = real_day(Path(folder), most) if folder else invented_day(most)
    disturbed = Settings(broker=kafka, lane=lane, tagger="off", metrics_port=0)
    calm = disturbed.on(f"{lane}-calm")
    day = Day(plans_of(articles_of_the_day, seconds), ("disturbed", "calm"), seconds)
    reader = day.readers["disturbed"]
    state, chance, flying = tmp_path / "feeds.sqlite", random.Random(11), 0
    async with serving(day) as urls:
        undisturbed = await follow(calm, tmp_path / "calm.sqlite", urls["calm"])
        while not day.readers["calm"].answers:
            await asyncio.sleep(0.05)
        day.begin()
        for _ in range(5):
            process = await follow(disturbed, state, urls["disturbed"])
            while not reader.answers:  # its start takes seconds, in which nothing could be in flight
                await asyncio.sleep(0.02)
            await asyncio.sleep(chance.uniform(0.1, seconds / 6))
            await kill(process)
            flying += in_flight(reader, state)
            reader.killed()
        process = await follow(disturbed, state, urls["disturbed"])
        with workers(disturbed):
            await until_over(day, (disturbed, reader), (calm, day.readers["calm"]))
            await kill(process)
            await kill(undisturbed)
            enriched = await enriched_of(disturbed, len(reader.versions))
    raw, once = await raw_versions(disturbed), await raw_versions(calm)
    repeats = raw.total() - len(raw)
    print(f"{len(raw)} versions, {repeats} repeats after five kills, {flying} in flight at them")
    assert set(raw) == set(once) == reader.versions
    assert once.total() == len(once)
    assert repeats <= flying
    assert set(enriched.values()) == {1}
    assert set(enriched) == await chained(calm)


async def enriched_of(settings: Settings, versions: int) -> Counter[str]:
    """Id and version of each decision, when there are as many as versions, and a moment longer."""
    enriched = Counter[str]()
    async with asyncio.timeout(120):
        while enriched.total() < versions:
            await asyncio.sleep(0.3)
            enriched = Counter[str]()
            async for record in read_topic(settings, "enriched"):
                article = orjson.loads(record.value or b"")
                enriched[f"{article['id']} {article['version']}"] += 1
    return enriched
