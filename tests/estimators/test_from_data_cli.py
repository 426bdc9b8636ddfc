"""fit, forecast and prune on the command line, and everything that can be wrong with a table."""

import json

import numpy as np
import pytest

from shallows import InvalidArgument, PowerLaw, Problem, sample
from shallows.cli import main
from shallows.user_tables import read_table


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def write_csv(path, x, y, names=None, sep=","):
    names = names or [f"f{i}" for i in range(x.shape[1])]
    lines = [sep.join([*names, "y"])]
    lines += [sep.join(map(repr, map(float, [*row, label]))) for row, label in zip(x, y, strict=True)]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def table(tmp_path):
    data = sample(Problem("diagonal", PowerLaw(10, 1.0), 120, noise=0.2), 0)
    write_csv(tmp_path / "data.csv", data.inputs, data.labels)
    return tmp_path / "data.csv"


def test_fit_then_prune(run, table):
    code, out, err = run("fit", table, "--network", "diagonal", "--out", "fit", "--json")
    assert code == 0, err
    content = json.loads(out)
    assert content["test_error"]["low"] < content["test_error"]["value"] < content["test_error"]["high"]
    folder = table.parent / "fit"
    assert {"report.html", "fit.json", "weights.safetensors", "path.png", "forecast.svg"} <= {
        path.name for path in folder.iterdir()
    }
    assert json.loads((folder / "fit.json").read_text()) == content
    page = (folder / "report.html").read_text()
    assert "http" not in page.replace("http://www.w3.org", "")
    code, out, err = run("prune", "fit/weights.safetensors", "--data", table, "--out", "pruned.safetensors", "--json")
    assert code == 0, err
    assert json.loads(out)["features_after"] <= content["learned_features"]
    assert (table.parent / "pruned.safetensors").exists()
    code, _, err = run("prune", "pruned.safetensors", "--data", table, "--out", "again.safetensors")
    assert code == 2
    assert "pruned already" in err
    code, _, err = run("fit", table, "--network", "diagonal", "--out", "fit")
    assert code == 2
    assert "not empty" in err


def test_fit_and_forecast_print_for_people(run, table):
    code, out, _ = run("fit", table, "--network", "quadratic", "--weight-decay", "1")
    assert code == 0
    assert "test error" in out
    code, out, _ = run("forecast", table, "--network", "diagonal", "--samples", "2x,1000")
    assert code == 0
    assert "twice the data" in out.replace("\n", " ")
    code, out, _ = run("forecast", table, "--network", "diagonal", "--json")
    assert [point["samples"] for point in json.loads(out)["points"]] == [240, 480, 1200]


def test_a_rejected_power_law_leaves_no_exponent(run, tmp_path):
    """Two strong weights among thirty are no power law; what more data bring is told all the same."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 30))
    write_csv(tmp_path / "two.csv", x, 2 * x[:, 0] - x[:, 1] + 0.3 * rng.normal(size=200))
    code, out, _ = run("fit", "two.csv", "--network", "diagonal", "--out", "fit", "--json")
    content = json.loads(out)
    assert code == 0
    assert content["power_law"] is None
    assert "do not look like" in content["reasons"]["power_law"]
    assert content["forecast"]["trusted"] and content["forecast"]["present_phase"] is None
    page = (tmp_path / "fit" / "report.html").read_text()
    assert "exponent of the teacher" not in page
    assert "fitted teacher" not in page


def test_weights_that_are_mostly_noise_leave_no_forecast(run, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 30))
    write_csv(tmp_path / "weak.csv", x, 0.1 * x[:, 0] + rng.normal(size=200))
    code, out, _ = run("fit", "weak.csv", "--network", "diagonal", "--out", "fit", "--json")
    content = json.loads(out)
    assert code == 0
    assert content["forecast"] is None and content["power_law"] is None
    assert not (tmp_path / "fit" / "forecast.svg").exists()
    code, out, err = run("forecast", "weak.csv", "--network", "diagonal")
    assert code == 1
    assert not out
    assert "no forecast: " in err


def test_correlated_columns_have_the_weights_of_least_squares_or_none(run, tmp_path):
    rng = np.random.default_rng(0)
    x = np.sqrt(0.3) * rng.normal(size=(400, 1)) + np.sqrt(0.7) * rng.normal(size=(400, 12))
    y = x[:, 3] + rng.normal(size=400)
    write_csv(tmp_path / "many.csv", x, y)
    content = json.loads(run("fit", "many.csv", "--network", "diagonal", "--json")[1])
    assert content["weights"]["method"] == "least squares" and content["noise"] is not None
    assert content["weights"]["discoveries"] == 1 and content["weights"]["weights"][0]["index"] == 3
    assert content["forecast"] is None and "correlated" in content["reasons"]["forecast"]
    write_csv(tmp_path / "few.csv", x[:14], y[:14])
    content = json.loads(run("fit", "few.csv", "--network", "diagonal", "--json", "--weight-decay", "2")[1])
    assert content["weights"] is None and content["noise"] is None


def test_text_from_the_table_is_escaped_on_the_page(run, tmp_path):
    data = sample(Problem("diagonal", PowerLaw(3, 1.0), 60, noise=0.2), 0)
    write_csv(tmp_path / "evil.csv", data.inputs, data.labels, ["<script>alert(1)</script>", "b", "c"])
    assert run("fit", "evil.csv", "--network", "diagonal", "--out", "o")[0] == 0
    assert "<script>" not in (tmp_path / "o" / "report.html").read_text()


def bad(tmp_path, kind):
    path = tmp_path / "bad.csv"
    rng = np.random.default_rng(0)
    rows = ["a,b,y", *(f"{u},{v},{w}" for u, v, w in rng.standard_normal((8, 3)))]
    if kind == "infinite":
        rows[3] = "1.0,inf,2.0"
    elif kind == "text":
        rows[3] = "1.0,red,2.0"
    elif kind == "constant":
        rows = ["a,b,y", *(f"3,7,{i * i}" for i in range(8))]
    elif kind == "one class":
        rows = ["a,b,y", *(f"{i},{i * i},1" for i in range(8))]
    elif kind == "no target":
        rows[0] = "a,b,z"
    elif kind == "semicolons":
        rows = [row.replace(",", ";") for row in rows]
    elif kind == "ragged":
        rows[3] += ",5"
    elif kind == "no names":
        rows = rows[1:]
    elif kind == "no rows":
        rows = rows[:1]
    elif kind == "repeated":
        rows[0] = "a,a,y"
    elif kind == "few":
        rows = rows[:3]
    path.write_text("" if kind == "empty" else "\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("infinite", "inf in column 'b', row 3"),
        ("text", "column 'b': holds numbers, but 'red' in row 3"),
        ("constant", "no column to learn from besides the target: 'a' always 3; 'b' always 7"),
        ("one class", "is 1 in every row"),
        ("no target", "no such column in bad.csv; it has 'a', 'b', 'z'"),
        ("semicolons", "separated by semicolons; give --delimiter ';'"),
        ("ragged", "not a readable table"),
        ("no names", "must hold the column names"),
        ("no rows", "no rows"),
        ("repeated", "several columns named 'a'"),
        ("few", "at least 3 rows"),
        ("empty", "the file is empty"),
    ],
)
@pytest.mark.parametrize("command", ["fit", "forecast"])
def test_a_bad_table_is_one_line_and_nothing_written(run, tmp_path, kind, words, command):
    path = bad(tmp_path, kind)
    extra = ["--out", "out"] if command == "fit" else []
    code, out, err = run(command, path, "--network", "diagonal", *extra)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert {item.name for item in tmp_path.iterdir()} == {"bad.csv"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fit"], "DATA: got nothing"),
        (["fit", "none.csv", "--network", "diagonal"], "no such file"),
        (["fit", "data.xls", "--network", "diagonal"], "must be a file of type"),
        (["fit", "data.csv"], "--network: got nothing"),
        (["fit", "data.csv", "--network", "cubic"], "must be diagonal or quadratic"),
        (["fit", "data.csv", "--network", "diagonal", "--weight-decay", "-1"], "--weight-decay"),
        (["fit", "data.csv", "--network", "diagonal", "--weight-decay", "best"], "--weight-decay"),
        (["fit", "data.csv", "--network", "diagonal", "--width", "3"], "does not apply to the diagonal network"),
        (["fit", "data.csv", "--network", "diagonal", "--standardize", "whiten"], "--standardize"),
        (["fit", "data.csv", "--network", "diagonal", "--target", "z"], "--target"),
        (["forecast", "data.csv", "--network", "diagonal", "--samples", "twice"], "--samples"),
        (["forecast", "data.csv", "--network", "diagonal", "--samples", "nanx"], "--samples"),
        (["prune"], "WEIGHTS: got nothing"),
        (["prune", "none.safetensors", "--data", "data.csv", "--out", "o.safetensors"], "no such file"),
        (["prune", "data.csv", "--data", "data.csv", "--out", "o.safetensors"], "not a readable safetensors file"),
    ],
)
def test_bad_arguments_are_one_line(run, table, arguments, words):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert {item.name for item in table.parent.iterdir()} == {"data.csv"}


def test_weights_and_data_must_belong_together(run, table):
    assert run("fit", table, "--network", "diagonal", "--out", "fit")[0] == 0
    rng = np.random.default_rng(1)
    write_csv(table.parent / "narrow.csv", rng.standard_normal((40, 4)), rng.standard_normal(40))
    write_csv(table.parent / "other.csv", rng.standard_normal((120, 10)), rng.standard_normal(120))
    weights = "fit/weights.safetensors"
    for file, words in (("narrow.csv", "belong to other data"), ("other.csv", "were trained on other data")):
        code, _, err = run("prune", weights, "--data", file, "--out", "o.safetensors")
        assert code == 2
        assert words in err
    content = bytearray((table.parent / weights).read_bytes())
    (table.parent / "cut.safetensors").write_bytes(content[: len(content) // 2])
    code, _, err = run("prune", "cut.safetensors", "--data", table, "--out", "o.safetensors")
    assert code == 2
    assert "not a readable safetensors file" in err
    for out, words in (("o.bin", ".safetensors"), ("no/o.safetensors", "folder"), ("fit", ".safetensors")):
        code, _, err = run("prune", weights, "--data", table, "--out", out)
        assert code == 2
        assert words in err
    assert not (table.parent / "o.safetensors").exists()


def test_every_kind_of_file_reads_the_same(tmp_path, table, monkeypatch):
    import pyarrow
    from pyarrow import parquet

    monkeypatch.chdir(tmp_path)
    plain = read_table(table)
    columns = {name: plain.inputs[:, j] for j, name in enumerate(plain.features)} | {"y": plain.labels}
    parquet.write_table(pyarrow.table(columns), "d.parquet")
    np.savez("d.npz", X=plain.inputs, y=plain.labels)
    np.save("X.npy", plain.inputs)
    np.save("labels.npy", plain.labels)
    (tmp_path / "d.tsv").write_text(table.read_text().replace(",", "\t"))
    for path, target in (("d.parquet", "y"), ("d.npz", "y"), ("X.npy", "labels.npy"), ("d.tsv", "y")):
        other = read_table(path, target)
        assert (other.inputs == plain.inputs).all()
        assert (other.labels == plain.labels).all()


def test_arrays_of_objects_are_never_unpickled(tmp_path):
    np.savez(tmp_path / "o.npz", X=np.array([{}, {}, {}], dtype=object), y=np.arange(3.0))
    np.savez(tmp_path / "s.npz", X=np.zeros((4, 2)), y=np.arange(3.0))
    (tmp_path / "junk.parquet").write_bytes(b"PAR1 junk")
    (tmp_path / "junk.npz").write_bytes(b"junk")
    for name in ("o.npz", "s.npz", "junk.parquet", "junk.npz"):
        with pytest.raises(InvalidArgument, match="data"):
            read_table(tmp_path / name)
    with pytest.raises(InvalidArgument, match="target"):
        read_table(tmp_path / "s.npz", "z")
