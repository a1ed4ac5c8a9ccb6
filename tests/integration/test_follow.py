"""`khabar follow` on a real broker: what is on the feeds gets to articles.raw once, and the command says how it is."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from schemas import Lane, Misconfigured
from streams import lanes
from streams.publishing import Publisher
from streams.read import read_topic
from streams.settings import Settings

pytestmark = pytest.mark.kafka


class Newsroom:
    """So many feeds of so many items."""

    def __init__(self, feeds: int, articles: int) -> None:
        self.feeds, self.articles = feeds, articles
        self.shown: set[str] = set()

    async def answer(self, request: web.Request) -> web.Response:
        feed = request.match_info["feed"]
        titles = [f"خبر {feed} {number}" for number in range(self.articles)]
        self.shown |= set(titles)
        items = "".join(
            f"<item><title>{title}</title><link>https://example.org/{feed}-{number}</link></item>"
            for number, title in enumerate(titles)
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
        return [f"http://127.0.0.1:{runner.addresses[0][1]}/{feed}" for feed in range(room.feeds)]

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
    room = Newsroom(2, 5)
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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = Settings(broker=kafka, lane=lane, follow_port=port)
    urls = await serve(room := Newsroom(1, 3))
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
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        metrics = await answer.text()
    assert f'khabar_feed_articles_total{{lane="{lane}"}} 3.0' in metrics
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/healthz") as answer:
        assert answer.status == 200
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.stderr.read(), 10) == b""
    assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_a_replays_lane_takes_no_live_feeds(kafka: str, lane: str) -> None:
    settings = Settings(broker=kafka, lane=lane)
    await lanes.create(settings, Lane(kind="replay", since=None, until=None, versions={}))
    with pytest.raises(Misconfigured, match="is a replay's; what is new goes to a live one"):
        await Publisher.to(settings)
