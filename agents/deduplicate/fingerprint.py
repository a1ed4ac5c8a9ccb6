"""All that deduplicate needs to know of a text, in a few kilobytes, made once and beside the text.

`Fingerprint.packed` is base64 of the little-endian sections below; a `Print` is what they hold. An article of 255 words
takes 4.0 KB (mean of ANT): 5 bytes a word for evidence, 6 for each different stem, the rest for keys; its text 2.6 KB.
Numbers are integers throughout, so that the same text gives the same bytes on every platform.
"""

from __future__ import annotations

import struct
from binascii import a2b_base64
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from agents.deduplicate import idf
from schemas import Field, Fingerprint

__all__ = [
    "FIELDS", "HEAD", "KEYS", "LEAD_WORDS", "MAKER", "NUMBERS_LIMIT", "ONE", "PLACES", "SHINGLE_SHARE", "SIZES",
    "WORDS_LIMIT", "Array16", "Array32", "Ints", "Part", "Print", "shingles", "unpack",
]  # fmt: skip

MAKER = f"2/{idf.TABLE}"
# A weight of 1 in a vector of length 1; a cosine is a sum of products of weights, in units of 1 / ONE².
ONE = 4096
# Words of the body that count as lead, with the whole title (research/dedup: lead100).
LEAD_WORDS = 100
# Terms by which candidates are found, the heaviest of title and lead (research/dedup: gold recall .94 with 24).
KEYS = 24
# One shingle in so many is a key (research/dedup: mod 8); by its hash, so that two articles keep the same ones.
SHINGLE_SHARE = 8
# Words past this many are in `exact` only: it bounds the work on a megabyte of text, and news are far shorter.
WORDS_LIMIT = 8192
NUMBERS_LIMIT = 64
# Terms are scattered over so many places by their hash: two of a pair's 180 terms share one by chance once in 30 pairs,
# and weigh a thousandth of the score then.
PLACES = 1 << 20

Array32 = npt.NDArray[np.uint32]
Array16 = npt.NDArray[np.uint16]
Ints = npt.NDArray[np.int64]

FIELDS: tuple[Field, ...] = ("title", "lead", "body")
_MASK = np.uint32(PLACES - 1)
HEAD = struct.Struct("<HHHHHHI")  # of 16 bytes: what follows is aligned
SIZES = struct.Struct("<II")
_M1, _M2, _M3 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9)


class Part(NamedTuple):
    """One field of the article: how many words it has, and the map of its clean text back to the text as sent."""

    field: Field
    words: int
    map: list[int]


class Print(NamedTuple):
    """A fingerprint, unpacked: views into its bytes.

    `words` hashes of the words in order of the parts, `rare` whether they are; `terms` hashes of the stems, rising;
    `shingles` the sampled hashes of three words, rising; `keys` those of the terms by which the article is found;
    `lead` positions in `terms`; `both` the weights of the terms and then those of the lead, `places_of_both` where a
    term lies among PLACES, that of the lead in the next PLACES. Not `scored`: no Arabic, only copies and near-copies
    are found.
    """

    exact: str
    scored: bool
    words: Array32
    terms: Array32
    shingles: Array32
    keys: Array32
    both: Array16
    lead: Array16
    packed_rare: npt.NDArray[np.uint8]
    packed_numbers: bytes
    packed_places: bytes
    places_of_both: npt.NDArray[np.int32]

    @property
    def weights(self) -> Array16:
        """The weights of the terms in the whole text."""
        return self.both[: len(self.terms)]

    @property
    def lead_weights(self) -> Array16:
        """The weights of the terms of `lead` in the lead."""
        return self.both[len(self.terms) :]

    @property
    def rare(self) -> npt.NDArray[np.bool_]:
        """Of each word whether it is rare enough for a name."""
        return np.unpackbits(self.packed_rare, count=len(self.words)).view(np.bool_)

    def numbers(self) -> list[str]:
        """The numbers of the text, each once, in order."""
        return self.packed_numbers.decode("utf-8", "surrogatepass").split()

    def places(self) -> tuple[list[Part], Ints, Ints]:
        """The parts, and of each word its start and end in the clean text of its part."""
        count, tokens = SIZES.unpack_from(self.packed_places)
        flat, end = _from_bytes(self.packed_places, SIZES.size)
        lengths, end = _from_bytes(self.packed_places, end)
        keep = np.unpackbits(np.frombuffer(self.packed_places, np.uint8, -1, end), count=tokens).view(np.bool_)
        ends = (lengths + 1).cumsum() - 1
        parts, at, first, begin = [], 0, 0, 0
        for _ in range(count):
            name, own, runs = flat[at : at + 3].tolist()
            last = first + own
            parts.append(
                Part(FIELDS[name], int(np.count_nonzero(keep[first:last])), flat[at + 3 : at + 3 + runs].tolist())
            )
            if own:
                after = int(ends[last - 1]) + 1
                ends[first:last] -= begin
                begin = after
            first, at = last, at + 3 + runs
        return parts, (ends - lengths)[keep], ends[keep]


def unpack(print_: Fingerprint) -> Print:
    """The fingerprint, ready to be compared; the arrays are views into one block of bytes."""
    data = a2b_base64(print_.packed)
    scored, n, t, leads, keys, shingles, numbers = HEAD.unpack_from(data)
    at = HEAD.size
    arrays: list[npt.NDArray[Any]] = []
    for count, kind, width in (
        (n, np.uint32, 4), (t, np.uint32, 4), (shingles, np.uint32, 4), (keys, np.uint32, 4),
        (t + leads, np.uint16, 2), (leads, np.uint16, 2), ((n + 7) // 8, np.uint8, 1),
    ):  # fmt: skip
        arrays.append(np.frombuffer(data, kind, count, at))
        at += count * width
    words, terms, sampled, key, both, lead, rare = arrays
    places = np.empty(t + leads, np.int32)
    np.bitwise_and(terms, _MASK, out=places[:t], casting="unsafe")
    np.add(places[lead], PLACES, out=places[t:])
    tail = data[at:]
    return Print(
        print_.exact, bool(scored), words, terms, sampled, key, both, lead, rare, tail[:numbers], tail[numbers:], places
    )


def shingles(words: Array32) -> npt.NDArray[np.uint64]:
    """A hash of each three words in a row."""
    wide = words.astype(np.uint64)
    mixed = wide[:-2] * _M1 + wide[1:-1] * _M2 + wide[2:] * _M3
    mixed ^= mixed >> np.uint64(29)
    mixed *= _M2
    return cast("npt.NDArray[np.uint64]", mixed ^ (mixed >> np.uint64(32)))


def _from_bytes(data: bytes, at: int) -> tuple[Ints, int]:
    """The values that stand at `at`, and where they end."""
    size, large = SIZES.unpack_from(data, at)
    at += SIZES.size
    values = np.frombuffer(data, np.uint8, size, at).astype(np.int64)
    if large:
        values[values == 255] = np.frombuffer(data[at + size : at + size + large], np.uint32)
    return values, at + size + large
