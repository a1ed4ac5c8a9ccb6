"""The JSON Schema of every event, generated from its type: `python -m schemas.documents` writes them beside this file.

A test compares what is written with what the types say, so that neither changes alone.
"""

from pathlib import Path
from typing import Any

import msgspec
import orjson

from schemas.events import (
    Alert,
    DeadLetter,
    EnrichedArticle,
    Event,
    Feedback,
    Lane,
    NormalizedArticle,
    Progress,
    ProgressMark,
    RawArticle,
    Story,
    TaggedArticle,
    Trend,
)

__all__ = ["EVENTS", "document", "written"]

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
_FOLDER = Path(__file__).parent / "json"


def document(name: str) -> bytes:
    """The JSON Schema (2020-12) of the event of that name, indented."""
    schema: dict[str, Any] = msgspec.json.schema(EVENTS[name])
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"Khabar: {name}, version 1"}
    return orjson.dumps(head | schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def written(name: str) -> Path:
    """The file that holds the schema of that name."""
    return _FOLDER / f"{name}.v1.schema.json"


if __name__ == "__main__":
    _FOLDER.mkdir(exist_ok=True)
    for each in EVENTS:
        written(each).write_bytes(document(each))
