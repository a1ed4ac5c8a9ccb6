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

    \b
    Example: rules that stand in a file, and what they bring forth
      khabar watch rules.toml
      khabar read alerts --follow
    """
    from agents.alerts.rules import read_rules
    from agents.normalize.words import Words
    from deploy.console import say
    from deploy.worker import supervise
    from streams.settings import Settings

    settings = Settings(lane=lane, broker=broker, rules=rules)
    say(f"{len(read_rules(rules, Words.shipped()))} rules; what they bring forth: khabar read alerts --follow")
    supervise(("alerts",), settings)
