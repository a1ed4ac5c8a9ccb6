"""Dates: what a producer says is believed if it can be, and said to be missing if it cannot."""

from collections.abc import Callable
from typing import Any

import pytest

from agents.normalize.dating import date_article
from schemas import NormalizedArticle, RawArticle, from_rfc3339


@pytest.mark.parametrize(
    ("given", "read", "precision"),
    [
        ("2026-05-01T09:30:00Z", "2026-05-01T09:30:00Z", "second"),
        ("2026-05-01T12:30:00+03:00", "2026-05-01T09:30:00Z", "second"),
        ("Fri, 01 May 2026 12:30:00 +0300", "2026-05-01T09:30:00Z", "second"),
        ("2026-05-01 09:30", "2026-05-01T09:30:00Z", "minute"),
        ("2026-05-01", "2026-05-01T00:00:00Z", "day"),
        (1777627800, "2026-05-01T09:30:00Z", "second"),
    ],
)
def test_a_date_is_read_in_every_usual_form(
    normalized: Callable[..., NormalizedArticle], given: Any, read: str, precision: str
) -> None:
    article = normalized(title="لقاء", published_at=given)
    assert (article.published_at, article.dated_by, article.date_precision) == (read, "given", precision)


@pytest.mark.parametrize(
    "given", [None, "", "أمس", "0000-00-00", "1970-01-01T00:00:00Z", 0, "2026-05-02T12:00:01Z", 1e300]
)
def test_a_date_that_cannot_be_is_no_date(normalized: Callable[..., NormalizedArticle], given: Any) -> None:
    article = normalized(title="لقاء", published_at=given)
    assert (article.published_at, article.dated_by, article.date_precision) == (None, "none", None)


def test_a_date_within_a_day_ahead_is_believed(normalized: Callable[..., NormalizedArticle]) -> None:
    assert normalized(title="لقاء", published_at="2026-05-02T12:00:00Z").published_at == "2026-05-02T12:00:00Z"


def test_what_the_producer_knows_of_its_date_is_kept(normalized: Callable[..., NormalizedArticle]) -> None:
    article = normalized(title="لقاء", published_at="2026-05-01T00:00:00Z", dated_by="page", date_precision="day")
    assert (article.dated_by, article.date_precision) == ("page", "day")


def test_a_replay_may_reach_back_further_than_the_first_news_sites() -> None:
    place = from_rfc3339("1985-01-01T00:00:00Z")
    assert date_article(RawArticle(published_at="1985-01-01"), place).published_at == "1985-01-01T00:00:00Z"


def test_the_time_seen_is_the_time_received(normalized: Callable[..., NormalizedArticle]) -> None:
    assert normalized(title="لقاء", seen_at="2020-01-01T00:00:00Z").seen_at == "2026-05-01T12:00:00Z"
