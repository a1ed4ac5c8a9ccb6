"""The full-text index: SQLite's FTS5 over terms that somebody else makes of a text, so that it has no words of its own.

It finds what can match a query; whether something does, the query says. So the index keeps neither texts nor places of
words, only which term is in which text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from streams.gateway.filters import Facts
from streams.gateway.words import Words

__all__ = ["INDEX", "Terms", "indexed", "query"]


class Terms(NamedTuple):
    """What of an event (as JSON has it) goes into the index, strings without white space, and their version."""

    version: str
    article: Callable[[dict[str, Any]], Iterable[str]]
    story: Callable[[dict[str, Any]], Iterable[str]]

    @classmethod
    def of(cls, words: Words, version: str) -> Terms:
        """The terms that filters look for; `version` changes with what they are."""
        return cls(
            version,
            lambda event: Facts.of_article(event, {}, words).text.terms,
            lambda event: Facts.of_story(event, {}, words).text.terms,
        )


# `ascii` splits at what is ASCII and neither letter nor digit, and folds A to Z: `_ENCODE` leaves it spaces alone.
_FTS5 = "USING fts5 (terms, content='', detail=none, columnsize=0, tokenize='ascii')"
INDEX = f"CREATE VIRTUAL TABLE article_texts {_FTS5}; CREATE VIRTUAL TABLE story_texts {_FTS5};"
_PRIVATE = 0xE000  # the Private Use Area stands in for what the tokenizer would take for a separator
_ENCODE = {point: _PRIVATE + point for point in range(128) if not chr(point).isalnum() and point != ord(" ")}


def indexed(terms: Iterable[str]) -> str:
    """What goes into the index for a text of these terms. Signs that stand alone are nothing to look for."""
    return " ".join(each for each in terms if len(each) > 1 or each.isalnum()).translate(_ENCODE)


def query(groups: Iterable[Sequence[str] | frozenset[str]]) -> str:
    """An FTS5 query for the texts that have of each group at least one term."""
    quoted = (" OR ".join(f'"{each.translate(_ENCODE)}"' for each in sorted(group)) for group in groups)
    return " AND ".join(f"({each})" for each in quoted)
