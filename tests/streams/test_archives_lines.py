"""Lines of an archive: what comes out of plain and compressed files, of broken ones and of lines that are too long."""

import gzip
import io
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from schemas import Misconfigured
from streams.archives import lines
from streams.archives.inputs import check_files, digests, read_files
from streams.archives.opening import STDIN


def test_every_line_carries_its_file_and_number(tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_bytes(b'{"a":1}\n\n  \n{"a":2}\r\n')
    (tmp_path / "two.jsonl").write_bytes('{"a":"خبر"}'.encode())
    found = list(read_files([tmp_path / "one.jsonl", tmp_path / "two.jsonl"]))
    assert [(line.where, line.value) for line in found] == [
        ("one.jsonl:1", b'{"a":1}'),
        ("one.jsonl:4", b'{"a":2}'),
        ("two.jsonl:1", '{"a":"خبر"}'.encode()),
    ]


def test_a_file_whose_name_is_no_text_can_still_be_named(tmp_path: Path) -> None:
    file = tmp_path / "\udce9t\udce9.jsonl"
    file.write_bytes(b"1\n")
    assert [line.where for line in read_files([file])] == ["?t?.jsonl:1"]
    assert list(digests([file])) == ["file ?t?.jsonl"]


def test_gzip_is_told_by_its_bytes_and_may_have_several_members(tmp_path: Path) -> None:
    file = tmp_path / "packed.jsonl"
    file.write_bytes(gzip.compress(b"1\n2\n") + gzip.compress(b"3\n"))
    assert [line.value for line in read_files([file])] == [b"1", b"2", b"3"]


def test_stdin_is_read_plain_or_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    for sent in (b"1\n2\n", gzip.compress(b"1\n2\n")):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(sent)))
        assert [(line.where, line.value) for line in read_files([STDIN])] == [("stdin:1", b"1"), ("stdin:2", b"2")]


def test_a_mark_of_the_byte_order_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    file = tmp_path / "marked.jsonl"
    file.write_bytes(b"\xef\xbb\xbf{}\n\xef\xbb\xbf{}\n")
    assert [line.value for line in read_files([file])] == [b"{}", b"\xef\xbb\xbf{}"]


def test_a_packed_file_that_ends_early_gives_what_there_is_and_names_the_last_whole_line(tmp_path: Path) -> None:
    file = tmp_path / "cut.jsonl.gz"
    file.write_bytes(gzip.compress(b"1\n2\n3")[:-6])
    found = []
    with pytest.raises(
        Misconfigured, match=r"cut\.jsonl\.gz: the compression is broken after line 2 \(Compressed file"
    ):
        found += [line.value for line in read_files([file])]
    file.write_bytes(gzip.compress(b"1\n2\n3")[:9])
    with pytest.raises(Misconfigured, match=r"broken after line 0"):
        list(read_files([file]))


@pytest.mark.parametrize("ending", ["gz", "zst", "bz2", "xz"])
@pytest.mark.parametrize("content", [bytes(range(200, 256)), b'{"title":"x"}\n', b""])
def test_what_is_named_as_packed_and_is_not_is_refused(tmp_path: Path, ending: str, content: bytes) -> None:
    file = tmp_path / f"noise.jsonl.{ending}"
    file.write_bytes(content)
    with pytest.raises(Misconfigured, match=rf"noise\.jsonl\.{ending} is named \.{ending} and is no gzip"):
        list(read_files([file]))


def test_an_archive_of_files_is_to_be_unpacked_first(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"{}\n" * 1000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.write(tmp_path / "a.jsonl")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "a.jsonl")
    for name, kind in (("a.zip", "zip"), ("a.tar.gz", "tar")):
        with pytest.raises(Misconfigured, match=rf"{name} is a {kind} file; unpack it"):
            list(read_files([tmp_path / name]))


def test_a_file_that_is_another_once_more_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = [tmp_path / f"{name}.jsonl" for name in "abc"]
    for file, content in zip(files, (b'{"n":1}', b'{"n":2}', b'{"n":1}'), strict=True):
        file.write_bytes(content)
    assert len(list(read_files([*files, files[1]]))) == 4
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        f"{files[2]} is {files[0]} once more, byte for byte: all that is in it will be repeats",
        f"{files[1]} is {files[1]} once more, byte for byte: all that is in it will be repeats",
    ]


def test_files_without_a_record_are_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name, content in {"a": b"", "b": b"{}\n", "c": b"\n \n"}.items():
        (tmp_path / f"{name}.jsonl").write_bytes(content)
    assert len(list(read_files([tmp_path]))) == 1
    assert "no record in 2 files, such as a.jsonl" in caplog.text


def test_a_packed_file_whose_sum_is_wrong_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "rot.jsonl.gz"
    packed = bytearray(gzip.compress(b"1\n2\n"))
    packed[-8] ^= 0xFF
    file.write_bytes(packed)
    with pytest.raises(Misconfigured, match=r"rot\.jsonl\.gz: the compression is broken"):
        list(read_files([file]))


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
@pytest.mark.parametrize("beside", [-1, 0, 1, 2, 3, 5000])
def test_a_line_is_cut_at_the_limit_and_the_next_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: bytes, beside: int
) -> None:
    monkeypatch.setattr(lines, "LINE_LIMIT", 1000)
    monkeypatch.setattr(lines, "BLOCK", 64)
    file = tmp_path / "long.jsonl"
    file.write_bytes(b"x" * (1000 + beside) + end + (b"next\n" if end else b""))
    first, *others = read_files([file])
    assert first.value == b"x" * min(1000, 1000 + beside)
    assert (first.length > 1000) == (beside > 0)
    assert [line.value for line in others] == ([b"next"] if end else [])
    if others:
        assert others[0].where == "long.jsonl:2"


def test_what_is_no_file_is_said_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"gone\.jsonl is not there"):
        check_files([tmp_path / "gone.jsonl"])
    with pytest.raises(Misconfigured, match="is a folder without a file of"):
        check_files([tmp_path])
    check_files([STDIN])


def test_a_digest_changes_with_the_content_and_stays_where_the_file_lies(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.jsonl").write_bytes(b"{}\n")
    before = digests([tmp_path / "a" / "x.jsonl"])
    assert digests([tmp_path / "b" / "x.jsonl"]) == before
    (tmp_path / "a" / "x.jsonl").write_bytes(b"{ }\n")
    assert digests([tmp_path / "a" / "x.jsonl"]) != before
