"""The atlas: resumed, with failures shown and nothing stopped by them, its pages, and what other commands cite."""

import json
import re
import sys
from dataclasses import replace

import pytest

from shallows import InvalidArgument
from shallows.robustness import (
    Atlas,
    Cell,
    Departure,
    LayerTale,
    check_atlas_folder,
    cite_activation,
    cite_inputs,
    departure_named,
    load_custom,
    measuring,
    register_departure,
    run_atlas,
    write_atlas,
)
from shallows.robustness.citing import measured_table, table_of
from shallows.robustness.pages import colours_of, page_of
from shallows.robustness.settings import OF_TABLES, phase_named
from shallows.robustness.suites import suite_named
from shallows.sweeps import LineLog

PLACES = (phase_named("diagonal-V"), phase_named("diagonal-line"))


@pytest.fixture
def mine(monkeypatch):
    """Registers departures for one test."""
    module = sys.modules[Departure.__module__]
    monkeypatch.setattr(module, "_REGISTER", dict(module._REGISTER))
    return register_departure


def fails(phase, seed):
    if phase.name == "diagonal-V" or seed == 1:
        raise RuntimeError("no data <today>")
    return departure_named("as assumed").make(phase, seed)


def test_a_failing_departure_is_shown_as_failed_and_stops_nothing(mine, tmp_path):
    mine(replace(departure_named("as assumed"), name="fails", family="inputs", make=fails, phases=PLACES))
    mine(replace(departure_named("as assumed"), phases=PLACES))
    atlas = run_atlas("quick", only=["fails", "as assumed"], seeds=2)
    whole, half = atlas.of("fails")
    assert whole.verdict == "failed" and whole.ratio is None and "no data <today>" in whole.failures[0]
    assert len(half.ratios) == 1 and half.failures and half.standard_error is None
    assert [cell.verdict for cell in atlas.of("as assumed")] != ["failed", "failed"]
    page = write_atlas(atlas, tmp_path / "atlas")
    text = page.read_text(encoding="utf-8")
    assert "no data &lt;today&gt;" in text and "<today>" not in text and ">failed<" in text
    own = (page.parent / page_of("fails")).read_text(encoding="utf-8")
    assert "Failed.</strong> diagonal-V" in own and "(0 data sets measured)" in own
    rows = (page.parent / "results.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 5 and sum("no data" in row for row in rows) == 2


def test_what_is_finished_is_not_measured_again(mine, tmp_path, monkeypatch):
    mine(replace(departure_named("as assumed"), phases=PLACES))
    first = run_atlas("quick", only=["as assumed"], seeds=2, store=tmp_path / "store")

    def refuse(*given):
        raise AssertionError("measured again")

    monkeypatch.setattr(measuring, "find_departure", refuse)
    again = run_atlas("full", only=["as assumed"], seeds=2, store=tmp_path / "store")
    assert [cell.measured for cell in again.cells] == [cell.measured for cell in first.cells]


def test_more_data_sets_add_to_those_that_are_there(mine, tmp_path):
    mine(replace(departure_named("as assumed"), phases=PLACES[:1]))
    few = run_atlas("quick", only=["as assumed"], seeds=2, store=tmp_path / "store")
    more = run_atlas("quick", only=["as assumed"], seeds=3, store=tmp_path / "store", reporter=LineLog())
    assert more.cells[0].measured[:2] == few.cells[0].measured and len(more.cells[0].measured) == 3


def test_networks_and_tables_have_pages_with_verdicts_and_links(mine, tmp_path):
    pytest.importorskip("torch")
    mine(replace(departure_named("relu on matched"), phases=(phase_named("few"),)))
    mine(replace(departure_named("linnerud"), phases=OF_TABLES[:2]))
    atlas = run_atlas("quick", only=["relu on matched", "linnerud"], seeds=2)
    page = write_atlas(atlas, tmp_path / "atlas")
    links = re.findall(r'href="([^"#]+)"', page.read_text(encoding="utf-8"))
    assert all((page.parent / link).is_file() for link in links)
    own = (page.parent / page_of("relu on matched")).read_text(encoding="utf-8")
    assert "What diagnose says" in own and "layer 1" in own and "Ghorbani" in own
    assert 'src="http' not in own and own.count("data:image/svg+xml") == 2
    (tale,) = atlas.tales
    assert tale.table == "linnerud" and len(tale.runs) == 12 and -1 <= tale.mean("layer_stable_rank")[0] <= 1


def test_a_table_that_is_not_installed_is_named_as_absent(monkeypatch):
    from shallows.robustness import tables

    gone = replace(tables.TABLES[0], needs=("no_such_package",))
    monkeypatch.setattr(tables, "TABLES", (gone, *tables.TABLES[1:]))
    atlas = run_atlas("quick", only=["diabetes"], seeds=1)
    assert all("no_such_package" in cell.failures[0] for cell in atlas.cells)
    assert "no_such_package" in atlas.tales[0].absent


def test_ratios_are_summed_up_with_their_error():
    cell = Cell("x", "inputs", "diagonal-V", (1.0, 2.0, 3.0), (1.0, 1.0, 1.0))
    assert cell.ratio == 2.0 and cell.standard_error == pytest.approx((1 / 3) ** 0.5) and cell.verdict == "bends"
    assert Cell("x", "inputs", "diagonal-V", (0.2,), (1.0,)).verdict == "breaks"
    assert Cell("x", "inputs", "diagonal-V", (1.25,), (1.0,)).verdict == "holds"
    assert Cell("x", "inputs", "diagonal-V", (1.0,), (0.0,)).verdict == "failed"
    assert LayerTale("wine", {"a": (0.5,)}).mean("a") is None


def test_colours_go_from_blue_through_white_to_red():
    assert colours_of(1.0)[0] == "#f7f7f7" and colours_of(4.0)[0] == "#b2182b" and colours_of(0.1)[0] == "#2166ac"
    assert colours_of(None)[0] == "#9a9a9a"


def test_the_shipped_table_is_what_is_cited():
    found = cite_activation("relu")
    cells = [cell for cell in measured_table()["cells"] if cell["departure"].startswith("relu on ")]
    assert found.settings == len(cells) and found.runs == sum(cell["data_sets"] for cell in cells)
    assert found.high == max(cell["ratio"] for cell in cells) and "relu" in found.sentence
    assert cite_inputs("student:3", "quadratic").high > 2 > cite_inputs("student:3", "diagonal").high
    with pytest.raises(InvalidArgument, match="inputs: got 'cauchy'; was not measured; measured were"):
        cite_inputs("cauchy", "diagonal")
    with pytest.raises(InvalidArgument, match="nothing was measured for this network"):
        cite_inputs("student:3", "quadratic:depth=2")
    with pytest.raises(InvalidArgument, match="activation: got 'sine'"):
        cite_activation("sine")


def test_the_table_keeps_what_an_atlas_measured():
    cells = (Cell("x", "inputs", "diagonal-V", (1.0, 2.0), (1.0, 1.0)),)
    given = Atlas("full", cells, provenance={"version": "1", "command": "c", "libraries": {}})
    (row,) = table_of(json.loads(json.dumps(given.to_dict())))["cells"]
    assert row["ratio"] == 1.5 and row["data_sets"] == 2 and "measured" not in row


@pytest.mark.parametrize(
    "text,words",
    [
        ("def f(h):\n    return h\n", "has no softplus"),
        ("1/0\n", "the file fails: ZeroDivisionError"),
        ("softplus = 3\n", "must be an activation, a design or a departure"),
        ("def softplus(h):\n    return h[0]\n", "must return the shape"),
        ("def softplus(h):\n    raise ValueError('no')\n", "must not raise: ValueError: no"),
    ],
)
def test_a_bad_custom_file_is_one_line(tmp_path, text, words):
    pytest.importorskip("torch")
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(InvalidArgument) as caught:
        load_custom(f"{tmp_path / 'mine.py'}:softplus")
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_custom_design_is_measured_and_a_bad_one_is_shown_as_failed(tmp_path):
    code = """
import numpy as np
from shallows.designs import Design

class Cubes(Design):
    kind = "cubes"
    def draw(self, rng, samples, dim, network):
        return rng.standard_normal((samples, dim)) ** 3 / np.sqrt(15)
    def describe(self):
        return "cubes of normal numbers"

class Bad(Cubes):
    kind = "bad"
    def draw(self, rng, samples, dim, network):
        return np.full((samples, dim), np.nan)
"""
    (tmp_path / "mine.py").write_text(code)
    own = [f"{tmp_path / 'mine.py'}:{name}" for name in ("Cubes", "Bad")]
    departure = load_custom(own[0])
    assert isinstance(departure, Departure) and departure.name == "Cubes inputs"
    drawn = departure.draw(PLACES[1], 0)
    assert drawn.inputs.std() == pytest.approx(1.0, rel=0.05)
    bad = load_custom(own[1])
    with pytest.raises(InvalidArgument, match="every number must be finite"):
        bad.draw(PLACES[1], 0)
    atlas = run_atlas("quick", only=["linnerud"], custom=own[1:], seeds=1)
    assert {cell.verdict for cell in atlas.of("Bad inputs")} == {"failed"}


def test_folders_and_suites_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidArgument, match="is a file"):
        check_atlas_folder(tmp_path / "file", "quick")
    with pytest.raises(InvalidArgument, match="holds no atlas"):
        check_atlas_folder(tmp_path, "quick")
    with pytest.raises(InvalidArgument, match="suite: got 'huge'"):
        check_atlas_folder(tmp_path / "new", "huge")
    with pytest.raises(InvalidArgument, match="only: got 'nothing'"):
        run_atlas("quick", only=["nothing"])
    with pytest.raises(InvalidArgument, match="seeds"):
        run_atlas("quick", seeds=0)


def test_the_quick_suite_is_a_small_part_of_the_full_one():
    quick, full = suite_named("quick"), suite_named("full")
    few, many = (
        sum(suite.seeds_of(one) * len(suite.phases(one)) for one in suite.departures()) for suite in (quick, full)
    )
    assert few < 0.45 * many
    assert {one.name for one in quick.departures()} <= {one.name for one in full.departures()}
