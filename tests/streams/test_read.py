"""Reading: what is dropped, what is kept, and in which order, on records made by hand."""

from collections.abc import AsyncIterator

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from deploy.commands.read import _line
from streams.read import Record, latest_values, line_of, without_repeats


def record(offset: int, key: bytes | None, value: bytes | None, line: int | None = None) -> Record:
    headers = () if line is None else (("khabar-line", str(line).encode()),)
    return ConsumerRecord("t", 0, offset, 0, 1, key, value, None, 0, 0, headers)


async def stream(records: list[Record]) -> AsyncIterator[Record]:
    for each in records:
        yield each


@given(st.lists(st.integers(0, 9)))
async def test_a_reader_sees_each_number_of_the_line_once_and_in_order(lines: list[int]) -> None:
    records = [record(offset, b"k", b"v", line) for offset, line in enumerate(lines)]
    seen = [line_of(each) async for each in without_repeats(stream(records))]
    assert seen == sorted(set(seen))
    assert not lines or max(lines) in seen


async def test_what_carries_no_number_passes() -> None:
    records = [record(0, b"k", b"a"), record(1, b"k", b"a")]
    assert [each async for each in without_repeats(stream(records))] == records


@given(st.lists(st.tuples(st.none() | st.binary(max_size=2), st.none() | st.binary(max_size=5))))
async def test_the_newest_value_of_each_key_comes_in_the_order_of_the_keys(
    pairs: list[tuple[bytes | None, bytes | None]],
) -> None:
    values, keyless = await latest_values(stream([record(n, key, value) for n, (key, value) in enumerate(pairs)]))
    newest = {key: value for key, value in pairs if key is not None}
    assert list(values) == [newest[key] for key in sorted(newest) if newest[key] is not None]
    assert keyless == sum(key is None for key, _ in pairs)


async def test_values_that_do_not_fit_in_memory_wait_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.read._SPOOLED", 10)
    records = [record(n, str(n % 7).encode(), str(n).encode() * 5) for n in range(100)]
    values, _ = await latest_values(stream(records))
    assert list(values) == [str(n).encode() * 5 for n in (98, 99, 93, 94, 95, 96, 97)]


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ('{"title": "خبر"}'.encode(), '{"title": "خبر"}\n'.encode()),
        (b'{\r\n "a": "b\\nc"\n}', b'{   "a": "b\\nc" }\n'),
        (b"not json\nat all", b'"not json\\nat all"\n'),
        (b"\xff\x00", b'"\\\\xff\\u0000"\n'),
        (b"", b'""\n'),
    ],
)
def test_whatever_a_producer_sent_is_one_line_of_json(value: bytes, line: bytes) -> None:
    assert _line(value) == line
