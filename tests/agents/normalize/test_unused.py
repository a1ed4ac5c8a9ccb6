"""What was sent and could not be used is kept as sent, within what extra may hold."""

import logging
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from schemas import EXTRA_LIMIT, NormalizedArticle

Normalized = Callable[..., NormalizedArticle]


@pytest.mark.parametrize("sent", ["yesterday", "2030-01-01", 0, 1e300, "0000-00-00"])
def test_a_date_that_cannot_be_used_is_kept_as_sent(normalized: Normalized, sent: Any) -> None:
    article = normalized(title="لقاء الوزراء", published_at=sent)
    assert (article.dated_by, article.extra) == ("none", {"published_at": sent})


@pytest.mark.parametrize("sent", [None, "", "2026-05-01"])
def test_a_date_that_is_used_or_was_not_sent_is_not_in_extra(normalized: Normalized, sent: Any) -> None:
    assert normalized(title="لقاء الوزراء", published_at=sent).extra == {}


@pytest.mark.parametrize(
    ("declared", "extra"),
    [("not a tag!!", {"language": "not a tag!!"}), ("en", {"language": "en"}), ("ar-EG", {}), ("AR", {}), ("", {})],
)
def test_a_declared_language_that_is_not_used_is_kept_as_sent(
    normalized: Normalized, declared: str, extra: dict[str, str]
) -> None:
    article = normalized(title="لقاء الوزراء في العاصمة", language=declared)
    assert (article.language, article.extra) == ("ar", extra)


def test_what_the_producer_put_in_extra_stays(normalized: Normalized) -> None:
    sent = {"published_at": "own", "tags": ["ماء"]}
    assert normalized(title="لقاء", published_at="yesterday", extra=sent).extra == sent


def test_extra_never_outgrows_its_limit_and_says_what_was_left_out(
    normalized: Normalized, caplog: pytest.LogCaptureFixture
) -> None:
    room = EXTRA_LIMIT - len(orjson.dumps({"note": "", "published_at": "yesterday"}))
    fits = normalized(title="لقاء", published_at="yesterday", extra={"note": "x" * room})
    assert fits.extra["published_at"] == "yesterday"
    with caplog.at_level(logging.WARNING):
        full = normalized(title="لقاء", published_at="yesterday", extra={"note": "x" * (room + 1)})
    assert list(full.extra) == ["note"]
    assert "published_at as sent is left out" in caplog.text
