"""Reads what the tagger learns from and is measured on; every text is cleaned by the normalizer's own rules."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from agents.normalize.cleaning import Cleaner
from agents.normalize.cleantext import WayBack
from schemas import Misconfigured

__all__ = [
    "HELD_OUT",
    "Sentence",
    "anercorp",
    "clean_sentence",
    "fold",
    "folder",
    "news",
    "read_iob",
]

# Tokens and their IOB2 tags.
Sentence = list[tuple[str, str]]

# The last sentences of ANERcorp's training part, which neither training nor tuning sees: whole articles, since the
# corpus keeps its articles together.
HELD_OUT = 480

_CLEANER = Cleaner("arabic")
_LATIN_DIGITS = re.compile(r"\d+")


def folder() -> Path:
    """The data's folder, which KHABAR_DATA names; raises Misconfigured."""
    named = os.environ.get("KHABAR_DATA")
    if not named or not Path(named, "ner").is_dir():
        raise Misconfigured(f"KHABAR_DATA is {named or 'not set'}; point it to the folder that has ner/ and news/")
    return Path(named)


def fold(text: str) -> str:
    """Clean text on one line."""
    return _CLEANER.clean(text)[0].replace("\n", " ").strip()


def read_iob(path: Path) -> list[Sentence]:
    """Sentences of `token TAG` lines, an empty line between them; lines without a token are left out."""
    sentences: list[Sentence] = [[]]
    for line in path.read_text(encoding="utf-8-sig").splitlines():
        parts = line.split()
        if len(parts) >= 2:
            sentences[-1].append((parts[0], parts[-1]))
        elif not parts and sentences[-1]:
            sentences.append([])
    return [sentence for sentence in sentences if sentence]


def clean_sentence(sentence: Sentence) -> Sentence:
    """The sentence in the words that the tagger will read, each with the tag of the token that it comes from."""
    clean, runs = _CLEANER.clean(" ".join(token for token, _ in sentence))
    way = WayBack(runs)
    ends: list[int] = []
    for token, _ in sentence:
        ends.append((ends[-1] + 1 if ends else 0) + len(token))
    words: Sentence = []
    at = i = 0
    before = -1
    for word in clean.replace("\n", " ").split(" "):
        if word:
            start, _ = way.span(at, at + len(word))
            while ends[i] <= start:
                i += 1
            tag = sentence[i][1]
            words.append((word, "I" + tag[1:] if i == before and tag[0] == "B" else tag))
            before = i
        at += len(word) + 1
    return words


def anercorp(data: Path) -> list[Sentence]:
    """The training part of ANERcorp, CAMeL Lab's split; as it is, with the held-out sentences last."""
    return read_iob(data / "ner" / "anercorp-camel-train.txt")


def news(data: Path) -> Iterator[Sequence[str]]:
    """The words of each sentence of the ANT corpus, numbers as one word."""
    with gzip.open(data / "news" / "ant-2018-02-05.jsonl.gz") as lines:
        for line in lines:
            article = orjson.loads(line)
            for field in ("title", "abstract", "text"):
                for sentence in _CLEANER.clean(article.get(field) or "")[0].split("\n"):
                    words = _LATIN_DIGITS.sub("0", sentence).split()
                    if len(words) > 2:
                        yield words
