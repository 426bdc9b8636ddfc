"""File kinds x oddities x commands: each is right, or one line with the cause; never a traceback or half an output.

Every oddity meets a command that learns and another one, in two kinds of files; not every triple is run.
"""

import datetime
import decimal
import gzip
import json

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from shallows.cli import main
from shallows.report import fit_page

ROWS = 40
TEXT, PARQUET, ARRAYS = ("csv", "tsv", "txt", "csv.gz"), ("parquet",), ("npz", "npy")


def plain():
    rng = np.random.default_rng(5)
    a, b = rng.normal(1, 2, ROWS).round(3), rng.normal(0, 1, ROWS).round(3)
    return {"a": a.tolist(), "b": b.tolist(), "y": (a - 2 * b + rng.normal(0, 0.5, ROWS)).round(3).tolist()}


def with_column(name, values):
    return lambda columns: {name: list(values)} | columns


def changed(name, change):
    return lambda columns: columns | {name: change(columns[name])}


def at(place, value):
    return lambda values: [value if row == place else each for row, each in enumerate(values)]


def renamed(old, new):
    return lambda columns: {new if name == old else name: values for name, values in columns.items()}


def typed(kind, change=float, name="a"):
    """A column of an Arrow type."""
    return lambda columns: columns | {name: pyarrow.array([change(v) for v in columns[name]], kind)}


def cycle(*values):
    return [values[row % len(values)] for row in range(ROWS)]


HUGE, DAY = 1e200, datetime.datetime(2020, 1, 1)
#: What is done to the columns; whether the table can then be learned from, or words of the line that says why not.
COLUMNS = {
    "as it is": (lambda columns: columns, True),
    "index": (with_column("", range(ROWS)), True),
    "index of pandas": (with_column("Unnamed: 0", range(ROWS)), True),
    "identifier": (with_column("customer_id", range(100, 100 + ROWS)), True),
    "dates": (with_column("when", [f"2020-02-{1 + row % 28:02}" for row in range(ROWS)]), True),
    "category": (with_column("c", cycle("u", "v", "v", "w")), True),
    "gaps": (changed("a", at(3, None)), True),
    "gaps in a category": (with_column("c", cycle("u", None, "v", "v", "u")), True),
    "gaps in labels": (changed("y", at(3, None)), True),
    "constant": (with_column("k", cycle(3)), True),
    "empty": (with_column("k", cycle(None)), True),
    "truth values": (with_column("t", cycle("true", "false", "false")), True),
    "whole numbers": (with_column("w", cycle(1, 2, 5)), True),
    "names": (with_column("who", [f"person {row}" for row in range(ROWS)]), True),
    "copied column": (lambda columns: {"copy": columns["a"]} | columns, True),
    "twice a column": (lambda columns: {"double": [2 * v for v in columns["a"]]} | columns, True),
    "tiny": (lambda columns: {"small": [1e-200 * v for v in columns["b"]]} | columns, True),
    "large": (changed("a", lambda values: [1e30 * v for v in values]), True),
    "offset": (changed("a", lambda values: [1e9 + v for v in values]), True),
    "unicode name": (renamed("a", "größe µ"), True),
    "blanks in a name": (renamed("a", "size of it"), True),
    "comma in a name": (renamed("a", "size, cm"), True),
    "quote in a name": (renamed("a", 'size "x"'), True),
    "markup in a name": (renamed("a", "<b>&{{1}}"), True),
    "formula as a name": (renamed("a", "=1+1"), True),
    "classes": (changed("y", lambda values: ["yes" if v > 0 else "no" for v in values]), True),
    "numbered classes": (changed("y", lambda values: [int(v > 0) for v in values]), True),
    "infinite": (changed("a", at(2, float("inf"))), "must be finite"),
    "beyond range": (changed("a", at(2, HUGE)), "must be finite"),
    "infinite label": (changed("y", at(2, float("-inf"))), "must be finite"),
    "a stray word": (changed("a", at(2, "tall")), "holds numbers, but 'tall' in row 3"),
    "thousands": (changed("a", at(2, "1_000")), "holds numbers, but '1_000' in row 3"),
    "one class": (changed("y", lambda values: cycle("yes")), "is 0 in every row"),
    "constant labels": (changed("y", lambda values: cycle(2)), "is 2 in every row"),
    "words as labels": (changed("y", lambda values: cycle("u", "v", "w")), "must be numbers, or words of two classes"),
    "dates as labels": (changed("y", lambda values: cycle("2020-01-01", "2020-01-02")), "holds dates or times"),
    "no labels": (changed("y", lambda values: cycle(None)), "is empty"),
    "no target": (renamed("y", "z"), "no such column"),
    "two rows": (lambda columns: {name: values[:2] for name, values in columns.items()}, "at least 3 rows"),
    "no rows": (lambda columns: {name: values[:0] for name, values in columns.items()}, "no rows"),
    "only the target": (lambda columns: {"y": columns["y"]}, "one column besides the target"),
    "nothing to learn from": (lambda columns: {"k": cycle(1), "y": columns["y"]}, "no column to learn from"),
}
#: The same for what only Parquet files have.
ARROW = {
    "nullable": (typed(pyarrow.float64(), lambda v: None if v > 3 else v), True),
    "single": (typed(pyarrow.float32()), True),
    "half": (typed(pyarrow.float16(), np.float16), True),
    "small integers": (typed(pyarrow.int8(), round), True),
    "large integers": (typed(pyarrow.uint64(), lambda v: 2**63 + round(v)), True),
    "decimals": (typed(pyarrow.decimal128(10, 3), lambda v: decimal.Decimal(str(v))), True),
    "truth": (typed(pyarrow.bool_(), lambda v: v > 0), True),
    "nullable truth": (typed(pyarrow.bool_(), lambda v: None if v > 3 else v > 0), True),
    "dictionary": (typed(pyarrow.dictionary(pyarrow.int32(), pyarrow.string()), lambda v: "u" if v > 0 else "v"), True),
    "large text": (typed(pyarrow.large_string(), lambda v: "u" if v > 0 else "v"), True),
    "text view": (typed(pyarrow.string_view(), lambda v: "u" if v > 0 else "v"), True),
    "timestamps": (typed(pyarrow.timestamp("us"), lambda v: DAY + datetime.timedelta(days=round(v))), True),
    "durations": (typed(pyarrow.duration("s"), lambda v: datetime.timedelta(days=round(v))), True),
    "lists": (typed(pyarrow.list_(pyarrow.float64()), lambda v: [v]), True),
    "structures": (typed(pyarrow.struct([("v", pyarrow.float64())]), lambda v: {"v": v}), True),
    "bytes": (typed(pyarrow.binary(), lambda v: str(v).encode()), True),
    "null": (typed(pyarrow.null(), lambda v: None), True),
    "decimals as labels": (typed(pyarrow.decimal128(10, 3), lambda v: decimal.Decimal(str(v)), "y"), True),
    "truth as labels": (typed(pyarrow.bool_(), lambda v: v > 0, "y"), True),
    "lists as labels": (typed(pyarrow.list_(pyarrow.float64()), lambda v: [v], "y"), "holds list"),
    "times as labels": (typed(pyarrow.timestamp("us"), lambda v: DAY, "y"), "holds dates or times"),
}
#: What is done to the bytes of a text file, options to read it with, and whether it can be read.
BYTES = {
    "mark": (lambda raw: b"\xef\xbb\xbf" + raw, [], True),
    "utf-16": (lambda raw: raw.decode().encode("utf-16"), [], True),
    "latin-1": (lambda raw: raw.replace(b"a", "é".encode("latin-1"), 1), [], True),
    "windows": (lambda raw: raw.replace(b"\n", b"\r\n"), [], True),
    "old mac": (lambda raw: raw.replace(b"\n", b"\r"), [], True),
    "no last line end": (lambda raw: raw.rstrip(), [], True),
    "empty lines": (lambda raw: b"\n\n" + raw + b"\n\n", [], True),
    "comments": (lambda raw: b"# by us\n" + raw + b"# the end\n", [], True),
    "comment without mark": (lambda raw: b"by us\n" + raw, [], "no such column|has one column|not a readable table"),
    "quoted": (lambda raw: b'"' + raw.replace(b"SEP", b'"SEP"').replace(b"\n", b'"\n"').rstrip(b'"'), [], True),
    "blanks": (lambda raw: raw.replace(b"SEP", b" SEP "), [], True),
    "semicolons": (lambda raw: raw.replace(b"SEP", b";"), ["--delimiter", ";"], True),
    "semicolons untold": (lambda raw: raw.replace(b"SEP", b";"), [], "give --delimiter ';'"),
    "bars": (lambda raw: raw.replace(b"SEP", b"|"), ["--delimiter", "|"], True),
    "decimal commas": (
        lambda raw: raw.replace(b".", b",").replace(b"SEP", b";"),
        ["--delimiter", ";", "--decimal", ","],
        True,
    ),
    "decimal commas untold": (
        lambda raw: raw.replace(b".", b",").replace(b"SEP", b";"),
        ["--delimiter", ";"],
        "give --decimal ,",
    ),
    "duplicate names": (lambda raw: raw.replace(b"b", b"a", 1), [], "several columns named 'a'"),
    "nameless column": (lambda raw: raw.replace(b"b", b"", 1), [], "no name for column 2"),
    "no names": (lambda raw: raw.partition(b"\n")[2], [], "numbers in its first line"),
    "ragged": (lambda raw: raw + b"1SEP2\n", [], "2 values for 3 column names"),
    "end of row": (lambda raw: raw.replace(b"\n", b"SEP\n"), [], True),
    "zero bytes": (lambda raw: raw + b"\0\0", [], "not a text file"),
    "nothing": (lambda raw: b"", [], "is empty|no line of column names|no such column"),
    "blank": (lambda raw: b"\n \n", [], "no line of column names"),
    "unclosed quote": (lambda raw: raw + b'"1SEP2SEP3\n', [], "not a readable table|no name|values for"),
}
#: What is put in place of the file, whatever is in it.
DAMAGE = {
    "cut": (lambda raw: raw[: len(raw) // 2], "cannot be read|not a readable|not a plain NumPy file|values for"),
    "noise": (lambda raw: bytes(range(256)), "cannot be read|not a readable|not a plain NumPy file|not a text file"),
    "empty file": (lambda raw: b"", "is empty"),
}
COMMANDS = (("fit diagonal", "prune"), ("fit quadratic", "apply"), ("train", "forecast"))


def write(kind, folder, columns, change=None):
    """Write the columns; what names them on the command line."""
    path = folder / f"t.{kind}"
    if kind == "parquet":
        arrays = {name: pyarrow.array(v) if isinstance(v, list) else v for name, v in columns.items()}
        parquet.write_table(pyarrow.table(arrays), path)
    elif kind == "npz":
        np.savez(path, X=np.array([columns["a"], columns["b"]], dtype=float).T, y=columns["y"])
    elif kind == "npy":
        np.save(path, np.array([columns["a"], columns["b"]], dtype=float).T)
        np.save(folder / "y.npy", columns["y"])
        return [path.name, "--target", "y.npy"]
    else:
        mark = b"\t" if kind == "tsv" else b","

        def cell(value):
            text = "" if value is None else str(value)
            return '"' + text.replace('"', '""') + '"' if set(text) & set(',"') else text

        lines = [
            "SEP".join(map(cell, columns)),
            *("SEP".join(map(cell, row)) for row in zip(*columns.values(), strict=True)),
        ]
        raw = ("\n".join(lines) + "\n").encode()
        raw = (change(raw) if change else raw).replace(b"SEP", mark)
        raw = raw.replace("SEP".encode("utf-16-le"), mark.decode().encode("utf-16-le"))
        path.write_bytes(gzip.compress(raw) if kind.endswith("gz") else raw)
    return [path.name]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A weights file for columns a and b."""
    folder = tmp_path_factory.mktemp("weights")
    (given,) = write("parquet", folder, plain())
    out = folder / "w.safetensors"
    arguments = ["train", str(folder / given), "--network", "diagonal", "--weight-decay", "1", "--out", str(out)]
    assert main(arguments) == 0
    return out


def arguments_of(command, given, weights):
    """The command line, and the files that it writes where it succeeds."""
    if command.startswith("fit"):
        _, network = command.split()
        return ["fit", *given, "--network", network, "--weight-decay", "1", "--json", "--out", "out"], {"out"}
    if command == "train":
        options = ["--network", "diagonal", "--weight-decay", "1", "--json", "--out", "w.safetensors"]
        return ["train", *given, *options], {"w.safetensors"}
    if command == "forecast":
        return ["forecast", *given, "--network", "diagonal", "--weight-decay", "1", "--json"], set()
    if command == "prune":
        return ["prune", weights, "--data", *given, "--out", "p.safetensors", "--json"], {"p.safetensors"}
    assert command == "apply"
    # It finds the target by itself.
    return [
        "apply",
        weights,
        *(each for each in given if each not in ("--target", "y.npy")),
        "--out",
        "p.csv",
        "--json",
    ], {"p.csv"}


def check(run, folder, command, given, expected, weights, monkeypatch):
    monkeypatch.setattr(fit_page, "_figures", lambda *_: [])
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    arguments, written = arguments_of(command, given, weights)
    result = run(*arguments)
    assert "internal error" not in result.err, result.err
    after = {path.name for path in folder.iterdir()}
    if result.code == 0:
        json.loads(result.out, parse_constant=lambda word: pytest.fail(word))
        assert after == set(before) | written
    else:
        *progress, last = result.err.splitlines()
        assert last.startswith("shallows: ")
        assert not progress or result.code == 1, result.err
        assert after == set(before)
        # No forecast, or no minimum of columns that nobody scaled: an answer, which JSON has, too.
        assert result.code == 2 or command in ("forecast", "train")
        assert result.code == 1 or result.out == ""
    assert all((folder / name).read_bytes() == content for name, content in before.items())
    if command in ("prune", "apply"):  # the weights are of other columns
        return
    if expected is True:
        assert result.code in (0, 1), result.err
    else:
        assert result.code == 2, result.out
        assert any(words in result.err for words in expected.split("|")), result.err


def pairs(oddities, kinds):
    """Every oddity with two commands, these and the kinds of files in turn."""
    return [
        (name, command, kinds[(row + column) % len(kinds)])
        for row, name in enumerate(oddities)
        for column, command in enumerate(COMMANDS[row % len(COMMANDS)])
    ]


@pytest.mark.parametrize(("oddity", "command", "kind"), pairs(COLUMNS, TEXT + PARQUET))
def test_columns(run, tmp_path, weights, monkeypatch, oddity, command, kind):
    change, expected = COLUMNS[oddity]
    columns = change(plain())
    if kind == "parquet":  # has one type a column
        columns = {
            name: [str(v) if v is not None else v for v in values]
            if any(isinstance(v, str) for v in values)
            else values
            for name, values in columns.items()
        }
    check(run, tmp_path, command, write(kind, tmp_path, columns), expected, weights, monkeypatch)


@pytest.mark.parametrize(("oddity", "command", "kind"), pairs(ARROW, PARQUET))
def test_arrow_types(run, tmp_path, weights, monkeypatch, oddity, command, kind):
    change, expected = ARROW[oddity]
    check(run, tmp_path, command, write(kind, tmp_path, change(plain())), expected, weights, monkeypatch)


@pytest.mark.parametrize(("oddity", "command", "kind"), pairs(BYTES, TEXT))
def test_bytes_of_text_files(run, tmp_path, weights, monkeypatch, oddity, command, kind):
    change, options, expected = BYTES[oddity]
    given = write(kind, tmp_path, plain(), change)
    check(run, tmp_path, command, [*given, *options], expected, weights, monkeypatch)


@pytest.mark.parametrize(("damage", "command", "kind"), pairs(DAMAGE, ("csv.gz", "parquet", "npz", "npy")))
def test_damaged_files(run, tmp_path, weights, monkeypatch, damage, command, kind):
    change, expected = DAMAGE[damage]
    given = write(kind, tmp_path, plain())
    (tmp_path / given[0]).write_bytes(change((tmp_path / given[0]).read_bytes()))
    check(run, tmp_path, command, given, expected, weights, monkeypatch)


X, Y = np.array([plain()["a"], plain()["b"]]).T, np.array(plain()["y"])
NUMPY = {
    "as they are": (X, Y, True),
    "whole numbers": (X.round().astype(int), Y.round().astype("int8"), True),
    "single": (X.astype("float32"), Y.astype("float16"), True),
    "truth": (X > 0, Y > 0, True),
    "a column of labels": (X, Y[:, None], True),
    "columns first": (np.asfortranarray(X), Y, True),
    "big-endian": (X.astype(">f8"), Y.astype(">f4"), True),
    "gaps": (np.where(X > 3, np.nan, X), Y, True),
    "infinite": (np.where(X > 3, np.inf, X), Y, "must be finite"),
    "one column": (X[:, :1], Y, True),
    "a vector": (X[:, 0], Y, "must have 2 dimension(s)"),
    "three dimensions": (X[None], Y, "must have 2 dimension(s)"),
    "complex": (X.astype(complex), Y, "not real numbers"),
    "text": (X.astype(str), Y, "not real numbers"),
    "records": (np.zeros(ROWS, [("a", float)]), Y, "not real numbers"),
    "dates": (X, np.full(ROWS, np.datetime64("2020-01-01")), "not real numbers"),
    "objects": (X.astype(object), Y, "or it holds objects|Object arrays cannot be loaded"),
    "fewer labels": (X, Y[:-1], "40 rows and the target 39"),
    "no columns": (X[:, :0], Y, "one column besides the target|no column to learn from"),
    "no rows": (X[:0], Y[:0], "at least 3 rows"),
    "a number": (X, np.float64(1), "must have 1 dimension(s)"),
}


@pytest.mark.parametrize(("oddity", "command", "kind"), pairs(NUMPY, ARRAYS))
def test_arrays(run, tmp_path, weights, monkeypatch, oddity, command, kind):
    inputs, labels, expected = NUMPY[oddity]
    if kind == "npz":
        np.savez(tmp_path / "t.npz", X=inputs, y=labels)
        given = ["t.npz"]
    else:
        np.save(tmp_path / "t.npy", inputs)
        np.save(tmp_path / "y.npy", labels)
        given = ["t.npy", "--target", "y.npy"]
    check(run, tmp_path, command, given, expected, weights, monkeypatch)


@pytest.mark.parametrize("oddity", [*list(COLUMNS)[::5], *list(BYTES)[::4]])
def test_curves(run, tmp_path, monkeypatch, oddity):
    columns, change = plain(), None
    curve = {"n": [100 * 2 ** (row % 8) for row in range(ROWS)], "risk": [1 / (1 + row % 8) for row in range(ROWS)]}
    columns = {"a": curve["n"], "b": curve["risk"], "y": curve["risk"]}
    if oddity in COLUMNS:
        columns = COLUMNS[oddity][0](columns)
    else:
        change = BYTES[oddity][0]
    (given,) = write("csv", tmp_path, columns, change)
    result = run("exponents", given, "--x", "a", "--y", "y", "--json")
    assert "internal error" not in result.err, result.err
    assert {path.name for path in tmp_path.iterdir()} == {given}
    if result.code == 0:
        json.loads(result.out, parse_constant=lambda word: pytest.fail(word))
    else:
        assert (result.code, result.out, result.err.count("\n")) == (2, "", 1), result.err
        assert result.err.startswith("shallows: ")
    if oddity != "no names":  # without a line of names the columns are n, risk, stderr
        named = run("exponents", given)
        assert (named.code, named.err.count("\n")) == (2, 1)
