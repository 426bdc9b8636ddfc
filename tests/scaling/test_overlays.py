"""A user's points over phase diagrams and the papers' figures: what is read, where it is drawn, what is refused."""

import csv
import json
import warnings

import numpy as np
import pandas as pd
import pytest

from shallows import InvalidArgument, PowerLaw, Problem, predict
from shallows.cli import main
from shallows.overlays import Columns, read_points
from shallows.plotting import new_figure
from shallows.reproduce import curves, reproduce
from shallows.reproduce.curves import Panel, at_peaks
from shallows.reproduce.measured import Setting, between, theory
from shallows.reproduce.own_data import own_data
from shallows.scaling import phase_diagram, write_diagram
from shallows.scaling.figures import diagram_figure
from shallows.scaling.own_points import place_points, points_sentence

WANTED = Columns(("samples|effective_samples", "weight_decay"), ("excess_risk",))
TABLE = {"samples": [400.0, 4000.0], "weight_decay": [0.1, 0.5], "excess_risk": [0.5, 0.02]}


@pytest.fixture(scope="module")
def diagram():
    return phase_diagram("quadratic", 400, 1.25, 0.1, points=6)


def write(path, kind):
    rows = [dict(zip(TABLE, row, strict=True)) for row in zip(*TABLE.values(), strict=True)]
    if kind == "csv":
        pd.DataFrame(TABLE | {"note": ["a", "b"]}).to_csv(path, index=False)
    elif kind == "rows":
        path.write_text(json.dumps(rows))
    elif kind == "lists":
        path.write_text(json.dumps(TABLE))
    elif kind == "named":
        np.save(path, pd.DataFrame(TABLE).to_records(index=False))
    else:
        np.save(path, np.array(list(TABLE.values())).T)
    return path


@pytest.mark.parametrize(
    "kind,suffix", [("csv", "csv"), ("rows", "json"), ("lists", "json"), ("named", "npy"), ("plain", "npy")]
)
def test_every_format_holds_the_same_points(tmp_path, kind, suffix):
    found = read_points(write(tmp_path / f"points.{suffix}", kind), WANTED)
    assert {name: column.tolist() for name, column in found.items()} == TABLE
    in_memory = read_points(pd.DataFrame(TABLE), WANTED)
    assert {name: column.tolist() for name, column in in_memory.items()} == TABLE


@pytest.mark.parametrize(
    "text,part",
    [
        ("", "the file is empty"),
        ("samples,weight_decay\n", "0 rows"),
        ("samples\n3\n", "no column weight_decay"),
        ("n,weight_decay\n3,1\n", "no column samples or effective_samples; needs the columns samples or"),
        ("samples,effective_samples,weight_decay\n3,3,1\n", "give one of the two"),
        ("samples,samples\n3,1\n", "two columns of one name"),
        ("samples,weight_decay\n3,1\n4,0\n", "0 in row 2 of column weight_decay"),
        ("samples,weight_decay\n3,one\n", "one in row 1 of column weight_decay"),
        ("samples,weight_decay\n3,\n", "empty cell in row 1 of column weight_decay"),
        ("samples,weight_decay\n3,inf\n", "inf in row 1"),
        ("samples,weight_decay\n3,1,2\n", "3 cells in row 1"),
        ("samples,weight_decay\n0.5,1\n", "0.5 samples"),
        ("samples,weight_decay,dim\n5,1,2.5\n", "2.5 in column dim"),
        ("samples,weight_decay,network\n5,1,cubic\n", "cubic in row 1 of column network"),
    ],
)
def test_a_bad_table_is_one_line_and_exit_code_two(tmp_path, capsys, text, part):
    file, out = tmp_path / "points.csv", tmp_path / "out"
    file.write_text(text)
    grid = ["--network", "quadratic", "--dim", "400", "--gamma", "1.25", "--noise", "0.1", "--points", "3"]
    assert main(["phases", *grid, "--out", str(out), "--overlay", str(file)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "--overlay: got" in error and part in error.replace("\\'", "'")
    assert not out.exists()
    assert main(["reproduce", "phase-diagram", "--out", str(out), "--overlay", str(file)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "--overlay" in error
    assert not out.exists()


def test_files_that_are_no_tables(tmp_path):
    (tmp_path / "bad.json").write_text("[1, 2]")
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "bad.npy").write_bytes(b"no array")
    (tmp_path / "bad.csv").write_bytes(b"\xff\xfe\x00")
    np.save(tmp_path / "wide.npy", np.ones((2, 9)))
    for name in ("bad.json", "broken.json", "bad.npy", "bad.csv", "wide.npy", "none.csv", "points.txt"):
        with pytest.raises(InvalidArgument, match="overlay: got"):
            read_points(tmp_path / name, WANTED)
    for given in (3, [1, 2], np.ones(3), {"samples": [1, 2], "weight_decay": [1]}):
        with pytest.raises(InvalidArgument, match="overlay: got"):
            read_points(given, WANTED)


def test_points_lie_where_they_belong_and_beside_what_theory_predicts(diagram):
    points = place_points(diagram, TABLE)
    nu, ell = points.places
    assert nu == pytest.approx(np.log([1, 10]) / np.log(400))
    assert ell == pytest.approx(np.log([0.1, 0.5]) / np.log(400))
    here = predict(Problem("quadratic", PowerLaw(400, 1.25), 4000, 0.1), weight_decay=0.5)
    assert points.predicted[1] == pytest.approx(here.excess_risk) and points.phases[1] == here.phase.name
    other = place_points(diagram, TABLE | {"dim": [400, 100], "network": ["quadratic", "quadratic"]})
    assert other.effective_samples.tolist() == [1, 40]
    assert place_points(diagram, TABLE | {"network": ["diagonal", "diagonal"]}) is None
    outside = place_points(diagram, {"effective_samples": [1.0, 10.0], "weight_decay": [1e9, 1.0]})
    assert outside.inside.tolist() == [False, True]
    assert "Of 2 points given, 1 lies within the diagram" in points_sentence(outside)
    assert "over predicted" not in points_sentence(outside) and "over predicted" in points_sentence(points)


def test_they_are_drawn_on_both_maps_and_explained(diagram):
    points = place_points(diagram, TABLE)
    figure = diagram_figure(diagram, points)
    left, right = figure.axes[:2]
    for axes in (left, right):
        drawn = axes.collections[-1]
        assert np.asarray(drawn.get_offsets()) == pytest.approx(np.array(points.places).T)
    assert np.asarray(left.collections[-1].get_array()) == pytest.approx(np.log10(TABLE["excess_risk"]))
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    names = {diagram.attrs["phases"][code] for code in np.unique(diagram["numerical_phase"].values)}
    assert names <= set(labels)
    assert {"best weight decay", "noise line", "borders for large $d$", "points given"} <= set(labels)
    assert "points given" not in [text.get_text() for text in diagram_figure(diagram).legends[0].get_texts()]


def test_the_files_of_a_diagram_hold_the_points(diagram, tmp_path):
    files = write_diagram(diagram, tmp_path, overlay=TABLE)
    assert {path.name for path in tmp_path.iterdir()} == set(files)
    assert {"phases-column.pdf", "phases-overlay.csv"} <= set(files)
    with (tmp_path / "phases-overlay.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["excess_risk"]) for row in rows] == TABLE["excess_risk"]
    assert "Of 2 points given" in (tmp_path / "phases.md").read_text()


def test_rows_find_their_panel_in_the_papers_figures():
    table = {"network": ["diagonal", "quadratic"], "weight_decay": [0.01, 10.0], "dim": [100, 100]}
    found = own_data("risk-curves", table | {"samples": [50, 5000], "excess_risk": [0.3, 0.2]})
    assert found.panel.tolist() == [0, 5] and found.x.tolist() == [50, 50]
    found = own_data("spectra", {"network": ["diagonal"], "phase": ["V"], "value": [-0.1]})
    assert found.panel.tolist() == [1] and found.x.tolist() == [-0.1]
    for figure, bad in (
        ("risk-curves", table | {"samples": [50, 5000], "excess_risk": [0.3, 0.2], "weight_decay": [0.5, 10.0]}),
        ("width-rank", {"samples": [700], "dim": [100], "width": [3], "excess_risk": [1.0]}),
        ("spectra", {"network": ["diagonal"], "phase": ["IV"], "value": [0.1]}),
        ("spectra", np.ones((3, 1))),
    ):
        with pytest.raises(InvalidArgument, match="overlay: got"):
            own_data(figure, bad)


def setting(n, dim=60, decay=1 / 60):
    fixed = {"network": "diagonal", "dim": dim, "samples": n, "gamma": 1.25, "noise": 0.1}
    return Setting(f"d = {dim}", float(n), {**fixed, "weight_decay": decay})


def test_theory_lines_have_points_at_their_peak_where_a_network_is_trained():
    panel = Panel("diagonal", [setting(n) for n in (5, 10, 20, 40, 80, 160, 320)], [setting(10), setting(160)])
    (line,) = theory(panel.lines)
    top = line.x[line.x > 30][int(np.argmax(line.risk[line.x > 30]))]
    assert line.x.size > 10 and 50 < top < 75
    (added,) = at_peaks(panel, [line], 1e6)
    assert added in panel.lines and added.x == 80.0
    assert at_peaks(Panel("", panel.lines, [*panel.trained, setting(80)]), [line], 1e6) == []
    assert len(at_peaks(Panel("", panel.lines, [*panel.trained, setting(80)]), [line], 10)) == 1  # too large to train
    assert between(setting(10), setting(11), 10.5) is None


def test_own_points_are_drawn_over_risk_curves(tmp_path, monkeypatch):
    panels = [Panel("diagonal", [setting(n) for n in (20, 60, 200)], [setting(40)])]
    monkeypatch.setitem(curves.FIGURES, "risk-curves", (lambda scale: panels, "n", "n"))
    drawn = {}

    def kept(figure, handles, note="", **_):
        drawn["axes"], drawn["labels"] = figure.axes, [handle.get_label() for handle in handles]

    monkeypatch.setattr(curves, "explain_all", kept)
    given = {"network": ["diagonal"], "weight_decay": [1 / 60], "dim": [60], "samples": [50], "excess_risk": [0.3]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reproduce("risk-curves", tmp_path / "fig", seeds=1, overlay=given)
    assert "line: theory" in drawn["labels"] and "points given" in drawn["labels"]
    assert any(line.get_xdata().tolist() == [50.0] for line in drawn["axes"][0].get_lines() if line.get_marker() == "*")


def test_the_reason_stands_on_the_figure_where_the_minimum_is_not_unique():
    from shallows.reproduce import spectra
    from shallows.reproduce.cases import cases

    open_ones = [case for case in cases(40) if spectra._not_unique(case)]
    assert [(case.network, case.phase) for case in open_ones] == [("quadratic", "Ia")]
    case, axes = open_ones[0], new_figure(3, 3).subplots()
    prediction = predict(case.problem, weight_decay=case.weight_decay)
    values = np.abs(np.random.default_rng(0).standard_normal((2, 40)))
    spectra._panel(axes, case, prediction, values, None)
    assert axes.get_title(loc="center") + axes.get_title(loc="left") != ""
    title = axes.get_title(loc="left") or axes.get_title()
    assert title.endswith("trained 0 %*") and not axes.texts
    assert "not unique" in spectra.NOT_UNIQUE
