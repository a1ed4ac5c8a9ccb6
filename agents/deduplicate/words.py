"""What is known of each word, worked out once a process: its hash, its stem, how rare that is."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from threading import Lock

import numpy as np
import numpy.typing as npt
from xxhash import xxh32_intdigest

from agents.deduplicate import idf

__all__ = ["Words"]

# Different words that are remembered before the table starts anew; at some 300 bytes each, 150 MB.
LIMIT = 500_000
# The idf of a stem in six of a thousand articles: names of people are rarer, most other words are not.
RARE = 1300
# The bits of a row.
IDF, DIGITS, LEAD = 2, 1 << 1, 1 << 0
LENGTH, IS_RARE, IS_NUMBER, IS_WORD = 3, 1 << 2, 1 << 1, 1 << 0
_LONGEST = (1 << 24) - 1

Rows = npt.NDArray[np.uint64]


class Words(dict[str, int]):
    """Numbers words as they are met; a row says what is known of each. A cache of pure functions of the word.

    A row is two numbers of 64 bits, so that one gather fetches all:
    the hash of its stem, above the stem's idf, whether the stem is a number (a bit is left free for the lead); and
    the hash of the word, above its length, whether it is rare enough for a name, a number, letters or digits at all
    (punctuation is neither). `numbers` are the words that are numbers, as written.
    """

    _shared: Words | None = None

    def __init__(self) -> None:
        table = idf.load()
        self._idf = table.of
        self._unknown = table.unknown
        self.common = table.common
        self.numbers: dict[int, str] = {}
        self._rows: Rows = np.zeros((1 << 14, 2), np.uint64)
        self._ready = 0  # so many rows are filled in
        self._new = array("Q")  # the rows after those: numpy takes many at once far quicker
        self._lock = Lock()

    @classmethod
    def shared(cls) -> Words:
        """The table of this process; a new one once it is full."""
        if cls._shared is None or len(cls._shared) > LIMIT:
            cls._shared = cls()
        return cls._shared

    def numbered(self, words: Iterable[str]) -> Iterator[int]:
        """The number of each word."""
        return map(self.__getitem__, words)

    def rows(self, numbers: npt.NDArray[np.int64]) -> Rows:
        """The row of each of these words."""
        if self._ready < len(self):
            self._fill_in()
        return self._rows.take(numbers, axis=0)

    def _fill_in(self) -> None:
        with self._lock:
            end = len(self)
            while end > len(self._rows):
                self._rows = np.concatenate((self._rows, np.zeros_like(self._rows)))
            self._rows[self._ready : end] = np.frombuffer(self._new, np.uint64).reshape(-1, 2)
            self._new = array("Q")
            self._ready = end

    def __missing__(self, word: str) -> int:
        with self._lock:
            if word in self:
                return self[word]
            number = len(self)
            folded = idf.fold(word)
            stem = idf.stem(folded)
            rarity = self._idf.get(stem, self._unknown)
            is_number = word[:1].isdigit()
            if is_number:
                self.numbers[number] = folded
            flags = (
                IS_WORD * (word.isalnum() or any(map(str.isalnum, word)))
                | IS_NUMBER * is_number
                | IS_RARE * (rarity >= RARE and not is_number)
            )
            self._new.append(_hash(stem) << 32 | rarity << IDF | DIGITS * stem[:1].isdigit())
            self._new.append(_hash(folded) << 32 | min(len(word), _LONGEST) << LENGTH | flags)
            self[word] = number
            return number


def _hash(text: str) -> int:
    return xxh32_intdigest(text.encode("utf-8", "surrogatepass"))
