"""All of Khabar at work for somebody who has just installed it: broker, lane, workers, samples, and what becomes."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal

from rich.console import Console
from rich.live import Live
from rich.table import Table

from deploy import samples, show
from deploy.broker import Broker, data_folder, usual_port
from deploy.console import downloading, say
from deploy.watch import Watch
from deploy.worker import supervisor_of
from schemas import FIRST, KhabarError, Lane, Progress, Unavailable, to_rfc3339
from streams import lanes, replay
from streams.archives import Archive, Bounds, FieldMap, Placing
from streams.kafka import errors, make_admin, running
from streams.lag import READS, Lag
from streams.settings import LOCAL_BROKER, Settings, listing

__all__ = ["LANES", "LIMIT_S", "Screen", "run"]

LANES = "demo-"  # what the names of the demo's lanes begin with
LIMIT_S = 150.0  # from the start of the workers until the lane is drained; 10 s on two idle cores
_LOOK_S = 0.2  # between two looks at the progress
_TRIES = 25  # looks at an older lane's workers, so for five seconds; then it stays until the next demo
_LINE_S = 1.0  # between two lines of it where they stay
_BAR = 40  # columns that stand for all records
_LAST_WORDS = 12  # lines of the workers that an error repeats


class Screen:
    """What a person sees of the demo: what was found on `out`, everything else on `err`."""

    def __init__(self, out: Console, err: Console) -> None:
        self._out, self._err = out, err
        self._live = Live(console=err, transient=True, auto_refresh=False) if err.is_terminal else None
        self._told, self._line = 0.0, ""

    def working(self, watch: Watch) -> None:
        """Called a few times a second while articles travel."""
        if self._live:
            self._live.start()
            self._live.update(_table(watch), refresh=True)
        elif time.monotonic() - self._told >= _LINE_S:
            self._tell(watch)

    def over(self, watch: Watch) -> None:
        """Called once, when articles travel no more: the last state of the progress stays to be read."""
        if self._live:
            self._live.stop()
            self._err.print(_table(watch), "")
        else:
            self._tell(watch)

    def found(self, watch: Watch) -> None:
        """Called once, when all articles have arrived."""
        show.write(self._out, show.findings(watch.articles, watch.stories, watch.causes, watch.sent))
        self._out.file.flush()

    def staying(self, settings: Settings) -> None:
        """Called once, when the demo goes on until it is interrupted."""
        at = "" if settings.broker == LOCAL_BROKER else f" --broker {settings.broker}"
        say(
            f"\nThe workers go on. What you may type now, in another terminal:\n"
            f"  khabar read stories --lane {settings.lane}{at} --latest-per-key\n"
            f"  khabar read enriched --lane {settings.lane}{at} --limit 1\n"
            f"  khabar letters list --lane {settings.lane}{at}\n"
            f"Ctrl-C stops everything that was started here."
        )

    def _tell(self, watch: Watch) -> None:
        line = ", ".join(f"{name} {number}" for name, number in watch.standing())
        if line != self._line:
            self._told, self._line = time.monotonic(), line
            say(line)


def _table(watch: Watch) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, number in watch.standing():
        table.add_row(name, str(number), "━" * round(_BAR * number / max(1, watch.sent)))
    return table


def run(settings: Settings, screen: Screen, *, once: bool, limit_s: float = LIMIT_S) -> None:
    """Run the demo in a lane of its own; what it started is stopped whatever happens.

    Returns when the lane is drained if `once`, otherwise goes on until it is interrupted (KeyboardInterrupt). Raises
    Unavailable when the lane is not drained within `limit_s` seconds, with the workers' last words, and what the
    broker or the workers raise.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with ThreadPoolExecutor(1) as aside:
        versions = aside.submit(_versions, settings.tagger)  # the cores load while the broker starts
        with _broker(settings) as settings:
            asyncio.run(_run(settings, versions, screen, once, limit_s))


def _versions(tagger: Literal["crf", "off"]) -> dict[str, str]:
    from deploy.chain import Chain

    return Chain.shipped(tagger).versions


@contextmanager
def _broker(settings: Settings) -> Iterator[Settings]:
    """Settings with a broker that answers: the one that is configured, else this machine's, started if it has to be."""
    if next(each for each in listing(settings) if each.name == "broker").origin != "default":
        yield settings
        return
    folder = data_folder()
    port = usual_port(folder, settings.broker)
    local = Broker(folder, port, port + 1)
    ran_before = local.running() is not None
    try:
        if not ran_before:
            say("Starting Apache Kafka on this machine")
            with downloading("Downloading Apache Kafka") as update:
                local.start(update)
        yield Settings(broker=local.bootstrap)
    finally:
        if not ran_before:
            local.stop()


async def _run(
    settings: Settings, versions: Future[dict[str, str]], screen: Screen, once: bool, limit_s: float
) -> None:
    await _remove_older(settings)
    settings = Settings(broker=settings.broker, lane=f"{LANES}{time.strftime('%m%d-%H%M%S')}", metrics_port=0)
    bounds = Bounds.parse(samples.SINCE, samples.UNTIL, UTC, datetime.now(UTC))
    with samples.paths() as files:
        archive = Archive(files, FieldMap({}), Placing(bounds))
        since, until = to_rfc3339(bounds.since), to_rfc3339(bounds.until)
        pinned = await asyncio.wrap_future(versions)
        lane = Lane(kind="replay", since=since, until=until, versions=pinned, inputs=archive.inputs())
        await lanes.create(settings, lane)
        words: deque[str] = deque(maxlen=_LAST_WORDS)
        watch = Watch()

        async def job() -> None:
            try:
                async with asyncio.timeout(limit_s):
                    await _travel(settings, archive, watch, screen)
            except TimeoutError:
                raise Unavailable(_not_drained(settings, watch, limit_s, words)) from None
            screen.found(watch)
            if not once:
                screen.staying(settings)
                await asyncio.Event().wait()

        await _with_workers(settings, words.append, job())


async def _travel(settings: Settings, archive: Archive, watch: Watch, screen: Screen) -> None:
    """Send the archive and watch it until its end marks have passed."""
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_send(settings, archive))
            shown = tasks.create_task(_show(screen, watch))
            await watch.run(settings)
            shown.cancel()
    except* KhabarError as several:
        raise several.exceptions[0] from None
    finally:
        screen.over(watch)


async def _with_workers(settings: Settings, say: Callable[[str], None], job: Coroutine[None, None, None]) -> None:
    """Do the job while the stages run as children of this process; they have stopped when this returns or raises."""
    supervisor = supervisor_of(tuple(READS), settings)
    supervisor.say = say
    working = asyncio.create_task(supervisor.run())
    doing = asyncio.create_task(job)
    await asyncio.wait((working, doing), return_when=asyncio.FIRST_COMPLETED)
    finished = doing.done()
    doing.cancel()
    await asyncio.wait((doing,))
    supervisor.stop()
    await working  # raises what the stages cannot mend
    if not finished:  # the supervisor took the signal that was meant for all of us
        raise KeyboardInterrupt
    doing.result()


async def _send(settings: Settings, archive: Archive) -> None:
    with archive.sorted() as sorter:
        await replay.send(settings, sorter, FIRST, lambda _: None)


async def _show(screen: Screen, watch: Watch) -> None:
    while True:
        screen.working(watch)
        await asyncio.sleep(_LOOK_S)


async def _remove_older(settings: Settings) -> None:
    """Remove the lanes of earlier demos, but for those that somebody works on."""
    async with running(make_admin(settings), settings) as admin:
        with errors(settings):
            topics = await admin.list_topics()
    progress = re.escape(Progress.topic)
    names = [
        re.fullmatch(rf"{re.escape(settings.prefix)}\.({LANES}[a-z0-9-]+)\.{progress}\.v1", each) for each in topics
    ]
    for name in names:
        if name:
            older = settings.on(name[1])
            if await _abandoned(older):
                await lanes.remove(older)


async def _abandoned(settings: Settings) -> bool:
    """Whether nobody works on the lane; a broker that has just started cannot tell for a moment."""
    async with Lag(settings) as lag:
        for _ in range(_TRIES):
            try:
                return len(await lag.unserved()) == len(READS)
            except Unavailable:
                await asyncio.sleep(_LOOK_S)
    return False


def _not_drained(settings: Settings, watch: Watch, limit_s: float, words: deque[str]) -> str:
    counts = ", ".join(f"{name} {number}" for name, number in watch.standing())
    said = "\n".join(words) or "nothing"
    return f"lane {settings.lane} is not drained after {limit_s:.0f} s: {counts}. The workers' last words:\n{said}"
