"""Files of plain text, one article each: the source is the name of the folder, the title the first line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import IO, Literal

import orjson

from streams.archives.lines import LINE_LIMIT, Line

__all__ = ["DateFrom", "read_text"]

DateFrom = Literal["name", "mtime"]

_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)([-_./]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?!\d)")
_ENDING = re.compile(r"\.txt(\.[a-z0-9]+)?$", re.IGNORECASE)


def read_text(source: IO[bytes], file: Path, name: str, date_from: DateFrom | None) -> Line:
    """The article of a file; `name`, its path in the folder that was given, tells it from the others of its source.

    Dated by the date in its name (2015-07-21, 20150721, 2015/07/21), else by that in its path; or by the time of its
    last change; or not at all.
    """
    content = source.read(LINE_LIMIT + 1)
    length = len(content)
    while rest := source.read(LINE_LIMIT):
        length += len(rest)
    try:
        encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        text = content.decode(encoding, "strict" if length <= LINE_LIMIT else "ignore")
    except UnicodeDecodeError as bad:
        problem = f"not UTF-8 at byte {bad.start}; convert it, perhaps with: iconv -f windows-1256 -t utf-8"
        return Line(name, content, length, problem)
    title, _, body = text.strip().partition("\n")
    found: dict[str, object] = {
        "source": _source(file, name),
        "source_id": _ENDING.sub("", name),
        "title": title.strip() or None,
        "body": body.strip() or None,
    }
    if date_from == "mtime":
        found["published_at"] = int(file.stat().st_mtime)
    elif date_from == "name" and (date := _DATE.search(Path(name).name) or _DATE.search(name)):
        found["published_at"] = f"{date[1]}-{date[3]}-{date[4]}"
    return Line(name, orjson.dumps({key: value for key, value in found.items() if value is not None}), length)


def _source(file: Path, name: str) -> str:
    """The nearest folder that has letters in its name: what is all figures is a year, a month or a day."""
    within = len(Path(name).parts)
    folders = [each.name for each in list(file.resolve().parents)[:within]]
    return next((each for each in folders if any(letter.isalpha() for letter in each)), folders[-1])
