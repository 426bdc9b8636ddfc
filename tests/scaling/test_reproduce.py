"""Figures of the papers: files, reading, resuming, and what is refused. Sizes are cut down for the test."""

import csv
import json
import os
import subprocess
import sys

import pytest

from shallows import InvalidArgument
from shallows.reproduce import FIGURES, check_folder, curves, reproduce, sketches, spectra
from shallows.reproduce.curves import Panel
from shallows.reproduce.measured import Row, Setting, agreement_sentences, measure

KINDS = {"png", "svg", "pdf"}


def setting(n, network="diagonal", decay=1.0, dim=60):
    fixed = {"network": network, "dim": dim, "samples": n, "gamma": 1.25, "noise": 0.1}
    return Setting(f"d = {dim}", float(n), {**fixed, "weight_decay": decay})


@pytest.fixture
def small(monkeypatch):
    panels = [Panel("diagonal", [setting(n) for n in (20, 60, 200)], [setting(40), setting(150)])]
    monkeypatch.setitem(curves.FIGURES, "risk-curves", (lambda scale: panels, "n", "n"))


def test_risk_curves(small, tmp_path):
    made = reproduce("risk-curves", tmp_path / "fig", seeds=3)
    assert {f"risk-curves.{kind}" for kind in KINDS} <= set(made.files)
    assert all((made.folder / name).stat().st_size > 0 for name in made.files)
    with (made.folder / "risk-curves-trained.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["samples"]) for row in rows] == [40, 150]
    assert all(abs(float(row["measured"]) / float(row["predicted"]) - 1) < 0.6 for row in rows)
    assert "2 trained points, each the mean of 3 data sets" in made.reading
    assert (made.folder / "risk-curves.md").read_text().strip() == made.reading
    assert json.loads((made.folder / "reproduce.json").read_text())["finished"] is True


def test_it_resumes_from_what_is_there(small, tmp_path, monkeypatch):
    from shallows import training

    first = reproduce("risk-curves", tmp_path / "fig", seeds=2)
    numbers = (first.folder / "risk-curves-trained.csv").read_text()

    def forbidden(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr(training, "train", forbidden)
    second = reproduce("risk-curves", tmp_path / "fig", seeds=2)
    assert (second.folder / "risk-curves-trained.csv").read_text() == numbers


def test_a_killed_run_leaves_no_figure_but_its_work(small, tmp_path, monkeypatch):
    monkeypatch.setattr(curves, "_figure", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        reproduce("risk-curves", tmp_path / "fig", seeds=1)
    left = {path.name for path in (tmp_path / "fig").iterdir()}
    assert left == {"work", "reproduce.json"}
    assert json.loads((tmp_path / "fig" / "reproduce.json").read_text())["finished"] is False
    monkeypatch.undo()
    assert check_folder("risk-curves", "quick", tmp_path / "fig")


def test_what_a_dead_process_left_is_removed(small, tmp_path):
    made = reproduce("risk-curves", tmp_path / "fig", seeds=1)
    finished = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    dead = made.folder / f".partial-{int(finished.stdout)}-abc"
    alive = made.folder / f".partial-{os.getppid()}-abc"
    for path in (dead, alive):
        path.mkdir()
    reproduce("risk-curves", tmp_path / "fig", seeds=1)
    assert not dead.exists()
    assert alive.exists()


def test_spectra(tmp_path, monkeypatch):
    few = [case for case in spectra.cases(40) if case.phase in ("VIa", "Ib") and case.network == "diagonal"]
    more = [case for case in spectra.cases(40) if case.network == "quadratic" and case.phase in ("VIa", "II")]
    monkeypatch.setattr(spectra, "cases", lambda dim: few + more)
    made = reproduce("spectra", tmp_path / "fig", seeds=2)
    content = json.loads((made.folder / "spectra.json").read_text())
    assert len(content) == 4
    for case in content:
        assert abs(case["trained"]["mass_at_zero"] - case["predicted"]["mass_at_zero"]) < 0.15
    assert {f"spectra.{kind}" for kind in KINDS} <= set(made.files)


def test_phase_diagram(tmp_path, monkeypatch):
    real = sketches.phase_diagram
    monkeypatch.setattr(sketches, "phase_diagram", lambda *a, **k: real(*a, **{**k, "points": 6}))
    made = reproduce("phase-diagram", tmp_path / "fig")
    assert {"phase-diagram.pdf", "phase-diagram-quadratic.nc", "phase-diagram-diagonal.nc"} <= set(made.files)


@pytest.mark.parametrize("figure", ["risk-curves", "width-rank", "width-samples"])
@pytest.mark.parametrize("scale", ["quick", "full"])
def test_the_figures_are_those_of_the_papers(figure, scale):
    panels = curves.FIGURES[figure][0](scale)
    for panel in panels:
        for point in panel.trained + panel.lines[:3]:
            point.problem()
        assert {p.line for p in panel.trained} == {p.line for p in panel.lines}
    dims = {p.settings["dim"] for panel in panels for p in panel.lines}
    if scale == "full":
        assert dims == ({100, 200, 400, 800} if figure == "risk-curves" else {400})


def test_points_outside_the_allowance_are_named(tmp_path):
    point = setting(3000)
    row = Row(point, 0.2, 0.001, 3, 1, 0.1, 0.05, (0.2,))
    text = agreement_sentences([row], 2)
    assert "0 of the 1 points" in text
    assert "+100 %" in text
    assert "1 trainings did not converge" in text
    assert "2 points are theory only" in text
    assert row.within is False
    assert measure([], 2, tmp_path / "store", 0, None) == []


def test_refused(small, tmp_path):
    with pytest.raises(InvalidArgument, match="figure"):
        reproduce("fig4", tmp_path / "a")
    with pytest.raises(InvalidArgument, match="scale"):
        reproduce("spectra", tmp_path / "a", scale="medium")
    with pytest.raises(InvalidArgument, match="seeds"):
        reproduce("spectra", tmp_path / "a", seeds=0)
    assert not (tmp_path / "a").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("mine")
    with pytest.raises(InvalidArgument, match="not empty"):
        reproduce("spectra", tmp_path / "full")
    reproduce("risk-curves", tmp_path / "fig", seeds=1)
    with pytest.raises(InvalidArgument, match="another figure"):
        reproduce("spectra", tmp_path / "fig")
    assert len(FIGURES) == 5
