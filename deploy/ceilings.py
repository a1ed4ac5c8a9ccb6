"""How fast a replay can be by itself: reading each kind of file, and sending, with nothing behind it.

A replay is as fast as its slowest part; these figures say that it is not its own, or for which kind of file it is.
"""

from __future__ import annotations

import csv
import gzip
import html
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson
from backports import zstd

from deploy.bench import Figure
from schemas import FIRST
from streams import lanes
from streams.archives import Archive, Bounds, FieldMap, Placed, Placing, Sorter
from streams.replay import send
from streams.settings import Settings

__all__ = ["readers", "sending"]

_PAGES = 200  # of a WARC, whose reading costs most: some tens of milliseconds a page
_FIELDS = ("source", "source_id", "url", "title", "lead", "body", "author", "section", "published_at")


def readers(articles: Sequence[Placed], say: Callable[[str], None]) -> list[Figure]:
    """Articles a second, and CPU an article, of reading these articles from files of each kind; in this process."""
    rows = [orjson.loads(each.value) for each in articles]
    kinds: dict[str, Callable[[Path, list[dict[str, Any]]], None]] = {
        "a.jsonl": _lines, "a.jsonl.gz": _gzipped, "a.jsonl.zst": _zstandard, "a.json": _array, "a.csv": _csv,
        "a.parquet": _parquet, "texts": _texts, "a.warc": _warc,
    }  # fmt: skip
    if find_spec("pyarrow") is None:
        del kinds["a.parquet"]
    bounds = Bounds.parse(None, None, UTC, datetime.now(UTC))
    figures = []
    for name, write in kinds.items():
        kind = name.removeprefix("a") if name != "texts" else "a folder of .txt"
        say(f"measuring how fast {kind} is read")
        given = rows[:_PAGES] if write is _warc else rows
        with tempfile.TemporaryDirectory(prefix="khabar-bench-") as folder:
            write(Path(folder, name), given)
            archive = Archive([Path(folder, name)], FieldMap({}), Placing(bounds, published_at="2020-01-01"))
            for _ in range(2):  # the first time, what a reader needs is loaded, too
                wall, cpu = time.perf_counter(), time.process_time()
                with archive.sorted() as sorter:
                    count = sum(1 for _ in sorter.records())
                wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        figures.append(Figure(part=f"reading {kind}", rate=count / wall, cpu_us=cpu / count * 1e6))
    return figures


async def sending(settings: Settings, articles: Sequence[Placed], say: Callable[[str], None]) -> Figure:
    """Articles a second, and CPU of this process an article, of sending these as a replay does, to a lane of nobody.

    A fifth of them is not counted, so that the start of the clients is left out; the lane is removed.
    """
    seen = [(0, time.perf_counter(), time.process_time())]
    await lanes.create(settings, lanes.LIVE)
    try:
        say("measuring how fast articles are sent")
        with Sorter() as sorter:
            for each in articles:
                sorter.add(each)
            await send(
                settings,
                sorter,
                FIRST,
                lambda standing: seen.append((standing.done, time.perf_counter(), time.process_time())),
                ahead=2 * len(articles),  # marks count, too
            )
    finally:
        await lanes.remove(settings)
    done, *ended = seen[-1]
    before, *begun = next((each for each in seen if done / 5 < each[0] < done), seen[0])
    wall, cpu = (end - begin for begin, end in zip(begun, ended, strict=True))
    return Figure(part="sending, nobody behind", rate=(done - before) / wall, cpu_us=cpu / (done - before) * 1e6)


def _json_lines(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def _lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_bytes(_json_lines(rows))


def _gzipped(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_bytes(gzip.compress(_json_lines(rows)))


def _zstandard(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_bytes(zstd.compress(_json_lines(rows)))


def _array(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_bytes(orjson.dumps(rows))


def _flat(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    return [{name: str(row[name]) for name in _FIELDS if row.get(name) is not None} for row in rows]


def _csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        table = csv.DictWriter(out, _FIELDS)
        table.writeheader()
        table.writerows(_flat(rows))


def _parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    import pyarrow
    import pyarrow.parquet

    flat = _flat(rows)
    table = pyarrow.table({name: [row.get(name) for row in flat] for name in _FIELDS})
    pyarrow.parquet.write_table(table, path)


def _texts(path: Path, rows: list[dict[str, Any]]) -> None:
    (path / "outlet").mkdir(parents=True)
    for number, row in enumerate(rows):
        text = f"{row.get('title') or ''}\n{row.get('body') or row.get('lead') or ''}"
        (path / "outlet" / f"{number}.txt").write_text(text, "utf-8")


def _warc(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("wb") as out:
        for number, row in enumerate(rows):
            lines = (row.get("body") or row.get("lead") or "").splitlines()
            title, text = html.escape(row.get("title") or ""), "".join(f"<p>{html.escape(line)}</p>" for line in lines)
            head = f"<head><title>{title}</title></head>"
            page = f"<html>{head}<body><article><h1>{title}</h1>{text}</article></body></html>".encode()
            http = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(page)}\r\n\r\n".encode() + page
            out.write(
                "WARC/1.1\r\nWARC-Type: response\r\n"
                f"WARC-Record-ID: <urn:uuid:{uuid.UUID(int=number)}>\r\nWARC-Date: 2020-01-01T00:00:00Z\r\n"
                f"WARC-Target-URI: https://example.org/{number}\r\n"
                f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(http)}\r\n\r\n".encode()
            )
            out.write(http + b"\r\n\r\n")
