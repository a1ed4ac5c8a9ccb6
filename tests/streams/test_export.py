"""Exported files: what other tools read of them, what Excel makes of them, and what is left when writing breaks off."""

import csv
import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet
import pytest

from schemas import Decision, EnrichedArticle, Entity, Misconfigured, Relation, StoryRef, encode
from streams.export import sink

Make = Callable[..., EnrichedArticle]


@pytest.fixture
def make() -> Make:
    def article(**fields: object) -> EnrichedArticle:
        given: dict[str, object] = {
            "id": "a1", "version": "v1", "status": "usable", "source": "marsa.example", "source_id": "17", "url": None,
            "title": "افتتاح الجسر", "lead": None, "body": "قال سامي الدالي في عين الرمان: «نعم»، ثم صمت.\nوانصرف.",
            "author": None, "section": None, "image": None, "extra": {}, "language": "ar",
            "published_at": "2026-05-01T09:30:00Z", "dated_by": "given", "date_precision": "second",
            "seen_at": "2026-05-01T09:30:00Z", "late": False, "attributions": [], "provenance": {"tag": "1"},
            "revision": 0, "lines": [Decision(line=4, version="v1")],
            "entities": [
                Entity(field="body", start=4, end=15, text="سامي الدالي", label="PERS", id="kh:1", name="سامي الدالي",
                       confidence=0.9),
                Entity(field="body", start=19, end=29, text="عين الرمان", label="LOC", id="kh:2", name="عين الرمان",
                       confidence=0.8),
            ],
            "relation": Relation(kind="copy", to="a0", to_version="v0", score=5.5),
            "story": StoryRef(id="s1", since="2026-05-01T08:00:00Z"),
        }  # fmt: skip
        return EnrichedArticle(**(given | fields))  # type: ignore[arg-type]

    return article


CANCELED = {"status": "canceled", "title": None, "body": None, "entities": [], "relation": None, "story": None}


def test_a_csv_has_a_row_an_article_and_empty_cells_for_what_is_not_there(tmp_path: Path, make: Make) -> None:
    with sink(tmp_path / "a.csv", "articles") as out:
        out.write(encode(make()))
        out.write(encode(make(id="a2", **CANCELED)))
    first, second = csv.DictReader(io.StringIO((tmp_path / "a.csv").read_bytes().decode(), newline=""))
    assert first["body"] == make().body
    assert (first["relation"], first["related_to"], first["score"], first["story"]) == ("copy", "a0", "5.5", "s1")
    assert (first["people"], first["places"], first["organizations"]) == ("سامي الدالي", "عين الرمان", "")
    assert (first["line"], first["late"]) == ("4", "False")
    assert (second["id"], second["status"], second["title"], second["relation"]) == ("a2", "canceled", "", "")


def test_a_row_a_mention_points_into_the_text_as_sent(tmp_path: Path, make: Make) -> None:
    with sink(tmp_path / "m.csv", "mentions") as out:
        out.write(encode(make()))
        out.write(encode(make(**CANCELED)))
    rows = list(csv.DictReader(io.StringIO((tmp_path / "m.csv").read_text("utf-8"), newline="")))
    assert [(row["entity"], row["label"]) for row in rows] == [("kh:1", "PERS"), ("kh:2", "LOC")]
    body = make().body or ""
    assert all(body[int(row["start"]) : int(row["end"])] == row["text"] for row in rows)


def test_excel_gets_a_mark_and_nothing_that_it_would_run_or_spill(tmp_path: Path, make: Make) -> None:
    with sink(tmp_path / "e.csv", "articles", excel=True) as out:
        out.write(encode(make(title='=HYPERLINK("http://marsa.example")', body="خبر " * 20_000, author="-بلا")))
    written = (tmp_path / "e.csv").read_bytes()
    assert written.startswith(b"\xef\xbb\xbf")
    (row,) = csv.DictReader(io.StringIO(written.decode("utf-8-sig"), newline=""))
    assert row["title"].startswith("'=")
    assert row["author"] == "'-بلا"
    assert len(row["body"]) == 32_767


def test_json_lines_are_the_events_and_the_same_lane_packs_to_the_same_file(tmp_path: Path, make: Make) -> None:
    values = [encode(make()), encode(make(id="a2"))]
    for name in ("a.jsonl", "a.jsonl.gz", "b.jsonl.gz"):
        with sink(tmp_path / name, "articles") as out:
            for value in values:
                out.write(value)
    assert (tmp_path / "a.jsonl").read_bytes().splitlines() == values
    assert gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()).splitlines() == values
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


def test_parquet_has_types(tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.export._BATCH", 2)
    with sink(tmp_path / "a.parquet", "articles") as out:
        for number in range(5):
            out.write(encode(make(id=f"a{number}", late=bool(number % 2), **(CANCELED if number == 3 else {}))))
    rows = pyarrow.parquet.read_table(tmp_path / "a.parquet").to_pylist()
    assert [row["id"] for row in rows] == ["a0", "a1", "a2", "a3", "a4"]
    assert [row["late"] for row in rows] == [False, True, False, True, False]
    assert [row["score"] for row in rows] == [5.5, 5.5, 5.5, None, 5.5]
    with sink(tmp_path / "m.parquet", "mentions") as out:
        out.write(encode(make(**CANCELED)))
    assert pyarrow.parquet.read_table(tmp_path / "m.parquet").num_rows == 0


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.csv.gz", "a.parquet"])
def test_what_breaks_off_leaves_the_file_that_was_there(tmp_path: Path, make: Make, name: str) -> None:
    (tmp_path / name).write_bytes(b"before")

    def broken() -> None:
        with sink(tmp_path / name, "articles") as out:
            out.write(encode(make()))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    assert [each.name for each in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == b"before"


@pytest.mark.parametrize(
    ("name", "rows", "excel", "said"),
    [
        ("a.xlsx", "articles", False, "a.xlsx is none of .jsonl"),
        ("a.parquet.gz", "articles", False, "is none of"),
        ("a.jsonl", "mentions", False, "give a .csv or .parquet for --rows mentions"),
        ("a.parquet", "articles", True, "--excel is for CSV"),
        ("gone/a.csv", "articles", False, "cannot be written: No such file"),
    ],
)
def test_what_cannot_be_written_is_said_before_anything_is_read(
    tmp_path: Path, name: str, rows: str, excel: bool, said: str
) -> None:
    with pytest.raises(Misconfigured, match=said), sink(tmp_path / name, rows, excel=excel):  # type: ignore[arg-type]
        pass
