"""Every trainer reaches the same, proved, minimum."""

import numpy as np
import pytest

from shallows.errors import InvalidArgument, SolveFailed
from shallows.problems import Problem
from shallows.teachers import PowerLaw
from shallows.training import FitStatus, load_weights, sample, save_weights, train, train_path
from shallows.weights import LowRankPSD


def lasso_conditions(x, y, theta, bound):
    """Worst violation of the optimality conditions, relative to the bound."""
    correlations = x.T @ (y - x @ theta)
    active = theta != 0
    on = np.abs(correlations[active] - bound * np.sign(theta[active])).max(initial=0.0)
    off = (np.abs(correlations[~active]) - bound).max(initial=0.0)
    return max(on, off) / bound


def nuclear_conditions(x, y, matrix, penalty):
    """The same for the nuclear norm: feasibility of the slack, and its product with the matrix."""
    _n, d = x.shape
    fitted = (np.einsum("ni,ij,nj->n", x, matrix, x) - np.trace(matrix)) / np.sqrt(d)
    r = y - fitted
    gradient = 2 / d**2 * ((x.T * r) @ x - r.sum() * np.eye(d)) / np.sqrt(d)
    slack = penalty / d * np.eye(d) - gradient
    return max(-np.linalg.eigvalsh(slack)[0], np.abs(slack @ matrix).max() / np.abs(matrix).max()) * d / penalty


DIAGONAL = [(40, 60, 1.0), (40, 60, 0.01), (60, 40, 0.3), (200, 30, 5.0), (50, 50, 0.01)]
QUADRATIC = [(30, 100, 0.05), (30, 600, 0.02), (40, 400, 0.3), (30, 2000, 0.5)]


@pytest.mark.parametrize(("n", "d", "lam"), DIAGONAL)
def test_diagonal_routes_meet_at_the_minimum(n, d, lam):
    data = sample(Problem("diagonal", PowerLaw(d, 1.0), n, 0.5), 2)
    bound = lam * np.sqrt(d)
    fits = {s: train(data, weight_decay=lam, solver=s, tolerance=1e-9) for s in ("auto", "convex")}
    for fit in fits.values():
        assert fit.gap <= 1e-9 and fit.residual <= 1e-6
        assert lasso_conditions(data.inputs, data.labels, fit.weights, bound) <= 1e-6
        value = 0.5 * np.sum((data.labels - data.inputs @ fit.weights) ** 2) + bound * np.abs(fit.weights).sum()
        assert np.isclose(fit.objective, value, rtol=1e-12)
    assert np.isclose(fits["auto"].objective, fits["convex"].objective, rtol=1e-9)
    assert np.allclose(fits["auto"].weights, fits["convex"].weights, atol=1e-6)


@pytest.mark.parametrize(("d", "n", "pen"), QUADRATIC)
def test_quadratic_routes_meet_at_the_minimum(d, n, pen):
    data = sample(Problem("quadratic", PowerLaw(d, 1.25), n, 0.1), 2)
    fits = {s: train(data, penalty=pen, solver=s, tolerance=1e-7) for s in ("auto", "convex")}
    for fit in fits.values():
        assert fit.gap <= 1e-7
        assert nuclear_conditions(data.inputs, data.labels, fit.weights.matrix(), pen) <= 1e-5
        residual = data.labels - (
            np.einsum("ni,ij,nj->n", data.inputs, fit.weights.matrix(), data.inputs) - fit.weights.trace
        ) / np.sqrt(d)
        assert np.isclose(fit.objective, np.sum(residual**2) / d**2 + pen * fit.weights.trace / d, rtol=1e-10)
        assert np.isclose(fit.train_error, np.mean(residual**2), rtol=1e-8)
    assert np.isclose(fits["auto"].objective, fits["convex"].objective, rtol=1e-7)


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_trained_network_reaches_the_convex_minimum(network, seed):
    pytest.importorskip("torch")
    if network == "diagonal":
        data, options = sample(Problem(network, PowerLaw(50, 1.0), 40, 0.5), 1), {"weight_decay": 0.5}
    else:
        data, options = sample(Problem(network, PowerLaw(30, 1.25), 400, 0.1), 1), {"penalty": 0.1}
    convex = train(data, **options)
    gradient = train(data, solver="gradient", tolerance=1e-8, initial_seed=seed, throw=False, **options)
    assert 0 <= gradient.objective / convex.objective - 1 + 1e-6 <= 3e-6
    d = data.dim
    if network == "diagonal":
        a, w = gradient.parameters["a"], gradient.parameters["w"]
        assert np.allclose(a * w / np.sqrt(d), gradient.weights)
        loss = np.sum((data.labels - data.inputs @ gradient.weights) ** 2) + 0.5 * (a @ a + w @ w)
        assert np.isclose(loss / 2, convex.objective, rtol=1e-5)
    else:
        w = gradient.parameters["W"]
        assert w.shape == (30, 30)
        assert np.allclose(w.T @ w / d, gradient.weights.matrix(), atol=1e-10)


def test_wide_networks_change_only_the_penalty():
    pytest.importorskip("torch")
    data = sample(Problem("quadratic", PowerLaw(20, 1.25), 200, 0.1), 1)
    wide = train(data, width=45, weight_decay=0.2, solver="gradient", tolerance=1e-8, throw=False)
    convex = train(data, penalty=0.2 * np.sqrt(45 / 20))
    assert wide.parameters["W"].shape == (45, 20)
    assert np.isclose(wide.objective, convex.objective, rtol=1e-6) and np.isclose(wide.penalty, convex.penalty)


def test_narrow_networks_train_by_gradient_only():
    pytest.importorskip("torch")
    problem = Problem("quadratic", PowerLaw(20, 1.25), 200, 0.1, width=3)
    fit = train(problem, seed=0, penalty=0.05)
    assert fit.weights.rank == 3 and fit.gap is None and fit.residual < 1e-2 and fit.width == 3
    full = train(Problem("quadratic", PowerLaw(20, 1.25), 200, 0.1), seed=0, penalty=0.05)
    assert fit.objective > full.objective
    with pytest.raises(InvalidArgument, match="width"):
        train(problem, seed=0, penalty=0.05, solver="convex")


def test_excess_risk():
    data = sample(Problem("diagonal", PowerLaw(40, 1.0), 30, 0.1), 0)
    fit = train(data, weight_decay=0.5)
    assert np.isclose(fit.excess_risk(data), np.sum((fit.weights - data.weights) ** 2))
    zero = train(data, weight_decay=1e6)
    assert np.isclose(zero.excess_risk(data), 1.0) and zero.gap < 1e-15 and not zero.weights.any()
    quadratic = sample(Problem("quadratic", PowerLaw(10, 1.0), 30, 0.1), 0)
    zero = train(quadratic, penalty=1e6)
    assert np.isclose(zero.excess_risk(quadratic), 2.0) and zero.weights.rank == 0
    with pytest.raises(InvalidArgument, match="dataset"):
        fit.excess_risk(quadratic)
    with pytest.raises(InvalidArgument, match=r"dataset: got '10 columns'; must have 40"):
        fit.excess_risk(sample(Problem("diagonal", PowerLaw(10, 1.0), 30, 0.1), 0))


@pytest.mark.parametrize(("n", "d"), [(20, 60), (60, 20)])
def test_limit_of_no_weight_decay_diagonal(n, d):
    from scipy.optimize import linprog

    data = sample(Problem("diagonal", PowerLaw(d, 1.0), n, 0.3), 4)
    fit = train(data, weight_decay=0)
    if n > d:
        assert np.allclose(fit.weights, np.linalg.lstsq(data.inputs, data.labels, rcond=None)[0])
    else:
        best = linprog(np.ones(2 * d), A_eq=np.hstack([data.inputs, -data.inputs]), b_eq=data.labels)
        assert np.isclose(np.abs(fit.weights).sum(), best.fun, rtol=1e-8) and fit.objective < 1e-20
    assert fit.gap <= 1e-6


def test_limit_of_no_weight_decay_quadratic():
    data = sample(Problem("quadratic", PowerLaw(20, 1.25), 60, 0.1), 4)
    limit = train(data, penalty=0)
    near = train(data, penalty=1e-4, tolerance=1e-7)
    assert limit.objective < 1e-8 and limit.gap < 1e-4
    assert np.isclose(limit.weights.trace, near.weights.trace, rtol=0.02) and limit.weights.trace >= near.weights.trace


def test_paths_meet_single_fits_in_the_order_asked():
    data = sample(Problem("diagonal", PowerLaw(80, 1.0), 50, 0.5), 0)
    grid = [0.01, 3.0, 0.3]
    for lam, fit in zip(grid, train_path(data, weight_decays=grid), strict=True):
        assert fit.weight_decay == lam
        assert np.isclose(fit.objective, train(data, weight_decay=lam, solver="convex").objective, rtol=1e-6)
    data = sample(Problem("quadratic", PowerLaw(20, 1.0), 200, 0.5), 0)
    for fit in train_path(data, penalties=[0.05, 0.5]):
        assert np.isclose(fit.objective, train(data, penalty=fit.penalty, solver="convex").objective, rtol=2e-6)


def test_failure_carries_the_fit():
    data = sample(Problem("quadratic", PowerLaw(30, 1.25), 300, 0.1), 0)
    with pytest.raises(SolveFailed) as caught:
        train(data, penalty=0.01, max_iterations=3)
    fit = caught.value.result
    assert fit.status is FitStatus.MAX_ITERATIONS and fit.gap > 1e-6 and "max_iterations" in str(caught.value)
    assert train(data, penalty=0.01, max_iterations=3, throw=False).status is FitStatus.MAX_ITERATIONS


def test_settings_are_checked_first():
    x, y = np.ones((3, 2)), np.ones(3)
    bad = [
        ({"weight_decay": 1.0}, "network"),
        ({"network": "cubic", "weight_decay": 1.0}, "network"),
        ({"network": "diagonal"}, "weight_decay"),
        ({"network": "diagonal", "weight_decay": 1.0, "penalty": 1.0}, "weight_decay"),
        ({"network": "diagonal", "penalty": 1.0}, "penalty"),
        ({"network": "diagonal", "weight_decay": -1.0}, "weight_decay"),
        ({"network": "diagonal", "weight_decay": 1.0, "width": 3}, "width"),
        ({"network": "quadratic", "weight_decay": 1.0, "width": 2.5}, "width"),
        ({"network": "diagonal", "weight_decay": 1.0, "solver": "magic"}, "solver"),
        ({"network": "diagonal", "weight_decay": 1.0, "tolerance": 0}, "tolerance"),
        ({"network": "diagonal", "weight_decay": 1.0, "tolerance": 1.0}, "tolerance"),
        ({"network": "diagonal", "weight_decay": 1.0, "tolerance": 0.99e-15}, "tolerance"),
        ({"network": "diagonal", "weight_decay": 1.0, "max_iterations": 0}, "max_iterations"),
    ]
    for options, name in bad:
        with pytest.raises(InvalidArgument, match=name):
            train((x, y), **options)
    assert train((x, y), network="diagonal", weight_decay=1.0, tolerance=1e-15, throw=False).tolerance == 1e-15
    with pytest.raises(InvalidArgument, match="seed"):
        train(Problem("diagonal", PowerLaw(5, 1.0), 4), weight_decay=1.0)
    data = sample(Problem("diagonal", PowerLaw(5, 1.0), 4), 0)
    with pytest.raises(InvalidArgument, match=r"network: .* the data are of the diagonal network"):
        train(data, network="quadratic", weight_decay=1.0)
    assert train(data, network="diagonal", weight_decay=1.0).status.ok


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_weights_survive_a_file(tmp_path, network):
    problem = Problem(network, PowerLaw(12, 1.0), 30, 0.1)
    fit = train(problem, seed=0, weight_decay=0.3)
    path = save_weights(fit, tmp_path / "w.safetensors")
    weights, summary = load_weights(path)
    if isinstance(weights, LowRankPSD):
        assert np.array_equal(weights.factor, fit.weights.factor)
    else:
        assert np.array_equal(weights, fit.weights)
    assert summary["weight_decay"] == 0.3 and summary["network"] == network and list(tmp_path.iterdir()) == [path]
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(InvalidArgument, match="safetensors"):
        load_weights(path)
    with pytest.raises(InvalidArgument, match="no such file"):
        load_weights(tmp_path / "missing")
