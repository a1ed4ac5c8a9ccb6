"""When an article was published, and how far that can be believed."""

from __future__ import annotations

from typing import NamedTuple

from schemas import Precision, RawArticle, Refused, from_rfc3339, parse_date, to_rfc3339
from schemas.events import DatedBy

__all__ = ["Dated", "date_article"]

# Before the first news sites a date is a slip or an empty field (1970-01-01). A later bound would drop real dates.
_EARLIEST_US = from_rfc3339("1990-01-01T00:00:00Z")
# Clocks and time zones go wrong by less than a day; what is dated further ahead was not published then.
_AHEAD_US = 24 * 3600 * 1_000_000


class Dated(NamedTuple):
    """The date of an article in RFC 3339, who gave it, and how precisely; none where it has none to be believed."""

    published_at: str | None
    dated_by: DatedBy
    precision: Precision | None


def date_article(article: RawArticle, seen_us: int) -> Dated:
    """The date that the producer gave, unless it is missing, unreadable, before 1990 or a day past `seen_us`.

    A replay may be told to take older articles: it then dates their place, `seen_us`, before 1990 as well.
    """
    if article.published_at is None:
        return Dated(None, "none", None)
    try:
        found = parse_date(article.published_at, "published_at")
        if not min(_EARLIEST_US, seen_us) <= found.us <= seen_us + _AHEAD_US:
            return Dated(None, "none", None)
        text = to_rfc3339(found.us)
    except (Refused, OverflowError):
        return Dated(None, "none", None)
    by = article.dated_by if article.dated_by not in (None, "none") else "given"
    return Dated(text, by, article.date_precision or found.precision)
