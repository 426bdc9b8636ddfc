"""shallows sweep: plan, run, status, failures, export; and one line for every mistake."""

import csv
import json
import signal
import subprocess
import sys
import time

import pytest
import typer

from shallows.cli.sweep import sweep_app
from shallows.errors import InvalidArgument
from shallows.sweeps import Store, StoreError

SWEEP = """
[problem]
network = "diagonal"
dim = 100
gamma = 1.0
noise = 0.5
[axes]
samples = [50, 200, 1000]
weight_decay = { linked = "0.5*sqrt(samples/dim)" }
[compute]
quantities = ["theory", "bayes"]
"""


@pytest.fixture
def call(capsys, monkeypatch, tmp_path):
    """Run ``shallows sweep`` in this process, in an empty folder; returns the exit code and standard output."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweep.toml").write_text(SWEEP)
    command = typer.main.get_command(sweep_app)

    def run(*arguments):
        capsys.readouterr()
        code = command.main([str(a) for a in arguments], prog_name="shallows sweep", standalone_mode=False)
        return code, capsys.readouterr().out

    return run


def test_from_plan_to_export(call, tmp_path):
    code, out = call("plan", "sweep.toml", "--no-measure", "--json")
    assert code == 0
    planned = json.loads(out)
    assert (planned["points"], planned["missing"]) == (6, 6)
    assert planned["seconds"] > 0
    assert planned["bytes"] > 0

    code, out = call("run", "sweep.toml", "--store", "s", "--workers", 0)
    assert code == 0
    assert "6 computed, 0 needed no computing, 0 failed" in out
    code, out = call("run", "sweep.toml", "--store", "s", "--workers", 0, "--json")
    assert json.loads(out)["settled"] == 6

    code, out = call("plan", "sweep.toml", "--store", "s", "--no-measure")
    assert "left: 0" in out
    code, out = call("status", "s", "--json")
    status = json.loads(out)
    assert list(status["sweeps"].values()) == [{"points": 6, "settled": 6}]
    assert status["results"] == {"bayes": 3, "theory": 3}
    assert status["runs_now"] == 0
    assert "6 of 6 points (100.0 %)" in call("status", "s")[1]
    assert call("failures", "s") == (0, "no point failed\n")

    for option, name in (("--csv", "a.csv"), ("--parquet", "a.parquet"), ("--netcdf", "a.nc")):
        assert call("export", "s", option, name)[0] == 0
        assert (tmp_path / name).stat().st_size > 0
        with pytest.raises(InvalidArgument, match="exists already"):
            call("export", "s", option, name)
        assert call("export", "s", option, name, "--force")[0] == 0
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["samples"] for row in rows] == ["50", "200", "1000"]
    assert all(0 < float(row["bayes_risk"]) <= float(row["excess_risk"]) for row in rows)


def test_failures_are_listed_by_reason(call, tmp_path):
    text = SWEEP.replace("[50, 200, 1000]", "[50, 100]").replace('{ linked = "0.5*sqrt(samples/dim)" }', "[0.0]")
    (tmp_path / "hard.toml").write_text(text.replace(', "bayes"', ""))
    code, out = call("run", "hard.toml", "--store", "s", "--workers", 0)
    assert code == 0
    assert "1 failed" in out
    code, out = call("failures", "s")
    assert code == 0
    assert "1 point: SolveFailed" in out
    assert "samples=100" in out
    code, out = call("failures", "s", "--json", "--limit", 0)
    assert sum(json.loads(out)["counts"].values()) == 1
    assert "SolveFailed" in call("status", "s")[1]


def test_a_plan_times_a_few_points(call):
    code, out = call("plan", "sweep.toml", "--json", "--workers", 1)
    assert code == 0
    assert {part["measured"] for part in json.loads(out)["quantities"]} == {"timed"}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("plan", "none.toml"), "sweep file"),
        (("run", "sweep.toml"), "--store"),
        (("run", "none.toml", "--store", "s"), "sweep file"),
        (("run", "sweep.toml", "--store", "."), "store"),
        (("run", "sweep.toml", "--store", "s", "--workers", "-1"), "workers"),
        (("run", "sweep.toml", "--store", "s", "--cluster", "nowhere.json"), "cluster"),
        (("status", "none"), "store"),
        (("failures", "none"), "store"),
        (("failures", "none", "--limit", "-1"), "--limit"),
        (("export", "none", "--csv", "a.csv"), "store"),
        (("export", "none"), "--csv / --parquet / --netcdf / --zarr"),
        (("export", "none", "--csv", "a.csv", "--netcdf", "a.nc"), "--csv / --parquet / --netcdf / --zarr"),
        (("export", "none", "--csv", ""), "--csv"),
    ],
)
def test_mistakes_are_named_and_leave_nothing(call, tmp_path, arguments, named):
    with pytest.raises(InvalidArgument) as caught:
        call(*arguments)
    assert caught.value.name == named
    left = {path.name for path in tmp_path.iterdir()} - {"sweep.toml"}
    assert left <= {"s"}, "an unusable cluster may leave an empty store"
    assert "a.csv" not in left


def test_every_option_explains_itself():
    for command in typer.main.get_command(sweep_app).commands.values():
        for parameter in command.params:
            assert parameter.help, parameter.name
            assert parameter.help.endswith("."), parameter.name


def test_an_interrupt_ends_with_130_and_says_how_to_go_on(tmp_path):
    text = SWEEP.replace("[50, 200, 1000]", "{ linspace = [50, 100_000, 90_000] }").replace(', "bayes"', "")
    (tmp_path / "long.toml").write_text(text)
    command = [sys.executable, "-m", "shallows", "sweep", "run", "long.toml", "--store", "s", "--workers", "1"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 100
        while time.monotonic() < deadline and process.poll() is None and not results_in(tmp_path / "s"):
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out.startswith("stopped after")
    assert "run it again to go on" in out
    assert "stopping: what runs is finished and stored first" in err
    assert "Traceback" not in err


def results_in(folder):
    try:
        with Store(folder, create=False, read_only=True) as store:
            return sum(store.counts().values())
    except (InvalidArgument, StoreError):  # not made yet
        return 0
