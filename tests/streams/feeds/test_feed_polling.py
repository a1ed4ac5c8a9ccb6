"""How often a feed is asked: busy ones often, dead ones rarely, none against its wish."""

import random
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from streams.feeds.items import Wishes
from streams.feeds.polling import Pace, next_poll

PACE = Pace()
NOW = datetime(2026, 5, 1, 9, 30, tzinfo=UTC).timestamp()


def settled(gap: float) -> float:
    """The mean interval between polls of a feed with something new every `gap` seconds, once learned."""
    interval, now, newest, polls = PACE.first, 0.0, 0.0, 0
    while now < 400 * gap:
        now += interval
        new = now - newest >= gap
        newest = now // gap * gap if new else newest
        interval = PACE.after_success(interval, new=new)
        polls += now > 200 * gap
    return 200 * gap / polls


def test_a_feed_is_asked_a_few_times_as_often_as_it_brings_something() -> None:
    for gap in (600, 3600, 4 * 3600):
        assert gap / 8 < settled(gap) < gap


def test_the_busiest_and_the_dead_meet_the_bounds() -> None:
    interval = PACE.first
    for _ in range(50):
        interval = PACE.after_success(interval, new=True)
    assert interval == PACE.shortest
    for _ in range(50):
        interval = PACE.after_success(interval, new=False)
    assert interval == PACE.longest


def test_failures_are_waited_out_ever_longer_and_never_for_ever() -> None:
    waits = [PACE.after_failure(300, streak) for streak in range(1, 100)]
    assert waits[:2] == [600, 1200]
    assert waits[-1] == PACE.longest


@given(
    st.floats(0.1, 1e5), st.none() | st.floats(0, 1e5), st.none() | st.floats(0, 1e5),
    st.frozensets(st.integers(0, 23), max_size=23), st.frozensets(st.integers(0, 6), max_size=6), st.randoms(),
)  # fmt: skip
def test_the_wishes_of_feed_and_server_hold(
    wait: float, at_least: float | None, ttl: float | None, hours: set[int], days: set[int], chance: random.Random
) -> None:
    wishes = Wishes(ttl=ttl, skip_hours=tuple(hours), skip_days=tuple(days))
    at = next_poll(NOW, wait, at_least=at_least, wishes=wishes, chance=chance)
    moment = datetime.fromtimestamp(at, UTC)
    assert at >= NOW + max(0.9 * wait, at_least or 0, ttl or 0) - 0.001
    assert moment.hour not in hours
    assert moment.weekday() not in days


def test_feeds_that_were_added_together_do_not_stay_together() -> None:
    chance = random.Random(1)
    times = {next_poll(NOW, 300, chance=chance) for _ in range(100)}
    assert len(times) == 100
    assert max(times) - min(times) > 30
