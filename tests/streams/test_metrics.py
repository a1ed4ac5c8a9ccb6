"""The metrics that dashboards and alerts are built on keep their names and labels."""

from faust.types import TP
from prometheus_client.parser import text_string_to_metric_families

from streams.metrics import Metrics


def samples(metrics):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def test_batches_latencies_and_lag_are_counted_under_their_names():
    metrics = Metrics("tag", "live", lambda: {TP("articles.normalized", 2): 7})
    metrics.batch({"out": 3, "refused": 1}, 0.04)
    metrics.batch({"out": 2}, 0.2)
    metrics.arrived([0.15, 1.5])
    found = samples(metrics)
    own = (("lane", "live"), ("stage", "tag"))
    assert found["khabar_records_total", own[0], ("outcome", "out"), own[1]] == 5
    assert found["khabar_records_total", own[0], ("outcome", "refused"), own[1]] == 1
    assert found["khabar_stage_duration_seconds_count", *own] == 2
    assert found["khabar_end_to_end_latency_seconds_sum", *own] == 1.65
    assert found["khabar_consumer_lag_records", own[0], ("partition", "2"), own[1]] == 7


def test_two_stages_in_one_process_do_not_mix():
    one, other = Metrics("tag", "live", dict), Metrics("tag", "live", dict)
    one.batch({"out": 1}, 0.1)
    own = (("lane", "live"), ("stage", "tag"))
    assert samples(other)["khabar_stage_duration_seconds_count", *own] == 0
