"""On real text: the same as camel-tools' own normalizers, every token leads back, and the seeds' fused words part."""

import gzip
import itertools
import re
from pathlib import Path

import orjson
import pytest

from agents.normalize import Normalizer
from agents.normalize.cleaning import Cleaner
from agents.normalize.cleantext import WayBack
from schemas import RawArticle, Received


@pytest.fixture(scope="module")
def texts(data: Path) -> list[str]:
    """Every 60th article of two corpora."""
    found: list[str] = []
    for name, field in (("ant-2018-02-05", "text"), ("saudinewsnet-2015", "content")):
        with gzip.open(data / "news" / f"{name}.jsonl.gz") as lines:
            found += [orjson.loads(line)[field] for line in itertools.islice(lines, 0, None, 60)]
    return [text for text in found if text and text.strip()]


def test_words_fold_as_camel_tools_folds_them(texts: list[str]) -> None:
    from camel_tools.utils.dediac import dediac_ar
    from camel_tools.utils.normalize import (
        normalize_alef_ar,
        normalize_alef_maksura_ar,
        normalize_teh_marbuta_ar,
        normalize_unicode,
    )

    cleaner = Cleaner("arabic")
    words = {word for text in texts for word in re.findall("[ء-غـ-ْٰٱ]+", text)}
    assert len(words) > 20_000
    hamza = str.maketrans("ؤئ", "وي")  # camel-tools keeps hamza on its carriers; tatweel it leaves to the reader
    for word in words:
        if re.search("ة[ء-ي]{2}", word):
            continue  # fused: comes apart here
        theirs = dediac_ar(normalize_unicode(word))
        theirs = normalize_teh_marbuta_ar(normalize_alef_maksura_ar(normalize_alef_ar(theirs)))
        assert cleaner.clean(word)[0] == theirs.replace("ـ", "").translate(hamza)


def test_words_begin_and_end_where_camel_tools_tokenizer_puts_them(texts: list[str]) -> None:
    from camel_tools.tokenizers.word import simple_word_tokenize

    cleaner = Cleaner("arabic")
    arabic = re.compile("[ء-ي]+")
    same = total = 0
    for text in texts:
        clean, _ = cleaner.clean(text)
        ours = [word for word in clean.split() if arabic.fullmatch(word)]
        theirs = [folded for token in simple_word_tokenize(text) if arabic.fullmatch(folded := cleaner.clean(token)[0])]
        total += 1
        same += ours == theirs
    # The rest: words joined by an underscore, fused at ta marbuta, or written around HTML.
    assert same >= 0.97 * total


def test_every_token_of_real_text_leads_back_to_text_that_folds_to_it(texts: list[str]) -> None:
    cleaner = Cleaner("arabic")
    for text in texts[::4]:
        clean, runs = cleaner.clean(text)
        back = WayBack(runs)
        for token in re.finditer(r"\S+", clean):
            start, end = back.span(*token.span())
            assert cleaner.clean(text[start:end])[0] == token.group()


def test_the_seeds_fused_words_come_apart(data: Path, normalizer: Normalizer) -> None:
    seeds = sorted((data / "seeds").glob("*.txt"))
    assert len(seeds) == 2
    for seed in seeds:
        article = RawArticle(source=seed.stem, body=seed.read_text("utf-8"))
        [clean] = normalizer.normalize(article, Received(value=b"", seen_us=0)).clean
        words = clean.text.split()
        assert "والولايات" in words
        assert not [word for word in words if "الولاياتالمتحده" in word]


def test_real_articles_are_known_to_be_arabic(texts: list[str], normalizer: Normalizer) -> None:
    received = Received(value=b"", seen_us=0)
    found = [normalizer.normalize(RawArticle(source="x", body=text), received).language for text in texts]
    assert found.count("ar") >= 0.995 * len(found)
