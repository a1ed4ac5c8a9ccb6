"""`khabar ledger`: is everything accounted for?"""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["ledger"]


def ledger(
    lane: Annotated[str, typer.Argument(help="The lane to look at.")] = "live",
    broker: Annotated[str | None, typer.Option(help="host:port of Kafka; the local broker if none is given.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Account for every raw record of a lane: enriched, a repeat, a dead letter, or still on its way.

    Reads the topics of the lane once; the stages may be at work meanwhile. Exit code 1 if something is none of these,
    so lost; the first such positions are named.

    \b
    Example: after a replay
      khabar ledger saudi-2015
    """
    import asyncio

    from deploy.console import say
    from deploy.table import show, show_json
    from streams.ledger import read_ledger
    from streams.settings import Settings

    found = asyncio.run(read_ledger(Settings(lane=lane, broker=broker)))
    if json:
        show_json({"lane": lane, "records": found.records, "ledger": found})
    else:
        causes = ", ".join(f"{cause} {count:,}" for cause, count in found.causes.items())
        rows = [
            ("enriched", found.enriched, ""),
            ("repeats", found.repeats, ""),
            ("dead letters", found.letters, causes),
            ("on their way", found.pending, ""),
            ("older than the lane keeps", found.gone, ""),
            ("lost", found.lost, ""),
            ("records", found.records, f"and {found.marks:,} progress marks" if found.marks else ""),
        ]
        always = ("enriched", "lost", "records")
        show(("", "raw records", ""), [row for row in rows if row[1] or row[0] in always])
    for each in found.examples:
        say(f"khabar: lost: {each}")
    if found.lost:
        raise typer.Exit(1)
