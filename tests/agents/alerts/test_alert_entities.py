"""A name in a rule finds its thing in any spelling, in articles that were read and tagged as all are."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from agents.alerts import Alerts
from agents.alerts.rules import Rule, parse_rules
from agents.normalize import Normalizer
from agents.normalize.words import Words
from agents.tag import Tagger
from agents.tag.tables import Tables
from schemas import EnrichedArticle, RawArticle, Received

Enriched = Callable[..., EnrichedArticle]
Told = Callable[[str, str], bool]
WORDS = Words.shipped()
tables = cache(Tables.shipped)


def rule_of(*entities: str) -> Rule:
    names = ", ".join(f'"{entity}"' for entity in entities)
    (rule,) = parse_rules(f"[[rule]]\nname = 'x'\nentity = [{names}]\n", WORDS, "rules.toml", tables)
    return rule


@pytest.fixture(scope="module")
def told(enriched: Enriched) -> Told:
    """Whether a rule for an entity tells of an article with this title."""
    normalizer, tagger = Normalizer.shipped(), Tagger.shipped()

    def tell(entity: str, title: str) -> bool:
        raw = RawArticle(source="wasl.example", title=title, language="ar", published_at="2026-05-01")
        tagged = tagger.tag(normalizer.normalize(raw, Received(value=title.encode(), seen_us=0)))
        article = replace(enriched(0, title=title), entities=tagged.entities)
        return bool(Alerts([rule_of(entity)], WORDS).take(article))

    return tell


@pytest.mark.parametrize("entity", ["سورية", "سوريا", "سوريه", "سُورِيَة", "iso:SY"])
@pytest.mark.parametrize(
    "title", ["زلزال يضرب شمال سورية", "زلزال يضرب شمال سوريا", "سفر الوفد من لبنان إلى وسط سوريه"]
)
def test_any_spelling_in_the_rule_finds_any_in_the_article(told: Told, entity: str, title: str) -> None:
    assert told(entity, title)
    assert not told(entity, "زلزال يضرب شمال لبنان")


@pytest.mark.parametrize(
    ("entity", "title"),
    [
        ("سيرغي كارابوف", "التقى الوزير سيرجي كارابوف في موسكو"),  # nobody's: the tagger's key is the same
        ("منظمه العداله الخضراء", "قالت منظمة العدالة الخضراء في بيان إن الأزمة تتفاقم"),
        ("بوتين", "التقى الرئيس فلاديمير بوتين وزير الخارجية"),
        ("فلاديمير بوطين", "التقى الرئيس بوتين وزير الخارجية"),
        ("عمان", "عقد المؤتمر في العاصمة الأردنية عمان بحضور وزير الخارجية الأردني"),
        ("عمان", "عقد المؤتمر في سلطنة عمان بحضور السلطان"),
    ],
)
def test_a_name_that_no_table_knows_or_that_is_of_several_is_found(told: Told, entity: str, title: str) -> None:
    assert told(entity, title)


def test_a_place_is_not_the_person_whose_name_sounds_like_it(told: Told) -> None:
    assert not told("باتنة", "التقى الرئيس فلاديمير بوتين وزير الخارجية")
    assert rule_of("باتنة").entities == frozenset({"باتنه", "geo:2505572"})


def test_a_part_of_a_name_is_met_as_it_stands_in_the_article(enriched: Enriched) -> None:
    article = enriched(0, names=["هدى الكرملاوي"])
    short = replace(article, entities=[replace(article.entities[0], text="الكرملاوى")])
    assert [bool(Alerts([rule_of("الكرملاوي")], WORDS).take(each)) for each in (article, short)] == [False, True]


def test_ids_that_the_tables_lack_are_told() -> None:
    assert rule_of("سورية", "iso:SY", "wd:Q858", "kh:0123456789abcdef", "geo:0").lacking == ("wd:Q858", "geo:0")


def test_rules_without_entities_do_without_the_tables() -> None:
    def none() -> Tables:
        raise AssertionError("the tables were read")

    assert parse_rules("[[rule]]\nname = 'x'\nwords = 'جسر'\n", WORDS, "rules.toml", none)
