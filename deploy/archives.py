"""The options by which a command is told how to read an archive, the same for `khabar replay` and `khabar process`."""

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast
from zoneinfo import ZoneInfo

import typer

from schemas.errors import Misconfigured

if TYPE_CHECKING:
    from streams.archives import Archive

__all__ = ["DateFrom", "Files", "From", "Map", "Preset", "PublishedAt", "Timezone", "To", "archive_of", "no_record"]

Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE",
        help="Files, or folders of them: .jsonl, .json (an array), .csv, .parquet, .warc, .txt (one article a file); "
        "plain or packed (.gz, .zst, .bz2, .xz).",
    ),
]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="OURS=THEIRS",
        help="body=text says that our field `body` is called `text` in the files; once for each field. "
        "What is not mapped and none of our fields goes to `extra`.",
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE",
        help="A known shape (ant, saudinewsnet), or a TOML file: a table [map], and timezone, published_at, date_from. "
        "The options win over it.",
    ),
]
Timezone = Annotated[
    str | None, typer.Option(metavar="NAME", help="Zone of dates without one, such as Asia/Riyadh; UTC if not given.")
]
From = Annotated[
    str | None, typer.Option("--from", metavar="DATE", help="Refuse earlier dates; 1990-01-01 if not given.")
]
To = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Refuse later dates; today if not given.")]
PublishedAt = Annotated[
    str | None, typer.Option(metavar="DATE", help="The date of records without one; they are refused if not given.")
]
DateFrom = Annotated[
    str | None,
    typer.Option(
        "--date-from",
        metavar="name|mtime|DATE",
        help="Where the date of a .txt is: in its name or path (2015-07-21), its last change, or this one.",
    ),
]


def archive_of(
    files: Sequence[Path],
    mapping: Sequence[str] | None,
    timezone: str | None,
    since: str | None,
    until: str | None,
    published_at: str | None,
    date_from: str | None = None,
    preset: str | None = None,
    *,
    assume_sorted: bool = False,
) -> "Archive":
    """The files and how they are to be read; raises Misconfigured."""
    from streams.archives import Archive, Bounds, FieldMap, Placing, check_files
    from streams.archives.presets import Preset as Shape
    from streams.archives.presets import read_preset

    check_files(files)
    known = read_preset(preset) if preset else Shape()
    names = {**FieldMap.parse(known.pairs).names, **FieldMap.parse(mapping or ()).names}
    if published_at is None and date_from is None:
        published_at, date_from = known.published_at, known.date_from
    zone = _zone(timezone or known.timezone or "UTC")
    bounds = Bounds.parse(since, until, zone, datetime.now(UTC))
    dated: Literal["name", "mtime"] | None = None
    if date_from in ("name", "mtime"):
        dated = cast("Literal['name', 'mtime']", date_from)
    elif date_from is not None:
        if published_at is not None:
            raise Misconfigured(f"--date-from {date_from} and --published-at {published_at} say the same; give one")
        published_at = date_from
    return Archive(files, FieldMap(names), Placing(bounds, zone, published_at), dated, assume_sorted)


def no_record(archive: "Archive") -> Misconfigured:
    """For a replay of nothing, which would only leave a lane behind."""
    more = f" and {len(archive.files) - 1:,} more" if len(archive.files) > 1 else ""
    return Misconfigured(f"there is no record in {archive.files[0]}{more}; give files with articles")


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # no such zone, a folder of zones, no name at all
        raise Misconfigured(f"--timezone is {name!r}, which is no IANA zone; give one such as Asia/Riyadh") from None
