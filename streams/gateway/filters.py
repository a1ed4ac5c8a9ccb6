"""What a client wants to see: one model of filters for streams, look-ups and Atom, and the facts that it is judged by.

    wanted = Filter.of(request.query_params.multi_items(), words)
    wanted.matches(Facts.of_article(orjson.loads(value), sources, words))

A parameter that is repeated means any of its values, different parameters mean all of them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, get_args

from schemas import Refused, RelationKind, from_rfc3339, parse_date
from streams.gateway.problem import wrong_parameter
from streams.gateway.words import Query, Text, Words

__all__ = ["FILTERS", "PERIOD", "Facts", "Filter", "Outlet", "Sources"]

# Parameters by name. Each stream and look-up takes those that its events can answer.
ENTITY, SOURCE, COUNTRY, GROUP = "entity", "source", "country", "group"
STORY, RELATION, LANGUAGE, WORDS, NEW = "story", "relation", "language", "q", "new-stories-only"
SINCE, UNTIL = "since", "until"
FILTERS = frozenset({ENTITY, SOURCE, COUNTRY, GROUP, STORY, RELATION, LANGUAGE, WORDS, NEW})
PERIOD = frozenset({SINCE, UNTIL})  # look-ups only: a stream's `since` is an offset

# Values of one parameter, all together: more is a list that the client should match by itself.
MOST = 200
LONGEST = 200  # code points of one value

_RELATIONS = frozenset(get_args(RelationKind))
_COUNTRY = re.compile("[A-Za-z]{2}")
_LANGUAGE = re.compile("[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
_YES, _NO = frozenset({"1", "true"}), frozenset({"0", "false", ""})


class Outlet(Protocol):
    """What is known of a source."""

    @property
    def country(self) -> str | None:
        """ISO 3166, two letters."""

    @property
    def group(self) -> str | None:
        """The group or folder that it is listed in."""


Sources = Mapping[str, Outlet]  # source id -> what is known of it


class Facts:
    """What filters ask of one event; its text is folded when the first query wants it, and once."""

    __slots__ = ("_fields", "_language", "_names", "_text", "_words", "at", "keys", "opens_story")

    def __init__(
        self,
        keys: Iterable[str],
        words: Words,
        *fields: str | None,
        language: str | None = None,
        names: Iterable[str] = (),
        opens_story: bool = False,
        at: str | None = None,
    ) -> None:
        """`keys`: `entity=wd:Q79`, `source=example.org`, …; `at` is RFC 3339."""
        self.keys = frozenset(keys)
        self.opens_story = opens_story
        self.at = at
        self._words = words
        self._fields: tuple[str | None, ...] = fields
        self._language, self._names = language, tuple(names)
        self._text: Text | None = None

    @property
    def text(self) -> Text:
        """The folded text."""
        if self._text is None:
            self._text = self._words.text(*self._fields, language=self._language, names=self._names)
            self._fields = self._names = ()
        return self._text

    @classmethod
    def of_article(cls, event: Mapping[str, Any], sources: Sources, words: Words) -> Facts:
        """Of an EnrichedArticle as JSON has it."""
        story, relation, entities = event["story"], event["relation"], event["entities"]
        keys = {f"{ENTITY}={each['id']}" for each in entities}
        keys.update(_source_keys([event["source"]], sources))
        keys.add(f"{LANGUAGE}={event['language']}")
        if story is not None:
            keys.add(f"{STORY}={story['id']}")
        if relation is not None:
            keys.add(f"{RELATION}={relation['kind']}")
        return cls(
            keys,
            words,
            event["title"],
            event["lead"],
            event["body"],
            language=event["language"],
            names={each["name"] for each in entities},
            opens_story=relation is not None and relation["kind"] == "new",
            at=event["seen_at"],
        )

    @classmethod
    def of_story(cls, event: Mapping[str, Any], sources: Sources, words: Words) -> Facts:
        """Of a Story: its words are those of its headlines, its relations and sources those of all its articles."""
        keys = {f"{ENTITY}={each['id']}" for each in event["entities"]}
        keys.update(_source_keys((each["source"] for each in event["sources"]), sources))
        keys.update(f"{RELATION}={each['kind']}" for each in event["members"])
        keys |= {f"{LANGUAGE}={event['language']}", f"{STORY}={event['id']}"}
        return cls(
            keys,
            words,
            *dict.fromkeys([event["headline"], *(each["title"] for each in event["members"])]),
            language=event["language"],
            names={each["name"] for each in event["entities"]},
            opens_story=event["articles"] == 1,
            at=event["last_seen_at"],
        )

    @classmethod
    def of_trend(cls, event: Mapping[str, Any], sources: Sources, words: Words) -> Facts:
        """Of a Trend: its words are the name."""
        return cls([f"{ENTITY}={event['entity']}"], words, event["name"], names=[event["name"]], at=event["until"])

    @classmethod
    def of_alert(cls, event: Mapping[str, Any], sources: Sources, words: Words) -> Facts:
        """Of an Alert: its words are its text and the headline."""
        keys = {f"{STORY}={event['story']}", *_source_keys([event["source"]], sources)}
        return cls(keys, words, event["text"], event["headline"], at=event["at"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What somebody wants to see; equal filters are equal, so that each is evaluated once. The empty one lets all pass.

    `since_us` and `until_us`, microseconds since 1970, are of look-ups only: there `since` is a date, not an offset.
    """

    entities: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    stories: frozenset[str] = frozenset()
    relations: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    words: tuple[Query, ...] = ()  # any of them
    new_stories_only: bool = False
    since_us: int | None = None
    until_us: int | None = None
    keys: tuple[frozenset[str], ...] = field(init=False, compare=False, repr=False)
    """For each parameter given, the facts of which an event must have one; the rarest first."""

    def __post_init__(self) -> None:
        given = (
            (STORY, self.stories), (ENTITY, self.entities), (SOURCE, self.sources), (GROUP, self.groups),
            (COUNTRY, self.countries), (RELATION, self.relations), (LANGUAGE, self.languages),
        )  # fmt: skip
        keys = tuple(frozenset(f"{name}={value}" for value in values) for name, values in given if values)
        object.__setattr__(self, "keys", keys)

    @classmethod
    def of(cls, parameters: Iterable[tuple[str, str]], words: Words, *, allowed: Collection[str] = FILTERS) -> Filter:
        """Read the query parameters of these names; all others are somebody else's.

        Raises Problem 400, which names the parameter.
        """
        found: dict[str, list[str]] = {}
        for name, value in parameters:
            if name not in allowed:
                continue
            if not value and name != NEW:
                raise wrong_parameter(name, f"{name} is empty; give a value or leave it out")
            if len(value) > LONGEST:
                raise wrong_parameter(name, f"{name} has {len(value)} characters; at most {LONGEST} are taken")
            found.setdefault(name, []).append(value)
            if len(found[name]) > MOST:
                raise wrong_parameter(name, f"{name} is given more than {MOST} times")
        relations = frozenset(found.get(RELATION, ()))
        if unknown := relations - _RELATIONS:
            raise wrong_parameter(
                RELATION, f"relation is {min(unknown)!r}; give one of {', '.join(sorted(_RELATIONS))}"
            )
        for code in found.get(COUNTRY, ()):
            if not _COUNTRY.fullmatch(code):
                raise wrong_parameter(COUNTRY, f"country is {code!r}; give the two letters of ISO 3166, such as SY")
        for tag in found.get(LANGUAGE, ()):
            if not _LANGUAGE.fullmatch(tag):
                raise wrong_parameter(LANGUAGE, f"language is {tag!r}; give a BCP 47 tag, such as ar or ckb")
        return cls(
            entities=frozenset(found.get(ENTITY, ())),
            sources=frozenset(found.get(SOURCE, ())),
            countries=frozenset(each.lower() for each in found.get(COUNTRY, ())),
            groups=frozenset(found.get(GROUP, ())),
            stories=frozenset(found.get(STORY, ())),
            relations=relations,
            languages=frozenset(each.lower() for each in found.get(LANGUAGE, ())),
            words=_queries(found.get(WORDS, ()), words),
            new_stories_only=_flag(found.get(NEW, ["0"])[-1]),
            since_us=_date(SINCE, found),
            until_us=_date(UNTIL, found),
        )

    def matches(self, facts: Facts) -> bool:
        """Whether it lets the event pass."""
        if self.new_stories_only and not facts.opens_story:
            return False
        for group in self.keys:
            if group.isdisjoint(facts.keys):
                return False
        if (self.since_us is not None or self.until_us is not None) and not self._in_time(facts.at):
            return False
        return not self.words or any(query.matches(facts.text) for query in self.words)

    def _in_time(self, at: str | None) -> bool:
        if at is None:
            return False
        us = from_rfc3339(at)
        return (self.since_us is None or us >= self.since_us) and (self.until_us is None or us < self.until_us)


def _source_keys(ids: Iterable[str], sources: Sources) -> Iterator[str]:
    for each in ids:
        yield f"{SOURCE}={each}"
        if (outlet := sources.get(each)) is not None:
            if outlet.country:
                yield f"{COUNTRY}={outlet.country.lower()}"
            if outlet.group:
                yield f"{GROUP}={outlet.group}"


def _queries(given: Iterable[str], words: Words) -> tuple[Query, ...]:
    try:
        return tuple(words.parse(each) for each in dict.fromkeys(given))
    except Refused as refused:
        raise wrong_parameter(WORDS, str(refused)) from None


def _flag(value: str) -> bool:
    if value.lower() not in _YES | _NO:
        raise wrong_parameter(NEW, f"{NEW} is {value!r}; give 1 or leave it out")
    return value.lower() in _YES


def _date(name: str, found: Mapping[str, list[str]]) -> int | None:
    try:
        return parse_date(found[name][-1], name).us if name in found else None
    except Refused as refused:
        raise wrong_parameter(name, str(refused)) from None
