"""Events to bytes and back, and errors that name the field and what was found."""

import contextlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import EXTRA_LIMIT, RawArticle, Refused, Story, decode, decode_raw, encode

text = st.none() | st.text(st.characters(exclude_categories=["Cs"]))
raw_articles = st.builds(
    RawArticle,
    source=text,
    url=text,
    title=text,
    body=text,
    published_at=st.none() | st.text(st.characters(exclude_categories=["Cs"])) | st.integers(-(2**53), 2**53),
    late=st.booleans(),
    status=st.sampled_from(["usable", "withheld", "canceled"]),
    extra=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers(-(2**53), 2**53), max_size=5),
)


@given(raw_articles)
def test_what_is_written_is_read_back(article: RawArticle) -> None:
    assert decode_raw(encode(article)) == article
    assert decode(RawArticle, encode(article)) == article


@given(st.binary(max_size=200))
def test_bytes_are_read_or_refused_and_nothing_else(value: bytes) -> None:
    with contextlib.suppress(Refused):
        decode_raw(value)


@pytest.mark.parametrize(
    ("value", "cause", "said"),
    [
        (b'{"title": "x"', "not-json", "the record is not JSON"),
        (b'"x"', "invalid", 'the record is "x"; give a JSON object'),
        (b'{"title": 5}', "invalid", "title is 5; give text or null"),
        (b'{"status": "gone"}', "invalid", 'status is "gone"; give one of usable, withheld, canceled'),
        (b'{"extra": []}', "invalid", "extra is []; give an object"),
        (b'{"date_precision": "week"}', "invalid", 'date_precision is "week"; give one of '),
        (b'{"late": 1}', "invalid", "late is 1; give true or false"),
        (b'{"body": ["' + b"x" * 500 + b'"]}', "invalid", "body is "),
    ],
)
def test_a_refusal_names_the_field_and_what_was_found(value: bytes, cause: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        decode_raw(value)
    assert refused.value.cause == cause
    assert str(refused.value).startswith(said)
    assert len(str(refused.value)) < 200


def test_an_event_of_ours_that_lacks_a_field_is_refused_by_its_name() -> None:
    with pytest.raises(Refused, match="Story: missing field id"):
        decode(Story, b"{}")


def test_fields_without_a_name_of_ours_are_kept_in_extra() -> None:
    article = decode_raw(orjson.dumps({"title": "x", "desk": "economy", "extra": {"words": 7}}))
    assert article.extra == {"words": 7, "desk": "economy"}


def test_extra_is_limited() -> None:
    just = {"note": "x" * (EXTRA_LIMIT - len('{"note":""}'))}
    assert decode_raw(orjson.dumps({"extra": just})).extra == just
    with pytest.raises(Refused, match="extra is 16,385 bytes of JSON; at most 16,384 are kept"):
        decode_raw(orjson.dumps({"extra": {"note": just["note"] + "x"}}))
