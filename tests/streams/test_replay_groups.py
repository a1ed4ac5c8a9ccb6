"""What goes between two progress marks, and when a stage counts as left alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import replay
from streams.archives import Placed, Unplaced

PLACED = Placed("p", "a:1", b"x")
UNPLACED = Unplaced("not-json", "a:1: x", b"x")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(replay.time, "monotonic", lambda: now[0])
    return now


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1200), st.integers(0, 1200))
def test_a_group_is_all_placed_or_all_unplaced_and_nothing_is_left_out(unplaced: int, placed: int) -> None:
    records = [UNPLACED] * unplaced + [PLACED] * placed
    groups = list(replay._groups(records))
    assert [record for group in groups for record in group] == records
    assert all(len({type(record) for record in group}) == 1 for group in groups)
    assert all(0 < len(group) <= replay.MARK_EVERY for group in groups)


def test_a_slow_archive_gets_its_marks_each_second(clock: list[float]) -> None:
    def slow():  # type: ignore[no-untyped-def]
        for _ in range(9):
            clock[0] += 0.4
            yield PLACED

    assert [len(group) for group in replay._groups(slow())] == [3, 3, 3]


def test_a_stage_is_alone_once_nobody_worked_on_it_for_ten_seconds(clock: list[float]) -> None:
    alone = replay._Alone()
    assert alone.look(["tag", "deduplicate"]) == ()
    clock[0] += 9
    assert alone.look(["tag"]) == ()  # deduplicate has a worker now
    clock[0] += 1
    assert alone.look(["tag", "deduplicate"]) == ("tag",)
    clock[0] += 10
    assert alone.look(["deduplicate"]) == ("deduplicate",)
