"""What the streams of `khabar serve` bear: `python -m deploy.loadtest` measures it on this machine.

Events are written to the enriched topic of a lane of its own; a gateway streams them to clients in another process,
each with a filter that one event in a hundred passes. Some more have no filter, and read too slowly, or not at all for
a while: they are cut, and resume. Every client must get every event that it wants once, in order.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE
from typing import Annotated

import msgspec
import orjson
import psutil
import typer

from deploy.console import log_to_stderr, say_errors
from deploy.loadclients import Outcome, Plan, value_of
from deploy.serving import served
from schemas import Decision, EnrichedArticle, Entity, Lane, Relation, StoryRef, encode, to_rfc3339
from streams import lanes
from streams.kafka import make_producer, running
from streams.read import LINE_HEADER
from streams.settings import Settings
from streams.topics import Topics

__all__ = ["Figures", "measure"]

_BYTES = 1_500  # of an event
_IDLE_S = 3.0  # that the clients are connected and nothing comes


class Figures(msgspec.Struct, kw_only=True):
    """What was measured. CPU is the gateway's, in shares of a core; memory its own (USS), in MiB."""

    clients: int
    events: int
    deliveries: int
    wrong: list[str]
    p50_ms: float
    p99_ms: float
    slowest_ms: float
    cuts: int
    memory_before_mib: float
    memory_mib: float
    cpu_idle: float
    cpu: float


async def measure(broker: str | None, *, clients: int, rate: int, seconds: float, slow: int, stuck: int) -> Figures:
    """Run it on a lane of its own, which is removed at the end; raises Unavailable, Misconfigured."""
    name = f"load-{os.getpid()}-{time.time_ns() % 1_000_000}"
    lane = Settings(broker=broker, lane=name, gateway_port=0, gateway_rate=0)
    await lanes.create(lane, Lane(kind="live", since=None, until=None, versions={}))
    try:
        async with served(lane) as gateway:
            process = psutil.Process(gateway.pid)
            before = process.memory_full_info().uss
            plan = Plan(url=f"{gateway.url}/v1/stream/enriched", clients=clients, slow=slow, stuck=stuck)
            command = [sys.executable, "-m", "deploy.loadclients", msgspec.json.encode(plan).decode()]
            client = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
            assert client.stdin is not None and client.stdout is not None  # noqa: S101, PT018 - piped
            await client.stdout.readline()
            idle = await _cpu(process, asyncio.sleep(_IDLE_S))
            sent = round(rate * seconds)
            busy = await _cpu(process, _produce(lane, sent, rate))
            memory = process.memory_full_info().uss
            client.stdin.write(b"%d\n" % sent)
            said = await client.stdout.readline()
            if await client.wait():
                raise RuntimeError("the clients failed")
            outcome = msgspec.json.decode(said, type=Outcome)
    finally:
        await lanes.remove(lane)
    return Figures(
        clients=clients,
        events=sent,
        deliveries=outcome.received,
        wrong=outcome.wrong,
        p50_ms=outcome.p50_ms,
        p99_ms=outcome.p99_ms,
        slowest_ms=outcome.slowest_ms,
        cuts=outcome.cuts,
        memory_before_mib=before / 2**20,
        memory_mib=memory / 2**20,
        cpu_idle=idle,
        cpu=busy,
    )


async def _cpu(process: psutil.Process, work: object) -> float:
    """The share of a core that the process took while this was done."""
    used, began = sum(process.cpu_times()[:2]), time.monotonic()
    await work  # type: ignore[misc]
    return float((sum(process.cpu_times()[:2]) - used) / (time.monotonic() - began))


async def _produce(settings: Settings, count: int, rate: int) -> None:
    topic = Topics(settings.prefix, settings.lane).name(EnrichedArticle)
    async with running(make_producer(settings, linger_ms=0), settings) as producer:
        began = time.monotonic()
        for number in range(count):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            key, value = _event(number)
            headers = [(LINE_HEADER, str(number).encode())]
            await producer.send(topic, value, key.encode(), partition=0, headers=headers)


def _event(number: int) -> tuple[str, bytes]:
    now = time.time_ns() // 1000
    thing = value_of("entity", number)
    event = EnrichedArticle(
        id=f"load-{number}", version="1", status="usable", source=value_of("source", number), source_id=None,
        url=f"https://{value_of('source', number)}/{number}", title=f"افتتاح حديقة {value_of('q', number)} في المدينة",
        lead=None, body="", author=None, section=None, image=None, extra={"number": number, "sent_us": now},
        language="ar", published_at=None, dated_by="none", date_precision=None, seen_at=to_rfc3339(now), late=False,
        attributions=[], provenance={}, revision=0, relation=Relation(kind="new"),
        entities=[Entity(field="title", start=8, end=13, text=thing, label="LOC", id=thing, name=thing, confidence=1)],
        story=StoryRef(id=f"load-{number}", since=to_rfc3339(now)), lines=[Decision(line=number, version="1")],
    )  # fmt: skip
    lacking = max(0, _BYTES - len(encode(event)))
    words = "وقال المدير إن الحديقة تفتح أبوابها كل صباح أمام الزوار من جميع الأحياء. " * (lacking // 100 + 1)
    body = words.encode()[:lacking].decode("utf-8", "ignore")
    return event.id, orjson.dumps(msgspec.to_builtins(event) | {"body": body})


def main(
    clients: Annotated[int, typer.Option(help="Clients with filters.")] = 2_000,
    rate: Annotated[int, typer.Option(help="Events a second.")] = 100,
    seconds: Annotated[float, typer.Option(help="For how long events come.")] = 60.0,
    slow: Annotated[int, typer.Option(help="Clients without a filter that read too slowly.")] = 10,
    stuck: Annotated[int, typer.Option(help="Clients without a filter that do not read for a while.")] = 10,
    broker: Annotated[str | None, typer.Option(help="host:port of Kafka; the local broker if none is given.")] = None,
) -> None:
    """Measure what the streams of `khabar serve` bear, and print it as JSON; exit 1 where a client missed something."""
    log_to_stderr()
    with say_errors():
        figures = asyncio.run(measure(broker, clients=clients, rate=rate, seconds=seconds, slow=slow, stuck=stuck))
    typer.echo(orjson.dumps(msgspec.to_builtins(figures), option=orjson.OPT_INDENT_2).decode())
    if figures.wrong:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
