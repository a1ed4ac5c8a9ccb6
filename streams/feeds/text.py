"""The words of a piece of HTML, a paragraph a line, whatever it was wrapped in."""

from __future__ import annotations

import html
import re

import lxml.html
from lxml import etree

__all__ = ["ILLEGAL", "line", "plain"]

_MARKUP = re.compile(r"<[a-zA-Z/!]|&(?:[a-zA-Z]{2,8}|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});")
ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_BLOCKS = frozenset(
    re.findall(
        r"\w+",
        "address article aside blockquote br dd div dl dt figcaption figure footer h1 h2 h3 h4 h5 h6 header hr li ol p "
        "pre section table td th tr ul",
    )
)
_SILENT = frozenset(["script", "style", "noscript", "iframe", "template", "svg", "form", "button"])
# Feeds escape their HTML once, some twice, a few three times; more would unwrap what the text speaks about.
_WRAPPINGS = 3


def plain(text: str | None) -> str | None:
    """The text without tags and entities, blank lines and spaces folded; None where nothing is left."""
    if not text:
        return None
    for _ in range(_WRAPPINGS):
        if not _MARKUP.search(text):
            break
        text = _unwrapped(text)
    lines = (" ".join(each.split()) for each in ILLEGAL.sub("", text).splitlines())
    return "\n".join(each for each in lines if each) or None


def line(text: str | None) -> str | None:
    """The same on one line: for titles and names."""
    return " ".join(found.split()) if (found := plain(text)) else None


def _unwrapped(text: str) -> str:
    if "<" not in text:
        return html.unescape(text)
    try:
        root = lxml.html.document_fromstring(f"<html><body>{ILLEGAL.sub('', text)}</body></html>")
    except (etree.ParserError, ValueError):  # nothing but a comment
        return re.sub(r"<[^>]*>", " ", text)
    parts: list[str] = []
    silent: etree._Element | None = None
    for event, element in etree.iterwalk(root, events=("start", "end", "comment", "pi")):
        if event in ("comment", "pi"):
            parts.append(_run(element.tail) if silent is None else "")
            continue
        block = element.tag in _BLOCKS
        if event == "start":
            if silent is None and element.tag in _SILENT:
                silent = element
            elif silent is None:
                parts.append("\n" if block else "")
                parts.append(_run(element.text))
            continue
        if silent is element:
            silent = None
        if silent is None:
            parts.append("\n" if block else "")
            parts.append(_run(element.tail))
    return "".join(parts)


def _run(text: str | None) -> str:
    """Line breaks in the source of HTML are spaces."""
    return " ".join(text.splitlines()) if text else ""
