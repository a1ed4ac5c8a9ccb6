"""Every topic and stream for programs: AsyncAPI 3, made from the table of topics and the events' types.

`python -m streams.gateway.asyncapi` writes schemas/json/asyncapi.v1.json, which a test compares with what is said
here; the gateway serves it at /asyncapi.json.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import msgspec
import orjson

from schemas import Alert, DeadLetter, EnrichedArticle, Feedback, Lane, Progress, ProgressMark, RawArticle, Story, Trend
from schemas.documents import EVENTS
from schemas.events import Event
from streams.gateway.kinds import KINDS, Kind
from streams.letters import HEADERS
from streams.read import LINE_HEADER
from streams.settings import LOCAL_BROKER, Settings
from streams.topics import TABLE, Topic
from streams.turn import MARK, PLACE, RAW, TRACE

__all__ = ["document", "written"]

written = Path("schemas/json/asyncapi.v1.json")  # in the project's folder

_ABOUT = (
    "Raw articles go in; enriched articles, stories, trends and alerts come out, of Kafka topics, or of the gateway as "
    "server-sent events. Read topics committed; of enriched articles and stories drop what does not carry a higher "
    "khabar-line than the last, of trends and alerts what its key has later replaces what it had. "
    "Offsets in texts are code points."
)
_PARAMETERS = {
    "prefix": {"default": "khabar", "description": "setting `prefix`: the first part of every topic's name"},
    "lane": {"default": "live", "description": "an isolated run: its topics, groups and state"},
}
_TEXT = {"type": "string"}
# Raw articles and what readers say come from outside; progress and manifests are our own affair, in and out.
_RECEIVED = (RawArticle, Feedback)
_TRAVELS_WITH = {"articles.raw", "articles.normalized", "articles.tagged"}  # marks, in the lanes of replays
_ID = "the offset that follows the event in its topic: Last-Event-ID and `since` go on from there, on any gateway"


def document() -> dict[str, Any]:
    """The document; host names are those of a machine where nothing is set otherwise."""
    names = {kind: name for name, kind in EVENTS.items()}
    _, schemas = msgspec.json.schema_components(EVENTS.values(), ref_template="#/components/schemas/{name}")
    for schema in schemas.values():
        schema["description"] = inspect.cleandoc(schema.get("description", ""))
    defaults = Settings.model_fields
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Khabar", "version": "1", "description": _ABOUT, "license": {"name": "MIT"}},
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {"host": LOCAL_BROKER, "protocol": "kafka", "description": "setting `broker`"},
            "gateway": {
                "host": f"{defaults['gateway_host'].default}:{defaults['gateway_port'].default}",
                "protocol": "http",
                "description": "khabar serve",
            },
        },
        "channels": {topic.name: _of_topic(topic) for topic in TABLE}
        | {f"stream.{kind.stream}": _of_stream(kind) for kind in KINDS.values()},
        "operations": _operations(),
        "components": {
            "schemas": schemas,
            "messages": {kind.__name__: _message(kind, names[kind]) for kind in EVENTS.values()},
        },
    }


def _messages_of(topic: Topic) -> list[type[Event]]:
    found = [kind for kind in EVENTS.values() if getattr(kind, "topic", None) == topic.name]
    return [*found, ProgressMark] if topic.name in _TRAVELS_WITH else found


def _of_topic(topic: Topic) -> dict[str, Any]:
    policy = [word for word, wanted in (("compact", topic.compacted), ("delete", topic.deleted)) if wanted]
    return {
        "address": f"{{prefix}}.{{lane}}.{topic.name}.v1",
        "description": f"{topic.what}; key: {topic.key}",
        "servers": [{"$ref": "#/servers/kafka"}],
        "parameters": _PARAMETERS,
        "messages": {kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"} for kind in _messages_of(topic)},
        "bindings": {
            "kafka": {
                "partitions": 1 if topic.single else Settings.model_fields["partitions"].default,
                "topicConfiguration": {"cleanup.policy": policy, "max.message.bytes": topic.max_message_bytes},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _of_stream(kind: Kind) -> dict[str, Any]:
    return {
        "address": f"/v1/stream/{kind.stream}",
        "description": f"{kind.event.topic} as server-sent events called `{kind.name}`; id: {_ID}. `gap` names offsets "
        "that are gone (from, to, reason); `end` is the last event, and says why and where to resume (reason, resume).",
        "servers": [{"$ref": "#/servers/gateway"}],
        "messages": {kind.event.__name__: {"$ref": f"#/components/messages/{kind.event.__name__}"}},
    }


def _operations() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for topic in TABLE:
        action = "receive" if any(kind.topic == topic.name for kind in _RECEIVED) else "send"
        found[f"{action}.{topic.name}"] = {"action": action, "channel": {"$ref": f"#/channels/{topic.name}"}}
    for kind in KINDS.values():
        name = f"stream.{kind.stream}"
        query = {"lane": _TEXT, "since": {"type": "integer"}} | dict.fromkeys(sorted(kind.filters), _TEXT)
        found[f"send.{name}"] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{name}"},
            "bindings": {
                "http": {
                    "method": "GET",
                    "query": {"type": "object", "properties": query},
                    "bindingVersion": "0.3.0",
                }
            },
        }
    return found


def _message(kind: type[Event], name: str) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "title": kind.__name__, "contentType": "application/json"}
    if kind is DeadLetter:
        return found | {
            "summary": "The key and value of the record that was refused, untouched; headers say why.",
            "contentType": "application/octet-stream",
            "headers": {"type": "object", "properties": dict.fromkeys(HEADERS, _TEXT)},
        }
    headers: dict[str, Any] = {}
    if kind is ProgressMark:
        headers = {MARK: {"type": "string", "description": "the place; tells it from an article"}}
    elif kind not in (*_RECEIVED, Progress, Lane):
        if kind in (EnrichedArticle, Story):
            headers[LINE_HEADER] = {
                "type": "string",
                "pattern": "^[0-9]+$",
                "description": "the number in the line; it only rises",
            }
        if kind not in (Trend, Alert):  # which are said of many articles
            headers |= {
                RAW: {"type": "string", "description": "partition and offset of the raw article"},
                PLACE: {"type": "string", "description": "in the lanes of replays: the place in line"},
                TRACE: _TEXT,
            }
        headers |= {"ce_id": _TEXT, "ce_type": _TEXT}
    payload = {"payload": {"$ref": f"#/components/schemas/{kind.__name__}"}}
    return found | payload | ({"headers": {"type": "object", "properties": headers}} if headers else {})


if __name__ == "__main__":
    written.write_bytes(orjson.dumps(document(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
