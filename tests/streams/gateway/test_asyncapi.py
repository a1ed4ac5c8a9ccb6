"""The AsyncAPI document in the repository says what there is, and everything in it leads somewhere."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import orjson

from schemas import RawArticle, encode
from streams.gateway import asyncapi
from streams.gateway.kinds import KINDS
from streams.topics import TABLE

ROOT = Path(__file__).parents[3]


def test_what_is_in_the_repository_is_what_topics_and_types_say() -> None:
    said = "run python -m streams.gateway.asyncapi and look at the difference"
    assert orjson.loads((ROOT / asyncapi.written).read_bytes()) == asyncapi.document(), said


def test_every_topic_and_every_stream_has_a_channel_and_an_operation() -> None:
    document = asyncapi.document()
    wanted = {topic.name for topic in TABLE} | {f"stream.{name}" for name in KINDS}
    assert set(document["channels"]) == wanted
    assert {each["channel"]["$ref"].rpartition("/")[2] for each in document["operations"].values()} == wanted
    assert all(channel["messages"] for channel in document["channels"].values())
    assert document["operations"]["receive.articles.raw"]["action"] == "receive"


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from ([node["$ref"]] if "$ref" in node else [])
    for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from references(each)


def test_every_reference_leads_to_something_of_the_document() -> None:
    document = asyncapi.document()
    for reference in references(document):
        found: Any = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def test_payloads_are_schemas_that_hold_for_what_is_written() -> None:
    document = asyncapi.document()
    schema = {"$ref": "#/components/schemas/RawArticle", "components": document["components"]}
    jsonschema.validate(orjson.loads(encode(RawArticle(title="عنوان"))), schema)
