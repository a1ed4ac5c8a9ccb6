"""How the following of feeds goes, for Prometheus and for whoever restarts what hangs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

__all__ = ["Polls"]

# A feed that has been due for so long, though each poll is bounded to well under it: nothing polls any more. Lower, and
# a machine that slept is restarted for nothing; higher, and a hang goes on unseen.
_OVERDUE_S = 900.0


class Polls:
    """What became of polls since the start; read from another thread than written in. `now`: seconds since 1970."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self.outcomes: Counter[str] = Counter()  # new, same, or the class of a failure -> polls
        self.articles = 0
        self._failing: dict[int, bool] = {}  # feed -> whether its last poll failed
        self._due: dict[int, float] = {}  # feed -> when it is to be polled next

    def due(self, feed: int, at: float) -> None:
        """The feed is to be polled then."""
        self._due[feed] = max(at, self._now())  # what was due while nobody ran is due now

    def polled(self, feed: int, outcome: str, *, failed: bool) -> None:
        """A poll of the feed ended."""
        self.outcomes[outcome] += 1
        self._failing[feed] = failed

    def overdue(self) -> float:
        """For how many seconds the feed that waits longest has been due."""
        return max(0.0, self._now() - min(self._due.values(), default=self._now()))

    def unready(self) -> str | None:
        """Why nothing is followed, None if something is."""
        return None if self._due else "not ready: no feed is followed yet"

    def complaint(self) -> str | None:
        """What is wrong that a restart may mend, None if nothing is."""
        late = self.overdue()
        return f"a feed has been due for {late:.0f} s, and is not polled" if late > _OVERDUE_S else None

    def text(self, lane: str) -> bytes:
        """All of it, in Prometheus' text format."""
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(_Families(self, lane))
        return generate_latest(registry)

    def failing(self) -> int:
        """Feeds whose last poll failed."""
        return sum(self._failing.copy().values())

    def followed(self) -> int:
        """All feeds."""
        return len(self._due)


class _Families(Collector):
    def __init__(self, polls: Polls, lane: str) -> None:
        self._polls, self._lane = polls, lane

    def collect(self) -> Iterator[Metric]:
        polls, lane = self._polls, self._lane
        ended = CounterMetricFamily(
            "khabar_feed_polls", "Polls by what became of them: new, same, or a class of failure.",
            labels=["lane", "outcome"],
        )  # fmt: skip
        for outcome, count in polls.outcomes.copy().items():
            ended.add_metric([lane, outcome], count)
        yield ended
        sent = CounterMetricFamily(
            "khabar_feed_articles", "Articles that the broker has, versions included.", labels=["lane"]
        )
        sent.add_metric([lane], polls.articles)
        yield sent
        feeds = GaugeMetricFamily(
            "khabar_feeds", "Followed feeds by how their last poll went.", labels=["lane", "state"]
        )
        failing = polls.failing()
        feeds.add_metric([lane, "failing"], failing)
        feeds.add_metric([lane, "well"], polls.followed() - failing)
        yield feeds
        overdue = GaugeMetricFamily(
            "khabar_feed_overdue_seconds", "For how long the feed that waits longest has been due.", labels=["lane"]
        )
        overdue.add_metric([lane], polls.overdue())
        yield overdue
