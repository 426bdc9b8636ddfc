"""Files of tables as they are: columns of CSV, Parquet, ``.npz`` and ``.npy`` files, before anything is made of them.

Nothing is unpickled, and every problem is one sentence that names the column or the row.
"""

from __future__ import annotations

import csv
import gzip
import re
import zipfile
import zlib
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ._arguments import shown
from .errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
SUFFIXES = (*TEXT_SUFFIXES, ".parquet", ".npz", ".npy")
SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers")
#: Names that the inputs may have in a ``.npz`` file.
INPUT_NAMES = ("X", "x", "inputs", "data")
#: What a cell of a text file holds where its value is missing.
MISSING_WORDS = (
    *("", "NA", "N/A", "n/a", "#NA", "#N/A", "#N/A N/A", "<NA>", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "None"),
    *("#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!", "?", ".", "-1.#IND", "1.#IND", "-1.#QNAN", "1.#QNAN"),
)
_UNREADABLE = (OSError, ValueError, EOFError, NotImplementedError, zlib.error, zipfile.BadZipFile)
#: Other delimiters that are recognised in order to be named.
DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas", " ": "blanks"}
_EXPONENT = r"([eE][+-]?\d+)?"
NUMBER = {
    ".": rf"^[+-]?((\d+\.?\d*|\.\d+){_EXPONENT}|(?i:inf|infinity))$",
    ",": rf"^[+-]?((\d+,?\d*|,\d+){_EXPONENT}|(?i:inf|infinity))$",
}


@dataclass(frozen=True, eq=False)
class RawTable:
    """Columns as a file holds them.

    Attributes
    ----------
    columns : mapping of str to Arrow array
        By name, in the order of the file, without the target. Numbers in text files are numbers here; what is no
        number in every row is text.
    target : Arrow array, or None
    target_name : str
        What the file calls the target.
    index : tuple of str
        Columns that the file itself declares to number or name its rows.
    notes : tuple of str
        How the file was read, where it was not the plain way.
    source : str
    decimal : str
        Mark in its numbers.
    """

    columns: Mapping[str, Any]
    target: Any
    target_name: str
    index: tuple[str, ...]
    notes: tuple[str, ...]
    source: str
    decimal: str = "."

    @property
    def rows(self) -> int:
        """Number of rows."""
        first = next(iter(self.columns.values()), self.target)
        return 0 if first is None else len(first)

    def rows_where(self, mask: Any) -> RawTable:
        """The rows where `mask`, shape (rows,), is true."""
        import pyarrow

        kept = pyarrow.array(mask)
        columns = {name: column.filter(kept) for name, column in self.columns.items()}
        return replace(self, columns=columns, target=None if self.target is None else self.target.filter(kept))


def read_file(
    path: str | Path,
    target: str | None = "y",
    *,
    delimiter: str | None = None,
    decimal: str | None = None,
    as_text: Collection[str] = (),
    needs_target: bool = True,
    name: str = "data",
) -> RawTable:
    r"""Read the columns of a file.

    Parameters
    ----------
    path : path
        ``.csv``, ``.tsv`` or ``.txt`` with column names in the first line, these compressed as ``.gz``; ``.parquet``;
        ``.npz`` with ``X`` and the target; ``.npy`` holding the inputs.
    target : str, optional
        Column with the labels; for ``.npy`` inputs the file that holds them.
    delimiter : str, optional
        One character, or ``tab``; by default a comma, in ``.tsv`` files a tab.
    decimal : str, optional
        ``.`` (default) or ``,``: the mark in numbers of text files.
    as_text : collection of str
        Columns that are text even if every value is a number.
    needs_target : bool
        Whether a file without the target is refused.
    name : str
        What error messages call the file.

    Returns
    -------
    RawTable

    Raises
    ------
    InvalidArgument
        For what is no table, or lacks the target.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from shallows.table_files import read_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "data.csv"
    ...     _ = path.write_text("# measured in May\nheight; colour; y\n1,5;red;0\n2,5;NA;1\n")
    ...     raw = read_file(path, delimiter=";", decimal=",")
    >>> {name: column.to_pylist() for name, column in raw.columns.items()}
    {'height': [1.5, 2.5], 'colour': ['red', None]}
    >>> raw.target.to_pylist(), raw.notes
    ([0.0, 1.0], ('1 line that starts with # was skipped',))
    """
    source = Path(path)
    suffix = _suffix(source)
    if suffix not in SUFFIXES:
        sheet = " (of a spreadsheet, save one sheet as .csv)" if suffix in SPREADSHEETS else ""
        raise InvalidArgument(name, str(path), f"must be a file of type {', '.join(SUFFIXES)}{sheet}")
    mark, separator = _check_marks(suffix, decimal, delimiter)
    try:
        if not source.is_file():
            raise InvalidArgument(name, str(path), "is not a file" if source.exists() else "no such file")
        if source.stat().st_size == 0:
            raise InvalidArgument(name, str(path), "the file is empty")
        if suffix in (".npz", ".npy"):
            return _read_arrays(source, target, needs_target, name)
        if suffix == ".parquet":
            names, columns, index = _read_parquet(source, name)
            notes: list[str] = []
        else:
            names, columns, notes = _read_text(source, separator, name)
            index = ("",) if names[:1] == [""] else ()
    except _UNREADABLE as error:
        if isinstance(error, InvalidArgument):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidArgument(name, str(path), f"cannot be read: {reason}") from error
    repeated = sorted({column for column in names if names.count(column) > 1})
    if repeated:
        raise InvalidArgument(name, str(source), f"has several columns named {repeated[0]!r}")
    if target not in names and needs_target:
        skipped = "".join(f" ({note})" for note in notes if "skipped" in note)
        near = nearest(str(target), names)
        raise InvalidArgument(
            "target", target, f"no such column in {source.name}; {near}it has {listed(names)}{skipped}"
        )
    if not len(columns[0]):
        raise InvalidArgument(name, str(source), "has column names but no rows")
    found = {
        title: _typed(column, title, mark, source, name, keep=title in as_text)
        for title, column in zip(names, columns, strict=True)
    }
    labels = found.pop(target, None) if target is not None else None
    return RawTable(
        found, labels, str(target), tuple(title for title in index if title in found), tuple(notes), str(path), mark
    )


def listed(names: Collection[str], most: int = 8) -> str:
    """`names` in quotes, the first few of them.

    >>> listed(["a", "b", "c"], most=2)
    "'a', 'b' and 1 more"
    """
    shown_names = ", ".join(repr(name[:40]) for name in list(names)[:most])
    return shown_names + (f" and {len(names) - most} more" if len(names) > most else "")


def nearest(name: str, names: Collection[str]) -> str:
    """A question after the one of `names` that `name` was probably meant to be, or nothing.

    >>> nearest("Targte", ["age", "target"])
    "did you mean 'target'? "
    """
    known = {each.casefold(): each for each in names}
    found = get_close_matches(name.strip().casefold(), known, n=1, cutoff=0.75)
    return f"did you mean {known[found[0]]!r}? " if found else ""


def reads_as_number(word: str, decimal: str = ".") -> bool:
    """Whether a word is a number with this decimal mark.

    >>> reads_as_number("1.5e3"), reads_as_number("1,5"), reads_as_number("1,5", ",")
    (True, False, True)
    """
    return re.fullmatch(NUMBER[decimal], word) is not None


def is_text(kind: Any) -> bool:
    """Whether an Arrow type holds text."""
    from pyarrow import types

    return types.is_string(kind) or types.is_large_string(kind)


def _suffix(path: Path) -> str:
    endings = [ending.lower() for ending in path.suffixes[-2:]]
    return "".join(endings) if endings[-1:] == [".gz"] else "".join(endings[-1:])


def _check_marks(suffix: str, decimal: str | None, delimiter: str | None) -> tuple[str, str]:
    """The decimal mark and the delimiter; both are of text files only."""
    for option, value in (("decimal", decimal), ("delimiter", delimiter)):
        if value is not None and suffix not in TEXT_SUFFIXES:
            raise InvalidArgument(option, shown(value), f"does not apply to {suffix} files")
    if decimal not in (None, ".", ","):
        raise InvalidArgument("decimal", shown(str(decimal)), "must be . or ,")
    separator = {"tab": "\t", "\\t": "\t"}.get(str(delimiter), delimiter)
    if separator is None:
        separator = "\t" if suffix.startswith(".tsv") else ","
    if len(separator) != 1 or separator in '"\r\n.#' or separator.isalnum() or not separator.isascii():
        raise InvalidArgument("delimiter", shown(separator), "must be one character, such as ; or |, or tab")
    return decimal or ".", separator


def _read_text(source: Path, delimiter: str, name: str) -> tuple[list[str], list[Any], list[str]]:
    """Names, columns of trimmed text with nulls where values miss, and what was unusual."""
    import pyarrow
    from pyarrow import compute
    from pyarrow import csv as arrow_csv

    content = source.read_bytes()
    if source.suffix.lower() == ".gz":
        content = gzip.decompress(content)
    text, notes = _decoded(content)
    if "\0" in text:
        raise InvalidArgument(name, str(source), "holds zero bytes: it is not a text file")
    if "\n" not in text:
        text = text.replace("\r", "\n")
    text, comments = _without_comments(text, delimiter)
    if comments:
        words = "lines that start with # were" if comments > 1 else "line that starts with # was"
        notes.append(f"{comments} {words} skipped")
    head, _, body = text.lstrip("\r\n").partition("\n")
    if not head.strip():
        raise InvalidArgument(name, str(source), "has no line of column names")
    names = [word.strip() for word in next(csv.reader([head], delimiter=delimiter))]
    if len(names) == 1:
        first_row = body.partition("\n")[0]
        mark = next((mark for mark in DELIMITERS if mark in names[0] and mark in first_row), None)
        if mark is not None:
            words = f"has one column, {names[0][:60]!r}: its columns seem to be separated by {DELIMITERS[mark]}"
            told = "tab" if mark == "\t" else f"'{mark}'"
            raise InvalidArgument(name, str(source), f"{words}; give --delimiter {told}")
    if all(reads_as_number(word) for word in names if word):
        raise InvalidArgument(name, str(source), "has numbers in its first line, which must hold the column names")
    bad: list[Any] = []

    def remember(row: Any) -> str:
        bad.append(row)
        return "error"

    places = [str(place) for place in range(len(names))]
    try:
        table = arrow_csv.read_csv(
            pyarrow.BufferReader(body.encode()),
            read_options=arrow_csv.ReadOptions(column_names=places, use_threads=False),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=remember
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(places, pyarrow.string()), strings_can_be_null=False
            ),
        )
    except pyarrow.ArrowException as error:
        if not body.strip():
            raise InvalidArgument(name, str(source), "has column names but no rows") from error
        if bad:
            words = f"row {bad[0].number} has {bad[0].actual_columns} values for {len(names)} column names"
            if bad[0].number == 1 and bad[0].actual_columns == len(names) + 1:
                words += " (if rows begin with their own names, begin the first line with the delimiter)"
            elif delimiter == "," and bad[0].actual_columns > len(names):
                words += " (values with commas in them need quotes, or another --delimiter)"
            raise InvalidArgument(name, str(source), f"not a readable table: {words}") from error
        raise InvalidArgument(name, str(source), f"not a readable table ({_words(error)})") from error
    missing = pyarrow.array(MISSING_WORDS)
    columns = []
    for column in table.columns:
        trimmed = compute.utf8_trim_whitespace(column.combine_chunks())
        blank = compute.is_in(trimmed, value_set=missing)
        columns.append(compute.if_else(blank, pyarrow.scalar(None, pyarrow.string()), trimmed))
    # Lines that end with a delimiter make a column without name and values.
    if len(names) > 1 and names[-1] == "" and columns[-1].null_count == len(columns[-1]):
        names, columns = names[:-1], columns[:-1]
    nameless = [place for place, title in enumerate(names) if not title and place > 0]
    if nameless:
        raise InvalidArgument(name, str(source), f"has no name for column {nameless[0] + 1}")
    return names, columns, notes


def _without_comments(text: str, delimiter: str) -> tuple[str, int]:
    """The text without lines that start with ``#``, and how many those were.

    Below the column names a line with as many values as there are names is a row, whatever it starts with.
    """
    if not text.startswith("#") and "\n#" not in text:
        return text, 0
    lines = text.split("\n")
    head = next((row for row, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    marks = lines[head].count(delimiter) if head < len(lines) else 0
    kept = [
        line
        for row, line in enumerate(lines)
        if not line.startswith("#") or (row > head and line.count(delimiter) == marks)
    ]
    return "\n".join(kept), len(lines) - len(kept)


def _decoded(content: bytes) -> tuple[str, list[str]]:
    """The text, and a note where it is not UTF-8."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16"), ["the file is not UTF-8: it was read as UTF-16"]
    try:
        return content.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        return content.decode("latin-1"), ["the file is not UTF-8: it was read as Latin-1"]


def _read_parquet(source: Path, name: str) -> tuple[list[str], list[Any], tuple[str, ...]]:
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.read_table(source)
    except pyarrow.ArrowException as error:
        raise InvalidArgument(name, str(source), f"not a readable table ({_words(error)})") from error
    names = [str(column).strip() for column in table.column_names]
    if not names:
        raise InvalidArgument(name, str(source), "has no columns")
    told = table.schema.pandas_metadata or {}
    # A range is told as a dict, not as a column.
    index = tuple(title.strip() for title in told.get("index_columns", []) if isinstance(title, str))
    # The file itself keeps only dictionaries of text.
    categories = {entry.get("field_name") for entry in told.get("columns", []) if entry["pandas_type"] == "categorical"}
    columns = []
    for title, chunks in zip(table.column_names, table.columns, strict=True):
        column = chunks.combine_chunks()
        if pyarrow.types.is_string_view(column.type):
            column = column.cast(pyarrow.string())
        if title in categories and not pyarrow.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        columns.append(column)
    return names, columns, index


def _typed(column: Any, title: str, decimal: str, source: Path, name: str, *, keep: bool) -> Any:
    """Numbers and truth values where all text of a column is one; the same column otherwise."""
    import pyarrow
    from pyarrow import compute

    if not is_text(column.type) or keep:
        return column
    present = column.drop_null()
    if not len(present):
        return pyarrow.nulls(len(column))
    marked = compute.match_substring_regex(present, NUMBER[decimal])
    if compute.all(marked).as_py():
        plain = compute.replace_substring_regex(column, "^\\+", "")
        if decimal == ",":
            plain = compute.replace_substring(plain, ",", ".")
        return plain.cast(pyarrow.float64())
    other = "," if decimal == "." else "."
    if compute.all(compute.or_(marked, compute.match_substring_regex(present, NUMBER[other]))).as_py():
        wrong = present.filter(compute.invert(marked))[0].as_py()
        thousands = "; leave out separators of thousands" if decimal == "." else ""
        raise InvalidArgument(
            name,
            str(source),
            f"column {title!r} holds numbers with decimal {'commas' if other == ',' else 'points'} (such as "
            f"{wrong[:40]!r}): give --decimal {other}{thousands}",
        )
    if compute.all(compute.is_in(compute.utf8_lower(present), value_set=pyarrow.array(["true", "false"]))).as_py():
        return compute.equal(compute.utf8_lower(column), "true")
    return column


def read_arrays(path: str | Path, target: str, dimensions: tuple[int, int], *, name: str = "data") -> tuple[Any, Any]:
    """Inputs and labels of a ``.npz`` or ``.npy`` file as they are, where rows are no rows of a table.

    Parameters
    ----------
    path : path
        ``.npz`` with ``X`` and the target, or ``.npy`` holding the inputs.
    target : str
        Name of the labels' array; for ``.npy`` inputs the file that holds them.
    dimensions : tuple of int
        Numbers of dimensions of inputs and labels.
    name : str
        What error messages call the file.

    Returns
    -------
    inputs, labels : ndarray

    Raises
    ------
    InvalidArgument
        For a file of another kind, or other arrays in it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from shallows.table_files import read_arrays
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(Path(folder) / "data.npz", X=np.zeros((5, 3, 2)), y=np.zeros((5, 3, 3)))
    ...     inputs, labels = read_arrays(Path(folder) / "data.npz", "y", (3, 3))
    >>> inputs.shape, labels.shape
    ((5, 3, 2), (5, 3, 3))
    """
    source = Path(path)
    if _suffix(source) not in (".npz", ".npy"):
        raise InvalidArgument(name, str(path), "must be a .npz file with X and the target, or a .npy file")
    try:
        if not source.is_file():
            raise InvalidArgument(name, str(path), "is not a file" if source.exists() else "no such file")
        inputs, labels = _load_arrays(source, target, True, name)
    except _UNREADABLE as error:
        if isinstance(error, InvalidArgument):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidArgument(name, str(path), f"cannot be read: {reason}") from error
    rank, label_rank = dimensions
    return _real(inputs, rank, "X", source, name), _real(labels, label_rank, str(target), source, name)


def _load_arrays(source: Path, target: str | None, needs_target: bool, name: str) -> tuple[Any, Any]:
    """Inputs and labels, None where there are none."""
    if source.suffix.lower() == ".npy":
        labels_file = Path(target or "")
        is_file = labels_file.suffix.lower() == ".npy" or labels_file.is_file()
        if needs_target and not is_file:
            raise InvalidArgument(
                "target", target, "must be the .npy file of the labels, as the inputs are a .npy file"
            )
        if is_file and not labels_file.is_file():
            raise InvalidArgument("target", target, "no such file")
        inputs, labels = _load(source, name), _load(labels_file, "target") if is_file else None
        if not isinstance(inputs, np.ndarray) or not isinstance(labels, (np.ndarray, type(None))):
            raise InvalidArgument(name, str(source), "must hold one array each")
    else:
        with _load(source, name) as archive:
            keys = list(archive.files)
            found = [key for key in INPUT_NAMES if key in keys]
            if not found:
                raise InvalidArgument(name, str(source), f"needs an array named X; it has {listed(keys)}")
            if target not in keys and needs_target:
                raise InvalidArgument("target", target, f"no such array in {source.name}; it has {listed(keys)}")
            inputs, labels = archive[found[0]], archive[target] if target in keys else None
    return inputs, labels


def _read_arrays(source: Path, target: str | None, needs_target: bool, name: str) -> RawTable:
    import pyarrow

    inputs, labels = _load_arrays(source, target, needs_target, name)
    columns = np.asfortranarray(_real(inputs, 2, "X", source, name))
    answers = None if labels is None else _real(labels, 1, str(target), source, name)
    if answers is not None and columns.shape[0] != answers.size:
        raise InvalidArgument(name, str(source), f"X has {columns.shape[0]} rows and the target {answers.size}")
    return RawTable(
        {f"x{j}": pyarrow.array(columns[:, j]) for j in range(columns.shape[1])},
        None if answers is None else pyarrow.array(answers),
        str(target) if source.suffix.lower() == ".npz" else Path(target or "").stem,
        (),
        (),
        str(source),
    )


def _real(array: Any, dimensions: int, title: str, source: Path, name: str) -> Any:
    """`array` as real numbers in so many dimensions."""
    if array.dtype.kind not in "fiub":
        raise InvalidArgument(name, str(source), f"{title} holds values of type {array.dtype}, not real numbers")
    if dimensions == 1 and array.ndim == 2 and 1 in array.shape:
        array = array.ravel()
    if array.ndim != dimensions:
        raise InvalidArgument(
            name, str(source), f"{title} has shape {array.shape}; must have {dimensions} dimension(s)"
        )
    return array.astype(np.float64)


def _load(path: Path, name: str) -> Any:
    stream = path.open("rb")  # NumPy leaves a file open that it cannot read
    try:
        loaded = np.load(stream, allow_pickle=False)
    except Exception as error:  # NumPy raises what it happens to meet in a damaged file
        stream.close()
        if isinstance(error, OSError):
            raise
        raise InvalidArgument(name, str(path), "not a plain NumPy file, or it holds objects") from error
    if isinstance(loaded, np.ndarray):
        stream.close()
    else:
        loaded.fid = stream  # closed with the archive
    return loaded


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
