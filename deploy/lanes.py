"""What the lanes of a cluster are, how far each is, and what one was made of."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field

from deploy.feeds import state_file
from schemas import FIRST, LAST, Lane, Misconfigured, date_of, to_rfc3339
from streams import cluster, lanes
from streams.feeds import opened
from streams.lag import patiently, served
from streams.ledger import Ledger, read_ledger
from streams.settings import Settings

__all__ = ["Found", "Shown", "look", "look_at_all", "remove", "show"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A lane; `kind` is None where its topics are there and its manifest is not, as after a removal cut short.

    `reached` is the date up to which a replay's line is, `done` whether it has reached its end.
    """

    name: str
    kind: str | None
    done: bool = False
    reached: str | None = None
    stages: list[str] = field(default_factory=list)  # that somebody works on

    @property
    def state(self) -> str:
        if self.kind is None:
            return "broken"
        return "done" if self.done else "at work" if self.stages else "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """All that is known of a lane: what somebody who writes about its results has to say of how they came about."""

    name: str
    kind: str
    since: str | None
    until: str | None
    versions: dict[str, str]  # stage -> version of its code, models and tables
    inputs: dict[str, str]  # each file with size and hash, each option with its value
    state: str
    reached: str | None
    stages: list[str]
    ledger: Ledger


async def look_at_all(settings: Settings) -> list[Found]:
    """Every lane under the prefix, by name."""
    return [await _look(settings.on(name)) for name in await cluster.lane_names(settings)]


async def look(settings: Settings) -> Found:
    """The lane of the settings, as it is now; raises Misconfigured if it has no topic at all."""
    if settings.lane not in await cluster.lane_names(settings):
        raise Misconfigured(f"there is no lane {settings.lane} at {settings.broker}; look: khabar lanes list")
    return await _look(settings)


async def _look(settings: Settings) -> Found:
    stages = await patiently(lambda: served(settings))
    lane = await lanes.find(settings)
    if lane is None:
        return Found(name=settings.lane, kind=None, stages=stages)
    done, reached = await _progress(settings, lane)
    return Found(name=settings.lane, kind=lane.kind, done=done, reached=reached, stages=stages)


async def _progress(settings: Settings, lane: Lane) -> tuple[bool, str | None]:
    progress = await lanes.progress(settings) if await cluster.exists(settings, Lane.topic) else None
    if progress is None or lane.kind == "live" or progress.passed == FIRST:
        return False, None
    if progress.passed == LAST:
        return True, None
    return False, to_rfc3339(date_of(progress.passed))


async def show(settings: Settings) -> Shown:
    """The lane of the settings with its counts; raises Misconfigured if there is none."""
    lane = await lanes.require(settings)
    found = await _look(settings)
    return Shown(
        name=settings.lane,
        kind=lane.kind,
        since=lane.since,
        until=lane.until,
        versions=lane.versions,
        inputs=lane.inputs,
        state=found.state,
        reached=found.reached,
        stages=found.stages,
        ledger=await read_ledger(settings),
    )


async def remove(settings: Settings) -> None:
    """Delete the lane, and what `khabar follow` keeps of it on this machine: a new lane of its name was sent nothing.

    Raises Misconfigured where there is none, or while somebody works on it: a stage, a view, a follower here.
    """
    found = await look(settings)
    if found.stages:
        raise Misconfigured(
            f"somebody works on lane {settings.lane} ({', '.join(found.stages)}); stop those workers first (one that "
            "was killed counts for some seconds more)"
        )
    followed = state_file(settings)
    with ExitStack() as held:
        if followed.exists():
            held.enter_context(opened(followed, alone=True))
        await lanes.remove(settings)
    for each in followed.parent.glob(f"{followed.name}*"):  # with what SQLite puts beside it
        each.unlink()
