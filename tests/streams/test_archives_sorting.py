"""Sorting out of core: one order whatever the input's and the memory, and nothing left out."""

import errno
import random
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import Misconfigured, place_of
from streams.archives import Archive, Bounds, FieldMap, Placed, Placing, Sorter, Unplaced, sorting

BOUNDS = Bounds.parse(None, None, UTC, datetime(2026, 5, 4, tzinfo=UTC))

records = st.builds(
    lambda us, value: Placed(place_of(us, canceled=False, value=value), "a:1", value),
    st.integers(0, 5),
    st.binary(max_size=40),
)


def through(items: list[Placed | Unplaced], memory: int) -> tuple[list[Unplaced], list[Placed]]:
    with Sorter(memory) as sorter:
        for item in items:
            sorter.add(item)
        return list(sorter.unplaced()), list(sorter.placed())


@settings(max_examples=60)
@given(st.lists(records, max_size=60), st.integers(1, 20_000), st.randoms(use_true_random=False))
def test_the_order_is_the_places_whatever_the_input_and_the_memory(
    items: list[Placed], memory: int, shuffle: random.Random
) -> None:
    expected = sorted(items)
    shuffle.shuffle(items)
    assert through(list(items), memory) == ([], expected)


def test_what_has_no_place_comes_back_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "_BLOCK", 500)
    bad = [Unplaced("not-json", f"a:{number}: سطر", bytes([number])) for number in range(100)]
    assert through(list(bad), 4000) == (bad, [])


def test_records_of_one_place_all_stay() -> None:
    one = Placed(place_of(1, canceled=False, value=b"x"), "a:1", b"x")
    again = one._replace(where="b:9")
    assert through([again, one, one], 1)[1] == [one, one, again]


def test_a_full_disk_says_what_to_do() -> None:
    with Sorter(1) as sorter:
        sorter._file = mock.Mock(write=mock.Mock(side_effect=OSError(errno.ENOSPC, "full")))
        with pytest.raises(Misconfigured, match=r"is full after 0 bytes .* set TMPDIR"):
            sorter.add(Placed("p", "a:1", b"x"))


def test_an_archive_is_read_from_all_its_files_past_a_place(tmp_path: Path) -> None:
    days = [5, 3, 9, 1, 7]
    files = []
    for number, day in enumerate(days):
        files.append(tmp_path / f"{number}.jsonl")
        files[-1].write_bytes(orjson.dumps({"title": str(day), "published_at": f"2015-07-0{day}"}) + b"\nbroken\n")
    archive = Archive(files, FieldMap.parse([]), Placing(BOUNDS))
    told: list[int] = []
    with archive.sorted(report=lambda standing: told.append(standing.done)) as found:
        places = [record.place for record in found.placed()]
        assert [orjson.loads(record.value)["title"] for record in found.placed()] == ["1", "3", "5", "7", "9"]
        assert [record.reason.split(":")[0] for record in found.unplaced()] == [file.name for file in files]
        assert (found.placed_count, found.unplaced_count, told[-1]) == (5, 5, 10)
    with archive.sorted(after=places[2]) as found:
        assert [record.place for record in found.placed()] == places[3:]


def test_what_tells_archives_apart_are_contents_and_how_they_are_read(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_bytes(name.encode())
    a, b = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    plain = FieldMap.parse([])
    inputs = Archive([a, b], plain, Placing(BOUNDS)).inputs()
    assert Archive([b, a], plain, Placing(BOUNDS)).inputs() == inputs
    assert Archive([a], plain, Placing(BOUNDS)).inputs() != inputs
    assert Archive([a, b], FieldMap.parse(["body=text"]), Placing(BOUNDS)).inputs() != inputs
    assert Archive([a, b], plain, Placing(BOUNDS, UTC, "2015-01-01")).inputs() != inputs
