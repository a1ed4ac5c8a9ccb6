"""The enriched articles of a lane, the newest version of each, as files that other tools read."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, Protocol, cast

from schemas import EnrichedArticle, Misconfigured, decode

__all__ = ["ARTICLE", "MENTION", "Rows", "Sink", "sink"]

Rows = Literal["articles", "mentions"]

# Column -> its type; dates are RFC 3339 in UTC. An article's entities are named once each, in the order of the text.
ARTICLE: Mapping[str, type] = {
    "id": str, "version": str, "revision": int, "status": str, "source": str, "source_id": str, "url": str,
    "title": str, "lead": str, "body": str, "author": str, "section": str, "image": str, "language": str,
    "published_at": str, "date_precision": str, "dated_by": str, "seen_at": str, "late": bool,
    "relation": str, "related_to": str, "score": float, "story": str, "story_since": str,
    "people": str, "places": str, "organizations": str, "line": int,
}  # fmt: skip
# Offsets are code points of the field as sent.
MENTION: Mapping[str, type] = {
    "id": str, "source": str, "url": str, "title": str, "published_at": str, "story": str,
    "field": str, "start": int, "end": int, "text": str, "label": str, "entity": str, "name": str, "confidence": float,
}  # fmt: skip

_EXCEL_CELL = 32_767  # UTF-16 units that Excel keeps of a cell; what is longer spills into the rows below
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_BATCH = 1_000  # rows of a Parquet row group that are held in memory at least
_LABELS = {"people": "PERS", "places": "LOC", "organizations": "ORG"}


class Sink(Protocol):
    """Takes enriched articles as they stand in their topic."""

    def write(self, value: bytes) -> None:
        """One more article."""


@contextmanager
def sink(file: Path, rows: Rows, *, excel: bool = False) -> Iterator[Sink]:
    """What writes the file, of the kind that its name ends in; the file is there, whole, when all went well.

    `excel`: the mark that has Excel take a CSV for UTF-8, no cell that it would run as a formula or break at its limit.
    Raises Misconfigured for what cannot be.
    """
    name = file.name.lower()
    kind = name.removesuffix(".gz").rpartition(".")[2]
    if kind not in ("jsonl", "ndjson", "csv", "parquet") or (kind == "parquet" and name.endswith(".gz")):
        raise Misconfigured(f"{file} is none of .jsonl, .jsonl.gz, .csv, .csv.gz, .parquet; give one to write to")
    if excel and kind != "csv":
        raise Misconfigured(f"--excel is for CSV, and {file} is none; give one that ends in .csv")
    if rows == "mentions" and kind in ("jsonl", "ndjson"):
        raise Misconfigured(
            "JSON lines have their mentions in the articles; give a .csv or .parquet for --rows mentions"
        )
    part = file.with_name(f"{file.name}.part")
    with ExitStack() as opened:
        try:
            file_out = opened.enter_context(part.open("wb"))
        except OSError as failed:
            raise Misconfigured(f"{file} cannot be written: {failed.strerror}") from None
        opened.callback(part.unlink, missing_ok=True)
        with ExitStack() as written:
            out: IO[bytes] = file_out
            if name.endswith(".gz"):
                # Neither name nor time in it: the same lane is the same file.
                out = cast("IO[bytes]", written.enter_context(gzip.GzipFile("", "wb", fileobj=file_out, mtime=0)))
            if kind == "csv":
                yield written.enter_context(_csv(out, rows, excel))
            elif kind == "parquet":
                yield written.enter_context(_parquet(out, rows))
            else:
                yield _Lines(out)
        file_out.flush()
        part.replace(file)


@dataclass(frozen=True, slots=True)
class _Lines:
    out: IO[bytes]

    def write(self, value: bytes) -> None:
        self.out.write(value + b"\n")


@contextmanager
def _csv(out: IO[bytes], rows: Rows, excel: bool) -> Iterator[Sink]:
    text = io.TextIOWrapper(out, "utf-8-sig" if excel else "utf-8", newline="")
    writer = csv.writer(text)
    writer.writerow(_columns(rows))

    class Csv:
        def write(self, value: bytes) -> None:
            for row in _rows(decode(EnrichedArticle, value), rows):
                writer.writerow([_excel(cell) for cell in row] if excel else row)

    try:
        yield Csv()
    finally:
        text.detach()  # flushes, and leaves `out` open


def _excel(cell: object) -> object:
    """As a spreadsheet takes it for text: an apostrophe in front of what it would take for a formula."""
    if not isinstance(cell, str):
        return cell
    safe = f"'{cell}" if cell.startswith(_FORMULA) else cell
    units = safe.encode("utf-16-le", "surrogatepass")
    return safe if len(units) <= 2 * _EXCEL_CELL else units[: 2 * _EXCEL_CELL].decode("utf-16-le", "ignore")


@contextmanager
def _parquet(out: IO[bytes], rows: Rows) -> Iterator[Sink]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError:
        raise Misconfigured("Parquet needs pyarrow, which is an extra: install khabar[parquet]") from None
    types = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64(), bool: pyarrow.bool_()}
    columns = _columns(rows)
    schema = pyarrow.schema([(name, types[kind]) for name, kind in columns.items()])
    with pyarrow.parquet.ParquetWriter(out, schema, compression="zstd") as writer:
        held: list[dict[str, Any]] = []

        def flush() -> None:
            writer.write_table(pyarrow.Table.from_pylist(held, schema))
            held.clear()

        class Parquet:
            def write(self, value: bytes) -> None:
                held.extend(dict(zip(columns, row, strict=True)) for row in _rows(decode(EnrichedArticle, value), rows))
                if len(held) >= _BATCH:
                    flush()

        yield Parquet()
        flush()


def _columns(rows: Rows) -> Mapping[str, type]:
    return ARTICLE if rows == "articles" else MENTION


def _rows(article: EnrichedArticle, rows: Rows) -> Iterator[Sequence[object]]:
    story = article.story
    found: dict[str, object] = {"story": story and story.id, "story_since": story and story.since}
    if rows == "mentions":
        for each in article.entities:
            mention = {name: getattr(each, name, None) for name in ("field", "start", "end", "text", "label", "name")}
            found |= mention | {"entity": each.id, "confidence": each.confidence}
            yield [found[name] if name in found else getattr(article, name) for name in MENTION]
        return
    relation = article.relation
    found |= {
        "relation": relation and relation.kind,
        "related_to": relation and relation.to,
        "score": relation and relation.score,
        "line": article.lines[-1].line,
    }
    for column, label in _LABELS.items():
        names = dict.fromkeys(each.name for each in article.entities if each.label == label)
        found[column] = "; ".join(names)
    yield [found[name] if name in found else getattr(article, name) for name in ARTICLE]
