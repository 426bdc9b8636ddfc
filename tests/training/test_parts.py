"""The pieces of the solvers against plain linear algebra."""

import json

import numpy as np
import pytest

from shallows.amp.anderson import Anderson
from shallows.amp.operators import QuadraticOperator, column_squares
from shallows.problems import Problem
from shallows.teachers import PowerLaw
from shallows.training import sample, train
from shallows.training.certificates import lasso_certificate, nuclear_certificate
from shallows.training.factored import _newton_direction, line_minimum
from shallows.training.homotopy import SupportSystem, follow


def test_support_system_follows_a_changing_support():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((30, 25))
    gram = x.T @ x
    support = set(range(8))
    system = SupportSystem(x, np.array(sorted(support)))
    for step in range(60):
        j = int(rng.integers(25))
        if j in support and len(support) > 2:
            support.remove(j)
            system.drop(j)
        elif j not in support:
            support.add(j)
            system.add(j, gram[:, j])
        right = rng.standard_normal(25)
        index = np.array(sorted(support))
        expected = np.zeros(25)
        expected[index] = np.linalg.solve(gram[np.ix_(index, index)], right[index])
        assert np.allclose(system.solve(right), expected, atol=1e-9), step
    empty = SupportSystem(x, np.array([], dtype=int))
    assert not empty.solve(right).any()


@pytest.mark.parametrize("start", ["zero", "random", "dense"])
@pytest.mark.parametrize(("n", "d"), [(30, 80), (80, 30)])
def test_every_guess_leads_to_the_minimum(start, n, d):
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((n, d)), rng.standard_normal(n)
    bound = 0.05 * np.abs(x.T @ y).max()
    theta = {
        "zero": np.zeros(d),
        "random": rng.standard_normal(d) * (rng.random(d) < 0.3),
        "dense": rng.standard_normal(d),
    }[start]
    guess = rng.uniform(-0.9, 0.9, d) if start != "zero" else x.T @ y / np.abs(x.T @ y).max()
    kept = theta.copy()
    end, _, steps, done = follow(x, y, bound, theta, guess, max_steps=5000)
    assert done and steps > 0 and np.array_equal(kept, theta)
    proof = lasso_certificate(x, y, end, bound)
    assert proof.gap < 1e-10 and proof.residual < 1e-9
    again, _, more, _ = follow(x, y, bound, end, np.clip(x.T @ (y - x @ end) / bound, -1, 1), max_steps=100)
    assert more <= 1 and np.allclose(again, end, atol=1e-10)


def test_certificates_bound_the_minimum_from_below():
    rng = np.random.default_rng(2)
    data = sample(Problem("diagonal", PowerLaw(30, 1.0), 20, 0.5), 0)
    bound = 0.7 * np.sqrt(30)
    best = train(data, weight_decay=0.7, tolerance=1e-10).objective
    for size in (0.0, 0.01, 0.3, 3.0):
        proof = lasso_certificate(data.inputs, data.labels, size * rng.standard_normal(30), bound)
        assert 0 <= proof.dual <= best * (1 + 1e-9) and proof.objective >= best * (1 - 1e-9)
    data = sample(Problem("quadratic", PowerLaw(15, 1.0), 100, 0.5), 0)
    best = train(data, penalty=0.2, tolerance=1e-9).objective
    for size in (0.0, 0.01, 0.3, 3.0):
        factor = size * rng.standard_normal((15, 6))
        proof = nuclear_certificate(QuadraticOperator(data.inputs), data.labels, factor, 0.2)
        assert 0 <= proof.dual <= best * (1 + 1e-8) and proof.objective >= best * (1 - 1e-8)


def test_certificates_are_tight_only_at_the_minimum():
    data = sample(Problem("diagonal", PowerLaw(30, 1.0), 20, 0.5), 0)
    bound = 0.7 * np.sqrt(30)
    theta = train(data, weight_decay=0.7, tolerance=1e-12).weights
    assert lasso_certificate(data.inputs, data.labels, theta, bound).residual < 1e-8
    for other in (1.01 * theta, theta + 1e-3, np.where(np.arange(30) == np.argmax(np.abs(theta)), 0, theta)):
        proof = lasso_certificate(data.inputs, data.labels, other, bound)
        assert proof.gap > 1e-5 and proof.residual > 1e-4


def test_line_search_along_the_factor_is_exact():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((40, 9))
    y = rng.standard_normal(40)
    operator = QuadraticOperator(x)
    factor, direction, bound = rng.standard_normal((9, 3)), rng.standard_normal((9, 3)), 0.8
    first, second = operator.forward_mixed(factor, direction)

    def loss(t):
        moved = factor + t * direction
        return 0.5 * np.sum((y - operator.forward_factor(moved)) ** 2) + bound * np.sum(moved**2)

    miss = y - operator.forward_factor(factor)
    t = line_minimum(miss, first, second, 2 * np.sum(factor * direction), np.sum(direction**2), 2 * bound)
    grid = np.linspace(-3, 3, 4001)
    assert loss(t) <= min(map(loss, grid)) + 1e-9


def test_newton_direction_solves_the_second_order_model():
    """At a minimum plus a small change the Newton step leads back, up to rotations of the factor."""
    data = sample(Problem("quadratic", PowerLaw(12, 1.0), 200, 0.3), 0)
    operator, bound = QuadraticOperator(data.inputs), 0.3 * 12 / 2
    best = train(data, penalty=0.3, tolerance=1e-11, throw=False).weights.factor

    def slack(f):
        return bound * np.eye(12) - operator.adjoint(data.labels - operator.forward_factor(f))

    moved = best + 1e-4 * np.random.default_rng(0).standard_normal(best.shape)
    gradient = 2 * slack(moved) @ moved
    step = moved + _newton_direction(operator, moved, slack(moved), gradient, 500)
    before = np.linalg.norm(moved @ moved.T - best @ best.T)
    assert np.linalg.norm(step @ step.T - best @ best.T) < 0.05 * before


def test_column_squares_and_anderson():
    rng = np.random.default_rng(4)
    x = rng.standard_normal((1000, 70))
    assert np.allclose(column_squares(x), (x**2).sum(0))
    assert np.allclose(column_squares(np.asfortranarray(x)), (x**2).sum(0))
    matrix = rng.standard_normal((20, 20)) * 0.2
    goal = np.linalg.solve(np.eye(20) - matrix, np.ones(20))
    plain, fast, mixing = np.zeros(20), np.zeros(20), Anderson(5, 1.0)
    for _ in range(25):
        plain = matrix @ plain + 1
        fast = mixing.step(fast, matrix @ fast + 1 - fast)
    assert np.linalg.norm(fast - goal) < 0.01 * np.linalg.norm(plain - goal)


@pytest.mark.parametrize("solver", ["auto", "convex", "amp", "gradient"])
@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_summaries_are_json_ready(network, solver):
    if solver == "gradient":
        pytest.importorskip("torch")
    fit = train(Problem(network, PowerLaw(12, 1.0), 60, 0.3), seed=0, weight_decay=0.5, solver=solver, throw=False)
    text = json.loads(json.dumps(fit.to_dict()))
    assert text["status"] == fit.status.value and text["objective"] == fit.objective
    assert fit.status.advice and fit.seconds > 0


def test_message_passing_alone_is_certified():
    for network, option in (("diagonal", {"weight_decay": 1.0}), ("quadratic", {"penalty": 0.2})):
        samples = 150 if network == "diagonal" else 1600
        fit = train(Problem(network, PowerLaw(40, 1.0), samples, 0.3), seed=0, solver="amp", **option)
        assert fit.gap <= 1e-6 and fit.solver == "amp"
