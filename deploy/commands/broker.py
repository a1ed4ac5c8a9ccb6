"""`khabar broker`: Apache Kafka on this machine, for whoever has no other."""

import sys
from typing import Annotated

import typer

from deploy.console import downloading, say
from schemas.errors import Misconfigured

__all__ = ["broker"]

broker = typer.Typer(
    help="""Run Apache Kafka on this machine; no Java and no Docker needed.

    It listens on 127.0.0.1 only, keeps its data in your user's data folder, and runs on until it is stopped.

    \b
    Example:
      khabar broker start
    """,
    no_args_is_help=True,
)

Port = Annotated[
    int | None,
    typer.Option(
        min=1024,
        max=65534,
        show_default="that of last time, at first 19092",
        help="Port on 127.0.0.1; the next one is for Kafka's controller.",
    ),
]


@broker.command()
def start(port: Port = None) -> None:
    """Start the broker and wait until it can be used; does nothing if it runs.

    The first time, Kafka's jars (44 MB) are downloaded and kept.

    \b
    Example: on another port, for a machine where 19092 is taken
      khabar broker start --port 29092
    """
    from deploy.broker import Broker, data_folder, usual_port
    from streams.settings import Settings

    folder = data_folder()
    at = port or usual_port(folder, Settings().broker)
    local = Broker(folder, at, at + 1)
    with downloading("Downloading Apache Kafka") as update:
        started = local.start(update)
    node = local.running()
    number = f", process {node.pid}" if node else ""
    say(f"Kafka {'listens' if started else 'was running already and listens'} on {local.bootstrap}{number}")
    if node and not started and port not in (None, node.port):
        say(f"To move it to port {port}: khabar broker stop && khabar broker start --port {port}")
    _tell_where(local.bootstrap)


@broker.command()
def stop() -> None:
    """Stop the broker and wait until it is gone; its data stays.

    \b
    Example:
      khabar broker stop
    """
    from deploy.broker import Broker, data_folder

    say("Kafka has stopped" if Broker(data_folder()).stop() else "Kafka was not running")


@broker.command()
def status() -> None:
    """Tell whether the broker runs, where, and where its data is; exit code 3 if it does not run.

    \b
    Example: start it only where it is not running
      khabar broker status || khabar broker start
    """
    from deploy.broker import Broker, data_folder

    local = Broker(data_folder())
    node = local.running()
    if node is None:
        typer.echo(f"stopped; data in {local.folder}")
        raise typer.Exit(3)
    typer.echo(f"running on {local.bootstrap}, process {node.pid}; data in {local.folder}, log {local.log_file}")
    _tell_where(local.bootstrap)


@broker.command()
def remove(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Stop the broker and delete all topics and records that it keeps.

    \b
    Example:
      khabar broker remove --yes
    """
    from deploy.broker import Broker, data_folder

    local = Broker(data_folder())
    if not local.folder.exists():
        say(f"There is nothing in {local.folder}")
        return
    if not yes:
        try:
            sure = typer.confirm(f"Delete all topics and records in {local.folder}?", err=True)
        except typer.Abort:
            if sys.stdin.isatty():
                raise
            say("")  # the question's line has no end yet
            raise Misconfigured("nobody is there to answer; to delete it unasked: khabar broker remove --yes") from None
        if not sure:
            raise typer.Abort
    local.remove()
    say(f"Deleted {local.folder}")


def _tell_where(bootstrap: str) -> None:
    """Say how to reach the broker where all other commands would talk to another one, perhaps somebody else's."""
    from streams.settings import Settings, loopback_port

    looked_for = Settings().broker
    if loopback_port(looked_for) != loopback_port(bootstrap):
        say(f"Other commands look for a broker at {looked_for}; for this one: export KHABAR_BROKER={bootstrap}")
