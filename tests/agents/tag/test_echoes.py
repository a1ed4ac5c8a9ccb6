"""What an article named for sure is looked for in its other sentences, and nothing else is."""

from agents.tag.crf import Mention
from agents.tag.echoes import echoes

FULL: list[Mention] = [(1, 3, "PERS", 0.99)]
NAMED = ["زار", "سالم", "الراعي", "صنعاء"]


def test_a_surname_alone_gets_a_hint_from_the_full_name() -> None:
    assert echoes([NAMED, ["قال", "الراعي", "ان"]], [FULL, []]) == {1: [(1, 2, "PERS")]}


def test_a_hint_is_given_before_the_full_name_too_and_under_a_proclitic() -> None:
    assert echoes([["وقال", "والراعي", "ان"], NAMED], [[], FULL]) == {0: [(1, 2, "PERS")]}


def test_a_name_that_was_found_needs_no_hint() -> None:
    assert echoes([NAMED, ["قال", "الراعي", "ان"]], [FULL, [(1, 2, "PERS", 0.4)]]) == {}


def test_the_full_name_is_preferred_to_the_surname() -> None:
    assert echoes([NAMED, ["سالم", "الراعي"]], [FULL, []]) == {1: [(0, 2, "PERS")]}


def test_what_is_unlikely_or_short_gives_no_hint() -> None:
    assert echoes([NAMED, ["قال", "الراعي"]], [[(1, 3, "PERS", 0.3)], []]) == {}
    assert echoes([["محمد", "علي"], ["وضع", "علي"]], [[(0, 2, "PERS", 0.99)], []]) == {}


def test_the_surer_label_gives_the_hint() -> None:
    sentences = [["عدن", "العليا"], ["في", "العليا"], ["العليا"]]
    mentions: list[list[Mention]] = [[(1, 2, "LOC", 0.9)], [], [(0, 1, "ORG", 0.7)]]
    assert echoes(sentences, mentions) == {1: [(1, 2, "LOC")]}
