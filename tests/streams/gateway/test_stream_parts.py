"""The parts of a stream without Kafka: the filters, who is found by them, the ring, and repeats."""

import random
from typing import Any, NamedTuple

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from agents.normalize.words import Words
from streams.gateway.audience import BUFFER, BUFFER_BYTES, Audience
from streams.gateway.filters import FILTERS, PERIOD, Facts, Filter
from streams.gateway.kinds import KINDS
from streams.gateway.problem import Problem
from streams.gateway.ring import Entry, Repeats, Ring, frame

WORDS = Words.shipped()


class Source(NamedTuple):
    country: str | None = None
    group: str | None = None


SOURCES = {"a.example": Source("EG", "مصر"), "b.example": Source("sy"), "c.example": Source()}


def wanted(*parameters: tuple[str, str]) -> Filter:
    return Filter.of(parameters, WORDS, allowed=FILTERS | PERIOD)


def event(**fields: Any) -> dict[str, Any]:
    return {
        "title": "خبر", "lead": None, "body": "نص", "language": "ar", "source": "a.example", "entities": [],
        "relation": {"kind": "new"}, "story": {"id": "s"}, "seen_at": "2026-05-01T09:30:00Z",
    } | fields  # fmt: skip


def facts(**fields: Any) -> Facts:
    return Facts.of_article(event(**fields), SOURCES, WORDS)


def test_a_repeated_parameter_means_any_and_different_ones_mean_all() -> None:
    one = facts(entities=[{"id": "wd:Q1", "name": "مصر"}])
    assert wanted(("entity", "wd:Q1"), ("entity", "wd:Q2"), ("source", "a.example")).matches(one)
    assert not wanted(("entity", "wd:Q1"), ("source", "b.example")).matches(one)
    assert wanted(("country", "eg"), ("group", "مصر")).matches(one)
    assert wanted(("q", "لا شيء مما كان"), ("q", "خبر")).matches(one)
    assert wanted(("since", "2026-05-01T09:30:00Z"), ("until", "2026-05-02")).matches(one)
    assert not wanted(("until", "2026-05-01T09:30:00Z")).matches(one)
    assert wanted().matches(one)


def test_new_stories_only_passes_what_opens_a_story() -> None:
    assert wanted(("new-stories-only", "1")).matches(facts())
    assert not wanted(("new-stories-only", "1")).matches(facts(relation={"kind": "copy"}))
    assert not wanted(("new-stories-only", "1")).matches(facts(relation=None, story=None))
    assert wanted(("new-stories-only", "0")).matches(facts(relation={"kind": "copy"}))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("relation", "twin", "relation is 'twin'; give one of contained, copy"),
        ("entity", "", "entity is empty"),
        ("source", "x" * 201, "source has 201 characters"),
        ("q", "؟", "there is no word to look for"),
        ("new-stories-only", "maybe", "new-stories-only is 'maybe'"),
        ("since", "yesterday", "since is"),
    ],
)
def test_a_wrong_parameter_is_named(name: str, value: str, said: str) -> None:
    with pytest.raises(Problem) as problem:
        wanted((name, value))
    assert problem.value.status_code == 400
    assert said in problem.value.detail
    assert problem.value.errors[0]["parameter"] == name


def test_the_facts_of_stories_trends_and_alerts() -> None:
    story = Facts.of_story(
        {
            "id": "s", "headline": "زيارة وفد", "language": "ar", "articles": 2, "last_seen_at": "2026-05-01T09:30:00Z",
            "members": [{"title": "وفد في دمشق", "kind": "new"}, {"title": None, "kind": "copy"}],
            "sources": [{"source": "a.example"}, {"source": "b.example"}],
            "entities": [{"id": "geo:1", "name": "دمشق"}],
        },
        SOURCES,
        WORDS,
    )  # fmt: skip
    assert wanted(("source", "b.example"), ("country", "eg"), ("relation", "copy"), ("q", "دمشق")).matches(story)
    assert not wanted(("new-stories-only", "1")).matches(story)
    trend = Facts.of_trend({"entity": "geo:1", "name": "على حسن", "until": "2026-05-01T09:30:00Z"}, SOURCES, WORDS)
    assert wanted(("entity", "geo:1"), ("q", "علي")).matches(trend)
    alert = Facts.of_alert(
        {"story": "s", "source": "a.example", "text": "خبر عن مصر", "headline": "زيارة", "at": "2026-05-01T09:30:00Z"},
        SOURCES,
        WORDS,
    )
    assert wanted(("story", "s"), ("group", "مصر"), ("q", "بمصر")).matches(alert) is False
    assert wanted(("story", "s"), ("group", "مصر"), ("q", "مصر")).matches(alert)


def parameters() -> st.SearchStrategy[tuple[str, str]]:
    return st.one_of(
        st.tuples(st.just("entity"), st.sampled_from(["e1", "e2", "e3"])),
        st.tuples(st.just("source"), st.sampled_from(list(SOURCES))),
        st.tuples(st.just("country"), st.sampled_from(["eg", "SY"])),
        st.tuples(st.just("q"), st.sampled_from(["مصر", "علي", "وفد مصر", '"وفد"', "دمشق"])),
        st.tuples(st.just("relation"), st.sampled_from(["new", "copy"])),
        st.tuples(st.just("new-stories-only"), st.just("1")),
    )


@given(
    st.lists(st.lists(parameters(), max_size=3), max_size=8),
    st.lists(st.sampled_from(["e1", "e2", "e3"]), max_size=2),
    st.sampled_from([*SOURCES, "d.example"]),
    st.lists(st.sampled_from(["وفد", "مصر", "بمصر", "على", "علي", "لدمشق"]), max_size=4),
    st.sampled_from(["new", "copy"]),
)
def test_an_audience_finds_exactly_those_whose_filters_match(
    given_ones: list[list[tuple[str, str]]], entities: list[str], source: str, words: list[str], kind: str
) -> None:
    audience = Audience()
    filters = [wanted(*each) for each in given_ones]
    subscribers = [audience.join(each) for each in filters]
    left = random.Random(len(filters)).sample(range(len(filters)), len(filters) // 2)
    for each in left:
        audience.leave(filters[each], subscribers[each])
    one = facts(
        entities=[{"id": each, "name": "اسم"} for each in entities],
        source=source,
        title=" ".join(words),
        relation={"kind": kind},
    )
    expected = {id(subscribers[n]) for n in range(len(filters)) if n not in left and filters[n].matches(one)}
    found = list(audience.of(one if audience.asks else None))
    assert {id(each) for each in found} == expected
    assert len(found) == len(expected)
    for each in set(range(len(filters))) - set(left):
        audience.leave(filters[each], subscribers[each])
    assert not len(audience)
    assert not any((audience._groups, audience._by_fact, audience._by_term, audience._always))


def entry(offset: int, size: int = 10) -> Entry:
    return Entry(offset, frame("enriched", b"x" * size, offset + 1))


@pytest.mark.parametrize(("most", "size"), [(BUFFER, 10), (BUFFER_BYTES // 10_000, 10_000)], ids=["count", "bytes"])
def test_who_is_too_slow_resumes_where_it_left_off_and_holds_nothing(most: int, size: int) -> None:
    subscriber = Audience().join(Filter())
    subscriber.offer(entry(7, size))
    assert [each.offset for each in subscriber.take()] == [7]
    for offset in range(8, 20 + most):
        subscriber.offer(entry(offset, size))
    assert subscriber.cut_at == 8
    assert subscriber.take() == []


def test_an_event_larger_than_the_buffer_is_taken_alone() -> None:
    subscriber = Audience().join(Filter())
    subscriber.offer(entry(1, BUFFER_BYTES * 2))
    assert [each.offset for each in subscriber.take()] == [1]


def test_a_ring_keeps_the_newest_within_its_bounds_and_knows_from_where_it_is_whole() -> None:
    ring = Ring(most=5, most_bytes=1_000)
    ring.start(100)
    for offset in range(100, 130, 3):  # offsets have gaps: what ends transactions, what was compacted
        ring.append(entry(offset))
    assert [each.offset for each in ring.since(0, 99)] == [115, 118, 121, 124, 127]
    assert (ring.first, ring.next, len(ring)) == (113, 128, 5)
    assert [each.offset for each in ring.since(119, 2)] == [121, 124]
    ring.append(entry(130, 900))
    assert ring.first == 125  # of bytes there is room for one more
    ring.append(entry(131, 5_000))
    assert (len(ring), ring.first) == (1, 131)


@given(st.lists(st.integers(1, 20), max_size=900))
def test_a_ring_is_a_suffix_of_what_came(steps: list[int]) -> None:
    ring, offsets = Ring(most=7), []
    for step in steps:
        offsets.append((offsets[-1] if offsets else 0) + step)
        ring.append(entry(offsets[-1]))
    assert [each.offset for each in ring.since(0, 99)] == offsets[-7:]
    assert all(offset < ring.first for offset in offsets[:-7])


def record(offset: int, line: int | None) -> Any:
    headers = () if line is None else (("khabar-line", str(line).encode()),)
    return ConsumerRecord("t", 0, offset, 0, 0, b"k", b"{}", None, 0, 2, headers)


def test_repeats_are_told_by_the_line_and_what_has_none_is_new() -> None:
    repeats = Repeats()
    sent = [1, 1, 2, 1, 2, 5, 4, None, None, 6]
    fresh = [repeats.is_new(record(n, line)) for n, line in enumerate(sent)]
    assert fresh == [True, False, True, False, False, True, False, True, True, True]


def test_data_of_several_lines_stays_one_event_and_what_is_none_of_ours_passes_no_filter() -> None:
    assert frame("enriched", b'{\n"a":\r\n1}', 5) == b'id: 5\nevent: enriched\ndata: {\ndata: "a":\ndata: 1}\n\n'
    strange = Entry(4, frame("enriched", b'{\n"a": 1}', 5)).facts(KINDS["enriched"], SOURCES, WORDS)
    assert wanted().matches(strange)
    assert not wanted(("source", "a.example")).matches(strange)
