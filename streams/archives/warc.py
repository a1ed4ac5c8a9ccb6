"""Pages of a web archive (WARC) as articles: the text, the title and the date that are found in each."""

from __future__ import annotations

import gzip
import io
import logging
from collections.abc import Iterator
from datetime import UTC
from typing import Any

import orjson

from schemas import Misconfigured, Refused, parse_date
from streams.archives.lines import Line

__all__ = ["read_warc"]

# Bytes of a page, unpacked. Extraction takes 10 to 100 ms of CPU for honest pages of 100 KB, and grows with size; what
# is larger is refused.
_PAGE = 2 * 1024 * 1024
_HTML = ("text/html", "application/xhtml+xml")
_DATES = (
    '//meta[@property="article:published_time" or @itemprop="datePublished" or @name="datePublished" '
    'or @property="og:published_time" or @name="pubdate" or @name="DC.date.issued"]/@content'
)


def read_warc(source: io.BufferedReader, name: str) -> Iterator[Line]:
    """Yield the pages that were answered with 200 and HTML; what else is in the archive is no article.

    A page is dated by what it says; one that says nothing was seen when it was archived. Raises Misconfigured where
    the archive breaks off.
    """
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    for tells in ("trafilatura", "htmldate"):  # at ERROR of each page without a text
        logging.getLogger(tells).setLevel(logging.CRITICAL)
    number = 0
    try:
        for record in ArchiveIterator(source, record_types=WarcRecordType.response, parse_http=True, auto_decode="all"):
            http = record.http_headers
            if http is None or http.status_code != 200 or (record.http_content_type or "").lower() not in _HTML:
                continue
            number += 1
            page = record.reader.read(_PAGE + 1)
            where, url = f"{name}:{number}", (record.headers.get("WARC-Target-URI") or "").strip("<>")
            if len(page) > _PAGE:
                yield Line(where, page, len(page), f"the page {url} has more than {_PAGE:,} bytes")
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


def _article(page: bytes, charset: str | None, url: str) -> dict[str, object] | None:
    """Our fields of a page, None if there is no text in it."""
    import trafilatura
    from trafilatura.utils import load_html

    try:
        tree = load_html(_text(page, charset))
        if tree is None:
            return None
        dates = [str(each) for each in tree.xpath(_DATES)]
        found = trafilatura.bare_extraction(
            tree, url=url, include_comments=False, include_tables=False, with_metadata=True
        )
    except (ValueError, TypeError, AttributeError, RecursionError):  # what hostile markup makes of lxml's users
        return None
    if found is None or isinstance(found, dict) or not found.text:
        return None
    date = next(filter(_is_date, [*dates, found.date or ""]), None)
    fields = {
        "url": url,
        "title": found.title,
        "body": found.text,
        "author": found.author,
        "image": found.image,
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


def _text(page: bytes, charset: str | None) -> str | bytes:
    """UTF-8 wherever it can be, else what was declared; left to the extractor's guess if that is nothing known."""
    for encoding in ("utf-8", charset):
        try:
            return page.decode(encoding or "utf-8")
        except (UnicodeDecodeError, LookupError):
            continue
    return page
