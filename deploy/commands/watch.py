"""`khabar watch`: be told when a story meets a rule."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["watch"]


def watch(
    rules: Annotated[Path, typer.Argument(metavar="RULES", help="A TOML file; the README shows one.")],
    lane: Annotated[str | None, typer.Option(help="The lane to watch; `live` if none is given.")] = None,
    broker: Annotated[str | None, typer.Option(help="host:port of Kafka; the local broker if none is given.")] = None,
) -> None:
    """Watch a lane for what rules name, and write an alert for each rule and story that met: one, not one a reprint.

    A rule asks for entities, for words, for sources, for stories that several sources tell within some minutes, or for
    all of these together. What came late raises none. Of a live lane it sees what comes from its first start on, of a
    replay everything. Killed and started again, it neither loses nor repeats an alert. Where the setting `rules` names
    the file, khabar worker does the same.

    The file is read when the watch starts: start it again after a change. A rule is known by its name, so that one
    that is reworded stays silent on stories it told of, and one that is renamed does not. Of several watches of a lane
    one works, by its own rules, and the others stand by for it: give them all the same.

    \b
    Example: rules that stand in a file, and what they bring forth
      khabar watch rules.toml
      khabar read alerts --follow
    """
    import asyncio
    from contextlib import suppress

    from agents.alerts.rules import read_rules
    from agents.normalize.words import Words
    from deploy.console import say
    from deploy.worker import supervise
    from schemas import Unavailable
    from streams.lag import READS, served
    from streams.settings import Settings

    settings = Settings(lane=lane, broker=broker, rules=rules)
    on_lane = "" if settings.lane == "live" else f" --lane {settings.lane}"
    found = read_rules(rules, Words.shipped())
    for rule in found:
        for number in rule.lacking:
            say(f"rule {rule.name}: no article has the id {number}, the tagger's tables lack it; give the name instead")
    say(f"rules read: {len(found)}; what they bring forth: khabar read alerts --follow{on_lane}")
    with suppress(Unavailable):  # the stage waits for a broker that is away
        working = asyncio.run(served(settings))
        if "alerts" in working:
            say("this lane is watched already, or was seconds ago; one of the two will work: give both the same rules")
        if idle := [stage for stage in READS if stage not in working]:
            say(f"no worker for {', '.join(idle)}: nothing new comes until khabar worker{on_lane} runs")
    supervise(("alerts",), settings)
