"""Finds who and what an Arabic article names, and gives every name the id of the one thing it stands for.

    Tagger.shipped().tag(article)      # the article with its entities and its fingerprint

A CRF (agents.tag.crf) labels the words of the clean text, sentence by sentence; agents.tag.names links what it found.
Other languages pass without entities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from importlib.resources import files
from operator import attrgetter
from typing import Any, NamedTuple

from xxhash import xxh3_64

from agents.deduplicate.making import fingerprints
from agents.normalize.cleantext import WayBack
from agents.tag.crf import Crf
from agents.tag.echoes import echoes
from agents.tag.features import Features
from agents.tag.gazetteer import clitic_forms
from agents.tag.names import Linker, Named
from agents.tag.tables import Tables
from schemas import CleanText, Entity, Fingerprint, Label, NormalizedArticle, TaggedArticle

__all__ = ["Tagger"]

_CODE = "3"  # rises with every change of the code that may change a result; models and tables speak for themselves
# Words that are labelled together; a sentence that is longer (a table, a list of names) is cut. The CRF looks two words
# far, so that a cut harms only a name that stands on it.
_LONGEST_SENTENCE = 128
# Alone it is no organisation but the end of one's name (فرانس برس). Leaving out every unknown one as short would lose
# real ones (واس).
_NO_NAME = "برس"
_CARRIED = tuple(f.name for f in fields(NormalizedArticle) if f.name not in ("clean", "provenance"))
_carried = attrgetter(*_CARRIED)


class _Found(NamedTuple):
    """A mention in clean text: its field, where in it, and the words."""

    clean: CleanText
    start: int
    end: int
    label: Label
    words: tuple[str, ...]
    confidence: float


def _shortened(found: _Found) -> _Found:
    """The mention without its first word."""
    return found._replace(start=found.start + len(found.words[0]) + 1, words=found.words[1:])


class Tagger:
    """Tags one article at a time; what it remembers between articles saves time and changes no result."""

    def __init__(self, crf: Crf | None, tables: Tables | None, version: str) -> None:
        self.version = version
        self._finder = None if crf is None or tables is None else _Finder(crf, Features(tables), Linker(tables))

    @classmethod
    def shipped(cls) -> Tagger:
        """The tagger with the model and tables that ship with Khabar; 0.3 s and 50 MB, 30 MB more as it meets words."""
        data = files("agents.tag") / "data"
        digest = xxh3_64()
        for path in sorted(data.iterdir(), key=lambda path: path.name):
            if path.name.endswith((".gz", ".npz")):
                digest.update(path.read_bytes())
        with (data / "model.npz").open("rb") as file:
            return cls(Crf.load(file), Tables.shipped(), f"crf-{_CODE}-{digest.hexdigest()[:8]}")

    @classmethod
    def off(cls) -> Tagger:
        """A tagger that finds nothing: for measuring the rest."""
        return cls(None, None, "off")

    def tag(self, article: NormalizedArticle) -> TaggedArticle:
        """The article with its entities in the order in which they stand, and its fingerprint."""
        return self.tag_all([article])[0]

    def tag_all(self, articles: Sequence[NormalizedArticle]) -> list[TaggedArticle]:
        """Each of them as `tag` gives it, for less: their fingerprints are made together."""
        prints = fingerprints(articles)
        return [self._tagged(article, print_) for article, print_ in zip(articles, prints, strict=True)]

    def _tagged(self, article: NormalizedArticle, print_: Fingerprint | None) -> TaggedArticle:
        carried: dict[str, Any] = dict(zip(_CARRIED, _carried(article), strict=True))
        return TaggedArticle(
            **carried,
            provenance=article.provenance | {"tag": self.version},
            entities=self._finder.entities(article) if self._finder and article.language == "ar" else [],
            fingerprint=print_,
        )


class _Finder:
    """What finds mentions and links them."""

    def __init__(self, crf: Crf, features: Features, linker: Linker) -> None:
        self._crf = crf
        self._features = features
        self._linker = linker

    def entities(self, article: NormalizedArticle) -> list[Entity]:
        found = self._found(article.clean)
        if not found:
            return []
        verbs = self._linker.verbs([(each.label, each.words) for each in found])
        found = [_shortened(each) if verb else each for each, verb in zip(found, verbs, strict=True)]
        clitics = self._linker.clitics([(each.label, each.words) for each in found])
        spans: list[tuple[int, int]] = []
        named: list[Named] = []
        ways: dict[str, WayBack] = {}
        for each, taken in zip(found, clitics, strict=True):
            field = each.clean.field
            way = ways.get(field) or ways.setdefault(field, WayBack(each.clean.map))
            start, end = way.span(each.start + taken, each.end)
            first = clitic_forms(each.words[0])
            words = (next(form for form, n in first if n == taken), *each.words[1:])
            spans.append((start, end))
            named.append(Named(each.label, words, (getattr(article, field) or "")[start:end]))
        links = self._linker.link(named, [clean.text for clean in article.clean])
        entities: list[Entity] = []
        before: tuple[str, int] = ("", 0)
        for each, (start, end), name, known in zip(found, spans, named, links, strict=True):
            # One character that stands for several words (﷽) is one mention at most.
            if start == end or (before[0] == each.clean.field and start < before[1]):
                continue
            if each.label == "ORG" and name.words == (_NO_NAME,):
                continue
            before = each.clean.field, end
            sure = round(each.confidence, 3)
            entities.append(
                Entity(
                    field=each.clean.field, start=start, end=end, text=name.text, label=each.label,
                    id=known.id, name=known.name, confidence=sure,
                )
            )  # fmt: skip
        return entities

    def _found(self, texts: Sequence[CleanText]) -> list[_Found]:
        sentences: list[list[str]] = []
        begins: list[tuple[CleanText, int]] = []
        for clean in texts:
            at = 0
            for line in clean.text.split("\n"):
                words = line.split(" ")
                for cut in range(0, len(words), _LONGEST_SENTENCE):
                    piece = words[cut : cut + _LONGEST_SENTENCE]
                    sentences.append(piece)
                    begins.append((clean, at))
                    at += sum(map(len, piece)) + len(piece)
        found: list[_Found] = []
        mentions = self._crf.mentions(sentences, self._features)
        again = echoes(sentences, mentions)
        if again:
            which = sorted(again)
            second = self._crf.mentions([sentences[i] for i in which], self._features, [again[i] for i in which])
            for i, each in zip(which, second, strict=True):
                mentions[i] = each
        for words, (clean, begin), each in zip(sentences, begins, mentions, strict=True):
            for first, last, label, sure in each:
                start = begin + sum(map(len, words[:first])) + first
                piece = words[first:last]
                end = start + sum(map(len, piece)) + len(piece) - 1
                found.append(_Found(clean, start, end, label, tuple(piece), sure))
        return found
