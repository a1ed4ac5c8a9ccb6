"""Whether a stage lives and is ready, and a little HTTP server that says so: /healthz, /readyz, /metrics."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from faust.types import TP

__all__ = ["Health", "Standing", "serve"]

log = logging.getLogger(__name__)

# A read position that has not moved for so long, with records before it, belongs to a consumer that died quietly. The
# slowest batch takes a second or two; Kafka itself may be away for longer, and a restart then does no harm.
_STILL_S = 60.0

# A broker that was not heard for so long does not answer: three rounds of the stage's own asking, which goes on while
# there is nothing to read. Much less would call a broker that restarts (3 s) or a long pause of Java's an outage.
_SILENT_S = 15.0


class Standing(Protocol):
    """What knows how a process gets on."""

    def unready(self) -> str | None:
        """Why nothing can be done now, None if something can."""

    def complaint(self) -> str | None:
        """What is wrong that a restart may mend, None if nothing is."""


class Health:
    """How a stage gets on. What it has read counts, not what it committed: deduplicate holds articles back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._moved = self._heard = clock()
        self._ends: Mapping[TP, int] = {}
        self._positions: dict[TP, int] = {}
        self.ready = False

    def heard(self) -> None:
        """The broker has just answered, whatever it said."""
        self._heard = self._clock()

    def silence(self) -> float | None:
        """For how many seconds the broker has not answered; None where that is no reason to worry yet."""
        silent = self._clock() - self._heard
        return silent if silent > _SILENT_S else None

    def taken(self) -> None:
        """Partitions are given anew; what must be restored for them is not there yet."""
        self.ready = False
        self._positions = {}

    def given(self, positions: Mapping[TP, int]) -> None:
        """These partitions are read from here on."""
        self._positions = dict(positions)
        self._moved = self._heard = self._clock()
        self.ready = True

    def read(self, positions: Mapping[TP, int]) -> None:
        """The stage has taken up what lies before these offsets."""
        self._positions.update(positions)
        self._moved = self._clock()

    def ends(self, ends: Mapping[TP, int]) -> None:
        """The broker says that the partitions end here."""
        if not any(self.lag().values()):
            self._moved = self._clock()  # everything had been read: the time to catch up begins now
        self._ends = dict(ends)

    def lag(self) -> dict[TP, int]:
        """Records that the stage has not taken up, by partition."""
        return {
            partition: max(0, self._ends.get(partition, 0) - position)
            for partition, position in self._positions.items()
        }

    def unready(self) -> str | None:
        """Why nothing can be done now, None if something can."""
        if not self.ready:
            return "not ready: no partitions were given yet, or memory is restored"
        silent = self.silence()
        return None if silent is None else f"not ready: Kafka has not answered for {silent:.0f} s"

    def complaint(self) -> str | None:
        """What is wrong that a restart may mend, None if nothing is; it mends no broker that is away."""
        behind = sum(self.lag().values())
        still = self._clock() - self._moved
        if behind and still > _STILL_S:
            return f"nothing was read for {still:.0f} s, and {behind:,} records wait"
        return None


def serve(port: int, health: Standing, metrics: Callable[[], bytes]) -> ThreadingHTTPServer | None:
    """Answer on 127.0.0.1 from a thread of its own; not at all on port 0, nor, with a warning, on one that is taken.

    A second worker of a stage on one machine must not fail for that: it works as well unseen.
    """
    if port == 0:
        return None

    class Handler(BaseHTTPRequestHandler):
        timeout = 5.0

        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(HTTPStatus.OK, metrics(), "text/plain; version=0.0.4; charset=utf-8")
            elif self.path == "/healthz":
                self._say(health.complaint())
            elif self.path == "/readyz":
                self._say(health.unready())
            else:
                self._answer(HTTPStatus.NOT_FOUND, b"there are /metrics, /healthz and /readyz\n")

        def _say(self, complaint: str | None) -> None:
            status = HTTPStatus.OK if complaint is None else HTTPStatus.SERVICE_UNAVAILABLE
            self._answer(status, f"{complaint or 'ok'}\n".encode())

        def _answer(self, status: HTTPStatus, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            log.debug(format, *args)

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as taken:
        log.warning(
            "no /metrics and /healthz: port %d: %s (another process may have it; set KHABAR_METRICS_PORT for workers, "
            "KHABAR_FOLLOW_PORT for khabar follow, to another, or to 0 for none)", port, taken.strerror,
        )  # fmt: skip
        return None
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server
