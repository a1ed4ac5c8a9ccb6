"""`khabar bench`: what an article costs on this machine."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from deploy.archives import Files, Map

__all__ = ["bench"]


def bench(
    files: Files,
    mapping: Map = None,
    articles: Annotated[int, typer.Option(min=100, help="Articles to measure with, the first by date.")] = 3_000,
    tagger: Annotated[bool, typer.Option(help="Whether to look for names; most of the CPU goes there.")] = True,
    rate: Annotated[int, typer.Option(min=1, help="Articles a second while latency is measured.")] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure what an article costs: reading each kind of file, sending, each core, all of them, the way through Kafka.

    Uses articles of yours, a lane of its own, and a Kafka that runs (`khabar broker start`); the figures are CPU
    in microseconds an article, articles a second, and the milliseconds from raw to enriched.

    \b
    Example: what stories alone cost, without names
      khabar bench archive.jsonl.gz --map body=text --no-tagger
    """
    import asyncio
    import itertools
    import os
    import time

    from deploy.archives import archive_of
    from deploy.bench import CHAIN, STREAMED, cores, latency, machine, through_kafka
    from deploy.ceilings import readers, sending
    from deploy.console import say
    from deploy.table import show, show_json
    from schemas import Misconfigured
    from streams.settings import Settings

    archive = archive_of(files, mapping, "UTC", None, None, None)
    with archive.sorted() as sorter:
        placed = list(itertools.islice(sorter.placed(), articles))
    if len(placed) < 100:
        raise Misconfigured(f"{len(placed)} records have a date and can be measured with; it takes 100 (see --map)")
    os.environ["KHABAR_TAGGER"] = "crf" if tagger else "off"
    settings = Settings(metrics_port=0).on(f"bench-{int(time.time())}")
    figures = readers(placed, say)
    figures.append(asyncio.run(sending(settings, placed, say)))
    figures += cores(placed, settings.tagger, say)
    figures += asyncio.run(through_kafka(settings, placed, say))
    delays = asyncio.run(latency(settings, placed[: rate * 30], rate, say))
    chain, streamed = (next(each.cpu_us for each in figures if each.part == name) for name in (CHAIN, STREAMED))
    if as_json:
        show_json(
            {
                "machine": machine(),
                "articles": len(placed),
                "figures": [asdict(each) for each in figures],
                "streaming_to_chain": streamed / chain,
                "latency": {"rate": rate, "milliseconds": [asdict(each) for each in delays]},
            }
        )
        return
    show(
        ["part", "articles/s", "CPU us/article"],
        [(each.part, f"{each.rate:,.0f}", f"{each.cpu_us:,.0f}") for each in figures],
    )
    say(f"through Kafka costs {streamed / chain:.2f} times the CPU of the chain without a broker")
    show(
        [f"way at {rate}/s", "p50 ms", "p99 ms", "longest ms"],
        [(each.part, *(f"{ms:,.0f}" for ms in (each.p50_ms, each.p99_ms, each.longest_ms))) for each in delays],
    )
    say(", ".join(f"{name} {value}" for name, value in machine().items()))
