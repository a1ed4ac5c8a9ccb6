"""`khabar worker`: the stages that turn raw articles into stories."""

from typing import Annotated

import typer

__all__ = ["worker"]


def worker(
    stages: Annotated[
        list[str] | None,
        typer.Argument(metavar="STAGE", help="normalize, tag, deduplicate, trends, alerts; all if none is given."),
    ] = None,
    lane: Annotated[str | None, typer.Option(help="The lane to work on; `live` if none is given.")] = None,
    broker: Annotated[str | None, typer.Option(help="host:port of Kafka; the local broker if none is given.")] = None,
    owner: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Work on the articles of a lane until stopped with Ctrl-C or SIGTERM.

    One stage runs in this process. Several, or all, run in a process each, and one that ends is started again, after
    1 s, then 2 s, up to 30 s. Start more workers of normalize and tag, here or on other machines, to go faster. Alerts
    are among all where the setting `rules` names their rules: see khabar watch.

    \b
    Example: all stages on the lane of a replay
      khabar worker --lane saudi-2015
    """
    from deploy.worker import die_with, run_stage, supervise
    from schemas.errors import Misconfigured
    from streams.lag import READS, VIEWS
    from streams.settings import Settings

    known = (*READS, *VIEWS)
    settings = Settings(lane=lane, broker=broker)
    names = list(dict.fromkeys(stages or [name for name in known if name != "alerts" or settings.rules]))
    if unknown := [name for name in names if name not in known]:
        raise Misconfigured(f"there is no stage {unknown[0]!r}; the stages are {', '.join(known)}")
    if len(names) > 1:
        if "alerts" in names and settings.rules is not None:  # a slip in them is told now; a later one ends nothing
            from agents.alerts.rules import read_rules
            from agents.normalize.words import Words

            read_rules(settings.rules, Words.shipped())
        supervise(names, settings)
    else:
        if owner is not None:
            die_with(owner)
        run_stage(names[0], settings)
