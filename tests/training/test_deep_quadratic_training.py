"""Training deep quadratic networks: gradients, local minima from many starts, and where initial weights lead."""

import math

import numpy as np
import pytest

from shallows import LowRank, PowerLaw, Problem, predict
from shallows.amp import AmpSettings, amp
from shallows.errors import InvalidArgument
from shallows.freeprob.power_threshold import shrunk, unit_of_threshold
from shallows.networks import Quadratic
from shallows.training import GRADIENT_MODELS, TensorProblem, sample, train
from shallows.training.schatten_descent import SchattenProblem, balanced, descend, factor_of
from shallows.weights import LowRankPSD

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("covariance", [False, True])
def test_the_gradient_is_that_of_the_loss_written_plainly(depth, covariance):
    rng, n, d, decay = np.random.default_rng(0), 40, 5, 0.3
    x, y = rng.standard_normal((n, d)), rng.standard_normal(n)
    own = [rng.standard_normal((d, d)) for _ in range(depth)]
    matrix = np.eye(d) if not covariance else np.diag([1.5, 1.2, 1.0, 0.8, 0.5])

    def plain(layers):
        w = np.linalg.multi_dot(layers[::-1]) if depth > 1 else layers[0]
        outputs = (np.square(x @ w.T).sum(axis=1) - np.trace(w @ matrix @ w.T)) / d / math.sqrt(d)
        return np.sum((y - outputs) ** 2) + decay * sum(np.sum(layer**2) for layer in layers)

    tensors = tuple(torch.from_numpy(layer.copy()) for layer in own)
    given = torch.from_numpy(matrix) if covariance else None
    problem = TensorProblem(torch.from_numpy(x), torch.from_numpy(y), tensors, decay, 2.0, 64, given)
    value = GRADIENT_MODELS.of(Quadratic(depth)).loss(problem)()
    assert float(value) == pytest.approx(plain(own) / 2.0)
    for place, tensor in enumerate(tensors):
        direction, h = rng.standard_normal((d, d)), 1e-6
        moved = [[layer + sign * h * direction * (i == place) for i, layer in enumerate(own)] for sign in (1, -1)]
        slope = (plain(moved[0]) - plain(moved[1])) / (2 * h) / 2.0
        assert float((tensor.grad * torch.from_numpy(direction)).sum()) == pytest.approx(slope, rel=1e-6)


@pytest.fixture(scope="module")
def small():
    data = sample(Problem(Quadratic(2), PowerLaw(30, 1.0), 1200, 0.3), 0)
    return data, train(data, weight_decay=1.0)


def test_flat_own_weights_and_their_loss(small):
    data, fit = small
    factor = fit.weights.factor
    for depth in (2, 3):
        problem = SchattenProblem(train_operator(data), data.labels, 0.3, depth)
        flat = balanced(factor, depth)
        assert np.allclose(LowRankPSD(factor_of(flat, factor.shape[1], 30, depth)).matrix(), fit.weights.matrix())
        loss = problem.own_loss(factor.shape[1])
        total = float(data.labels @ data.labels)
        assert loss(flat)[0] * total / 30**2 == pytest.approx(problem.certificate(factor).objective)
        rng, h = np.random.default_rng(depth), 1e-6
        point, direction = flat + 0.1 * rng.standard_normal(flat.size), rng.standard_normal(flat.size)
        slope = (loss(point + h * direction)[0] - loss(point - h * direction)[0]) / (2 * h)
        assert loss(point)[1] @ direction == pytest.approx(slope, rel=1e-5)


def train_operator(data):
    from shallows.operators import operator_for

    return operator_for(data.problem.network, data.inputs)


def test_the_best_of_many_starts_is_a_minimum_and_better_than_each(small):
    data, fit = small
    assert fit.status.value == "local_minimum" and fit.gap is None and fit.residual < 1e-4
    starts = fit.details["starts"]
    assert fit.objective == min(start["objective"] for start in starts) and len(starts) == 5
    # what is minimised, written plainly
    values = fit.weights.eigenvalues()
    operator = train_operator(data)
    residual = data.labels - operator.forward(fit.weights.matrix())
    plain = residual @ residual / 30**2 + fit.penalty / 30 * np.sum(np.sqrt(values))
    assert fit.objective == pytest.approx(plain)
    # a proximal-gradient step with the exact threshold stays
    problem = SchattenProblem(operator, data.labels, fit.penalty, 2)
    moved, _ = problem.proximal(fit.weights.matrix(), problem.largest_step())
    assert np.linalg.norm(moved - fit.weights.matrix()) < 1e-3 * np.linalg.norm(moved)
    # and no perturbation of the factor is better
    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-2, 0.1):
        other = fit.weights.factor + size * rng.standard_normal(fit.weights.factor.shape)
        assert problem.certificate(other).objective > fit.objective


def test_message_passing_ends_at_it_and_its_rule_leads_there(small):
    data, fit = small
    run = amp(data, weight_decay=1.0, settings=AmpSettings(replicas=0))
    ended = train(data, weight_decay=1.0, solver="amp")
    assert fit.objective <= ended.objective * (1 + 1e-9) <= fit.objective * (1 + 2e-3)
    learned = np.linalg.eigvalsh(run.weights)
    unit = unit_of_threshold(run.threshold, 0.5)
    images = np.array([shrunk(x, unit, 0.5)[0] for x in run.observed])
    assert np.sort(images) == pytest.approx(np.sort(learned), rel=1e-9, abs=1e-9)


def test_initial_weights_choose_the_minimum(small):
    data, _ = small
    large, tiny = (train(data, weight_decay=1.0, solver="gradient", init_scale=scale) for scale in (1.0, 0.3))
    half = 0.5 * predict(data.problem, weight_decay=1.0).spectrum.smallest
    ranks = [int((fit.weights.eigenvalues() > half).sum()) for fit in (large, tiny)]
    assert tiny.objective > 1.01 * large.objective and ranks[1] < ranks[0]
    assert set(large.parameters) == {"W1", "W2"}
    assert large.residual < 1e-2
    # the layers end balanced: W1 W1^T = W2^T W2
    first, second = large.parameters["W1"], large.parameters["W2"]
    assert np.allclose(first @ first.T, second.T @ second, atol=2e-2)


@pytest.mark.parametrize(("depth", "teacher"), [(2, PowerLaw(40, 1.0)), (3, PowerLaw(40, 1.25)), (2, LowRank(40, 3))])
def test_theory_and_message_passing_agree(depth, teacher):
    problem = Problem(Quadratic(depth), teacher, 1600, 0.3)
    theory = predict(problem, weight_decay=1.5)
    errors, trained = [], []
    for seed in range(6):
        data = sample(problem, seed)
        run = amp(data, weight_decay=1.5, settings=AmpSettings(replicas=0, max_iterations=60), throw=False)
        errors.append(run.error)
        trained.append(np.mean((data.labels - train_operator(data).forward(run.weights)) ** 2))
    for values, expected in ((errors, theory.estimation_error), (trained, theory.train_error)):
        spread = np.std(values, ddof=1) / math.sqrt(6)
        assert abs(np.mean(values) - expected) < 4 * spread + theory.allowance * expected


def test_what_cannot_be_trained_is_said():
    data = sample(Problem(Quadratic(2), PowerLaw(10, 1.0), 50, 0.1), 0)
    with pytest.raises(InvalidArgument, match="must be positive for a deep quadratic network"):
        train(data, weight_decay=0.0)
    with pytest.raises(InvalidArgument, match="not convex"):
        train(data, weight_decay=0.1, solver="convex")
    with pytest.raises(InvalidArgument, match="width"):
        train((data.inputs, data.labels), network="quadratic:depth=2", weight_decay=0.1, width=3)


def test_silence(small):
    data, _ = small
    fit = train(data, weight_decay=1e4, solver="amp")
    assert fit.weights.rank == 0 and fit.excess_risk(data) == pytest.approx(2.0)


def test_a_start_at_zero_is_left(small):
    data, fit = small
    problem = SchattenProblem(train_operator(data), data.labels, fit.penalty, 2)
    factor, _, settled = descend(problem, np.zeros((30, 0)), 1e-8)
    assert settled and factor.shape[1] > 0
