"""A table as it is, on the command line: every kind of file through every command, right or one line with the cause."""

import gzip
import json

import numpy as np
import pyarrow
import pytest
from pyarrow import csv, parquet

from shallows.cli import main
from shallows.estimators.files import load_model

ROWS = 80
FEATURES = ["height", "weight", "weight=(missing)", "colour=green", "colour=red", "smoker=true"]
NOTES = [
    "left out: 2 rows without a label",
    "left out: 'customer_id' (an identifier by its name: whole numbers, no two alike)",
    "left out: 'name' (text, no two rows alike)",
    "left out: 'when' (dates or times)",
    "left out: 'unit' (always 'cm')",
    "'weight': 8 missing values filled with the median {median:.4g}; 'weight=(missing)' marks them",
    "'colour': 3 levels, base 'blue', columns 'colour=green', 'colour=red'",
    "'smoker': 2 levels, base 'false', columns 'smoker=true'",
]
INDEX = {"csv": "the nameless first column", "parquet": "'__index_level_0__'"}


def messy():
    """Columns of a table as people have them, without its index."""
    rng = np.random.default_rng(3)
    height, weight = rng.normal(170, 10, ROWS).round(1), rng.normal(70, 9, ROWS).round(1)
    colour = rng.choice(["red", "green", "blue"], ROWS, p=[0.3, 0.2, 0.5])
    smoker = rng.random(ROWS) < 0.4
    y = 0.1 * height + (colour == "red") - 2 * smoker + rng.normal(0, 0.3, ROWS)
    return {
        "customer_id": (rng.permutation(ROWS) + 500).tolist(),
        "name": [f"person {i}" for i in range(ROWS)],
        "height": height.tolist(),
        "weight": [None if i % 10 == 3 else float(value) for i, value in enumerate(weight)],
        "colour": colour.tolist(),
        "smoker": smoker.tolist(),
        "when": [f"2020-{1 + i % 12:02}-05" for i in range(ROWS)],
        "unit": ["cm"] * ROWS,
        "y": [None if i in (7, 50) else float(value) for i, value in enumerate(y.round(4))],
    }


def as_csv(columns, delimiter=",", decimal="."):
    """The text of a table; missing values are empty."""
    lines = [delimiter.join(columns)]
    for row in zip(*columns.values(), strict=True):
        cells = ["" if cell is None else str(cell) for cell in row]
        if decimal != ".":
            cells = [cell.replace(".", decimal) for cell in cells]
        lines.append(delimiter.join(cells))
    return "\n".join(lines) + "\n"


def indexed(columns):
    """With an index that is shuffled along, and a little like the labels."""
    return {"": np.random.default_rng(0).permutation(ROWS).tolist()} | columns


def write(kind, path, columns):
    """Write a table as a file of this kind; its name, and the options to read it with."""
    if kind.startswith("parquet"):
        table = pyarrow.table(columns)
        if kind == "parquet, dictionary":
            place = table.column_names.index("colour")
            table = table.set_column(place, "colour", table.column("colour").dictionary_encode())
        if kind == "parquet, index":
            told = json.dumps({"index_columns": ["__index_level_0__"], "columns": []})
            table = table.append_column("__index_level_0__", pyarrow.array(indexed(columns)[""]))
            table = table.replace_schema_metadata({"pandas": told})
        parquet.write_table(table, path / "t.parquet")
        return ["t.parquet"]
    if kind == "csv by arrow":
        csv.write_csv(pyarrow.table(columns), path / "t.csv")
        return ["t.csv"]
    text = as_csv(indexed(columns) if "index" in kind else columns)
    if kind == "csv.gz":
        (path / "t.csv.gz").write_bytes(gzip.compress(text.encode()))
        return ["t.csv.gz"]
    if kind == "semicolons":
        (path / "t.csv").write_text(as_csv(columns, ";", ","))
        return ["t.csv", "--delimiter", ";", "--decimal", ","]
    if kind == "tsv":
        (path / "t.tsv").write_text(text.replace(",", "\t"))
        return ["t.tsv"]
    changed = {
        "csv, latin-1": text.replace("person", "Bürger").encode("latin-1"),
        "csv, bom": b"\xef\xbb\xbf" + text.encode(),
    }
    changed["csv, windows"] = text.replace("\n", "\r\n").encode()
    changed["csv, comments"] = b"# measured in May, by us\n" + text.encode()
    changed["csv, blanks"] = text.replace(",", " , ").encode()
    changed["csv, words"] = text.replace(",,", ",NA,").encode()
    (path / "t.csv").write_bytes(changed.get(kind, text.encode()))
    return ["t.csv"]


KINDS = [
    *("csv", "csv, index", "csv.gz", "semicolons", "tsv", "csv, latin-1", "csv, bom", "csv, windows", "csv, comments"),
    *("csv, blanks", "csv, words", "csv by arrow", "parquet", "parquet, index", "parquet, dictionary"),
]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """The folder of a fit to the plain table."""
    folder = tmp_path_factory.mktemp("fitted")
    (folder / "t.csv").write_text(as_csv(messy()))
    assert main(["fit", str(folder / "t.csv"), "--network", "diagonal", "--out", str(folder / "fit")]) == 0
    return folder / "fit"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_trains_the_same(run, tmp_path, kind, fitted):
    given = write(kind, tmp_path, messy())
    result = run("train", *given, "--network", "diagonal", "--weight-decay", "1", "--out", "w.safetensors", "--json")
    assert result.code == 0, result.err
    content = json.loads(result.out)
    notes = [
        note
        for note in content["table"]["notes"]
        if "row index" not in note and "skipped" not in note and "UTF" not in note
    ]
    weights = [weight for weight, y in zip(messy()["weight"], messy()["y"], strict=True) if None not in (weight, y)]
    assert notes == [note.format(median=np.median(weights)) for note in NOTES]
    index = [note for note in content["table"]["notes"] if "row index" in note]
    assert index == ([f"left out: {INDEX[kind.split(',')[0]]} (the table's row index)"] if "index" in kind else [])
    assert (content["table"]["rows"], content["table"]["features"]) == (78, 6)
    model = load_model(tmp_path / "w.safetensors")
    assert list(model.features) == FEATURES
    reference = tmp_path / "reference"
    reference.mkdir()
    write("csv", reference, messy())
    plain = run("train", "reference/t.csv", "--network", "diagonal", "--weight-decay", "1", "--json")
    assert json.loads(plain.out)["objective"] == content["objective"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_is_predicted_for_the_same(run, tmp_path, kind, fitted):
    given = write(kind, tmp_path, messy())
    result = run("apply", fitted, *given, "--json")
    assert result.code == 0, result.err
    content = json.loads(result.out)
    assert (content["rows"], content["target"], content["written"]) == (ROWS, "y", None)
    (tmp_path / "plain").mkdir()
    plain = json.loads(run("apply", fitted, fitted.parent / "t.csv", "--json").out)
    assert content["predictions"] == plain["predictions"]
    train_error = json.loads((fitted / "fit.json").read_text())["train_error"]
    assert content["mean_squared_error"] == pytest.approx(train_error, rel=1e-9)


@pytest.mark.parametrize("kind", ["csv, index", "semicolons", "parquet, index", "parquet, dictionary"])
def test_the_other_commands_take_the_same_table(run, tmp_path, kind, fitted):
    given = write(kind, tmp_path, messy())
    result = run("fit", *given, "--network", "diagonal", "--out", "fit", "--json")
    assert result.code == 0, result.err
    content = json.loads(result.out)
    assert content["test_error"] == json.loads((fitted / "fit.json").read_text())["test_error"]
    assert content["table"]["left_out"]["unit"] == "always 'cm'"
    page = (tmp_path / "fit" / "report.html").read_text()
    assert "left out: &#39;unit&#39; (always &#39;cm&#39;)" in page
    assert "78 rows" in page
    pruned = run("prune", "fit", "--data", *given, "--out", "p.safetensors", "--json")
    assert pruned.code == 0, pruned.err
    encoding = load_model(tmp_path / "p.safetensors").encoding
    assert encoding.columns == load_model(fitted / "weights.safetensors").encoding.columns
    assert run("apply", "p.safetensors", *given).code == 0
    forecast = run("forecast", *given, "--network", "diagonal", "--json")
    assert forecast.code in (0, 1)
    assert "internal" not in forecast.err
    if forecast.code == 0:
        assert json.loads(forecast.out)["table"]["features"] == 6


def test_fit_for_people(run, tmp_path):
    write("csv, index", tmp_path, messy())
    result = run("fit", "t.csv", "--network", "diagonal")
    text = " ".join(result.out.split())
    assert "The table 78 rows, 9 columns besides y, 6 features left out: 2 rows without a label" in text
    assert "left out: the nameless first column (the table's row index)" in text
    content = json.loads(run("fit", "t.csv", "--network", "diagonal", "--json").out)
    labels = [value for value in messy()["y"] if value is not None]
    assert content["label_variance"] == pytest.approx(np.var(labels, ddof=1))
    share = content["r_squared"]
    assert share["value"] == pytest.approx(1 - content["test_error"]["value"] / content["label_variance"])
    assert share["low"] == pytest.approx(1 - content["test_error"]["high"] / content["label_variance"])
    assert share["low"] < share["value"] < share["high"]
    assert f"R^2 {share['value']:.3g}" in text


def test_a_clean_table_is_taken_as_it_is(run, tmp_path):
    (tmp_path / "t.csv").write_text("a,y\n" + "".join(f"{i * i % 17},{i}\n" for i in range(30)))
    result = run("train", "t.csv", "--network", "diagonal", "--weight-decay", "1")
    assert "  30 rows, 1 column besides y, taken as they are\n" in result.out


def test_many_notes_are_cut_for_people_only(run, tmp_path):
    columns = {f"c{i}": ["u", "v", "w"] * 10 for i in range(30)} | {"y": list(range(30))}
    (tmp_path / "t.csv").write_text(as_csv(columns))
    arguments = ["train", "t.csv", "--network", "diagonal", "--weight-decay", "1"]
    assert "and 10 notes more; --json has all" in run(*arguments).out
    assert len(json.loads(run(*arguments, "--json").out)["table"]["notes"]) == 30


@pytest.mark.parametrize(
    ("labels", "notes"),
    [
        ([0, 1], ["labels are 0/1: a class, not a quantity; the error is the Brier score"]),
        (
            [-1, 1],
            ["labels are -1/1: a class, not a quantity; the error is a mean square, not a share of wrong classes"],
        ),
        (["yes", "no"], ["labels: 'no' is 0, 'yes' is 1", "labels are 0/1: a class"]),
        ([True, False], ["labels: 'false' is 0, 'true' is 1", "labels are 0/1: a class"]),
        ([0, 1, 2], []),
    ],
)
def test_labels_that_are_classes_are_named(run, tmp_path, labels, notes):
    rng = np.random.default_rng(0)
    columns = {"a": rng.normal(size=60).tolist(), "y": [labels[i % len(labels)] for i in range(60)]}
    (tmp_path / "t.csv").write_text(as_csv(columns))
    result = run("train", "t.csv", "--network", "diagonal", "--weight-decay", "1", "--json", "--out", "w.safetensors")
    found = json.loads(result.out)["table"]["notes"]
    assert len(found) == len(notes)
    assert all(note in line for note, line in zip(notes, found, strict=True))
    applied = json.loads(run("apply", "w.safetensors", "t.csv", "--json").out)
    assert applied["mean_squared_error"] == pytest.approx(json.loads(result.out)["train_error"])


def test_labels_of_one_class_are_read_as_in_training(run, tmp_path):
    columns = {"a": list(np.random.default_rng(0).normal(size=60)), "y": ["no", "yes", "yes"] * 20}
    (tmp_path / "t.csv").write_text(as_csv(columns))
    assert run("train", "t.csv", "--network", "diagonal", "--weight-decay", "1e9", "--out", "w.safetensors").code == 0
    (tmp_path / "new.csv").write_text("a,y\n1,yes\n2,yes\n3,\n")
    assert json.loads(run("apply", "w.safetensors", "new.csv", "--json").out)["mean_squared_error"] == 1
    (tmp_path / "new.csv").write_text("a,y\n1,maybe\n")
    result = run("apply", "w.safetensors", "new.csv")
    assert result.code == 2
    assert "got y; holds 'maybe', where the training table has 'no', 'yes'" in result.err


def test_apply_writes_a_file_or_prints_one(run, tmp_path, fitted):
    (tmp_path / "new.csv").write_text("smoker,colour,weight,height\nTrue,red,,180\nFalse,blue,70,\n")
    result = run("apply", fitted, "new.csv")
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0] == "row,predicted y"
    assert [line.split(",")[0] for line in lines[1:]] == ["1", "2"]
    assert "'height': 1 missing value filled" in result.err
    written = run("apply", fitted / "weights.safetensors", "new.csv", "--out", "p.csv")
    assert (written.code, written.out) == (0, "")
    assert (tmp_path / "p.csv").read_text() == result.out
    again = run("apply", fitted, "new.csv", "--out", "p.csv")
    assert again.code == 2
    assert "exists; give another name, or --force" in again.err
    assert run("apply", fitted, "new.csv", "--out", "p.csv", "--force").code == 0


def test_apply_takes_arrays_and_files_of_weights_alone(run, tmp_path):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(50, 3))
    np.savez(tmp_path / "t.npz", X=inputs, y=inputs[:, 0])
    np.save(tmp_path / "X.npy", inputs)
    np.save(tmp_path / "labels.npy", inputs[:, 0])
    assert run("fit", "t.npz", "--network", "diagonal", "--weight-decay", "0.1", "--out", "fit").code == 0
    from_npz = run("apply", "fit", "t.npz")
    assert "mean squared error" in from_npz.err
    assert run("apply", "fit", "X.npy").out == from_npz.out
    from shallows.training import save_weights, train

    fit = train((inputs, inputs[:, 0]), network="diagonal", weight_decay=0.1)
    save_weights(fit, tmp_path / "w.safetensors")
    assert len(run("apply", "w.safetensors", "X.npy").out.splitlines()) == 51
    np.save(tmp_path / "X.npy", np.where(inputs > 2, np.nan, inputs))
    assert "missing values" in run("apply", "w.safetensors", "X.npy").err
    assert run("prune", "fit", "--data", "X.npy", "--target", "labels.npy", "--out", "p.safetensors").code == 0


GOOD = as_csv(messy())


def with_first_height(cell):
    return GOOD.replace(str(messy()["height"][0]), cell, 1)


def only(*rows):
    return "\n".join(rows) + "\n"


ODD = {
    "semicolons": (GOOD.replace(",", ";"), [], "give --delimiter ';'"),
    "decimal commas": (as_csv(messy(), ";", ","), ["--delimiter", ";"], "give --decimal ,"),
    "wrong delimiter": (GOOD, ["--delimiter", ";"], "give --delimiter ','"),
    "a stray word": (with_first_height("tall"), [], "column 'height': holds numbers, but 'tall' in row 1"),
    "infinite": (with_first_height("-inf"), [], "-inf in column 'height', row 1 (1 such); every value must be finite"),
    "refused": (GOOD, ["--missing", "refuse"], "8 in 'weight' (first in row 4), 2 in 'y' (first in row 8)"),
    "unknown column": (GOOD, ["--columns", "height,size"], "--columns: got size; no such column"),
    "unknown drop": (GOOD, ["--drop", "size"], "--drop: got size; no such column"),
    "both": (GOOD, ["--drop", "name", "--columns", "height"], "--columns / --drop: got both"),
    "target dropped": (GOOD, ["--drop", "y"], "--drop: got y; is the target"),
    "no names": (GOOD, ["--drop", "height,,name"], "--drop: got height,,name; must be names of columns"),
    "text by name": (GOOD, ["--columns", "name"], "column 'name': text, no two rows alike"),
    "dates by name": (GOOD, ["--columns", "height,when"], "column 'when': dates or times"),
    "nothing left": (GOOD, ["--columns", "unit"], "no column to learn from besides the target: 'unit' always 'cm'"),
    "missing how": (GOOD, ["--missing", "mean"], "--missing: got mean; must be one of fill, refuse"),
    "decimal": (GOOD, ["--decimal", "x"], "--decimal: got x; must be . or ,"),
    "text target": (GOOD, ["--target", "colour"], "--target: got colour; holds 3 different words"),
    "date target": (GOOD, ["--target", "when"], "--target: got when; holds dates or times"),
    "one-class target": (GOOD, ["--target", "unit"], "--target: got unit; is 0 in every row"),
    "no target": (GOOD, ["--target", "z"], "--target: got z; no such column in t.csv"),
    "empty target": (only("a,y", "1,", "2,", "3,"), [], "--target: got y; is empty"),
    "few labels": (only("a,y", "1,1", "2,2", "3,"), [], "at least 3 rows with a label"),
    "only the target": (only("y", "1", "2", "3"), [], "one column besides the target"),
    "ragged": (only("a,y", "1,1", "2,2,3", "3,2"), [], "row 2 has 3 values"),
    "not text": ("\x00\x01", [], "not a text file"),
}


@pytest.mark.parametrize("command", ["fit", "forecast", "train"])
@pytest.mark.parametrize("kind", ODD)
def test_an_odd_table_is_one_line_and_nothing_written(run, tmp_path, kind, command):
    text, given, words = ODD[kind]
    (tmp_path / "t.csv").write_text(text)
    extra = {"fit": ["--out", "out"], "forecast": [], "train": ["--weight-decay", "1", "--out", "w.safetensors"]}[
        command
    ]
    result = run(command, "t.csv", "--network", "diagonal", *given, *extra)
    assert (result.code, result.out) == (2, ""), result.err
    assert result.err.count("\n") == 1, result.err
    assert words in result.err
    assert result.err.startswith(("shallows: DATA: got ", "shallows: --"))
    assert {item.name for item in tmp_path.iterdir()} == {"t.csv"}


UNFIT = {
    "no column": (only("height,weight,smoker", "1,2,True"), "no column 'colour', which the weights were trained on"),
    "no columns": (only("a,b", "1,2"), "no columns 'height', 'weight', 'colour', 'smoker'"),
    "unknown level": (
        only("height,weight,colour,smoker", "1,2,mauve,True"),
        "column 'colour' has the level 'mauve' (row 1)",
    ),
    "missing level": (only("height,weight,colour,smoker", "1,2,,True"), "has the level '(missing)' (row 1)"),
    "text": (
        only("height,weight,colour,smoker", "1,2,red,True", "tall,2,red,True"),
        "column 'height' holds 'tall' in row 2",
    ),
    "infinite": (only("height,weight,colour,smoker", "inf,2,red,True"), "must be finite"),
    "no rows": (only("height,weight,colour,smoker"), "has column names but no rows"),
    "semicolons": (only("height;weight;colour;smoker", "1;2;red;True"), "give --delimiter ';'"),
    "text label": (only("height,weight,colour,smoker,y", "1,2,red,True,high"), "got y; holds"),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_rows_that_do_not_fit_are_one_line(run, tmp_path, kind, fitted):
    text, words = UNFIT[kind]
    (tmp_path / "new.csv").write_text(text)
    result = run("apply", fitted, "new.csv", "--out", "p.csv")
    assert (result.code, result.out) == (2, ""), result.err
    assert result.err.count("\n") == 1, result.err
    assert words in result.err
    (tmp_path / "new.csv").write_text(
        text if "y" in text.split("\n")[0].split(",") else text.replace("smoker", "smoker,y", 1)
    )
    result = run("prune", fitted, "--data", "new.csv", "--out", "p.safetensors")
    assert (result.code, result.out) == (2, ""), result.err
    assert result.err.count("\n") == 1, result.err
    assert {item.name for item in tmp_path.iterdir()} == {"new.csv"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "WEIGHTS: got nothing"),
        (["fit"], "DATA: got nothing"),
        (["fit", "none.csv"], "DATA: got none.csv; no such file"),
        (["none", "t.csv"], "WEIGHTS: got none; no such file"),
        (["t.csv", "t.csv"], "WEIGHTS: got t.csv; not a readable safetensors file"),
        ([".", "t.csv"], "WEIGHTS: got weights.safetensors; no such file"),
        (["fit", "t.csv", "--out", "p.txt"], "--out: got p.txt; must end in .csv"),
        (["fit", "t.csv", "--delimiter", ""], "--delimiter: got ''; must be one character"),
    ],
)
def test_bad_arguments_of_apply_are_one_line(run, tmp_path, fitted, arguments, words):
    (tmp_path / "t.csv").write_text(GOOD)
    arguments = [str(fitted) if argument == "fit" else argument for argument in arguments]
    result = run("apply", *arguments)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert result.err.count("\n") == 1


def test_a_weights_file_with_a_broken_encoding_is_refused(run, tmp_path, fitted):
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file

    source = fitted / "weights.safetensors"
    with safe_open(source, framework="numpy") as stream:
        metadata = stream.metadata()
    fit = json.loads(metadata["fit"])
    tensors = load_file(source)
    for change in ("kind", "name", "gone"):
        broken = json.loads(json.dumps(fit))
        columns = broken["details"]["table"]["columns"]
        if change == "gone":
            del columns[0]
        else:
            columns[0][change] = "x"
        save_file(tensors, tmp_path / "w.safetensors", metadata | {"fit": json.dumps(broken)})
        result = run("apply", "w.safetensors", fitted.parent / "t.csv")
        assert result.code == 2
        assert result.err.startswith("shallows: WEIGHTS: got w.safetensors; its ")
        assert result.err.count("\n") == 1


def test_rows_of_an_error_are_counted_as_in_the_file(run, tmp_path):
    for cell, words in (("inf", "row 3 (1 such)"), ("x", "'x' in row 3")):
        (tmp_path / "t.csv").write_text(f"a,y\n1,\n2,1\n{cell},2\n3,4\n5,5\n")
        result = run("train", "t.csv", "--network", "diagonal", "--weight-decay", "1")
        assert result.code == 2
        assert words in result.err
    (tmp_path / "t.csv").write_text("a,y\n1,\n2,1\n3,2\n3,inf\n5,5\n")
    result = run("train", "t.csv", "--network", "diagonal", "--weight-decay", "1")
    assert "--target: got y; holds inf in row 4 (1 such): every label must be finite" in result.err
