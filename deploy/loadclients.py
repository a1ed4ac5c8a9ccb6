"""The clients of `deploy.loadtest`, in a process of their own: follow streams, count what comes, and when.

    python -m deploy.loadclients PLAN       (JSON, see `Plan`)

Prints a line of JSON once all are connected, and another at the end, which the end of stdin asks for.
"""

from __future__ import annotations

import asyncio
import re
import socket
import sys
import time
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import quote, urlsplit

import msgspec
import orjson
import uvloop

__all__ = ["KINDS", "Outcome", "Plan", "query_of"]

# A third of the clients each asks for a source, for a thing and for a word; event n has one of a hundred of each.
KINDS = (("source", 1), ("entity", 7), ("q", 13))
PARTS = 100
_LETTERS = "بتجحخدرسشص"

_EVENT = re.compile(rb'"number":(\d+),"sent_us":(\d+)')
_ID = re.compile(rb"id: (\d+)")
_CONNECTING = 100  # at a time
_SLOW_BYTES = 48 << 10  # a second, of the slow ones: a third of what comes
_STUCK_S = 8.0  # that the stuck ones do not read


class Plan(msgspec.Struct, kw_only=True):
    """How many clients of each sort follow which stream."""

    url: str
    clients: int  # with filters that one event in a hundred passes
    slow: int  # without a filter, reading too slowly
    stuck: int  # without a filter, not reading for a while


class Outcome(msgspec.Struct, kw_only=True):
    """What came: `wrong` names clients that got another set or order than they should; latencies are those of the
    clients with filters, from before an event was sent to its topic."""

    wrong: list[str]
    received: int
    p50_ms: float
    p99_ms: float
    slowest_ms: float
    cuts: int


def value_of(name: str, number: int) -> str:
    """What event `number` has of a kind."""
    part = number * dict(KINDS)[name] % PARTS
    if name == "source":
        return f"outlet-{part}.example"
    return f"kh:{part}" if name == "entity" else f"زيتون{_LETTERS[part // 10]}{_LETTERS[part % 10]}ان"


def query_of(client: int) -> tuple[str, int]:
    """The query of a client, and the first of the events that pass it: every `PARTS`th from there on does."""
    name, factor = KINDS[client % len(KINDS)]
    first = next(n for n in range(PARTS) if n * factor % PARTS == client // len(KINDS) % PARTS)
    return f"?{name}={quote(value_of(name, first))}", first


@dataclass(slots=True, eq=False)
class Client(asyncio.Protocol):
    """One connection at a time: an HTTP client that knows no more than it takes (chunk sizes fall between events)."""

    host: str
    path: str
    pace: int = 0  # bytes a second at most, 0: as they come
    stuck_s: float = 0.0
    numbers: list[int] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    last: str = ""
    cuts: int = 0
    open: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    _data: bytearray = field(default_factory=bytearray)
    _transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = self._transport = cast(asyncio.Transport, transport)  # of a TCP connection
        self._data.clear()
        self.closed.clear()
        last = f"Last-Event-ID: {self.last}\r\n" if self.last else ""
        transport.write(f"GET {self.path} HTTP/1.1\r\nHost: {self.host}\r\nConnection: close\r\n{last}\r\n".encode())

    def data_received(self, data: bytes) -> None:
        now = time.time()
        assert self._transport is not None  # noqa: S101
        if self.pace:
            self._transport.pause_reading()
            asyncio.get_running_loop().call_later(len(data) / self.pace, self._read_on, self._transport)
        self._data += data
        blocks = bytes(self._data).split(b"\n\n")
        self._data[:] = blocks.pop()
        for block in blocks:
            if (event := _EVENT.search(block)) is not None:
                self.numbers.append(int(event[1]))
                self.latencies.append(now * 1e3 - int(event[2]) / 1e3)
            self.cuts += b"event: end" in block
            if (found := _ID.search(block)) is not None:
                self.last = found[1].decode()
                self.open.set()
        if self.stuck_s and self.numbers:  # from its first event on
            self._transport.pause_reading()
            asyncio.get_running_loop().call_later(self.stuck_s, self._read_on, self._transport)
            self.stuck_s = 0.0

    def connection_lost(self, error: Exception | None) -> None:
        self.closed.set()

    def _read_on(self, transport: asyncio.Transport) -> None:
        if not transport.is_closing():
            transport.resume_reading()

    def hurry(self) -> None:
        """Read as fast as it comes from now on."""
        self.pace = 0

    async def follow(self, address: tuple[str, int], connecting: asyncio.Semaphore) -> None:
        """Connect, and again whenever the server ends the stream, as browsers do."""
        loop = asyncio.get_running_loop()
        while True:
            async with connecting:
                opened = socket.socket()
                opened.setblocking(False)
                if self.pace or self.stuck_s:
                    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 10)
                await loop.sock_connect(opened, address)
                await loop.create_connection(lambda: self, sock=opened)
            await self.closed.wait()
            await asyncio.sleep(0.5)


async def work(plan: Plan) -> Outcome:
    """Follow until told to stop."""
    parts = urlsplit(plan.url)
    host, address = parts.netloc, (parts.hostname or "", parts.port or 80)
    path = f"{parts.path}{{}}{'&' if parts.query else ''}{parts.query}"
    clients = [Client(host, path.format(query_of(each)[0])) for each in range(plan.clients)]
    whole = path.format("?").replace("?&", "?").rstrip("?")
    others = [Client(host, whole, pace=_SLOW_BYTES) for _ in range(plan.slow)]
    others += [Client(host, whole, stuck_s=_STUCK_S) for _ in range(plan.stuck)]
    connecting = asyncio.Semaphore(_CONNECTING)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each.follow(address, connecting)) for each in [*clients, *others]]
        await asyncio.gather(*(each.open.wait() for each in [*clients, *others]))
        sys.stdout.write('{"connected":true}\n')
        sys.stdout.flush()
        sent = int(await asyncio.to_thread(sys.stdin.readline))  # so many events were sent in all
        for each in others:
            each.hurry()
        expected = [list(range(query_of(each)[1], sent, PARTS)) for each in range(plan.clients)]
        expected += [list(range(sent))] * len(others)
        until = time.monotonic() + 30
        everybody = list(zip([*clients, *others], expected, strict=True))
        while time.monotonic() < until and any(len(each.numbers) < len(wanted) for each, wanted in everybody):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.5)  # what comes twice comes now
        for task in tasks:
            task.cancel()
    wrong = [
        f"{client.path}: {len(client.numbers)} events, {len(set(client.numbers))} different, of {len(numbers)}"
        for client, numbers in everybody
        if client.numbers != numbers
    ]
    latencies = sorted(ms for each in clients for ms in each.latencies)
    return Outcome(
        wrong=wrong[:20],
        received=sum(len(each.numbers) for each in [*clients, *others]),
        p50_ms=latencies[len(latencies) // 2],
        p99_ms=latencies[len(latencies) * 99 // 100],
        slowest_ms=latencies[-1],
        cuts=sum(each.cuts for each in others),
    )


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        outcome = runner.run(work(msgspec.json.decode(sys.argv[1], type=Plan)))
    sys.stdout.write(orjson.dumps(msgspec.to_builtins(outcome)).decode() + "\n")
