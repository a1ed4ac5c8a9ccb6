"""Places: the order of a replay."""

from hypothesis import given
from hypothesis import strategies as st

from schemas import FIRST, LAST, date_of, place_of

# the years 1 to 9999 in microseconds since 1970
dates = st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999)


@given(dates, dates, st.booleans(), st.booleans(), st.binary(), st.binary())
def test_places_sort_by_date_then_articles_before_cancellations(
    a: int, b: int, cancels_a: bool, cancels_b: bool, value_a: bytes, value_b: bytes
) -> None:
    one, other = place_of(a, canceled=cancels_a, value=value_a), place_of(b, canceled=cancels_b, value=value_b)
    if (a, cancels_a) != (b, cancels_b):
        assert (one < other) == ((a, cancels_a) < (b, cancels_b))
    else:
        assert (one == other) == (value_a == value_b)


@given(dates, st.booleans(), st.binary())
def test_a_place_lies_between_first_and_last_and_keeps_its_date(us: int, canceled: bool, value: bytes) -> None:
    place = place_of(us, canceled=canceled, value=value)
    assert FIRST < place < LAST
    assert date_of(place) == us
