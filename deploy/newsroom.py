"""Two small news sites on 127.0.0.1, on which items appear one after the other: what the demo follows live."""

from __future__ import annotations

import html
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

from aiohttp import web

from deploy import samples
from streams.feeds import Feed, Source

__all__ = ["HOST", "Newsroom", "newsroom"]

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Version:
    """An item as it is from one moment on; a later one of the same name corrects it. `after` counts steps.

    With a `lead` the feed has no more than that, and the text stands on the item's page.
    """

    outlet: str
    item: str
    after: int
    title: str
    body: str
    lead: str | None = None


class Newsroom:
    """Feeds on which something appears every `step` seconds, and nothing before what came before it was fetched."""

    def __init__(self, step: float) -> None:
        with samples.paths((samples.LIVE,)) as (file,):
            self._versions = [_Version(**json.loads(line)) for line in file.read_text("utf-8").splitlines()]
        self._step = step
        self._begun: float | None = None  # when somebody asked first, by a clock that only rises
        self._shown: dict[str, list[tuple[_Version, datetime]]] = {each.outlet: [] for each in self._versions}
        self.root = ""

    @property
    def feeds(self) -> list[Feed]:
        """What to follow."""
        return [Feed(url=f"{self.root}/{outlet}/rss", source=Source(id=outlet)) for outlet in self._shown]

    @property
    def versions(self) -> int:
        """Of all items, when everything has appeared."""
        return len(self._versions)

    def _appear(self, outlet: str) -> list[tuple[_Version, datetime]]:
        now = time.monotonic()
        begun = self._begun = self._begun or now
        shown = self._shown[outlet]
        plan = [each for each in self._versions if each.outlet == outlet]
        if len(shown) < len(plan) and now - begun >= plan[len(shown)].after * self._step:
            shown.append((plan[len(shown)], datetime.now(UTC)))
        return shown

    async def feed(self, request: web.Request) -> web.Response:
        """RSS 2.0, the newest first."""
        outlet = request.match_info["outlet"]
        if outlet not in self._shown:
            raise web.HTTPNotFound
        newest = {version.item: (version, at) for version, at in self._appear(outlet)}
        items = "".join(
            f"<item><title>{html.escape(version.title)}</title><link>{self.root}/{outlet}/{version.item}</link>"
            f"<pubDate>{format_datetime(at)}</pubDate>"
            f"<description>{html.escape(version.lead or version.body)}</description></item>"
            for version, at in reversed(newest.values())
        )
        channel = f"<channel><title>{outlet}</title><link>{self.root}/{outlet}</link>{items}</channel>"
        return web.Response(text=f'<rss version="2.0">{channel}</rss>', content_type="application/rss+xml")

    async def page(self, request: web.Request) -> web.Response:
        """The page of an item, with its whole text."""
        found = [version for version, _ in self._shown.get(request.match_info["outlet"], ())]
        version = next((each for each in reversed(found) if each.item == request.match_info["item"]), None)
        if version is None:
            raise web.HTTPNotFound
        text = "".join(f"<p>{html.escape(line)}</p>" for line in version.body.splitlines())
        title = html.escape(version.title)
        return web.Response(
            text=f'<html lang="ar" dir="rtl"><head><title>{title}</title></head>'
            f"<body><article><h1>{title}</h1>{text}</article></body></html>",
            content_type="text/html",
        )


@asynccontextmanager
async def newsroom(step: float) -> AsyncIterator[Newsroom]:
    """The sites on a free port, for as long as the context lasts."""
    room = Newsroom(step)
    app = web.Application()
    app.router.add_get("/{outlet}/rss", room.feed)
    app.router.add_get("/{outlet}/{item}", room.page)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        room.root = f"http://{HOST}:{runner.addresses[0][1]}"
        yield room
    finally:
        await runner.cleanup()
