"""Keeps a store for each lane that is asked about: opened when needed, filled, and made anew when it is damaged."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

from schemas import KhabarError, Unavailable
from streams.gateway.app import Part
from streams.gateway.filling import Another, Filling, identity
from streams.gateway.index import Terms
from streams.gateway.opening import damaged, opened, remove
from streams.gateway.readers import Readers
from streams.gateway.store import Bounds
from streams.gateway.tasks import cancelled, in_thread
from streams.gateway.words import Words
from streams.kafka import make_admin, make_consumer, running
from streams.settings import Settings

__all__ = ["LaneStore", "Stores"]

log = logging.getLogger(__name__)

_LANES = 8  # open at once; each has a consumer, a few threads and at most 96 MB of cache
_IDLE_S = 600.0  # a lane that nobody asked about for so long is closed; its file stays, and opens quickly
_FORGOTTEN_S = 30 * 86_400.0  # a file that nobody opened for so long is removed
_AGAIN_S = 2.0  # between attempts where the broker or the disk fails
_PATIENCE_S = 5.0  # a lane that is opened by a question keeps it waiting for so long
# That look-ups may be behind before a load balancer is told to ask another gateway: six looks of `filling`. Less would
# take all gateways out while Kafka restarts (3 s), more shows old news for longer where one gateway is cut off.
_BEHIND_S = 60.0

T = TypeVar("T")


class LaneStore:
    """The store of one lane, for as long as `run` runs."""

    def __init__(self, settings: Settings, folder: Path, terms: Terms, bounds: Bounds | None = None) -> None:
        self._settings = settings
        self._folder = folder
        self._terms = terms
        self._bounds = bounds
        self._filling: Filling | None = None
        self._readers: Readers | None = None
        self._said = ""
        self.asked = time.monotonic()

    def unready(self) -> str | None:
        """Why the store cannot be asked yet: it answers only once it knows all that its topics held at the start."""
        left = -1 if self._filling is None else self._filling.left
        if self._filling is not None and self._filling.behind is not None:
            return None
        what = f"{left:,} events are still to be read" if left > 0 else "they are not open yet"
        return f"look-ups of lane {self._settings.lane}: {what}"

    def behind(self) -> str | None:
        """Why what is answered is old, None where it is not: Kafka does not answer, or more comes than is taken in."""
        seconds = None if self._filling is None else self._filling.behind
        if seconds is None or seconds < _BEHIND_S:
            return None
        return f"look-ups of lane {self._settings.lane}: they have been behind their topics for {seconds:.0f} s"

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """The answer of one state of the store; raises Unavailable, also while the store is being filled."""
        self.asked = time.monotonic()
        until = time.monotonic() + _PATIENCE_S
        while self.unready() is not None and time.monotonic() < until:  # noqa: ASYNC110 - three things make it ready
            await asyncio.sleep(0.02)
        readers, filling = self._readers, self._filling
        if (reason := self.unready()) is not None or readers is None or filling is None:
            raise Unavailable(reason or f"look-ups of lane {self._settings.lane} are being closed")
        try:
            return await readers.ask(question)
        except sqlite3.Error as bad:
            log.warning("look-ups of lane %s: %r", self._settings.lane, bad)
            filling.damaged = filling.damaged or damaged(bad)
            raise Unavailable(f"look-ups of lane {self._settings.lane}: the store fails") from bad

    async def run(self) -> None:
        """Fill the store until cancelled, whatever fails."""
        anew = False
        while True:
            try:
                await self._fill(anew)
            except Another as another:
                log.info("look-ups of lane %s are opened again: %s", self._settings.lane, another)
                anew = another.anew
                continue
            except sqlite3.Error as bad:
                anew = damaged(bad)
                self._say(f"the store fails: {bad!r}")
            except KhabarError as away:
                self._say(str(away))
            except Exception:
                log.exception("look-ups of lane %s failed; trying again", self._settings.lane)
            await asyncio.sleep(_AGAIN_S)

    def _say(self, what: str) -> None:
        """Once, not at every attempt."""
        if what != self._said:
            log.warning("look-ups of lane %s: %s; trying again", self._settings.lane, what)
        self._said = what

    async def _fill(self, anew: bool) -> None:
        async with (
            running(make_admin(self._settings), self._settings) as admin,
            running(make_consumer(self._settings), self._settings) as consumer,
        ):
            lane = await identity(self._settings, admin, consumer)
            path = self._folder / lane["cluster"] / f"{lane['lane']}.sqlite"
            held = ExitStack()
            try:
                opening = opened(path, lane, self._terms, self._bounds, anew=anew)
                store = await in_thread(held.enter_context, opening)
                self._readers = Readers(store.reader)
                held.callback(self._readers.close)
                self._filling = Filling(self._settings, store, lane, admin, consumer)
                await self._filling.run()
            finally:
                self._filling = self._readers = None
                await in_thread(held.close)


class Stores(Part):
    """The stores of all lanes that are asked about; that of the gateway's own is always open."""

    def __init__(
        self, settings: Settings, folder: Path, words: Words, version: str, bounds: Bounds | None = None
    ) -> None:
        """`folder` holds the files, a folder for each cluster; it may be removed while nobody works on it.

        `version` is that of the words: files that were made with another are made anew.
        """
        self._settings = settings
        self._folder = folder
        self._terms = Terms.of(words, version)
        self._bounds = bounds
        self._open: dict[str, tuple[LaneStore, asyncio.Task[None]]] = {}
        self._tasks: asyncio.TaskGroup | None = None

    def unready(self) -> str | None:
        """Whether the gateway's own lane can be asked about, and is held up to its topics.

        What is asked meanwhile is answered all the same; other lanes are opened while somebody waits for them.
        """
        if self._settings.lane not in self._open:
            return "look-ups are being opened"
        own, _ = self._open[self._settings.lane]
        return own.unready() or own.behind()

    def of(self, settings: Settings) -> LaneStore:
        """The store of a lane, opened if it is not; while the gateway runs."""
        if settings.lane not in self._open:
            assert self._tasks is not None  # noqa: S101 - requests come while the parts run
            while len(self._open) >= _LANES:
                self._close(min(self._others(), key=lambda lane: self._open[lane][0].asked))
            store = LaneStore(settings, self._folder, self._terms, self._bounds)
            self._open[settings.lane] = store, self._tasks.create_task(store.run())
        return self._open[settings.lane][0]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Fill the stores, close those that nobody asks, and remove the files that nobody opens."""
        await in_thread(self._prune)
        async with asyncio.TaskGroup() as self._tasks:
            closing = self._tasks.create_task(self._close_idle())
            self.of(self._settings)
            try:
                yield
            finally:
                await cancelled({closing, *(task for _, task in self._open.values())})

    async def _close_idle(self) -> None:
        while True:
            await asyncio.sleep(_IDLE_S / 10)
            for lane in self._others():
                if time.monotonic() - self._open[lane][0].asked > _IDLE_S:
                    self._close(lane)

    def _others(self) -> list[str]:
        return [lane for lane in self._open if lane != self._settings.lane]

    def _close(self, lane: str) -> None:
        assert self._tasks is not None  # noqa: S101 - see `of`
        _, task = self._open.pop(lane)
        self._tasks.create_task(cancelled([task]))

    def _prune(self) -> None:
        for path in self._folder.glob("*/*.sqlite"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _FORGOTTEN_S:
                    log.info("%s is removed: nobody has opened it for a month", path)
                    remove(path)
