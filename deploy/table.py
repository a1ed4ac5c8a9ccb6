"""Rows on stdout: a table for eyes, lines with tabs between where something else reads them, JSON where asked."""

import sys
from collections.abc import Sequence

import orjson
import typer

__all__ = ["show", "show_json"]


def show(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print the rows; None is an empty cell. A pipe gets no heading, so that cut and sort work as they are."""
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in cells:
            typer.echo("\t".join(" ".join(cell.split()) for cell in row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, column in enumerate(columns, start=1):
        table.add_column(column, no_wrap=number < len(columns))  # the last is prose, where there is any
    for row in cells:
        table.add_row(*(Text(cell, overflow="fold") for cell in row))
    Console().print(table)


def show_json(value: object) -> None:
    """Print the value (dataclasses too) as indented JSON."""
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str))
