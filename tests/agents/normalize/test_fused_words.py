"""Fused words come apart, good words do not, and the table is what its script makes."""

import re
from collections.abc import Callable
from importlib.resources import files
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.normalize.cleantext import original_span
from agents.normalize.fused import Splitter
from agents.normalize.fused_table import make_table
from schemas import NormalizedArticle


@pytest.fixture(scope="module")
def splitter() -> Splitter:
    return Splitter(files("agents.normalize").joinpath("data", "words.txt").read_text("utf-8"))


@pytest.mark.parametrize(
    ("sent", "clean"),
    [
        ("روسياوالولاياتالمتحدة", "روسيا والولايات المتحده"),
        ("لروسياوالولاياتالمتحدة", "لروسيا والولايات المتحده"),
        ("بريطانياوالولاياتالمتحدة", "بريطانيا والولايات المتحده"),
        ("وبريطانياوالولاياتالمتحدة", "وبريطانيا والولايات المتحده"),
        ("وزيرالخارجية", "وزير الخارجيه"),
        ("السعوديةوالإمارات", "السعوديه والامارات"),
        ("مصروالسودان", "مصر والسودان"),
    ],
)
def test_fused_words_come_apart(normalized: Callable[..., NormalizedArticle], sent: str, clean: str) -> None:
    body = f"قال إن {sent} على اتفاق"
    [text] = normalized(body=body).clean
    assert text.text == f"قال ان {clean} علي اتفاق"
    start = text.text.index(clean)
    assert body[slice(*original_span(text, start, start + len(clean)))] == sent
    first = clean.split()[0]
    assert body[slice(*original_span(text, start, start + len(first)))] == sent[: len(first)]


@pytest.mark.parametrize(
    "word",
    [
        "والاستخدامات", "استراتيجيتها", "الكهرومغناطيسيه", "البتروكيماويات", "والمستشفيات",
        "انتهاكاتهم", "منتدياتهم", "ومسووليتهم", "الديمقراطيه", "فالاستثمارات", "وبالاحتفالات",
        "عبدالرحمن", "وعبدالحليم", "ويستقبلونهم", "واللامسووله",
    ],
)  # fmt: skip
def test_long_words_stay_whole(splitter: Splitter, word: str) -> None:
    assert splitter.cuts(word) == ()


@given(st.text("ابتدرسعفقكلمنهوي", min_size=1, max_size=100))
def test_cuts_lie_inside_the_word_and_leave_pieces_of_three_letters(splitter: Splitter, word: str) -> None:
    bounds = [0, *splitter.cuts(word), len(word)]
    assert all(b - a >= 3 for a, b in pairwise(bounds)) or len(bounds) == 2


def test_the_same_word_comes_apart_wherever_it_stands(splitter: Splitter) -> None:
    text = "الولاياتالمتحده قالت .\nوالولاياتالمتحده ( الولاياتالمتحده )"
    parted = [m.start() for m in re.finditer("المتحده", text)]
    assert splitter.places(text) == parted


def test_a_table_is_folded_added_up_and_keeps_known_words_whole() -> None:
    shares = {"الكتابة": 1e-4, "الكتابه": 1e-4, "الجديد": 1e-4, "الكتابهالجديد": 1e-5, "نادر": 1e-9, "abc": 1e-3}
    assert make_table(shares) == "34 الكتابه\n37 الجديد\nwhole الكتابهالجديد\n"
    assert Splitter(make_table(shares)).cuts("الجديدالكتابه") == (6,)
