"""The place of a record in the line of a replay: one string, so that places compare as bytes do."""

from xxhash import xxh3_128_hexdigest

__all__ = ["FIRST", "LAST", "date_of", "place_of"]

FIRST = ""  # below every place
LAST = "~"  # above every place: the end mark

# Shifts every date of the years 1 to 9999 above zero, so that twenty digits sort as the numbers do.
_SHIFT = 1 << 62


def place_of(us: int, *, canceled: bool, value: bytes) -> str:
    """The place of a raw value that is dated `us` (microseconds since 1970): by date, an article before a
    cancellation, then by the hash of the value. Equal only for equal values."""
    return f"{us + _SHIFT:020d}{int(canceled)}{xxh3_128_hexdigest(value)}"


def date_of(place: str) -> int:
    """The date in a place, in microseconds since 1970."""
    return int(place[:20]) - _SHIFT
