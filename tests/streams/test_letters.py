"""Dead letters: they say why, keep the bytes, and always fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import DeadLetter
from streams.letters import HEADERS, Letter, causes, write
from streams.topics import by_name, size_of

LARGEST = by_name("letters").largest
NOTE = DeadLetter(
    stage="normalize",
    cause="not-json",
    reason="the record is not JSON: unexpected character: line 1 column 1 (char 0)",
    from_topic="khabar.live.articles.raw.v1",
    from_partition=2,
    from_offset=214,
    at="2026-05-01T09:30:00Z",
)


def test_a_letter_keeps_key_bytes_and_headers_and_says_why() -> None:
    letter = write(NOTE, b"key", b"\xff\x00 not json", [("khabar-raw", b"2:214"), ("traceparent", b"00-1")])
    assert (letter.key, letter.value) == (b"key", b"\xff\x00 not json")
    assert list(letter.headers) == [
        ("khabar-raw", b"2:214"),
        ("traceparent", b"00-1"),
        ("khabar-stage", b"normalize"),
        ("khabar-cause", b"not-json"),
        ("khabar-reason", NOTE.reason.encode()),
        ("khabar-topic", b"khabar.live.articles.raw.v1"),
        ("khabar-partition", b"2"),
        ("khabar-offset", b"214"),
        ("khabar-at", b"2026-05-01T09:30:00Z"),
    ]


def test_a_producer_cannot_forge_what_a_letter_says() -> None:
    letter = write(NOTE, None, b"x", [("khabar-cause", b"none of your business"), ("khabar-trace", b"x")])
    assert dict(letter.headers)["khabar-cause"] == b"not-json"
    assert "khabar-trace" not in dict(letter.headers)


def test_of_a_long_trace_the_last_frames_are_kept_and_of_a_long_reason_the_beginning() -> None:
    note = DeadLetter(
        **{**_fields(NOTE), "trace": "first\n" + "x" * 99_999 + "\nlast", "reason": "begin " + "س" * 99_999}
    )
    headers = dict(write(note, None, b"", []).headers)
    assert headers["khabar-trace"].endswith(b"\nlast")
    assert len(headers["khabar-trace"]) <= 16_000
    assert headers["khabar-reason"].startswith(b"begin ")
    assert len(headers["khabar-reason"]) <= 2_000


@pytest.mark.parametrize("over", [0, 1])
def test_the_largest_record_that_fits_is_whole_and_one_byte_more_is_cut(over: int) -> None:
    room = LARGEST - size_of(b"key", b"", write(NOTE, b"key", b"", []).headers)
    letter = write(NOTE, b"key", b"v" * (room + over), [])
    cut = dict(letter.headers).get("khabar-truncated")
    assert cut == (str(room + 1).encode() if over else None)
    assert size_of(letter.key, letter.value, letter.headers) == LARGEST


SIZES = st.sampled_from([0, 1, 1000, LARGEST // 2, LARGEST - 200, LARGEST, LARGEST + 5])


@given(SIZES, SIZES, SIZES)
def test_a_letter_fits_its_topic_whatever_it_is_made_of(key: int, value: int, header: int) -> None:
    letter = write(NOTE, b"k" * key, b"v" * value, [("h", b"h" * header)])
    size = size_of(letter.key, letter.value, letter.headers)
    assert size <= LARGEST
    assert set(HEADERS) & set(dict(letter.headers)) >= {"khabar-stage", "khabar-cause", "khabar-offset"}
    whole = (len(letter.key or b""), len(letter.value or b""), ("h", b"h" * header) in letter.headers)
    assert ("khabar-truncated" in dict(letter.headers)) == (whole != (key, value, True))


async def test_letters_are_grouped_by_cause_the_most_frequent_first() -> None:
    def letter(cause: str, at: str, number: int) -> Letter:
        return Letter(
            note=DeadLetter(**{**_fields(NOTE), "cause": cause, "at": at}),
            key=None,
            value=b"",
            headers=[],
            number=number,
        )

    async def letters():  # type: ignore[no-untyped-def]
        yield letter("undated", "2026-05-02T00:00:00Z", 0)
        yield letter("empty", "2026-05-03T00:00:00Z", 1)
        yield letter("undated", "2026-05-01T00:00:00Z", 2)

    found = await causes(letters())
    assert [(c.cause, c.count, c.first[:10], c.last[:10], c.example.number) for c in found] == [
        ("undated", 2, "2026-05-01", "2026-05-02", 2),
        ("empty", 1, "2026-05-03", "2026-05-03", 1),
    ]


def _fields(note: DeadLetter) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(note)
