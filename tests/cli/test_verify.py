"""shallows verify: numbers, report folder, and what interrupts leave."""

import json

import pytest

import shallows.report
from shallows.errors import SolveFailed

PROBLEM = "--network quadratic --dim 16 --samples 400 --gamma 1.25 --noise 0.1 --penalty 0.1 --seeds 2".split()
FAST = [*PROBLEM, "--trainers", "convex", "--no-learning-curve"]


def fake_report(verification, folder):
    (folder / "report.html").write_text(f"<p>{verification.seeds}</p>")


@pytest.fixture
def quick_report(monkeypatch):
    monkeypatch.setattr(shallows.report, "write_report", fake_report, raising=False)


def measured(result):
    assert result.code == 0, result.err
    return json.loads(result.out)["measured"]


def test_json_has_the_promised_keys(run):
    result = run("verify", *PROBLEM, "--json", "--no-learning-curve")
    content = json.loads(result.out)
    assert set(content["measured"]) == {"convex", "gradient"}
    for trainer in content["measured"].values():
        for key in ("excess_risk", "train_error"):
            assert set(trainer[key]) == {"mean", "standard_error", "values"}
            assert len(trainer[key]["values"]) == 2
            assert trainer[key]["mean"] == pytest.approx(sum(trainer[key]["values"]) / 2)
    convex, gradient = content["measured"].values()
    assert convex["train_error"]["values"] == pytest.approx(gradient["train_error"]["values"], rel=1e-2)
    assert content["excess_risk"] > 0
    assert content["learning_curve"] is None
    assert "data set 2 of 2" in result.err


def test_the_seed_decides_the_data(run):
    first = measured(run("verify", *FAST, "--json", "--seed", "5"))["convex"]["excess_risk"]["values"]
    again = measured(run("verify", *FAST, "--json", "--seed", "5"))["convex"]["excess_risk"]["values"]
    other = measured(run("verify", *FAST, "--json", "--seed", "6"))["convex"]["excess_risk"]["values"]
    assert first == again
    assert set(first).isdisjoint(other)


def test_the_table_fits_a_terminal(run):
    result = run("verify", *FAST)
    assert result.code == 0
    assert "Predicted and measured (2 data sets" in result.out
    assert "Report:" not in result.out
    for line in result.out.splitlines():
        assert len(line) <= 80, line


def test_the_report_folder_appears_and_is_named(run, quick_report, tmp_path):
    result = run("verify", *FAST, "--out", "a/report")
    assert result.code == 0
    assert "Report: a/report/report.html" in result.out
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["report"]
    assert (tmp_path / "a" / "report" / "report.html").read_text() == "<p>2</p>"

    assert run("verify", *FAST, "--out", "a/report").code == 2
    (tmp_path / "a" / "report" / "mine").write_text("keep")
    result = run("verify", *FAST, "--out", "a/report", "--force", "--json")
    assert result.code == 0
    json.loads(result.out)
    assert "Report: a/report/report.html" in result.err
    assert sorted(path.name for path in (tmp_path / "a" / "report").iterdir()) == ["mine", "report.html"]


@pytest.mark.parametrize("error", [SolveFailed("no good"), KeyboardInterrupt(), RuntimeError("boom")])
def test_a_failure_on_the_way_leaves_no_folder(run, monkeypatch, tmp_path, error):
    def fail(_verification, folder):
        (folder / "report.html").write_text("half")
        raise error

    monkeypatch.setattr(shallows.report, "write_report", fail, raising=False)
    result = run("verify", *FAST, "--out", "report")
    assert result.code == (130 if isinstance(error, KeyboardInterrupt) else 1)
    assert list(tmp_path.iterdir()) == []


def test_a_problem_that_memory_cannot_hold_is_refused(run):
    big = "--network diagonal --dim 1e6 --samples 1e7 --gamma 1 --noise 0.1 --weight-decay 1".split()
    result = run("verify", *big)
    assert result.code == 2
    assert result.err.startswith("shallows: --samples: got 1e7; ")
    assert result.err.count("\n") == 1


def test_a_failed_prediction_trains_nothing(run, tmp_path):
    diverging = "--network diagonal --dim 20 --samples 20 --gamma 1 --noise 1 --weight-decay 0".split()
    result = run("verify", *diverging, "--json", "--out", "report")
    assert result.code == 1
    content = json.loads(result.out)
    assert (content["status"], content["measured"]) == ("divergent", {})
    assert result.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_trainers_that_cannot_be_used(run):
    narrow = [*PROBLEM, "--width", "4", "--trainers", "convex"]
    result = run("verify", *narrow)
    assert result.code == 2
    assert "--trainers: got convex; " in result.err
    limit = [*PROBLEM, "--penalty", "0", "--trainers", "gradient"]
    result = run("verify", *limit)
    assert result.code == 2
    assert "--weight-decay / --penalty: got 0; " in result.err
