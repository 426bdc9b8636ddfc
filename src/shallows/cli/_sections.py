"""What people read of a command: a title, and rows of text under headings."""

from __future__ import annotations

import os
import shutil
import sys
from itertools import groupby
from typing import TYPE_CHECKING, TypeAlias

import typer

from .._numbers import terminal_number as number

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Row", "number", "print_sections"]

#: One line of a table, cell by cell; the last one is wrapped where it is too long.
Row: TypeAlias = tuple[str, ...]

#: Width of lines where no terminal says another.
COLUMNS = 80
#: What is left for the last cell at least, however wide the others are.
NARROWEST = 20


def print_sections(title: str, sections: Iterable[tuple[str, list[Row]]]) -> None:
    """Print aligned rows of text under headings; bold headings on a colour terminal only.

    An empty `title`, or an empty heading, is left out.
    """
    plain = "NO_COLOR" in os.environ or not sys.stdout.isatty()
    width = shutil.get_terminal_size((COLUMNS, 24)).columns if sys.stdout.isatty() else COLUMNS
    if title:
        typer.echo(title if plain else typer.style(title, bold=True))
    for heading, rows in sections:
        if not rows:
            continue
        if title or heading:
            typer.echo()
        if heading:
            typer.echo(heading if plain else typer.style(heading, bold=True))
        for line in section_lines(rows, width):
            typer.echo(line)


def section_lines(rows: list[Row], width: int) -> list[str]:
    """Lines of a section, indented; where rows differ in length, cells before the last are aligned all the same."""
    from .._text_tables import wrapped_rows

    columns = max(len(row) for row in rows)
    widths = [max((len(row[i]) for row in rows if i < len(row) - 1), default=0) for i in range(columns)]
    lines = []
    for count, group in groupby(rows, key=len):
        fixed = widths[: count - 1]
        room = max(width - 2, sum(fixed) + 2 * len(fixed) + NARROWEST)
        lines += [f"  {line}".rstrip() for line in wrapped_rows(list(group), fixed, room)]
    return lines
