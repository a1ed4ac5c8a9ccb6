"""The events of the way, in the order in which an article passes them: raw, normalized, tagged, enriched, story.

Offsets are code points, and point into the text as sent unless a line says otherwise. Dates are RFC 3339 in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from schemas.dates import Precision

__all__ = [
    "Article",
    "Attribution",
    "CleanText",
    "Conflict",
    "DeadLetter",
    "Decision",
    "EnrichedArticle",
    "Entity",
    "Event",
    "Evidence",
    "Field",
    "Fingerprint",
    "Lane",
    "Member",
    "NormalizedArticle",
    "Passage",
    "Progress",
    "ProgressMark",
    "RawArticle",
    "Received",
    "Relation",
    "RelationKind",
    "Status",
    "Story",
    "StoryEntity",
    "StoryRef",
    "StorySource",
    "TaggedArticle",
]

Status = Literal["usable", "withheld", "canceled"]
Field = Literal["title", "lead", "body"]
DatedBy = Literal["given", "feed", "page", "url", "none"]
RelationKind = Literal["new", "copy", "near-copy", "contained", "same-story"]
Label = Literal["PERS", "LOC", "ORG", "MISC"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A value that travels on the topic of its type."""

    topic: ClassVar[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RawArticle(Event):
    """What a producer sends. Fields that are not named here are kept in `extra`.

    A usable article needs a title or a body, and a source or a url; a cancellation a url, or source and source_id.
    """

    topic: ClassVar[str] = "articles.raw"

    source: str | None = None
    source_id: str | None = None
    url: str | None = None
    title: str | None = None
    lead: str | None = None
    body: str | None = None
    author: str | None = None
    section: str | None = None
    image: str | None = None
    language: str | None = None
    published_at: str | int | float | None = None
    date_precision: Precision | None = None
    dated_by: DatedBy | None = None
    seen_at: str | int | float | None = None
    late: bool = False
    status: Status = "usable"
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What arrives beside a raw value: the value's own bytes, and when it was seen.

    `seen_us` (microseconds since 1970) is the broker's append time in a live lane, the date of its place in a replay.
    """

    value: bytes
    seen_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """A stretch that says who reports: it stays in the text, stays out of the fingerprint, and is kept as evidence."""

    field: Field
    start: int
    end: int
    kind: Literal["dateline", "byline", "agency", "quran", "boilerplate"]
    name: str | None = None  # the agency's usual name where the tables know it


@dataclass(frozen=True, slots=True, kw_only=True)
class Article(Event):
    """What every event after raw says of an article."""

    id: str
    version: str
    status: Status
    source: str
    source_id: str | None
    url: str | None
    title: str | None
    lead: str | None
    body: str | None
    author: str | None
    section: str | None
    image: str | None
    extra: dict[str, Any]
    language: str | None  # BCP 47; None where there is no text
    published_at: str | None
    dated_by: DatedBy
    date_precision: Precision | None
    seen_at: str
    late: bool
    attributions: list[Attribution]
    provenance: dict[str, str]  # stage -> version of its code, models and tables


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanText:
    """The clean text of one field: words and punctuation one space apart, sentences one newline apart.

    `map` leads from `text` to the text as sent; agents.normalize.cleantext makes it and describes it.
    """

    field: Field
    text: str
    map: list[int]
    asides: list[int]  # flat start, end in `text`: what stays out of the fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalizedArticle(Article):
    """An article with its clean text beside the text as sent; none for a cancellation."""

    topic: ClassVar[str] = "articles.normalized"

    clean: list[CleanText]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One mention of a thing in the world; `id` is the same for every spelling of it."""

    field: Field
    start: int
    end: int
    text: str
    label: Label
    id: str
    name: str
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """All that deduplicate needs to know of a text; made by agents.deduplicate.fingerprint, which describes it."""

    maker: str
    exact: str
    packed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggedArticle(Article):
    """An article with its entities and its fingerprint: an entry of the story log."""

    topic: ClassVar[str] = "articles.tagged"

    entities: list[Entity]
    fingerprint: Fingerprint | None  # None for a cancellation


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A stretch that two articles share."""

    field: Field
    start: int
    end: int
    to_field: Field
    to_start: int
    to_end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """What speaks against two articles being one story: a number or a name that one has and the other has not."""

    kind: Literal["number", "name"]
    here: str
    there: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Why two articles were related."""

    cosine: float
    lead_cosine: float
    containment: float
    jaccard: float
    hours: float
    shared: list[Passage]
    conflicts: list[Conflict]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """How an article stands to the best-scoring article before it in line; `new` has no other side."""

    kind: RelationKind
    to: str | None = None
    to_version: str | None = None
    score: float | None = None
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryRef:
    """The story of an article; decided once."""

    id: str
    since: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision on an id: its number in the line, and the version that it decided on."""

    line: int
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrichedArticle(Article):
    """An article with its entities, its nearest relative and its story; replaces earlier versions of its id."""

    topic: ClassVar[str] = "articles.enriched"

    revision: int
    entities: list[Entity]
    relation: Relation | None  # None for what takes part in no story: canceled, withheld
    story: StoryRef | None
    lines: list[Decision]
    covered_until: str | None = None  # cancellations cover the versions of this id dated not after this


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One article of a story."""

    id: str
    version: str
    source: str
    url: str | None
    title: str | None
    kind: RelationKind
    to: str | None
    published_at: str | None
    seen_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StorySource:
    """A source of a story and how many of the story's articles are its."""

    source: str
    articles: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryEntity:
    """A thing that a story is about, and in how many of its articles it is named."""

    id: str
    name: str
    label: Label
    articles: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Story(Event):
    """What several articles tell together; a function of its members' decisions."""

    topic: ClassVar[str] = "stories"

    id: str
    headline: str | None  # None once every member was canceled
    language: str | None
    articles: int  # all of them; `members` lists at most 200
    members: list[Member]
    sources: list[StorySource]
    distinct_texts: int  # sources with a member that is no copy, near-copy or part of another
    first_published_at: str | None
    last_published_at: str | None
    first_seen_at: str
    last_seen_at: str
    entities: list[StoryEntity]
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter(Event):
    """What the headers of a dead letter say; its key and value are those of the record that was refused."""

    topic: ClassVar[str] = "articles.dead-letters"

    stage: str
    cause: str  # the class of the refusal, as in schemas.Refused, or `bug`
    reason: str
    from_topic: str
    from_partition: int
    from_offset: int
    at: str
    trace: str | None = None  # of a bug
    cut_from: int | None = None  # the size in bytes of a value that had to be cut to fit


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressMark(Event):
    """Travels the way of the articles of a replay lane: everything at or before `place` has been sent."""

    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Event):
    """Where the line stands, written in the transaction of the decisions it speaks of."""

    topic: ClassVar[str] = "deduplicate.progress"

    line: int  # of the last decision, -1 before the first
    raw: dict[str, int]  # raw partition -> the last raw offset taken from it
    passed: str  # replay: the place that all marks have passed


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane(Event):
    """What a lane is, written once, under its own key, to deduplicate.progress before anything else is sent."""

    topic: ClassVar[str] = "deduplicate.progress"

    kind: Literal["live", "replay"]
    since: str | None  # replay: the earliest date that is one
    until: str | None
    versions: dict[str, str]  # stage -> the version that it is pinned to; empty for a live lane
    inputs: dict[str, str] = field(default_factory=dict)  # replay: what tells its archive from another
