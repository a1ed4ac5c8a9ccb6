"""`khabar lanes`: the runs on a cluster: which there are, what each was made of, and away with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from deploy.lanes import Shown

__all__ = ["lanes"]

lanes = typer.Typer(
    help="""Look at lanes, the isolated runs of a cluster, and remove them.

    \b
    Example: which there are, and how far each is
      khabar lanes list
    """,
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="LANE", help="The lane.")]
Address = Annotated[str | None, typer.Option("--broker", help="host:port of Kafka; the local broker if none is given.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@lanes.command("list")
def list_(broker: Address = None, json: Json = False) -> None:
    """List the lanes: live or replay, how far it is, and which stages somebody works on.

    `done` is a replay whose last article was decided on; `stopped` a lane that nobody works on; `broken` one that was
    made or removed in part.

    \b
    Example:
      khabar lanes list
    """
    import asyncio
    from dataclasses import asdict

    from deploy.lanes import look_at_all
    from deploy.table import show, show_json
    from streams.settings import Settings

    found = asyncio.run(look_at_all(Settings(broker=broker)))
    if json:
        show_json([asdict(each) | {"state": each.state} for each in found])
    else:
        rows = [(each.name, each.kind, each.state, each.reached, ", ".join(each.stages)) for each in found]
        show(("lane", "kind", "state", "reached", "at work"), rows)


@lanes.command("show")
def show_(lane: Name, broker: Address = None, json: Json = False) -> None:
    """Show what a lane was made of and what came of it: all that a section on methods has to cite.

    The versions of the stages' code, models and tables, the files with their size and SHA-256, how they were read, and
    the counts of `khabar ledger`.

    \b
    Example:
      khabar lanes show saudi-2015 --json
    """
    import asyncio

    from deploy.lanes import show
    from deploy.table import show as show_rows
    from deploy.table import show_json
    from streams.settings import Settings

    found = asyncio.run(show(Settings(lane=lane, broker=broker)))
    if json:
        show_json(found)
    else:
        show_rows(("", ""), _rows(found))


def _rows(found: Shown) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [("lane", found.name), ("kind", found.kind), ("state", found.state)]
    rows += [("reached", found.reached)] if found.reached else []
    rows += [("dates", f"{found.since} to {found.until}")] if found.since else []
    rows += [(f"version of {stage}", version) for stage, version in found.versions.items()]
    rows += [(name, value) for name, value in found.inputs.items() if value]
    ledger = found.ledger
    counts = {
        "raw records": ledger.records,
        "enriched": ledger.enriched,
        "repeats": ledger.repeats,
        **{f"dead letters, {cause}": count for cause, count in ledger.causes.items()},
        "on their way": ledger.pending,
        "older than the lane keeps": ledger.gone,
        "lost": ledger.lost,
    }
    return rows + [(name, count) for name, count in counts.items() if count]


@lanes.command()
def remove(lane: Name, broker: Address = None) -> None:
    """Remove a lane: its topics, all that is in them, and what `khabar follow` remembers here of having sent to it.

    Refuses while a worker or a follower on this machine works on the lane. A worker whose lane is removed all the same
    ends.

    \b
    Example:
      khabar lanes remove saudi-2015
    """
    import asyncio

    from deploy.console import say
    from deploy.lanes import remove
    from streams.settings import Settings

    asyncio.run(remove(Settings(lane=lane, broker=broker)))
    say(f"lane {lane} is removed")


@lanes.command()
def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="A lane.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The lane to compare it with.")],
    broker: Address = None,
    json: Json = False,
) -> None:
    """Compare two lanes by article and by story: what another version, or other settings, changed.

    Counts first, then examples of each kind of change. Stories are compared by the articles that they have. Exit code 1
    if anything differs.

    \b
    Example: the same archive before and after an upgrade
      khabar lanes diff saudi-2015 saudi-2015-new
    """
    import asyncio

    from deploy.differences import diff
    from deploy.show import safe
    from deploy.table import show, show_json
    from streams.settings import Settings

    found = asyncio.run(diff(Settings(lane=first, broker=broker), Settings(lane=second, broker=broker)))
    if json:
        show_json(found)
    else:
        counts: list[tuple[str, object]] = [("the same articles", found.same_articles)]
        counts += [(f"articles {kind}", count) for kind, count in found.articles.most_common()]
        counts += [("the same stories", found.same_stories), *found.stories.most_common()]
        show(("", ""), counts)
        for kind, changes in found.examples.items():
            typer.echo(f"\n{kind}")
            for each in changes:
                typer.echo(f"  {each.id}  {safe(each.title)}")
                typer.echo(f"    {first}: {each.before or 'not there'}")
                typer.echo(f"    {second}: {each.after or 'not there'}")
    if found:
        raise typer.Exit(1)
