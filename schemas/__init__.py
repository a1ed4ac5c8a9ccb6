"""What travels: one frozen type for each event, the one tree of exceptions, and how both are read and written."""

from schemas.dates import Instant, Precision, from_rfc3339, parse_date, to_rfc3339
from schemas.errors import KhabarError, Misconfigured, Refused, Unavailable
from schemas.events import (
    Article,
    Attribution,
    CleanText,
    Conflict,
    Decision,
    EnrichedArticle,
    Entity,
    Event,
    Evidence,
    Field,
    Fingerprint,
    Label,
    Lane,
    Member,
    NormalizedArticle,
    Passage,
    Progress,
    ProgressMark,
    RawArticle,
    Received,
    Relation,
    RelationKind,
    Status,
    Story,
    StoryEntity,
    StoryRef,
    StorySource,
    TaggedArticle,
)
from schemas.places import FIRST, LAST, date_of, place_of
from schemas.wire import EXTRA_LIMIT, decode, decode_raw, encode, raw_from_fields

__all__ = [
    "EXTRA_LIMIT", "FIRST", "LAST", "Article", "Attribution", "CleanText", "Conflict", "Decision", "EnrichedArticle",
    "Entity", "Event", "Evidence", "Field", "Fingerprint", "Instant", "KhabarError", "Label", "Lane", "Member",
    "Misconfigured", "NormalizedArticle", "Passage", "Precision", "Progress", "ProgressMark", "RawArticle", "Received", "Refused",
    "Relation", "RelationKind", "Status", "Story", "StoryEntity", "StoryRef", "StorySource", "TaggedArticle",
    "Unavailable", "date_of", "decode", "decode_raw", "encode", "from_rfc3339", "parse_date", "place_of", "raw_from_fields",
    "to_rfc3339",
]  # fmt: skip
