"""What the gateway asks of whoever knows how words are matched; deploy hands in agents.normalize.words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

__all__ = ["Query", "Text", "Words"]


class Text(Protocol):
    """A text to be searched, folded once for all queries."""

    @property
    def terms(self) -> frozenset[str]:
        """What an index of texts holds of it."""


class Query(Protocol):
    """What somebody looks for; equal queries are equal, and hash alike."""

    @property
    def terms(self) -> tuple[frozenset[str], ...]:
        """Of each group a matching text holds one term at least."""

    @property
    def quotes(self) -> tuple[str, ...]:
        """What has to be found as written; without any, `terms` say it all."""

    def matches(self, text: Any) -> bool:
        """Whether the text, made by the same Words, has all of it."""


class Words(Protocol):
    """Reads queries and texts."""

    def text(self, *fields: str | None, language: str | None = None, names: Iterable[str] = ()) -> Text:
        """The fields of one thing, folded to be searched together, with the names of what they speak of."""

    def parse(self, text: str) -> Query:
        """The query that somebody typed; raises Refused."""
