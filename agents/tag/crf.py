"""A linear-chain CRF, decoded in numpy for all sentences of an article at once.

Training is crfsuite's (agents.tag.train). Decoding is ours: every weight that depends on one word alone is summed once
per distinct word and kept, so that a sentence costs one look-up a word; crfsuite's own tagger builds and hashes some
fifty strings a word. Weights are whole numbers, so that the best labels are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO

import numpy as np
import numpy.typing as npt

from agents.tag.features import EDGE, OFFSETS, Attributes, Features, bigram
from schemas import Label

__all__ = ["LABELS", "SCALE", "Crf", "Hint", "Mention"]

_KINDS: tuple[Label, ...] = ("PERS", "LOC", "ORG", "MISC")
LABELS = ("O", *(f"{place}-{kind}" for kind in _KINDS for place in "BI"))
# Weights are kept in steps of 1/1000: labels of the held-out sentences are those of the unrounded weights.
SCALE = 1000
# What the rest of the article adds to a label, in steps: a factor of e³ on its odds. Chosen on the sentences before the
# held-out ones; with more, a surname that is also a word is found everywhere.
_HINT = 3 * SCALE
_NEVER = -(10**8)  # what a transition costs that IOB2 does not know
# Distinct words whose sums are kept: 180 bytes each in numpy and about as much in the dictionaries. Where a stream has
# more, the cache starts over; smaller costs time, never changes a result.
_CACHED = 50_000
# Words that are decoded at once; bounds the memory of one call. Must stay below _CACHED.
_BLOCK = 8_192

Ints = npt.NDArray[np.int32]
Weights = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float64]
Mention = tuple[int, int, Label, float]  # first word, word past the last, label, probability
Hint = tuple[int, int, Label]


class Crf:
    """Attribute weights and transitions; `mentions` labels sentences."""

    def __init__(self, names: Sequence[str], weights: Weights, transitions: Ints) -> None:
        """`weights` (attributes, offsets, labels) and `transitions` (from, to) in steps of 1 / SCALE."""
        self._rows = {name: row for row, name in enumerate(names)}
        self._weights = weights
        self._transitions = transitions + _impossible()
        self._odds: Floats = np.where(self._transitions > _NEVER // 2, np.exp(transitions / SCALE), 0.0)
        self._start: Ints = np.array([_NEVER if label[0] == "I" else 0 for label in LABELS], dtype=np.int32)
        self._forget()

    @classmethod
    def load(cls, file: IO[bytes]) -> Crf:
        """Read what `save` wrote."""
        with np.load(file, allow_pickle=False) as found:
            names = found["names"].tobytes().decode().split("\n")
            return cls(names, found["weights"], found["transitions"].astype(np.int32))

    @staticmethod
    def save(file: IO[bytes], names: Sequence[str], weights: Weights, transitions: Ints) -> None:
        """Write a model; the names of attributes have no newline."""
        text = np.frombuffer("\n".join(names).encode(), dtype=np.uint8)
        np.savez_compressed(file, names=text, weights=weights, transitions=transitions.astype(np.int16))

    def _forget(self) -> None:
        self._ids: dict[str, int] = {}
        self._sums = np.zeros((_CACHED, len(OFFSETS), len(LABELS)), dtype=np.int32)
        self._learn("", EDGE)

    def _learn(self, word: str, attributes: Attributes) -> int:
        find = self._rows.get
        rows = [row for part in attributes for name in part if (row := find(name)) is not None]
        number = len(self._ids)
        self._weights[rows].sum(0, dtype=np.int32, out=self._sums[number])
        self._ids[word] = number
        return number

    def mentions(
        self, sentences: Sequence[Sequence[str]], features: Features, hints: Sequence[Sequence[Hint]] = ()
    ) -> list[list[Mention]]:
        """The mentions of each sentence, in order; a sentence has at least one word.

        `hints`, if given, are for each sentence the mentions that the rest of the article suggests.
        """
        found: list[list[Mention]] = []
        at = 0
        while at < len(sentences):
            end, words = at, 0
            while end < len(sentences) and (end == at or words + len(sentences[end]) <= _BLOCK):
                words += len(sentences[end])
                end += 1
            if len(self._ids) + words >= _CACHED:
                self._forget()
            found += self._block(sentences[at:end], features, hints[at:end])
            at = end
        return found

    def _block(
        self, sentences: Sequence[Sequence[str]], features: Features, hints: Sequence[Sequence[Hint]]
    ) -> list[list[Mention]]:
        order = sorted(range(len(sentences)), key=lambda i: -len(sentences[i]))
        lengths = [len(sentences[i]) for i in order]
        scores = np.zeros((max(lengths, default=0), len(sentences), len(LABELS)), dtype=np.int32)
        flat, where = self._scores(sentences, features)
        for begin, hinted in zip(where, hints, strict=False):
            for start, end, label in hinted:
                inside = 2 * _KINDS.index(label) + 2
                flat[begin + start, inside - 1] += _HINT
                flat[begin + start + 1 : begin + end, inside] += _HINT
        for column, i in enumerate(order):
            scores[: lengths[column], column] = flat[where[i] : where[i] + lengths[column]]
        paths = self._best(scores, lengths)
        spans = [_spans(paths[:count, column].tolist()) for column, count in enumerate(lengths)]
        named = [column for column, each in enumerate(spans) if each]
        longest = max((lengths[column] for column in named), default=0)
        sure = self._probabilities(scores[:longest, named], [lengths[c] for c in named], [spans[c] for c in named])
        found: list[list[Mention]] = [[] for _ in sentences]
        for column, each in zip(named, sure, strict=True):
            found[order[column]] = each
        return found

    def _scores(self, sentences: Sequence[Sequence[str]], features: Features) -> tuple[Ints, list[int]]:
        """The scores of all words one under the other, two edges around each sentence; where each sentence begins."""
        ids, find = self._ids, self._rows.get
        line = [0, 0]
        where: list[int] = []
        extra: list[tuple[int, int, int]] = []  # word, attribute, place of the offset in OFFSETS
        for words in sentences:
            at = len(line)
            where.append(at)
            before = ""
            for word in words:
                number = ids.get(word)
                line.append(self._learn(word, features.word(word)) if number is None else number)
                row = find(bigram(before, word))
                if row is not None:
                    extra += ((at, row, 1), (at - 1, row, 2))
                before = word
                at += 1
            for i, names in features.known(words).items():
                for name in names:
                    row = find(name)
                    if row is not None:
                        at = where[-1] + i
                        extra += ((at, row, 0), (at + 1, row, 1), (at - 1, row, 2))
            line += (0, 0)
        table = self._sums[line]
        flat = table[:, 0].copy()
        flat[1:] += table[:-1, 1]
        flat[:-1] += table[1:, 2]
        flat[2:] += table[:-2, 3]
        flat[:-2] += table[2:, 4]
        if extra:
            places, rows, offsets = zip(*extra, strict=True)
            np.add.at(flat, np.array(places), self._weights[rows, offsets])
        return flat, where

    def _best(self, scores: Ints, lengths: Sequence[int]) -> npt.NDArray[np.int8]:
        """Viterbi: the best labels, (words, sentences). Sentences come longest first."""
        longest, count, _ = scores.shape
        if not longest:
            return np.zeros((0, count), dtype=np.int8)
        back = np.zeros(scores.shape, dtype=np.int8)
        best = scores[0] + self._start
        transitions = self._transitions
        going = _going(lengths)
        for t in range(1, longest):
            n = going[t]
            ways = best[:n, :, None] + transitions
            back[t, :n] = ways.argmax(1)
            best[:n] = ways.max(1) + scores[t, :n]
        paths = np.zeros((longest, count), dtype=np.int8)
        label = best.argmax(1)
        columns = np.arange(count)
        for t in range(longest - 1, -1, -1):
            n = going[t]
            paths[t, :n] = label[:n]
            label[:n] = back[t, columns[:n], label[:n]]
        return paths

    def _probabilities(
        self, scores: Ints, lengths: Sequence[int], spans: Sequence[list[tuple[int, int, Label]]]
    ) -> list[list[Mention]]:
        """Forward and backward, scaled word by word; then the probability that exactly this mention stands there.

        Sums are numpy's own and not a matrix product, whose last digit depends on machine and batch.
        """
        longest, count, size = scores.shape
        if not count:
            return []
        going = _going(lengths)
        odds = np.exp((scores - scores.max(2, keepdims=True)) / SCALE)
        ahead = np.zeros((longest, count, size))
        behind = np.ones((longest, count, size))
        total = np.ones((longest, count))
        for t in range(longest):
            n = going[t]
            before = (self._start >= 0) if t == 0 else (ahead[t - 1, :n, :, None] * self._odds).sum(1)
            step = odds[t, :n] * before
            total[t, :n] = step.sum(1)
            ahead[t, :n] = step / total[t, :n, None]
        for t in range(longest - 1, 0, -1):
            n = going[t]
            after = odds[t, :n] * behind[t, :n] / total[t, :n, None]
            behind[t - 1, :n] = (after[:, None, :] * self._odds).sum(2)
        result: list[list[Mention]] = []
        for column, (length, each) in enumerate(zip(lengths, spans, strict=True)):
            mentions: list[Mention] = []
            for start, end, label in each:
                first = LABELS.index(f"B-{label}")
                inside = first + 1
                sure, now = ahead[start, column, first], first
                for t in range(start + 1, end):
                    sure *= self._odds[now, inside] * odds[t, column, inside] / total[t, column]
                    now = inside
                if end < length:
                    after = self._odds[now] * odds[end, column] * behind[end, column] / total[end, column]
                    sure *= after.sum() - after[inside]
                mentions.append((start, end, label, float(min(sure, 1.0))))
            result.append(mentions)
        return result


def _impossible() -> Ints:
    """What IOB2 does not allow: I-x after anything but B-x and I-x."""
    costs = np.zeros((len(LABELS), len(LABELS)), dtype=np.int32)
    for i, before in enumerate(LABELS):
        for j, after in enumerate(LABELS):
            if after[0] == "I" and before[1:] != after[1:]:
                costs[i, j] = _NEVER
    return costs


def _going(lengths: Sequence[int]) -> list[int]:
    """How many of the sentences, longest first, have a word at each place."""
    counts = np.bincount(lengths)
    return [int(n) for n in counts[::-1].cumsum()[::-1][1:]]


def _spans(path: Sequence[int]) -> list[tuple[int, int, Label]]:
    """The mentions of one sentence of labels."""
    found: list[tuple[int, int, Label]] = []
    for i, number in enumerate(path):
        if number % 2:
            found.append((i, i + 1, _KINDS[number // 2]))
        elif number:
            start, _, kind = found[-1]
            found[-1] = (start, i + 1, kind)
    return found
