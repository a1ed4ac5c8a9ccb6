"""`khabar follow`: live feeds into the live lane."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["follow"]


def follow(
    feeds: Annotated[
        list[str], typer.Argument(help="Addresses of feeds, OPML files, or sources files (TOML); any number of each.")
    ],
    lane: Annotated[str | None, typer.Option(help="The live lane to send to; `live` if none is given.")] = None,
    broker: Annotated[str | None, typer.Option(help="host:port of Kafka; the local broker if none is given.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Leave out of a feed's first poll what is dated before this day or moment.")
    ] = None,
    late_after: Annotated[
        float | None,
        typer.Option(min=0.0, help="Hours from an item's date to its being seen, after which it is marked late; 24."),
    ] = None,
    pages: Annotated[
        bool, typer.Option("--pages/--no-pages", help="Read an article's page where its feed has only a lead.")
    ] = True,
    allow: Annotated[
        list[str] | None,
        typer.Option(help="A host of your own that may have an address that is not public; may be given again."),
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="The file that keeps what was fetched; one for each lane if none is given.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Poll each feed once, and end.")] = False,
) -> None:
    """Follow feeds: RSS, Atom, JSON Feed and news sitemaps; send what is new and what has changed, once each.

    Busy feeds are asked often, quiet ones rarely, none more often than it wants (each at least every six hours). Where
    a feed has only leads, the text comes from the article's page, if robots.txt lets us. What a feed shows at its first
    poll is marked late. Stopped or killed, the same command goes on where it was; `khabar feeds` shows how each is.

    A sources file says whose feeds they are; id, names, country, kind (agency, outlet, aggregator), owner, timezone
    and group may be left out:

    \b
      [[source]]
      id = "example.org"
      name = "صحيفة المثال"
      timezone = "Asia/Riyadh"
      feeds = ["https://example.org/rss"]

    \b
    Example: one feed, from what was published today
      khabar follow https://example.org/rss --since 2026-05-01
    """
    import asyncio
    import signal
    from contextlib import suppress

    from agents.normalize.identity import canonical_url
    from deploy.console import say
    from deploy.feeds import moment, state_file
    from schemas import Unavailable
    from streams.feeds import Rules, follower, opened, read_feeds
    from streams.health import serve
    from streams.settings import Settings

    settings = Settings(lane=lane, broker=broker, follow_late_after=late_after, follow_allow=allow)
    followed = read_feeds(feeds)
    rules = Rules(late_after=settings.follow_late_after * 3600, since=moment(since, "--since"), pages=pages)

    async def run() -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - we are in one
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        with opened(state or state_file(settings), alone=True) as kept:
            making = follower(
                settings, followed, kept, canonical=canonical_url, allowed=settings.follow_allow, rules=rules
            )
            async with making as it:
                serve(0 if once else settings.follow_port, it.polls, lambda: it.polls.text(settings.lane))
                say(f"following {len(followed)} feeds into lane {settings.lane} at {settings.broker}")
                await (it.once() if once else it.run())
                failed = [status for _, status in kept.health() if status.error is not None]
                told = f"{len(failed)} of {len(followed)} feeds failed; look: khabar feeds list"
                say(f"{it.polls.articles} articles sent, {told}")
                if once and failed and len(failed) >= len(followed):
                    raise Unavailable(f"no feed could be read; of the first: {failed[0].detail or failed[0].error}")

    with suppress(asyncio.CancelledError):  # SIGTERM
        asyncio.run(run())
