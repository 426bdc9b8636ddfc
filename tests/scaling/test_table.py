"""The exponents table: a few rows of it, and that a wrong law is not recovered."""

import math

import pytest

from shallows import InvalidArgument
from shallows.scaling import exponents_table, format_table
from shallows.scaling.table_of_exponents import ExponentRow, measure, paths


@pytest.mark.parametrize("gamma", [0.75, 1.25])
def test_every_exponent_is_recovered(gamma):
    rows = exponents_table([gamma])
    missing = [row for row in rows if not row.good]
    assert not missing, format_table(missing)
    found = {(row.path.network, row.path.phase) for row in rows}
    assert {("quadratic", name) for name in ("II", "III", "IV", "V", "VIa", "VIb", "peak")} <= found
    assert {("diagonal", name) for name in ("II", "III", "V", "VIa", "VIb", "peak")} <= found


def test_another_gamma_is_told_apart():
    from dataclasses import replace

    path = next(p for p in paths(1.25) if p.network == "diagonal" and p.phase == "II" and p.variable == "n_eff")
    row = measure(replace(path, gamma=1.5))  # the expectation stays that of 1.25
    assert not row.good
    assert row.fitted == pytest.approx(-(2 - 1 / 1.5), abs=0.02)


def test_a_failed_solve_is_no_success():
    row = ExponentRow(next(paths(1.0)), math.nan, math.inf)
    assert not row.good
    assert row.to_dict()["fitted"] is None
    assert "NOT RECOVERED" in format_table([row])


def test_progress_and_bad_input():
    seen = []
    with pytest.raises(InvalidArgument):
        exponents_table([])
    with pytest.raises(InvalidArgument, match="gamma"):
        exponents_table([0.5])
    exponents_table([2.0], lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] == len(seen)
