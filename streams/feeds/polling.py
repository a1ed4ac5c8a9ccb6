"""When to ask a feed again: often where news comes often, rarely where it does not, and as it wishes."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from streams.feeds.items import Wishes

__all__ = ["Pace", "next_poll"]

# A poll that brought something halves the wait, one that did not makes it this much longer: ln 2 / ln 1.25 is three, so
# a feed with something new every T is asked about three times in T.
_QUICKER = 0.5
_SLOWER = 1.25
NO_WISHES = Wishes()
_JITTER = 0.1  # of the wait, both ways: feeds that were added together must not stay together


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds between polls. A shorter `shortest` has news a minute earlier and gives servers reason to complain; with
    a longer `longest`, what appears on a feed that slept may have left it again before it is seen."""

    first: float = 300.0
    shortest: float = 60.0
    longest: float = 6 * 3600.0

    def after_success(self, interval: float, *, new: bool) -> float:
        """The interval after a poll that worked."""
        return min(max(interval * (_QUICKER if new else _SLOWER), self.shortest), self.longest)

    def after_failure(self, interval: float, streak: int) -> float:
        """How long to wait after that many failures in a row; the interval itself stays as it was learned."""
        return float(min(max(interval, self.shortest) * 2 ** min(streak, 20), self.longest))


def next_poll(
    now: float,
    wait: float,
    *,
    at_least: float | None = None,
    wishes: Wishes = NO_WISHES,
    chance: random.Random,
) -> float:
    """The moment (seconds since 1970) of the next poll: `wait` from now give or take the jitter, not before `at_least`
    seconds (what the server asks for), and as the feed wishes."""
    at_least = max(at_least or 0.0, wishes.ttl or 0.0)
    wait *= 1 + chance.uniform(-_JITTER, _JITTER)
    if wait < at_least:
        wait = at_least * (1 + chance.uniform(0, _JITTER))
    at = datetime.fromtimestamp(now + wait, UTC)
    for _ in range(8 * 24):  # skipping all of it would be forever
        if at.hour not in wishes.skip_hours and at.weekday() not in wishes.skip_days:
            break
        at = at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1, seconds=chance.uniform(0, 300))
    return at.timestamp()
