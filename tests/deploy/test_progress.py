"""What people and programs see of something long."""

import json

import pytest

from deploy.progress import Pace, showing
from schemas import LAST, place_of
from streams.archives import Standing


def test_the_rate_is_that_of_the_last_seconds_and_gives_the_time_left() -> None:
    pace = Pace()
    standing = Standing("sending", 0, 1000)
    assert pace.look(standing, 0.0).rate is None
    for second in range(1, 31):
        standing.done += 10 if second <= 15 else 20
        shown = pace.look(standing, float(second))
    assert shown.rate == 20.0
    assert shown.left == round((1000 - standing.done) / 20)
    assert "450 of 1,000" in str(shown)
    assert "20/s" in str(shown)


def test_a_wait_is_part_of_the_sending_and_a_new_phase_begins_anew() -> None:
    pace = Pace()
    pace.look(Standing("sending", 100, 1000), 0.0)
    waiting = pace.look(Standing("waiting", 100, 1000, waiting="tag is behind", unserved=("tag",)), 5.0)
    assert waiting.rate == 0.0
    assert waiting.left is None
    assert "tag is behind  no worker for tag" in str(waiting)
    assert pace.look(Standing("following", 5, 10), 6.0).rate is None


def test_the_stages_that_are_behind_are_shown_with_how_far() -> None:
    shown = Pace().look(Standing("following", 2, 9000, lag={"normalize": 0, "tag": 3400, "deduplicate": 12}), 0.0)
    assert shown.lag == {"normalize": 0, "tag": 3400, "deduplicate": 12}
    assert str(shown).endswith("behind: tag 3,400, deduplicate 12")


def test_the_event_time_reached_is_shown_once_there_is_one() -> None:
    place = place_of(1_437_436_292_000_000, canceled=False, value=b"")
    assert Pace().look(Standing("sending", 1, 2, place), 0.0).reached == "2015-07-20T23:51:32Z"
    assert Pace().look(Standing("following", 2, 2, LAST), 0.0).reached is None


def test_a_pipe_gets_a_json_line_a_phase_and_the_last_word(capsys: pytest.CaptureFixture[str]) -> None:
    with showing() as report:
        standing = Standing("reading")
        for standing.done in range(1, 1001):
            report(standing)
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [each["done"] for each in told] == [1, 1000]
    assert {each["phase"] for each in told} == {"reading"}
