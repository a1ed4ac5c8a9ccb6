"""What goes between two progress marks, and when a stage counts as left alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import place_of
from streams import replay
from streams.archives import Placed, Standing, Unplaced
from streams.settings import Settings

PLACED = Placed("p", "a:1", b"x")
UNPLACED = Unplaced("not-json", "a:1: x", b"x")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(replay.time, "monotonic", lambda: now[0])
    return now


@settings(max_examples=30)
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


def at(seconds: float) -> Placed:
    value = str(seconds).encode()
    return Placed(place_of(int(seconds * 1e6), canceled=False, value=value), "a:1", value)


def test_with_a_speed_what_is_due_together_goes_out_together() -> None:
    records = [UNPLACED, at(0), at(0.1), at(10), at(10.3)]
    assert [len(group) for group in replay._groups(records, 1)] == [1, 2, 1, 1]
    assert [len(group) for group in replay._groups(records, 5)] == [1, 2, 2]
    assert [len(group) for group in replay._groups(records, 100)] == [1, 4]


async def test_with_a_speed_gaps_are_kept_and_divided(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    async def sleep(seconds: float) -> None:
        clock[0] += seconds

    monkeypatch.setattr(replay.asyncio, "sleep", sleep)
    said: list[str] = []
    sender = replay._Sender(Settings(), Standing("sending"), lambda standing: said.append(standing.waiting), 60, 1)
    went = []
    for record in (UNPLACED, at(1000), at(1030), at(1600), at(1600)):
        await sender._until_due(record)
        went.append(round(clock[0] - 100, 3))
    assert went == [0, 0, 0.5, 10, 10]
    assert said[1] == "the next article is due in 10 s"
    clock[0] += 30  # the stages were behind: what is overdue goes out at once
    await sender._until_due(at(1660))
    assert clock[0] == 140


def test_a_stage_is_alone_once_nobody_worked_on_it_for_ten_seconds(clock: list[float]) -> None:
    alone = replay._Alone()
    assert alone.look(["tag", "deduplicate"]) == ()
    clock[0] += 9
    assert alone.look(["tag"]) == ()  # deduplicate has a worker now
    clock[0] += 1
    assert alone.look(["tag", "deduplicate"]) == ("tag",)
    clock[0] += 10
    assert alone.look(["deduplicate"]) == ("deduplicate",)
