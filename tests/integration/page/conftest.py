"""The page in a real Chromium, before a gateway in a process of its own, before a lane on a real Kafka."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from playwright.async_api import Browser, Page, async_playwright

from agents.alerts import Alerts
from agents.alerts.rules import parse_rules
from agents.normalize.words import Words
from agents.trends import Trends
from deploy import samples
from deploy.chain import Chain, Refusal
from schemas import Alert, EnrichedArticle, Event, Story, Trend, encode, from_rfc3339, place_of, to_rfc3339
from streams import lanes
from streams.archives import Archive, Bounds, FieldMap, Placed, Placing
from streams.feeds import opened
from streams.feeds.sources import Feed, Source
from streams.kafka import make_producer, running
from streams.read import LINE_HEADER
from streams.settings import Settings
from streams.topics import Topics

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# The samples are of four days; told as of the last hours, one sees on the page what a newsroom sees.
HOURS = 12


class Desk:
    """What deduplicate would write to the topics of a lane, made by the same cores in this process."""

    def __init__(self, settings: Settings, producer: AIOKafkaProducer, chain: Chain) -> None:
        self.settings = settings
        self._producer = producer
        self._chain = chain
        self._topics = Topics(settings.prefix, settings.lane)
        self.stories: dict[str, Story] = {}  # as they were written last

    def elsewhere(self, settings: Settings) -> "Desk":
        """A desk of another lane of the same cluster."""
        return Desk(settings, self._producer, self._chain)

    def decide(self, articles: Iterable[dict[str, Any]]) -> list[Event]:
        """The events that come of raw articles, in this order; seen at `seen_at`, else when they were published."""
        dated = [(each.get("seen_at", each["published_at"]), {**each, "seen_at": None}) for each in articles]
        values = [(orjson.dumps(each), from_rfc3339(at)) for at, each in dated]
        return self.run(Placed(place_of(at, canceled=False, value=value), "test:1", value) for value, at in values)

    def run(self, records: Iterable[Placed]) -> list[Event]:
        """The events that come of records, in this order."""
        events: list[Event] = []
        for found in self._chain.run(records):
            assert not isinstance(found, Refusal), found
            events += found
        return events

    async def write(self, events: Sequence[Event]) -> None:
        """To the topics, with the number of the decision as deduplicate writes it."""
        for event in events:
            if isinstance(event, Story):
                self.stories[event.id] = event
            if isinstance(event, Trend | Alert):  # many of them may come of one decision, so they carry no number
                key, headers = event.key, []
            else:
                line = event.lines[-1].line if isinstance(event, EnrichedArticle) else event.line  # type: ignore[attr-defined]
                key, headers = event.id, [(LINE_HEADER, str(line).encode())]  # type: ignore[attr-defined]
            await self._producer.send(self._topics.name(event), key=key.encode(), value=encode(event), headers=headers)
        await self._producer.flush()

    async def publish(self, source: str, title: str | None, body: str, **more: Any) -> str:
        """An article of this moment; returns the id of its story."""
        now = to_rfc3339(int(datetime.now(UTC).timestamp()) * 1_000_000)
        article = {
            "source": source,
            "source_id": uuid.uuid4().hex,
            "title": title,
            "body": body,
            "published_at": now,
            "seen_at": now,
        }
        events = self.decide([article | {"url": f"https://{source}/{article['source_id']}"} | more])
        await self.write(events)
        return next(event.story.id for event in events if isinstance(event, EnrichedArticle) and event.story)


RULES = """
[[rule]]
name = "خبر يكبر"
growth = { sources = 3, minutes = 60 }

[[rule]]
name = "سورية"
entity = ["سورية"]

[[rule]]
name = "الفضاء"
words = "القمر الاصطناعي"
"""
NAMES = {
    "alofoq.example": ("الأفق", "Al Ofoq", "EG"),
    "arz-news.example": ("أخبار الأرز", "Arz News", "LB"),
    "bawabat-sham.example": ("بوابة الشام", "Bawabat Sham", "SY"),
    "najm-agency.example": ("وكالة نجم", "Najm Agency", "JO"),
    "nilenews.example": ("أخبار النيل", "Nile News", "EG"),
    "rafidain-press.example": ("صحافة الرافدين", "Rafidain Press", "IQ"),
    "sada-khalij.example": ("صدى الخليج", "Sada Khalij", "SA"),
    "tunis-now.example": ("تونس الآن", "Tunis Now", "TN"),
}


def follow(settings: Settings, folder: Path) -> None:
    """Write the state of a follower that knows these outlets, where `khabar serve` looks for it."""
    path = folder / "khabar" / f"feeds-{settings.prefix}.{settings.lane}.sqlite"
    feeds = [
        Feed(url=f"https://{id}/feed", source=Source(id=id, name=name, latin=latin, country=country))
        for id, (name, latin, country) in NAMES.items()
    ]
    with opened(path, alone=True) as state:
        state.follow(feeds)


class Gateway:
    """`khabar serve` as a process; killed, it starts again at the same address."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = (
            os.environ
            | settings.environment()
            | {
                "XDG_CACHE_HOME": str(folder),
                "XDG_STATE_HOME": str(folder),
            }
        )
        self._log = folder / "gateway.log"
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Return when it is ready."""
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "deploy", "serve", "--port", str(self.port)]
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)  # noqa: ASYNC220
        async with aiohttp.ClientSession() as session, asyncio.timeout(60):
            while not await self._ready(session):
                assert self._process.poll() is None, self._log.read_text("utf-8")[-5000:]
                await asyncio.sleep(0.05)

    async def _ready(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"{self.url}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    def kill(self) -> None:
        """As a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium that is installed here; Playwright's own downloads are not needed."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("needs a Chromium: apt-get install chromium (or google-chrome on the PATH)")
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """One browser for all tests; each opens windows of its own, which know nothing of each other."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's sandbox refuses to work for root
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=sandbox)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def settings(kafka: str) -> Settings:
    """A lane for all tests of the page; it is live, and holds the samples."""
    return Settings(broker=kafka, lane=f"test-page-{uuid.uuid4().hex[:8]}", gateway_rate=0)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def desk(settings: Settings, chromium: str) -> AsyncIterator[Desk]:
    """Writes to the lane, which has the samples already."""
    await lanes.create(settings, lanes.LIVE)
    async with running(make_producer(settings, linger_ms=0), settings) as producer:
        desk = Desk(settings, producer, await asyncio.to_thread(Chain.shipped))
        with samples.paths(samples.ARTICLES) as (path,):
            bounds = Bounds.parse(samples.SINCE, samples.UNTIL, UTC, datetime.now(UTC))
            with Archive([path], FieldMap({}), Placing(bounds)).sorted() as sorter:
                events = await asyncio.to_thread(desk.run, sorter.placed())
        await desk.write(seen_by_all(told_lately(events)))
        yield desk


def seen_by_all(events: Sequence[Event]) -> list[Event]:
    """The events, and what trends and the rules above make of them."""
    words = Words.shipped()
    trends, alerts = Trends(), Alerts(parse_rules(RULES, words, "rules"), words)
    found: list[Event] = []
    for event in events:
        found.append(event)
        if isinstance(event, EnrichedArticle):
            found += [*trends.take(event), *alerts.take(event)]
    return found


def told_lately(events: Sequence[Event]) -> list[Event]:
    """The events as if all of them were of the last hours; only dates change."""
    dates = [from_rfc3339(each.seen_at) for each in events if isinstance(each, EnrichedArticle)]
    first, last = min(dates), max(dates)
    now = int((datetime.now(UTC) - timedelta(minutes=2)).timestamp()) * 1_000_000

    def moved(text: str | None) -> str | None:
        if text is None:
            return None
        back = (last - from_rfc3339(text)) / (last - first) * HOURS * 3_600_000_000
        return to_rfc3339(int(now - back) // 1_000_000 * 1_000_000)

    found: list[Event] = []
    for event in events:
        if isinstance(event, Story):
            members = [
                replace(each, published_at=moved(each.published_at), seen_at=moved(each.seen_at) or "")
                for each in event.members
            ]
            names = ("first_published_at", "last_published_at", "first_seen_at", "last_seen_at")
            found.append(replace(event, members=members, **{name: moved(getattr(event, name)) for name in names}))
        elif isinstance(event, EnrichedArticle):
            found.append(replace(event, published_at=moved(event.published_at), seen_at=moved(event.seen_at) or ""))
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def gateway(desk: Desk, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """The gateway of the lane, ready."""
    folder = tmp_path_factory.mktemp("gateway")
    follow(settings, folder)
    gateway = Gateway(settings, folder)
    await gateway.start()
    yield gateway
    gateway.kill()


OpenPage = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser, gateway: Gateway) -> AsyncIterator[OpenPage]:
    """`page = await open_page("?lang=en", width=390)`: a window that nobody used before, with stories in it.

    What a page writes to the console as an error, and what its own policy keeps it from, fails the test.
    """
    contexts = []
    complaints: list[str] = []

    async def open_it(
        query: str = "",
        *,
        at: str | None = None,
        width: int = 1440,
        height: int = 900,
        wait: bool = True,
        **options: Any,
    ) -> Page:
        viewport = {"width": width, "height": height}
        context = await browser.new_context(viewport=viewport, timezone_id="Asia/Damascus", **options)  # type: ignore[arg-type]
        contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("response", lambda answer: answer.status >= 500 and complaints.append(f"{answer.status} {answer.url}"))
        await page.goto(f"{at or gateway.url}/{query}")
        if wait:
            await page.wait_for_selector(".card")
        return page

    yield open_it
    for context in contexts:
        await context.close()
    # A gateway that a test kills is one that a page cannot reach; and what a lane has not is a 404.
    assert [each for each in complaints if "ERR_" not in each and "404" not in each] == []
