"""`khabar topics`: the topics of a lane, as they are and as they have to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.cluster import Survey
    from streams.settings import Settings

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
        bool, typer.Option("--replay", help="With --print: for a replay lane, which keeps everything.")
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
        raise Misconfigured("--create makes topics and --print says how to; give one. A replay lane: khabar replay")
    if print_:
        for line in asyncio.run(_commands(settings, replay)):
            typer.echo(line)
        return
    if create:
        kind = asyncio.run(lanes.ensure(settings)).kind
    else:
        found = asyncio.run(lanes.find(settings))
        kind = found.kind if found else "live"
    survey = asyncio.run(cluster.survey(settings, kind))
    _print(survey, json)
    for problem in survey.refused:
        say(f"khabar: would lose articles: {problem}")
    for warning in survey.warnings:
        say(f"khabar: warning: {warning}")
    if survey.missing:
        say(f"khabar: {len(survey.missing)} topics are missing: khabar topics --create --lane {settings.lane}")
    if survey.missing or survey.refused:
        raise typer.Exit(1)


async def _commands(settings: Settings, replay: bool) -> list[str]:
    """For the cluster's number of brokers if it answers, for three if not."""
    from deploy.console import say
    from schemas import Unavailable
    from streams import cluster

    try:
        brokers = (await cluster.survey(settings)).brokers
    except Unavailable as away:
        brokers = 3
        say(f"khabar: {away}; the commands are for a cluster of three brokers or more")
    return cluster.commands(settings, "replay" if replay else "live", brokers)


def _print(survey: Survey, json: bool) -> None:
    from deploy.table import show, show_json

    if json:
        show_json({"brokers": survey.brokers, "topics": survey.states})
        return
    rows = []
    for state in survey.states:
        verdict = (
            "missing" if not state.partitions else "wrong" if state.refused else "unwise" if state.warnings else "ok"
        )
        config = state.config or {}
        rows.append(
            (
                state.topic,
                verdict,
                state.partitions or None,
                state.replication or None,
                config.get("cleanup.policy"),
                _days(config.get("retention.ms")) if "delete" in config.get("cleanup.policy", "") else None,
                config.get("max.message.bytes"),
            )
        )
    show(("topic", "state", "partitions", "replicas", "cleanup", "kept", "largest batch"), rows)


def _days(ms: str | None) -> str | None:
    if ms is None or ms == "-1":
        return "for ever" if ms else None
    return f"{int(ms) / 86_400_000:g} days"
