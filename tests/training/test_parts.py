"""The pieces of the solvers against plain linear algebra."""

import json

import numpy as np
import pytest

from shallows.amp.anderson import Anderson
from shallows.operators import QuadraticOperator
from shallows.operators.diagonal import DiagonalOperator, column_squares
from shallows.problems import Problem
from shallows.teachers import PowerLaw
from shallows.training import sample, train
from shallows.training.certificates import lasso_certificate, nuclear_certificate
from shallows.training.factor_newton import _newton_direction, line_minimum
from shallows.training.homotopy import follow
from shallows.training.support_newton import newton
from shallows.training.support_system import SupportSystem, factorise


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_support_system_takes_many_changes_at_once(dtype):
    rng = np.random.default_rng(5)
    x = rng.standard_normal((60, 40)) * 10.0 ** rng.integers(-3, 4, 40)
    gram, scales = x.T @ x, np.sqrt((x**2).mean(0))
    support = set(range(15))
    system = SupportSystem(DiagonalOperator(x), np.array(sorted(support)), dtype)
    for step in range(12):
        leaving = rng.choice(sorted(support), 5, replace=False)
        entering = rng.choice(sorted(set(range(40)) - support), 4 + step % 3, replace=False)
        support = (support - set(leaving.tolist())) | set(entering.tolist())
        system.change(entering, leaving)
        right, index = rng.standard_normal(40) * scales, np.array(sorted(support))
        expected = np.zeros(40)
        expected[index] = np.linalg.solve(gram[np.ix_(index, index)], right[index])
        error = np.abs(system.solve(right) - expected) * scales
        assert error.max() < (1e-10 if dtype is np.float64 else 1e-2) * np.abs(expected * scales).max(), step


def test_support_system_follows_a_changing_support():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((30, 25))
    gram = x.T @ x
    support = set(range(8))
    system = SupportSystem(DiagonalOperator(x), np.array(sorted(support)))
    for step in range(60):
        j = int(rng.integers(25))
        if j in support and len(support) > 2:
            support.remove(j)
            system.change([], [j])
        elif j not in support:
            support.add(j)
            system.change([j], [])
        right = rng.standard_normal(25)
        index = np.array(sorted(support))
        expected = np.zeros(25)
        expected[index] = np.linalg.solve(gram[np.ix_(index, index)], right[index])
        assert np.allclose(system.solve(right), expected, atol=1e-9), step
    empty = SupportSystem(DiagonalOperator(x), np.array([], dtype=int))
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
    end, _, steps = follow(DiagonalOperator(x), y, bound, theta, guess, max_steps=5000)
    assert 0 < steps < 5000 and np.array_equal(kept, theta)
    proof = lasso_certificate(DiagonalOperator(x), y, end, bound)
    assert proof.gap < 1e-10 and proof.residual < 1e-9
    again, _, more = follow(
        DiagonalOperator(x), y, bound, end, np.clip(x.T @ (y - x @ end) / bound, -1, 1), max_steps=100
    )
    assert more <= 1 and np.allclose(again, end, atol=1e-10)


@pytest.mark.parametrize("order", ["C", "F"])
def test_columns_and_their_products(order):
    rng = np.random.default_rng(3)
    x = np.array(rng.standard_normal((70, 30)) * 10.0 ** np.linspace(-20, 20, 30), order=order)
    x[:, 4] = 0.0
    kept = x.copy()
    operator = DiagonalOperator(x)
    assert operator.by_columns is (order == "F")
    theta, values, few = rng.standard_normal(30) / operator.scales, rng.standard_normal(70), np.zeros(30)
    assert np.isfinite(operator.forward(1e60 * theta, rough=True)).all()
    few[7] = 2.0
    support = np.array([0, 3, 7, 8, 29])
    unit = x[:, support] / operator.scales[support]
    for rough, accuracy in ((False, 1e-13), (True, 1e-5)):
        assert np.allclose(operator.forward(theta, rough=rough), x @ theta, rtol=accuracy, atol=30 * accuracy)
        assert np.allclose(operator.forward(few, rough=rough), x @ few, rtol=1e-13)
        relative = operator.adjoint(values, rough=rough) / operator.scales
        assert np.allclose(relative, (x / operator.scales).T @ values, atol=70 * accuracy)
        products = operator.products(support, rough=rough) / operator.scales[:, None] / operator.scales[support]
        assert np.allclose(products, (x / operator.scales).T @ unit, atol=70 * accuracy)
        gram = operator.gram(support, np.float32 if rough else np.float64)
        assert np.allclose(np.tril(gram), np.tril(unit.T @ unit), atol=70 * accuracy)
    assert np.array_equal(x, kept)


def test_newton_corrects_a_support_in_a_few_steps():
    data = sample(Problem("diagonal", PowerLaw(300, 1.0), 400, 0.5), 0)
    operator, bound = DiagonalOperator(data.inputs), 0.2 * np.sqrt(300)
    best = train(data, weight_decay=0.2, tolerance=1e-12, solver="convex").weights
    rng = np.random.default_rng(0)
    guess = best.copy()
    guess[rng.choice(np.flatnonzero(best), 8, replace=False)] = 0.0
    guess[rng.choice(np.flatnonzero(best == 0), 8, replace=False)] = 0.01
    end = newton(operator, data.labels, bound, guess, tolerance=1e-10)
    assert end.steps <= 8 and end.certificate.gap <= 1e-10
    assert np.allclose(end.theta, best, atol=1e-9)
    proof = lasso_certificate(operator, data.labels, end.theta, bound)
    assert proof.objective == pytest.approx(end.certificate.objective, rel=1e-12)
    assert np.array_equal(np.sign(end.theta[end.theta != 0]), end.subgradient[end.theta != 0].round(6))


def test_newton_says_where_it_does_not_end():
    """More weights than samples, or columns that depend on each other: it stops, with the best point it met."""
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((40, 90)), rng.standard_normal(40)
    x[:, 50:60] = x[:, :10]
    operator, bound = DiagonalOperator(x), 0.01 * np.abs(x.T @ y).max()
    end = newton(operator, y, bound, rng.standard_normal(90), tolerance=1e-9)
    proof = lasso_certificate(operator, y, end.theta, bound)
    assert proof.gap == pytest.approx(end.certificate.gap) and np.isfinite(end.theta).all()


def test_double_precision_takes_over_where_the_condition_asks_for_it(monkeypatch):
    rng = np.random.default_rng(2)
    left, right = (np.linalg.qr(rng.standard_normal(shape))[0] for shape in ((60, 20), (20, 20)))
    x = left * np.geomspace(1, 1e-4, 20) @ right.T * np.sqrt(60)  # condition 1e8 in the Gram matrix
    y = x @ rng.standard_normal(20) + 1e-3 * rng.standard_normal(60)
    operator, bound = DiagonalOperator(x), 1e-8 * np.abs(x.T @ y).max()
    best = train((x, y), network="diagonal", weight_decay=bound / np.sqrt(20), solver="convex", tolerance=1e-6).weights
    used = []

    def watch(operator, theta, active, dtype):
        used.append(dtype)
        return factorise(operator, theta, active, dtype)

    monkeypatch.setattr("shallows.training.support_newton.factorise", watch)
    end = newton(operator, y, bound, best + 0.1 * rng.standard_normal(20), tolerance=1e-6)
    assert end.certificate.gap <= 1e-6 and used == [np.float32, np.float64]


def test_certificates_bound_the_minimum_from_below():
    rng = np.random.default_rng(2)
    data = sample(Problem("diagonal", PowerLaw(30, 1.0), 20, 0.5), 0)
    bound = 0.7 * np.sqrt(30)
    best = train(data, weight_decay=0.7, tolerance=1e-10).objective
    for size in (0.0, 0.01, 0.3, 3.0):
        proof = lasso_certificate(DiagonalOperator(data.inputs), data.labels, size * rng.standard_normal(30), bound)
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
    assert lasso_certificate(DiagonalOperator(data.inputs), data.labels, theta, bound).residual < 1e-8
    for other in (1.01 * theta, theta + 1e-3, np.where(np.arange(30) == np.argmax(np.abs(theta)), 0, theta)):
        proof = lasso_certificate(DiagonalOperator(data.inputs), data.labels, other, bound)
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
