"""Measured points that a user lays over a figure: tables with column names, in files or in memory."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ._arguments import shown
from .errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

KINDS = ".csv, .json or .npy"
#: More points than these are a cloud, and no figure of points.
MOST_ROWS, MOST_BYTES = 10_000, 2**26
#: What the error of every wrong table ends with.
NAME = "overlay"


@dataclass(frozen=True)
class Columns:
    """Which columns a figure takes.

    Attributes
    ----------
    needed : tuple of str
        ``a|b`` for either of two.
    optional : tuple of str
    text : tuple of str
        Those of them that hold words. All others hold finite numbers above 0.
    signed : tuple of str
        Those that hold finite numbers of any sign.

    Examples
    --------
    >>> from shallows.overlays import Columns
    >>> Columns(("samples|effective_samples", "weight_decay"), ("excess_risk",)).order
    ('samples', 'weight_decay', 'excess_risk')
    """

    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    signed: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[str, ...]:
        """Of the columns in a plain array without names."""
        return (*(name.split("|")[0] for name in self.needed), *self.optional)

    @property
    def in_words(self) -> str:
        """For messages."""
        return ", ".join(name.replace("|", " or ") for name in self.needed)


def read_points(given: Any, columns: Columns) -> dict[str, NDArray[Any]]:
    r"""The columns of a table of points that `columns` names; others are left out.

    Parameters
    ----------
    given : path, mapping, data frame or structured array
        A ``.csv`` file with column names in the first line; ``.json`` with a list of objects or an object of lists;
        ``.npy`` with a structured array, or a plain one of shape (points, columns) in the order of `columns`. In memory
        the same: a mapping of columns, a data frame, an array.
    columns : Columns

    Returns
    -------
    dict of str to ndarray, shape (points,)

    Raises
    ------
    InvalidArgument
        Named ``overlay``: no such file, a column that is missing, or a value that cannot be meant, with its row.

    Examples
    --------
    >>> from shallows.overlays import Columns, read_points
    >>> wanted = Columns(("samples", "weight_decay"))
    >>> read_points({"samples": [100, 200], "weight_decay": [0.1, 0.1], "note": "ab"}, wanted)["samples"]
    array([100., 200.])
    >>> read_points({"samples": [100, -3], "weight_decay": [0.1, 0.1]}, wanted)
    Traceback (most recent call last):
    ...
    shallows.errors.InvalidArgument: overlay: got '-3 in row 2 of column samples'; must be a finite number > 0
    """
    table = _from_file(Path(given), columns) if isinstance(given, (str, Path)) else _from_memory(given, columns)
    chosen = []
    for name in columns.needed:
        either = [one for one in name.split("|") if one in table]
        if not either:
            has = ", ".join(shown(str(key)) for key in list(table)[:8]) or "none"
            allowed = f"needs the columns {columns.in_words}; it has: {has}"
            raise InvalidArgument(NAME, f"no column {name.replace('|', ' or ')}", allowed)
        if len(either) > 1:
            raise InvalidArgument(NAME, f"columns {' and '.join(either)}", "give one of the two")
        chosen.append(either[0])
    chosen += [name for name in columns.optional if name in table]
    rows = {name: len(table[name]) for name in chosen}
    if len(set(rows.values())) > 1:
        raise InvalidArgument(NAME, f"columns of {sorted(set(rows.values()))} rows", "must be of one length")
    count = rows[chosen[0]]
    if not 1 <= count <= MOST_ROWS:
        raise InvalidArgument(NAME, f"{count} rows", f"must be 1 to {MOST_ROWS} points")
    return {name: _column(name, table[name], columns) for name in chosen}


def _column(name: str, values: Sequence[Any], columns: Columns) -> NDArray[Any]:
    if name in columns.text:
        return np.array([str(value).strip() for value in values])
    low = -np.inf if name in columns.signed else 0.0
    numbers = np.empty(len(values))
    for row, value in enumerate(values):
        try:
            numbers[row] = np.nan if isinstance(value, (bool, np.bool_)) or "_" in str(value) else float(value)
        except (TypeError, ValueError):
            numbers[row] = np.nan
        if not (np.isfinite(numbers[row]) and numbers[row] > low):
            wanted = "must be a finite number" + ("" if name in columns.signed else " > 0")
            what = "empty cell" if value is None or not str(value).strip() else shown(str(value))
            raise InvalidArgument(NAME, f"{what} in row {row + 1} of column {name}", wanted)
    return numbers


def _from_file(path: Path, columns: Columns) -> dict[str, Sequence[Any]]:
    name, suffix = shown(str(path)), path.suffix.lower()
    if suffix not in (".csv", ".json", ".npy"):
        raise InvalidArgument(NAME, name, f"must be a {KINDS} file")
    try:
        if not path.is_file():
            raise InvalidArgument(NAME, name, f"no such file; must be a {KINDS} file")
        if path.stat().st_size > MOST_BYTES:
            raise InvalidArgument(NAME, name, "is larger than 64 MiB; must be a table of points")
        if suffix == ".npy":
            return _from_memory(np.load(path, allow_pickle=False), columns)
        text = path.read_text(encoding="utf-8-sig")
        return _from_csv(text, name) if suffix == ".csv" else _from_json(text, name)
    except UnicodeDecodeError as error:
        raise InvalidArgument(NAME, name, "is not text; must hold a table") from error
    except OSError as error:
        raise InvalidArgument(NAME, name, f"cannot be read: {error.strerror or 'not a .npy file'}") from error
    except InvalidArgument:
        raise
    except ValueError as error:  # also what NumPy raises for a damaged header, and JSON for what it is not
        raise InvalidArgument(NAME, name, f"is not a {suffix} file of a table") from error


def _from_csv(text: str, name: str) -> dict[str, Sequence[Any]]:
    rows = [row for row in csv.reader(text.splitlines()) if row and not row[0].lstrip().startswith("#")]
    if not rows:
        raise InvalidArgument(NAME, name, "the file is empty")
    head = [cell.strip() for cell in rows[0]]
    if len(set(head)) < len(head):
        raise InvalidArgument(NAME, name, "has two columns of one name")
    for number, row in enumerate(rows[1:], start=1):
        if len(row) != len(head):
            raise InvalidArgument(
                NAME, f"{len(row)} cells in row {number}", f"must be {len(head)}, as in the first line"
            )
    return {title: [row[k] for row in rows[1:]] for k, title in enumerate(head)}


def _from_json(text: str, name: str) -> dict[str, Sequence[Any]]:
    content = json.loads(text)
    if isinstance(content, list) and content and all(isinstance(row, dict) for row in content):
        titles = list(content[0])
        return {title: [row.get(title) for row in content] for title in titles}
    if isinstance(content, dict) and all(isinstance(column, list) for column in content.values()):
        return dict(content)
    raise InvalidArgument(NAME, name, "must hold a list of objects, or an object of lists")


def _from_memory(given: Any, columns: Columns) -> dict[str, Sequence[Any]]:
    if hasattr(given, "keys") and hasattr(given, "__getitem__"):  # a mapping or a data frame
        found: Mapping[str, Any] = given
        return {str(name): list(found[name]) for name in found.keys()}  # noqa: SIM118  a data frame is no mapping
    if isinstance(given, np.ndarray) and given.dtype.names:
        return {name: given[name].ravel().tolist() for name in given.dtype.names}
    if isinstance(given, np.ndarray) and given.ndim == 2 and given.dtype.kind in "fiu":
        order = [name for name in columns.order if name not in columns.text]
        if columns.text and set(columns.text) & {*columns.needed}:
            raise InvalidArgument(NAME, "a plain array", f"columns {', '.join(columns.text)} hold words; give a table")
        if given.shape[1] > len(order):
            raise InvalidArgument(NAME, f"{given.shape[1]} columns", f"without names must be: {', '.join(order)}")
        return {name: given[:, k].tolist() for k, name in enumerate(order[: given.shape[1]])}
    raise InvalidArgument(NAME, type(given).__name__, f"must be a {KINDS} file, a mapping of columns or a data frame")
