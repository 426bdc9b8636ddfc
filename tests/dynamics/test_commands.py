"""``shallows dynamics`` and ``shallows compute-optimal``: what they print, write and refuse."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest

from shallows import PowerLaw, Problem, compute_optimal, predict_dynamics
from shallows._numbers import number
from shallows.cli import main
from shallows.dynamics import Sgd

FLOW = [
    "dynamics",
    "--network",
    "quadratic",
    "--dim",
    "40",
    "--gamma",
    "1.25",
    "--noise",
    "0.1",
    "--init-scale",
    "0.05",
]
SPEND = ["compute-optimal", "--network", "quadratic", "--dim", "60", "--gamma", "1.25", "--noise", "0.1"]


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return call


def test_json_holds_the_times_asked_for(run):
    code, out, err = run(*FLOW, "--at", "100,1e3,1e4", "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert found["time"] == [100.0, 1000.0, 10000.0]
    wanted = predict_dynamics(Problem("quadratic", PowerLaw(40, 1.25), 1, 0.1), found["time"], init_scale=0.05)
    assert found["excess_risk"] == wanted.excess_risk.tolist()
    assert found["steps"] is found["sgd_excess_risk"] is found["sgd"] is None
    assert {len(found[name]) for name in ("time", "excess_risk", "test_error", "loss", "learned_modes")} == {3}


def test_a_weight_decay_is_over_the_samples_that_are_told(run):
    whole = json.loads(run(*FLOW, "--at", "1e5", "--weight-decay", "0.5", "--samples", "1000", "--json")[1])
    single = json.loads(run(*FLOW, "--at", "1e5", "--weight-decay", "5e-4", "--json")[1])
    assert whole["excess_risk"] == pytest.approx(single["excess_risk"]) and whole["final_risk"] > 0


def test_steps_and_noise_come_with_a_learning_rate_and_a_batch(run):
    code, out, _ = run(*FLOW, "--until", "1e4", "--learning-rate", "2", "--json")
    found = json.loads(out)
    assert code == 0 and found["steps"][-1] == 5000 and found["sgd_excess_risk"] is None
    found = json.loads(run(*FLOW, "--until", "1e4", "--learning-rate", "2", "--batch", "40", "--json")[1])
    problem = Problem("quadratic", PowerLaw(40, 1.25), 1, 0.1)
    wanted = predict_dynamics(problem, found["time"], init_scale=0.05, sgd=Sgd(2.0, 40))
    assert found["sgd_excess_risk"] == pytest.approx(wanted.sgd_excess_risk)
    assert found["sgd_excess_risk"][-1] > found["excess_risk"][-1]
    text = run(*FLOW, "--until", "1e4", "--learning-rate", "2", "--batch", "40")[1]
    for word in ("with SGD's noise", "largest stable rate", "floor of SGD", "half learned", "time^-1.2"):
        assert word in text


@pytest.mark.parametrize("network", ["quadratic", "diagonal"])
def test_a_report_has_its_figures_and_numbers(run, network):
    code, out, _ = run(*FLOW[:1], "--network", network, *FLOW[3:], "--until", "1e4", "--out", "dyn")
    assert code == 0 and "Report: dyn/report.html" in out
    figures = {f"{name}{end}" for name in ("risk", "spectrum") for end in (".png", ".svg", "-column.svg")}
    assert set(os.listdir("dyn")) == {"report.html", "dynamics.json", "dynamics.csv"} | figures
    content = json.loads(Path("dyn/dynamics.json").read_text(encoding="utf-8"))
    rows = list(csv.DictReader(Path("dyn/dynamics.csv").read_text(encoding="utf-8").splitlines()))
    assert [float(row["excess_risk"]) for row in rows] == content["excess_risk"]
    page = Path("dyn/report.html").read_text(encoding="utf-8")
    assert page.count("data:image/svg") == 4 and "training over time" in page


def test_console_and_report_state_their_settings(run):
    sgd = ["--until", "1e4", "--learning-rate", "2", "--batch", "40", "--weight-decay", "1e-5", "--width", "7"]
    out = " ".join(run(*FLOW, *sgd, "--out", "dyn")[1].split())
    page = Path("dyn/report.html").read_text(encoding="utf-8")
    found = json.loads(Path("dyn/dynamics.json").read_text(encoding="utf-8"))
    for text in ("gamma = 1.25", "noise variance Delta 0.1", "width p 7", "initial weights 0.05", "learning rate 2",
                 "batch B 40", "weight decay lam/n 1.000e-05"):  # fmt: skip
        assert text in out
    for cell in ("power law, gamma = 1.25, energy 1", "0.1", "7", "0.05   (normal)", "2", "40", "1.000e-05"):
        assert f"<td>{cell}</td>" in page
    assert f"has {number(found['sgd_excess_risk'][-1], 3)} at the last time" in page
    out = " ".join(run(*SPEND, "--budgets", "1e7:1e9", "--out", "frontier")[1].split())
    page = Path("frontier/report.html").read_text(encoding="utf-8")
    for text in ("gamma = 1.25", "noise variance Delta 0.1", "initial weights 0.01", "schedule linear"):
        assert text in out
    assert "<td>linear</td>" in page and "gamma = 1.25" in page
    found = json.loads(Path("frontier/compute_optimal.json").read_text(encoding="utf-8"))
    counts = [found[name] for name in ("width", "samples", "steps", "batch", "widths")]
    assert all(type(value) is int for values in counts for value in values)


def test_a_risk_below_rounding_is_none(run):
    noiseless = [*SPEND[:-1], "0", "--budgets", "1e14"]
    assert json.loads(run(*noiseless, "--json")[1])["excess_risk"] == [0.0]


def test_one_time_is_no_figure(run):
    assert run(*FLOW, "--at", "0", "--out", "dyn")[0] == 0
    assert set(os.listdir("dyn")) == {"report.html", "dynamics.json", "dynamics.csv"}


def test_compute_optimal_prints_and_writes_its_frontier(run):
    code, out, _ = run(*SPEND, "--budgets", "1e7:1e9", "--out", "frontier")
    assert code == 0
    for word in ("width", "excess risk ~ C^-0.429", "a plain power law", "Report: frontier/report.html"):
        assert word in out
    assert {"frontier.png", "isoflop.svg", "report.html", "compute_optimal.csv"} <= set(os.listdir("frontier"))
    found = json.loads(Path("frontier/compute_optimal.json").read_text(encoding="utf-8"))
    assert len(found["budget"]) == len(found["excess_risk"]) == len(found["width"]) == 9
    wanted = compute_optimal(Problem("quadratic", PowerLaw(60, 1.25), 1, 0.1), found["budget"])
    assert found["excess_risk"] == wanted.excess_risk.tolist()


@pytest.mark.parametrize("text,budgets", [("1e7:1e9:3", [1e7, 1e8, 1e9]), ("1e7,3e8", [1e7, 3e8]), ("1e8", [1e8])])
def test_budgets_are_ranges_or_lists(run, text, budgets):
    network = ["compute-optimal", "--network", "diagonal", "--dim", "60", "--gamma", "1.25", "--noise", "0.1"]
    found = json.loads(run(*network, "--budgets", text, "--json")[1])
    assert found["budget"] == pytest.approx(budgets)
    assert np.all(np.diff(found["excess_risk"]) < 0)


@pytest.mark.parametrize(
    "arguments,word",
    [
        ([*FLOW], "--until / --at"),
        ([*FLOW, "--until", "10", "--at", "1"], "--until / --at"),
        ([*FLOW, "--at", ""], "--at"),
        ([*FLOW, "--at", "-1"], "--at"),
        ([*FLOW, "--at", "1,,2"], "--at"),
        ([*FLOW, "--at", "1,soon"], "--at"),
        ([*FLOW, "--at", "nan"], "--at"),
        ([*FLOW, "--at", "1e99"], "--at"),
        ([*FLOW, "--until", "0"], "--until: got 0; must be a finite number > 0"),
        ([*FLOW, "--until", "-3"], "--until: got -3; must be a finite number > 0"),
        ([*FLOW, "--at", "1", "--learning-rate", "100"], "the largest that curvature allows"),
        ([*FLOW, "--until", "inf"], "--until"),
        ([*FLOW[:-1], "0", "--at", "1"], "--init-scale"),
        ([*FLOW[:-1], "-1", "--at", "1"], "--init-scale"),
        ([*FLOW[:-1], "big", "--at", "1"], "--init-scale"),
        ([*FLOW, "--at", "1", "--start", "balanced"], "--start"),
        ([*FLOW, "--at", "1", "--weight-decay", "-1"], "--weight-decay"),
        ([*FLOW, "--at", "1", "--samples", "0"], "--samples"),
        ([*FLOW, "--at", "1", "--learning-rate", "0"], "--learning-rate"),
        ([*FLOW, "--at", "1", "--learning-rate", "1e9", "--batch", "10"], "--learning-rate: got 1e9; must be below"),
        ([*FLOW, "--at", "1", "--batch", "10"], "--learning-rate"),
        ([*FLOW, "--at", "1", "--learning-rate", "1", "--batch", "0"], "--batch"),
        ([*FLOW, "--at", "1", "--out", ""], "--out"),
        ([*SPEND], "--budgets"),
        ([*SPEND, "--budgets", ""], "--budgets"),
        ([*SPEND, "--budgets", "1e9:"], "--budgets"),
        ([*SPEND, "--budgets", "1e9:1e8"], "--budgets"),
        ([*SPEND, "--budgets", "1:2:3:4"], "--budgets"),
        ([*SPEND, "--budgets", "0,1e9"], "--budgets"),
        ([*SPEND, "--budgets", "1e9:1e12:1"], "--budgets"),
        ([*SPEND, "--budgets", "10:100"], "--budgets"),
        ([*SPEND, "--budgets", "1e9", "--schedule", "cosine"], "--schedule"),
        ([*SPEND, "--budgets", "1e9", "--init-scale", "0"], "--init-scale"),
    ],
)
def test_wrong_input_is_one_line(run, arguments, word):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert word in err and err.count("\n") == 1 and "Traceback" not in err
    assert not os.listdir(".")
