"""What the tagger promises of an article: mentions that stand where they say, with clitics outside."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.tag import Tagger
from agents.tag.crf import Crf, Hint, Mention
from agents.tag.features import Features
from agents.tag.tables import Tables
from schemas import Entity, Label, NormalizedArticle, TaggedArticle, decode, encode

MEETING = (
    "التقى وزير الخارجية الروسي سيرغي لافروف في موسكو نظيره التركي، وبحث معه الوضع في سوريا.\n"
    "وقال لافروف إن بلاده تدعم جهود الأمم المتحدة في دمشق وبيروت."
)


def texts(article: TaggedArticle, label: str) -> list[str]:
    return [entity.text for entity in article.entities if entity.label == label]


def by_text(article: TaggedArticle, text: str) -> Entity:
    return next(entity for entity in article.entities if entity.text == text)


def test_people_places_and_organisations_are_found_in_the_order_in_which_they_stand(
    tag: Callable[..., TaggedArticle],
) -> None:
    article = tag(MEETING)
    assert texts(article, "PERS") == ["سيرغي لافروف", "لافروف"]
    assert texts(article, "LOC") == ["موسكو", "سوريا", "دمشق", "بيروت"]
    assert texts(article, "ORG") == ["الأمم المتحدة"]
    starts = [entity.start for entity in article.entities]
    assert starts == sorted(starts)


def test_every_field_is_tagged_and_named(tag: Callable[..., TaggedArticle]) -> None:
    article = tag("وصل الرئيس إلى القاهرة.", title="زيارة إلى مصر", lead="الرئيس يصل إلى مصر اليوم")
    assert {entity.field for entity in article.entities} == {"title", "lead", "body"}
    for entity in article.entities:
        assert (getattr(article, entity.field) or "")[entity.start : entity.end] == entity.text


@pytest.mark.parametrize(
    ("sentence", "text"),
    [
        ("انتهى الاجتماع بسوريا أمس.", "سوريا"),
        ("سافر الوفد إلى لبنان وسوريا أمس.", "سوريا"),
        ("وصل الوزير إلى تركيا وبفرنسا مكتب آخر.", "فرنسا"),
        ("عاد الوفد من باريس إلى برلين.", "باريس"),
        ("اجتمع الوزراء في بيروت أمس.", "بيروت"),
        ("وأعلنت واشنطن موقفها من الأزمة.", "واشنطن"),
    ],
)
def test_a_proclitic_stays_outside_and_a_letter_of_the_name_inside(
    tag: Callable[..., TaggedArticle], sentence: str, text: str
) -> None:
    assert text in texts(tag(sentence), "LOC")


class AllPeople(Crf):
    """Takes every line that has two words or fewer for a person, or for what it is told."""

    def __init__(self, label: Label = "PERS") -> None:
        self.label = label

    def mentions(
        self, sentences: Sequence[Sequence[str]], features: Features, hints: Sequence[Sequence[Hint]] = ()
    ) -> list[list[Mention]]:
        return [[(0, len(words), self.label, 0.5)] if len(words) <= 2 else [] for words in sentences]


def test_a_verb_before_a_name_stays_outside(normalized: Callable[..., NormalizedArticle]) -> None:
    tagger = Tagger(AllPeople(), Tables.shipped(), "test")
    article = tagger.tag(normalized("دوبرينين\nفعقب دوبرينين\nسيرغي دوبرينين"))
    assert texts(article, "PERS") == ["دوبرينين", "دوبرينين", "سيرغي دوبرينين"]
    assert len({entity.id for entity in article.entities}) == 1


def test_half_of_an_agency_is_no_organisation(normalized: Callable[..., NormalizedArticle]) -> None:
    tagger = Tagger(AllPeople("ORG"), Tables.shipped(), "test")
    article = tagger.tag(normalized("برس\nفرانس برس\nواس"))
    assert texts(article, "ORG") == ["فرانس برس", "واس"]


def test_offsets_count_code_points_of_the_text_as_sent(tag: Callable[..., TaggedArticle]) -> None:
    article = tag("😀  وصلَ الوزيرُ إلى <b>سـوريا</b>، ثم عاد إلى مُوسكو.")
    assert texts(article, "LOC") == ["سـوريا", "مُوسكو"]
    for entity in article.entities:
        assert (article.body or "")[entity.start : entity.end] == entity.text


def test_other_languages_pass_without_entities(tag: Callable[..., TaggedArticle]) -> None:
    article = tag("وزیر خارجه روسیه در تهران با همتای خود دیدار کرد.", language="fa")
    assert article.language == "fa"
    assert article.entities == []
    assert article.fingerprint is not None


def test_a_tagger_that_is_off_still_makes_the_fingerprint(normalized: Callable[..., NormalizedArticle]) -> None:
    article = Tagger.off().tag(normalized(MEETING))
    assert article.entities == []
    assert article.fingerprint is not None
    assert article.provenance["tag"] == "off"


def test_the_version_names_the_code_and_the_data(tagger: Tagger, tag: Callable[..., TaggedArticle]) -> None:
    article = tag(MEETING)
    assert article.provenance["tag"] == tagger.version
    assert article.provenance["normalize"]
    assert Tagger.shipped().version == tagger.version


def test_a_tagged_article_survives_the_wire(tag: Callable[..., TaggedArticle]) -> None:
    article = tag(MEETING)
    assert decode(TaggedArticle, encode(article)) == article


def test_confidence_is_a_probability_that_says_something(tag: Callable[..., TaggedArticle]) -> None:
    article = tag(MEETING)
    assert all(0 < entity.confidence <= 1 for entity in article.entities)
    assert by_text(article, "سوريا").confidence > 0.8


def test_what_was_tagged_before_changes_nothing(tagger: Tagger, normalized: Callable[..., NormalizedArticle]) -> None:
    article = normalized(MEETING)
    alone = Tagger.shipped().tag(article)
    tagger.tag(normalized("كلام آخر عن " + " ".join(f"بلدة{i}" for i in range(3000))))
    assert tagger.tag(article) == alone


@pytest.mark.parametrize(
    "body",
    [
        "ا" * 1_000_000,
        "لافروف " * 20_000,
        "و" * 5000 + " سوريا",
        "😀👍🏽 🇸🇦 #سوريا @user http://x.example/سوريا?q=1",
        "سوريا Syria Сирия 叙利亚 سوريا",
        "1.",
        "\n \n\t سوريا \n\n\n",
        "(" * 3000 + "سوريا" + ")" * 3000,
        "\u200f\u202bسوريا\u202c\u200f",
    ],
)
def test_strange_texts_are_tagged_like_any_other(tag: Callable[..., TaggedArticle], body: str) -> None:
    article = tag(body)
    for entity in article.entities:
        assert (article.body or "")[entity.start : entity.end] == entity.text


PIECES = st.sampled_from(
    ["سوريا", "وسوريا", "بموسكو", "للرياض", "سيرغي", "لافروف", "ولافروف", "الأمم", "المتحدة",
     "،", "«", "»", ".", "\n", " ", "ـ", "َ", "ﷺ",
     "&amp;", "<p>", "\u200f", "😀", "2018", "قال", "في", "x", "ﻻ"]
)  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(PIECES, st.text(max_size=4)), min_size=1, max_size=60), st.sampled_from(["", " "]))
def test_every_entity_stands_where_it_says(
    tagger: Tagger, normalized: Callable[..., NormalizedArticle], pieces: list[str], between: str
) -> None:
    body = between.join(["نص", " ", *pieces])
    article = tagger.tag(normalized(body))
    assert article == tagger.tag(normalized(body))
    before = 0
    for entity in article.entities:
        assert 0 <= entity.start < entity.end <= len(body)
        assert body[entity.start : entity.end] == entity.text
        assert entity.start >= before
        before = entity.end
