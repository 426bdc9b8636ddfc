"""Tables of text: laid out by Rich, returned as plain lines that are the same on a terminal and in a pipe."""

from __future__ import annotations

import io
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table


#: What is left for the last cell at least, however wide the others are.
NARROWEST = 20


def lines_of(table: Table, width: int) -> list[str]:
    """Lines of at most `width` characters, without blanks at their ends and without escape codes."""
    from rich.console import Console

    stream = io.StringIO()
    # In a notebook Rich would show the table there.
    Console(file=stream, width=width, color_system=None, legacy_windows=False, force_jupyter=False).print(table)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def wrapped_rows(rows: Sequence[tuple[str, ...]], widths: Sequence[int], width: int) -> list[str]:
    """Rows of as many cells, aligned; the last cell of each is wrapped, and no other is ever cut.

    Parameters
    ----------
    rows : sequence of tuple of str
    widths : sequence of int
        Of the columns but the last, at least as wide as what they hold.
    width : int
        Of a line.

    >>> wrapped_rows([("risk", "0.1", "of a network that was trained"), ("noise", "12", "")], [5, 3], 30)
    ['risk   0.1  of a network that', '            was trained', 'noise  12']
    """
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    for fixed in widths:
        table.add_column(min_width=fixed, no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    return lines_of(table, width)


def indented_rows(rows: Sequence[tuple[str, ...]], width: int) -> list[str]:
    """Rows, indented; where they differ in length, cells before the last are aligned all the same.

    >>> indented_rows([("risk", "0.1", "of the network"), ("noise", "much of it")], 40)
    ['  risk   0.1  of the network', '  noise  much of it']
    """
    columns = max(len(row) for row in rows)
    widths = [max((len(row[i]) for row in rows if i < len(row) - 1), default=0) for i in range(columns)]
    lines = []
    for count, group in groupby(rows, key=len):
        fixed = widths[: count - 1]
        room = max(width - 2, sum(fixed) + 2 * len(fixed) + NARROWEST)
        lines += [f"  {line}".rstrip() for line in wrapped_rows(list(group), fixed, room)]
    return lines


def headed_table(head: Sequence[tuple[str, bool]], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """A table under a line of names, as wide as it needs to be.

    Parameters
    ----------
    head : sequence of (str, bool)
        Name of each column, and whether it holds numbers, which are aligned at their right.
    rows : sequence of tuple of str

    >>> headed_table([("phase", False), ("fitted", True)], [("II", "-0.6001"), ("peak", "0.5")])
    ['phase   fitted', 'II     -0.6001', 'peak       0.5']
    """
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="", padding=(0, 2, 0, 0), pad_edge=False)
    for name, is_number in head:
        table.add_column(name, justify="right" if is_number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    widest = [max(len(cell) for cell in column) + 2 for column in zip([name for name, _ in head], *rows, strict=True)]
    return lines_of(table, sum(widest))


def printable(text: str) -> str:
    r"""`text` on one line, with what would move or colour the terminal replaced by blanks.

    Parameters
    ----------
    text : str

    Examples
    --------
    >>> from shallows.checkpoints import printable
    >>> printable("layer\x1b[31m.weight")
    'layer [31m.weight'
    """
    return "".join(char if char.isprintable() else " " for char in text)
