"""What one client of a stream is sent: first what it missed, at its own pace, then what comes, as it comes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from schemas import Unavailable
from streams.gateway.audience import Subscriber
from streams.gateway.backlog import Backlog
from streams.gateway.filters import Filter
from streams.gateway.hub import Tail, gap
from streams.gateway.ring import Entry, Repeats, frame

__all__ = ["Counts", "EventStream"]

log = logging.getLogger(__name__)

_HEARTBEAT_S = 15.0  # shorter than the 30 s after which some proxies and phones take a silent connection for dead
_RETRY_MS = 2_000  # that browsers wait before they come back
# That a client may take nothing at all, all buffers full, before it is given up. Longer bears longer breaks of a phone;
# what is held for it meanwhile is bounded (see audience).
_STUCK_S = 30.0
_TOGETHER = 50  # events that are looked at before others get a turn
_CHUNK = 64 << 10  # bytes that are sent at once


class Counts:
    """What is counted of all streams, for Prometheus."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.clients = Gauge("khabar_stream_clients", "Clients that follow a stream.", ["stream"], registry=registry)
        self.events = Counter("khabar_stream_events", "Events sent to clients.", ["stream"], registry=registry)
        self.ends = Counter("khabar_stream_ends", "Streams that ended, by why.", ["reason"], registry=registry)


class EventStream(Response):
    """The answer to one client."""

    def __init__(
        self,
        tail: Tail,
        backlog: Backlog,
        wanted: Filter,
        start: int | None,
        counts: Counts,
        *,
        draining: Callable[[], bool],
    ) -> None:
        """`start` is the offset to begin at, None for the live end; `draining` whether the gateway is about to end."""
        super().__init__(
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}, media_type="text/event-stream"
        )
        del self.headers["content-length"]
        self._tail, self._backlog, self._wanted = tail, backlog, wanted
        self._asks = wanted != Filter()
        self._whole = start == 0  # all that there is: what is gone is not missed
        self._next = tail.ring.next if start is None else start  # the offset up to which the client has everything
        self._draining = draining
        self._clients = counts.clients.labels(tail.kind.stream)
        self._events = counts.events.labels(tail.kind.stream)
        self._ends = counts.ends
        self._gone = False
        self._subscriber: Subscriber | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client is gone or too slow, or the gateway ends."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        self._asgi_send = send
        watching = asyncio.create_task(self._watch(receive))
        try:
            with self._clients.track_inprogress():
                reason = await self._run()
            if not self._gone:
                data = b'{"reason":"%s","resume":%d}' % (reason.encode(), self._next)
                await self._send(frame("end", data, self._next))
                await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            reason = "stuck"
            log.info("%s: a client took nothing for %.0f s, and is given up", self._tail.topic, _STUCK_S)
        finally:
            watching.cancel()
        self._ends.labels(reason).inc()

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        if self._subscriber is not None:
            self._subscriber.wake.set()

    async def _send(self, body: bytes) -> None:
        async with asyncio.timeout(_STUCK_S):
            await self._asgi_send({"type": "http.response.body", "body": body, "more_body": True})

    async def _send_all(self, entries: Iterable[Entry]) -> None:
        """Send events together, and take note of each."""
        chunk: list[bytes] = []
        size = 0
        for entry in entries:
            chunk.append(entry.frame)
            size += len(entry.frame)
            if size >= _CHUNK:
                await self._send_chunk(chunk, entry.offset + 1)
                chunk, size = [], 0
        if chunk:
            await self._send_chunk(chunk, entry.offset + 1)

    async def _send_chunk(self, chunk: list[bytes], following: int) -> None:
        await self._send(b"".join(chunk))
        self._next = following
        self._events.inc(len(chunk))

    @property
    def _over(self) -> str | None:
        """Why there is nothing more to send, if so."""
        if self._gone:
            return "gone"
        if self._draining():
            return "restart"
        return "lane-removed" if self._tail.ended else None

    async def _run(self) -> str:
        """Send everything; return why it ended."""
        about = f"{self._tail.kind.stream} of lane {self._tail.settings.lane}"
        await self._send(b": %s\nretry: %d\nid: %d\n\n" % (about.encode(), _RETRY_MS, self._next))
        try:
            if reason := await self._catch_up():
                return reason
        except Unavailable as away:
            log.warning("%s: %s", self._tail.topic, away)
            return "unavailable"
        self._subscriber = self._tail.join(self._wanted)  # nothing was awaited since the ring had no more
        try:
            return await self._follow(self._subscriber)
        finally:
            self._tail.leave(self._wanted, self._subscriber)

    async def _catch_up(self) -> str | None:
        """Send what there is up to the live end, from the ring or from Kafka; return why it ended, if it did."""
        ring = self._tail.ring
        repeats: Repeats | None = None
        while self._next != ring.next:
            if self._over:
                break
            self._tail.used = time.monotonic()  # who catches up is no audience yet, but somebody
            if ring.first <= self._next < ring.next:
                entries = ring.since(self._next, _TOGETHER)
                following = entries[-1].offset + 1 if entries else ring.next
                await self._send_all(entry for entry in entries if self._wants(entry))
                self._next = following
                await asyncio.sleep(0)
            else:
                repeats = await self._from_kafka(repeats)
        return self._over

    async def _from_kafka(self, repeats: Repeats | None) -> Repeats | None:
        """A turn of what is not in the ring; `repeats` knows the numbers of what was read before, None at first."""
        turn = await self._backlog.read(self._tail.topic, self._next, prime=repeats is None)
        if not turn.first <= self._next <= turn.end:
            if not self._whole:
                reason = "expired" if self._next < turn.first else "made-anew"
                await self._send(gap(self._next, turn.first, reason))
            self._next = turn.first
            return None
        if not turn.records:
            if self._next == turn.end or turn.next <= self._next:  # ours is the newest id that anybody has seen
                await self._tail.reached(self._next)
            self._next = max(self._next, turn.next)
            return repeats
        if repeats is None:
            repeats = Repeats()
        for start in range(0, len(turn.records), _TOGETHER):
            entries = []
            for record in turn.records[start : start + _TOGETHER]:
                if repeats.is_new(record) and record.offset >= self._next and record.value is not None:
                    entry = Entry(record.offset, frame(self._tail.kind.name, record.value, record.offset + 1))
                    if self._wants(entry):
                        entries.append(entry)
            await self._send_all(entries)
            await asyncio.sleep(0)
        self._next = turn.next
        return repeats

    def _wants(self, entry: Entry) -> bool:
        tail = self._tail
        return not self._asks or self._wanted.matches(entry.facts(tail.kind, tail.sources, tail.words))

    async def _follow(self, subscriber: Subscriber) -> str:
        """Send what comes; return why it ended."""
        while True:
            try:
                async with asyncio.timeout(_HEARTBEAT_S):
                    await subscriber.wake.wait()
            except TimeoutError:
                if (
                    not subscriber.wake.is_set()
                ):  # everything before ring.next was offered, and sent where it was wanted
                    self._next = self._tail.ring.next
                    await self._send(b": still here\nid: %d\n\n" % self._next)
                    continue
            await self._send_all(subscriber.take())
            if subscriber.cut_at is not None:
                self._next = subscriber.cut_at
                return "slow"
            if reason := self._over:
                if not subscriber.wake.is_set():
                    self._next = self._tail.ring.next
                return reason
