"""From the columns of a table to a matrix of numbers: learned on the training table, repeated on every other one.

Numbers stay as they are, and where they miss the median stands in. Text, categories and truth values become one column
of zeros and ones for each level but one, the base level. What is no feature is left out, by name and with the reason:
row indices, identifiers, dates, what never varies, text that hardly repeats.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .errors import InvalidArgument
from .table_files import is_text, listed, nearest, reads_as_number

if TYPE_CHECKING:
    from ._types import FloatArray
    from .table_files import RawTable

#: More levels than this are no categories that a table of this kind can say something about.
MOST_LEVELS = 50
#: A level counts by itself where it has this many rows, or this share of them, whichever is less; never with one row.
RARE_ROWS, RARE_SHARE = 10, 0.05
#: Squares of larger numbers, summed and divided, would leave the range of floating-point numbers.
LARGEST = 1e50
#: Numbers that differ by less than this share of their size differ by rounding.
ROUNDING = 1e-12
#: Whole numbers beyond this are not told apart as floating-point numbers.
EXACT = 2.0**53
#: Text that is a number but for the sign or unit about it, the same in this share of the rows.
MEASURED = re.compile(r"(?P<before>[€$£¥]?) ?[+-]?\d[\d,.' ]*(?P<after> ?(%|‰|°[CF]?|[€$£¥]|[A-Za-zµ]{1,3}[23²³]?)|)")
MEASURED_SHARE = 0.9
#: Levels that no cell of a table holds by this name.
MISSING, RARE = "(missing)", "(rare)"
MISSING_CHOICES = ("fill", "refuse")
#: Names that pandas gives to the index of a table, or to a nameless first column.
INDEX_NAME = re.compile(r"Unnamed: ?0(\.\d+)*|__index_level_\d+__")
#: Names of identifiers: ``id``, ``customer_id``, ``index``, ``row number``; and ``PassengerId``.
ID_NAME = re.compile(r"(.*[\W_])?(id|uuid|guid)|index|idx|rowid|row[\W_]?(nr|no|num|number|names?)", re.IGNORECASE)
CAMEL_ID = re.compile(r".*[a-z](Id|ID)")
DATE = (
    r"^(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ]+\d{1,2}:.*)?|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})([T ]+\d{1,2}:.*)?"
    r"|\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)$"
)


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers.

    Attributes
    ----------
    name : str
    fill : float
        Median of the training table, which stands in where a value misses.
    varies : bool
        Whether the numbers themselves are a feature; not where all that are there are the same.
    marked : bool
        Whether a second column of zeros and ones marks where values miss.
    filled : int
        Values that the training table misses.
    """

    name: str
    fill: float
    varies: bool = True
    marked: bool = False
    filled: int = 0

    @property
    def features(self) -> list[str]:
        """Names of the columns that it becomes."""
        return [self.name] * self.varies + [f"{self.name}={MISSING}"] * self.marked

    def encode(self, column: Any) -> tuple[list[FloatArray], str | None]:
        """The columns, and a remark on what was done beyond the training table."""
        values = numbers(column)
        missing = np.isnan(values)
        values[missing] = self.fill
        marks = [missing.astype(np.float64)] * self.marked
        note = None
        if missing.any() and not self.filled:
            count = _values(int(missing.sum()))
            note = f"{self.name!r}: {count} filled with {self.fill:.4g}; the training table missed none"
        return [values] * self.varies + marks, note

    def describe(self) -> str | None:
        """What is done where values miss; None where none does."""
        if not self.filled:
            return None
        if not self.varies:
            return (
                f"{self.name!r}: every value is {self.fill:g} or missing; {self.features[0]!r} marks the missing ones"
            )
        words = f"{self.name!r}: {_values(self.filled)} filled with the median {self.fill:.4g}"
        return words + (f"; {self.features[-1]!r} marks them" if self.marked else "")

    def problem(self, column: Any) -> str | None:
        """Why this column of another table cannot be encoded."""
        if kind_of(column) in ("number", "empty") or _is_boolean(column):
            return None
        found = _type_name(column)
        if is_text(column.type):
            row, word = _first_word(column)
            found = f"{word[:40]!r} in row {row}"
        return f"column {self.name!r} holds {found}, where the training table has numbers"


@dataclass(frozen=True)
class CategoryColumn:
    """A column of text, categories or truth values.

    Attributes
    ----------
    name : str
    levels : tuple of str
        The base level, then those that become columns, ``(missing)`` and ``(rare)`` among them.
    pooled : tuple of str
        Levels that are counted as ``(rare)``, or with the base level where all of them together are rare.
    boolean : bool
    filled : int
        Values that the training table misses.
    """

    name: str
    levels: tuple[str, ...]
    pooled: tuple[str, ...] = ()
    boolean: bool = False
    filled: int = 0

    @property
    def features(self) -> list[str]:
        """Names of the columns that it becomes."""
        return [f"{self.name}={level}" for level in self.levels[1:]]

    def encode(self, column: Any) -> tuple[list[FloatArray], str | None]:
        """The columns, and a remark on what was done beyond the training table."""
        words, codes = distinct(column, self.boolean)
        places = np.array([self._place(word) for word in words])[codes]
        unseen = self._unseen(words)
        note = None
        if unseen:
            note = f"{self.name!r}: {listed(unseen)} counted as {RARE}; the training table lacks them"
        return [(places == place).astype(np.float64) for place in range(1, len(self.levels))], note

    def describe(self) -> str:
        """Levels and what became of the rare ones."""
        words = f"{self.name!r}: {len(self.levels)} levels, base {self.levels[0]!r}, columns {listed(self.features)}"
        if not self.pooled:
            return words
        pool = RARE if RARE in self.levels else repr(self.levels[0])
        return f"{words}; rare, counted as {pool}: {listed(self.pooled, 5)}"

    def problem(self, column: Any) -> str | None:
        """Why this column of another table cannot be encoded."""
        if kind_of(column) not in ("category", "number", "empty"):
            return f"column {self.name!r} holds {_type_name(column)}, where the training table has categories"
        words, codes = distinct(column, self.boolean)
        unseen = [] if RARE in self.levels else self._unseen(words)
        if not unseen:
            return None
        row = int(np.flatnonzero(codes == words.index(unseen[0]))[0]) + 1
        known = listed([*self.levels, *self.pooled])
        return f"column {self.name!r} has the level {unseen[0][:40]!r} (row {row}); the training table has {known}"

    def _place(self, word: str) -> int:
        if word in self.levels:
            return self.levels.index(word)
        return self.levels.index(RARE) if RARE in self.levels else 0

    def _unseen(self, words: list[str]) -> list[str]:
        known = {*self.levels, *self.pooled}
        return [word for word in words if word not in known]


#: What files call the two kinds of columns.
KINDS: dict[str, type[NumberColumn] | type[CategoryColumn]] = {"number": NumberColumn, "category": CategoryColumn}


@dataclass(frozen=True)
class Encoding:
    """How the columns of a table become features, learned on the table that a network is trained on.

    Attributes
    ----------
    columns : tuple of NumberColumn or CategoryColumn
    left_out : mapping of str to str
        Columns that are no features, with the reason.
    missing : {"fill", "refuse"}
    classes : tuple of two str, or None
        What labels of text are: the first is 0, the second 1.

    Examples
    --------
    >>> import pyarrow
    >>> from shallows.table_encoding import fit_encoding
    >>> from shallows.table_files import RawTable
    >>> columns = {"age": [3.0, None, 5.0, 4.0], "colour": ["red", "blue", "red", "blue"], "unit": ["cm"] * 4}
    >>> raw = RawTable({name: pyarrow.array(each) for name, each in columns.items()}, None, "y", (), (), "data.csv")
    >>> encoding = fit_encoding(raw)
    >>> encoding.features, encoding.left_out
    (('age', 'colour=red'), {'unit': "always 'cm'"})
    >>> encoding.encode(raw)[0].tolist()
    [[3.0, 1.0], [4.0, 0.0], [5.0, 1.0], [4.0, 0.0]]
    >>> Encoding.from_dict(encoding.to_dict()) == encoding
    True
    """

    columns: tuple[NumberColumn | CategoryColumn, ...]
    left_out: Mapping[str, str]
    missing: str = "fill"
    classes: tuple[str, str] | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns of the matrix."""
        return tuple(feature for column in self.columns for feature in column.features)

    @property
    def text_columns(self) -> set[str]:
        """Columns that are to be read as text."""
        return {column.name for column in self.columns if isinstance(column, CategoryColumn)}

    def encode(self, raw: RawTable, name: str = "data") -> tuple[FloatArray, list[str]]:
        """The matrix of features of a table.

        Parameters
        ----------
        raw : RawTable
            The table that this was learned on, or another one with these columns.
        name : str
            What error messages call the table.

        Returns
        -------
        matrix : ndarray, shape (rows, d)
        notes : list of str
            What had to be done that the training table did not need.

        Raises
        ------
        InvalidArgument
            If columns lack, are of another kind, hold unknown levels or infinite values, or miss values where that
            is refused.
        """
        lacking = [column.name for column in self.columns if column.name not in raw.columns]
        if lacking:
            words = "column" if len(lacking) == 1 else "columns"
            allowed = f"has no {words} {listed(lacking)}, which the weights were trained on: they belong to other data"
            raise InvalidArgument(name, raw.source, allowed)
        problems = [column.problem(raw.columns[column.name]) for column in self.columns]
        _raise([problem for problem in problems if problem], raw, name, "mend the table")
        used = {column.name: raw.columns[column.name] for column in self.columns}
        _check_values(used, raw, name, missing=self.missing)
        matrix = np.empty((raw.rows, len(self.features)))
        notes, place = [], 0
        for column in self.columns:
            parts, note = column.encode(used[column.name])
            for part in parts:
                matrix[:, place] = part
                place += 1
            notes += [note] if note else []
        return matrix, notes

    def describe(self) -> list[str]:
        """One sentence for each thing that was done; none where every column is taken as it is."""
        reasons: dict[str, list[str]] = {}
        for column, reason in self.left_out.items():
            reasons.setdefault(reason, []).append(column)
        out = []
        for reason, names in reasons.items():
            shown = "the nameless first column" if names == [""] else listed(names)
            out.append(f"left out: {shown} ({reason})")
        return out + [note for note in (column.describe() for column in self.columns) if note]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; :meth:`from_dict` reads it."""
        names = {kind: name for name, kind in KINDS.items()}
        return {
            "columns": [{"kind": names[type(column)], **vars(column)} for column in self.columns],
            "left_out": dict(self.left_out),
            "missing": self.missing,
            "classes": self.classes,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Encoding:
        """The encoding of :meth:`to_dict`, also after a way through JSON.

        Parameters
        ----------
        content : mapping

        Returns
        -------
        Encoding

        Raises
        ------
        KeyError, TypeError, ValueError
            If `content` is not such a dictionary.
        """
        columns: list[NumberColumn | CategoryColumn] = []
        for entry in content["columns"]:
            fields: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in entry.items()}
            kind = fields.pop("kind")
            if kind not in KINDS:
                raise ValueError(f"unknown kind of column: {kind!r}")
            columns.append(KINDS[kind](**fields))
        first, second = content["classes"] or (None, None)
        classes = None if first is None else (str(first), str(second))
        return cls(tuple(columns), dict(content["left_out"]), str(content["missing"]), classes)


def fit_encoding(
    raw: RawTable,
    *,
    columns: Collection[str] | None = None,
    drop: Collection[str] = (),
    missing: str = "fill",
    name: str = "data",
) -> Encoding:
    """Learn how the columns of a table become features.

    Parameters
    ----------
    raw : RawTable
    columns : collection of str, optional
        The only columns to take; what is named here is taken although it looks like an index or an identifier.
    drop : collection of str
        Columns not to take.
    missing : {"fill", "refuse"}
        Whether missing values are filled, numbers by the median and categories by a level of their own.
    name : str
        What error messages call the table.

    Returns
    -------
    Encoding

    Raises
    ------
    InvalidArgument
        If columns are not there, or hold numbers and words; if all are left out; if values miss and that is refused.
    """
    if missing not in MISSING_CHOICES:
        raise InvalidArgument("missing", missing, f"must be one of {', '.join(MISSING_CHOICES)}")
    for option, names in (("columns", columns or ()), ("drop", drop)):
        unknown = [title for title in names if title not in raw.columns]
        if unknown:
            raise InvalidArgument(
                option,
                unknown[0],
                f"no such column beside the target; {nearest(unknown[0], raw.columns)}there are {listed(raw.columns)}",
            )
    rare = max(2, min(RARE_ROWS, int(np.ceil(RARE_SHARE * raw.rows))))
    found: dict[str, NumberColumn | CategoryColumn] = {}
    left_out: dict[str, str] = {}
    problems = []
    for title, column in raw.columns.items():
        if title in drop or (columns is not None and title not in columns):
            continue
        outcome = _learn(title, column, rare, raw, columns is not None)
        if isinstance(outcome, _LeftOut) and outcome.refused in (
            ("always",) if columns is None else ("always", "named")
        ):
            problems.append(f"column {title!r}: {outcome.reason}")
        elif isinstance(outcome, _LeftOut):
            left_out[title] = outcome.reason
        else:
            found[title] = outcome
    _raise(problems, raw, name, "mend the table, or leave out by --drop")
    answers = {} if raw.target is None else {raw.target_name: raw.target}
    _check_values({title: raw.columns[title] for title in found} | answers, raw, name, missing=missing)
    if not found:
        why = "; ".join(f"{title!r} {reason}" for title, reason in list(left_out.items())[:8])
        raise InvalidArgument(name, raw.source, f"has no column to learn from besides the target{why and f': {why}'}")
    encoding = Encoding(_without_twins(found, raw), left_out, missing)
    twice, count = Counter(encoding.features).most_common(1)[0]
    if count > 1:
        raise InvalidArgument(name, raw.source, f"two features would be named {twice!r}: rename a column of the table")
    return encoding


def numbers_only(names: Collection[str]) -> Encoding:
    """The encoding of a table of numbers of which none misses, taken as they are; missing ones are refused."""
    return Encoding(tuple(NumberColumn(name, 0.0) for name in names), {}, missing="refuse")


@dataclass(frozen=True)
class _LeftOut:
    """Why a column is no feature, and who is refused then: nobody, those who asked for it by name, or everybody."""

    reason: str
    refused: Literal["never", "named", "always"] = "never"


def _learn(
    title: str, column: Any, rare: int, raw: RawTable, asked_for: bool
) -> NumberColumn | CategoryColumn | _LeftOut:
    """How a column is encoded, or why it is not."""
    kind = kind_of(column)
    if kind == "empty":
        return _LeftOut("empty")
    if (title in raw.index or INDEX_NAME.fullmatch(title)) and not asked_for:
        return _LeftOut("the table's row index")
    if kind == "number":
        return _learn_number(title, column, rare, asked_for)
    if kind == "category":
        problem = _mixture(column, rare, raw.decimal) or _measured(column, rare)
        return problem or _learn_category(title, column, rare)
    return _LeftOut(_type_name(column), refused="named")


def _learn_number(title: str, column: Any, rare: int, asked_for: bool) -> NumberColumn | _LeftOut:
    values = numbers(column)
    missing = np.isnan(values)
    present = values[~missing]
    filled = int(missing.sum())
    varies = bool(present.min() < present.max())
    if not varies and filled < rare:
        return _LeftOut(f"always {present[0]:g}" + (" or missing" if filled else ""))
    largest = float(np.abs(present).max())
    if varies and np.isfinite(largest) and np.ptp(present) <= ROUNDING * largest:
        return _LeftOut(f"always {present[0]:g} but for the last digits, which floating-point numbers lose")
    if present.size < rare:
        return _LeftOut(f"all but {present.size} values missing")
    whole = bool((present == np.round(present)).all())
    unlike = np.unique(present).size == present.size or largest > EXACT
    if is_identifier_name(title) and whole and not filled and unlike and not asked_for:
        return _LeftOut("an identifier by its name: whole numbers, no two alike")
    # Infinite values are refused later, with all others.
    fill = float(np.median(present[np.isfinite(present)])) if np.isfinite(present).any() else 0.0
    return NumberColumn(title, fill, varies, filled >= rare, filled)


def _learn_category(title: str, column: Any, rare: int) -> CategoryColumn | _LeftOut:
    boolean = _is_boolean(column)
    words, codes = distinct(column, boolean)
    counts = dict(zip(words, np.bincount(codes, minlength=len(words)).tolist(), strict=True))
    kept = [word for word in words if counts[word] >= rare]
    if len(words) == 1:
        return _LeftOut(f"always {words[0]!r}")
    if all(count == 1 for word, count in counts.items() if word != MISSING):
        return _LeftOut("text, no two rows alike", refused="named")
    if kept in ([], [MISSING]):
        return _LeftOut(f"text of {len(words)} levels, none of them in {rare} rows", refused="named")
    if len(kept) > MOST_LEVELS:
        return _LeftOut(f"text of {len(kept)} levels; at most {MOST_LEVELS} are taken", refused="named")
    base = "false" if boolean and "false" in kept else max(sorted(kept), key=counts.__getitem__)
    pooled = sorted(word for word in words if word not in kept)
    rows = sum(counts[word] for word in pooled)
    levels = (base, *sorted(word for word in kept if word != base), *([RARE] if rows >= rare else []))
    if len(levels) == 1:
        return _LeftOut(f"{base!r} in all but {rows} row{'s' * (rows != 1)}")
    return CategoryColumn(title, levels, tuple(pooled), boolean, counts.get(MISSING, 0))


def _mixture(column: Any, rare: int, decimal: str) -> _LeftOut | None:
    """What is wrong with numbers that have words among them; None where they repeat as categories do."""
    if not is_text(column.type):
        return None
    words, codes = distinct(column)
    counts = np.bincount(codes, minlength=len(words))
    are_words = np.array([word != MISSING for word in words])
    as_numbers = np.array([reads_as_number(word, decimal) for word in words]) & are_words
    present = counts[are_words].sum()
    repeated = counts[are_words & (counts >= rare)].sum()
    if 2 * counts[as_numbers].sum() < present or (2 * repeated >= present and len(words) <= MOST_LEVELS):
        return None
    row, word = _first_word(column, decimal)
    return _LeftOut(f"holds numbers, but {word[:40]!r} in row {row}", refused="always")


def _measured(column: Any, rare: int) -> _LeftOut | None:
    """What is wrong with numbers that have a sign or unit about them; None where they repeat as categories do."""
    if not is_text(column.type):
        return None
    words, codes = distinct(column)
    counts = np.bincount(codes, minlength=len(words))
    present = sum(count for word, count in zip(words, counts, strict=True) if word != MISSING)
    repeated = sum(count for word, count in zip(words, counts, strict=True) if word != MISSING and count >= rare)
    if 2 * repeated >= present and len(words) <= MOST_LEVELS:
        return None
    found: Counter[tuple[str, str]] = Counter()
    for word, count in zip(words, counts.tolist(), strict=True):
        match = MEASURED.fullmatch(word)
        if match and (match["before"] or match["after"]):
            found[match["before"], match["after"].strip()] += count
    if not found or found.most_common(1)[0][1] < MEASURED_SHARE * present:
        return None
    sign = " and ".join(repr(part) for part in found.most_common(1)[0][0] if part)
    row, word = _first_word(column)
    return _LeftOut(
        f"holds numbers written with {sign}, such as {word[:40]!r} in row {row} (leave plain numbers, without "
        "separators of thousands)",
        refused="always",
    )


def _without_twins(
    found: Mapping[str, NumberColumn | CategoryColumn], raw: RawTable
) -> tuple[NumberColumn | CategoryColumn, ...]:
    """The columns, with one mark for values that miss in the same rows of several columns."""
    seen: set[bytes] = set()

    def mask(title: str) -> bytes:
        missing = raw.columns[title].is_null(nan_is_null=True).to_numpy(zero_copy_only=False)
        return np.packbits(missing).tobytes()

    for title, column in found.items():
        if isinstance(column, CategoryColumn) and MISSING in column.levels:
            seen.add(mask(title))
    out = []
    for title, column in found.items():
        if isinstance(column, NumberColumn) and column.marked and column.varies:
            places = mask(title)
            column = replace(column, marked=places not in seen)
            seen.add(places)
        out.append(column)
    return tuple(out)


def kind_of(column: Any) -> str:
    """``number``, ``category``, ``date``, ``empty``, or ``other`` for what is none of these."""
    from pyarrow import types

    kind = column.type
    declared = types.is_dictionary(kind)
    kind = kind.value_type if declared else kind
    if column.null_count == len(column):
        return "empty"
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        if declared:
            return "category"
        return "empty" if np.isnan(numbers(column)).all() else "number"
    if types.is_boolean(kind):
        return "category"
    if is_text(kind):
        return "date" if not declared and _looks_like_dates(column) else "category"
    return "date" if types.is_temporal(kind) else "other"


def numbers(column: Any) -> FloatArray:
    """Values of an Arrow array of numbers or truth values as floats, shape (n,); NaN where one misses."""
    import pyarrow
    from pyarrow import types

    if types.is_null(column.type):
        return np.full(len(column), np.nan)
    if types.is_boolean(column.type):
        column = column.cast(pyarrow.int8())
    return np.array(column.cast(pyarrow.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)


def distinct(column: Any, boolean: bool = False) -> tuple[list[str], Any]:
    """Levels of an Arrow array as text, in the order in which they come, and the place of every row's level among them.

    Missing values and blank text are the level ``(missing)``.
    """
    import pyarrow
    from pyarrow import compute, types

    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if types.is_floating(column.type):
        column = compute.if_else(compute.is_nan(column), pyarrow.scalar(None, column.type), column)
    text = compute.utf8_trim_whitespace(column.cast(_text_type()))
    if boolean:
        text = compute.utf8_lower(text)
    filled = compute.fill_null(text, MISSING)
    filled = compute.if_else(compute.equal(filled, ""), MISSING, filled)
    encoded = filled.dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy()


def is_identifier_name(title: str) -> bool:
    """Whether a column of this name numbers or names its rows.

    >>> [is_identifier_name(name) for name in ("id", "customer_id", "PassengerId", "humid", "price index")]
    [True, True, True, False, False]
    """
    return bool(ID_NAME.fullmatch(title) or CAMEL_ID.fullmatch(title))


def _is_boolean(column: Any) -> bool:
    from pyarrow import types

    return bool(types.is_boolean(column.type))


def _looks_like_dates(column: Any) -> bool:
    from pyarrow import compute

    present = column.drop_null()
    return bool(compute.all(compute.match_substring_regex(present, DATE)).as_py())


def _check_values(columns: Mapping[str, Any], raw: RawTable, name: str, *, missing: str) -> None:
    """Raise for infinite values, and for missing ones where they are refused; all columns at once."""
    infinite, lacking = {}, {}
    for title, column in columns.items():
        if kind_of(column) == "number":
            values = numbers(column)
            bad = np.flatnonzero(np.abs(values) > LARGEST)
            if bad.size:
                infinite[title] = (values[bad[0]], int(bad[0]) + 1, int(bad.size))
        if missing == "refuse":
            words, codes = (None, numbers(column)) if kind_of(column) in ("number", "empty") else distinct(column)
            rows = np.isnan(codes) if words is None else codes == (words.index(MISSING) if MISSING in words else -1)
            if rows.any():
                lacking[title] = (int(rows.sum()), int(np.argmax(rows)) + 1)
    if infinite:
        found = ", ".join(f"{value:g} in column {t!r}, row {row} ({n} such)" for t, (value, row, n) in infinite.items())
        advice = "mend them, or leave these columns out by --drop"
        raise InvalidArgument(name, found, f"every value must be finite, and at most {LARGEST:g} in size: {advice}")
    if lacking:
        found = ", ".join(f"{count} in {t!r} (first in row {row})" for t, (count, row) in lacking.items())
        raise InvalidArgument(
            name, f"missing values: {found}", "give --missing fill, or leave these columns out by --drop"
        )


def _raise(problems: Collection[str], raw: RawTable, name: str, advice: str) -> None:
    """Raise one error about all problems, if there are any."""
    if problems:
        words = "; ".join(list(problems)[:8]) + (f"; and {len(problems) - 8} more" if len(problems) > 8 else "")
        raise InvalidArgument(name, raw.source, f"{words}: {advice}")


def _first_word(column: Any, decimal: str = ".") -> tuple[int, str]:
    """Row, counted from 1, and text of the first cell of an Arrow array of text that is no number."""
    cells = ((row, cell) for row, cell in enumerate(column.to_pylist(), 1) if cell and cell.strip())
    return next(((row, cell) for row, cell in cells if not reads_as_number(cell, decimal)), (1, ""))


def _text_type() -> Any:
    import pyarrow

    return pyarrow.string()


def _type_name(column: Any) -> str:
    return "dates or times" if kind_of(column) == "date" else str(column.type)


def _values(count: int) -> str:
    return f"{count} missing value{'s' * (count != 1)}"
