"""What a fingerprint says of a text, and that the passages found from two of them stand where they claim."""

from dataclasses import replace
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.deduplicate import evaluate, relations
from agents.deduplicate.evidence import RUN, overlap, passages
from agents.deduplicate.fingerprint import KEYS, ONE, WORDS_LIMIT, unpack
from agents.deduplicate.making import fingerprint, fingerprints
from agents.deduplicate.score import UNIT, Probe
from agents.normalize import Normalizer
from schemas import CleanText, NormalizedArticle, RawArticle, Received

NORMALIZER = Normalizer.shipped()
WORDS = [
    "أعلن",
    "الوزير",
    "أنّ",
    "المشروع",
    "سيبدأ",
    "غدًا",
    "في",
    "الميناء",
    "القديم",
    "،",
    "بتكلفة",
    "٤٠",
    "مليون",
    "دينار",
    "«حسب»",
    "الخطّة",
    "المعتمدة",
    "ـ",
    "ﷺ",
]
TEXT = st.lists(st.sampled_from(WORDS), max_size=60).map(lambda words: " ".join(["خبر", *words]))


def normal(
    body: str | None, title: str | None = None, lead: str | None = None, language: str = "ar"
) -> NormalizedArticle:
    raw = RawArticle(source="wasl.example", source_id="1", title=title, lead=lead, body=body, language=language)
    return NORMALIZER.normalize(raw, Received(value=b"{}", seen_us=0))


def printed(body, title=None):
    found = fingerprint(normal(body, title))
    assert found is not None
    return unpack(found)


def plain(text: str) -> list[str]:
    """The words of a text as a reader compares them."""
    clean = normal(text).clean
    return [word for word in clean[0].text.split() if any(map(str.isalnum, word))] if clean else []


@settings(max_examples=60)
@given(TEXT, TEXT, TEXT, TEXT)
def test_passages_point_at_the_same_words_in_both_texts(title, body, other_title, shared):
    here, there = (title, f"{body} {shared}"), (other_title, f"{shared} {body}")
    found = passages(printed(here[1], here[0]), printed(there[1], there[0]))
    for each in found:
        ours = {"title": here[0], "body": here[1]}[each.field][each.start : each.end]
        theirs = {"title": there[0], "body": there[1]}[each.to_field][each.to_start : each.to_end]
        assert plain(ours) == plain(theirs)
        assert len(plain(ours)) >= RUN
    if len(plain(shared)) >= RUN:
        assert found
    ends = [(each.field, each.start, each.end) for each in found]
    for i, (field, start, end) in enumerate(ends):
        assert all(field != f or end <= s or e <= start for f, s, e in ends[i + 1 :])


def test_a_character_of_several_words_stands_in_one_passage_only():
    body, shared = "خبر أعلن أعلن ﷺ أعلن أعلن أعلن أعلن أعلن", "خبر أعلن أعلن أعلن ﷺ"
    found = passages(printed(f"{body} {shared}", "خبر"), printed(f"{shared} {body}", "خبر ﷺ أعلن أعلن"))
    assert found
    assert all(one.end <= other.start for one, other in pairwise(found) if one.field == other.field)


def test_a_passage_is_as_long_as_the_words_shared():
    shared = "بدأت أعمال الترميم في السوق القديم بمشاركة مئة حرفي من أبناء المدينة"
    here, there = f"وكالات - {shared} وتستمر عاما", f"قالت البلدية أمس: {shared}، حسب بيان لها"
    (passage,) = passages(printed(here), printed(there))
    assert here[passage.start : passage.end] == shared
    assert there[passage.to_start : passage.to_end] == shared


def test_no_passage_goes_on_from_the_title_into_the_body():
    one = printed("في السوق القديم بالمدينة اليوم", "بدأت أعمال الترميم الكبرى أخيرا")
    other = printed("بدأت أعمال الترميم الكبرى أخيرا في السوق القديم بالمدينة اليوم")
    assert [each.field for each in passages(one, other)] == ["title", "body"]


@settings(max_examples=60)
@given(TEXT, TEXT)
def test_a_score_is_the_same_from_both_sides(one, other):
    a, b = printed(one), printed(other)
    scores = []
    for x, y in ((a, b), (b, a)):
        probe = Probe()
        probe.load(x)
        scores.append(probe.score(y, 3_600_000_000))
        probe.clear(x)
        assert probe.score(y, 0) <= 0
    assert scores[0] == scores[1]
    assert overlap(a, b) == overlap(b, a)


def test_a_text_scores_full_marks_against_itself_and_five_hundredths_less_an_hour():
    one = printed(" ".join(f"{word} {number}" for number, word in enumerate(WORDS * 12)))
    probe = Probe()
    probe.load(one)
    assert probe.score(one, 0) / UNIT == pytest.approx(9.4, abs=0.1)  # two terms share a place now and then
    assert probe.score(one, 0) - probe.score(one, 3_600_000_000) == UNIT // 20


def test_what_stands_aside_is_not_in_the_fingerprint():
    article = normal("بدأت أعمال الترميم في السوق القديم")
    text = article.clean[0]
    aside = CleanText(field="body", text=f"واس - الرياض {text.text}", map=[0, 13, 0], asides=[0, 12])
    assert fingerprint(replace(article, clean=[aside])).exact == fingerprint(article).exact


def test_the_lead_counts_only_where_there_is_no_body():
    lead, body = "بدأت أعمال الترميم اليوم", "افتتحت المكتبة الجديدة أمس"
    assert fingerprint(normal(body, "عنوان", lead)).exact == fingerprint(normal(body, "عنوان")).exact
    assert fingerprint(normal(None, "عنوان", lead)).exact == fingerprint(normal(lead, "عنوان")).exact


def test_a_text_without_words_has_no_fingerprint():
    assert fingerprint(normal("تابعونا على فيسبوك", "—")) is None


@settings(max_examples=60)
@given(st.lists(st.tuples(TEXT | st.just("تابعونا على فيسبوك"), st.sampled_from([None, "خبر عاجل", "—"])), min_size=1))
def test_what_is_made_together_is_what_is_made_alone(texts):
    articles = [normal(body, title) for body, title in texts]
    long = normal(" ".join(f"كلمة{number % 9000}" for number in range(WORDS_LIMIT + 50)))
    articles = [*articles, replace(articles[0], language="fa"), long, replace(long, clean=[]), *articles]
    assert fingerprints(articles) == [fingerprint(each) for each in articles]


def test_a_very_long_text_is_cut_but_for_its_exact_hash():
    long = " ".join(f"كلمة{number}" for number in range(WORDS_LIMIT + 50))
    one, other = fingerprint(normal(long)), fingerprint(normal(long + " زيادة"))
    assert len(unpack(one).words) == WORDS_LIMIT
    assert one.packed == other.packed
    assert one.exact != other.exact


def test_keys_are_the_rare_words_of_title_and_lead_and_no_numbers():
    article = printed("في من على التي إن كان بعد قبل 2015 40", "مرصد الزلازل في جبل سلفان")
    assert 3 <= len(article.keys) <= KEYS
    assert len(article.keys) < len(article.terms)
    assert set(article.keys.tolist()) <= set(article.terms[article.lead].tolist())
    assert article.numbers() == ["2015", "40"]


def test_vectors_have_length_one():
    one = printed(" ".join(WORDS * 3))
    for weights in (one.weights, one.lead_weights):
        assert int((weights.astype(int) ** 2).sum()) == pytest.approx(ONE * ONE, rel=0.01)


def test_no_other_article_of_a_year_scores_near_a_seed_article(data):
    """At the same hour, so that a date nearer to a seed's than its own would help none of them."""
    seeds = [printed(path.read_text()) for path in sorted((data / "seeds").glob("*.txt"))]
    probes = [Probe() for _ in seeds]
    for probe, seed in zip(probes, seeds, strict=True):
        probe.load(seed)
    assert probes[0].score(seeds[1], 0) / UNIT > 4
    others = (normal(each.body, each.title) for each in evaluate.corpus(data, "ant-2018-02-05.jsonl.gz"))
    count = 0
    while some := [unpack(each) for each in fingerprints(list(islice(others, 64))) if each]:
        count += len(some)
        for probe, seed in zip(probes, seeds, strict=True):
            for other, score in zip(some, probe.scores([(other, 0) for other in some]), strict=True):
                assert score < relations.STORY - UNIT // 2
                assert score < relations.COPY or overlap(seed, other).containment < 0.2
    assert count == 17_565
