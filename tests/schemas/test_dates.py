"""Dates as producers write them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import Instant, Refused, from_rfc3339, parse_date, to_rfc3339

MOMENT = int(datetime(2026, 5, 1, 9, 30, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("value", "precision"),
    [
        ("2026-05-01T09:30:00Z", "second"),
        ("2026-05-01T12:30:00+03:00", "second"),
        ("2026-05-01 09:30:00", "second"),
        ("2026-05-01T09:30", "minute"),
        ("2026-05-01T09:30Z", "minute"),
        ("2026-05-01T12:30+03:00", "minute"),
        ("Fri, 01 May 2026 09:30:00 GMT", "second"),
        ("01 May 2026 11:30:00 +0200", "second"),
        ("1 May 2026 09:30:00 +0000", "second"),
        (1777627800, "second"),
        (1777627800.0, "second"),
        (1777627800000, "second"),
        ("1777627800", "second"),
    ],
)
def test_one_moment_in_every_spelling(value: str | int | float, precision: str) -> None:
    assert parse_date(value, "published_at") == Instant(MOMENT, precision)  # type: ignore[arg-type]


def test_a_day_is_known_to_be_a_day() -> None:
    assert parse_date("2026-05-01", "published_at") == Instant(MOMENT - 9 * 3_600_000_000 - 1_800_000_000, "day")


def test_a_date_without_a_zone_is_read_in_the_zone_given() -> None:
    assert parse_date("2026-05-01 12:30:00", "published_at", ZoneInfo("Asia/Riyadh")).us == MOMENT


@pytest.mark.parametrize("value", ["yesterday", "", "2026-13-01", "9" * 40, "32 May 2026 09:30:00 GMT", float("nan")])
def test_what_is_no_date_is_refused_by_name(value: str | float) -> None:
    with pytest.raises(Refused, match=r"published_at is .*; give RFC 3339") as refused:
        parse_date(value, "published_at")
    assert refused.value.cause == "undated"


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_date_written_is_the_date_read(moment: datetime) -> None:
    us = parse_date(moment.isoformat(), "published_at").us
    assert from_rfc3339(to_rfc3339(us)) == us
    assert parse_date(to_rfc3339(us), "published_at").us == us


@given(st.text() | st.integers() | st.floats())
def test_anything_is_a_date_or_refused(value: str | int | float) -> None:
    try:
        parse_date(value, "published_at")
    except Refused:
        return
