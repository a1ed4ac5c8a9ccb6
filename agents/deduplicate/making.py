"""Makes fingerprints, of many articles at once: a call of numpy then costs next to nothing an article.

All words of a batch stand in one array, article after article, and so do their terms and those of the leads; lists of
bounds say where each article's begin. What agents.deduplicate.fingerprint reads is put together from slices of them.
"""

from __future__ import annotations

from array import array
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, islice, pairwise
from math import isqrt
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_128_hexdigest

from agents.deduplicate import idf
from agents.deduplicate.fingerprint import (
    FIELDS,
    HEAD,
    KEYS,
    LEAD_WORDS,
    MAKER,
    NUMBERS_LIMIT,
    ONE,
    SHINGLE_SHARE,
    SIZES,
    WORDS_LIMIT,
    Array16,
    Array32,
    Ints,
    shingles,
)  # fmt: skip
from agents.deduplicate.words import DIGITS, IDF, IS_NUMBER, IS_RARE, IS_WORD, LEAD, LENGTH, Words
from schemas import CleanText, Fingerprint, NormalizedArticle

__all__ = ["fingerprint", "fingerprints"]

# Code points that are worked on at once, some forty articles; what is larger goes alone. Their arrays fit in a
# processor's cache. Twice as many save nothing more.
AT_ONCE = 1 << 16

_TF = np.array(idf.TF, np.int64)

Bools = npt.NDArray[np.bool_]
Wide = npt.NDArray[np.uint64]


def fingerprint(article: NormalizedArticle) -> Fingerprint | None:
    """The fingerprint of one article; many are made far quicker together."""
    return fingerprints([article])[0]


def fingerprints(articles: Iterable[NormalizedArticle]) -> list[Fingerprint | None]:
    """The fingerprint of each: of title and body, of the lead where there is no body; None where there is no word."""
    made: list[Fingerprint | None] = []
    some: list[_Article] = []
    size = 0
    for each in map(_article, articles):
        length = sum(len(text.text) for text in each.texts)
        if some and size + length > AT_ONCE:
            made += _made(some)
            some, size = [], 0
        some.append(each)
        size += length
    return made + _made(some)


class _Article(NamedTuple):
    texts: list[CleanText]
    scored: bool  # in Arabic


def _article(article: NormalizedArticle) -> _Article:
    clean = {text.field: text for text in article.clean}
    texts = [clean[name] for name in ("title", "body") if name in clean]
    if "body" not in clean and "lead" in clean:
        texts.append(clean["lead"])
    return _Article(texts, article.language is not None and article.language.split("-")[0] == "ar")


class _Tokens(NamedTuple):
    """What stands in the texts of a batch: word by word, and sign by sign."""

    counts: list[list[int]]  # of each article: the tokens of its texts
    ids: Ints
    rows: Wide  # of agents.deduplicate.words
    lengths: Ints
    keep: Bools  # whether it is a word that counts: neither a sign nor aside


def _tokens(articles: Sequence[_Article], table: Words) -> _Tokens:
    numbers: list[int] = []
    counts: list[list[int]] = []
    for article in articles:
        own = []
        for text in article.texts:
            # Clean text has one space or newline between two tokens. Each text is looked up while it is at hand.
            words = text.text.replace("\n", " ").split(" ")
            numbers += table.numbered(words)
            own.append(len(words))
        counts.append(own)
    ids = np.array(numbers, np.int64)
    rows = table.rows(ids)
    facts = rows[:, 1]
    lengths = (facts >> LENGTH & 0xFFFFFF).astype(np.int64)
    keep = (facts & IS_WORD).astype(np.bool_)
    first = 0
    for article, own in zip(articles, counts, strict=True):
        for text, count in zip(article.texts, own, strict=True):
            if text.asides:
                _aside(text.asides, lengths[first : first + count], keep[first : first + count])
            first += count
    return _Tokens(counts, ids, rows, lengths, keep)


def _aside(asides: list[int], lengths: Ints, keep: Bools) -> None:
    """Strike the tokens of one text that stand in its asides."""
    starts = (lengths + 1).cumsum() - lengths - 1
    for first, last in zip(asides[0::2], asides[1::2], strict=True):
        keep[starts.searchsorted(first) : starts.searchsorted(last)] = False


def _made(articles: Sequence[_Article]) -> list[Fingerprint | None]:
    table = Words.shared()
    tokens = _tokens(articles, table)
    begins = [0, *accumulate(map(sum, tokens.counts))]
    at = tokens.keep.nonzero()[0]
    every = _high(tokens.rows[:, 1].take(at))
    hashed = every.tobytes()
    bounds = at.searchsorted(begins).tolist()
    exact = [xxh3_128_hexdigest(hashed[4 * a : 4 * b]) for a, b in pairwise(bounds)]
    if any(b - a > WORDS_LIMIT for a, b in pairwise(bounds)):
        at = np.concatenate([at[a : min(b, a + WORDS_LIMIT)] for a, b in pairwise(bounds)])
        bounds = at.searchsorted(begins).tolist()
    have = [number for number, (a, b) in enumerate(pairwise(bounds)) if b > a]
    made: list[Fingerprint | None] = [None] * len(articles)
    if have:
        packed = _packed([articles[each] for each in have], tokens, have, begins, at, table)
        for number, content in zip(have, packed, strict=True):
            text = b64encode(content).decode("ascii")
            made[number] = Fingerprint(maker=MAKER, exact=exact[number], packed=text)
    return made


def _packed(
    articles: Sequence[_Article], tokens: _Tokens, have: list[int], begins: list[int], at: Ints, table: Words
) -> Iterator[bytes]:
    """The sections of each article's fingerprint; each of these articles has at least one word among those `at`."""
    word = _bounds(at, [begins[each] for each in have])
    titles = [begins[each] + _title(article, tokens.counts[each]) for each, article in zip(have, articles, strict=True)]
    titled = at.searchsorted(titles).tolist()
    facts = tokens.rows[:, 1].take(at)
    words = _high(facts)
    stems = tokens.rows[:, 0].take(at)
    for (a, b), title in zip(pairwise(word), titled, strict=True):
        stems[a : min(b, title + LEAD_WORDS)] |= LEAD
        stems[a:b].sort()
    terms, first, known, counts, leads = _terms(stems, word)
    term = _bounds(first, word[:-1])
    rarity = (known >> IDF).astype(np.int64)
    lead = leads.nonzero()[0]
    of_lead = _bounds(lead, term[:-1])
    lead_rarity = rarity[lead]
    lead_raw = _TF.take(leads[lead], mode="clip") * lead_rarity
    able = ((lead_rarity >= table.common) & ((known[lead] & DIGITS) == 0)).nonzero()[0]
    keys = _keys(terms[lead[able]], (lead_raw[able] << 20) - able, _bounds(able, of_lead[:-1]))
    sampled = _sampled(words, word)
    numbers = _numbers(tokens.ids, at, facts, word, table)
    places = _places(articles, tokens, have, begins, [int(at[b - 1]) + 1 for b in word[1:]])
    rare = facts & IS_RARE
    word_bytes, term_bytes = words.tobytes(), terms.tobytes()
    weights = _unit(_TF.take(counts, mode="clip") * rarity, term).tobytes()
    lead_weights = _unit(lead_raw, of_lead).tobytes()
    lead_bytes = (lead - np.repeat(term[:-1], np.diff(of_lead))).astype(np.uint16).tobytes()
    for i, article in enumerate(articles):
        (a, b), (c, d), (e, f) = word[i : i + 2], term[i : i + 2], of_lead[i : i + 2]
        key = keys[i] if article.scored else b""
        yield b"".join(
            (
                HEAD.pack(article.scored, b - a, d - c, f - e, len(key) // 4, len(sampled[i]), len(numbers[i])),
                word_bytes[4 * a : 4 * b],
                term_bytes[4 * c : 4 * d],
                sampled[i].tobytes(),
                key,
                weights[2 * c : 2 * d],
                lead_weights[2 * e : 2 * f],
                lead_bytes[2 * e : 2 * f],
                np.packbits(rare[a:b]).tobytes(),
                numbers[i],
                places[i],
            )
        )


def _title(article: _Article, counts: list[int]) -> int:
    return counts[0] if article.texts[0].field == "title" else 0


def _bounds(rising: Ints, begins: list[int]) -> list[int]:
    """Where in `rising` what belongs to each article begins, and where the last one's ends."""
    return [*rising.searchsorted(begins).tolist(), len(rising)]


def _high(wide: Wide) -> Array32:
    return (wide >> 32).astype(np.uint32)


def _terms(stems: Wide, word: list[int]) -> tuple[Array32, Ints, Array32, Ints, Ints]:
    """Each different stem of each article: its hash, its first place in `stems`, what is known of it, how often it
    stands in the article and in the lead."""
    hashes = _high(stems)
    borders = np.ones(len(hashes) + 1, np.bool_)
    np.not_equal(hashes[1:], hashes[:-1], out=borders[1:-1])
    borders[word] = True
    ends = borders.nonzero()[0]
    first = ends[:-1]
    leads = np.add.reduceat((stems & LEAD).astype(np.int64), first)
    return hashes[first], first, stems[first].astype(np.uint32), ends[1:] - first, leads


def _unit(raw: Ints, bounds: list[int]) -> Array16:
    """The vectors, each at length ONE, in integers."""
    squares = np.add.reduceat(raw * raw, bounds[:-1]).tolist()
    norm = np.repeat([isqrt(each) or 1 for each in squares], np.diff(bounds))
    return cast(Array16, ((raw * ONE + norm // 2) // norm).astype(np.uint16))


def _keys(terms: Array32, rank: Ints, bounds: list[int]) -> list[bytes]:
    """The terms of the highest rank. By weight: of equals the one with the lower hash."""
    return [terms[a:b][rank[a:b].argsort()[: -KEYS - 1 : -1]].tobytes() for a, b in pairwise(bounds)]


def _sampled(words: Array32, word: list[int]) -> list[array[int]]:
    every = shingles(words)
    kept = (every & (SHINGLE_SHARE - 1) == 0).nonzero()[0]
    hashes = (every[kept] >> 8 & 0xFFFFFFFF).tolist()
    begins = kept.searchsorted(word).tolist()
    ends = kept.searchsorted([each - 2 for each in word]).tolist()  # the last two words of an article begin no shingle
    return [array("I", sorted(set(hashes[a:b]))) for a, b in zip(begins[:-1], ends[1:], strict=True)]


def _numbers(ids: Ints, at: Ints, facts: Wide, word: list[int], table: Words) -> list[bytes]:
    places = (facts & IS_NUMBER).nonzero()[0]
    written = list(map(table.numbers.__getitem__, ids[at[places]].tolist()))
    return [
        " ".join(islice(dict.fromkeys(written[a:b]), NUMBERS_LIMIT)).encode("utf-8", "surrogatepass")
        for a, b in pairwise(_bounds(places, word[:-1]))
    ]


def _places(
    articles: Sequence[_Article], tokens: _Tokens, have: list[int], begins: list[int], ends: list[int]
) -> list[bytes]:
    """Where the words stand, as `Print.places` reads it: the parts, the length of each token, whether it is a word."""
    heads: list[int] = []
    borders = [0]
    for article, number, end in zip(articles, have, ends, strict=True):
        left = end - begins[number]
        for text, count in zip(article.texts, tokens.counts[number], strict=True):
            heads += (FIELDS.index(text.field), min(count, left), len(text.map), *text.map)
            left -= min(count, left)
        borders.append(len(heads))
    head, length = _Small(np.array(heads)), _Small(tokens.lengths)
    return [
        SIZES.pack(len(article.texts), end - begins[number])
        + head.packed(a, b)
        + length.packed(begins[number], end)
        + np.packbits(tokens.keep[begins[number] : end]).tobytes()
        for article, number, end, (a, b) in zip(articles, have, ends, pairwise(borders), strict=True)
    ]


class _Small:
    """Numbers of a byte each; what does not fit is 255 there and stands in full, four bytes each, behind the bytes."""

    def __init__(self, values: Ints) -> None:
        self._values = values
        self._bytes = np.minimum(values, 255).astype(np.uint8).tobytes()

    def packed(self, first: int, last: int) -> bytes:
        """The numbers [first, last), as `Print.places` reads them."""
        small, large = self._bytes[first:last], b""
        if 255 in small:
            values = self._values[first:last]
            large = values[values >= 255].astype(np.uint32).tobytes()
        return SIZES.pack(len(small), len(large)) + small + large
