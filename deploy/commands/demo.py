"""`khabar demo`: the first thing to type, and all of it at once."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["demo"]


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="End when every sample has arrived; otherwise with Ctrl-C.")
    ] = False,
) -> None:
    """Watch articles become stories: sample articles travel through a real Apache Kafka and all three stages.

    Starts a broker on this machine unless you have set one, works in a lane of its own, and stops what it started.
    The samples are by invented outlets: reprints, one event in two outlets' words, updates, a cancellation,
    look-alikes, and records broken in every way. Without --once there is a page to watch it on, and two live feeds go
    on after the samples. What is found goes to stdout, everything else to stderr.

    \b
    Example: see it once, and keep what it found
      khabar demo --once > found.txt
    """
    from rich.console import Console

    from deploy.demo import Screen, run
    from streams.settings import Settings

    try:
        run(Settings(), Screen(Console(), Console(stderr=True)), once=once)
    except KeyboardInterrupt:
        if once:
            raise
