"""The door: what comes in, what does not, and what the producer is told."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.normalize import Normalizer
from agents.normalize.identity import identify
from schemas import RawArticle, Received, Refused, decode_raw
from streams.gateway.door import Refusal, Taken, check, lines

SOURCE = "sahifa.example"
ARTICLE = {
    "url": "https://sahifa.example/a/17?utm_source=x",
    "title": "افتتاح الجسر الجديد",
    "body": "افتتح الوزير الجسر الجديد صباح اليوم بعد عامين من العمل.",
    "published_at": "2026-05-01T09:30:00Z",
}


def id_of(article: RawArticle) -> str | None:
    return identify(article).id


def judged(value: Any) -> Taken | Refusal:
    return check(value if isinstance(value, bytes) else orjson.dumps(value), SOURCE, id_of)


def taken(value: Any) -> Taken:
    found = judged(value)
    assert isinstance(found, Taken), found
    return found


def refused(value: Any) -> tuple[int, str, str | None]:
    found = judged(value)
    assert isinstance(found, Refusal)
    return found.status, found.cause, found.pointer


def test_an_article_comes_in_byte_for_byte_under_the_key_of_its_url() -> None:
    sent = b'  {"source" : "sahifa.example",\t"url":"https://sahifa.example/a/17","title":"\\u062e\\u0628\\u0631"} '
    found = taken(sent)
    assert found.record == (b"https://sahifa.example/a/17", sent)


def test_its_id_is_what_normalize_makes_of_it() -> None:
    for article in (ARTICLE, ARTICLE | {"url": None, "source_id": "17"}):
        found = taken(article)
        event = Normalizer.shipped().normalize(decode_raw(found.record.value), Received(value=b"", seen_us=0))
        assert (found.id, event.source) == (event.id, SOURCE)
    assert taken(ARTICLE | {"url": None}).id is None  # it follows from the clean text


def test_an_article_without_a_source_gets_the_tokens_and_nothing_else_changes() -> None:
    sent = b'\n { "title":"\xd8\xae\xd8\xa8\xd8\xb1", "n": 1.0 }'
    found = taken(sent)
    assert found.record.value == b'\n {"source":"sahifa.example", "title":"\xd8\xae\xd8\xa8\xd8\xb1", "n": 1.0 }'
    assert found.record.key == b"sahifa.example\n"


@pytest.mark.parametrize("source", ["akhbar.example", "", " ", None])
def test_a_record_may_not_name_another_source(source: str | None) -> None:
    assert refused(ARTICLE | {"source": source}) == (422, "invalid", "#/source")


def test_a_source_within_a_field_is_none_of_the_record() -> None:
    value = taken(ARTICLE | {"extra": {"source": "akhbar.example"}}).record.value
    assert decode_raw(value).source == SOURCE
    assert decode_raw(value).extra == {"source": "akhbar.example"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"title": 5}, (422, "invalid", "#/title")),
        ({"status": "gone"}, (422, "invalid", "#/status")),
        ({"late": "yes"}, (422, "invalid", "#/late")),
        ({"url": "nonsense"}, (422, "invalid", "#/url")),
        ({"published_at": "yesterday"}, (422, "undated", "#/published_at")),
        ({"seen_at": "20260501T"}, (422, "undated", "#/seen_at")),
        ({"title": " … ", "body": "!"}, (422, "empty", "#/title")),
        ({"extra": {"blob": "x" * 20_000}}, (413, "too-large", "#/extra")),
        ({"body": "خ" * 600_000}, (413, "too-large", None)),
    ],
)
def test_what_is_wrong_is_named_with_its_field(change: dict[str, Any], told: tuple[int, str, str | None]) -> None:
    assert refused(ARTICLE | change) == told


@pytest.mark.parametrize("value", [b"", b"{", b"\xff", b"[1]", b"null", b'"text"', b'{"title": "\\ud800"}', b"{} {}"])
def test_what_is_no_json_object_is_no_record(value: bytes) -> None:
    status, cause, pointer = refused(value)
    assert (status, cause, pointer) in {(400, "not-json", None), (422, "invalid", None)}


def test_the_largest_record_comes_in_and_a_byte_more_does_not() -> None:
    article = ARTICLE | {"source": SOURCE, "body": ""}
    room = (1 << 20) - len(orjson.dumps(article)) - len(ARTICLE["url"].encode())
    assert taken(article | {"body": "x" * room})
    assert refused(article | {"body": "x" * (room + 1)}) == (413, "too-large", None)


def test_a_cancellation_needs_what_says_which_article() -> None:
    assert taken({"url": ARTICLE["url"], "status": "canceled"}).id == taken(ARTICLE).id
    assert taken({"source_id": "17", "status": "canceled"})
    assert refused({"title": "خبر", "status": "canceled"}) == (422, "invalid", "#/url")


def test_lines_keep_their_numbers_and_empty_ones_are_no_records() -> None:
    assert list(lines(b'\n{"a":1}\r\n \n{"b":2}')) == [(2, b'{"a":1}'), (4, b'{"b":2}')]
    assert list(lines(b"")) == []


FIELDS = st.dictionaries(
    st.sampled_from(["source", "source_id", "url", "title", "body", "lead", "published_at", "status", "late", "x"]),
    st.one_of(
        st.sampled_from([SOURCE, "https://sahifa.example/b", "usable", "withheld", "canceled", "2026-05-01", "خبر"]),
        st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.text(max_size=20),
    ),
)  # fmt: skip
NORMALIZER = Normalizer.shipped()


@given(FIELDS)
def test_what_comes_in_is_what_normalize_takes(fields: dict[str, Any]) -> None:
    found = judged(fields)
    if isinstance(found, Refusal):
        return
    article = decode_raw(found.record.value)
    try:
        event = NORMALIZER.normalize(article, Received(value=found.record.value, seen_us=1_800_000_000_000_000))
    except Refused as refusal:
        told, text = refusal.cause, f"{article.title}{article.body}"
    else:
        assert event.source == SOURCE
        assert found.id in (None, event.id)
        return
    assert told == "empty"
    assert any(each in text for each in ("<", "&", "://", "www."))  # letters that are all markup, or a link


@given(st.binary(max_size=60))
def test_nothing_that_is_sent_breaks_the_door(value: bytes) -> None:
    assert isinstance(judged(value), Taken | Refusal)
