"""Files of records that are no JSON lines: arrays of JSON, CSV, Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any

import ijson
import orjson

from schemas import Misconfigured
from streams.archives.lines import LINE_LIMIT, Line

__all__ = ["read_array", "read_csv", "read_parquet"]

_DELIMITERS = ",;\t|"  # Excel writes ; where the decimal mark is a comma
_ROWS = 500  # of a Parquet file that are in memory at a time, beside its row group


def read_array(source: IO[bytes], name: str) -> Iterator[Line]:
    """Yield the elements of a JSON array, one in memory at a time; raises Misconfigured where it breaks off."""
    number = 0
    try:
        for number, element in enumerate(ijson.items(source, "item"), 1):
            yield _line(f"{name}:{number}", element, float)
    except ijson.JSONError as broken:
        what = " ".join(str(broken).split())[:200]
        raise Misconfigured(f"{name}: the array is broken after element {number}: {what}") from None


def read_csv(source: io.BufferedReader, name: str) -> Iterator[Line]:
    """Yield the rows below the heading; an empty cell is a field that the record has not.

    UTF-8, or UTF-16 with its mark. The delimiter is that of , ; | and tab which the heading has most of. Raises
    Misconfigured where there is no heading, or a quotation mark that never ends.
    """
    csv.field_size_limit(LINE_LIMIT)
    start = source.peek(2)[:2]
    encoding = "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = io.TextIOWrapper(source, encoding, errors="surrogateescape", newline="")
    first = text.readline(LINE_LIMIT)
    delimiter = max(_DELIMITERS, key=first.count)
    heading = [cell.strip() for cell in next(csv.reader([first], delimiter=delimiter), [])]
    if not any(heading):
        raise Misconfigured(f"{name} begins with an empty line; its first line must name the columns")
    if twice := next((cell for cell in heading if cell and heading.count(cell) > 1), None):
        raise Misconfigured(f"{name} has two columns {twice}; rename one")
    rows = csv.reader(text, delimiter=delimiter)
    begins = 2
    try:
        for row in rows:
            where, begins = f"{name}:{begins}", rows.line_num + 2
            if not any(row):
                continue
            found = {column: cell for column, cell in zip(heading, row, strict=False) if column and cell}
            line = _line(where, found)
            if any(row[len(heading) :]):
                line = line._replace(problem=f"the row has {len(row)} cells and the heading {len(heading)}")
            yield line
    except (csv.Error, UnicodeDecodeError) as broken:
        raise Misconfigured(
            f"{name}: the row that begins in line {begins} cannot be read ({broken}); is a quotation mark missing?"
        ) from None
    finally:
        text.detach()


def read_parquet(file: Path, name: str) -> Iterator[Line]:
    """Yield the rows; an empty cell is a field that the record has not. Raises Misconfigured."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError:
        raise Misconfigured(f"{name}: Parquet needs pyarrow, which is an extra: install khabar[parquet]") from None
    number = 0
    try:
        with pyarrow.parquet.ParquetFile(file) as table:
            for batch in table.iter_batches(batch_size=_ROWS):
                for row in batch.to_pylist():
                    number += 1
                    yield _line(f"{name}:{number}", {key: cell for key, cell in row.items() if cell is not None})
    except pyarrow.ArrowException as broken:
        what = " ".join(str(broken).split())[:200]
        raise Misconfigured(f"{name}: not a whole Parquet file after row {number}: {what}") from None


def _line(where: str, found: Any, plain: Callable[[Any], object] | None = None) -> Line:
    """The record; `plain` makes of what JSON has no form for something that it has one for."""
    try:
        value = orjson.dumps(found, default=plain or _plain)
    except orjson.JSONEncodeError as failed:
        # The bytes that were no text are text again as they were, for whoever looks at the dead letter.
        shown = repr(found).encode("utf-8", "replace")
        if isinstance(found, dict) and all(isinstance(cell, str) for cell in found.values()):
            shown = "\t".join(found.values()).encode("utf-8", "surrogateescape")
        return Line(where, shown[:LINE_LIMIT], len(shown), _why(found, failed))
    return Line(where, value[:LINE_LIMIT], len(value))


def _why(found: Any, failed: Exception) -> str:
    for name, cell in found.items() if isinstance(found, dict) else ():
        if isinstance(cell, str) and not _is_text(cell):
            return f"{name} is not UTF-8; convert the file, perhaps with: iconv -f windows-1256 -t utf-8"
    return f"the record cannot be read: {failed}"


def _is_text(cell: str) -> bool:
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True


def _plain(cell: object) -> str:
    """What JSON has no form for: decimals, durations, bytes, datetimes of other libraries."""
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "surrogateescape")
    return cell.isoformat() if isinstance(cell, datetime | date) else str(cell)
