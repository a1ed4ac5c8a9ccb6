"""All of Khabar at work for somebody who has just installed it: broker, lane, workers, samples, and what becomes.

First the samples as a replay, whose results are the same on every machine, and where there is a page, the names that
rise; then two feeds that are followed live, in a lane of their own: what comes when is part of what that shows.
"""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack, aclosing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from agents.normalize.identity import canonical_url
from deploy import samples, show
from deploy.broker import Broker, data_folder, usual_port
from deploy.console import downloading, say
from deploy.newsroom import HOST, Newsroom, newsroom
from deploy.serving import free_port, serving
from deploy.watch import Watch
from deploy.worker import supervisor_of
from schemas import FIRST, EnrichedArticle, KhabarError, Lane, Progress, Unavailable, decode, to_rfc3339
from streams import lanes, replay
from streams.archives import Archive, Bounds, FieldMap, Placing
from streams.feeds import Pace, Rules, follower, opened
from streams.kafka import errors, make_admin, running
from streams.lag import READS, Lag, patiently
from streams.read import read_topic, without_repeats
from streams.settings import LOCAL_BROKER, Settings, listing

__all__ = ["LANES", "LIMIT_S", "Screen", "run"]

LANES = "demo-"  # what the names of the demo's lanes begin with
LIMIT_S = 150.0  # from the start of the workers until the lane is drained; 10 s on two idle cores
_LOOK_S = 0.2  # between two looks at the progress
_TRIES = 25  # looks at an older lane's workers, so for five seconds; then it stays until the next demo
_LINE_S = 1.0  # between two lines of it where they stay
_BAR = 40  # columns that stand for all records
_LAST_WORDS = 12  # lines of the workers that an error repeats
# Seconds between two items that appear on the live feeds: to be done soon, or to be read as they come.
_STEP_ONCE_S, _STEP_S = 0.7, 4.0
_PACE = Pace(first=0.4, shortest=0.4, longest=2.0)  # of the polls; the feeds are our own


class Screen:
    """What a person sees of the demo: what was found on `out`, everything else on `err`."""

    def __init__(self, out: Console, err: Console) -> None:
        self._out, self._err = out, err
        self._live = Live(console=err, transient=True, auto_refresh=False) if err.is_terminal else None
        self._told, self._line = 0.0, ""

    def serving(self, page: str) -> None:
        """Called once, when the page answers at that address; nothing of the samples is on it yet."""
        say(f"Open {page}/ and watch it fill: the samples, their stories, and the names that rise")

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
        self._write(show.findings(watch.articles, watch.stories, watch.causes, watch.sent))

    def opening(self, room: Newsroom, page: str | None) -> None:
        """Called once, when the live feeds can be followed; `page` is where to see what they bring."""
        self._write(
            [show.Line(Text()), show.Line(Text("Live: what two feeds bring as it appears", style="bold underline"))]
        )
        say("\n".join(f"following {each.url}" for each in room.feeds))
        if page:
            say(f"Open {page} to see it on a page")

    def arrived(self, article: EnrichedArticle, articles: Mapping[str, EnrichedArticle]) -> None:
        """Called with each live article as it comes out; `articles` are those before it."""
        self._write(show.arrival(article, articles))

    def hints(self, settings: Settings, live: Settings, *, once: bool, local: bool) -> None:
        """Called once, when there is something to look at; what the lanes hold stays, on a `local` broker too, which
        stops at the end."""
        at = "" if settings.broker == LOCAL_BROKER else f" --broker {settings.broker}"
        lines = [
            f"  khabar read stories --lane {settings.lane}{at} --latest-per-key",
            f"  khabar read enriched --lane {settings.lane}{at} --limit 1",
            f"  khabar letters list --lane {settings.lane}{at}",
            f"  khabar read enriched --lane {live.lane}{at}" + ("" if once else " --follow"),
        ]
        if once:
            lines = ["  khabar broker start", *lines] if local else lines
            say("\n".join(["\nBoth lanes stay until the next demo. To look into them:", *lines]))
            return
        told = "\nFrom now on it follows two live feeds. What you may type now, in another terminal:"
        say("\n".join([told, *lines, "Ctrl-C stops everything that was started here."]))

    def _write(self, lines: Iterable[show.Line]) -> None:
        show.write(self._out, lines)
        self._out.file.flush()

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
        local = not _configured(settings)
        with _broker(settings) as settings:
            asyncio.run(_run(settings, versions, screen, once, limit_s, local))


def _versions(tagger: Literal["crf", "off"]) -> dict[str, str]:
    from deploy.chain import Chain

    return Chain.shipped(tagger).versions


def _configured(settings: Settings) -> bool:
    """Whether somebody named a broker."""
    return next(each for each in listing(settings) if each.name == "broker").origin != "default"


@contextmanager
def _broker(settings: Settings) -> Iterator[Settings]:
    """Settings with a broker that answers: the one that is configured, else this machine's, started if it has to be."""
    if _configured(settings):
        yield settings
        return
    folder = data_folder()
    port = usual_port(folder, settings.broker)
    local = Broker(folder, port, port + 1)
    ran_before = local.running() is not None
    try:
        if not ran_before:
            if (free := free_port("127.0.0.1", port)) != port:
                say(f"Port {port} is taken by something else: Kafka listens at {free}")
            local = Broker(folder, free, free_port("127.0.0.1", free + 1))
            say("Starting Apache Kafka on this machine")
            with downloading("Downloading Apache Kafka") as update:
                local.start(update)
        yield Settings(broker=local.bootstrap)
    finally:
        if not ran_before:
            local.stop()


async def _run(
    settings: Settings, versions: Future[dict[str, str]], screen: Screen, once: bool, limit_s: float, local: bool
) -> None:
    await _remove_older(settings)
    settings = Settings(broker=settings.broker, lane=f"{LANES}{time.strftime('%m%d-%H%M%S')}", metrics_port=0)
    live = settings.on(f"{settings.lane}-live")
    bounds = Bounds.parse(samples.SINCE, samples.UNTIL, UTC, datetime.now(UTC))
    words: deque[str] = deque(maxlen=_LAST_WORDS)
    async with AsyncExitStack() as shown:
        with samples.paths() as files:
            archive = Archive(files, FieldMap({}), Placing(bounds))
            since, until = to_rfc3339(bounds.since), to_rfc3339(bounds.until)
            pinned = await asyncio.wrap_future(versions)
            lane = Lane(kind="replay", since=since, until=until, versions=pinned, inputs=archive.inputs())
            await lanes.create(settings, lane)
            await lanes.create(live, lanes.LIVE)
            page = None if once else await shown.enter_async_context(serving(settings))
            views = () if page is None else ("trends",)
            if page:
                screen.serving(page)
            replaying = _replay(settings, archive, views, screen, limit_s, words)
            await _with_workers(settings, words.append, replaying, views)

        async def follow() -> None:
            if not once:
                screen.hints(settings, live, once=False, local=local)
            try:
                await _follow(live, screen, limit_s, None if page is None else f"{page}/?lane={live.lane}")
            except TimeoutError:
                said = "\n".join(words) or "nothing"
                told = f"lane {live.lane} did not get what is on the feeds within {limit_s:.0f} s"
                raise Unavailable(f"{told}. The workers' last words:\n{said}") from None
            screen.hints(settings, live, once=True, local=local)

        await _with_workers(live, words.append, follow())


async def _replay(
    settings: Settings, archive: Archive, views: Sequence[str], screen: Screen, limit_s: float, words: deque[str]
) -> None:
    """Send the samples through the lane, show what became of them, and wait until the views have seen them all.

    Raises Unavailable if that takes too long.
    """
    watch = Watch()
    try:
        async with asyncio.timeout(limit_s):
            await _travel(settings, archive, watch, screen)
            screen.found(watch)
            async with Lag(settings) as lag:
                while any([sum((await lag.of(view)).values()) for view in views]):  # noqa: ASYNC110 - as below
                    await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        raise Unavailable(_not_drained(settings, watch, limit_s, words)) from None


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


async def _follow(settings: Settings, screen: Screen, limit_s: float, page: str | None) -> None:
    """Follow the live feeds as `khabar follow` does, and show what comes out at the end of the way.

    Goes on where there is a page to see it on, else returns when all of it has come out. Raises TimeoutError if that
    takes `limit_s` seconds.
    """
    rules = Rules(pace=_PACE)
    with TemporaryDirectory(prefix="khabar-") as folder, opened(Path(folder, "feeds.sqlite"), alone=True) as state:
        async with newsroom(_STEP_S if page else _STEP_ONCE_S) as room:
            making = follower(settings, room.feeds, state, canonical=canonical_url, allowed=[HOST], rules=rules)
            async with making as it, asyncio.TaskGroup() as tasks:
                async with asyncio.timeout(limit_s):
                    await _served(settings)  # what comes before the workers do would come out in any order
                    screen.opening(room, page)
                    polling = tasks.create_task(it.run())
                    await _show_arrivals(settings, screen, room.versions)
                if page:
                    await asyncio.Event().wait()
                polling.cancel()


async def _served(settings: Settings) -> None:
    """Return when there is a worker for each stage."""
    async with Lag(settings) as lag:
        while await patiently(lag.unserved):  # noqa: ASYNC110 - it is the broker that is asked
            await asyncio.sleep(_LOOK_S)


async def _show_arrivals(settings: Settings, screen: Screen, count: int) -> None:
    """Show so many decisions of the lane as they are made."""
    articles: dict[str, EnrichedArticle] = {}
    async with aclosing(read_topic(settings, EnrichedArticle, follow=True)) as records:
        async for record in without_repeats(records):
            article = decode(EnrichedArticle, record.value or b"")
            screen.arrived(article, articles)
            articles[article.id] = article
            count -= 1
            if not count:
                return


async def _with_workers(
    settings: Settings, say: Callable[[str], None], job: Coroutine[None, None, None], views: Sequence[str] = ()
) -> None:
    """Do the job while the stages and these views run as children of this process.

    They have stopped when this returns or raises.
    """
    supervisor = supervisor_of((*READS, *views), settings)
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
