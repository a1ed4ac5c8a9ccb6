"""The JSON Schema of every event, generated from its type: `python -m schemas.documents` writes them beside this file.

A test compares what is written with what the types say, so that neither changes alone. A change that would break a
reader (see `compatible`) is not written: it needs another version of the event, on a topic of its own.
"""

import sys
from pathlib import Path
from typing import Any

import msgspec
import orjson

from schemas.compatible import breaks
from schemas.events import (
    DeadLetter,
    EnrichedArticle,
    Event,
    Lane,
    NormalizedArticle,
    Progress,
    ProgressMark,
    RawArticle,
    Story,
    TaggedArticle,
)
from schemas.views import Alert, Feedback, Trend

__all__ = ["EVENTS", "document", "incompatible", "written"]

EVENTS: dict[str, type[Event]] = {
    "raw": RawArticle,
    "normalized": NormalizedArticle,
    "tagged": TaggedArticle,
    "enriched": EnrichedArticle,
    "story": Story,
    "trend": Trend,
    "alert": Alert,
    "feedback": Feedback,
    "letter": DeadLetter,
    "mark": ProgressMark,
    "progress": Progress,
    "lane": Lane,
}
_SENT_BY_OTHERS = frozenset({"raw", "feedback"})  # we read these: they may allow more than before, never less
_FOLDER = Path(__file__).parent / "json"


def document(name: str) -> bytes:
    """The JSON Schema (2020-12) of the event of that name, indented."""
    schema: dict[str, Any] = msgspec.json.schema(EVENTS[name])
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"Khabar: {name}, version 1"}
    return orjson.dumps(head | schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def written(name: str) -> Path:
    """The file that holds the schema of that name."""
    return _FOLDER / f"{name}.v1.schema.json"


def incompatible(name: str) -> list[str]:
    """What of the type's change since its schema was written breaks a reader; nothing where none is written yet."""
    path = written(name)
    if not path.exists():
        return []
    return breaks(orjson.loads(path.read_bytes()), orjson.loads(document(name)), sent_by_others=name in _SENT_BY_OTHERS)


if __name__ == "__main__":
    _FOLDER.mkdir(exist_ok=True)
    broken = [f"{name}: {each}" for name in EVENTS for each in incompatible(name)]
    if broken:
        sys.exit("\n".join([*broken, "nothing was written: leave the event as it was, and add another version of it"]))
    for each in EVENTS:
        written(each).write_bytes(document(each))
