"""Pages of the Web: bytes to text, and a page to the article on it, for live feeds and for archives alike."""

from __future__ import annotations

import codecs
import logging
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import webencodings

__all__ = ["LARGEST_PAGE", "Page", "decode", "extract"]

log = logging.getLogger(__name__)
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # tells at ERROR of each page without a text
logging.getLogger("htmldate").setLevel(logging.CRITICAL)

# Bytes of a page, unpacked. Extraction takes 10 to 100 ms of CPU for honest pages of 100 KB, and grows with size; what
# is larger is not read.
LARGEST_PAGE = 2 * 1024 * 1024
_DATES = (
    '//meta[@property="article:published_time" or @itemprop="datePublished" or @name="datePublished" '
    'or @property="og:published_time" or @name="pubdate" or @name="DC.date.issued"]/@content'
)

_DECLARED = re.compile(
    rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})|<meta[^>]{0,200}?charset\s*=\s*["']?([\w.:-]{1,40})"""
)
_LOOKED_AT = 4096  # bytes in which HTML and XML have to name their encoding
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# Of what is not ASCII, the share that may be broken in a text that still is UTF-8 (a cut character, a pasted byte).
# Text in windows-1256 read as UTF-8 is broken nearly everywhere: higher makes rubbish of it, lower of the former.
_BROKEN = 0.1
# What Arabic pages that are not UTF-8 are written in.
_ARABIC = ("windows-1256", "iso-8859-6")
_SIGNS = re.compile("[\u00a0-\u00ff\u0152-\u0192\u02c6\u20ac\u2122\ufffd]")
_LETTERS = re.compile("[\u0621-\u063a\u0641-\u064a]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What an article's page says of it."""

    text: str | None = None
    title: str | None = None
    author: str | None = None
    image: str | None = None
    dates: tuple[str, ...] = ()  # as the page writes them, the surest first
    canonical: str | None = None  # only within the site: nobody declares a page to be another outlet's


def decode(body: bytes, declared: str | None = None) -> str:
    """The text of a feed or a page; `declared` is the charset of its Content-Type.

    UTF-8 wherever it can be; else the declared encoding, if the Web knows it by that name (no utf-7, no zlib); else the
    Arabic one that gives more letters and fewer odd signs. Never raises: what cannot be read becomes U+FFFD.
    """
    for bom, name in _BOMS:
        if body.startswith(bom):
            return body[len(bom) :].decode(name, "replace")
    if body[:2] in (b"<\0", b"\0<"):
        return body.decode("utf-16-le" if body[:1] == b"<" else "utf-16-be", "replace")
    try:
        return body.decode()
    except UnicodeDecodeError:
        text = body.decode("utf-8", "replace")
    strange = text.count("\ufffd")
    if strange <= _BROKEN * sum(1 for sign in text if sign > "\x7f"):
        return text
    found = _DECLARED.search(body[:_LOOKED_AT])
    inside = (found[1] or found[2]).decode("ascii", "replace") if found else None
    for label in (declared, inside):
        encoding = webencodings.lookup(label) if label else None
        if encoding is not None and encoding.name not in ("utf-8", "replacement", "x-user-defined"):
            return body.decode(encoding.codec_info.name, "replace")
    return max((body.decode(name, "replace") for name in _ARABIC), key=_likely)


def _likely(text: str) -> int:
    return len(_LETTERS.findall(text)) - 3 * len(_SIGNS.findall(text))


def extract(body: bytes, charset: str | None, url: str) -> Page | None:
    """Read the page that was at `url`; `charset` is that of its Content-Type. None if there is no HTML in it."""
    import trafilatura  # a second or two, that feeds alone should not wait for
    from trafilatura.utils import load_html

    try:
        tree = load_html(decode(body, charset))
        if tree is None:
            return None
        dates = [str(each) for each in tree.xpath(_DATES)]
        canonical = [str(each) for each in tree.xpath('//link[@rel="canonical"]/@href')]
        heading = " ".join(tree.xpath("string(//h1)").split())
        found = trafilatura.bare_extraction(
            tree, url=url, include_comments=False, include_tables=False, with_metadata=True
        )
    except (ValueError, TypeError, AttributeError, RecursionError) as bad:  # what hostile markup makes of lxml's users
        log.info("%s cannot be taken apart: %r", url, bad)
        return None
    if found is None or isinstance(found, dict):
        return None
    return Page(
        text=_without(heading, found.text or "") or None,
        title=found.title or None,
        author=found.author or None,
        image=found.image or None,
        dates=tuple(each for each in (*dates, found.date or "") if each.strip()),
        canonical=next((each for each in canonical if _same_site(each, url)), None),
    )


def _without(heading: str, text: str) -> str:
    """The headline is the title, and no part of the body."""
    first, _, rest = text.partition("\n")
    return rest if heading and first.strip() == heading else text


def _same_site(canonical: str, url: str) -> bool:
    try:
        one, other = urlsplit(canonical), urlsplit(url)
        return (
            one.scheme in ("http", "https")
            and bool(one.path.strip("/"))
            and _site(one.hostname) == _site(other.hostname)
        )
    except ValueError:
        return False


def _site(host: str | None) -> str:
    """The host without what tells a site's faces apart."""
    parts = (host or "").lower().split(".")
    while len(parts) > 2 and parts[0] in ("www", "m", "amp", "mobile"):
        parts = parts[1:]
    return ".".join(parts)
