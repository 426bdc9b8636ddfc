"""Stages of the LASSO beside message passing and Newton: from within, and on few columns."""

import numpy as np
import pytest

from shallows.operators import DiagonalOperator
from shallows.problems import Problem
from shallows.teachers import PowerLaw
from shallows.training import normal_system, sample, train
from shallows.training.lasso import FEW_ROWS
from shallows.training.lasso_interior import _CentralPath, interior_point
from shallows.training.lasso_message_passing import EARLY, pass_messages
from shallows.training.lasso_search import LassoSearch
from shallows.training.lasso_working_set import few_columns
from shallows.training.normal_system import SHARE, NormalSystem, UnitColumns, _that_count
from shallows.training.support_newton import newton


def interpolating(seed, n=60, d=500):
    """Next to interpolation: as many weights as samples, or nearly."""
    x, y = sample(Problem("diagonal", PowerLaw(d, 1.0), n, 0.5), seed)
    return x.copy(), y.copy(), 0.02


def a_path(seed, scales=False, direction=None):
    x, y, bound = interpolating(seed)
    if scales:
        rng = np.random.default_rng(seed)
        x = x * 10.0 ** rng.integers(-2, 3, x.shape[1])
    return _CentralPath(DiagonalOperator(x), y, bound, np.zeros(500), direction), x / np.sqrt((x**2).mean(0)), y


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_systems_of_an_interior_point_are_solved_to_the_goal(dtype):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((30, 200)) * 10.0 ** rng.integers(-3, 4, 200)
    unit, right = x / np.sqrt((x**2).mean(0)), 1e3 * rng.standard_normal(30)
    for low, high in ((-3, 3), (-1, 0), (0, 1)):
        weights = 10.0 ** rng.uniform(low, high, 200)
        matrix = np.eye(30) + (unit * weights) @ unit.T
        system = NormalSystem(UnitColumns(DiagonalOperator(x)), weights, dtype)
        solution, along, image = system.solve(right, 1e-4)
        assert system.usable and not system.stalled
        assert np.linalg.norm(matrix @ solution - right) <= 1.01e-4
        assert np.allclose(along, unit.T @ solution, rtol=1e-9, atol=1e-9 * np.abs(along).max())
        assert np.allclose(image, matrix @ solution - solution, rtol=1e-9, atol=1e-9 * np.abs(image).max())
        rough, exact = system.roughly(right), np.linalg.solve(matrix, right)
        assert np.linalg.norm(rough - exact) < 0.3 * np.linalg.norm(exact)


def test_a_system_says_when_it_was_not_solved(monkeypatch):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((30, 200))
    system = NormalSystem(UnitColumns(DiagonalOperator(x)), rng.random(200), np.float64)
    monkeypatch.setattr(normal_system, "CORRECTIONS", 1)
    system.solve(x[:, 0], 1e-9)
    assert system.stalled
    system.solve(x[:, 0], 1e9)
    assert not system.stalled


@pytest.mark.parametrize("rows", [5, 20, 50, 80])
def test_columns_left_out_of_a_factor_are_light(rows):
    weights = np.random.default_rng(2).permutation(10.0 ** np.linspace(-4, 3, 50))
    kept, rest = _that_count(weights, rows)
    left_out = np.setdiff1d(np.arange(50), kept)
    allowed = SHARE * (1 + (np.sort(weights)[: 50 - rows].sum() if rows < 50 else 0))
    assert rest == pytest.approx(weights[left_out].sum())
    assert rest < allowed <= rest + weights[kept].min() and weights[left_out].max() <= weights[kept].min()
    assert (np.diff(kept) > 0).all()
    kept, rest = _that_count(np.full(3, 7.0), rows)
    assert kept.tolist() == [0, 1, 2] and rest == 0.0


@pytest.mark.parametrize("scales", [False, True])
def test_a_central_path_starts_and_stays_where_it_says(scales):
    for seed in range(4):
        path, unit, y = a_path(seed, scales)
        size = np.abs(y).max()
        # fits the labels up to the dual point, which is the best multiple that keeps off its constraints
        assert np.linalg.norm(path.miss - path.dual) <= 1.1e-3 * np.linalg.norm(y - path.dual)
        assert (np.abs(unit.T @ path.dual) / path.bounds).max() == pytest.approx(0.95)
        products = np.array([path.plus * path.low, path.minus * path.high])
        theta = path.plus - path.minus
        assert np.minimum(path.plus, path.minus) ** 2 * path.low * path.high == pytest.approx(
            np.full(500, path.gap * path._excess()[1] / 1000) ** 2, rel=3
        )
        for _ in range(6):
            away, before = path.miss - path.dual, path._excess()[0]
            length = path.advance()
            theta = path.plus - path.minus
            assert 0.1 < length <= 1
            assert np.allclose(path.miss, y - unit @ theta, atol=1e-9 * size)
            assert np.allclose(path.low, path.bounds - unit.T @ path.dual, rtol=1e-6, atol=1e-9 * path.bounds.max())
            assert np.allclose(path.high, path.bounds + unit.T @ path.dual, rtol=1e-6, atol=1e-9 * path.bounds.max())
            assert min(v.min() for v in (path.low, path.high, path.plus, path.minus)) > 0
            left = np.linalg.norm(path.miss - path.dual - (1 - length) * away)
            assert left <= 0.051 * np.sqrt(before)
        products = np.array([path.plus * path.low, path.minus * path.high])
        assert products.max() < 300 * products.mean() and path.gap < 0.05


def test_the_gap_of_a_central_path_is_that_of_its_points():
    path, unit, y = a_path(0)
    path.advance()
    theta = path.plus - path.minus
    objective = ((y - unit @ theta) ** 2).sum() / 2 + (path.bounds * np.abs(theta)).sum()
    assert path.gap == pytest.approx(1 - (path.dual @ y - (path.dual**2).sum() / 2) / objective)


def test_of_two_dual_points_the_better_starts():
    x, y, bound = interpolating(1)
    operator = DiagonalOperator(x)
    found = pass_messages(LassoSearch(operator, y, bound, 1e-6, 10**4, None), leave=True)
    assert found.interpolates and found.iterations == EARLY
    values = []
    for direction in (None, found.dual, np.random.default_rng(0).standard_normal(y.size)):
        path = _CentralPath(operator, y, bound, np.zeros(500), direction)
        values.append(path._dual_value(path.dual))
        assert np.allclose(path.low, path.bounds - (x / operator.scales).T @ path.dual, atol=1e-12)
    # message passing knows the minimum's value within some per cent; what the labels say is much less
    best = train((x, y), network="diagonal", weight_decay=bound / np.sqrt(500)).objective
    assert 0.85 * best < values[1] <= best and values[0] < 0.5 * best and values[2] >= values[0]


def test_an_interior_point_takes_few_steps_on_every_draw():
    cold, warm = [], []
    for seed in range(12):
        x, y, bound = interpolating(seed, 100, 1000)
        y, bound = 10.0 ** (seed % 3 * 6 - 6) * y, 10.0 ** (seed % 3 * 6 - 6) * bound
        operator = DiagonalOperator(x)
        found = pass_messages(LassoSearch(operator, y, bound, 1e-6, 10**4, None), leave=True)
        for steps, guess in ((cold, (np.zeros(1000), None)), (warm, (found.theta, found.dual))):
            end = interior_point(operator, y, bound, guess, tolerance=1e-6, max_steps=60)
            steps.append(end.steps)
            # the support is that of the minimum, up to a column or two, and so are the correlations
            best = newton(operator, y, bound, end.theta, tolerance=1e-9).theta
            assert np.count_nonzero((end.theta != 0) != (best != 0)) <= 2
            assert np.allclose(end.subgradient, operator.adjoint(y - x @ best) / bound, atol=0.02)
    assert max(warm) <= 15 and max(cold) <= 20, (warm, cold)


def test_next_to_interpolation_message_passing_ends_early_and_elsewhere_not():
    x, y, bound = interpolating(3, 100, 1000)
    fit = train((x, y), network="diagonal", weight_decay=bound / np.sqrt(1000))
    assert fit.solver == "amp + newton + interior" and fit.details["amp_iterations"] == EARLY
    fit = train((x, y), network="diagonal", weight_decay=100 * bound / np.sqrt(1000))
    assert fit.details["interior_steps"] == 0 and np.count_nonzero(fit.weights) < 97
    # with more rows than columns there is no such stage
    found = pass_messages(LassoSearch(DiagonalOperator(x), y, bound, 1e-6, 10**4, None))
    assert not found.interpolates


def few(seed, n=400, d=300):
    x, y = sample(Problem("diagonal", PowerLaw(d, 1.0), n, 0.5), seed)
    return DiagonalOperator(x), y, 0.15 * np.abs(x.T @ y).max()


def test_few_columns_are_solved_alone():
    for seed in range(5):
        operator, y, bound = few(seed)
        found = few_columns(operator, y, bound, operator.adjoint(y), 1e-9)
        assert found is not None and found[2].gap <= 1e-9
        exact = train((operator.inputs, y), network="diagonal", weight_decay=bound / np.sqrt(300), solver="convex")
        assert np.allclose(found[0], exact.weights, atol=1e-4 * np.abs(exact.weights).max())
        assert np.allclose(found[1], operator.adjoint(y - operator.inputs @ found[0]) / bound, atol=1e-9)
        fit = train((operator.inputs, y), network="diagonal", weight_decay=bound / np.sqrt(300))
        assert fit.solver == "few columns" and fit.gap <= 1e-6


def test_columns_that_were_missed_are_added():
    """A column whose correlation with the labels others hide."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4000, 300))
    x[:, 1] = x[:, 0] + 0.5 * x[:, 1]
    y = 3 * x[:, 0] - 2.4 * x[:, 1] + 0.1 * rng.standard_normal(4000)
    operator, correlations = DiagonalOperator(x), x.T @ y
    bound = 0.15 * np.abs(correlations).max()
    assert abs(correlations[1]) < 0.5 * bound
    found = few_columns(operator, y, bound, correlations, 1e-9)
    assert found is not None and found[2].gap <= 1e-9 and found[0][1] < 0


def test_many_or_dependent_columns_are_left_to_others():
    operator, y, bound = few(0)
    assert few_columns(operator, y, 1e-3 * bound, operator.adjoint(y), 1e-6) is None
    twice = DiagonalOperator(np.repeat(operator.inputs, 2, axis=1))
    assert few_columns(twice, y, bound, twice.adjoint(y), 1e-6) is None
    fit = train((twice.inputs, y), network="diagonal", weight_decay=bound / np.sqrt(600))
    assert fit.gap <= 1e-6


def test_few_rows_are_followed_from_zero():
    x, y, bound = interpolating(0, FEW_ROWS, 300)
    fit = train((x, y), network="diagonal", weight_decay=bound / np.sqrt(300))
    assert fit.solver == "zero + path" and fit.gap <= 1e-6
    x, y, bound = interpolating(0, FEW_ROWS + 1, 300)
    assert train((x, y), network="diagonal", weight_decay=bound / np.sqrt(300)).details["start"] == "amp"
