"""Thousands of clients at the live end: each gets what it wants once, and one that is too slow harms nobody, itself
included. `python -m deploy.loadtest` prints the figures of the whole."""

import pytest

from deploy.loadtest import measure

pytestmark = pytest.mark.kafka


@pytest.mark.timeout(200)
async def test_clients_that_keep_up_get_everything_once_and_slow_ones_are_cut_and_resume(kafka: str) -> None:
    figures = await measure(kafka, clients=150, rate=150, seconds=6, slow=1, stuck=2)
    assert figures.wrong == []
    assert figures.deliveries == 150 * 9 + 3 * 900
    assert figures.cuts >= 2


@pytest.mark.full
@pytest.mark.timeout(400)
async def test_two_thousand_clients_at_a_hundred_events_a_second(kafka: str) -> None:
    figures = await measure(kafka, clients=2_000, rate=100, seconds=60, slow=10, stuck=10)
    print(figures)
    assert figures.wrong == []
    assert figures.cuts >= 10
    assert figures.p99_ms <= 500
    assert figures.memory_mib - figures.memory_before_mib <= 200
