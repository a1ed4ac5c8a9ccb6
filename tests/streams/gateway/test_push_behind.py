"""Backpressure: who sends too much is told to wait for about as long as it takes."""

import pytest

from streams.gateway.push import Behind


def test_nobody_waits_while_the_stage_keeps_up() -> None:
    behind = Behind(1_000)
    assert behind.wait() is None
    behind.seen(1_000, 10.0)
    assert behind.wait() is None


@pytest.mark.parametrize(
    ("before", "now", "seconds"),
    [
        (5_000, 4_000, 6),  # 1,000 in 2 s, 3,000 too many
        (2_000, 1_001, 1),
        (90_000, 89_000, 60),  # longer than anybody is told to wait
        (4_000, 4_000, 60),  # nobody works
        (4_000, 5_000, 60),
    ],
)
def test_the_wait_follows_from_how_fast_it_gets_less(before: int, now: int, seconds: int) -> None:
    behind = Behind(1_000)
    behind.seen(before, 10.0)
    behind.seen(now, 12.0)
    assert behind.wait() == seconds
