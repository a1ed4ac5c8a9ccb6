"""Where an article names again what it has named before: what was found for sure is a hint for the other sentences.

An article names a person in full once and by surname after that, often where nothing else tells that it is a name.
This is the document-level consistency that Krishnan and Manning (2006) add to a CRF, in its simplest form: what was
found for sure is looked for in the other sentences, and the CRF decides again there with a hint.
"""

from __future__ import annotations

from collections.abc import Sequence

from agents.tag.crf import Hint, Mention
from schemas import Label

__all__ = ["echoes"]

# A mention that is less likely than this gives no hint; lower spreads mistakes over the article.
_SURE = 0.6
# A single word shorter than this gives no hint: علي and حسن are words too.
_LONG = 4
_PROCLITICS = ("", "و", "ف", "ب", "ل", "ك")


def echoes(sentences: Sequence[Sequence[str]], mentions: Sequence[Sequence[Mention]]) -> dict[int, list[Hint]]:
    """The sentences in which something sure is named again and was not found: their places, and the hints."""
    names: dict[tuple[str, ...], tuple[float, Label]] = {}
    for words, each in zip(sentences, mentions, strict=True):
        for start, end, label, sure in each:
            if sure >= _SURE:
                name = tuple(words[start:end])
                for part in {name, name[-1:]} if label == "PERS" else {name}:
                    if len(part) > 1 or len(part[0]) >= _LONG:
                        names[part] = max(names.get(part, (0.0, label)), (sure, label))
    starts: dict[str, list[tuple[tuple[str, ...], Label]]] = {}
    for name, (_, label) in sorted(names.items(), key=lambda item: (-len(item[0]), item[0])):
        for clitic in _PROCLITICS:
            starts.setdefault(clitic + name[0], []).append((name, label))
    found: dict[int, list[Hint]] = {}
    for i, (words, each) in enumerate(zip(sentences, mentions, strict=True)):
        if starts.keys().isdisjoint(words):
            continue
        taken = {place for start, end, _, _ in each for place in range(start, end)}
        hints: list[Hint] = []
        for at, word in enumerate(words):
            for name, label in starts.get(word, ()):
                places = range(at, at + len(name))
                if tuple(words[at + 1 : at + len(name)]) == name[1:] and taken.isdisjoint(places):
                    hints.append((at, at + len(name), label))
                    taken.update(places)
                    break
        if hints:
            found[i] = hints
    return found
