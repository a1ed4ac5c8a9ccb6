"""What is known of each word, worked out once a process: its hash, its stem, how rare that is."""

from __future__ import annotations

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


class Words(dict[str, int]):
    """Numbers words as they are met; the columns say what is known of number i. A cache of pure functions of the word.

    `is_word` letters or digits (punctuation is neither); `hashes` of the word, `stems` of its stem; `idf` of the stem;
    `is_rare` the stem is rare enough for a name; `numbers` the words that are numbers, as written.
    """

    _shared: Words | None = None

    def __init__(self) -> None:
        table = idf.load()
        self._idf = table.of
        self._unknown = table.unknown
        self.common = table.common
        self.numbers: dict[int, str] = {}
        self._lock = Lock()
        self._columns(1 << 14)

    @classmethod
    def shared(cls) -> Words:
        """The table of this process; a new one once it is full."""
        if cls._shared is None or len(cls._shared) > LIMIT:
            cls._shared = cls()
        return cls._shared

    def _columns(self, size: int) -> None:
        old = len(self)
        for name, kind in (
            ("hashes", np.uint32), ("stems", np.uint32), ("idf", np.int64), ("is_word", np.bool_),
            ("is_number", np.bool_), ("is_rare", np.bool_),
        ):  # fmt: skip
            column = np.zeros(size, kind)
            if old:
                column[:old] = getattr(self, name)[:old]
            setattr(self, name, column)

    hashes: npt.NDArray[np.uint32]
    stems: npt.NDArray[np.uint32]
    idf: npt.NDArray[np.int64]
    is_word: npt.NDArray[np.bool_]
    is_number: npt.NDArray[np.bool_]
    is_rare: npt.NDArray[np.bool_]

    def __missing__(self, word: str) -> int:
        with self._lock:
            if word in self:
                return self[word]
            number = len(self)
            if number == len(self.hashes):
                self._columns(2 * number)
            folded = idf.fold(word)
            stem = idf.stem(folded)
            rarity = self._idf.get(stem, self._unknown)
            self.hashes[number] = xxh32_intdigest(folded.encode("utf-8", "surrogatepass"))
            self.stems[number] = xxh32_intdigest(stem.encode("utf-8", "surrogatepass"))
            self.idf[number] = rarity
            self.is_word[number] = any(map(str.isalnum, word))
            self.is_rare[number] = rarity >= RARE
            if word[:1].isdigit():
                self.is_number[number] = True
                self.is_rare[number] = False
                self.numbers[number] = folded
            self[word] = number
            return number
