"""`khabar replay`: an archive through the topics, in the order of its dates."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.archives import DateFrom, Files, From, Map, Preset, PublishedAt, Timezone, To

__all__ = ["replay"]


def replay(
    files: Files,
    lane: Annotated[
        str | None, typer.Option(help="The lane to replay into; named after the first file if not given.")
    ] = None,
    broker: Annotated[str | None, typer.Option(help="host:port of Kafka; the local broker if none is given.")] = None,
    mapping: Map = None,
    preset: Preset = None,
    timezone: Timezone = None,
    since: From = None,
    until: To = None,
    published_at: PublishedAt = None,
    date_from: DateFrom = None,
    assume_sorted: Annotated[
        bool,
        typer.Option("--assume-sorted", help="Send as it is read, without sorting; ends where a date falls."),
    ] = False,
    speed: Annotated[
        str,
        typer.Option(
            metavar="max|real|N",
            help="As fast as the stages follow; or with the time between articles as it was; or N times faster.",
        ),
    ] = "max",
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Send nothing, need no broker: show the first records as they would be sent, the counts, the first "
            "and last date, what would be refused and why, and the disk that the lane would take.",
        ),
    ] = False,
    work: Annotated[
        bool, typer.Option("--work", help="Run the stages, too, in this process's children, until the lane is done.")
    ] = False,
) -> None:
    """Send archives through the topics of a lane of their own, in the order of their dates.

    What the stages make of it depends on the articles alone: not on the order of the files, nor on the load. Killed and
    started again with the same words, it goes on where it was. Live articles are never touched.

    \b
    Example: an archive whose text stands in the field `content`, and the stages that work on it
      khabar replay saudi-2015.jsonl.gz --map body=content --timezone Asia/Riyadh --work
    """
    import asyncio

    from deploy.archives import archive_of
    from deploy.chain import Chain
    from deploy.console import say
    from deploy.progress import showing
    from deploy.rehearsal import rehearse
    from deploy.replaying import check_lane, lane_name, outcome_of, replay_archive, speed_of, stopped_at
    from schemas import Unavailable
    from streams import lanes
    from streams.archives import Standing
    from streams.settings import LOCAL_BROKER, Settings

    archive = archive_of(
        files, mapping, timezone, since, until, published_at, date_from, preset, assume_sorted=assume_sorted
    )
    if dry_run:
        with showing() as report:
            rehearsal = rehearse(archive, report)
        for line in rehearsal.lines():
            typer.echo(line)
        if not rehearsal.placed:
            raise Unavailable("every record would be refused, for the reasons above")
        return
    pace = speed_of(speed)
    name = lane or lane_name(files)
    check_lane(name, files)
    settings = Settings(lane=name, broker=broker)
    found = asyncio.run(lanes.find(settings))
    if found is not None:  # today moves, the lane's last day does not
        since, until = since or found.since, until or found.until
    archive = archive_of(
        files, mapping, timezone, since, until, published_at, date_from, preset, assume_sorted=assume_sorted
    )
    versions = Chain.shipped(settings.tagger).versions
    told: Standing | None = None
    try:
        with showing() as report:

            def remembering(standing: Standing) -> None:
                nonlocal told
                told = standing
                report(standing)

            drained = asyncio.run(replay_archive(settings, archive, versions, remembering, work=work, speed=pace))
    except KeyboardInterrupt:
        say(stopped_at(told, name))
        raise
    at = "" if settings.broker == LOCAL_BROKER else f" --broker {settings.broker}"
    if not drained:
        say(f"nobody works on lane {name}; start the stages: khabar worker --lane {name}{at}")
        return
    outcome = asyncio.run(outcome_of(settings))
    say(f"lane {name} is done: {outcome}")
    if outcome.refused:
        say(f"what was refused, and why: khabar letters list --lane {name}{at}")
    if not outcome.decisions and outcome.refused:
        raise Unavailable(f"every record of lane {name} was refused; --dry-run shows what is read from the files")
    say(f"read it: khabar read enriched --lane {name}{at} --latest-per-key")
