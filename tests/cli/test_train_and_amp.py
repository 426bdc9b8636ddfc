"""`shallows train` and `shallows amp`: what they print and write, and how they refuse."""

import json

import numpy as np
import pytest

from shallows.cli import main
from shallows.training import load_weights, train


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(80, 12))
    labels = 2 * inputs[:, 0] - inputs[:, 1] + 0.3 * rng.normal(size=80)
    path = tmp_path / "data.csv"
    header = ",".join([*(f"x{i}" for i in range(12)), "y"])
    np.savetxt(path, np.column_stack([inputs, labels]), delimiter=",", header=header, comments="", fmt="%.17g")
    return path, inputs, labels


@pytest.mark.parametrize("network,option,value", [("diagonal", "weight_decay", 0.5), ("quadratic", "penalty", 0.05)])
def test_train_is_the_library_call(table, tmp_path, capsys, network, option, value):
    path, inputs, labels = table
    out = tmp_path / "weights.safetensors"
    name = "--" + option.replace("_", "-")
    assert main(["train", str(path), "--network", network, name, str(value), "--out", str(out), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    fit = train((inputs, labels), network=network, **{option: value})
    assert content["objective"] == pytest.approx(fit.objective, rel=1e-6)
    assert content["gap"] <= 1e-6
    weights, summary = load_weights(out)
    stored = weights if network == "diagonal" else weights.matrix()
    expected = fit.weights if network == "diagonal" else fit.weights.matrix()
    assert stored == pytest.approx(expected, abs=1e-3)
    assert summary["objective"] == content["objective"]
    assert main(["train", str(path), "--network", network, name, str(value)]) == 0
    assert "duality gap" in capsys.readouterr().out


@pytest.mark.parametrize("network,option", [("diagonal", "--weight-decay"), ("quadratic", "--penalty")])
def test_train_says_when_the_data_are_far_from_gaussian(table, tmp_path, capsys, network, option):
    path, inputs, labels = table
    assert main(["train", str(path), "--network", network, option, "0.5"]) == 0
    assert "left theory's path" not in capsys.readouterr().out
    shifted = tmp_path / "shifted.csv"
    header = ",".join([*(f"x{i}" for i in range(12)), "y"])
    np.savetxt(shifted, np.column_stack([inputs + 10, labels + 10]), delimiter=",", header=header, comments="")
    assert main(["train", str(shifted), "--network", network, option, "0.5"]) == 0
    assert "left theory's path" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments,words",
    [
        (["--network", "diagonal", "--weight-decay", "1", "--tolerance", "2"], "--tolerance: got 2"),
        (["--network", "diagonal", "--weight-decay", "1", "--iterations", "0"], "--iterations: got 0"),
        (["--network", "diagonal"], "--weight-decay / --penalty"),
        (["--network", "diagonal", "--penalty", "1"], "--penalty"),
        (["--network", "diagonal", "--weight-decay", "-1"], "--weight-decay: got -1"),
        (["--network", "cubic", "--weight-decay", "1"], "--network: got cubic"),
        (["--weight-decay", "1"], "--network: got nothing"),
        (["--network", "diagonal", "--weight-decay", "1", "--solver", "sgd"], "--solver: got sgd"),
        (["--network", "diagonal", "--weight-decay", "1", "--tolerance", "x"], "--tolerance: got x"),
        (["--network", "diagonal", "--weight-decay", "1", "--target", "z"], "--target: got z"),
        (["--network", "diagonal", "--weight-decay", "1", "--width", "3"], "--width"),
        (["--network", "diagonal", "--weight-decay", "1", "--out", "w.bin"], "--out: got w.bin"),
    ],
)
def test_train_refuses(table, capsys, arguments, words, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert main(["train", str(table[0]), *arguments]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("shallows:")]
    assert len(lines) == 1
    assert words in lines[0]
    assert sorted(tmp_path.iterdir()) == before


PROBLEM = ["--network", "diagonal", "--dim", "200", "--samples", "150", "--gamma", "1", "--noise", "0.5"]


def test_amp_prints_and_draws_both_trajectories(tmp_path, capsys):
    out = tmp_path / "amp"
    assert main(["amp", *PROBLEM, "--weight-decay", "1", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "predicted" in printed
    assert "never" in printed
    assert {p.name for p in out.iterdir()} == {"amp.json", "amp.png", "amp.svg"}
    content = json.loads((out / "amp.json").read_text())
    path = content["trajectory"]
    assert len(path["noise_scale"]) == len(path["predicted_noise_scale"]) == content["iterations"]


def test_bayes_amp(capsys):
    assert main(["amp", *PROBLEM, "--bayes", "--json"]) == 0
    bayes = json.loads(capsys.readouterr().out)
    assert main(["amp", *PROBLEM, "--weight-decay", "1", "--json"]) == 0
    soft = json.loads(capsys.readouterr().out)
    assert bayes["trajectory"]["predicted_error"][-1] < soft["trajectory"]["predicted_error"][-1]


@pytest.mark.parametrize(
    "arguments,words",
    [
        (["--bayes", "--weight-decay", "1"], "--bayes"),
        (["--weight-decay", "0"], "--weight-decay: got 0"),
        ([], "--weight-decay"),
        (["--weight-decay", "1", "--damping", "2"], "--damping: got 2"),
        (["--weight-decay", "1", "--iterations", "0"], "--iterations: got 0"),
        (["--weight-decay", "1", "--seed", "-1"], "--seed: got -1"),
    ],
)
def test_amp_refuses(capsys, arguments, words):
    assert main(["amp", *PROBLEM, *arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert words in lines[0]
