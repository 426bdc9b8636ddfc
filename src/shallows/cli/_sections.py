"""What people read of a command: a title, and rows of text under headings."""

from __future__ import annotations

import os
import shutil
import sys
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


def print_sections(title: str, sections: Iterable[tuple[str, list[Row]]]) -> None:
    """Print aligned rows of text under headings; bold headings on a colour terminal only.

    An empty `title`, or an empty heading, is left out.
    """
    from .._text_tables import indented_rows

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
        for line in indented_rows(rows, width):
            typer.echo(line)
