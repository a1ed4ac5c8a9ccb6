"""A whole replay: the lane made or found, the archive sorted and sent, and the stages followed until it is drained."""

from __future__ import annotations

import asyncio
import math
import re
import signal
import unicodedata
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from xxhash import xxh3_64_intdigest

from deploy.archives import no_record
from deploy.console import say
from deploy.worker import supervisor_of
from schemas import FIRST, LAST, Lane, Misconfigured, date_of, to_rfc3339
from streams import lanes
from streams.archives import STDIN, Archive, Ordered, Report, Standing
from streams.lag import READS
from streams.letters import causes, read_letters
from streams.replay import follow, send, sent_up_to
from streams.settings import Settings

__all__ = ["check_lane", "lane_name", "outcome_of", "replay_archive", "speed_of", "stopped_at"]


def lane_name(files: Sequence[Path]) -> str:
    """The lane of an archive for which none is named: `replay-` and what can stay of the first file's name.

    Where letters cannot stay (Arabic ones), eight digits of the name's hash keep archives of one year apart.
    """
    name = files[0].name.lower().split(".")[0]
    word = re.sub(r"[^a-z0-9]+", "-", name).strip("-")
    if not word and not name.strip():
        raise Misconfigured(f"no lane can be named after {files[0].name}; name one with --lane")
    if word and name.isascii():
        return f"replay-{word}"[:40].rstrip("-")
    digits = f"{xxh3_64_intdigest(unicodedata.normalize('NFC', name).encode('utf-8', 'surrogateescape')):016x}"[:8]
    return f"replay-{word}"[:31].rstrip("-") + f"-{digits}"


def check_lane(lane: str, files: Sequence[Path]) -> None:
    """Raises Misconfigured for what can never be replayed."""
    if lane == "live":
        raise Misconfigured("an archive is never replayed into lane live; give another --lane")
    if STDIN in files:
        raise Misconfigured("stdin cannot be replayed: a replay that goes on reads it again; write it to a file first")


def speed_of(word: str) -> float | None:
    """What --speed says: how many times faster than it was, None for as fast as can be; raises Misconfigured."""
    if word == "max":
        return None
    try:
        speed = 1.0 if word == "real" else float(word)
    except ValueError:
        speed = 0.0
    if not 0 < speed < math.inf:
        raise Misconfigured(f"--speed {word} is no speed; give max, real, or how many times faster, such as 60")
    return speed


async def replay_archive(
    settings: Settings,
    archive: Archive,
    versions: Mapping[str, str],
    report: Report,
    *,
    work: bool = False,
    speed: float | None = None,
) -> bool:
    """Send the archive to the lane of `settings`, or what that lacks of it, and follow it to its end.

    The lane is made where it is not there, pinned to these versions; with `work` this process works on it, too; `speed`
    is that of streams.replay.send. Returns whether it is drained; False where nobody works on it. Raises
    Misconfigured if it was made from something else.
    """
    wanted = Lane(
        kind="replay",
        since=to_rfc3339(archive.placing.bounds.since),
        until=to_rfc3339(archive.placing.bounds.until),
        versions=dict(versions),
        inputs=archive.inputs(),
    )
    after = FIRST
    if there := await lanes.find(settings) is not None:
        await lanes.create(settings, wanted)  # raises where it is another one
        after = await sent_up_to(settings)
    if after == LAST:
        say(f"lane {settings.lane} has all of it already")
        return await _maybe_working(settings, follow(settings, report, patient=work), work)
    if after != FIRST:
        say(f"lane {settings.lane} has a part of it: going on from there")
    with ExitStack() as opened:
        with _interruptible():
            sorter = opened.enter_context(archive.sorted(after=after, report=report))
        if not there:
            if sorter.is_empty():
                raise no_record(archive)
            await lanes.create(settings, wanted)
        return await _maybe_working(settings, _send_and_follow(settings, sorter, after, report, work, speed), work)


async def _send_and_follow(
    settings: Settings, sorter: Ordered, after: str, report: Report, work: bool, speed: float | None
) -> bool:
    sent = await send(settings, sorter, after, report, speed=speed)
    refused = f", {sorter.unplaced_count:,} of them only for dead letters" if sorter.unplaced_count else ""
    now = "" if after == FIRST else f", {sent:,} of them in this run"
    say(f"everything was sent to lane {settings.lane}: {sorter.read_count:,} records{refused}{now}")
    return await follow(settings, report, patient=work, records=sorter.read_count)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C ends what never gives the event loop its turn; asyncio's own handler waits for that."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:  # as in the background of a script
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def stopped_at(told: Standing | None, lane: str) -> str:
    """For whoever ended a replay by Ctrl-C, by what was told last: how far it is, and how it goes on."""
    if told is None or told.phase == "reading":
        return f"stopped before anything was sent to lane {lane}; the same command starts anew"
    date = f" up to {to_rfc3339(date_of(told.reached))}" if told.reached not in (FIRST, LAST) else ""
    if told.phase in ("sending", "waiting"):
        of = f" of {told.total:,}" if told.total else ""
        done = f"{told.done:,}{of} records were sent to lane {lane}{date}"
    else:
        done = f"everything was sent to lane {lane}" + (f", and is decided on{date}" if date else "")
    return f"stopped: {done}; the same command goes on from there"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a lane that is drained: decisions of the line, and refused records by cause."""

    decisions: int
    refused: Mapping[str, int]

    def __str__(self) -> str:
        counts = ", ".join(f"{cause} {count:,}" for cause, count in self.refused.items())
        refused = f", {sum(self.refused.values()):,} refused ({counts})" if counts else ", none refused"
        return f"{self.decisions:,} decisions{refused}"


async def outcome_of(settings: Settings) -> Outcome:
    """Read off the lane's progress and its dead letters."""
    progress = await lanes.progress(settings)
    found = await causes(read_letters(settings))
    return Outcome(progress.line + 1 if progress else 0, {each.cause: each.count for each in found})


async def _maybe_working(settings: Settings, job: Coroutine[None, None, bool], work: bool) -> bool:
    """The result of the job; meanwhile, with `work`, the stages run as children of this process."""
    if not work:
        return await job
    supervisor = supervisor_of(tuple(READS), settings)
    working = asyncio.create_task(supervisor.run())
    doing = asyncio.create_task(job)
    await asyncio.wait((working, doing), return_when=asyncio.FIRST_COMPLETED)
    supervisor.stop()
    await working  # raises what the stages cannot mend
    if not doing.done():  # the supervisor took the signal that told us to stop
        doing.cancel()
        await asyncio.wait((doing,))
        raise KeyboardInterrupt
    return doing.result()
