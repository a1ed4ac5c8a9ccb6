"""Pages of a web archive (WARC) as articles: the text, the title and the date that are found in each."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from datetime import UTC
from typing import Any

import orjson

from schemas import Misconfigured, Refused, parse_date
from streams.archives.lines import Line
from streams.pages import LARGEST_PAGE, extract

__all__ = ["read_warc"]

_HTML = ("text/html", "application/xhtml+xml")


def read_warc(source: io.BufferedReader, name: str) -> Iterator[Line]:
    """Yield the pages that were answered with 200 and HTML; what else is in the archive is no article.

    A page is dated by what it says; one that says nothing was seen when it was archived. Raises Misconfigured where
    the archive breaks off.
    """
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    number = 0
    try:
        for record in ArchiveIterator(source, record_types=WarcRecordType.response, parse_http=True, auto_decode="all"):
            http = record.http_headers
            if http is None or http.status_code != 200 or (record.http_content_type or "").lower() not in _HTML:
                continue
            number += 1
            page = record.reader.read(LARGEST_PAGE + 1)
            where, url = f"{name}:{number}", (record.headers.get("WARC-Target-URI") or "").strip("<>")
            if len(page) > LARGEST_PAGE:
                yield Line(where, page, len(page), f"the page {url} has more than {LARGEST_PAGE:,} bytes")
            elif _is_cut(record, http, page):
                yield Line(where, page, len(page), f"the page {url} is cut: the archive ends before it does")
            elif found := _article(page, record.http_charset, url):
                if "published_at" not in found:
                    found["seen_at"] = record.headers.get("WARC-Date")
                value = orjson.dumps(found)
                yield Line(where, value, len(value))
            else:
                yield Line(where, page, len(page), f"no text was found in the page {url}")
    except gzip.BadGzipFile:
        raise
    except OSError as broken:
        if broken.errno is not None:
            raise
        raise Misconfigured(f"{name}: not a whole WARC file after page {number}: {broken}") from None


def _is_cut(record: Any, http: Any, page: bytes) -> bool:
    """A packed archive that is cut is noticed as it is unpacked; of a plain one only the lengths tell."""
    said = http.get("Content-Length", "")
    packed = http.get("Content-Encoding") or http.get("Transfer-Encoding")
    return not packed and said.isdecimal() and len(page) < min(int(said), record.content_length)


def _article(body: bytes, charset: str | None, url: str) -> dict[str, object] | None:
    """Our fields of a page, None if there is no text in it."""
    page = extract(body, charset, url)
    if page is None or not page.text:
        return None
    date = next(filter(_is_date, page.dates), None)
    fields = {
        "url": url,
        "title": page.title,
        "body": page.text,
        "author": page.author,
        "image": page.image,
        "published_at": date,
        "dated_by": "page" if date else None,
    }
    return {key: value for key, value in fields.items() if value}


def _is_date(text: str) -> bool:
    try:
        parse_date(text, "date", UTC)
    except Refused:
        return False
    return True
