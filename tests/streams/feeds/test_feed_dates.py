"""Dates in the words of every part of the Arab world, and who is believed about them."""

from datetime import UTC, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import to_rfc3339
from streams.feeds.articles import date_of
from streams.feeds.dating import date_in_url, read_date
from streams.feeds.items import Item
from streams.pages import Page

RIYADH = ZoneInfo("Asia/Riyadh")


@pytest.mark.parametrize(
    ("text", "meant", "precision"),
    [
        ("2026-05-01T10:00:00+03:00", "2026-05-01T07:00:00Z", "second"),
        ("Fri, 01 May 2026 10:00:00 +0300", "2026-05-01T07:00:00Z", "second"),
        ("15 كانون الثاني 2026", "2026-01-14T21:00:00Z", "day"),
        ("15 كانون الأول 2026", "2026-12-14T21:00:00Z", "day"),
        ("١٥ يناير ٢٠٢٦", "2026-01-14T21:00:00Z", "day"),
        ("15 جانفي 2026", "2026-01-14T21:00:00Z", "day"),
        ("الجمعة 15 غشت 2025", "2025-08-14T21:00:00Z", "day"),
        ("15 أوت 2025", "2025-08-14T21:00:00Z", "day"),
        ("15 آب 2025", "2025-08-14T21:00:00Z", "day"),
        ("15 أغسطس / آب 2025", "2025-08-14T21:00:00Z", "day"),
        ("3 تشرين الأول (أكتوبر) 2025", "2025-10-02T21:00:00Z", "day"),
        ("3 يوليوز 2025", "2025-07-02T21:00:00Z", "day"),
        ("3 جويلية 2025", "2025-07-02T21:00:00Z", "day"),
        ("الأحد 3 أيار/مايو 2026، 14:30", "2026-05-03T11:30:00Z", "minute"),
        ("الأحد 3 مايو 2026 - 2:30 م", "2026-05-03T11:30:00Z", "minute"),
        ("3 مايو 2026 12:05 ص", "2026-05-02T21:05:00Z", "minute"),
        ("3 مايو 2026 12:05 مساء", "2026-05-03T09:05:00Z", "minute"),
        ("08:15 - 3 مايو 2026", "2026-05-03T05:15:00Z", "minute"),
        ("السبت، 02 ماي 2026 10:00:00 +0100", "2026-05-02T09:00:00Z", "second"),
        ("السبت، 02 مايو 2026 10:00:00 GMT", "2026-05-02T10:00:00Z", "second"),
        ("02/05/2026 10:00", "2026-05-02T07:00:00Z", "minute"),
        ("2026/5/2 10:00", "2026-05-02T07:00:00Z", "minute"),
        ("05/13/2026", "2026-05-12T21:00:00Z", "day"),
        ("1 رمضان 1447 هـ", "2026-02-17T21:00:00Z", "day"),
        ("١ محرم ١٤٤٧", "2025-06-25T21:00:00Z", "day"),
        ("12 ذو الحجة 1446", "2025-06-07T21:00:00Z", "day"),
        ("1447/09/01", "2026-02-17T21:00:00Z", "day"),
        ("01-09-1447 10:00", "2026-02-17T21:00:00Z", "day"),
        ("1 رمضان 1447 هـ الموافق 18 فبراير 2026 م", "2026-02-17T21:00:00Z", "day"),
        ("2026-05-01 10:00", "2026-05-01T07:00:00Z", "minute"),
        ("2026-05-01", "2026-04-30T21:00:00Z", "day"),
        ("1777627800", "2026-05-01T09:30:00Z", "second"),
    ],
)
def test_a_date_is_read_as_it_is_meant(text: str, meant: str, precision: str) -> None:
    found = read_date(text, RIYADH)
    assert found is not None
    assert (to_rfc3339(found.us), found.precision) == (meant, precision)


@pytest.mark.parametrize("text", ["", "أمس", "31 شباط 2026", "40 رمضان 1447", "99/99/2026", "1 محرم 9999", "12:30"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert read_date(text, RIYADH) is None


@given(st.text(max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    read_date(text, RIYADH)


@pytest.mark.parametrize(
    ("url", "day"),
    [
        ("https://example.org/2026/05/01/title", "2026-05-01T00:00:00Z"),
        ("https://example.org/news/2026-5-1/title", "2026-05-01T00:00:00Z"),
        ("https://example.org/2026/02/31/title", None),
        ("https://example.org/2026/05/17777", None),
        ("https://example.org/12345678", None),
    ],
)
def test_an_address_may_name_the_day(url: str, day: str | None) -> None:
    found = date_in_url(url)
    assert (None if found is None else to_rfc3339(found.us)) == day


def test_the_feed_is_believed_before_the_page_and_the_page_before_the_address() -> None:
    item = Item(date="2026-05-01", link="https://example.org/2026/05/03/a")
    page = Page(dates=("قريبا", "2026-05-02"))
    assert date_of(item, page, UTC).by == "feed"
    assert date_of(Item(link=item.link, date="أمس"), page, UTC).by == "page"
    assert date_of(Item(link=item.link), None, UTC).by == "url"
    assert date_of(Item(), None, UTC) == (None, "none")


def test_a_zone_in_the_text_goes_before_that_of_the_source() -> None:
    found = read_date("2026-05-01T10:00:00-05:00", timezone(timedelta(hours=3)))
    assert found is not None
    assert to_rfc3339(found.us) == "2026-05-01T15:00:00Z"
