"""The rules of a newsroom: what it wants to be told of, as its file says.

    [[rule]]
    name = "القصر"
    words = '"القصر الجمهوري" استقبال'      # as in khabar serve: all of them; quotes mean as written

    [[rule]]
    name = "سورية في الوكالات"
    entity = ["سورية", "iso:AE"]             # any of them, by name in any spelling or by id
    source = ["wakala.example"]              # any of them

    [[rule]]
    name = "خبر يكبر"
    growth = { sources = 3, minutes = 30 }   # so many sources within so many minutes

An article has to meet all that its rule says; with `growth`, so have the articles of the other sources. A name is met
by the ids that the tagger has for it, by the usual name of what an article names, and as it stands in the article.
"""

from __future__ import annotations

import gc
import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Any

import msgspec

from agents.alerts.things import Things
from agents.normalize.cleaning import Cleaner
from agents.normalize.words import FoldedText, Query, Words
from agents.tag.tables import Tables
from schemas import AlertKind, EnrichedArticle, Misconfigured, Refused

__all__ = ["Growth", "Rule", "parse_rules", "read_rules"]

# A day: longer than what is called sudden, and all of it is read again at a restart.
_LONGEST_MINUTES = 24 * 60
_LONGEST_NAME = 200  # code points; it stands in every alert
# Without `pattern`, of which one process in three that had used it died as it ended (msgspec's issue 717).
_Texts = str | Annotated[list[str], msgspec.Meta(min_length=1)]
_ID = re.compile(r"[a-z]+:.+")
_AT = re.compile(r"(?P<what>.*) - at `\$\.?(?P<path>[^`]*)`$")


class Growth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Different sources of a story within so many minutes of the line."""

    sources: Annotated[int, msgspec.Meta(ge=2)]
    minutes: Annotated[int, msgspec.Meta(ge=1, le=_LONGEST_MINUTES)]


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule as the file has it."""

    name: Annotated[str, msgspec.Meta(max_length=_LONGEST_NAME)]
    entity: _Texts | None = None
    words: str | None = None
    source: _Texts | None = None
    growth: Growth | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """What an article has to meet; None where the rule says nothing of it."""

    name: str
    entities: frozenset[str] | None  # ids, and names as `folded` makes them
    query: Query | None
    sources: frozenset[str] | None
    growth: Growth | None
    lacking: tuple[str, ...] = ()  # ids among the entities that the tagger's tables do not have

    @property
    def kind(self) -> AlertKind:
        """The strongest of what it asks for."""
        if self.growth is not None:
            return "growth"
        return "entity" if self.entities is not None else "words" if self.query is not None else "source"

    def meets(self, article: EnrichedArticle, text: Callable[[], FoldedText]) -> bool:
        """Whether an article, whose words `text` gives, meets all but the growth."""
        if self.sources is not None and article.source not in self.sources:
            return False
        if self.entities is not None and self.entities.isdisjoint(_things(article)):
            return False
        return self.query is None or self.query.matches(text())


def read_rules(path: Path, words: Words, tables: Callable[[], Tables] = Tables.shipped) -> list[Rule]:
    """The rules of a file; raises Misconfigured, naming file, rule and field.

    `tables` gives those of the tagger and is called if a rule has entities: 0.2 s, and 35 MB until the rules are read.
    """
    try:
        text = path.expanduser().read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as bad:
        why = bad.strerror if isinstance(bad, OSError) else f"it is not UTF-8 ({bad.reason})"
        raise Misconfigured(f"the rules {path} cannot be read: {why}") from None
    rules = parse_rules(text, words, str(path), tables)
    gc.collect()  # a linker refers to itself, and would keep the tables
    return rules


def parse_rules(text: str, words: Words, where: str, tables: Callable[[], Tables] = Tables.shipped) -> list[Rule]:
    """The rules of a text in TOML; `where` is what errors begin with, `tables` as in `read_rules`."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as bad:
        raise Misconfigured(f"{where} is not TOML: {bad}") from None
    written = found.pop("rule", [])
    if found or not isinstance(written, list) or not written:
        other = f"there is {next(iter(found))}" if found else "there is none"
        raise Misconfigured(f"{where}: a file of rules holds tables named [[rule]], and {other}")
    things = cache(lambda: Things(tables()))
    rules = [_rule(table, words, things, f"{where}: rule {number}") for number, table in enumerate(written, start=1)]
    names = [rule.name for rule in rules]
    if twice := [name for name in names if names.count(name) > 1]:
        raise Misconfigured(f"{where}: two rules are named {twice[0]!r}; alerts are told apart by the rule's name")
    return rules


def _rule(table: Any, words: Words, things: Callable[[], Things], where: str) -> Rule:
    try:
        written = msgspec.convert(table, _Written)
    except msgspec.ValidationError as bad:
        match = _AT.fullmatch(str(bad))
        what, path = (match["what"], match["path"]) if match else (str(bad), "")
        raise Misconfigured(f"{where}{f', {path}' if path else ''}: {what.replace('`', '')}") from None
    entities, sources = _several(written.entity), _several(written.source)
    names = [folded(each) for each in entities or ()]
    for what, texts in (("name", [written.name.strip()]), ("entity", names), ("source", sources or ())):
        if "" in texts:
            raise Misconfigured(f"{where}, {what}: there is nothing in it; give a text")
    if entities is None and sources is None and written.words is None and written.growth is None:
        raise Misconfigured(f"{where} ({written.name}) asks for nothing; give entity, words, source or growth")
    try:
        query = None if written.words is None else words.parse(written.words)
    except Refused as bad:
        raise Misconfigured(f"{where}, words: {bad}") from None
    return Rule(
        name=written.name,
        entities=None
        if entities is None
        else frozenset(each for value in entities for each in _entity(value, things())),
        query=query,
        sources=None if sources is None else frozenset(sources),
        growth=written.growth,
        lacking=tuple(each for each in entities or () if _ID.match(each) and things().lack(each)),
    )


def _several(value: str | list[str] | None) -> list[str] | None:
    return None if value is None else [each.strip() for each in ([value] if isinstance(value, str) else value)]


def _entity(value: str, things: Things) -> set[str]:
    return {value} if _ID.match(value) else {folded(value)} | things.ids(folded(value))


_cleaner = Cleaner("arabic")


@lru_cache(maxsize=10_000)
def folded(name: str) -> str:
    """A name as it is compared: سورية and سوريه are one."""
    return _cleaner.clean(name)[0]


def _things(article: EnrichedArticle) -> Iterable[str]:
    for entity in article.entities:
        yield entity.id
        yield folded(entity.name)
        yield folded(entity.text)
