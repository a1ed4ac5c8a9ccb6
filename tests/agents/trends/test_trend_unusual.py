"""How unusual a count is: never for what is as ever or not known, more for more, and slow to rise for rare names."""

from hypothesis import given
from hypothesis import strategies as st

from agents.trends.unusual import LEAST_PAST, unusual

COUNTS = st.integers(0, 10_000)


@given(COUNTS, st.integers(1, 10_000), COUNTS, COUNTS)
def test_more_texts_are_never_less_unusual(texts: int, others: int, past: int, past_others: int) -> None:
    of, past_of = texts + others, past + past_others
    expected, score = unusual(texts, of, past, past_of)
    more_expected, more = unusual(texts + 1, of, past, past_of)
    assert 0 <= score <= more
    assert past_of < LEAST_PAST * of or expected == more_expected


@given(COUNTS, st.integers(1, 100))
def test_what_is_named_as_ever_is_not_unusual(past: int, share: int) -> None:
    assert unusual(past, past * share, past * 7, past * share * 7)[1] == 0


def test_without_a_past_nothing_is_unusual() -> None:
    assert unusual(30, 30, 0, 0) == (30.0, 0.0)
    assert unusual(30, 100, 3, 299) == (30.0, 0.0)
    assert unusual(30, 100, 3, 300)[1] > 3


def test_one_text_makes_no_name_rise_and_several_do() -> None:
    alone, three, ten = (unusual(texts, 50, 0, 8000)[1] for texts in (1, 3, 10))
    assert alone < 1 < three < 3 < ten


def test_twice_as_many_are_more_unusual_for_what_is_often_named() -> None:
    assert unusual(4, 100, 14, 700)[1] < unusual(40, 100, 140, 700)[1]
