"""What linking promises: one id for one thing, whatever its spelling and whatever the order."""

from collections.abc import Callable

import pytest
from camel_tools.utils.charsets import AR_DIAC_CHARSET
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.normalize.cleaning import Cleaner
from agents.tag.names import Known, Linker, Named
from agents.tag.tables import Tables
from schemas import Label, TaggedArticle

LINKER = Linker(Tables.shipped())
FOLD = Cleaner("arabic")


def named(label: Label, text: str) -> Named:
    return Named(label, tuple(FOLD.clean(text)[0].split()), text)


def link(*mentions: tuple[Label, str]) -> list[Known]:
    return LINKER.link([named(label, text) for label, text in mentions])


def ids(label: Label, *spellings: str) -> set[str]:
    """The ids of spellings that each stand alone in an article."""
    return {link((label, spelling))[0].id for spelling in spellings}


@pytest.mark.parametrize(
    ("id_", "label", "spellings"),
    [
        ("iso:SY", "LOC", ["سوريا", "سورية", "سوريه", "الجمهورية العربية السورية"]),
        ("iso:US", "LOC", ["أمريكا", "أميركا", "امريكا", "الولايات المتحدة", "الولايات المتحدة الأميركية"]),
        ("iso:GB", "LOC", ["بريطانيا", "المملكة المتحدة"]),
        ("iso:SA", "LOC", ["السعودية", "المملكة العربية السعودية"]),
        ("geo:524901", "LOC", ["موسكو", "مدينة موسكو"]),
        ("geo:4140963", "LOC", ["واشنطن"]),
        ("wd:Q58217", "PERS", ["سيرغي لافروف", "سيرجي لافروف", "لافروف"]),
        ("wd:Q7747", "PERS", ["فلاديمير بوتين", "فلادمير بوتين", "بوتين"]),
        ("wd:Q1065", "ORG", ["الأمم المتحدة", "منظمة الأمم المتحدة"]),
        ("wd:Q7184", "ORG", ["الناتو", "حلف شمال الأطلسي"]),
    ],
)
def test_every_spelling_of_a_thing_has_its_id(id_: str, label: Label, spellings: list[str]) -> None:
    assert ids(label, *spellings) == {id_}


def test_spellings_of_a_foreign_name_share_an_id_that_no_table_has() -> None:
    assert len(ids("PERS", "غريغوري ماكلاغن", "جريجوري ماكلاجن")) == 1
    assert ids("PERS", "غريغوري ماكلاغن").pop().startswith("kh:")


@pytest.mark.parametrize(
    ("one", "other"),
    [("محمد صلاح الدين", "محمود صلاح الدين"), ("حامد الوزان", "أحمد الوزان"), ("سالم الراعي", "سليم الراعي")],
)
def test_arabic_names_that_differ_in_a_vowel_are_different_people(one: str, other: str) -> None:
    assert len(ids("PERS", one, other)) == 2


def test_a_name_in_part_joins_the_fuller_one_of_its_article() -> None:
    full, part, other = link(("PERS", "ريكس تيلرسون"), ("PERS", "تيلرسون"), ("PERS", "هدى المنصوري"))
    assert part == full
    assert full.name == "ريكس تيلرسون"
    assert other != full


def test_a_name_in_part_joins_none_of_two_that_it_could_mean() -> None:
    one, other, part = link(("PERS", "سامي الهاجري"), ("PERS", "ليلى الهاجري"), ("PERS", "الهاجري"))
    assert len({one.id, other.id, part.id}) == 3


def test_a_name_in_part_joins_the_one_that_is_named_most() -> None:
    one, _, _, part = link(
        ("PERS", "سامي الهاجري"), ("PERS", "سامي الهاجري"), ("PERS", "ليلى الهاجري"), ("PERS", "الهاجري")
    )
    assert part == one


def test_a_verb_before_a_surname_keeps_nobody_from_the_fuller_name() -> None:
    full, verb, alone = link(("PERS", "سيرغي دوبرينين"), ("PERS", "فعقب دوبرينين"), ("PERS", "دوبرينين"))
    assert alone.id == full.id != verb.id


def verbs(*mentions: str) -> list[bool]:
    return LINKER.verbs([("PERS", named("PERS", text).words) for text in mentions])


def test_a_verb_before_a_name_that_stands_alone_elsewhere_is_seen() -> None:
    assert verbs("فعقب دوبرينين", "وعلق دوبرينين", "دوبرينين") == [True, True, False]
    assert verbs("فعقب دوبرينين") == [False]
    assert verbs("وليد الهاجري", "فيكتور الهاجري", "الهاجري", "وليد") == [False] * 4


@pytest.mark.parametrize(
    ("text", "id_"),
    [
        ("وصل الوزير الي عمان امس", "iso:OM"),
        ("وصل وزير الصحه الاردني الي عمان امس", "geo:250441"),
        ("عاد من عمان الي اربد في شمال الاردن", "geo:250441"),
        ("وصل وزير الصحه العماني الي مسقط عايدا من الاردن", "iso:OM"),
        ("وقعت عمان والاردن اتفاقا في مسقط", "iso:OM"),
        ("تحدث الاردنيون في عمان عن المنتخب العماني وعن الدوري الاردني", "geo:250441"),
    ],
)
def test_oman_or_amman_is_told_by_what_else_the_article_names(text: str, id_: str) -> None:
    assert LINKER.link([named("LOC", "عمان")], [text])[0].id == id_


def test_a_name_is_shown_without_vowel_signs_and_other_forms_of_letters() -> None:
    assert link(("ORG", "جامعة \ufeab\ufef1 الو\u0640\u0627\u0650حة"))[0].name == "جامعة ذي الواحة"


def test_a_place_and_a_club_of_one_name_are_two_things() -> None:
    assert link(("LOC", "برشلونة"))[0].id == "geo:3128760"
    assert link(("ORG", "برشلونة"))[0].id == "wd:Q7156"


def test_a_person_is_never_a_place() -> None:
    assert link(("PERS", "باريس"))[0].id.startswith("kh:")


MENTIONS: st.SearchStrategy[tuple[Label, str]] = st.sampled_from(
    [
        ("PERS", "سيرغي لافروف"), ("PERS", "لافروف"), ("PERS", "سيرجي لافروف"), ("PERS", "سامي الهاجري"),
        ("PERS", "سامي"), ("PERS", "ليلى الهاجري"), ("PERS", "الهاجري"), ("PERS", "سامي بن علي الهاجري"),
        ("LOC", "سورية"), ("LOC", "سوريا"),
        ("ORG", "سوريا"), ("ORG", "نادي الوفاق"), ("ORG", "نادى الوفاق"), ("MISC", "كأس الوفاق"), ("LOC", "حي الورود"),
    ]
)  # fmt: skip


@settings(max_examples=200)
@given(st.lists(MENTIONS, max_size=12).flatmap(lambda m: st.tuples(st.just(m), st.permutations(m))))
def test_links_do_not_depend_on_the_order_of_mentions(
    both: tuple[list[tuple[Label, str]], list[tuple[Label, str]]],
) -> None:
    one, other = both
    assert dict(zip(one, link(*one), strict=True)) == dict(zip(other, link(*other), strict=True))


@pytest.mark.parametrize(
    ("label", "words", "taken"),
    [
        ("LOC", "بسوريا", 1),
        ("LOC", "وبسوريا", 2),
        ("LOC", "سوريا", 0),
        ("LOC", "باريس", 0),
        ("LOC", "لبنان", 0),
        ("LOC", "ولبنان", 1),
        ("LOC", "للرياض", 2),
        ("LOC", "واشنطن", 0),
        ("LOC", "وواشنطن", 1),
        ("ORG", "للأمم المتحدة", 2),
        ("ORG", "وبالأمم المتحدة", 2),
        ("PERS", "وليد المعلم", 0),
        ("PERS", "ومحمد صلاح", 1),
        ("PERS", "كوفي عنان", 0),
        ("PERS", "باولو", 0),
        ("PERS", "كيارا مونتاني", 0),
        ("PERS", "وكيارا مونتاني", 0),
        ("PERS", "كيارا", 0),
        ("PERS", "كامل الهاجري", 0),
        ("PERS", "كريم", 0),
        ("PERS", "كيفن", 0),
        ("PERS", "وكيفن سبنسر", 1),
        ("LOC", "كسوريا", 1),
        ("LOC", "وتل أبيب", 1),
    ],
)
def test_proclitics_are_told_from_first_letters(label: Label, words: str, taken: int) -> None:
    assert LINKER.clitics([(label, named(label, words).words)]) == [taken]


def test_a_name_that_stands_bare_in_the_article_tells_the_clitic() -> None:
    assert LINKER.clitics([("ORG", ("بزرفينيا",)), ("ORG", ("زرفينيا",))]) == [1, 0]


def test_ka_before_a_person_is_taken_off_only_if_the_name_stands_bare_in_the_article() -> None:
    assert LINKER.clitics([("PERS", ("كمحمد", "صلاح")), ("PERS", ("محمد", "صلاح"))]) == [1, 0]
    assert LINKER.clitics([("PERS", ("كمحمد", "صلاح"))]) == [0]


def test_both_spellings_share_their_ids_in_whole_articles(tag: Callable[..., TaggedArticle]) -> None:
    one = tag("أكد وزير الخارجية الروسي سيرغي لافروف أن الحل في سورية سياسي.")
    other = tag("قال وزير الخارجية الروسي سيرجي لافروف إن الأزمة في سوريا طالت.")
    assert {e.id for e in one.entities} == {e.id for e in other.entities} == {"wd:Q58217", "iso:SY"}


def test_a_name_is_shown_without_the_vowel_signs_that_camel_tools_takes_off() -> None:
    marked = "سا" + "".join(sorted(AR_DIAC_CHARSET)) + "مي الدالي"
    assert link(("PERS", marked))[0].name == "سامي الدالي"
