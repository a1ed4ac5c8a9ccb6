"""How far something long is: a line that is rewritten in a terminal, a JSON line a second where stderr is a pipe.

In a pipe the words around it are JSON, too (console.speak_json): whoever reads it has one kind of line to read.
"""

import json
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from deploy.console import speak_json
from schemas import FIRST, LAST, date_of, to_rfc3339
from streams.archives import Report, Standing

__all__ = ["Pace", "Shown", "showing"]

_WINDOW_S = 10.0  # over which the rate is taken: longer hides a stall, shorter jumps with every batch
_PLAIN_S = 1.0
_TERMINAL_S = 0.1
_SAYS = {
    "reading": "reading and sorting",
    "processing": "processing",
    "sending": "sending",
    "waiting": "waiting",
    "following": "following the stages",
    "drained": "done",
    "unserved": "nobody works on the lane",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A standing with what follows from watching it: records a second, seconds left, event time reached (RFC 3339)."""

    phase: str
    done: int
    total: int
    rate: float | None
    left: int | None
    reached: str | None
    lag: Mapping[str, int]
    waiting: str
    unserved: tuple[str, ...]

    def __str__(self) -> str:
        words = [_SAYS[self.phase], f"{self.done:,} of {self.total:,}" if self.total else f"{self.done:,}"]
        if self.rate is not None:
            words.append(f"{self.rate:,.0f}/s")
        if self.left is not None:
            words.append(f"{self.left // 60}:{self.left % 60:02} left")
        if self.reached:
            words.append(f"at {self.reached[:16].replace('T', ' ')}")
        if behind := [f"{stage} {records:,}" for stage, records in self.lag.items() if records]:
            words.append(f"behind: {', '.join(behind)}")
        if self.waiting:
            words.append(self.waiting)
        if self.unserved:
            words.append(f"no worker for {', '.join(self.unserved)}")
        return "  ".join(words)


class Pace:
    """Turns standings into what is shown, by a clock that is given."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()
        self._phase = ""

    def look(self, standing: Standing, now: float) -> Shown:
        """What to show at `now` (seconds, monotonic)."""
        counted = "sending" if standing.phase == "waiting" else standing.phase
        if counted != self._phase:
            self._phase = counted
            self._seen.clear()
        self._seen.append((now, standing.done))
        while now - self._seen[0][0] > _WINDOW_S:
            self._seen.popleft()
        begun, before = self._seen[0]
        rate = (standing.done - before) / (now - begun) if now - begun >= 1 else None
        left = (standing.total - standing.done) / rate if rate and standing.total else None
        reached = None if standing.reached in (FIRST, LAST) else to_rfc3339(date_of(standing.reached))
        return Shown(
            phase=standing.phase,
            done=standing.done,
            total=standing.total,
            rate=None if rate is None else round(rate, 1),
            left=None if left is None else round(left),
            reached=reached,
            lag=dict(standing.lag),
            waiting=standing.waiting,
            unserved=standing.unserved,
        )


@contextmanager
def showing() -> Iterator[Report]:
    """Show what is reported to the callable given, as often as is good for the reader."""
    pace = Pace()
    told, phase = 0.0, ""
    missed: Standing | None = None
    terminal = sys.stderr.isatty()
    every = _TERMINAL_S if terminal else _PLAIN_S
    status = None
    if not terminal:
        speak_json()
    else:
        from rich.console import Console

        status = Console(stderr=True).status("")
        status.start()

    def report(standing: Standing) -> None:
        nonlocal told, phase, missed
        now = time.monotonic()
        if now - told < every and standing.phase == phase:
            missed = standing
            return
        told, phase, missed = now, standing.phase, None
        shown = pace.look(standing, now)
        if status is not None:
            status.update(str(shown))
        else:
            sys.stderr.write(json.dumps(asdict(shown), ensure_ascii=False) + "\n")
            sys.stderr.flush()

    try:
        yield report
    finally:
        if missed is not None:  # the last word of a phase
            told = 0.0
            report(missed)
        if status is not None:
            status.stop()
