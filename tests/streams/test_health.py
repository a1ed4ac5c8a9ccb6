"""A stage that stands still before waiting records is unhealthy; one that is idle, slow or holding back is not."""

import urllib.error
import urllib.request

import pytest
from faust.types import TP

from streams.health import Health, serve

HERE = TP("articles.raw", 0)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def health(clock):
    made = Health(clock)
    made.given({HERE: 100})
    return made


def test_standing_still_before_waiting_records_is_unhealthy(health, clock):
    health.ends({HERE: 120})
    clock.now = 61
    health.ends({HERE: 130})
    assert health.complaint() == "nothing was read for 61 s, and 30 records wait"


def test_idling_with_nothing_to_read_is_healthy(health, clock):
    clock.now = 1000
    health.ends({HERE: 100})
    assert health.complaint() is None
    clock.now = 1003
    health.ends({HERE: 105})  # something has come, just now
    assert health.complaint() is None


def test_reading_on_is_healthy_however_far_behind(health, clock):
    health.ends({HERE: 1_000_000})
    clock.now = 59
    health.read({HERE: 200})
    clock.now = 100
    assert health.complaint() is None
    assert health.lag() == {HERE: 999_800}


def test_a_stage_is_ready_once_it_was_given_partitions_and_not_while_memory_is_restored(health):
    assert health.ready
    health.taken()
    assert not health.ready
    assert health.lag() == {}


def test_a_broker_that_fell_silent_makes_an_idle_stage_unready_and_no_reason_to_restart_it(health, clock):
    clock.now = 15
    assert health.unready() is None
    clock.now = 16
    assert health.unready() == "not ready: Kafka has not answered for 16 s"
    assert health.complaint() is None
    health.heard()
    assert health.unready() is None


def get(server, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}{path}", timeout=5) as answer:
        return answer.status, answer.read()


def test_the_server_answers_three_paths_on_the_loopback_address(health, clock, unused_tcp_port):
    server = serve(unused_tcp_port, health, lambda: b"khabar 1\n")
    assert server.server_address[0] == "127.0.0.1"
    assert get(server, "/metrics") == (200, b"khabar 1\n")
    assert get(server, "/healthz") == get(server, "/readyz") == (200, b"ok\n")
    clock.now = 20
    with pytest.raises(urllib.error.HTTPError) as silent:
        get(server, "/readyz")
    assert (silent.value.code, silent.value.read()) == (503, b"not ready: Kafka has not answered for 20 s\n")
    health.taken()
    with pytest.raises(urllib.error.HTTPError) as unready:
        get(server, "/readyz")
    assert unready.value.code == 503
    with pytest.raises(urllib.error.HTTPError) as unknown:
        get(server, "/")
    assert unknown.value.code == 404
    server.shutdown()
    server.server_close()


def test_a_port_that_is_taken_is_said_and_no_reason_to_end(health, unused_tcp_port, caplog):
    first = serve(unused_tcp_port, health, lambda: b"")
    assert serve(unused_tcp_port, health, lambda: b"") is None
    assert f"port {unused_tcp_port}" in caplog.text
    first.shutdown()
    first.server_close()


def test_port_0_is_off(health):
    assert serve(0, health, lambda: b"") is None
