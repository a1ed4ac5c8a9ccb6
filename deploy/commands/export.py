"""`khabar export`: the articles of a lane as a file for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = ["export"]


def export(
    lane: Annotated[str, typer.Argument(help="The lane whose articles to write.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="Ends in .jsonl or .csv (or either with .gz) or .parquet."),
    ],
    rows: Annotated[
        Literal["articles", "mentions"], typer.Option(help="What a row of CSV or Parquet is.")
    ] = "articles",
    excel: Annotated[
        bool, typer.Option("--excel", help="CSV that Excel opens as Arabic, and runs no formula from.")
    ] = False,
    broker: Annotated[str | None, typer.Option(help="host:port of Kafka; the local broker if none is given.")] = None,
) -> None:
    """Write the enriched articles of a lane to a file, the newest version of each, in the order of their decisions.

    JSON lines have all of an article, and can be replayed. CSV and Parquet have a row an article, or one for each time
    that something is named. --excel cuts cells at the 32,767 characters that Excel takes. A .parquet needs the extra
    `parquet`.

    \b
    Example: who is named where, for a spreadsheet
      khabar export saudi-2015 -o mentions.csv --rows mentions --excel
    """
    import asyncio
    from contextlib import aclosing

    from deploy.console import say
    from schemas import EnrichedArticle
    from streams import lanes
    from streams.export import sink
    from streams.read import latest_values, read_topic, without_repeats
    from streams.settings import Settings

    settings = Settings(lane=lane, broker=broker)

    async def run() -> int:
        await lanes.require(settings)
        async with aclosing(read_topic(settings, EnrichedArticle)) as source:
            values, _ = await latest_values(without_repeats(source), by="line")
        count = 0
        for value in values:
            opened.write(value)
            count += 1
        return count

    with sink(output, rows, excel=excel) as opened:
        count = asyncio.run(run())
    say(f"{count:,} articles of lane {lane} are in {output}")
