"""What a LASSO fit that says `converged` promises, on data that make it hard to keep."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from shallows.errors import InvalidArgument
from shallows.training import train, train_path


def _load_promises():
    path = Path(__file__).parents[2] / "benchmarks" / "lasso_promises.py"
    spec = importlib.util.spec_from_file_location("lasso_promises", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


promises = _load_promises()


@pytest.mark.parametrize("kind", promises.DESIGNS)
def test_a_slice_of_the_promises(kind):
    """`benchmarks/lasso_promises.py` does two thousand; these are others."""
    converged = 0
    for number in range(15):
        problem = promises.draw(np.random.default_rng([1, number, sum(map(ord, kind))]), kind)
        verdict, fit, truth = promises.outcome(*problem)
        assert verdict != "false", (number, fit.gap, truth)
        assert truth <= fit.gap * (1 + 1e-6) + 1e-15, number
        assert fit.status.ok == (fit.gap <= problem[-1]["tolerance"])
        converged += verdict == "converged"
    assert converged >= 8


def test_the_limit_is_the_least_squares_fit_where_there_is_one():
    rng = np.random.default_rng(0)
    designs = [
        rng.standard_normal((20, 2)) * [1e4, 1e-5],
        rng.standard_normal((60, 40)) + 3000,
        np.cumsum(rng.standard_normal((50, 30)), axis=1),
    ]
    for x in designs:
        y = x @ (1 / np.arange(1, x.shape[1] + 1)) + rng.standard_normal(len(x))
        fit = train((x, y), network="diagonal", weight_decay=0.0)
        scales = np.linalg.norm(x, axis=0)
        expected = np.linalg.lstsq(x / scales, y, rcond=None)[0]
        assert np.allclose(fit.weights * scales, expected, rtol=1e-6, atol=1e-7 * np.abs(expected).max())


def test_the_limit_on_columns_of_wide_scales_is_no_fit_short_of_least_squares():
    rng = np.random.default_rng(1)
    converged = 0
    for _ in range(20):
        n, d = 15, 30
        x = rng.standard_normal((n, d)) * 10.0 ** rng.integers(-4, 5, d)
        y = rng.standard_normal(n)
        fit = train((x, y), network="diagonal", weight_decay=0.0, throw=False)
        converged += fit.status.ok
        assert not fit.status.ok or np.linalg.norm(y - x @ fit.weights) < 1e-6 * np.linalg.norm(y)
    assert converged >= 15


def test_a_limit_that_was_not_reached_does_not_count():
    data = np.array([[1.0, 2.0]]), np.array([1.0])
    fit = train(data, network="diagonal", weight_decay=0.0, max_iterations=1, throw=False)
    assert fit.iterations == 1 and not fit.status.ok and fit.gap > 0.1
    assert np.allclose(train(data, network="diagonal", weight_decay=0.0).weights, [0.0, 0.5])


def test_next_to_the_limit_the_gap_is_that_of_the_asked_problem():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((20, 2)) * [1e4, 1e-5], rng.standard_normal(20)
    fit = train((x, y), network="diagonal", weight_decay=1e-16 * np.abs(x.T @ y).max(), throw=False)
    assert fit.gap == pytest.approx(1 - fit.dual_objective / fit.objective)


@pytest.mark.parametrize("most", [1, 3, 10, 100])
def test_iterations_are_counted_together(most):
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((40, 200)), rng.standard_normal(40)
    top = np.abs(x.T @ y).max() / np.sqrt(200)
    fit = train((x, y), network="diagonal", weight_decay=1e-3 * top, max_iterations=most, throw=False)
    assert fit.iterations <= most
    assert fit.status.value == ("converged" if fit.gap <= 1e-6 else "max_iterations")


def test_ties_do_not_hold_the_path_for_ever():
    """Every column twice, weak regularisation, more than floating point can give: it stops, with the best it met."""
    rng = np.random.default_rng(4)
    x = np.repeat(rng.standard_normal((60, 150)), 2, axis=1)
    y = x @ (rng.standard_normal(300) * (rng.random(300) < 0.1)) + rng.standard_normal(60)
    top = np.abs(x.T @ y).max() / np.sqrt(300)
    fit = train((x, y), network="diagonal", weight_decay=1e-8 * top, tolerance=1e-12, throw=False)
    assert fit.iterations < 2000 and fit.gap < 1e-4


def test_what_floating_point_cannot_hold_is_refused():
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((30, 4)), rng.standard_normal(30)
    for mistake, words in (
        (lambda: train((x, y * 1e-200), network="diagonal", weight_decay=0.1), "y: .* too small"),
        (lambda: train((x * 1e-150, y), network="diagonal", weight_decay=0.1), "X: .* too small"),
        (lambda: train((x * [1, 1e-160, 1, 1], y), network="diagonal", weight_decay=0.1), "column 1"),
        (lambda: train((x, y), network="diagonal", weight_decay=0.1, tolerance=1e-17), "tolerance"),
        (lambda: train((np.ma.masked_array(x, x > 2), y), network="diagonal", weight_decay=0.1), "MaskedArray"),
        (lambda: train((x.astype(complex), y), network="diagonal", weight_decay=0.1), "complex128"),
        (lambda: train_path((x, y), network="diagonal", weight_decays=0.1), "must be a sequence"),
    ):
        with pytest.raises(InvalidArgument, match=words):
            mistake()
    assert not train((x, y), network="diagonal", weight_decay=1e308).weights.any()
