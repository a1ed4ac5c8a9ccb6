"""`khabar read`: a topic as JSON lines on stdout, for jq, for diff, for a first look."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.read import Record

__all__ = ["read"]

_LOOK_S = 0.3  # between two looks at whether anybody reads what is printed


def read(
    topic: Annotated[
        str, typer.Argument(help="raw, normalized, tagged, enriched, stories, progress, trends or letters.")
    ],
    lane: Annotated[str | None, typer.Option(help="The lane to read; `live` if none is given.")] = None,
    broker: Annotated[str | None, typer.Option(help="host:port of Kafka; the local broker if none is given.")] = None,
    latest_per_key: Annotated[
        bool, typer.Option("--latest-per-key", help="Only the newest value of each key, in the order of the keys.")
    ] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    headers: Annotated[
        bool, typer.Option("--headers", help="Each line is a record: partition, offset, key, headers and value.")
    ] = False,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="Stop after this many lines.")] = None,
) -> None:
    """Print the values of a topic as JSON lines, from its beginning to what is its end now.

    Committed records only; what was delivered twice is printed once. Bytes are as they stand in the topic, but
    for values that are no line of JSON (only producers send such): their line breaks become spaces, and what is no
    JSON at all is printed as a JSON string.

    \b
    Example: the headlines of the stories of a lane, as they are now
      khabar read stories --lane saudi-2015 --latest-per-key | jq -r .headline
    """
    import asyncio
    import sys
    from contextlib import aclosing

    from deploy.console import say
    from schemas import Misconfigured
    from streams.read import latest_values, read_topic, without_repeats
    from streams.settings import Settings
    from streams.topics import by_name

    if headers and latest_per_key:
        raise Misconfigured("--latest-per-key gives values only; leave it or --headers out")
    if follow and latest_per_key:
        raise Misconfigured("--latest-per-key needs an end and --follow has none; give one of them")
    settings = Settings(lane=lane, broker=broker)
    foreign = by_name(topic).name in ("articles.raw", "articles.dead-letters")

    async def run() -> None:
        async with aclosing(read_topic(settings, topic, follow=follow)) as source:
            records = without_repeats(source)
            if latest_per_key:
                values, keyless = await latest_values(records)
                if keyless:
                    say(f"khabar: {keyless} records have no key and are left out")
                lines = _each(values)
            elif headers:
                lines = _records(records)
            else:
                lines = _values(records)
            count = 0
            async for value in lines:
                sys.stdout.buffer.write(_line(value) if foreign and not headers else value + b"\n")
                if follow:
                    sys.stdout.buffer.flush()
                count += 1
                if count == limit:
                    break
            sys.stdout.buffer.flush()

    asyncio.run(_while_read(run()) if follow else run())


async def _while_read(printing: Coroutine[None, None, None]) -> None:
    """Print for as long as somebody reads stdout: `… --follow | head -1` must not wait for a second record."""
    import asyncio
    import select
    import sys

    gone = select.poll()
    gone.register(sys.stdout.fileno(), 0)  # that the reader is gone is told unasked
    task = asyncio.ensure_future(printing)
    while not task.done():
        await asyncio.wait((task,), timeout=_LOOK_S)
        if not task.done() and gone.poll(0):
            task.cancel()
            await asyncio.wait((task,))
            raise BrokenPipeError
    await task


async def _records(records: AsyncIterator[Record]) -> AsyncIterator[bytes]:
    """A record a line, whatever its bytes are: those that are no text stand with escapes."""
    import orjson

    def text(content: bytes | None) -> str | None:
        return None if content is None else content.decode("utf-8", "backslashreplace")

    async for record in records:
        whole = {
            "partition": record.partition,
            "offset": record.offset,
            "key": text(record.key),
            "headers": {name: text(value) for name, value in record.headers},
        }
        try:
            value = None if record.value is None else orjson.loads(record.value)
        except orjson.JSONDecodeError:
            value = text(record.value)
        yield orjson.dumps(whole | {"value": value})


async def _values(records: AsyncIterator[Record]) -> AsyncIterator[bytes]:
    async for record in records:
        if record.value is not None:  # a tombstone has no line
            yield record.value


async def _each(values: Iterator[bytes]) -> AsyncIterator[bytes]:
    for value in values:
        yield value


def _line(value: bytes) -> bytes:
    """One line of JSON for the bytes of whoever sent them."""
    import orjson

    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        return orjson.dumps(value.decode("utf-8", "backslashreplace"), option=orjson.OPT_APPEND_NEWLINE)
    # A line break within a JSON string is written \n: a bare one stands between tokens, and means as much as a space.
    return value.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"
