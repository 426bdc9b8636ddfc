"""``shallows robustness``, and the rows that other commands cite."""

import json

import pytest

PROBLEM = "--network diagonal --dim 100 --samples 200 --gamma 1 --noise 0.5 --weight-decay 1".split()


def one_line(result, *words):
    assert result.code == 2 and result.out == "" and result.err.count("\n") == 1, result.err
    assert all(word in result.err for word in words), result.err


def test_an_atlas_is_written_and_gone_on_with(run, tmp_path):
    words = ["robustness", "--out", str(tmp_path / "atlas"), "--only", "as assumed", "--seeds", "2", "--workers", "0"]
    result = run(*words)
    assert result.code == 0, result.err
    assert "predictions hold within a factor" in result.out and "index.html" in result.out
    assert (tmp_path / "atlas" / "as-assumed.html").is_file()
    again = run(*words, "--json")
    found = json.loads(again.out)
    assert again.code == 0 and len(found["cells"]) == 8 and found["provenance"]["seeds"] == 2


def test_departures_are_listed(run):
    assert "student:3 noise" in run("robustness", "--list").out
    found = json.loads(run("robustness", "--list", "--json").out)["departures"]
    assert {"relu on quadratic", "digits"} <= {one["name"] for one in found}


@pytest.mark.parametrize(
    "words,said",
    [
        (["--suite", "huge", "--out", "x"], "--suite: got huge; must be quick or full"),
        (["--suite", "quick"], "--out: got nothing"),
        (["--out", "x", "--seeds", "none"], "--seeds: got none"),
        (["--out", "x", "--workers", "-1"], "--workers: got -1"),
        (["--out", "x", "--only", "gravity"], "--only: got gravity"),
        (["--out", "x", "--custom", "mine.txt"], "--custom: got mine.txt; must be FILE.py:NAME"),
        (["--out", "x", "--custom", "mine.py:f"], "there is no such file"),
    ],
)
def test_bad_input_is_one_line(run, words, said):
    one_line(run("robustness", *words), said)


def test_predictions_cite_the_rows_that_apply(run):
    result = run("predict", *PROBLEM, "--inputs", "student:3", "--activation", "relu")
    assert result.code == 0
    lines = [line for line in result.out.splitlines() if line.startswith("Measured for ")]
    assert len(lines) == 2 and "student:3 inputs" in lines[0] and "times the prediction" in lines[1]
    found = json.loads(run("predict", *PROBLEM, "--inputs", "student:3", "--json").out)
    (row,) = found["measured_elsewhere"]
    assert row["about"] == "student:3 inputs" and row["low"] <= row["high"]
    assert "measured_elsewhere" not in json.loads(run("predict", *PROBLEM, "--json").out)


def test_verify_cites_them_too(run):
    result = run("verify", *PROBLEM, "--seeds", "1", "--trainers", "convex", "--activation", "tanh")
    assert result.code == 0 and "Measured for tanh: risk" in result.out


@pytest.mark.parametrize("command", ["predict", "verify"])
def test_what_was_not_measured_is_named(run, command):
    one_line(run(command, *PROBLEM, "--inputs", "cauchy"), "--inputs: got cauchy; was not measured; measured were")
    one_line(run(command, *PROBLEM, "--activation", "sine"), "--activation: got sine")
