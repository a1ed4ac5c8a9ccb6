"""Articles for the tagger, made the way that every article is."""

from collections.abc import Callable

import pytest

from agents.normalize import Normalizer
from agents.tag import Tagger
from schemas import NormalizedArticle, RawArticle, Received, TaggedArticle

Tag = Callable[..., TaggedArticle]


@pytest.fixture(scope="session")
def tagger() -> Tagger:
    """The tagger that ships."""
    return Tagger.shipped()


@pytest.fixture(scope="session")
def normalized() -> Callable[..., NormalizedArticle]:
    """Makes an article of the fields given."""
    normalizer = Normalizer.shipped()

    def make(body: str, *, language: str | None = "ar", **fields: str) -> NormalizedArticle:
        raw = RawArticle(source="wasl.example", body=body, language=language, published_at="2026-05-01", **fields)
        return normalizer.normalize(raw, Received(value=body.encode(errors="replace"), seen_us=0))

    return make


@pytest.fixture(scope="session")
def tag(tagger: Tagger, normalized: Callable[..., NormalizedArticle]) -> Tag:
    """Tags an article of the fields given."""

    def make(body: str, **fields: str) -> TaggedArticle:
        return tagger.tag(normalized(body, **fields))

    return make
