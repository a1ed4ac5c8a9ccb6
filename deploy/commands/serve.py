"""`khabar serve`: the gateway, put together here from its parts and from what agents and feeds know."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["serve"]


def serve(
    lane: Annotated[str | None, typer.Option(help="The lane that is served where ?lane= names none; `live`.")] = None,
    broker: Annotated[str | None, typer.Option(help="host:port of Kafka; the local broker if none is given.")] = None,
    host: Annotated[str | None, typer.Option(help="The address to listen at; this machine alone if none.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen at; 8464 if none is given, 0 for any.")] = None,
    owner: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Serve the news over HTTP, until stopped with Ctrl-C or SIGTERM: articles in, streams and look-ups out.

    Everything that there is stands at /docs. Articles are taken from whoever has a push token (khabar token). Without
    read tokens whoever reaches the address may read, so it listens on this machine alone unless told otherwise; put a
    proxy with TLS before it where others shall reach it.

    \b
    Example: the live lane, at http://127.0.0.1:8464
      khabar serve
    """
    import asyncio

    import uvloop
    from prometheus_client import CollectorRegistry, ProcessCollector

    from deploy.console import say
    from deploy.gateway import parts_of
    from deploy.worker import die_with
    from streams import lanes
    from streams.gateway.app import application
    from streams.gateway.server import Server, listen
    from streams.security import read_security
    from streams.settings import Settings

    if owner is not None:
        die_with(owner)
    settings = Settings(lane=lane, broker=broker, gateway_host=host, gateway_port=port)
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)

    async def work() -> None:
        await (lanes.ensure if settings.lane == "live" else lanes.require)(settings)
        listening = listen(settings.gateway_host, settings.gateway_port)
        name, number = listening.getsockname()[:2]
        where = f"http://{f'[{name}]' if ':' in name else name}:{number}"
        app = application(settings, parts_of(settings, registry), registry)
        await Server(app, lambda: say(f"lane {settings.lane} is served at {where}")).serve([listening])

    # Not with TLS: uvloop takes 30 s, its whole shutdown timeout, to close about one connection in 30.
    plain = read_security(settings.kafka).context is None
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if plain else None) as runner:
        runner.run(work())
