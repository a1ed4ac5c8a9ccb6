"""`khabar follow` on a real broker: what is on the feeds gets to articles.raw, through kills, and without them once."""

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from schemas import Lane, Misconfigured
from streams import lanes
from streams.publishing import Publisher
from streams.read import read_topic
from streams.settings import Settings

pytestmark = pytest.mark.kafka

# `khabar follow` with a pace for which nobody's server has to suffer.
FOLLOW = """
import asyncio, sys
from pathlib import Path
from agents.normalize.identity import canonical_url
from streams.feeds import Rules, follower, opened, read_feeds
from streams.feeds.polling import Pace
from streams.settings import Settings

async def run():
    rules = Rules(pages=False, pace=Pace(first=0.3, shortest=0.2, longest=1.5))
    with opened(Path(sys.argv[1]), alone=True) as state:
        making = follower(
            Settings(), read_feeds(sys.argv[2:]), state, canonical=canonical_url, allowed=["127.0.0.1"], rules=rules
        )
        async with making as it:
            await it.run()

asyncio.run(run())
"""


class Newsroom:
    """Feeds of the newest items, on which articles appear and some are corrected, as the time of the day goes by."""

    def __init__(self, feeds: int, articles: int, seconds: float) -> None:
        chance = random.Random(5)
        self.begun = time.monotonic()
        # (appears at, number of the article, its text): a correction is another text under the same number
        self.plans: list[list[tuple[float, str, str]]] = []
        for feed in range(feeds):
            plan = []
            for number in range(articles):
                at = chance.uniform(0, seconds)
                plan.append((at, f"{feed}-{number}", f"خبر {feed} {number}"))
                if chance.random() < 0.15:
                    plan.append((at + chance.uniform(0, seconds - at), f"{feed}-{number}", f"خبر مصحح {feed} {number}"))
            self.plans.append(sorted(plan))
        self.shown: set[str] = set()

    @property
    def all(self) -> set[str]:
        return {text for plan in self.plans for _, _, text in plan}

    async def answer(self, request: web.Request) -> web.Response:
        now = time.monotonic() - self.begun
        plan = self.plans[int(request.match_info["feed"])]
        there: dict[str, str] = {}
        for at, number, text in plan:
            if at <= now:
                there.pop(number, None)
                there[number] = text
        newest = list(there.items())[-25:]
        self.shown |= {text for _, text in newest}
        items = "".join(
            f"<item><title>{text}</title><link>https://example.org/{number}</link></item>" for number, text in newest
        )
        return web.Response(text=f'<rss version="2.0"><channel><title>أخبار</title>{items}</channel></rss>')


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Newsroom], Any]]:
    runners = []

    async def start(room: Newsroom) -> list[str]:
        app = web.Application()
        app.router.add_get("/{feed}", room.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return [f"http://127.0.0.1:{runner.addresses[0][1]}/{feed}" for feed in range(len(room.plans))]

    yield start
    for runner in runners:
        await runner.cleanup()


async def khabar(settings: Settings, *words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy", *words),
        env=os.environ | settings.environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()
    return out.decode()


async def titles(settings: Settings) -> list[str]:
    return [orjson.loads(record.value or b"")["title"] async for record in read_topic(settings, "raw")]


async def test_the_command_sends_what_is_on_a_feed_once(
    kafka: str, lane: str, serve: Callable[[Newsroom], Any], tmp_path: Path
) -> None:
    settings = Settings(broker=kafka, lane=lane)
    room = Newsroom(2, 5, 0.001)
    urls = await serve(room)
    state = ["--state", str(tmp_path / "feeds.sqlite")]
    for _ in range(2):
        await khabar(settings, "follow", *urls, "--once", "--no-pages", "--allow", "127.0.0.1", *state)
    assert sorted(await titles(settings)) == sorted(room.shown)
    health = json.loads(await khabar(settings, "feeds", "list", "--json", *state))
    assert [(feed["url"], feed["error"], feed["items"]) for feed in health] == [(url, None, 5) for url in urls]


async def test_it_follows_until_it_is_told_to_end(
    kafka: str, lane: str, serve: Callable[[Newsroom], Any], tmp_path: Path
) -> None:
    settings = Settings(broker=kafka, lane=lane)
    urls = await serve(room := Newsroom(1, 3, 0.001))
    words = ["follow", *urls, "--no-pages", "--allow", "127.0.0.1", "--state", str(tmp_path / "feeds.sqlite")]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy", *words),
        env=os.environ | settings.environment(),
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    assert b"following 1 feeds into lane" in await asyncio.wait_for(process.stderr.readline(), 60)
    async with asyncio.timeout(60):
        while set(await titles(settings)) != room.shown or not room.shown:
            await asyncio.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.stderr.read(), 10) == b""
    assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_a_replays_lane_takes_no_live_feeds(kafka: str, lane: str) -> None:
    settings = Settings(broker=kafka, lane=lane)
    await lanes.create(settings, Lane(kind="replay", since=None, until=None, versions={}))
    with pytest.raises(Misconfigured, match="is a replay's; what is new goes to a live one"):
        await Publisher.to(settings)


async def test_a_day_of_fifty_feeds_survives_five_kills(
    kafka: str,
    lane: str,
    serve: Callable[[Newsroom], Any],
    workers: Callable[[Settings], AbstractContextManager[None]],
    tmp_path: Path,
) -> None:
    """Every version ever on a feed is in raw; repeats are what was in flight; enriched has each of them once."""
    settings = Settings(broker=kafka, lane=lane)
    room = Newsroom(50, 12, 20.0)
    urls = await serve(room)
    environment = os.environ | settings.environment()
    for at in (3, 6, 9, 12, 16, 60):  # seconds into the day; after the fifth it may end in peace
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", FOLLOW, str(tmp_path / "feeds.sqlite"), *urls, env=environment
        )
        while time.monotonic() - room.begun < at and process.returncode is None:
            await asyncio.sleep(0.05)
            if time.monotonic() - room.begun > 22 and room.shown <= set(await titles(settings)):
                break
        assert process.returncode is None
        process.send_signal(signal.SIGKILL)
        await process.wait()
    counted = Counter(await titles(settings))
    assert set(counted) == room.shown
    print(f"{len(counted)} versions, {counted.total() - len(counted)} repeats after five kills")
    assert counted.total() - len(counted) <= 5 * 100
    with workers(settings):
        async with asyncio.timeout(120):
            enriched = Counter[str]()
            async for record in read_topic(settings, "enriched", follow=True):
                enriched[orjson.loads(record.value or b"")["title"]] += 1
                if len(enriched) == len(counted):
                    break
    assert set(enriched.values()) == {1}
    assert set(enriched) == room.shown
