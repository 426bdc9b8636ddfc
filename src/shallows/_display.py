"""How results show themselves: one line in a list, a few lines when printed, a small table in a notebook.

A result says what it shows in :meth:`Displayed._summary`; the three forms are made of that here. Showing never
computes: numbers that are computed when they are read appear once they were.
"""

from __future__ import annotations

import html
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from ._numbers import terminal_number
from ._text_tables import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas

#: Longest text of the form that stands in lists and tracebacks.
LINE = 160
#: Rows of a table that are shown; the rest is counted.
MOST_ROWS = 20
#: Width of printed lines.
WIDTH = 100


@dataclass(frozen=True)
class Summary:
    """What a result shows of itself.

    Attributes
    ----------
    title : str
        What it is, in a few words.
    rows : sequence of tuple of str
        Name, value, and a remark if there is one; the most important first.
    head : sequence of (str, bool)
        Columns of a table below the rows, and whether they hold numbers.
    table : sequence of tuple of str
        Its rows; of many, the first are shown.
    notes : sequence of str
        Sentences below all.
    """

    title: str
    rows: Sequence[tuple[str, ...]] = ()
    head: Sequence[tuple[str, bool]] = ()
    table: Sequence[tuple[str, ...]] = ()
    notes: Sequence[str] = ()

    def line(self) -> str:
        """On one line: what it is, and as many numbers as fit."""
        parts = [f"{row[0]} {row[1]}".strip() for row in self.rows if len(row) > 1 and row[1]] or list(self.notes[:1])
        text = f"<{printable(self.title)}"
        for place, part in enumerate(map(printable, parts)):
            longer = f"{text}{', ' if place else ': '}{part}"
            if len(longer) >= LINE:
                if place:
                    break
                longer = f"{longer[: LINE - 1]}…"
            text = longer
        return f"{text}>"

    def lines(self) -> str:
        """A few lines of plain text."""
        from ._text_tables import headed_table, indented_rows

        rows = [row if len(row) < 3 or row[2] else row[:2] for row in self.rows]
        out = [printable(self.title)]
        out += indented_rows(rows, WIDTH) if rows else []
        out += [f"  {line}" for line in headed_table(self.head, self.table[:MOST_ROWS])] if self.table else []
        return "\n".join([*out, *(f"  {printable(note)}" for note in self._notes())])

    def html(self) -> str:
        """A table that needs nothing beside it, in the colours of the page that it stands on."""
        parts = [f'<div style="{_BLOCK}"><div style="{_TITLE}">{html.escape(self.title)}</div>']
        if self.rows:
            rows = [row if len(row) < 3 or row[2] else row[:2] for row in self.rows]
            parts.append(_html_table((), rows, (False, False, False)))
        if self.table:
            numbers = tuple(is_number for _, is_number in self.head)
            parts.append(_html_table([name for name, _ in self.head], self.table[:MOST_ROWS], numbers))
        parts += [f'<div style="{_NOTE}">{html.escape(note)}</div>' for note in self._notes()]
        return "".join([*parts, "</div>"])

    def _notes(self) -> list[str]:
        more = len(self.table) - MOST_ROWS
        return ([f"and {more} more; to_frame() has all"] if more > 0 else []) + list(self.notes)


#: Colours are those of the page, so that dark ones are dark.
_BLOCK = "color:inherit;font-size:90%;line-height:1.35;margin:.3em 0;max-width:60em"
_TITLE = "font-weight:600;margin-bottom:.25em"
_NOTE = "opacity:.8;margin-top:.25em"
_TABLE = "border-collapse:collapse;border:none;margin:.2em 0;color:inherit;background:transparent"
_ROW = "background:transparent;color:inherit"
_CELL = "padding:.1em .9em .1em 0;border:none;vertical-align:top;text-align:"


def _html_table(head: Sequence[str], rows: Sequence[tuple[str, ...]], numbers: Sequence[bool]) -> str:
    sides = ["right" if is_number else "left" for is_number in numbers]
    out = [f'<table style="{_TABLE}">']
    if head:
        line = "border-bottom:1px solid currentColor"
        cells = [
            f'<th style="{_CELL}{side};{line}">{html.escape(name)}</th>' for name, side in zip(head, sides, strict=True)
        ]
        out.append(f'<thead><tr style="{_ROW}">{"".join(cells)}</tr></thead>')
    out.append("<tbody>")
    for row in rows:
        spans = [""] * (len(row) - 1) + [f' colspan="{len(sides) - len(row) + 1}"' if len(row) < len(sides) else ""]
        cells = [
            f'<td{span} style="{_CELL}{side}">{html.escape(cell)}</td>'
            for cell, side, span in zip(row, sides, spans, strict=False)
        ]
        out.append(f'<tr style="{_ROW}">{"".join(cells)}</tr>')
    return "".join([*out, "</tbody></table>"])


class Displayed:
    """A result that shows itself; dataclasses among them are made with ``repr=False``.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from shallows._display import Displayed
    >>> @dataclass(frozen=True, repr=False)
    ... class Found(Displayed):
    ...     test_error: float
    ...     samples: int
    >>> Found(0.123456789, 200)
    <Found: test error 0.1235, samples 200>
    >>> print(Found(0.123456789, 200))
    Found
      test error  0.1235
      samples     200
    """

    __slots__ = ()

    def _summary(self) -> Summary:
        """What is shown: of a dataclass, by default, its fields."""
        names: list[str] = [field.name for field in fields(self)] if is_dataclass(self) else []
        rows = [(words(name), shown(getattr(self, name))) for name in names]
        return Summary(spelled(type(self).__name__), [row for row in rows if row[1]])

    def __repr__(self) -> str:
        try:
            return self._summary().line()
        except Exception as error:  # half made, or changed behind its back: a debugger shows it all the same
            return f"<{type(self).__name__}, which cannot be shown: {type(error).__name__}>"

    def __str__(self) -> str:
        try:
            return self._summary().lines()
        except Exception:
            return repr(self)

    def _repr_html_(self) -> str:
        try:
            return self._summary().html()
        except Exception:
            return html.escape(repr(self))


def words(name: str) -> str:
    """The name of an attribute as words.

    >>> words("test_error")
    'test error'
    """
    return name.replace("_", " ").strip()


def spelled(name: str) -> str:
    """The name of a class as words.

    >>> spelled("WeightDecayPath"), spelled("LowRankPSD")
    ('Weight decay path', 'Low rank PSD')
    """
    parts: list[str] = []
    for char in name:
        if char.isupper() and (not parts or not parts[-1][-1].isupper()):
            parts.append(char)
        elif parts:
            parts[-1] += char
        else:
            parts.append(char)
    return " ".join(part if place == 0 or part.isupper() else part.lower() for place, part in enumerate(parts))


def shown(value: Any) -> str:
    """Any value in a few words; nothing of what is not there, and arrays by their shape.

    >>> import numpy as np
    >>> shown(0.1 + 0.2), shown(True), shown(np.zeros((3, 2))), shown((1.0, 2.0)), shown(None)
    ('0.3', 'yes', '3 x 2 numbers', '1, 2', '')
    """
    if value is None:
        return ""
    if isinstance(value, Enum):
        return words(str(value.value))
    if isinstance(value, str):
        return value
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return " x ".join(str(size) for size in shape) + " numbers"
    if type(value).__name__ in ("bool", "bool_"):
        return "yes" if value else "no"
    if isinstance(value, (int, float)) or shape == ():
        return terminal_number(float(value))
    if isinstance(value, (tuple, list)):
        parts = [shown(part) for part in value]
        short = len(parts) <= 4 and all(part and len(part) < 20 for part in parts)
        return ", ".join(parts) if short else f"{len(parts)} of them" if parts else ""
    if isinstance(value, dict):
        return ", ".join(f"{key} {shown(part)}" for key, part in list(value.items())[:4])
    if isinstance(value, Displayed):
        return getattr(value, "in_words", "") or spelled(type(value).__name__).lower()
    return "" if callable(value) else repr(value)[:60]


def frame_of(columns: Mapping[str, Any]) -> pandas.DataFrame:
    """Columns of equal length as a data frame of pandas, which xarray brings along."""
    import pandas

    return pandas.DataFrame(dict(columns))
