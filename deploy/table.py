"""Rows on stdout: a table for eyes, lines with tabs between where something else reads them, JSON where asked."""

import sys
from collections.abc import Sequence

import orjson
import typer

__all__ = ["show", "show_json"]

# Columns of a terminal that prose needs beside the others; with less it stands below its row.
_READABLE = 40


def show(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print the rows; None is an empty cell. A pipe gets no heading, so that cut and sort work as they are."""
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in cells:
            typer.echo("\t".join(" ".join(cell.split()) for cell in row))
        return
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    *narrow, prose = [list(column) for column in zip(columns, *cells, strict=True)]  # the last is prose, if any is
    widths = [max(map(cell_len, column)) for column in narrow]
    if max(map(cell_len, prose)) > _READABLE > console.width - sum(widths) - len(widths):
        for number, row in enumerate([list(columns), *cells]):
            padded = (cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=False))
            console.print(Text("  ".join(padded).rstrip(), style="" if number else "bold"), soft_wrap=True)
            for line in Text(row[-1]).wrap(console, console.width - 4) if number else ():
                console.print("   ", line, soft_wrap=True)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, column in enumerate(columns, start=1):
        table.add_column(column, no_wrap=number < len(columns))
    for row in cells:
        table.add_row(*(Text(cell, overflow="fold") for cell in row))
    console.print(table)


def show_json(value: object) -> None:
    """Print the value (dataclasses too) as indented JSON."""
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str))
