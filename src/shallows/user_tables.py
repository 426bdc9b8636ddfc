"""Reading a table of numbers that somebody else wrote: CSV, Parquet, ``.npz``, or a pair of ``.npy`` files.

Nothing is unpickled, and every problem is one sentence that names the column or the row.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import InvalidArgument

if TYPE_CHECKING:
    from ._types import FloatArray

SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".npz", ".npy")
#: Names that the inputs may have in a ``.npz`` file.
INPUT_NAMES = ("X", "x", "inputs", "data")


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
    """

    inputs: FloatArray
    labels: FloatArray
    features: tuple[str, ...]
    target: str
    source: str

    def __iter__(self) -> Any:
        """``X, y = table``."""
        return iter((self.inputs, self.labels))


def read_table(path: str | Path, target: str = "y", *, name: str = "data") -> Table:
    r"""Read a table of finite numbers.

    Parameters
    ----------
    path : path
        ``.csv``, ``.tsv`` or ``.txt`` with column names in the first line; ``.parquet``; ``.npz`` with ``X`` and the
        target; ``.npy`` holding the inputs.
    target : str
        Column with the labels; for ``.npy`` inputs the file that holds them.
    name : str
        What error messages call the file.

    Raises
    ------
    InvalidArgument
        For anything that is not a table of finite numbers with the target in it, at least 3 rows, a target that varies
        and no constant column.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from shallows.user_tables import read_table
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "data.csv"
    ...     _ = path.write_text("height,age,y\n1.5,3,0\n2.5,4,1\n3.0,2,1\n")
    ...     table = read_table(path)
    >>> table.features, table.labels
    (('height', 'age'), array([0., 1., 1.]))
    """
    source = Path(path)
    suffix = source.suffix.lower()
    if suffix not in SUFFIXES:
        raise InvalidArgument(name, str(path), f"must be a file of type {', '.join(SUFFIXES)}")
    try:
        if not source.is_file():
            raise InvalidArgument(name, str(path), "is not a file" if source.exists() else "no such file")
        if source.stat().st_size == 0:
            raise InvalidArgument(name, str(path), "the file is empty")
        if suffix in (".npz", ".npy"):
            inputs, labels, features = _read_arrays(source, target, name)
        else:
            inputs, labels, features = _read_columns(source, target, name)
    except (OSError, ValueError) as error:
        if isinstance(error, InvalidArgument):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidArgument(name, str(path), f"cannot be read: {reason}") from error
    label = Path(target).stem if suffix == ".npy" else target
    _check(inputs, labels, features, label, name)
    return Table(inputs, labels, tuple(features), label, str(path))


def _read_columns(source: Path, target: str, name: str) -> tuple[FloatArray, FloatArray, list[str]]:
    import pyarrow
    from pyarrow import csv, parquet

    try:
        if source.suffix.lower() == ".parquet":
            table = parquet.read_table(source)
        else:
            delimiter = "\t" if source.suffix.lower() == ".tsv" else ","
            table = csv.read_csv(
                source,
                parse_options=csv.ParseOptions(delimiter=delimiter),
                convert_options=csv.ConvertOptions(strings_can_be_null=True),
            )
    except pyarrow.ArrowException as error:
        words = " ".join(str(error).split())[:200]
        raise InvalidArgument(name, str(source), f"not a readable table ({words})") from error
    names = [str(column) for column in table.column_names]
    if len(names) == 1:
        for mark, word in ((";", "semicolon"), ("\t", "tab"), ("|", "bar"), (" ", "blank")):
            if mark in names[0]:
                raise InvalidArgument(
                    name,
                    str(source),
                    f"has one column, {names[0][:60]!r}: columns must be separated by commas, not by a {word}",
                )
    repeated = sorted({column for column in names if names.count(column) > 1})
    if repeated:
        raise InvalidArgument(name, str(source), f"has several columns named {repeated[0]!r}")
    if source.suffix.lower() != ".parquet" and all(_is_number(column) for column in names):
        raise InvalidArgument(name, str(source), "has numbers in its first line, which must hold the column names")
    if target not in names:
        raise InvalidArgument("target", target, f"no such column in {source.name}; it has {_listed(names)}")
    if table.num_rows == 0:
        raise InvalidArgument(name, str(source), "has column names but no rows")
    columns = [_number_column(table.column(column), column, source, name) for column in names]
    place = names.index(target)
    if len(names) < 2:
        raise InvalidArgument(name, str(source), "has no column besides the target")
    inputs = np.column_stack([column for i, column in enumerate(columns) if i != place])
    return np.ascontiguousarray(inputs), columns[place], [column for i, column in enumerate(names) if i != place]


def _number_column(column: Any, title: str, source: Path, name: str) -> FloatArray:
    import pyarrow
    from pyarrow import types

    kind = column.type
    numeric = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_decimal(kind)
    if types.is_null(kind):
        raise InvalidArgument(name, str(source), f"column {title!r} is empty")
    if not numeric:
        filled = column.drop_null()
        words = [str(value) for value in filled.to_pylist()]
        example = next((word for word in words if not _is_number(word)), words[0] if words else "")[:40]
        raise InvalidArgument(
            name, str(source), f"column {title!r} holds {kind} (such as {example!r}), not numbers: encode or drop it"
        )
    if column.null_count:
        rows = np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))
        raise InvalidArgument(
            name,
            str(source),
            f"column {title!r} misses {column.null_count} value(s), the first in row {rows[0] + 1}: fill or drop them",
        )
    if types.is_boolean(kind) or types.is_decimal(kind):
        column = column.cast(pyarrow.float64())
    return np.array(column.to_numpy(), dtype=np.float64)


def _read_arrays(source: Path, target: str, name: str) -> tuple[FloatArray, FloatArray, list[str]]:
    if source.suffix.lower() == ".npy":
        labels_file = Path(target)
        if labels_file.suffix.lower() != ".npy" and not labels_file.is_file():
            raise InvalidArgument(
                "target", target, "must be the .npy file of the labels, as the inputs are a .npy file"
            )
        if not labels_file.is_file():
            raise InvalidArgument("target", target, "no such file")
        inputs, labels = _load(source, name), _load(labels_file, "target")
        if not isinstance(inputs, np.ndarray) or not isinstance(labels, np.ndarray):
            raise InvalidArgument(name, str(source), "must hold one array each")
    else:
        archive = _load(source, name)
        with archive:
            keys = list(archive.files)
            found = [key for key in INPUT_NAMES if key in keys]
            if not found:
                raise InvalidArgument(name, str(source), f"needs an array named X; it has {_listed(keys)}")
            if target not in keys:
                raise InvalidArgument("target", target, f"no such array in {source.name}; it has {_listed(keys)}")
            inputs, labels = archive[found[0]], archive[target]
    out = []
    for array, wanted, title in ((inputs, 2, "X"), (labels, 1, target)):
        if array.dtype.kind not in "fiub":
            raise InvalidArgument(name, str(source), f"{title} holds values of type {array.dtype}, not real numbers")
        if wanted == 1 and array.ndim == 2 and 1 in array.shape:
            array = array.ravel()
        if array.ndim != wanted:
            raise InvalidArgument(
                name, str(source), f"{title} has shape {array.shape}; must have {wanted} dimension(s)"
            )
        out.append(np.array(array, dtype=np.float64, order="C"))
    if out[0].shape[0] != out[1].shape[0]:
        raise InvalidArgument(name, str(source), f"X has {out[0].shape[0]} rows and the target {out[1].shape[0]}")
    return out[0], out[1], [f"x{j}" for j in range(out[0].shape[1])]


def _load(path: Path, name: str) -> Any:
    try:
        return np.load(path, allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # NumPy raises what it happens to meet in a damaged file
        raise InvalidArgument(name, str(path), "not a plain NumPy file, or it holds objects") from error


def _check(inputs: FloatArray, labels: FloatArray, features: list[str], target: str, name: str) -> None:
    n, d = inputs.shape
    if n < 3 or d < 1:
        raise InvalidArgument(
            name, f"{n} rows and {d} columns", "needs at least 3 rows and one column besides the target"
        )
    for title, column in [*zip(features, inputs.T, strict=True), (target, labels)]:
        bad = np.flatnonzero(~np.isfinite(column))
        if bad.size:
            raise InvalidArgument(
                name,
                f"{column[bad[0]]} in column {title!r}, row {bad[0] + 1}",
                f"every value must be finite ({bad.size} are not in this column): fill or drop them",
            )
    if labels.min() == labels.max():
        raise InvalidArgument(
            "target", target, f"is {labels[0]:g} in every row: there is nothing to learn (one class?)"
        )
    constant = [title for title, column in zip(features, inputs.T, strict=True) if column.min() == column.max()]
    if constant:
        raise InvalidArgument(
            name, f"{len(constant)} constant column(s)", f"drop what never varies, such as {_listed(constant)}"
        )


def _listed(names: list[str], most: int = 8) -> str:
    shown = ", ".join(repr(name[:40]) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
