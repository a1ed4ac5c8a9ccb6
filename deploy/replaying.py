"""A whole replay: the lane made or found, the archive sorted and sent, and the stages followed until it is drained."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path

from deploy.console import say
from deploy.worker import supervisor_of
from schemas import FIRST, LAST, Lane, Misconfigured, to_rfc3339
from streams import lanes
from streams.archives import STDIN, Archive, Report, Sorter
from streams.lag import READS
from streams.replay import follow, send, sent_up_to
from streams.settings import Settings

__all__ = ["check_lane", "lane_name", "replay_archive"]


def lane_name(files: Sequence[Path]) -> str:
    """The lane of an archive for which none is named: `replay-` and what can stay of the first file's name."""
    word = re.sub(r"[^a-z0-9]+", "-", files[0].name.lower().split(".")[0]).strip("-")
    if not word:
        raise Misconfigured(f"no lane can be named after {files[0].name}; name one with --lane")
    return f"replay-{word}"[:40].rstrip("-")


def check_lane(lane: str, files: Sequence[Path]) -> None:
    """Raises Misconfigured for what can never be replayed."""
    if lane == "live":
        raise Misconfigured("an archive is never replayed into lane live; give another --lane")
    if STDIN in files:
        raise Misconfigured("stdin cannot be replayed: a replay that goes on reads it again; write it to a file first")


async def replay_archive(
    settings: Settings, archive: Archive, versions: Mapping[str, str], report: Report, *, work: bool = False
) -> bool:
    """Send the archive to the lane of `settings`, or what that lacks of it, and follow it to its end.

    The lane is made where it is not there, pinned to these versions; with `work` this process works on it, too. Returns
    whether it is drained; False where nobody works on it. Raises Misconfigured if it was made from something else.
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
    with archive.sorted(after=after, report=report) as sorter:
        if not there:
            await lanes.create(settings, wanted)
        return await _maybe_working(settings, _send_and_follow(settings, sorter, after, report, work), work)


async def _send_and_follow(settings: Settings, sorter: Sorter, after: str, report: Report, work: bool) -> bool:
    sent = await send(settings, sorter, after, report)
    refused = f", {sorter.unplaced_count:,} of them only for dead letters" if sorter.unplaced_count else ""
    say(f"everything was sent to lane {settings.lane}: {sent:,} records{refused}")
    return await follow(settings, report, patient=work)


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
