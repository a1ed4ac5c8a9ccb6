"""What a stage counts and measures, for Prometheus. Counters count deliveries: a record that comes again counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from faust.types import TP
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

__all__ = ["Metrics"]

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)


class Metrics:
    """The metrics of one stage; `lag` is asked at every scrape: partition -> records not read yet."""

    def __init__(self, stage: str, lane: str, lag: Callable[[], Mapping[TP, int]]) -> None:
        self.registry = CollectorRegistry()
        own = {"stage": stage, "lane": lane}
        self._records = Counter(
            "khabar_records", "Records delivered to the stage, by what became of them.", [*own, "outcome"],
            registry=self.registry,
        )  # fmt: skip
        self._duration = Histogram(
            "khabar_stage_duration_seconds", "From taking up a batch to the broker having all of its outputs.", [*own],
            buckets=_SECONDS, registry=self.registry,
        ).labels(**own)  # fmt: skip
        self._latency = Histogram(
            "khabar_end_to_end_latency_seconds", "From the append of a raw article to its decision; live lanes.",
            [*own], buckets=_SECONDS, registry=self.registry,
        ).labels(**own)  # fmt: skip
        self._own = own
        ProcessCollector(registry=self.registry)
        self.registry.register(_Lag(own, lag))

    def batch(self, outcomes: Mapping[str, int], seconds: float) -> None:
        """A batch was delivered: how many records came to which outcome, and how long it took."""
        for outcome, count in outcomes.items():
            self._records.labels(**self._own, outcome=outcome).inc(count)
        self._duration.observe(seconds)

    def arrived(self, latencies: Iterable[float]) -> None:
        """Articles came out at the end of the way, so many seconds after they came in."""
        for seconds in latencies:
            self._latency.observe(seconds)

    def text(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self.registry)


class _Lag(Collector):
    def __init__(self, own: Mapping[str, str], lag: Callable[[], Mapping[TP, int]]) -> None:
        self._own, self._lag = own, lag

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "khabar_consumer_lag_records", "Records that the stage has not read yet.", labels=[*self._own, "partition"]
        )
        for (_, partition), records in self._lag().items():
            family.add_metric([*self._own.values(), str(partition)], records)
        yield family
