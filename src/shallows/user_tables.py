"""Users' tables as inputs and labels: CSV, Parquet, ``.npz``, or a pair of ``.npy`` files.

Nothing is unpickled, and every problem is one sentence that names the column or the row.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import InvalidArgument
from .table_encoding import LARGEST, Encoding, distinct, fit_encoding, kind_of, numbers
from .table_files import listed, read_file, reads_as_number

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from ._types import FloatArray
    from .table_files import RawTable


@dataclass(frozen=True, eq=False)
class Table:
    """Inputs and labels with their names.

    Attributes
    ----------
    inputs : ndarray, shape (n, d)
    labels : ndarray, shape (n,)
    features : tuple of str
        Names of the `d` columns.
    target : str
    source : str
        The file.
    notes : tuple of str
        What was done to the table, one sentence each.
    encoding : Encoding
        How columns of the file became features.
    """

    inputs: FloatArray
    labels: FloatArray
    features: tuple[str, ...]
    target: str
    source: str
    notes: tuple[str, ...] = ()
    encoding: Encoding = field(default_factory=lambda: Encoding((), {}))

    def __iter__(self) -> Any:
        """``X, y = table``."""
        return iter((self.inputs, self.labels))

    def describe(self) -> dict[str, Any]:
        """What the table is and what was done to it, JSON-ready."""
        return {
            "source": self.source,
            "rows": int(self.labels.size),
            "columns": len(self.encoding.columns) + len(self.encoding.left_out),
            "features": len(self.features),
            "left_out": dict(self.encoding.left_out),
            "notes": list(self.notes),
        }


@dataclass(frozen=True, eq=False)
class Sequences:
    """Inputs and labels of a network whose rows are no rows of a table.

    Attributes
    ----------
    inputs : ndarray, shape (n, T, d)
    labels : ndarray, shape (n, T, T)
    target : str
    source : str
        The file.
    """

    inputs: FloatArray
    labels: FloatArray
    target: str
    source: str

    def describe(self) -> dict[str, Any]:
        """What there is, JSON-ready."""
        rows, tokens, columns = self.inputs.shape
        return {"source": self.source, "rows": rows, "tokens": tokens, "columns": columns, "notes": []}


@dataclass(frozen=True, eq=False)
class NewRows:
    """Rows of another table, encoded as the training table was.

    Attributes
    ----------
    inputs : ndarray, shape (n, d)
    labels : ndarray, shape (n,), or None
        Where the table has the target; NaN in rows that lack it.
    notes : tuple of str
        What was done beyond what the training table needed.
    """

    inputs: FloatArray
    labels: FloatArray | None
    notes: tuple[str, ...]

    def mean_squared_error(self, predictions: FloatArray) -> float | None:
        """Of predictions, shape (n,), over the rows that have a label; None where none has."""
        if self.labels is None or np.isnan(self.labels).all():
            return None
        return float(np.nanmean(np.square(self.labels - predictions)))


def read_table(
    path: str | Path,
    target: str = "y",
    *,
    columns: Collection[str] | None = None,
    drop: Collection[str] = (),
    missing: str = "fill",
    delimiter: str | None = None,
    decimal: str | None = None,
    encoding: Encoding | None = None,
    name: str = "data",
) -> Table:
    r"""Read a table as it is.

    Parameters
    ----------
    path : path
        ``.csv``, ``.tsv`` or ``.txt`` with column names in the first line, these compressed as ``.gz``; ``.parquet``;
        ``.npz`` with ``X`` and the target; ``.npy`` holding the inputs.
    target : str
        Column with the labels; for ``.npy`` inputs the file that holds them.
    columns, drop : collection of str
        The only columns to take, or those not to take; not both.
    missing : {"fill", "refuse"}
        Whether missing values are filled.
    delimiter, decimal : str, optional
        Of text files; see :func:`shallows.table_files.read_file`.
    encoding : Encoding, optional
        Learned on another reading of the table; learned on this one by default.
    name : str
        What error messages call the file.

    Returns
    -------
    Table
        Rows that lack their label are left out.

    Raises
    ------
    InvalidArgument
        For anything that is not a table with the target in it, at least 3 rows, a target that varies and a column
        to learn from.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from shallows.user_tables import read_table
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "data.csv"
    ...     _ = path.write_text(",height,unit,y\n0,1.5,cm,0.2\n1,2.5,cm,1.1\n2,3.0,cm,1\n")
    ...     table = read_table(path)
    >>> table.features, table.labels
    (('height',), array([0.2, 1.1, 1. ]))
    >>> table.notes
    ("left out: the nameless first column (the table's row index)", "left out: 'unit' (always 'cm')")
    """
    if columns is not None and drop:
        raise InvalidArgument("columns / drop", "both", "give the columns to take, or those not to take")
    if target in drop:
        raise InvalidArgument("drop", target, "is the target")
    as_text = _as_text(encoding, target)
    raw = read_file(path, target, delimiter=delimiter, decimal=decimal, as_text=as_text, name=name)
    label = raw.target_name
    _check_size(raw, name)
    classes = _classes(raw.target, label) if encoding is None else encoding.classes
    labels = _labels(raw.target, label, classes)
    _check_labels(labels, label)
    wanted = None if columns is None else [column for column in columns if column != target]

    def encode(rows: RawTable) -> tuple[Encoding, FloatArray, list[str]]:
        known = encoding
        if known is None:
            found = fit_encoding(rows, columns=wanted, drop=drop, missing=missing, name=name)
            known = replace(found, classes=classes)
        return known, *known.encode(rows, name)

    notes = list(raw.notes)
    unknown = np.isnan(labels)
    rows = raw
    if unknown.any() and missing != "refuse":
        count = int(unknown.sum())
        notes.append(f"left out: {count} row{'s' * (count != 1)} without a label")
        rows, labels = raw.rows_where(~unknown), labels[~unknown]
        _check_size(rows, name)
    try:
        encoding, inputs, remarks = encode(rows)
    except InvalidArgument:
        encode(raw)  # the same error, but with rows counted as in the file
        raise
    notes += [*encoding.describe(), *remarks, *_about_labels(labels, label, classes)]
    return Table(inputs, labels, encoding.features, label, str(path), tuple(notes), encoding)


def read_new_rows(
    path: str | Path,
    encoding: Encoding,
    target: str | None = None,
    *,
    delimiter: str | None = None,
    decimal: str | None = None,
    name: str = "data",
) -> NewRows:
    r"""Read rows to predict for, with the columns of a training table.

    Parameters
    ----------
    path, delimiter, decimal, name
        As for :func:`read_table`.
    encoding : Encoding
        Of the training table.
    target : str, optional
        Column with the labels, which need not be there.

    Returns
    -------
    NewRows

    Raises
    ------
    InvalidArgument
        For what is no table, or does not fit the training table; see :meth:`shallows.table_encoding.Encoding.encode`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from shallows.user_tables import read_new_rows, read_table
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     old, new = Path(folder) / "old.csv", Path(folder) / "new.csv"
    ...     _ = old.write_text("height,y\n1.5,0.2\n2.5,1.1\n3.0,1\n")
    ...     _ = new.write_text("height\n2\n\n")
    ...     read_new_rows(new, read_table(old).encoding).inputs
    array([[2.]])
    """
    if str(path).lower().endswith(".npy"):
        target = None  # in a file of its own, which nobody named
    as_text = _as_text(encoding, target)
    raw = read_file(path, target, delimiter=delimiter, decimal=decimal, as_text=as_text, needs_target=False, name=name)
    if raw.rows == 0:
        raise InvalidArgument(name, str(path), "has no rows")
    inputs, remarks = encoding.encode(raw, name)
    labels = None if raw.target is None or target is None else _labels(raw.target, target, encoding.classes)
    return NewRows(inputs, labels, (*raw.notes, *remarks))


def _as_text(encoding: Encoding | None, target: str | None) -> set[str]:
    """Columns whose words were categories in the training table, whatever they look like in this one."""
    if encoding is None:
        return set()
    return encoding.text_columns | ({target} if encoding.classes and target else set())


def _check_size(raw: RawTable, name: str) -> None:
    if raw.rows < 3 or not raw.columns:
        given = f"{raw.rows} rows and {len(raw.columns)} columns"
        raise InvalidArgument(name, given, "needs at least 3 rows with a label, and one column besides the target")


def _classes(column: Any, target: str) -> tuple[str, str] | None:
    """The two words of a target that is text or truth values; None where it is numbers."""
    kind = kind_of(column)
    if kind == "number":
        return None
    if kind == "category":
        words, _ = distinct(column.drop_null())
        if len(words) <= 2:
            return min(words), max(words)
        example = next((word for word in words if not reads_as_number(word)), words[0])
        found = f"holds {len(words)} different words, such as {example[:40]!r}"
    else:
        found = {"empty": "is empty", "date": "holds dates or times"}.get(kind, f"holds {column.type}")
    raise InvalidArgument("target", target, f"{found}: labels must be numbers, or words of two classes")


def _labels(column: Any, target: str, classes: tuple[str, str] | None) -> FloatArray:
    """Labels as numbers, NaN where one misses."""
    if classes is None:
        if kind_of(column) not in ("number", "empty"):
            raise InvalidArgument("target", target, f"holds {column.type}, where the training table has numbers")
        return numbers(column)
    words, codes = distinct(column, boolean=set(classes) <= {"true", "false"})
    values = np.array([float(classes.index(word)) if word in classes else np.nan for word in words])
    strange = [word for word in words if word not in classes and word != "(missing)"]
    if strange:
        raise InvalidArgument(
            "target", target, f"holds {strange[0][:40]!r}, where the training table has {listed(classes)}"
        )
    return values[codes]


def _check_labels(labels: FloatArray, target: str) -> None:
    """Raise unless the labels that are there are finite, of a usable size, and vary."""
    bad = np.flatnonzero(np.abs(labels) > LARGEST)
    if bad.size:
        found = f"holds {labels[bad[0]]:g} in row {bad[0] + 1} ({bad.size} such)"
        raise InvalidArgument("target", target, f"{found}: every label must be finite, and at most {LARGEST:g} in size")
    values = np.unique(labels[~np.isnan(labels)])
    if values.size == 0:
        raise InvalidArgument("target", target, "is empty")
    if values.size == 1:
        raise InvalidArgument(
            "target", target, f"is {values[0]:g} in every row: there is nothing to learn (one class?)"
        )


def _about_labels(labels: FloatArray, target: str, classes: tuple[str, str] | None) -> list[str]:
    """What is to be said where labels are classes."""
    values = np.unique(labels)
    if values.size != 2:
        return []
    out = [] if classes is None else [f"labels: {classes[0]!r} is 0, {classes[1]!r} is 1"]
    error = "the Brier score" if values.tolist() == [0, 1] else "a mean square, not a share of wrong classes"
    pair = f"{values[0]:g}/{values[1]:g}"
    return [*out, f"labels are {pair}: a class, not a quantity; the error is {error}"]
