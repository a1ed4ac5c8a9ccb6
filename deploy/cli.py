"""The command line `khabar`: one line here for each command, and what all of them have in common."""

import logging
from importlib.metadata import version
from typing import Annotated

import typer

from deploy.commands.bench import bench
from deploy.commands.broker import broker
from deploy.commands.demo import demo
from deploy.commands.export import export
from deploy.commands.feeds import feeds
from deploy.commands.follow import follow
from deploy.commands.lanes import lanes
from deploy.commands.ledger import ledger
from deploy.commands.letters import letters
from deploy.commands.process import process
from deploy.commands.read import read
from deploy.commands.replay import replay
from deploy.commands.serve import serve
from deploy.commands.settings import settings
from deploy.commands.token import token
from deploy.commands.topics import topics
from deploy.commands.watch import watch
from deploy.commands.worker import worker
from deploy.console import log_to_stderr, say_errors

__all__ = ["app", "main"]

app = typer.Typer(
    name="khabar",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command()(demo)
app.command()(process)
app.command()(follow)
app.add_typer(feeds, name="feeds")
app.command()(replay)
app.command()(worker)
app.command()(watch)
app.command()(read)
app.command()(export)
app.command()(serve)
app.command()(token)
app.add_typer(lanes, name="lanes")
app.command()(ledger)
app.add_typer(letters, name="letters")
app.command()(topics)
app.command()(settings)
app.add_typer(broker, name="broker")
app.command()(bench)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"khabar {version('khabar')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def khabar(
    context: typer.Context,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Tell on stderr what happens, step by step.")
    ] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Turns a flood of Arabic news articles into a stream of stories, on Apache Kafka.

    Follow live feeds, replay archives through the same topics, and subscribe to what comes out. Every command
    tells with --help what it is for, and ends with an example that works.

    \b
    Example: see all of it at work, with nothing installed but this
      khabar demo --once
    """
    log_to_stderr(logging.INFO if verbose else logging.WARNING)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run `khabar` with the arguments of this process."""
    with say_errors():
        app(prog_name="khabar")
