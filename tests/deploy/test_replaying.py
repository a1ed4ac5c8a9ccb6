"""Which lane an archive goes to, and what is never replayed."""

import asyncio
import os
import re
import signal
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.replaying import _interruptible, check_lane, lane_name, speed_of, stopped_at
from schemas import Misconfigured, place_of
from streams.archives import Standing


@pytest.mark.parametrize(
    ("file", "lane"),
    [
        ("Saudi_2015.jsonl.gz", "replay-saudi-2015"),
        ("ant-2018-02-05.jsonl", "replay-ant-2018-02-05"),
        ("x" * 60 + ".jsonl", "replay-" + "x" * 33),
    ],
)
def test_a_lane_is_named_after_the_first_file(file: str, lane: str) -> None:
    assert lane_name([Path("folder") / file, Path("other.jsonl")]) == lane


def test_archives_whose_letters_cannot_stay_in_a_name_are_kept_apart() -> None:
    names = ("أرشيف السعودية 2015.jsonl", "أرشيف اليمن 2015.jsonl", "أرشيف.jsonl", "اليمن.jsonl")
    lanes = [lane_name([Path(name)]) for name in names]
    assert len(set(lanes)) == 4
    assert all(re.fullmatch(r"replay-(2015-)?[0-9a-f]{8}", lane) for lane in lanes)


@given(st.text(min_size=1, max_size=80).filter(lambda name: "/" not in name and "\0" not in name))
def test_every_name_made_of_a_file_is_one_of_a_lane(name: str) -> None:
    try:
        lane = lane_name([Path(name)])
    except Misconfigured:
        return
    assert re.fullmatch(r"[a-z0-9-]{1,40}", lane)


def test_live_articles_and_stdin_are_never_replayed() -> None:
    with pytest.raises(Misconfigured, match="never replayed into lane live"):
        check_lane("live", [Path("a.jsonl")])
    with pytest.raises(Misconfigured, match="stdin cannot be replayed"):
        check_lane("replay-a", [Path("-")])
    with pytest.raises(Misconfigured, match="name one with --lane"):
        lane_name([Path(".jsonl")])


def test_ctrl_c_ends_a_reading_that_gives_nobody_else_a_turn() -> None:
    async def read() -> None:
        with _interruptible():
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
            time.sleep(10)  # noqa: ASYNC251 - that is what is tested

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(read())
    assert time.monotonic() - begun < 5


def test_whoever_ends_a_replay_hears_how_far_it_is() -> None:
    place = place_of(1_777_600_000_000_000, canceled=False, value=b"")
    says = {
        "before anything was sent to lane a; the same command starts anew": Standing("reading", 40),
        ": 500 of 8,000 records were sent to lane a up to 2026-05-01T01:46:40Z": Standing("waiting", 500, 8_000, place),
        ": everything was sent to lane a, and is decided on up to 2026-05-01": Standing("following", 1, 9, place),
        ": everything was sent to lane a; the same command goes on from there": Standing("following"),
    }
    assert stopped_at(None, "a") == "stopped " + next(iter(says))
    for wanted, told in says.items():
        assert stopped_at(told, "a").removeprefix("stopped").lstrip().startswith(wanted.lstrip())


def test_a_speed_is_how_many_times_faster() -> None:
    assert speed_of("max") is None
    assert speed_of("real") == 1
    assert speed_of("3600") == 3600
    for word in ("0", "-1", "nan", "inf", "quick"):
        with pytest.raises(Misconfigured, match=f"--speed {word} is no speed"):
            speed_of(word)
