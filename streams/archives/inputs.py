"""What there is to read: files and folders as they were given, file by file, and each by the reader of its kind."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas import Misconfigured
from streams.archives.lines import Line, read_lines
from streams.archives.opening import BROKEN, PACKED, STDIN, open_file, printable
from streams.archives.tables import read_array, read_csv, read_parquet
from streams.archives.texts import DateFrom, read_text
from streams.archives.warc import read_warc

__all__ = ["KINDS", "check_files", "digests", "read_files"]

log = logging.getLogger(__name__)

# Ending, before that of whatever packed it -> kind. A file of another name that was given is one of JSON lines; in a
# folder, only these are read.
KINDS = {
    ".jsonl": "lines", ".ndjson": "lines", ".json": "array", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet",
    ".txt": "text", ".warc": "warc",
}  # fmt: skip
# Files that are named one by one; with names of 255 bytes these are a third of what a manifest may have (1 MiB).
_NAMED = 1_000


@dataclass(frozen=True, slots=True)
class _Input:
    path: Path
    name: str  # of the file, in a folder the path within that

    @property
    def kind(self) -> str | None:
        return KINDS.get(_ending(self.path))


def check_files(files: Sequence[Path]) -> None:
    """Raises Misconfigured for what cannot be read."""
    for file in files:
        if file != STDIN and not file.is_file() and not file.is_dir():
            raise Misconfigured(f"{file} is not there; give files or folders of {', '.join(KINDS)}, plain or packed")
        if file != STDIN and file.is_dir() and next(_expand(file), None) is None:
            raise Misconfigured(f"{file} is a folder without a file of {', '.join(KINDS)}, plain or packed")


def read_files(files: Sequence[Path], date_from: DateFrom | None = None) -> Iterator[Line]:
    """Yield the records of all files, those of a folder in the order of their names; tell of files without any.

    Raises Misconfigured, which names the file and the line, where a file cannot be opened, or is broken.
    """
    _tell_of_copies(files)
    for file in files:
        empty: list[str] = []
        for each in _expand(file, tell=True):
            number = "0"
            try:
                for line in _read(each, date_from):
                    number = line.where.rpartition(":")[2]
                    yield line
            except OSError as failed:
                if failed.errno is None:  # as bz2 and gzip say it
                    raise _broken(each, number, failed) from None
                why = failed.strerror or failed
                raise Misconfigured(f"{each.name}: cannot be read after line {number}: {why}") from None
            except BROKEN as failed:
                raise _broken(each, number, failed) from None
            if number == "0":
                empty.append(each.name)
        if empty:
            log.warning("%s: no record in %d files, such as %s", file, len(empty), empty[0])


def _tell_of_copies(files: Sequence[Path]) -> None:
    """Among the files that were named; what lies in folders may well be twice there."""
    by_size: dict[int, list[Path]] = {}
    for file in files:
        if file.is_file():
            by_size.setdefault(file.stat().st_size, []).append(file)
    for same_size in by_size.values():
        first: dict[str, Path] = {}
        for file in same_size if len(same_size) > 1 else ():
            with file.open("rb") as opened:
                found = hashlib.file_digest(opened, "sha256").hexdigest()
            if found in first:
                log.warning("%s is %s once more, byte for byte: all that is in it will be repeats", file, first[found])
            first.setdefault(found, file)


def _broken(file: _Input, number: str, failed: Exception) -> Misconfigured:
    return Misconfigured(f"{file.name}: the compression is broken after line {number} ({failed}); get the file again")


def _read(file: _Input, date_from: DateFrom | None) -> Iterator[Line]:
    if file.kind == "parquet":
        yield from read_parquet(file.path, file.name)
        return
    with open_file(file.path) as source:
        if file.kind == "csv":
            yield from read_csv(source, file.name)
        elif file.kind == "warc":
            yield from read_warc(source, file.name)
        elif file.kind == "array" and source.peek(1024).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"[":
            yield from read_array(source, file.name)
        elif file.kind == "text" and source.peek(1)[:1] != b"{":
            yield read_text(source, file.path, file.name, date_from)
        else:
            yield from read_lines(source, file.name)


def digests(files: Sequence[Path], date_from: DateFrom | None = None) -> dict[str, str]:
    """`file NAME` -> `13695743 bytes, sha256 1f0c…` for each, whatever their order and wherever they lie; a folder is
    one, with the number of its files, and so are more files than a lane's manifest has room for. Where articles are
    dated by the time of a file's last change, that counts too."""
    named: dict[str, str] = {}
    every = sorted((printable(file.resolve().name), _digest(file, date_from)) for file in files)
    if len(every) > _NAMED:
        whole = hashlib.sha256("\n".join(f"{name}\0{found}" for name, found in every).encode())
        return {"files": f"{len(every)} files, sha256 {whole.hexdigest()}"}
    for name, found in every:
        key, copies = f"file {name}", 1
        while key in named:
            copies += 1
            key = f"file {name} ({copies})"
        named[key] = found
    return named


def _digest(file: Path, date_from: DateFrom | None) -> str:
    whole, count, total, hashed = hashlib.sha256(), 0, 0, ""
    for each in _expand(file):
        with each.path.open("rb") as opened:
            found = os.fstat(opened.fileno())
            hashed = hashlib.file_digest(opened, "sha256").hexdigest()
        changed = f"{int(found.st_mtime)}" if date_from == "mtime" else ""
        whole.update(f"{each.name}\0{found.st_size}\0{hashed}\0{changed}\n".encode())
        count, total = count + 1, total + found.st_size
    if file.is_dir() or date_from == "mtime":
        return f"{count} files, {total} bytes, sha256 {whole.hexdigest()}"
    return f"{total} bytes, sha256 {hashed}"


def _expand(file: Path, *, tell: bool = False) -> Iterator[_Input]:
    """The file itself, or the files below a folder in the order of their names; hidden ones are left out."""
    if file == STDIN:
        yield _Input(file, "stdin")
        return
    if not file.is_dir():
        yield _Input(file, printable(file.name))
        return
    left_out: list[str] = []
    for folder, folders, names in os.walk(file):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in sorted(each for each in names if not each.startswith(".")):
            path = Path(folder, name)
            found = _Input(path, printable(path.relative_to(file).as_posix()))
            if found.kind is None:
                left_out.append(found.name)
            elif path.is_file():
                yield found
    if left_out and tell:
        log.warning("%s: %d files are of no kind that is read, such as %s", file, len(left_out), left_out[0])


def _ending(file: Path) -> str:
    name = file.name.lower()
    packed = next((each for each in PACKED if name.endswith(each)), "")
    return Path(name.removesuffix(packed)).suffix
