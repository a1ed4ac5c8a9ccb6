"""What a producer said of its article and was not used is kept beside it, as sent."""

from __future__ import annotations

import logging
from typing import Any

import orjson

from agents.normalize.language import primary
from schemas import EXTRA_LIMIT, RawArticle

__all__ = ["with_unused"]

_log = logging.getLogger(__name__)


def with_unused(article: RawArticle, language: str | None, *, dated: bool) -> dict[str, Any]:
    """`extra`, and in it under `language` and `published_at` what was sent there and did not become `language` or the
    date (`dated`: it did). What the producer has put there itself stays; what does not fit in EXTRA_LIMIT bytes of JSON
    is left out, and logged.
    """
    unused: dict[str, Any] = {}
    if article.language and article.status != "canceled" and primary(article.language) != language:
        unused["language"] = article.language
    if not dated and article.published_at not in (None, ""):
        unused["published_at"] = article.published_at
    extra = article.extra
    for name, sent in unused.items():
        if name in extra:
            continue
        more = extra | {name: sent}
        if (size := len(orjson.dumps(more))) > EXTRA_LIMIT:
            _log.warning("%s as sent is left out: extra would be %d bytes of JSON, of %d", name, size, EXTRA_LIMIT)
            continue
        extra = more
    return extra
