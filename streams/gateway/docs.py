"""The page /docs, for people: the OpenAPI document as plain HTML, which needs no script and no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

import orjson

__all__ = ["STYLE", "page"]

STYLE = """
:root { color-scheme: light dark; font: 16px/1.55 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 52rem; padding: 1rem; }
h2 { border-top: 1px solid #8886; font-size: 1.1rem; margin-top: 2rem; padding-top: 1rem; }
h2 b { background: #0a5; border-radius: .2rem; color: #fff; font-size: .8rem; padding: .15rem .4rem; }
h2 b.post { background: #06c; }
pre { background: #8882; overflow: auto; padding: .6rem; }
td, th { padding: .15rem 1rem .15rem 0; text-align: start; vertical-align: top; }
"""


def page(document: Mapping[str, Any]) -> str:
    """The HTML of an OpenAPI document made by `openapi`."""
    info = document["info"]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
            '<title>Khabar: the gateway</title><link rel="stylesheet" href="/docs/style.css">',
            '<link rel="icon" href="data:,"></head><body>',
            f"<h1>Khabar <small>{escape(info['version'])}</small></h1><p>{escape(info['description'])}</p>",
            '<p>The same for programs: <a href="/openapi.json">openapi.json</a></p>',
            *(part for path, item in document["paths"].items() for part in _path(path, item)),
            "<h2>Types</h2>",
            *(part for name, schema in document["components"]["schemas"].items() for part in _type(name, schema)),
            "</body></html>\n",
        ]
    )


def _path(path: str, item: Mapping[str, Any]) -> Iterator[str]:
    for method, operation in item.items():
        yield f'<h2 id="{escape(operation["operationId"])}"><b class="{method}">{method.upper()}</b> '
        yield f"<code>{escape(path)}</code></h2><p>{escape(operation['summary'])}</p>"
        if "description" in operation:
            yield f"<p>{escape(operation['description'])}</p>"
        if parameters := operation.get("parameters"):
            yield _table(("parameter", ""), [(each["name"], each.get("description", "")) for each in parameters])
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            yield f"<p>Body: <code>{escape(kind)}</code> {_reference(content.get('schema', {}))}</p>"
            if "example" in content:
                yield f'<pre dir="ltr">{escape(_shown(content["example"]))}</pre>'
        answers = [
            (status, f"{escape(answer['description'])} {' '.join(map(_reference, _schemas(answer)))}")
            for status, answer in operation["responses"].items()
        ]
        yield _table(("answer", ""), answers, escaped=True)


def _type(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f'<details id="{escape(name)}"><summary>{escape(name)}</summary>'
    yield f'<pre dir="ltr">{escape(_shown(schema))}</pre></details>'


def _schemas(answer: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for content in answer.get("content", {}).values():
        schema = content["schema"]
        yield from schema.get("anyOf", [schema])


def _reference(schema: Mapping[str, Any]) -> str:
    name = escape(schema.get("$ref", "").rpartition("/")[2])
    return f'<a href="#{name}">{name}</a>' if name else ""


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def _table(head: tuple[str, str], rows: list[tuple[str, str]], *, escaped: bool = False) -> str:
    cells = [(f"<code>{escape(name)}</code>", words if escaped else escape(words)) for name, words in rows]
    body = "".join(f"<tr><td>{name}</td><td>{words}</td></tr>" for name, words in cells)
    return f"<table><tr><th>{head[0]}</th><th>{head[1]}</th></tr>{body}</table>"
