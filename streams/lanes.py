"""A lane is an isolated run: its topics, and the manifest that says once and for all what it is."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import fields

from schemas import Lane, Misconfigured, Progress, decode, encode
from streams import cluster
from streams.kafka import errors, make_producer, running
from streams.read import newest, read_topic
from streams.settings import Settings
from streams.topics import Topics

__all__ = ["LANE_KEY", "LIVE", "PROGRESS_KEY", "create", "ensure", "find", "progress", "remove", "require"]

LANE_KEY = b"lane"
PROGRESS_KEY = b"progress"

LIVE = Lane(kind="live", since=None, until=None, versions={})


async def create(settings: Settings, lane: Lane) -> None:
    """Make the topics of `settings.lane` and write its manifest, unless that is done already.

    Raises Misconfigured if the lane exists and is another one.
    """
    await cluster.create(settings, lane.kind)
    found = await _manifest(settings)
    if found is None:
        topic = Topics(settings.prefix, settings.lane).name(Lane)
        async with running(make_producer(settings), settings) as producer:
            with errors(settings):
                await producer.send_and_wait(topic, key=LANE_KEY, value=encode(lane))
    elif found != lane:
        raise Misconfigured(
            f"lane {settings.lane} exists and is another one ({_differences(found, lane)}); give another --lane"
        )


async def ensure(settings: Settings) -> Lane:
    """Make what is missing of the lane's topics; a lane that is not there yet becomes a live one."""
    found = await find(settings)
    if found is None or settings.lane == "live":
        await create(settings, found or LIVE)
    else:
        await cluster.create(settings, found.kind)
    return found or LIVE


async def find(settings: Settings) -> Lane | None:
    """What the lane is, None if there is none; lane `live` needs no manifest to be live."""
    found = await _manifest(settings) if await cluster.exists(settings, Lane.topic) else None
    return found or (LIVE if settings.lane == "live" else None)


async def require(settings: Settings) -> Lane:
    """What the lane is; raises Misconfigured, which says how to make it, if there is none."""
    found = await find(settings)
    if found is None:
        raise Misconfigured(
            f"there is no lane {settings.lane} at {settings.broker}; make it with `khabar replay FILE --lane "
            f"{settings.lane}`, or with `khabar topics --create --lane {settings.lane}` for a live one"
        )
    return found


async def progress(settings: Settings) -> Progress | None:
    """Where the lane's line stands, None before its first decision."""
    record = await newest(settings, Progress.topic, PROGRESS_KEY)
    return None if record is None or record.value is None else decode(Progress, record.value)


async def remove(settings: Settings) -> None:
    """Delete the topics of the lane, and all that is in them."""
    await cluster.delete(settings)


async def _manifest(settings: Settings) -> Lane | None:
    async with aclosing(read_topic(settings, Lane.topic)) as records:
        async for record in records:
            if record.key == LANE_KEY and record.value is not None:
                return decode(Lane, record.value)
            break  # it is written before anything else, so what comes later is none
    return None


# What the operator typed to say it.
_OPTIONS = {"since": "--from", "until": "--to"}


def _word(name: str, entry: str) -> str:
    """`--map` for the map of the inputs, `file a.jsonl` for a file, `version of tag` for that of a stage."""
    if name == "versions":
        return f"version of {entry}"
    return entry if entry.startswith("file") else f"--{entry.replace('_', '-')}"


def _differences(found: Lane, wanted: Lane) -> str:
    """Field by field, entry by entry, as whoever typed them calls them: `--map is body=text, not body=content`."""
    said = []
    for each in fields(Lane):
        before, now = getattr(found, each.name), getattr(wanted, each.name)
        if isinstance(before, dict):
            names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
            said += [f"{_word(each.name, name)} {_difference(before.get(name), now.get(name))}" for name in names]
        elif before != now:
            said.append(f"{_OPTIONS.get(each.name, each.name)} {_difference(before, now)}")
    return "; ".join(said)


def _difference(before: object, now: object) -> str:
    if before in (None, ""):
        return f"is not given, not {now}"
    return f"is {before}, and is not given now" if now in (None, "") else f"is {before}, not {now}"
