"""Every kind of file that an archive may have, from real files: packed ones, arrays, tables, and folders of text."""

import bz2
import gzip
import lzma
import os
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import orjson
import pyarrow
import pyarrow.parquet
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from schemas import Misconfigured
from streams.archives import Archive, Bounds, FieldMap, Placed, Placing, Unplaced
from streams.archives.inputs import check_files, digests, read_files
from streams.archives.texts import DateFrom

BOUNDS = Bounds.parse("2015-01-01", "2026-12-31", UTC, datetime(2026, 5, 4, tzinfo=UTC))
SUMS = {zstd.CompressionParameter.checksum_flag: 1}  # as the program zstd does
PACKERS = {
    ".gz": gzip.compress,
    ".zst": lambda plain: zstd.compress(plain, options=SUMS),
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}
RECORDS = [{"title": "فتح الجسر", "n": 1, "x": 2.5}, {"title": "سطر\nثان", "deep": {"a": [1, None]}}]


def found(*files: Path, date_from: DateFrom | None = None) -> list[dict[str, object]]:
    return [orjson.loads(line.value) for line in read_files(files, date_from)]


def placed(file: Path, date_from: DateFrom | None = None) -> list[Placed | Unplaced]:
    return list(Archive([file], FieldMap({}), Placing(BOUNDS), date_from).records())


@pytest.mark.parametrize("ending", PACKERS)
def test_packed_files_are_read_whatever_their_name_even_of_several_pieces(tmp_path: Path, ending: str) -> None:
    pack = PACKERS[ending]
    for name in (f"a.jsonl{ending}", "b.jsonl"):
        (tmp_path / name).write_bytes(pack(b'{"n":1}\n') + pack(b'{"n":2}\n'))
        assert found(tmp_path / name) == [{"n": 1}, {"n": 2}]
    (tmp_path / f"a.csv{ending}").write_bytes(pack(b"n\n1\n"))
    assert found(tmp_path / f"a.csv{ending}") == [{"n": "1"}]


@pytest.mark.parametrize("ending", PACKERS)
def test_a_packed_file_that_is_cut_or_rotten_is_refused(tmp_path: Path, ending: str) -> None:
    whole = PACKERS[ending](b"".join(b'{"n":%d}\n' % n for n in range(2000)))
    rotten = bytearray(whole)
    rotten[len(whole) // 2] ^= 0xFF
    for broken in (whole[: len(whole) // 2], bytes(rotten)):
        (tmp_path / f"a.jsonl{ending}").write_bytes(broken)
        with pytest.raises(Misconfigured, match=r"a\.jsonl\.\w+: the compression is broken after line \d+"):
            list(read_files([tmp_path / f"a.jsonl{ending}"]))


def test_an_array_is_read_element_by_element(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b"\n " + orjson.dumps(RECORDS, option=orjson.OPT_INDENT_2))
    assert found(file) == RECORDS
    assert [line.where for line in read_files([file])] == ["a.json:1", "a.json:2"]
    file.write_bytes(b"\n".join(map(orjson.dumps, RECORDS)))  # lines under the name of an array
    assert found(file) == RECORDS
    file.write_bytes(orjson.dumps(RECORDS)[:-9])
    with pytest.raises(Misconfigured, match=r"a\.json: the array is broken after element 1"):
        found(file)
    file.write_bytes(b'[{"n":1}, {"n":123456789012345678901234567890}, {"n":2}]')
    assert [(line.where, bool(line.problem)) for line in read_files([file])] == [
        ("a.json:1", False),
        ("a.json:2", True),
        ("a.json:3", False),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_csv_is_read_by_its_heading(tmp_path: Path, encoding: str, delimiter: str) -> None:
    rows = [
        ["source", "title", "body"],
        ["marsa.example", '"خبر، عاجل; الآن"', '"أول\nثان ""مقتبس"""'],
        ["", "بلا", ""],
    ]
    file = tmp_path / "a.csv"
    file.write_bytes("\r\n".join(delimiter.join(row) for row in rows).encode(encoding))
    assert found(file) == [
        {"source": "marsa.example", "title": "خبر، عاجل; الآن", "body": 'أول\nثان "مقتبس"'},
        {"title": "بلا"},
    ]
    assert [line.where for line in read_files([file])] == ["a.csv:2", "a.csv:4"]


def test_a_row_that_cannot_be_read_harms_itself_only(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    heading = b"source,title,published_at\n"
    good = "marsa.example,خبر,2026-05-01\n".encode()
    file.write_bytes(heading + good + "marsa.example,خبر,2026-05-01\n".encode("windows-1256") + b"a,b,c,d\n" + good)
    first, second, third, last = placed(file)
    assert isinstance(first, Placed)
    assert isinstance(last, Placed)
    assert isinstance(second, Unplaced)
    assert second.reason.startswith("a.csv:3: title is not UTF-8; convert the file, perhaps with: iconv")
    assert second.value == "marsa.example\tخبر\t2026-05-01".encode("windows-1256")
    assert isinstance(third, Unplaced)
    assert third.reason == "a.csv:4: the row has 4 cells and the heading 3"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "its first line must name the columns"),
        (b"\n1,2\n", "its first line must name the columns"),
        (b"a,b,a\n1,2,3\n", "has two columns a; rename one"),
        (b'a,b\n1,2\n"' + b"x" * 9_000_000, "the row that begins in line 3 cannot be read"),
    ],
)
def test_a_csv_that_makes_no_sense_is_refused_whole(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(Misconfigured, match=said):
        found(tmp_path / "a.csv")


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=30)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=8))
def test_what_pythons_csv_writes_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    import csv

    file = tmp_path_factory.mktemp("csv") / "a.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([("a", "b"), *rows])
    wanted = [{key: cell for key, cell in zip("ab", row, strict=True) if cell} for row in rows if any(row)]
    assert found(file) == wanted


def test_parquet_is_read_with_its_types(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    rows = [
        {
            "title": "خبر",
            "published_at": datetime(2026, 5, 1, 9, 30, tzinfo=UTC),
            "cost": Decimal("1.50"),
            "tags": ["أ"],
        },
        {"title": "آخر", "published_at": None, "cost": None, "tags": []},
    ]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    assert found(file) == [
        {"title": "خبر", "published_at": "2026-05-01T09:30:00+00:00", "cost": "1.50", "tags": ["أ"]},
        {"title": "آخر", "tags": []},
    ]
    pyarrow.parquet.write_table(pyarrow.table({"day": [date(2026, 5, 1)], "raw": [b"\xe9"]}), file)
    (line,) = read_files([file])
    assert "raw is not UTF-8" in line.problem or "cannot be read" in line.problem
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(Misconfigured, match=r"a\.parquet: not a whole Parquet file after row 0"):
        found(file)


@pytest.fixture
def outlets(tmp_path: Path) -> Path:
    """Three outlets, a folder each; one keeps its days in folders of their own."""
    folder = tmp_path / "أرشيف"
    texts = {
        "المرفأ/2015-07-21 جسر.txt": "افتتاح الجسر\n\nقال سامي الدالي: نعم.\nوانصرف.\n",
        "المرفأ/20150722.txt": "\ufeff\n  عنوان وحده  \n",
        "sahel/2015/07/23/خبر.أول.txt": "سهل\r\nنص\r\n",
        "sahel/undated.txt": "بلا تاريخ\nنص",
        ".git/config.txt": "no article",
        "notes.md": "no article",
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="")
    (folder / "nidaa.jsonl.gz").write_bytes(gzip.compress(b'{"source":"nidaa.example","title":"t"}'))
    return folder


def test_a_folder_of_texts_has_sources_titles_and_dates_in_its_names(outlets: Path) -> None:
    assert found(outlets, date_from="name") == [
        {"source": "nidaa.example", "title": "t"},
        {"source": "sahel", "source_id": "sahel/undated", "title": "بلا تاريخ", "body": "نص"},
        {"source": "sahel", "source_id": "sahel/2015/07/23/خبر.أول", "title": "سهل", "body": "نص",
         "published_at": "2015-07-23"},
        {"source": "المرفأ", "source_id": "المرفأ/2015-07-21 جسر", "title": "افتتاح الجسر",
         "body": "قال سامي الدالي: نعم.\nوانصرف.", "published_at": "2015-07-21"},
        {"source": "المرفأ", "source_id": "المرفأ/20150722", "title": "عنوان وحده", "published_at": "2015-07-22"},
    ]  # fmt: skip


def test_what_a_folder_holds_beside_articles_is_told(outlets: Path, caplog: pytest.LogCaptureFixture) -> None:
    found(outlets)
    assert [record.message for record in caplog.records] == [
        f"{outlets}: 1 files are of no kind that is read, such as notes.md"
    ]


def test_texts_may_be_dated_by_their_last_change(outlets: Path) -> None:
    file = outlets / "sahel" / "undated.txt"
    os.utime(file, (1_777_627_800, 1_777_627_800.5))
    assert found(file, date_from="mtime")[0]["published_at"] == 1_777_627_800
    before = digests([outlets], "mtime"), digests([outlets])
    os.utime(file, (1_777_627_900, 1_777_627_900))
    assert digests([outlets], "mtime") != before[0]
    assert digests([outlets]) == before[1]


def test_a_text_that_is_no_utf8_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("عنوان".encode("windows-1256"))
    (tmp_path / "b.txt").write_bytes("عنوان\nنص".encode("utf-16"))
    refused, article = read_files([tmp_path / "a.txt", tmp_path / "b.txt"])
    assert refused.problem.startswith("not UTF-8 at byte 0; convert it, perhaps with: iconv -f windows-1256")
    assert orjson.loads(article.value)["title"] == "عنوان"
    assert {record.cause for record in placed(tmp_path / "b.txt") if isinstance(record, Unplaced)} == {"undated"}


def test_json_lines_under_the_name_of_a_text_are_json_lines(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b'{"n":1}\n{"n":2}\n')
    assert found(tmp_path / "a.txt") == [{"n": 1}, {"n": 2}]


def test_a_folder_is_one_input_that_changes_with_every_file_in_it(outlets: Path) -> None:
    (key,) = before = digests([outlets])
    assert key == "file أرشيف"
    assert before[key].startswith("5 files, ")
    (outlets / "sahel" / "undated.txt").rename(outlets / "sahel" / "renamed.txt")
    assert digests([outlets]) != before
    check_files([outlets])


def test_files_of_one_name_from_several_folders_are_told_apart(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "2015.jsonl").write_text(name)
    files = [tmp_path / "b" / "2015.jsonl", tmp_path / "a" / "2015.jsonl"]
    assert list(digests(files)) == ["file 2015.jsonl", "file 2015.jsonl (2)"]
    assert digests(files) == digests(files[::-1])


def test_more_files_than_a_manifest_can_name_are_one_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.archives.inputs._NAMED", 3)
    files = [tmp_path / f"{number}.jsonl" for number in range(5)]
    for file in files:
        file.write_text(file.name)
    (found,) = digests(files).values()
    assert found.startswith("5 files, sha256 ")
    assert digests(files[::-1]) == digests(files)
    files[3].write_text("another")
    assert digests(files) != {"files": found}


@pytest.mark.parametrize("split", [1, 3])
def test_files_of_one_outlet_each_come_in_the_order_of_one_sorted_file(tmp_path: Path, split: int) -> None:
    lines = [
        orjson.dumps({"source": f"s{n % 3}", "title": f"خبر {n}", "published_at": 1_777_600_000 + n * 60})
        for n in range(60)
    ]
    for each in range(split):
        (tmp_path / f"{each}.jsonl").write_bytes(b"\n".join(line for n, line in enumerate(lines) if n % split == each))
    with Archive([tmp_path], FieldMap({}), Placing(BOUNDS)).sorted(memory=4_000) as sorter:
        assert [orjson.loads(record.value)["title"] for record in sorter.placed()] == [f"خبر {n}" for n in range(60)]


def test_the_same_articles_come_alike_from_every_kind_of_file(tmp_path: Path) -> None:
    rows = [{"source": "s", "title": f"خبر {n}", "published_at": f"2026-05-0{n}", "x": "y"} for n in range(1, 6)]
    lines = b"\n".join(map(orjson.dumps, rows))
    (tmp_path / "a.jsonl").write_bytes(lines)
    (tmp_path / "b.jsonl.zst").write_bytes(zstd.compress(lines))
    (tmp_path / "c.json").write_bytes(orjson.dumps(rows))
    text = "".join(";".join(row.values()) + "\n" for row in [dict(zip(rows[0], rows[0], strict=True)), *rows])
    (tmp_path / "d.csv").write_text(text, "utf-8")
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "e.parquet")
    first, *others = ([record[0::2] for record in placed(file)] for file in sorted(tmp_path.iterdir()))
    assert len(first) == 5
    assert all(other == first for other in others)
    assert len(others) == 4


@pytest.fixture
def seeds(data: Path) -> Path:
    return data / "seeds"


def test_the_folder_that_the_product_was_conceived_from_works(seeds: Path) -> None:
    archive = Archive([seeds], FieldMap({}), Placing(BOUNDS, published_at="2015-07-21"))
    records = list(archive.records())
    assert len(records) == 2
    assert all(isinstance(record, Placed) for record in records)
