"""`khabar feeds`: how the feeds are that `khabar follow` follows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["feeds"]

feeds = typer.Typer(
    help="""Look at the feeds that `khabar follow` follows: which work, which bring news, which fail and why.

    \b
    Example: how each feed is
      khabar feeds list
    """,
    invoke_without_command=True,
)

LaneName = Annotated[str | None, typer.Option("--lane", help="The lane they go to; `live` if none is given.")]
StateFile = Annotated[Path | None, typer.Option("--state", help="The state file, if `khabar follow` was given one.")]


@feeds.callback()
def look(context: typer.Context) -> None:
    """`khabar feeds` alone lists them."""
    if context.invoked_subcommand is None:
        list_()


@feeds.command("list")
def list_(
    lane: LaneName = None,
    state: StateFile = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List every feed with its last success, its last new item, its next poll, and what fails, how often in a row.

    A feed with an error class failed when it was polled last; one with only a remark could be read in spite of it.

    \b
    Example: what fails, counted
      khabar feeds list --json | jq -r .[].error | sort | uniq -c
    """
    from deploy.feeds import state_file, told
    from deploy.table import show, show_json
    from streams.feeds import opened
    from streams.settings import Settings

    with opened(state or state_file(Settings(lane=lane)), alone=False) as kept:
        health = kept.health()
    if json:
        show_json(
            [
                {
                    "url": feed.url,
                    "source": feed.source_id,
                    "group": feed.source.group,
                    "last_poll": told(status.last_poll),
                    "last_success": told(status.last_success),
                    "last_new": told(status.last_new),
                    "next_poll": told(status.next_poll),
                    "interval": status.interval,
                    "items": status.items,
                    "sent": status.sent,
                    "error": status.error,
                    "streak": status.streak,
                    "detail": status.detail,
                }
                for feed, status in health
            ]
        )
        return
    show(
        ("feed", "last success", "last new", "next poll", "sent", "error", "in a row", "remark"),
        [
            (
                feed.url,
                told(status.last_success),
                told(status.last_new),
                told(status.next_poll),
                status.sent,
                status.error,
                status.streak or None,
                status.detail,
            )
            for feed, status in health
        ],
    )


@feeds.command()
def export(
    lane: LaneName = None,
    state: StateFile = None,
    opml: Annotated[bool, typer.Option("--opml", help="As OPML, which is the only format so far.")] = True,
) -> None:
    """Print the followed feeds as OPML, a folder a group, for another reader or for `khabar follow` elsewhere.

    \b
    Example:
      khabar feeds export > feeds.opml
    """
    import sys

    from deploy.feeds import state_file
    from streams import feeds as followed
    from streams.settings import Settings

    with followed.opened(state or state_file(Settings(lane=lane)), alone=False) as kept:
        sys.stdout.buffer.write(followed.opml(feed for feed, _ in kept.health()))
