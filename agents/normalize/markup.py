"""What HTML and links leave in a text, taken out without moving anything: every text keeps its length here.

What is to vanish becomes U+0000, and what belongs to the character before it (the rest of an entity) U+0001, so that
the one pass in cleaning, which knows the fate of every character, needs no second map.
"""

from __future__ import annotations

import html
import re

__all__ = ["unmarked"]

# Entities, also escaped twice and more: &amp;amp;quot;. Without the semicolon only those that no word looks like.
_ENTITY = re.compile(
    r"&(?:amp;)*(?:(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
    r"|(nbsp|quot|amp|lt|gt|laquo|raquo|ldquo|rdquo|ndash|mdash|hellip|zwnj|rlm|lrm)(?![A-Za-z0-9;=]))"
)
_TAG = re.compile(r"<[\x00\x01]*[/?!]?[\x00\x01]*([A-Za-z\[-][A-Za-z0-9]*)[^<>]*>[\x00\x01]*")
_BLOCKS = frozenset([
    "address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "figcaption", "figure", "footer",
    "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "iframe", "li", "main", "nav", "ol", "option", "p",
    "pre", "section", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul", "video",
])  # fmt: skip
# What is inside says nothing to a reader.
_SILENT = (("<script", "</script>"), ("<style", "</style>"), ("<!--", "-->"))
_LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"«»“”،؛]+")


def unmarked(text: str) -> str:
    """The text without tags, entities, scripts and links; as long as before."""
    if "&" in text:
        text = _ENTITY.sub(_decoded, text)
    if "<" in text:
        for begin, end in _SILENT:
            text = _silenced(text, begin, end)
        text = _TAG.sub(_dropped, text)
    if "://" in text or "www." in text:
        text = _LINK.sub(lambda link: "\x00" * len(link.group()), text)
    return text


def _decoded(entity: re.Match[str]) -> str:
    name = f"&{entity[1] or entity[2]};"
    char = html.unescape(name)
    return char + "\x01" * (len(entity[0]) - len(char)) if char != name else entity[0]


def _dropped(tag: re.Match[str]) -> str:
    size = len(tag[0])
    return "\n" + "\x01" * (size - 1) if tag[1].lower() in _BLOCKS else "\x00" * size


def _silenced(text: str, begin: str, end: str) -> str:
    """Without what stands between `begin` and `end`; in one go, however many of them are never closed."""
    lower = text.lower() if text.isascii() else text
    out: list[str] = []
    last = 0
    while (start := lower.find(begin, last)) >= 0 and (stop := lower.find(end, start + len(begin))) >= 0:
        out += (text[last:start], "\n", "\x01" * (stop + len(end) - start - 1))
        last = stop + len(end)
    return "".join(out) + text[last:] if out else text
