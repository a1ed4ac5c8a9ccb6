"""`khabar letters`: the records that were refused, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from schemas import DeadLetter
    from streams.letters import Letter

__all__ = ["letters"]

letters = typer.Typer(
    help="""Look at dead letters: records that a stage refused, with their bytes and the reason.

    \b
    Example: what went wrong, most frequent first
      khabar letters list
    """,
    no_args_is_help=True,
)

LaneName = Annotated[str | None, typer.Option("--lane", help="The lane to look at; `live` if none is given.")]
Address = Annotated[str | None, typer.Option("--broker", help="host:port of Kafka; the local broker if none is given.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@letters.command("list")
def list_(
    lane: LaneName = None,
    cause: Annotated[str | None, typer.Option(help="List every letter of this cause instead.")] = None,
    broker: Address = None,
    json: Json = False,
) -> None:
    """List the causes of dead letters: how many, the first, the last, and the newest as an example.

    A record that was refused twice, because a stage was killed in between, is one letter.

    \b
    Example: each letter whose record was no JSON
      khabar letters list --cause not-json
    """
    import asyncio

    from deploy.table import show, show_json
    from streams.letters import Cause, causes, read_letters
    from streams.settings import Settings

    settings = Settings(lane=lane, broker=broker)

    async def each_of_cause() -> list[Letter]:
        return [letter async for letter in read_letters(settings, cause=cause)]

    async def by_cause() -> list[Cause]:
        return await causes(read_letters(settings))

    if cause is not None:
        found = asyncio.run(each_of_cause())
        if json:
            show_json([{"number": letter.number, **_note(letter)} for letter in found])
        else:
            notes = [(letter.number, letter.note) for letter in found]
            show(
                ("letter", "at", "stage", "record", "reason"),
                [(n, note.at, note.stage, _origin(note), note.reason) for n, note in notes],
            )
        return
    groups = asyncio.run(by_cause())
    if json:
        show_json(
            [
                {
                    "cause": group.cause,
                    "count": group.count,
                    "first": group.first,
                    "last": group.last,
                    "example": {"number": group.example.number, **_note(group.example)},
                }
                for group in groups
            ]
        )
    else:
        show(
            ("cause", "count", "first", "last", "letter", "its reason"),
            [(g.cause, g.count, g.first, g.last, g.example.number, g.example.note.reason) for g in groups],
        )


@letters.command()
def show(
    number: Annotated[int, typer.Argument(min=0, help="The letter's number, as `khabar letters list` gives it.")],
    lane: LaneName = None,
    broker: Address = None,
    json: Json = False,
) -> None:
    """Show one letter whole: why, where from, its headers, and the bytes of the record.

    Bytes that are no UTF-8 are shown in hexadecimal; --json gives them in base64.

    \b
    Example:
      khabar letters show 17
    """
    import asyncio

    from deploy.table import show_json
    from streams.letters import find
    from streams.settings import Settings

    letter = asyncio.run(find(Settings(lane=lane, broker=broker), number))
    if json:
        headers = [{"name": name, **_json_bytes("value", value)} for name, value in letter.headers]
        show_json(
            {
                "number": letter.number,
                **_note(letter),
                **_json_bytes("key", letter.key),
                **_json_bytes("value", letter.value),
                "headers": headers,
            }
        )
        return
    note = letter.note
    typer.echo(f"letter {letter.number}: {note.cause} in {note.stage}, {note.at}")
    typer.echo(f"reason  {note.reason}")
    typer.echo(f"record  {_origin(note)}")
    for name, value in letter.headers:
        if not _is_ours(name):
            typer.echo(f"header  {name}: {_readable(value)}")
    typer.echo(f"key     {_readable(letter.key)}")
    if note.cut_from is not None:
        typer.echo(f"value   cut: {len(letter.value or b''):,} of {note.cut_from:,} bytes are here")
    if note.trace:
        typer.echo(f"\n{note.trace}")
    typer.echo(f"\n{_readable(letter.value)}")


def _origin(note: DeadLetter) -> str:
    return f"{note.from_topic}/{note.from_partition}@{note.from_offset}"


def _is_ours(name: str) -> bool:
    from streams.letters import HEADERS

    return name in HEADERS


def _note(letter: Letter) -> dict[str, object]:
    from dataclasses import asdict

    return {name: value for name, value in asdict(letter.note).items() if value is not None}


def _json_bytes(name: str, content: bytes | None) -> dict[str, object]:
    """Text under the name itself, bytes that are none in base64 under `<name>_base64`."""
    from base64 import b64encode

    if content is None:
        return {name: None}
    try:
        return {name: content.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": b64encode(content).decode()}


def _readable(content: bytes | None) -> str:
    """Text without what a terminal would obey; bytes that are no text as a hex dump, 32 a line."""
    if content is None:
        return "(none)"
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return "\n".join(content[at : at + 32].hex(" ") for at in range(0, len(content), 32))
    return "".join(each if each.isprintable() or each in "\n\t" else repr(each)[1:-1] for each in text)
