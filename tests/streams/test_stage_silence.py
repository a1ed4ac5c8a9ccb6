"""A broker that falls silent is told of once, and once more when it is back, however long that takes."""

import logging
import re

import pytest

from schemas import NormalizedArticle, RawArticle
from streams.health import Health
from streams.settings import Settings
from streams.stage import Stage


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("said_at", "silences"), [((), 1), ((15, 30, 45, 60, 75), 0), ((40,), 2), ((40, 50, 60, 76), 1)]
)
async def test_a_silence_is_two_lines_in_the_log(
    said_at: tuple[int, ...], silences: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The stage looks each second for 100 s; the broker answers at `said_at`, and each second from 90 on."""
    stage = Stage("normalize", reads=RawArticle, writes=NormalizedArticle, settings=Settings(broker="kafka.example:1"))
    clock = Clock()
    stage.health = Health(clock)

    async def sleep(seconds: float) -> None:
        clock.now += seconds
        if clock.now in said_at or clock.now >= 90:
            stage.arrived(None)  # type: ignore[arg-type] # a slice, looked at by nobody
        if clock.now >= 100:
            stage._stopped.set()

    monkeypatch.setattr(stage, "sleep", sleep)
    with caplog.at_level(logging.WARNING, "streams.stage"):
        await stage._tell_of_silence()
    lost = r"Kafka at kafka\.example:1 does not answer since \d\d:\d\d:\d\d; trying on"
    back = r"Kafka at kafka\.example:1 answers again"
    assert len(caplog.messages) == 2 * silences
    for found, wanted in zip(caplog.messages, [lost, back] * silences, strict=True):
        assert re.fullmatch(wanted, found)
