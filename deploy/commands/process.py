"""`khabar process`: articles to stories in this process, without a broker."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from deploy.archives import DateFrom, Files, From, Map, Preset, PublishedAt, Timezone, To

if TYPE_CHECKING:
    from contextlib import ExitStack

__all__ = ["process"]


def process(
    files: Files,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="OUT", help="Write articles here; to stdout if not given.")
    ] = None,
    stories: Annotated[
        Path | None,
        typer.Option(metavar="OUT", help="Write stories here, a line whenever one changes: the last of an id counts."),
    ] = None,
    letters: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write the records that were refused here, with the reasons.")
    ] = None,
    mapping: Map = None,
    preset: Preset = None,
    timezone: Timezone = None,
    since: From = None,
    until: To = None,
    published_at: PublishedAt = None,
    date_from: DateFrom = None,
) -> None:
    """Turn articles into stories right here, without Kafka.

    Prints one enriched article a line, in the order of their dates, whatever their order in the files; `-` reads stdin.
    A later line of an id replaces an earlier one. What `khabar replay` leaves in Kafka is the same, byte for byte.

    \b
    Example: articles whose text stands in the field `content`
      khabar process archive.jsonl.gz --map body=content -o enriched.jsonl --stories stories.jsonl
    """
    import sys
    from contextlib import ExitStack

    from deploy.archives import archive_of
    from deploy.chain import Chain
    from deploy.console import say
    from deploy.processing import process_archive
    from deploy.progress import showing
    from schemas import Unavailable
    from streams.settings import Settings

    settings = Settings()
    archive = archive_of(files, mapping, timezone, since, until, published_at, date_from, preset)
    with ExitStack() as opened:
        out = sys.stdout.buffer if output is None else _open(output, files, opened)
        story_file = None if stories is None else _open(stories, files, opened)
        letter_file = None if letters is None else _open(letters, files, opened)
        with showing() as report:
            outcome = process_archive(
                archive, lambda: Chain.shipped(settings.tagger), out, story_file, letter_file, report
            )
    say(str(outcome))
    if outcome.refused and letters is None:
        say("--letters FILE keeps the records that were refused")
    if outcome.refused and not outcome.decisions:
        raise Unavailable("every record was refused; --map says what the fields are called (khabar process --help)")


def _open(path: Path, inputs: list[Path], opened: ExitStack) -> IO[bytes]:
    from schemas import Misconfigured

    if path.is_file() and any(each.is_file() and each.samefile(path) for each in inputs):
        raise Misconfigured(f"{path} is read and would be written; give another file to write to")
    try:
        return opened.enter_context(path.open("wb"))
    except OSError as failed:
        raise Misconfigured(f"{path} cannot be written: {failed.strerror}") from None
