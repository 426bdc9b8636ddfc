"""Deep diagonal networks are trained: coordinate descent, gradients, initial weights, what is refused."""

import json
import math

import numpy as np
import pytest

from shallows import PowerLaw, Problem, predict, sample, train, verify
from shallows.cli import main
from shallows.errors import InvalidArgument, NotSupported
from shallows.networks import Diagonal
from shallows.power_prox import jump_of
from shallows.training import GRADIENT_MODELS, TRAINERS, Task, TensorProblem, TrainSettings, train_path
from shallows.training.deep_diagonal import products
from shallows.training.power_descent import descend, gradient_residual, power_certificate

PROBLEM = Problem(Diagonal(depth=3), PowerLaw(60, 1.0), 120, 0.3)


def objective(data, theta, bound, q):
    return 0.5 * np.square(data.labels - data.inputs @ theta).sum() + bound * (np.abs(theta) ** q).sum()


@pytest.mark.parametrize("depth", [3, 5])
def test_no_single_weight_can_be_changed_for_the_better(depth):
    problem = Problem(Diagonal(depth=depth), PowerLaw(30, 1.0), 60, 0.3)
    data, q = sample(problem, 0), 2 / depth
    bound = problem.architecture.strength(0.5, None, 30)
    rng = np.random.default_rng(0)
    columns = np.asfortranarray(data.inputs)
    before = objective(data, start := rng.standard_normal(30), bound, q)
    end = descend(columns, data.labels, bound, q, start, tolerance=1e-12)
    best = objective(data, end.theta, bound, q)
    assert end.settled and best < before and 0 < np.count_nonzero(end.theta) < 30
    for place in range(30):
        for value in (0.0, *np.linspace(-1.2, 1.2, 241)):
            other = end.theta.copy()
            other[place] = value
            assert objective(data, other, bound, q) >= best - 1e-10
    fit = train(data, weight_decay=0.5)
    proof = TRAINERS.of(problem.network).certificate(_task(data, problem), end.theta, 0.5, None)
    assert proof.objective == pytest.approx(best, rel=1e-12) and proof.residual < 1e-6 and proof.dual is None
    assert fit.objective <= best * (1 + 1e-9)
    off = power_certificate(_task(data, problem).operator, data.labels, 1.1 * end.theta, bound, q)
    assert off.residual > 0.05
    silent = power_certificate(_task(data, problem).operator, data.labels, np.zeros(30), bound, q)
    cut = jump_of(q)[0] * (bound / 60) ** (1 / (2 - q)) * 60
    assert silent.residual == pytest.approx(np.abs(data.inputs.T @ data.labels).max() / cut - 1, rel=0.3)


def _task(data, problem):
    return Task(problem.architecture, data.inputs, data.labels, None)


def test_products_of_layers():
    own = np.random.default_rng(1).standard_normal((4, 6))
    own[2, 3] = 0.0
    product, others = products(own)
    assert product == pytest.approx(own.prod(axis=0))
    for layer in range(4):
        assert others[layer] == pytest.approx(np.delete(own, layer, axis=0).prod(axis=0))


def test_gradients_match_finite_differences():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((12, 5)), rng.standard_normal(12)
    own = tuple(torch.from_numpy(rng.standard_normal(5)) for _ in range(4))
    problem = TensorProblem(torch.from_numpy(x), torch.from_numpy(y), own, 0.7, 2.0, 1 << 16)
    loss = GRADIENT_MODELS.of("diagonal:depth=4").loss(problem)
    value = float(loss())
    theta = np.prod([tensor.numpy() for tensor in own], axis=0) / math.sqrt(5)
    plain = np.square(y - x @ theta).sum() + 0.7 * sum(np.square(tensor.numpy()).sum() for tensor in own)
    assert value == pytest.approx(plain / 2.0)
    gradients = [tensor.grad.numpy().copy() for tensor in own]
    for layer in range(4):
        for place in range(5):
            own[layer][place] += 1e-6
            up = float(loss())
            own[layer][place] -= 2e-6
            down = float(loss())
            own[layer][place] += 1e-6
            assert gradients[layer][place] == pytest.approx((up - down) / 2e-6, rel=1e-5, abs=1e-7)


def test_initial_weights_choose_where_training_ends():
    pytest.importorskip("torch")
    data = sample(PROBLEM, 0)
    best = train(data, weight_decay=0.5)
    assert [start["start"] for start in best.details["starts"]][:3] == ["message passing", "zero", "lasso"]
    assert best.objective <= min(start["objective"] for start in best.details["starts"]) * (1 + 1e-9)
    ends = {
        scale: train(data, weight_decay=0.5, solver="gradient", init_scale=scale, tolerance=1e-6)
        for scale in (2.0, 0.02)
    }
    assert all(end.objective >= best.objective * (1 - 1e-6) for end in ends.values())
    assert ends[0.02].objective > 1.2 * ends[2.0].objective
    assert np.count_nonzero(np.abs(ends[0.02].weights) > 1e-4) < np.count_nonzero(np.abs(ends[2.0].weights) > 1e-4)
    bound = PROBLEM.architecture.strength(0.5, None, 60)
    operator = _task(data, PROBLEM).operator
    assert gradient_residual(operator, data.labels, best.weights, bound, 2 / 3) < 1e-6
    assert gradient_residual(operator, data.labels, 1.2 * best.weights, bound, 2 / 3) > 0.05
    plain = sample(Problem("diagonal", PowerLaw(20, 1.0), 30, 0.3), 0)
    default, same = (train(plain, weight_decay=0.5, solver="gradient", **given) for given in ({}, {"init_scale": 1.0}))
    assert np.array_equal(default.weights, same.weights)


def test_verification_of_a_deep_network():
    pytest.importorskip("torch")
    found = verify(PROBLEM, weight_decay=1.0, seeds=3, init_scales=[1.0, 0.02], learning_curve=False)
    assert list(found.measured) == ["amp", "starts", "gradient", "gradient:0.02"]
    assert [ending.init_scale for ending in found.endings] == [1.0, 0.02]
    assert found.endings[1].branch in ("collapse", "worse")
    assert found.agrees is not False
    assert found.comparisons["gradient:0.02"]["excess_risk"].outcome.value == "other_minimum"
    content = json.loads(json.dumps(found.to_dict()))
    assert content["endings"][1]["objective_above_amp"]["mean"] > 0.1
    assert "best of many starts" in found.verdict and "not convex" in " ".join(found.warnings)
    convex = verify(Problem("diagonal", PowerLaw(20, 1.0), 40, 0.5), weight_decay=0.5, seeds=2, learning_curve=False)
    assert convex.endings == () and "endings" not in convex.to_dict()


def test_what_is_refused():
    data = sample(PROBLEM, 0)
    with pytest.raises(InvalidArgument, match="not convex"):
        train(data, weight_decay=0.5, solver="convex")
    with pytest.raises(InvalidArgument, match="must be positive"):
        train(data, weight_decay=0.0)
    with pytest.raises(InvalidArgument, match="convex"):
        train_path(data, weight_decays=[1.0, 0.5])
    for bad in (0.0, -1.0, math.nan, "x"):
        with pytest.raises(InvalidArgument, match="init_scale"):
            TrainSettings(init_scale=bad)
        with pytest.raises(InvalidArgument, match="init_scale"):
            verify(PROBLEM, weight_decay=1.0, init_scales=[bad])
    with pytest.raises(InvalidArgument, match="positive weight decay"):
        verify(PROBLEM, weight_decay=0.0)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("predict --depth 1", "--depth: got 1"),
        ("predict --depth 2.5", "--depth: got 2.5"),
        ("predict --depth three", "--depth: got three"),
        ("predict --depth 3 --width 4", "--width"),
        ("predict --depth 3 --covariance 1", "--network: got diagonal:depth=3"),
        ("verify --depth 3 --init-scale 0", "--init-scale: got 0"),
        ("verify --depth 3 --init-scale 1,x", "--init-scale: got x"),
    ],
)
def test_commands_refuse_in_one_line(words, told, capsys):
    command, *rest = words.split()
    problem = "--network diagonal --dim 20 --samples 30 --gamma 1 --noise 0.1 --weight-decay 1".split()
    assert main([command, *problem, *rest]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("shallows: " + told) and "\n" not in error


def test_weights_are_not_diagnosed():
    """The law that reads noise in weights is that of the soft threshold."""
    from shallows.diagnosis import Training, analyse_network

    with pytest.raises(NotSupported, match="not diagnosed"):
        Training("diagonal:depth=3")
    own = Diagonal(depth=3).own_weights(np.ones(8))
    with pytest.raises(NotSupported, match="not diagnosed"):
        analyse_network(own, "diagonal:depth=3")


def test_prediction_names_what_it_shows(capsys):
    problem = "--network diagonal --depth 3 --dim 100 --samples 200 --gamma 1 --noise 0.1 --weight-decay 1".split()
    assert main(["predict", *problem]) == 0
    assert "solutions" in capsys.readouterr().out
    assert predict(Problem("diagonal:depth=3", PowerLaw(100, 1.0), 200, 0.1), weight_decay=2.0).phase.name == "II"
