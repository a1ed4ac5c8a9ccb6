"""Arabic text as people search for it, with a way back to the text as it was published."""

from __future__ import annotations

import unicodedata

from xxhash import xxh3_64_hexdigest, xxh3_128_hexdigest

from agents.normalize.cleaning import Cleaner
from agents.normalize.dating import date_article
from agents.normalize.identity import identify, version_of
from agents.normalize.language import language_of
from schemas import Attribution, CleanText, Field, NormalizedArticle, RawArticle, Received, Refused, to_rfc3339

__all__ = ["Normalizer"]

# Raised with every change that changes what comes out: a lane is pinned to it.
_CODE = "1"

_FIELDS: tuple[Field, ...] = ("title", "lead", "body")


class Normalizer:
    """Cleans the text of one article and says which it is; a function of the article and of what `version` names."""

    def __init__(self) -> None:
        self._arabic = Cleaner("arabic")
        self._other = Cleaner("other")
        self.version = f"{_CODE}-{xxh3_64_hexdigest(unicodedata.unidata_version.encode())[:8]}"

    @classmethod
    def shipped(cls) -> Normalizer:
        """The normalizer with the tables that come with Khabar."""
        return cls()

    def normalize(self, article: RawArticle, received: Received) -> NormalizedArticle:
        """The article with its clean text, id, version, language and date.

        Raises Refused if nothing says which article it is, or a usable one has neither title nor body.
        """
        identity = identify(article)
        if article.status == "canceled":
            return self._event(article, received, identity.id, identity.source, xxh3_128_hexdigest(received.value))
        language = language_of(f"{article.title or ''}\n{article.body or article.lead or ''}", article.language)
        cleaner = self._arabic if language == "ar" else self._other
        clean: list[CleanText] = []
        texts = {"title": "", "lead": "", "body": ""}
        for field in _FIELDS:
            sent = getattr(article, field)
            if sent:
                text, runs = cleaner.clean(sent)
                if text:
                    texts[field] = text
                    clean.append(CleanText(field=field, text=text, map=runs, asides=[]))
        if not texts["title"] and not texts["body"] and (article.status == "usable" or identity.id is None):
            raise Refused("title and body are empty; a usable article needs one of them", cause="empty")
        version = version_of(article.status, texts["title"], texts["body"])
        return self._event(article, received, identity.id, identity.source, version, language, clean, [])

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
            extra=article.extra,
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
