"""Bytes of the web to text: what they are goes before what they are said to be."""

from __future__ import annotations

import codecs
import re

import webencodings

__all__ = ["decode"]

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
    strange = sum(map(text.count, "\ufffd"))
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
