"""The map from an archive's fields to ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import Misconfigured
from streams.archives import FieldMap


def test_a_mapped_field_appears_under_our_name_only() -> None:
    found = FieldMap.parse(["body=text", "source=src"]).apply({"text": "نص", "src": "صحيفة المرفأ", "hits": 3})
    assert found == {"body": "نص", "source": "صحيفة المرفأ", "hits": 3}


def test_one_field_may_serve_two_of_ours() -> None:
    assert FieldMap.parse(["body=text", "title=text"]).apply({"text": "نص"}) == {"body": "نص", "title": "نص"}


def test_a_field_whose_name_is_taken_by_another_goes_to_extra() -> None:
    mapping = FieldMap.parse(["body=text"])
    assert mapping.apply({"body": "قديم", "text": "نص"}) == {"body": "نص", "extra": {"body": "قديم"}}
    assert mapping.apply({"body": 1, "text": "نص", "extra": {"x": 2}}) == {"body": "نص", "extra": {"x": 2, "body": 1}}


def test_two_fields_may_change_places() -> None:
    mapping = FieldMap.parse(["title=lead", "lead=title"])
    assert mapping.apply({"title": "أ", "lead": "ب"}) == {"lead": "أ", "title": "ب"}


@given(st.dictionaries(st.sampled_from(["title", "body", "text", "t", "hits"]), st.integers()))
def test_no_value_is_lost(found: dict[str, int]) -> None:
    out = FieldMap.parse(["body=text", "title=t"]).apply(found)
    aside = out.pop("extra", {})
    assert sorted([*out.values(), *aside.values()]) == sorted(found.values())


def test_an_extra_that_is_no_object_is_left_to_be_refused() -> None:
    assert FieldMap.parse(["body=text"]).apply({"body": 1, "text": 2, "extra": "x"}) == {"body": 2, "extra": "x"}


@pytest.mark.parametrize("pair", ["body", "body=", "=text", ""])
def test_what_is_no_pair_is_refused(pair: str) -> None:
    with pytest.raises(Misconfigured, match="is no pair"):
        FieldMap.parse([pair])


def test_a_field_that_is_not_ours_is_refused_with_those_that_are() -> None:
    with pytest.raises(Misconfigured, match=r"text is none of our fields; they are source, .*published_at"):
        FieldMap.parse(["text=body"])


def test_two_maps_for_one_field_are_refused() -> None:
    with pytest.raises(Misconfigured, match="body is mapped already, to text"):
        FieldMap.parse(["body=text", "body=content"])


def test_a_map_to_a_field_that_no_record_has_lists_those_of_the_first() -> None:
    check = FieldMap.parse(["body=text", "author=by"]).check()
    check.show({"content": "نص", "by": "ليان"}, "a.jsonl:1")
    check.show({"content": "نص"}, "a.jsonl:2")
    with pytest.raises(Misconfigured, match=r"body=text: no text in the input; a\.jsonl:1 has the fields content, by"):
        check.finish()


def test_a_field_that_only_some_records_have_is_no_wrong_map() -> None:
    check = FieldMap.parse(["author=by"]).check()
    for number in range(99):
        check.show({"content": "نص"}, f"a.jsonl:{number}")
    check.show({"by": "ليان"}, "a.jsonl:100")
    check.finish()


def test_a_wrong_map_is_noticed_before_a_long_archive_is_read_whole() -> None:
    check = FieldMap.parse(["author=by"]).check()
    for number in range(1, 100):
        check.show({"content": "نص"}, f"a.jsonl:{number}")
    with pytest.raises(Misconfigured, match=r"no by in the input; a\.jsonl:1 has"):
        check.show({"content": "نص"}, "a.jsonl:100")
