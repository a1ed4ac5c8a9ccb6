"""From a line to a record with a place: dates, bounds, and the reasons for which a line has none."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import orjson
import pytest

from schemas import Misconfigured, date_of, decode_raw, from_rfc3339
from streams.archives import Bounds, FieldMap, Placed, Placing, Unplaced
from streams.archives.lines import LINE_LIMIT, Line
from streams.archives.placing import VALUE_LIMIT
from streams.topics import by_name

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
BOUNDS = Bounds.parse(None, None, UTC, NOW)
PLAIN = FieldMap.parse([])
TEXT = {"source": "صحيفة المرفأ", "title": "افتتاح الجسر الجديد"}


def place(record: object, placing: Placing = Placing(BOUNDS), mapping: FieldMap = PLAIN) -> Placed | Unplaced:  # noqa: B008
    value = record if isinstance(record, bytes) else orjson.dumps(record)
    return placing.place(Line("a.jsonl:7", value, len(value)), mapping, mapping.check())


def placed(record: object, placing: Placing = Placing(BOUNDS), mapping: FieldMap = PLAIN) -> Placed:  # noqa: B008
    found = place(record, placing, mapping)
    assert isinstance(found, Placed), found
    return found


def refused(record: object, placing: Placing = Placing(BOUNDS)) -> Unplaced:  # noqa: B008
    found = place(record, placing)
    assert isinstance(found, Unplaced), found
    return found


@pytest.mark.parametrize(
    ("given", "written", "precision"),
    [
        ("2015-07-21T02:51:32+03:00", "2015-07-20T23:51:32Z", "second"),
        ("2015-07-21 02:51:32", "2015-07-20T23:51:32Z", "second"),
        ("2015-07-21", "2015-07-20T21:00:00Z", "day"),
        ("Thu, 11 Oct 2012 04:04:00 +0400", "2012-10-11T00:04:00Z", "second"),
        (1437436292, "2015-07-20T23:51:32Z", "second"),
        ("1437436292000", "2015-07-20T23:51:32Z", "second"),
        (1437436292.25, "2015-07-20T23:51:32.250000Z", "second"),
    ],
)
def test_every_form_of_a_date_is_sent_as_one(given: object, written: str, precision: str) -> None:
    found = placed(TEXT | {"published_at": given}, Placing(BOUNDS, ZoneInfo("Asia/Riyadh")))
    sent = decode_raw(found.value)
    assert (sent.published_at, sent.date_precision) == (written, precision)
    assert date_of(found.place) == from_rfc3339(written)


def test_what_the_producer_says_of_its_precision_stays() -> None:
    found = placed(TEXT | {"published_at": "2015-07-21T00:00:00Z", "date_precision": "day"})
    assert decode_raw(found.value).date_precision == "day"


def test_a_record_is_placed_by_when_it_was_seen() -> None:
    found = placed(TEXT | {"published_at": "2015-07-21", "seen_at": "2015-07-22T10:00:00+03:00"})
    assert date_of(found.place) == from_rfc3339("2015-07-22T07:00:00Z")
    assert decode_raw(found.value).seen_at == "2015-07-22T07:00:00Z"


def test_a_record_that_was_seen_needs_no_other_date() -> None:
    sent = decode_raw(placed(TEXT | {"seen_at": "2015-07-22T07:00:00Z"}).value)
    assert (sent.published_at, sent.seen_at) == (None, "2015-07-22T07:00:00Z")


def test_an_article_stands_before_a_cancellation_of_its_own_date() -> None:
    article = placed(TEXT | {"source_id": "7", "published_at": "2015-07-21"})
    canceled = placed({"source": "س", "source_id": "7", "published_at": "2015-07-21", "status": "canceled"})
    assert article.place < canceled.place


def test_equal_records_have_equal_places_however_they_are_spaced() -> None:
    spaced = b'{ "title": "x",  "published_at": "2015-07-21" }'
    assert placed(spaced) == placed(b'{"title":"x","published_at":"2015-07-21"}')


@pytest.mark.parametrize(
    ("record", "cause", "reason"),
    [
        (b'{"title": ', "not-json", "a.jsonl:7: the line is not JSON: "),
        (b"\xff\xfe", "not-json", "a.jsonl:7: the line is not JSON: "),
        (["x"], "invalid", "a.jsonl:7: the line is an array, not a JSON object; give an array"),
        (None, "invalid", "a.jsonl:7: the line is null, not a JSON object"),
        (b"{", "not-json", "; JSON over several lines is no JSON lines"),
        (TEXT, "undated", "a.jsonl:7: published_at is missing; say --map published_at=FIELD"),
        (TEXT | {"published_at": None}, "undated", "a.jsonl:7: published_at is missing"),
        (TEXT | {"published_at": ""}, "undated", 'a.jsonl:7: published_at is ""; give RFC 3339'),
        (TEXT | {"published_at": "yesterday"}, "undated", 'a.jsonl:7: published_at is "yesterday"; give RFC 3339'),
        (TEXT | {"published_at": [2015]}, "undated", "a.jsonl:7: published_at is [2015]; give a date"),
        (TEXT | {"published_at": True}, "undated", "a.jsonl:7: published_at is true; give a date"),
        (
            TEXT | {"published_at": "1989-12-31"},
            "undated",
            'published_at is "1989-12-31", outside 1990-01-01T00:00:00Z',
        ),
        (
            TEXT | {"published_at": "2026-05-05"},
            "undated",
            "outside 1990-01-01T00:00:00Z to 2026-05-04T23:59:59.999999Z",
        ),
        (TEXT | {"published_at": "2015-07-21", "seen_at": 5}, "undated", "a.jsonl:7: seen_at is 5, outside"),
        (TEXT | {"published_at": "2015-07-21", "lead": 5}, "invalid", "a.jsonl:7: lead is 5; give text or null"),
        (
            TEXT | {"published_at": "2015-07-21", "status": "gone"},
            "invalid",
            'a.jsonl:7: status is "gone"; give one of usable, withheld, canceled',
        ),
        (TEXT | {"published_at": "2015-07-21", "x": "y" * 20000}, "too-large", "a.jsonl:7: extra is 20,008 bytes"),
    ],
)
def test_a_line_without_a_place_keeps_its_bytes_and_says_why(record: object, cause: str, reason: str) -> None:
    found = refused(record)
    assert found.cause == cause
    assert reason in found.reason
    assert found.value == (record if isinstance(record, bytes) else orjson.dumps(record))


def test_a_date_for_all_stands_in_for_none_and_for_what_is_none() -> None:
    placing = Placing(BOUNDS, ZoneInfo("Asia/Riyadh"), "2015-07-21")
    sent = decode_raw(placed(TEXT, placing).value)
    assert (sent.published_at, sent.date_precision) == ("2015-07-20T21:00:00Z", "day")
    assert (
        decode_raw(placed(TEXT | {"published_at": "2014-01-01"}, placing).value).published_at == "2013-12-31T21:00:00Z"
    )
    replaced = decode_raw(placed(TEXT | {"published_at": "yesterday", "date_precision": "second"}, placing).value)
    assert (replaced.published_at, replaced.date_precision) == ("2015-07-20T21:00:00Z", "day")
    assert replaced.extra == {"published_at": "yesterday"}


def test_a_number_serves_as_an_id() -> None:
    assert decode_raw(placed(TEXT | {"source_id": 17, "published_at": "2015-07-21"}).value).source_id == "17"


def test_what_nobody_asked_for_is_kept_in_extra() -> None:
    mapping = FieldMap.parse(["body=text"])
    sent = decode_raw(
        placed({"text": "نص", "body": "ملخص", "hits": 3, "published_at": 1437436292}, mapping=mapping).value
    )
    assert (sent.body, sent.extra) == ("نص", {"body": "ملخص", "hits": 3})


def test_a_value_at_the_limit_is_placed_and_one_byte_more_is_refused() -> None:
    def sized(size: int) -> bytes:
        record = {"body": "", "published_at": "2015-07-21T00:00:00Z", "date_precision": "second"}
        return orjson.dumps(record | {"body": "x" * (size - len(orjson.dumps(record)))})

    assert len(placed(sized(VALUE_LIMIT)).value) == VALUE_LIMIT < by_name("raw").largest
    found = refused(sized(VALUE_LIMIT + 1))
    assert (found.cause, len(found.value)) == ("too-large", VALUE_LIMIT)
    assert f"the record has {VALUE_LIMIT + 1:,} bytes" in found.reason


def test_a_line_that_was_cut_is_refused_with_its_whole_length() -> None:
    found = Placing(BOUNDS).place(Line("a.jsonl:7", b"{" * LINE_LIMIT, 3 * LINE_LIMIT), PLAIN, PLAIN.check())
    assert isinstance(found, Unplaced)
    assert found.cause == "too-large"
    assert f"the record has {3 * LINE_LIMIT:,} bytes" in found.reason


def test_nesting_deeper_than_can_be_written_is_refused() -> None:
    deep = b'{"published_at":"2015-07-21","title":"x","x":' + b"[" * 500 + b"]" * 500 + b"}"
    assert refused(deep).cause == "invalid"


def test_the_day_given_as_the_last_belongs_to_the_dates() -> None:
    bounds = Bounds.parse("2015-07-01", "2015-07-31", UTC, NOW)
    assert str(bounds) == "2015-07-01T00:00:00Z to 2015-07-31T23:59:59.999999Z"
    assert isinstance(place(TEXT | {"published_at": "2015-07-31T23:59:59Z"}, Placing(bounds)), Placed)
    assert isinstance(place(TEXT | {"published_at": "2015-08-01T00:00:00Z"}, Placing(bounds)), Unplaced)


def test_bounds_that_cannot_be_are_refused() -> None:
    with pytest.raises(Misconfigured, match=r"--from 2016.* is after --to 2015"):
        Bounds.parse("2016-01-01", "2015-01-01", UTC, NOW)
    with pytest.raises(Misconfigured, match='--to is "soon"'):
        Bounds.parse(None, "soon", UTC, NOW)
    with pytest.raises(Misconfigured, match="--published-at 1970-01-01 is outside"):
        Placing(BOUNDS, UTC, "1970-01-01")
