"""All that deduplicate needs to know of a text, in a few kilobytes, made once and beside the text.

`Fingerprint.packed` is base64 of the little-endian sections below; a `Print` is what they hold. An article of 255 words
takes 4.0 KB (mean of ANT): 5 bytes a word for evidence, 6 for each different stem, the rest for keys; its text 2.6 KB.
Numbers are integers throughout, so that the same text gives the same bytes on every platform.
"""

from __future__ import annotations

import struct
from array import array
from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Sequence
from itertools import chain, islice
from math import isqrt
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_128_hexdigest

from agents.deduplicate import idf
from agents.deduplicate.words import DIGITS, IDF, IS_NUMBER, IS_RARE, IS_WORD, LEAD, LENGTH, Words
from schemas import CleanText, Field, Fingerprint, NormalizedArticle

__all__ = ["MAKER", "ONE", "PLACES", "Part", "Print", "fingerprint", "shingles", "unpack"]

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

_FIELDS: tuple[Field, ...] = ("title", "lead", "body")
_MASK = np.uint32(PLACES - 1)
_HEAD = struct.Struct("<HHHHHHI")  # of 16 bytes: what follows is aligned
_SIZES = struct.Struct("<II")
_TF = np.array(idf.TF, np.int64)
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
        count, tokens = _SIZES.unpack_from(self.packed_places)
        flat, end = _from_bytes(self.packed_places, _SIZES.size)
        lengths, end = _from_bytes(self.packed_places, end)
        keep = np.unpackbits(np.frombuffer(self.packed_places, np.uint8, -1, end), count=tokens).view(np.bool_)
        ends = (lengths + 1).cumsum() - 1
        parts, at, first, begin = [], 0, 0, 0
        for _ in range(count):
            name, own, runs = flat[at : at + 3].tolist()
            last = first + own
            parts.append(
                Part(_FIELDS[name], int(np.count_nonzero(keep[first:last])), flat[at + 3 : at + 3 + runs].tolist())
            )
            if own:
                after = int(ends[last - 1]) + 1
                ends[first:last] -= begin
                begin = after
            first, at = last, at + 3 + runs
        return parts, (ends - lengths)[keep], ends[keep]


def fingerprint(article: NormalizedArticle) -> Fingerprint | None:
    """The fingerprint of title and body, of the lead where there is no body; None where there is not one word."""
    clean = {text.field: text for text in article.clean}
    texts = [clean[name] for name in ("title", "body") if name in clean]
    if "body" not in clean and "lead" in clean:
        texts.append(clean["lead"])
    if not texts:
        return None
    table = Words.shared()
    # Clean text has one space or newline between two tokens.
    tokens = [text.text.replace("\n", " ").split(" ") for text in texts]
    counts = [len(each) for each in tokens]
    ids, rows = table.rows(chain.from_iterable(tokens), sum(counts))
    facts = rows[:, 1]
    lengths = (facts >> LENGTH & 0xFFFFFF).astype(np.int64)
    keep = (facts & IS_WORD).astype(np.bool_)
    first = 0
    for text, count in zip(texts, counts, strict=True):
        if text.asides:
            _aside(text.asides, lengths[first : first + count], keep[first : first + count])
        first += count
    at = keep.nonzero()[0]
    if not len(at):
        return None
    words = _high(rows[at, 1])
    exact = xxh3_128_hexdigest(words.tobytes())
    at = at[:WORDS_LIMIT]
    last = int(at[-1]) + 1
    titled = int(np.count_nonzero(keep[: min(counts[0], last)])) if texts[0].field == "title" else 0
    scored = article.language is not None and article.language.split("-")[0] == "ar"
    places = _places(texts, counts, lengths[:last], keep[:last])
    packed = _pack(ids[at], rows[at], words[:WORDS_LIMIT], titled + LEAD_WORDS, scored, table, places)
    return Fingerprint(maker=MAKER, exact=exact, packed=b64encode(packed).decode("ascii"))


def unpack(print_: Fingerprint) -> Print:
    """The fingerprint, ready to be compared; the arrays are views into one block of bytes."""
    data = a2b_base64(print_.packed)
    scored, n, t, leads, keys, shingles, numbers = _HEAD.unpack_from(data)
    at = _HEAD.size
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


def _aside(asides: list[int], lengths: Ints, keep: npt.NDArray[np.bool_]) -> None:
    """Strike the tokens of one text that stand in its asides."""
    starts = (lengths + 1).cumsum() - lengths - 1
    for first, last in zip(asides[0::2], asides[1::2], strict=True):
        keep[starts.searchsorted(first) : starts.searchsorted(last)] = False


def _high(wide: npt.NDArray[np.uint64]) -> Array32:
    return (wide >> 32).astype(np.uint32)


def _pack(
    ids: Ints, rows: npt.NDArray[np.uint64], words: Array32, lead_words: int, scored: bool, table: Words, places: bytes
) -> bytes:
    stems, facts = rows[:, 0].copy(), rows[:, 1]
    stems[:lead_words] |= LEAD
    stems.sort()
    hashes = _high(stems)
    borders = np.ones(len(hashes) + 1, np.bool_)
    np.not_equal(hashes[1:], hashes[:-1], out=borders[1:-1])
    bounds = borders.nonzero()[0]
    first = bounds[:-1]
    terms = hashes[first]
    known = stems[first].astype(np.uint32)
    rarity = (known >> IDF).astype(np.int64)
    leads = np.add.reduceat((stems & LEAD).astype(np.int64), first)
    lead = leads.nonzero()[0]
    lead_rarity = rarity[lead]
    lead_raw = _TF.take(leads[lead], mode="clip") * lead_rarity
    keys = terms[:0]
    if scored:
        able = ((lead_rarity >= table.common) & ((known[lead] & DIGITS) == 0)).nonzero()[0]
        # The heaviest first, of equals the one with the lower hash.
        keys = terms[lead[able[((lead_raw[able] << 20) - able).argsort()[: -KEYS - 1 : -1]]]]
    sampled = _sampled(words)
    numbered = ids[(facts & IS_NUMBER).nonzero()[0]].tolist()
    numbers = " ".join(islice(dict.fromkeys(map(table.numbers.__getitem__, numbered)), NUMBERS_LIMIT))
    numbers_packed = numbers.encode("utf-8", "surrogatepass")
    return b"".join(
        (
            _HEAD.pack(scored, len(words), len(terms), len(lead), len(keys), len(sampled), len(numbers_packed)),
            words.tobytes(),
            terms.tobytes(),
            sampled.tobytes(),
            keys.tobytes(),
            _unit(_TF.take(bounds[1:] - first, mode="clip") * rarity).tobytes(),
            _unit(lead_raw).tobytes(),
            lead.astype(np.uint16).tobytes(),
            np.packbits(facts & IS_RARE).tobytes(),
            numbers_packed,
            places,
        )
    )


def _unit(raw: Ints) -> Array16:
    """The vector at length ONE, in integers."""
    norm = isqrt(int(raw.dot(raw))) or 1
    return cast(Array16, ((raw * ONE + norm // 2) // norm).astype(np.uint16))


def shingles(words: Array32) -> npt.NDArray[np.uint64]:
    """A hash of each three words in a row."""
    wide = words.astype(np.uint64)
    mixed = wide[:-2] * _M1 + wide[1:-1] * _M2 + wide[2:] * _M3
    mixed ^= mixed >> np.uint64(29)
    mixed *= _M2
    return cast("npt.NDArray[np.uint64]", mixed ^ (mixed >> np.uint64(32)))


def _sampled(words: Array32) -> array[int]:
    every = shingles(words)
    kept = every[(every & (SHINGLE_SHARE - 1) == 0).nonzero()[0]]
    return array("I", sorted(set((kept >> 8 & 0xFFFFFFFF).tolist())))


def _places(texts: Sequence[CleanText], tokens: Sequence[int], lengths: Ints, keep: npt.NDArray[np.bool_]) -> bytes:
    """Where the words stand, as `Print.places` reads it: the parts, the length of each token, whether it is a word."""
    head: list[int] = []
    left = len(lengths)
    for text, count in zip(texts, tokens, strict=True):
        head += (_FIELDS.index(text.field), min(count, left), len(text.map), *text.map)
        left -= min(count, left)
    sizes = _SIZES.pack(len(texts), len(lengths))
    return sizes + _to_bytes(np.array(head)) + _to_bytes(lengths) + np.packbits(keep).tobytes()


def _to_bytes(values: Ints) -> bytes:
    """A byte each; what does not fit is 255 here and stands in full, four bytes each, behind the bytes."""
    small = np.minimum(values, 255).astype(np.uint8).tobytes()
    large = values[values >= 255].astype(np.uint32).tobytes() if 255 in small else b""
    return _SIZES.pack(len(small), len(large)) + small + large


def _from_bytes(data: bytes, at: int) -> tuple[Ints, int]:
    """The values that stand at `at`, and where they end."""
    size, large = _SIZES.unpack_from(data, at)
    at += _SIZES.size
    values = np.frombuffer(data, np.uint8, size, at).astype(np.int64)
    if large:
        values[values == 255] = np.frombuffer(data[at + size : at + size + large], np.uint32)
    return values, at + size + large
