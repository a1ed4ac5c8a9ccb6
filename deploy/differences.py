"""What changed between two runs of the same archive: by article and by story, counts first, then examples."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson
from xxhash import xxh3_64_intdigest

from schemas import EnrichedArticle, decode
from streams import lanes
from streams.read import Record, read_topic
from streams.settings import Settings

__all__ = ["Change", "Differences", "compare", "diff"]

_EXAMPLES = 5  # of each kind of change


class _Said(NamedTuple):
    """What a run said of an article, as far as runs can differ; the long parts as hashes."""

    title: str
    text: str
    status: str
    entities: tuple[int, int]  # how many, and a hash of all that is said of them
    relation: str
    story: str


_ASPECTS = ("text", "status", "entities", "relation", "story")


@dataclass(frozen=True, slots=True)
class Change:
    """An article or a story that the runs have differently; `before` or `after` is empty where a run has it not."""

    id: str
    title: str
    before: str
    after: str


@dataclass(slots=True)
class Differences:
    """An article may differ in several ways, and counts in each; stories are compared by their members."""

    same_articles: int = 0
    same_stories: int = 0
    articles: Counter[str] = field(default_factory=Counter)  # kind of change -> articles
    stories: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[Change]] = field(default_factory=dict)  # kind of change -> the first by id

    def __bool__(self) -> bool:
        return bool(self.articles or self.stories)

    def note(self, counts: Counter[str], kind: str, change: Change) -> None:
        counts[kind] += 1
        examples = self.examples.setdefault(kind, [])
        if len(examples) < _EXAMPLES:
            examples.append(change)


async def diff(one: Settings, other: Settings) -> Differences:
    """Compare two lanes, the newest version of each article; raises Misconfigured where one is not there.

    Some 500 bytes of memory an article and lane.
    """
    return compare(await _run(one), await _run(other))


async def _run(settings: Settings) -> dict[str, _Said]:
    await lanes.require(settings)
    async with aclosing(read_topic(settings, EnrichedArticle)) as records:
        return {article.id: _said(article) async for article in _articles(records)}


async def _articles(records: AsyncIterator[Record]) -> AsyncIterator[EnrichedArticle]:
    async for record in records:
        if record.value is not None:
            yield decode(EnrichedArticle, record.value)


def _said(article: EnrichedArticle) -> _Said:
    found = orjson.dumps(article.entities)
    relation = article.relation
    return _Said(
        title=article.title or "",
        text=article.version,
        status=article.status,
        entities=(len(article.entities), xxh3_64_intdigest(found)),
        relation="" if relation is None else " ".join(filter(None, (relation.kind, relation.to))),
        story=article.story.id if article.story else "",
    )


def compare(one: dict[str, _Said], other: dict[str, _Said]) -> Differences:
    """What the second says otherwise than the first."""
    found = Differences()
    for id in sorted(one.keys() | other.keys()):
        before, after = one.get(id), other.get(id)
        if before is None or after is None:
            gone = before or after
            assert gone is not None  # noqa: S101 - it is a key of one of them
            kind = "only in the first" if after is None else "only in the second"
            found.note(found.articles, kind, Change(id, gone.title, _shown(before), _shown(after)))
            continue
        changed = [aspect for aspect in _ASPECTS if getattr(before, aspect) != getattr(after, aspect)]
        found.same_articles += not changed
        for aspect in changed:
            values = (_aspect(each, aspect) for each in (before, after))
            found.note(found.articles, f"other {aspect}", Change(id, after.title, *values))
    _stories(one, other, found)
    return found


def _stories(one: dict[str, _Said], other: dict[str, _Said], found: Differences) -> None:
    members, after = _members(one), _members(other)
    for id in sorted(members.keys() | after.keys()):
        left, right = members.get(id, []), after.get(id, [])
        if left == right:
            found.same_stories += 1
            continue
        kind = "only in the first" if not right else "only in the second" if not left else "other members"
        title = (one.get(id) or other.get(id) or _Said("", "", "", (0, 0), "", "")).title
        change = Change(id, title, _only(left, right), _only(right, left))
        found.note(found.stories, f"stories {kind}", change)


def _members(run: dict[str, _Said]) -> dict[str, list[str]]:
    stories: dict[str, list[str]] = defaultdict(list)
    for id, said in run.items():
        if said.story:
            stories[said.story].append(id)
    for members in stories.values():
        members.sort()
    return stories


def _only(these: list[str], those: Iterable[str]) -> str:
    """`5 articles, 2 of them not there: 1f0c…, 77ab…`"""
    more = sorted(set(these) - set(those))
    if not these or not more:
        return f"{len(these)} articles" if these else ""
    shown = ", ".join(more[:_EXAMPLES]) + (", …" if len(more) > _EXAMPLES else "")
    return f"{len(these)} articles, {len(more)} of them not there: {shown}"


def _aspect(said: _Said, aspect: str) -> str:
    return f"{said.entities[0]} mentions" if aspect == "entities" else str(getattr(said, aspect)) or "none"


def _shown(said: _Said | None) -> str:
    return "" if said is None else f"{said.status}, story {said.story or 'none'}"
