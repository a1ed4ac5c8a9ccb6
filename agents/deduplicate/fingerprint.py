"""All that deduplicate needs to know of a text, in a few kilobytes, made once and beside the text.

`Fingerprint.packed` is base64 of the little-endian sections below; a `Print` is what they hold. An article of 255 words
takes 4.1 KB (mean of ANT): 6 bytes a word for evidence, 6 for each different stem, the rest for keys; its text 2.6 KB.
Numbers are integers throughout, so that the same text gives the same bytes on every platform.
"""

from __future__ import annotations

import struct
from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Sequence
from itertools import islice
from math import isqrt
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_128_hexdigest

from agents.deduplicate import idf
from agents.deduplicate.words import Words
from schemas import CleanText, Field, Fingerprint, NormalizedArticle

__all__ = ["MAKER", "ONE", "PLACES", "Part", "Print", "fingerprint", "shingles", "unpack"]

MAKER = f"1/{idf.TABLE}"
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
_HEAD = struct.Struct("<BHHHHHI")
_TF = np.array(idf.TF, np.int64)
_M1, _M2, _M3 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9)


class Part(NamedTuple):
    """One field of the article: how many words it has, and the map of its clean text back to the text as sent."""

    field: Field
    words: int
    map: list[int]


class Print(NamedTuple):
    """A fingerprint, unpacked: views into its bytes.

    `words` hashes of the words in order of the parts, `rare` whether they are; `terms` hashes of the stems, rising,
    `weights` theirs; `lead` positions in `terms`, `lead_weights` theirs; `keys` positions in `terms`; `shingles` the
    sampled hashes of three words, rising; `both` the two vectors one after the other, `places_of_both` where a term
    lies among PLACES, that of the lead in the next PLACES. Not `scored`: no Arabic, only copies and near-copies are
    found.
    """

    exact: str
    scored: bool
    words: Array32
    terms: Array32
    weights: Array16
    lead: Array16
    lead_weights: Array16
    keys: Array16
    shingles: Array32
    packed_rare: npt.NDArray[np.uint8]
    tail: bytes
    places_of_both: npt.NDArray[np.int32]
    both: npt.NDArray[np.int32]

    @property
    def rare(self) -> npt.NDArray[np.bool_]:
        """Of each word whether it is rare enough for a name."""
        return np.unpackbits(self.packed_rare, count=len(self.words)).astype(np.bool_)

    def numbers(self) -> list[str]:
        """The numbers of the text, each once, in order."""
        (size,) = struct.unpack_from("<I", self.tail)
        return self.tail[4 : 4 + size].decode("utf-8", "surrogatepass").split()

    def places(self) -> tuple[list[Part], Ints, Ints]:
        """The parts, and of each word its start and end in the clean text of its part."""
        (size,) = struct.unpack_from("<I", self.tail)
        flat = _from_bytes(self.tail[4 + size :])
        count = int(flat[0])
        parts, at = [], 1
        for _ in range(count):
            name, words, runs = (int(x) for x in flat[at : at + 3])
            parts.append(Part(_FIELDS[name], words, flat[at + 3 : at + 3 + runs].tolist()))
            at += 3 + runs
        gaps, lengths = flat[at::2], flat[at + 1 :: 2]
        ends = np.empty(len(gaps), np.int64)
        first = 0
        for part in parts:
            span = slice(first, first + part.words)
            ends[span] = np.cumsum(gaps[span] + lengths[span])
            first += part.words
        return parts, ends - lengths, ends


def fingerprint(article: NormalizedArticle) -> Fingerprint | None:
    """The fingerprint of title and body, of the lead where there is no body; None where there is not one word."""
    clean = {text.field: text for text in article.clean}
    texts = [clean[name] for name in ("title", "body") if name in clean]
    if "body" not in clean and "lead" in clean:
        texts.append(clean["lead"])
    table = Words.shared()
    found = [_words(text, table) for text in texts]
    ids = np.concatenate([each[0] for each in found]) if found else np.empty(0, np.int64)
    if not len(ids):
        return None
    exact = xxh3_128_hexdigest(table.hashes[ids].tobytes())
    ids = ids[:WORDS_LIMIT]
    titled = len(found[0][0]) if texts[0].field == "title" else 0
    scored = article.language is not None and article.language.split("-")[0] == "ar"
    packed = _pack(texts, found, ids, min(titled, len(ids)), scored, table)
    return Fingerprint(maker=MAKER, exact=exact, packed=b64encode(packed).decode())


def unpack(print_: Fingerprint) -> Print:
    """The fingerprint, ready to be compared; the arrays are views into one block of bytes."""
    data = a2b_base64(print_.packed)
    scored, n, t, lead, keys, shingles, tail = _HEAD.unpack_from(data)
    at = _HEAD.size
    arrays: list[npt.NDArray[Any]] = []
    for count, kind, width in (
        (n, np.uint32, 4), (t, np.uint32, 4), (shingles, np.uint32, 4),
        (t, np.uint16, 2), (lead, np.uint16, 2), (lead, np.uint16, 2), (keys, np.uint16, 2),
        ((n + 7) // 8, np.uint8, 1),
    ):  # fmt: skip
        arrays.append(np.frombuffer(data, kind, count, at))
        at += count * width
    words, terms, sampled, weights, leads, lead_weights, key, rare = arrays
    places = (terms & _MASK).astype(np.int32)
    return Print(
        print_.exact,
        bool(scored),
        words,
        terms,
        weights,
        leads,
        lead_weights,
        key,
        sampled,
        rare,
        data[at : at + tail],
        np.concatenate((places, places[leads] + PLACES)),
        np.concatenate((weights, lead_weights), dtype=np.int32),
    )


def _words(text: CleanText, table: Words) -> tuple[Ints, Ints, Ints]:
    """Of each word of a clean text: its number in the table of words, start and end; asides left out."""
    # Clean text has one space or newline between two tokens.
    ids = np.array(list(map(table.__getitem__, text.text.replace("\n", " ").split(" "))), np.int64)
    signs = np.frombuffer(text.text.encode("utf-32-le", "surrogatepass"), np.uint32)
    borders = np.flatnonzero((signs == 32) | (signs == 10))
    starts, ends = np.append(0, borders + 1), np.append(borders, len(signs))
    keep = table.is_word[ids]
    for first, last in zip(text.asides[0::2], text.asides[1::2], strict=True):
        keep[np.searchsorted(starts, first) : np.searchsorted(starts, last)] = False
    return ids[keep], starts[keep], ends[keep]


def _pack(
    texts: Sequence[CleanText],
    found: Sequence[tuple[Ints, Ints, Ints]],
    ids: Ints,
    titled: int,
    scored: bool,
    table: Words,
) -> bytes:
    words = table.hashes[ids]
    terms, rarity, counts, digits = _terms(ids, table)
    leads = _counts_of(terms, table.stems[ids[: titled + LEAD_WORDS]])
    lead = np.flatnonzero(leads)
    lead_raw = _TF[np.minimum(leads[lead], len(_TF) - 1)] * rarity[lead]
    keys = np.empty(0, np.int64)
    if scored:
        able = lead[(rarity[lead] >= table.common) & ~digits[lead]]
        raw = _TF[np.minimum(leads[able], len(_TF) - 1)] * rarity[able]
        # The heaviest first, of equals the one with the lower hash.
        keys = able[np.argsort((raw << 32) + (0xFFFFFFFF - terms[able].astype(np.int64)))[: -KEYS - 1 : -1]]
    sampled = _sampled(words)
    numbers = dict.fromkeys(table.numbers[i] for i in ids[table.is_number[ids]].tolist())
    numbers_packed = " ".join(islice(numbers, NUMBERS_LIMIT)).encode("utf-8", "surrogatepass")
    tail = struct.pack("<I", len(numbers_packed)) + numbers_packed + _to_bytes(_places(texts, found, len(ids)))
    raw_all = _TF[np.minimum(counts, len(_TF) - 1)] * rarity
    return b"".join(
        (
            _HEAD.pack(scored, len(words), len(terms), len(lead), len(keys), len(sampled), len(tail)),
            words.tobytes(),
            terms.tobytes(),
            sampled.tobytes(),
            _unit(raw_all).tobytes(),
            lead.astype(np.uint16).tobytes(),
            _unit(lead_raw).tobytes(),
            keys.astype(np.uint16).tobytes(),
            np.packbits(table.is_rare[ids]).tobytes(),
            tail,
        )
    )


def _terms(ids: Ints, table: Words) -> tuple[Array32, Ints, Ints, npt.NDArray[np.bool_]]:
    """The different stems by hash, rising; of each its idf, its count, whether it is a number."""
    stems = table.stems[ids]
    order = np.argsort(stems, kind="stable")
    ordered = stems[order]
    first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    counts = np.diff(np.append(first, len(ordered)))
    at = ids[order[first]]
    return ordered[first], table.idf[at], counts, table.is_number[at]


def _counts_of(terms: Array32, stems: Array32) -> Ints:
    return np.bincount(np.searchsorted(terms, stems), minlength=len(terms))


def _unit(raw: Ints) -> Array16:
    """The vector at length ONE, in integers."""
    norm = isqrt(int((raw * raw).sum())) or 1
    return cast(Array16, ((raw * ONE + norm // 2) // norm).astype(np.uint16))


def shingles(words: Array32) -> npt.NDArray[np.uint64]:
    """A hash of each three words in a row."""
    wide = words.astype(np.uint64)
    mixed = wide[:-2] * _M1 + wide[1:-1] * _M2 + wide[2:] * _M3
    mixed ^= mixed >> np.uint64(29)
    mixed *= _M2
    return cast("npt.NDArray[np.uint64]", mixed ^ (mixed >> np.uint64(32)))


def _sampled(words: Array32) -> Array32:
    every = shingles(words)
    kept = every[every % np.uint64(SHINGLE_SHARE) == 0]
    return np.unique((kept >> np.uint64(8)).astype(np.uint32))


def _places(texts: Sequence[CleanText], found: Sequence[tuple[Ints, Ints, Ints]], limit: int) -> Ints:
    """The parts and the places of the words as one flat row: what `Print.places` reads."""
    head: list[int] = []
    rows: list[Ints] = []
    count = 0
    for text, (_, starts, ends) in zip(texts, found, strict=True):
        kept = min(len(starts), limit)
        limit -= kept
        if not kept:
            continue
        count += 1
        head += (_FIELDS.index(text.field), kept, len(text.map), *text.map)
        row = np.empty(2 * kept, np.int64)
        row[0::2] = starts[:kept]
        row[2::2] -= ends[: kept - 1]
        row[1::2] = ends[:kept] - starts[:kept]
        rows.append(row)
    return np.concatenate((np.array([count, *head], np.int64), *rows))


def _to_bytes(values: Ints) -> bytes:
    """A byte each; what does not fit is 255 here and stands in full, four bytes each, behind the bytes."""
    large = values >= 255
    small = np.where(large, 255, values).astype(np.uint8)
    return struct.pack("<I", len(small)) + small.tobytes() + values[large].astype(np.uint32).tobytes()


def _from_bytes(data: bytes) -> Ints:
    (size,) = struct.unpack_from("<I", data)
    values = np.frombuffer(data, np.uint8, size, 4).astype(np.int64)
    large = values == 255
    values[large] = np.frombuffer(data[4 + size :], np.uint32)
    return values
