"""How the shape of the counts is measured: from days of the line, and by what makes them likely."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agents.trends.evaluate import Day, days, likelihood
from schemas import EnrichedArticle, encode


def test_a_day_is_what_stands_in_the_window_when_the_line_leaves_it(
    enriched: Callable[..., EnrichedArticle], tmp_path: Path
) -> None:
    seen = ("2026-05-01T10:00:00Z", "2026-05-01T20:00:00Z", "2026-05-02T23:00:00Z", "2026-05-03T00:00:00Z")
    line = [enriched(number, f"a{number}", names=["ليلى"], seen=each) for number, each in enumerate(seen)]
    (tmp_path / "line.jsonl").write_bytes(b"".join(encode(event) + b"\n" for event in line))
    assert list(days(tmp_path / "line.jsonl")) == [[Day(2, 2, 0, 0)], [Day(1, 1, 2, 2)]]


def test_the_likeliest_shape_is_that_of_the_counts() -> None:
    even = [Day(texts, 100, 70, 700) for texts in (9, 10, 10, 11)]
    clumped = [Day(texts, 100, 70, 700) for texts in (1, 2, 7, 30)]
    assert likelihood(even, 50) > likelihood(even, 2)
    assert likelihood(clumped, 50) < likelihood(clumped, 2)
    assert likelihood([Day(0, 100, 7, 700)], 1.0) == pytest.approx(-0.6931, abs=1e-4)  # geometric, mean 1
