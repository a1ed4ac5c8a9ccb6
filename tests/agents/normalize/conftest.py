"""Fixtures of the normalizer's tests: the shipped one, and articles made from a few fields."""

from collections.abc import Callable
from typing import Any

import pytest

from agents.normalize import Normalizer
from schemas import NormalizedArticle, RawArticle, Received, from_rfc3339


@pytest.fixture(scope="session")
def normalizer() -> Normalizer:
    return Normalizer.shipped()


@pytest.fixture(scope="session")
def normalized(normalizer: Normalizer) -> Callable[..., NormalizedArticle]:
    """Normalizes an article of these fields, seen at noon on 1 May 2026."""

    def make(**fields: Any) -> NormalizedArticle:
        if "url" not in fields and "source" not in fields:
            fields |= {"source": "nahar-test", "source_id": "1"}
        seen = Received(value=b"{}", seen_us=from_rfc3339("2026-05-01T12:00:00Z"))
        return normalizer.normalize(RawArticle(**fields), seen)

    return make
