"""The phase diagram: agreement with single predictions, derivatives, phases, store, files."""

import numpy as np
import pytest
import xarray

from shallows import InvalidArgument, PowerLaw, Problem, predict
from shallows.phases import phase_at
from shallows.scaling import agreement, phase_diagram, reading
from shallows.scaling.files import write_diagram
from shallows.scaling.found_phases import NAMES


@pytest.fixture(scope="module", params=["diagonal", "quadratic"])
def small(request):
    return phase_diagram(request.param, 400, 1.25, 0.1, points=(14, 12))


def test_points_are_predictions(small):
    network = small.attrs["network"]
    for i, j in ((2, 3), (7, 1), (11, 9)):
        problem = Problem(network, PowerLaw(400, 1.25), float(small["samples"][i]), 0.1)
        there = predict(problem, weight_decay=float(small["weight_decay"][j]))
        assert float(small["excess_risk"][i, j]) == pytest.approx(there.excess_risk, rel=1e-9)
        assert float(small["train_error"][i, j]) == pytest.approx(there.train_error, rel=1e-9)
        assert NAMES[int(small["analytic_phase"][i, j])] == there.phase.name


def test_local_exponents_are_derivatives(small):
    network = small.attrs["network"]
    i, j = 9, 7
    lam, n = float(small["weight_decay"][j]), float(small["samples"][i])

    def log_risk(n, lam):
        return np.log(predict(Problem(network, PowerLaw(400, 1.25), n, 0.1), weight_decay=lam).excess_risk)

    exact = (log_risk(n * 1.001, lam) - log_risk(n / 1.001, lam)) / (2 * np.log(1.001))
    assert float(small["exponent_samples"][i, j]) == pytest.approx(exact, abs=0.2)  # the grid is coarse


def test_the_optimum_is_no_worse_than_the_grid(small):
    best = small["optimal_risk"].values
    inside = np.isfinite(best)
    assert inside.any()
    assert (best[inside] <= np.nanmin(small["excess_risk"].values, axis=1)[inside] * (1 + 1e-9)).all()


def test_large_dimension_is_sharper():
    shares = [agreement(phase_diagram("diagonal", d, 1.25, 0.1, points=30))["all"] for d in (400, 10**8)]
    assert shares[1]["agree"] > shares[0]["agree"]
    assert shares[1]["blurred"] < shares[0]["blurred"]
    assert shares[1]["agree"] > 0.85


def test_finite_width_moves_the_lines_in_weight_decay():
    full = phase_diagram("quadratic", 400, 1.25, 0.1, points=4)
    narrow = phase_diagram("quadratic", 400, 1.25, 0.1, points=4, width=4)
    assert narrow["noise_line"].values == pytest.approx(10 * full["noise_line"].values)
    code = int(narrow["analytic_phase"][2, 2])
    log_d = np.log(400)
    nu, ell = (
        np.log(float(narrow["effective_samples"][2])) / log_d,
        np.log(float(narrow["weight_decay"][2]) / 10) / log_d,
    )
    assert NAMES[code] == phase_at("quadratic", nu, ell, 1.25).name


def test_through_a_store_it_is_the_same_and_resumes(tmp_path):
    options = {"points": 5, "nu": (0.5, 1.5)}
    direct = phase_diagram("diagonal", 200, 1.25, 0.1, **options)
    stored = phase_diagram("diagonal", 200, 1.25, 0.1, store=tmp_path / "store", workers=0, **options)
    again = phase_diagram("diagonal", 200, 1.25, 0.1, store=tmp_path / "store", workers=0, **options)
    np.testing.assert_allclose(stored["excess_risk"].values, direct["excess_risk"].values, rtol=1e-10)
    xarray.testing.assert_identical(stored, again)


def test_files(small, tmp_path):
    names = write_diagram(small, tmp_path)
    assert sorted(names) == sorted(path.name for path in tmp_path.iterdir())
    back = xarray.open_dataset(tmp_path / "phases.nc", engine="h5netcdf")
    np.testing.assert_array_equal(back["excess_risk"].values, small["excess_risk"].values)
    lines = (tmp_path / "phases.csv").read_text().splitlines()
    assert len(lines) == small["excess_risk"].size + 1
    assert "finite d" in reading(small)


@pytest.mark.parametrize(
    "change",
    [
        {"network": "cubic"},
        {"gamma": 0.5},
        {"noise": 0.0},
        {"points": 2},
        {"points": (4, "5")},
        {"points": True},
        {"nu": (2, 1)},
        {"nu": (-3, 1)},
        {"ell": (0, float("nan"))},
        {"width": 3, "network": "diagonal"},
    ],
)
def test_bad_input(change):
    arguments = {"network": "quadratic", "dim": 100, "gamma": 1.25, "noise": 0.1} | change
    with pytest.raises(InvalidArgument):
        phase_diagram(**arguments)


def test_no_best_weight_decay_is_named_where_zero_weights_are_as_good():
    diagram = phase_diagram("diagonal", 100, 1.0, 0.5, points=12)
    null = Problem("diagonal", PowerLaw(100, 1.0), 10).null_risk
    risks = diagram["optimal_risk"].values
    assert np.isnan(risks[0])  # about two samples: nothing does better than zero
    assert (risks[np.isfinite(risks)] < null * (1 - 1e-6)).all() and np.isfinite(risks).sum() >= 6
