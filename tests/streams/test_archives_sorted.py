"""`--assume-sorted`: the same as sorting where it holds, an end where it does not; and shapes that a file describes."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import FIRST, Misconfigured, date_of, place_of
from streams.archives import Archive, Bounds, FieldMap, Placed, Placing, Sorter, Unplaced
from streams.archives.presets import Preset, read_preset, shipped
from streams.archives.sortedness import Checked

BOUNDS = Bounds.parse("2015-01-01", "2026-12-31", UTC, datetime(2026, 5, 4, tzinfo=UTC))


def record(second: int, value: str) -> Placed:
    return Placed(place_of(second * 1_000_000, canceled=False, value=value.encode()), f"a:{value}", value.encode())


SORTED = st.lists(st.tuples(st.integers(0, 5), st.text("abc", max_size=3)), max_size=20).map(
    lambda pairs: [record(second, value) for second, value in sorted(pairs, key=lambda pair: pair[0])]
)


@given(SORTED)
def test_what_is_sorted_by_date_comes_in_the_order_of_places(records: list[Placed]) -> None:
    with Sorter() as sorter:
        for each in records:
            sorter.add(each)
        assert list(Checked(records).records()) == list(sorter.placed())


@given(SORTED, st.data())
def test_resumed_after_any_place_the_rest_comes(records: list[Placed], data: st.DataObject) -> None:
    whole = list(Checked(records).records())
    after = data.draw(st.sampled_from([FIRST, *(each.place for each in records)]))
    assert list(Checked(records, after).records()) == [each for each in whole if each.place > after]


def test_a_record_without_a_place_is_sent_again_rather_than_missed() -> None:
    broken = [Unplaced("not-json", f"a:{number}", b"") for number in range(4)]
    records = [broken[0], record(1, "x"), broken[1], record(2, "y"), broken[2], record(3, "z"), broken[3]]
    assert [each for each in Checked(records).records() if isinstance(each, Unplaced)] == broken
    resumed = list(Checked(records, record(2, "y").place).records())
    assert resumed == [broken[2], broken[3], record(3, "z")]


def test_the_first_date_that_falls_ends_it_and_is_named() -> None:
    records = Checked([record(1, "x"), record(3, "y"), record(2, "z")]).records()
    assert next(records) == record(1, "x")
    with pytest.raises(
        Misconfigured, match=r"a:z is dated 1970-01-01T00:00:02Z and comes after a:y, 1970-01-01T00:00:03"
    ):
        next(records)


def test_an_archive_that_is_assumed_to_be_sorted_is_not_read_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = 0

    def counted(self: Archive) -> Iterator[Placed]:
        nonlocal read
        for second in range(1000):
            read += 1
            yield record(second, str(second))

    monkeypatch.setattr(Archive, "records", counted)
    (tmp_path / "a.jsonl").touch()
    archive = Archive([tmp_path / "a.jsonl"], FieldMap({}), Placing(BOUNDS), assume_sorted=True)
    with archive.sorted() as records:
        assert date_of(next(records.placed()).place) == 0
    assert read < 5
    assert archive.inputs() != Archive(archive.files, archive.map, archive.placing).inputs()


def test_every_preset_that_comes_with_khabar_can_be_used() -> None:
    assert shipped() == ["ant", "saudinewsnet"]
    for name in shipped():
        assert FieldMap.parse(read_preset(name).pairs).names


def test_a_preset_may_be_a_file_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('timezone = "Asia/Amman"\n[map]\nbody = "نص"\n', encoding="utf-8")
    assert read_preset(str(file)) == Preset(map={"body": "نص"}, timezone="Asia/Amman")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("zone = 1", "zone is nothing that a preset says; it says map, timezone, published_at, date_from"),
        ("map = 1", "Expected `object`, got `int`"),
        ("[map", "is not TOML"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_preset_that_cannot_be_is_refused_by_what_is_wrong(tmp_path: Path, content: str | None, said: str) -> None:
    file = tmp_path / "mine.toml"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(Misconfigured, match=said):
        read_preset(str(file))
    with pytest.raises(Misconfigured, match="there is none such; give ant, saudinewsnet, or a file"):
        read_preset("mine")


def test_options_win_over_the_preset(tmp_path: Path) -> None:
    from deploy.archives import archive_of

    (tmp_path / "a.jsonl").write_bytes(orjson.dumps({"content": "x"}))
    archive = archive_of([tmp_path / "a.jsonl"], ["body=text"], None, None, None, None, None, "saudinewsnet")
    assert archive.map.names == {"published_at": "date_extracted", "body": "text"}
    assert str(archive.placing.zone) == "Asia/Riyadh"
    archive = archive_of([tmp_path / "a.jsonl"], None, "Africa/Tunis", None, None, None, None, "saudinewsnet")
    assert str(archive.placing.zone) == "Africa/Tunis"
