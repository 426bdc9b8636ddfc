"""The pieces of the solvers against plain linear algebra."""

import json

import numpy as np
import pytest
from scipy.sparse import csr_array

from shallows.amp import amp
from shallows.amp.anderson import Anderson
from shallows.errors import InvalidArgument, NotSupported
from shallows.networks import Diagonal, network_named, registry
from shallows.operators import QuadraticOperator, SparseDiagonalOperator, SparseInputs
from shallows.operators.diagonal import DiagonalOperator, column_squares
from shallows.problems import Problem
from shallows.teachers import PowerLaw
from shallows.training import load_weights, sample, save_weights, train
from shallows.training.certificates import Certificate, lasso_certificate, nuclear_certificate
from shallows.training.factor_newton import _newton_direction, line_minimum
from shallows.training.homotopy import follow
from shallows.training.lasso_interior import interior_point
from shallows.training.lasso_search import LassoSearch
from shallows.training.nuclear_search import start_search
from shallows.training.support_newton import newton
from shallows.training.support_system import SupportSystem, factorise
from shallows.training.task import task_of
from shallows.training.trainer import GRADIENT_MODELS, TRAINERS, TensorProblem


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


@pytest.mark.parametrize("order", ["C", "F", "sparse"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_products_of_rows_over_weighted_columns(order, dtype):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((7, 900)) * 10.0 ** rng.integers(-3, 4, 900)
    if order == "sparse":
        shifts = x.mean(0)
        operator = SparseDiagonalOperator(SparseInputs(csr_array(x), shifts))
        x = x - shifts
    else:
        operator = DiagonalOperator(np.array(x, order=order))
    support, weights = np.arange(5, 890, 2), 10.0 ** rng.uniform(-3, 3, 443)
    unit = (x / np.sqrt((x**2).mean(0)))[:, support]
    expected = np.tril((unit * weights) @ unit.T)
    found = operator.row_products(support, weights, dtype)
    error = np.abs(np.tril(found) - expected).max()
    assert found.dtype == dtype and error < (1e-12 if dtype is np.float64 else 1e-5) * np.abs(expected).max()


def interpolating(seed, n=60, d=500):
    """Next to interpolation: as many weights as samples, or nearly."""
    x, y = sample(Problem("diagonal", PowerLaw(d, 1.0), n, 0.5), seed)
    return x.copy(), y.copy(), 0.02


@pytest.mark.parametrize("scales", [False, True])
def test_an_interior_point_shows_the_support_from_any_guess(scales):
    steps = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x, y, bound = interpolating(seed)
        if scales:
            x = x * 10.0 ** rng.integers(-4, 5, x.shape[1])
            bound *= np.abs(x.T @ y).max() / 100
        x[:, 3] = 0.0
        operator = DiagonalOperator(x)
        exact, _, _ = follow(
            operator, y, bound, np.zeros(500), operator.adjoint(y) / np.abs(x.T @ y).max(), max_steps=9999
        )
        guess = rng.standard_normal(500) / operator.scales if seed % 2 else np.zeros(500)
        found = interior_point(operator, y, bound, (guess, None), tolerance=1e-6, max_steps=60)
        assert np.count_nonzero((found.theta != 0) != (exact != 0)) <= 1
        assert np.abs(found.subgradient).max() <= 1
        assert newton(operator, y, bound, found.theta, tolerance=1e-9).certificate.gap <= 1e-9
        steps.append(found.steps)
    assert max(steps) <= 30, steps


def test_next_to_interpolation_no_path_is_followed():
    for seed in range(12):
        x, y, bound = interpolating(seed, 100, 1000)
        fit = train((x, y), network="diagonal", weight_decay=bound / np.sqrt(1000), tolerance=1e-8)
        assert fit.gap <= 1e-8 and fit.details["path_steps"] == 0
        assert fit.details["interior_steps"] <= 30


def test_an_interior_point_stops_where_it_is_told():
    x, y, bound = interpolating(0)
    found = interior_point(DiagonalOperator(x), y, bound, (np.zeros(500), None), tolerance=1e-6, max_steps=3)
    assert found.steps == 3 and np.isfinite(found.theta).all()


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


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_gradients_are_those_of_the_loss(network):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, y, lam, total = rng.standard_normal((23, 6)), rng.standard_normal(23), 0.7, 3.0
    shapes = network_named(network).parameter_shapes(6, 4 if network == "quadratic" else None)
    parameters = tuple(torch.from_numpy(rng.standard_normal(shape)) for shape in shapes)
    # blocks of three rows, the last of them smaller
    problem = TensorProblem(torch.from_numpy(x), torch.from_numpy(y), parameters, lam, total, block_numbers=18)
    loss = GRADIENT_MODELS.of(network).loss(problem)
    own = dict(zip(network_named(network).parameter_names, (p.numpy() for p in parameters), strict=True))
    weights = network_named(network).effective_weights(own)
    fitted = (DiagonalOperator if network == "diagonal" else QuadraticOperator)(x).output(weights)
    expected = (np.sum((y - fitted) ** 2) + lam * sum(np.sum(p**2) for p in own.values())) / total
    assert float(loss()) == pytest.approx(expected, rel=1e-12)
    gradients = [p.grad.clone() for p in parameters]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        flat = parameter.view(-1)
        for i in range(flat.numel()):
            before = float(flat[i])
            values = []
            for shift in (1e-6, -1e-6):
                flat[i] = before + shift
                values.append(float(loss()))
            flat[i] = before
            assert float(gradient.view(-1)[i]) == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_a_neighbour_is_a_start_and_a_certificate_belongs_to_the_weight_decay(network):
    data = sample(Problem(network, PowerLaw(30, 1.0), 60 if network == "diagonal" else 900, 0.3), 0)
    task = task_of(data, None, None, None, None)
    assert task.convex and (task.samples, task.dim) == data.inputs.shape and task.device == "cpu"
    assert task.width == (None if network == "diagonal" else 30) and task.operator is task.operator
    lam, pen = task.network.regularisation(0.5, None, task.dim, task.width)
    fit = train(data, weight_decay=0.5, tolerance=1e-9)
    proof = TRAINERS.of(network).certificate(task, fit.weights, lam, pen)
    assert proof.objective == pytest.approx(fit.objective, rel=1e-12) and proof.gap < 1e-8
    other = TRAINERS.of(network).certificate(task, fit.weights, 2 * lam, None if pen is None else 2 * pen)
    assert other.objective > proof.objective and other.gap > 1e-3


def test_the_best_point_has_the_smallest_gap():
    operator, labels = DiagonalOperator(np.eye(3)), np.array([3.0, 2.0, 0.1])
    told = []
    search = LassoSearch(operator, labels, 0.5, 1e-6, 100, lambda *now: told.append(now))
    assert search.gap == np.inf and not search.done and search.left == 100
    points = {name: Certificate(objective, dual, 0.0, 0.0) for name, objective, dual in PROOFS}
    for name in ("middling", "best", "worst"):
        search.consider(np.full(3, len(name)), np.zeros(3), points[name])
        search.details["newton_steps"] += 7
    assert search.best.certificate is points["best"] and search.best.theta[0] == 4
    assert [iterations for iterations, _ in told] == [0, 7, 14] and search.left == 79 and not search.done
    search.tolerance = 0.2
    assert search.done and search.result(limit=True).details["limit"]

    quadratic = start_search(QuadraticOperator(np.eye(3)), labels, 0.5, tolerance=1e-6)
    first = quadratic.best
    assert first.stage == "start" and first.factor.shape == (3, 0) and np.array_equal(first.fitted, np.zeros(3))
    quadratic.best = type(first)(first.factor, first.fitted, points["middling"], "start")
    quadratic.consider(np.ones((3, 1)), labels, "worse", points["worst"])
    assert quadratic.best.stage == "start"
    lower = Certificate(points["middling"].objective / 2, -10.0, 0.0, 0.0)  # a lower objective with a larger gap
    quadratic.consider(np.ones((3, 1)), labels, "lower", lower)
    assert quadratic.best.stage == "lower"
    quadratic.consider(np.ones((3, 1)), labels, "closer", points["best"])
    assert quadratic.best.stage == "closer" and quadratic.gap == points["best"].gap
    quadratic.consider(np.ones((3, 1)), labels, "infinite", Certificate(np.nan, 1.0, 0.0, 0.0))
    quadratic.consider(np.ones((3, 1)), labels, "overflow", Certificate(-np.inf, 1.0, 0.0, 0.0))
    assert quadratic.best.stage == "closer"
    quadratic.count("amp", 1.0)
    assert quadratic.iterations == quadratic.details["amp_iterations"] == 1


#: Name, objective and dual objective of made-up certificates.
PROOFS = (("worst", 4.0, 1.0), ("middling", 3.0, 2.0), ("best", 2.5, 2.2))


def test_files_hold_further_tensors_beside_the_weights(tmp_path):
    fit = train(Problem("diagonal", PowerLaw(12, 1.0), 30, 0.1), seed=0, weight_decay=0.3)
    path = save_weights(fit, tmp_path / "w.safetensors", extra={"mean": np.arange(24.0).reshape(2, 12).T})
    weights, summary = load_weights(path)
    assert np.array_equal(weights, fit.weights) and summary["network"] == "diagonal" and fit.parameters is None
    from safetensors.numpy import load_file

    stored = load_file(path)
    assert set(stored) == {"theta", "mean"} and np.array_equal(stored["mean"], np.arange(24.0).reshape(2, 12).T)
    with pytest.raises(InvalidArgument, match="extra: got 'theta'"):
        save_weights(fit, tmp_path / "other.safetensors", extra={"theta": np.zeros(12)})
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("network", "tensors", "words"),
    [
        ("diagonal", {"factor": np.ones((2, 2))}, "must hold finite numbers theta"),
        ("diagonal", {"theta": np.ones((2, 2))}, "must hold finite numbers theta"),
        ("diagonal", {"theta": np.array([1.0, np.nan])}, "must hold finite numbers theta"),
        ("quadratic", {"factor": np.ones(2)}, "must hold finite numbers factor"),
        ("cubic", {"theta": np.ones(2)}, "no weights of a known network"),
    ],
)
def test_files_without_usable_weights_are_refused(tmp_path, network, tensors, words):
    from safetensors.numpy import save_file

    path = tmp_path / "w.safetensors"
    save_file(tensors, path, metadata={"format": "shallows-weights-1", "network": network, "fit": "{}"})
    with pytest.raises(InvalidArgument, match=f"path: .*{words}"):
        load_weights(path)
    save_file(tensors, path, metadata={"format": "another", "network": network, "fit": "{}"})
    with pytest.raises(InvalidArgument, match="not a weights file of this package"):
        load_weights(path)


class Linear(Diagonal):
    family = "linear"


def test_a_network_that_cannot_be_trained_says_what_it_lacks(monkeypatch):
    monkeypatch.setitem(registry._NETWORKS, "linear", Linear)
    data = np.eye(3), np.ones(3)
    with pytest.raises(NotSupported, match="the network has no operator"):
        amp(data, network="linear", weight_decay=1.0)
    with pytest.raises(NotSupported, match="the network has no training"):
        train(data, network="linear", weight_decay=1.0)
    pytest.importorskip("torch")
    with pytest.raises(NotSupported, match="the network has no gradient training"):
        train(data, network="linear", weight_decay=1.0, solver="gradient")
