"""The rules file: what it may say, and that what is wrong in it is told with its place."""

from pathlib import Path

import pytest

from agents.alerts.rules import parse_rules, read_rules
from agents.normalize.words import Words
from schemas import Misconfigured


@pytest.fixture(scope="module")
def words() -> Words:
    return Words.shipped()


GOOD = """
[[rule]]
name = "القصر"
words = '"القصر الجمهوري" استقبال'

[[rule]]
name = "سورية"
entity = ["سورية", "iso:AE"]
source = "wakala.example"

[[rule]]
name = "يكبر"
growth = { sources = 3, minutes = 30 }
"""


def test_a_file_of_rules_is_read(words: Words, tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(GOOD, "utf-8-sig")  # as some editors begin a file
    assert [(rule.name, rule.kind) for rule in read_rules(path, words)] == [
        ("القصر", "words"),
        ("سورية", "entity"),
        ("يكبر", "growth"),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rule = ", "r.toml is not TOML: "),
        ("", r"r.toml: a file of rules holds tables named \[\[rule\]\], and there is none"),
        ("[rules]\nname = 'x'", "and there is rules"),
        ("[[rule]]\nwords = 'جسر'", "r.toml: rule 1: Object missing required field name"),
        ("[[rule]]\nname = 'x'", "rule 1 .x. asks for nothing; give entity, words, source or growth"),
        ("[[rule]]\nname = 'x'\nword = 'جسر'", "rule 1: Object contains unknown field word"),
        ("[[rule]]\nname = 'x'\nwords = '…'", "rule 1, words: there is no word to look for"),
        ("[[rule]]\nname = 'x'\nsource = []", "rule 1, source: Expected array of length >= 1"),
        ("[[rule]]\nname = 'x'\nentity = ['a', ' ']", "rule 1, entity: there is nothing in it; give a text"),
        ("[[rule]]\nname = 'x'\nentity = '\u064b'", "rule 1, entity: there is nothing in it; give a text"),
        ("[[rule]]\nname = ' '\nwords = 'جسر'", "rule 1, name: there is nothing in it; give a text"),
        ("[[rule]]\nname = 'x'\nsource = ''", "rule 1, source: there is nothing in it; give a text"),
        ("[[rule]]\nname = 'x'\nsource = 5", "rule 1, source: Expected str | array | null, got int"),
        ("[[rule]]\nname = 'x'\ngrowth = {sources = 1, minutes = 5}", "rule 1, growth.sources: Expected int >= 2"),
        (
            "[[rule]]\nname = 'x'\ngrowth = {sources = 3, minutes = 2000}",
            "rule 1, growth.minutes: Expected int <= 1440",
        ),
        ("[[rule]]\nname = 'x'\nsource = 's'\n[[rule]]\nname = 'x'\nsource = 't'", "two rules are named 'x'"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(words: Words, text: str, says: str) -> None:
    with pytest.raises(Misconfigured, match=says.replace("|", r"\|")):
        parse_rules(text, words, "r.toml")


def test_a_file_that_is_not_there_or_no_text_is_told(words: Words, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"rules\.toml cannot be read: No such file"):
        read_rules(tmp_path / "rules.toml", words)
    (tmp_path / "rules.toml").write_bytes("خبر".encode("utf-16"))
    with pytest.raises(Misconfigured, match="cannot be read: it is not UTF-8"):
        read_rules(tmp_path / "rules.toml", words)
