"""Known names of several words, found in a sentence by longest match."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["Gazetteer", "Start", "clitic_forms"]

# A form with which a known name may begin at a word, and the marker of the clitic that was taken off it.
Start = tuple[str, str]


def clitic_forms(word: str) -> list[tuple[str, int]]:
    """The ways to read a folded word as proclitics and the rest: the rest, and how many letters were taken off.

    The whole word comes first. «لل» is ل and the article, whose alef is not written: it is read as the rest with its
    article, all of «لل» taken off.
    """
    forms = [(word, 0)]
    if len(word) <= 2:
        return forms
    at = 0
    if word[0] in "وف":
        forms.append((word[1:], 1))
        at = 1
    if len(word) - at > 2 and word[at] in "بلك":
        if word[at] == "ل" and word[at + 1] == "ل":
            forms.append(("ال" + word[at + 2 :], at + 2))
        else:
            forms.append((word[at + 1 :], at + 1))
    return forms


class Gazetteer:
    """Phrases of folded words with their kinds, each a string such as "LOC" or "PERS"."""

    def __init__(self, phrases: Iterable[tuple[str, str]]) -> None:
        self._kinds: dict[str, str] = {}
        self._longest: dict[str, int] = {}
        for phrase, kind in phrases:
            known = self._kinds.get(phrase)
            if known is None:
                self._kinds[phrase] = kind
                first, count = phrase.split(" ", 1)[0], phrase.count(" ") + 1
                if count > self._longest.get(first, 0):
                    self._longest[first] = count
            elif kind not in known:
                self._kinds[phrase] = "+".join(sorted([*known.split("+"), kind]))

    def __contains__(self, phrase: str) -> bool:
        return phrase in self._kinds

    def starts(self, word: str) -> list[Start]:
        """The forms of a word with which a known name begins; depends on the word alone."""
        return [(form, "c" if taken else "") for form, taken in clitic_forms(word) if form in self._longest]

    def matches(self, words: Sequence[str], starts: Sequence[Sequence[Start]]) -> dict[int, list[str]]:
        """The attributes of every word that is part of a known name: position in the name, kind, clitic.

        `starts[i]` is `self.starts(words[i])`. Names are taken from left to right, the longest first.
        """
        found: dict[int, list[str]] = {}
        i, count = 0, len(words)
        while i < count:
            best, kinds, clitic = 0, "", ""
            for form, mark in starts[i]:
                for size in range(min(self._longest[form], count - i), best, -1):
                    phrase = form if size == 1 else " ".join([form, *words[i + 1 : i + size]])
                    known = self._kinds.get(phrase)
                    if known is not None:
                        best, kinds, clitic = size, known, mark
                        break
            for j in range(best):
                place = "S" if best == 1 else "I" if j else "B"
                found[i + j] = [f"g={place}{kind}{clitic}" for kind in kinds.split("+")]
            i += best or 1
        return found
