"""`khabar topics`: the topics of a lane, as they are and as they have to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.cluster import Survey
    from streams.settings import Settings
    from streams.topics import Kind

__all__ = ["topics"]


def topics(
    lane: Annotated[str | None, typer.Option(help="The lane to look at; `live` if none is given.")] = None,
    broker: Annotated[str | None, typer.Option(help="host:port of Kafka; the local broker if none is given.")] = None,
    create: Annotated[
        bool, typer.Option("--create", help="Create what is missing; the lane, if new, is live.")
    ] = False,
    print_: Annotated[
        bool, typer.Option("--print", help="Print the kafka-topics.sh commands for whoever may create.")
    ] = False,
    replay: Annotated[
        bool, typer.Option("--replay", help="As a new replay lane needs them: everything is kept.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the topics of a lane: what is there, what is missing, what would lose articles and what is merely unwise.

    Exit code 1 if a topic is missing or would lose articles. Where the cluster's owner creates topics, hand over what
    --print says; Khabar then needs no CREATE. The user that it connects as needs, on topics and groups with its prefix,
    READ, WRITE, DESCRIBE and DESCRIBE_CONFIGS (topics), READ (groups), and WRITE and DESCRIBE (transactional ids).

    \b
    Example: a live lane of your own
      khabar topics --create --lane sport
    """
    import asyncio

    from deploy.console import say
    from schemas import Misconfigured
    from streams import cluster, lanes
    from streams.settings import Settings

    settings = Settings(lane=lane, broker=broker)
    if create and (print_ or replay):
        raise Misconfigured(
            "--create makes a live lane's topics; without --print and --replay. khabar replay makes its own"
        )
    if print_:
        for line in asyncio.run(_commands(settings, replay)):
            typer.echo(line)
        return
    kind = asyncio.run(lanes.ensure(settings)).kind if create else asyncio.run(_kind(settings, replay))
    survey = asyncio.run(cluster.survey(settings, kind))
    _print(settings, survey, json)
    for problem in survey.refused:
        say(f"khabar: would lose articles: {problem}")
    for warning in survey.warnings:
        say(f"khabar: warning: {warning}")
    if survey.missing:
        to_do = f"for a live lane: khabar topics --create --lane {settings.lane}; for an archive: khabar replay"
        say(f"khabar: {len(survey.missing)} topics are missing; {to_do}")
    if survey.missing or survey.refused:
        raise typer.Exit(1)


async def _commands(settings: Settings, replay: bool) -> list[str]:
    """For the cluster's number of brokers if it answers, for three if not."""
    from deploy.console import say
    from schemas import Unavailable
    from streams import cluster

    try:
        kind = await _kind(settings, replay)
        brokers = (await cluster.survey(settings, kind)).brokers
    except Unavailable as away:
        kind, brokers = "replay" if replay else "live", 3
        say(f"khabar: {away}; the commands are for a cluster of three brokers or more")
    return cluster.commands(settings, kind, brokers)


async def _kind(settings: Settings, replay: bool) -> Kind:
    """What the lane is; a new one is what the operator says."""
    from streams import lanes

    found = await lanes.find(settings)
    return "replay" if replay or (found is not None and found.kind == "replay") else "live"


def _print(settings: Settings, survey: Survey, json: bool) -> None:
    import sys

    from deploy.console import say
    from deploy.table import show, show_json

    if json:
        show_json({"brokers": survey.brokers, "topics": survey.states})
        return
    before, after = f"{settings.prefix}.{settings.lane}.", ".v1"
    whole = not sys.stdout.isatty()  # a terminal has 80 columns, and the beginning of all names is the same
    if not whole:
        say(f"{before}<topic>{after} at {settings.broker}\n")
    rows = []
    for state in survey.states:
        verdict = (
            "missing" if not state.partitions else "wrong" if state.refused else "unwise" if state.warnings else "ok"
        )
        config = state.config or {}
        rows.append(
            (
                state.topic if whole else state.topic.removeprefix(before).removesuffix(after),
                verdict,
                state.partitions or None,
                state.replication or None,
                config.get("cleanup.policy"),
                _days(config.get("retention.ms")) if "delete" in config.get("cleanup.policy", "") else None,
                config.get("max.message.bytes"),
            )
        )
    show(("topic", "state", "parts", "copies", "cleanup", "kept", "batch"), rows)


def _days(ms: str | None) -> str | None:
    if ms is None or ms == "-1":
        return "for ever" if ms else None
    return f"{int(ms) / 86_400_000:g} days"
