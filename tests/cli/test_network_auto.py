"""``fit --network auto``: both networks on the same held-out rows, and on with the one that describes the table."""

import json

import numpy as np
import pytest

from shallows.cli import main


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((120, 3))
    labels = inputs[:, 0] + 0.4 * rng.standard_normal(120)
    np.savetxt(tmp_path / "t.csv", np.c_[inputs, labels], delimiter=",", header="a,b,c,y", comments="")
    return "t.csv"


def test_it_compares_and_goes_on_with_the_better_one(run, tmp_path, table):
    result = run("fit", table, "--network", "auto", "--out", "out", "--json")
    assert result.code == 0, result.err
    content = json.loads(result.out)
    compared = content["compared"]
    assert (content["chosen"], content["network"], compared["chosen"]) == ("diagonal",) * 3
    assert [each["name"] for each in compared["candidates"]][:3] == ["diagonal", "quadratic", "linear part"]
    assert compared["candidates"][0]["r_squared"] > 0.7 > compared["candidates"][1]["r_squared"]
    assert json.loads((tmp_path / "out" / "fit.json").read_text())["chosen"] == "diagonal"
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Which network describes the table?" in page
    assert "the diagonal network describes the table best" in page
    alone = json.loads(run("fit", table, "--network", "diagonal", "--json").out)
    assert (alone["chosen"], alone["compared"]) == (None, None)
    assert alone["test_error"] == content["test_error"]
    assert run("apply", "out", table).code == 0


def test_it_says_so_to_people(run, table):
    text = " ".join(run("fit", table, "--network", "auto", "--standardize", "scale").out.split())
    assert "A diagonal network fitted to y" in text
    assert "Which network describes the table? (5-fold cross-validation) test error +- R^2 diagonal" in text
    assert "Verdict the diagonal network describes the table best" in text


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--weight-decay", "1"], "--weight-decay: got 1; does not apply to --network auto"),
        (
            ["--standardize", "whiten"],
            "--standardize: got whiten; must be one of auto, scale, none with",
        ),
        (["--width", "0"], "--width: got 0"),
        (["--target", "b", "--columns", "z"], "--columns: got z"),
    ],
)
def test_bad_options_are_one_line(run, tmp_path, table, given, words):
    result = run("fit", table, "--network", "auto", *given, "--out", "out")
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert words in result.err
    assert {path.name for path in tmp_path.iterdir()} == {table}


def test_too_few_rows_to_compare_are_refused_with_nothing_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("a,y\n1,1\n2,3\n4,4\n5,5\n")
    assert main(["fit", "t.csv", "--network", "auto", "--out", "out"]) == 2
    assert "DATA: got 4 rows; a comparison needs at least 10" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"t.csv"}
