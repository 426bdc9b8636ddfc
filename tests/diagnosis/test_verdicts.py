"""Verdicts and risks of small trained networks, against theory and truth."""

import numpy as np
import pytest
from scipy.optimize import minimize

from shallows import EstimateUndefined, InvalidArgument, PowerLaw, Problem, predict, sample, train
from shallows.diagnosis import (
    MatrixSpectrum,
    analyse_matrix,
    analyse_network,
    judge,
    read_network,
    read_spectrum,
    risk_of_spectrum,
)
from shallows.diagnosis.clipped_semicircle import find_bulk, noise_law
from shallows.diagnosis.spectrum_class import ModeCounts, counts_of
from shallows.networks import network_named

#: Network, dim, gamma, samples, noise, weight decay; over the phases.
WORLDS = [
    ("quadratic", 60, 1.25, 2400, 0.1, 0.02),
    ("quadratic", 60, 0.8, 9000, 0.1, 3.0),
    ("quadratic", 60, 1.5, 6000, 0.3, 5.0),
    ("quadratic", 60, 0.75, 12000, 0.1, 0.05),
    ("diagonal", 400, 1.0, 600, 0.5, 0.05),
    ("diagonal", 400, 1.2, 300, 0.3, 2.0),
    ("diagonal", 400, 0.8, 3000, 0.2, 8.0),
]


@pytest.fixture(scope="module", params=WORLDS, ids=lambda world: f"{world[0]}-{world[3]}-{world[5]}")
def trained(request):
    network, dim, gamma, samples, noise, decay = request.param
    problem = Problem(network, PowerLaw(dim, gamma), samples=samples, noise=noise)
    data = sample(problem, seed=3)
    return problem, data, train(data, weight_decay=decay), decay


@pytest.mark.parametrize("known", [False, True], ids=["weights", "samples and weight decay too"])
def test_the_spectrum_alone_names_its_class_and_its_risk(trained, known):
    problem, data, fit, decay = trained
    expected = counts_of(predict(problem, weight_decay=decay).spectrum)
    options = {"samples": problem.samples, "weight_decay": decay} if known else {}
    spectrum, law = analyse_network(fit.weights, problem.network, **options)
    verdict = judge(spectrum, law)
    assert verdict.name == expected.name or (expected.close and verdict.name != "collapsed")
    found, truth = risk_of_spectrum(law), fit.excess_risk(data)
    if known:
        assert found["excess_risk"] is not None
    if found["excess_risk"] is not None:
        assert 0.5 < found["excess_risk"].value / truth < 2.0
    if found["test_error"] is not None:
        assert known and 0.7 < found["test_error"].value / (problem.noise + truth) < 1.4


def test_with_data_weight_decay_and_risk_are_found(trained):
    problem, data, fit, decay = trained
    found = read_network(fit.weights, *data, problem.network)
    assert found.weight_decay == pytest.approx(decay, rel=1e-2)
    assert found.distance < 1e-3
    error = found.inference.test_error
    assert abs(error.value - problem.noise - fit.excess_risk(data)) < 3 * error.standard_error


def test_over_and_under_regularised_are_told_apart():
    problem = Problem("quadratic", PowerLaw(60, 1.25), samples=3000, noise=0.5)
    data = sample(problem, seed=1)
    sides = []
    for decay in (0.01, 6.0):
        weights = train(data, weight_decay=decay).weights
        sides.append(judge(*analyse_network(weights, "quadratic")).regularisation)
    assert sides == ["under-regularised", "over-regularised"]


def test_zero_weights_are_collapsed_and_one_mode_is_a_spike():
    zero, one = np.zeros((20, 20)), np.zeros((20, 20))
    one[0, 0] = 1.0
    names = [judge(*analyse_network({"W": weights}, "quadratic")) for weights in (zero, one)]
    assert [(verdict.name, verdict.regularisation) for verdict in names] == [
        ("collapsed", "over-regularised"),
        ("bulk+spikes", "over-regularised"),
    ]


@pytest.mark.parametrize("scale", ["raw", "mean", "scaled"])
def test_foreign_scales_and_intercepts_are_resolved(scale):
    problem = Problem("quadratic", PowerLaw(40, 1.25), samples=2400, noise=0.1)
    data = sample(problem, seed=2)
    fit = train(data, weight_decay=0.3)
    width = 50
    own = network_named("quadratic").own_weights(fit.weights, width)["W"]
    # The output of ``|V x|^2 + b`` with ``V`` a multiple of ``W``.
    factor = {"raw": 40 * np.sqrt(width), "mean": 40 / np.sqrt(width), "scaled": 1.0}[scale]
    labels = data.labels + (0.7 if scale != "scaled" else 0.0)
    found = read_network({"W": own / np.sqrt(factor)}, data.inputs, labels, "quadratic")
    assert found.scale == pytest.approx(factor)
    assert found.weight_decay == pytest.approx(0.3, rel=0.05)
    truth = fit.excess_risk(data)
    assert abs(found.inference.excess_risk.value - truth) < 4 * found.inference.excess_risk.standard_error


def test_a_scale_of_no_convention_follows_from_the_weight_decay():
    problem = Problem("quadratic", PowerLaw(30, 1.25), samples=1800, noise=0.1)
    data = sample(problem, seed=4)
    own = network_named("quadratic").own_weights(train(data, weight_decay=0.3).weights)["W"]
    strange = {"W": own / np.sqrt(77.0)}
    with pytest.raises(EstimateUndefined, match="give scale or weight_decay"):
        read_network(strange, *data, "quadratic")
    found = read_network(strange, *data, "quadratic", weight_decay=0.3 * 77.0)
    assert found.scale == pytest.approx(77.0, rel=0.01) and found.weight_decay == pytest.approx(0.3, rel=0.02)


def test_strong_weight_decay_is_not_taken_for_another_scale():
    problem = Problem("quadratic", PowerLaw(40, 1.0), samples=800, noise=0.1)
    data = sample(problem, seed=4)
    fit = train(data, weight_decay=2.5)
    found = read_network(fit.weights, *data, "quadratic")
    assert found.scale == 1.0 and found.weight_decay == pytest.approx(2.5, rel=1e-2)


def test_a_network_that_is_not_at_its_minimum_is_noticed():
    problem = Problem("quadratic", PowerLaw(30, 1.25), samples=1500, noise=0.1)
    data = sample(problem, seed=2)
    own = network_named("quadratic").own_weights(train(data, weight_decay=0.3).weights)["W"]
    rng = np.random.default_rng(0)
    off = own + 0.2 * np.abs(own).mean() * rng.standard_normal(own.shape) * 3
    found = read_network({"W": off}, *data, "quadratic")
    assert found.test_error is None and "not at a training minimum" in found.against("test_error")
    assert found.to_dict()["test_error"] is None


def test_bad_input_is_named():
    with pytest.raises(InvalidArgument, match="the diagonal network has a and w"):
        read_network({"W": np.ones((3, 3))}, np.eye(3), np.ones(3), "diagonal")
    with pytest.raises(InvalidArgument, match="the weights have 3"):
        read_network({"W": np.ones((3, 3))}, np.ones((9, 4)), np.ones(9), "quadratic")
    with pytest.raises(InvalidArgument, match="finite"):
        read_spectrum({"W": np.full((3, 3), np.nan)}, "quadratic")
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((50, 5))
    with pytest.raises(EstimateUndefined, match="no known convention"):
        read_network({"a": np.ones(5), "w": np.ones(5)}, inputs, -inputs.sum(axis=1), "diagonal")


@pytest.mark.parametrize("shape", [(64, 64), (64, 256)])
def test_noise_of_any_kind_is_noise(shape):
    rng = np.random.default_rng(0)
    for draw in (
        rng.standard_normal,
        lambda size: rng.uniform(-1, 1, size),
        lambda size: rng.choice([-1.0, 1.0], size),
    ):
        assert judge(analyse_matrix(draw(shape))).name == "noise"


def test_spikes_in_noise_are_spikes():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((80, 160)) / np.sqrt(160)
    planted = noise + 3 * np.outer(np.full(80, 80**-0.5), np.full(160, 160**-0.5))
    verdict = judge(analyse_matrix(planted))
    assert verdict.name == "bulk+spikes" and "keep rank 1" in verdict.advice[0]


def test_nothing_to_judge_is_not_judged():
    few = MatrixSpectrum((2, 2), np.array([2.0, 1.0]), None, "too small", (), None, "too small", None, 1.25, 1.9)
    verdict = judge(few)
    assert verdict.name == "cannot-tell" and verdict.confidence is None


def test_classes_by_counts():
    names = [ModeCounts(*pair).name for pair in [(0.4, 0), (5, 0.4), (5, 0.6), (9, 9), (11, 11), (12.5, 11)]]
    assert names == ["collapsed", "noise", "bulk+spikes", "bulk+spikes", "heavy-tail", "bleed-out"]
    close = [ModeCounts(*pair).close for pair in [(40, 5), (40, 1.2), (2, 2), (40, 8), (40, 13), (40, 20), (40, 34)]]
    assert close == [False, True, True, True, True, False, True]


def test_the_clipped_semicircle_finds_noise_and_spikes():
    rng = np.random.default_rng(5)
    misses, counts = [], []
    for _ in range(20):
        noise = rng.standard_normal((100, 100)) / np.sqrt(200)
        noise = noise + noise.T
        noise[0, 0] += 3.0
        found = find_bulk(np.maximum(np.linalg.eigvalsh(noise)[::-1] - 0.5, 0.0))
        counts.append(found.outliers)
        misses.append((found.scale - 1) / found.scale_error)
    assert np.mean(np.array(counts) == 1) >= 0.8
    assert np.abs(np.mean(misses)) < 1.0 and 0.4 < np.std(misses) < 1.8


def test_laws_of_noise_are_told_apart():
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((100, 100))
    values, vectors = np.linalg.eigh((noise + noise.T) / np.sqrt(200))
    clipped = np.sqrt(np.maximum(values - 0.7, 0.0))[:, None] * vectors.T
    assert [noise_law(analyse_matrix(matrix)) for matrix in (noise, clipped)] == [
        "Marchenko-Pastur",
        "clipped semicircle",
    ]


@pytest.mark.parametrize("network", ["quadratic", "diagonal"])
def test_random_weights_are_not_read_as_trained(network):
    rng = np.random.default_rng(0)
    weights = {"W": rng.standard_normal((60, 60))}
    if network == "diagonal":
        weights = {"a": rng.standard_normal(200), "w": rng.standard_normal(200)}
    spectrum, law = analyse_network(weights, network)
    verdict = judge(spectrum, law)
    assert law is None and verdict.name == {"quadratic": "noise", "diagonal": "cannot-tell"}[network]
    assert verdict.regularisation == "cannot-tell" and verdict.confidence is None


def test_a_network_of_no_known_convention_is_not_taken_for_a_tiny_one():
    # ``|W x|^2`` without an intercept, on centred labels: its minimum is another one.
    rng = np.random.default_rng(5)
    dim, samples = 25, 1000
    inputs = rng.standard_normal((samples, dim))
    teacher = np.arange(1, dim + 1) ** -2.0
    labels = inputs**2 @ teacher
    labels = (labels - labels.mean()) / labels.std() + 0.5 * rng.standard_normal(samples)
    labels -= labels.mean()

    def loss(flat):
        matrix = flat.reshape(dim, dim)
        hidden = inputs @ matrix.T
        residual = np.square(hidden).sum(axis=1) - labels
        slope = 4 / samples * (hidden * residual[:, None]).T @ inputs + 0.04 * matrix
        return np.mean(residual**2) + 0.02 * np.sum(flat**2), slope.ravel()

    start = rng.standard_normal(dim * dim) / (2 * dim)
    weights = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 600}).x
    weights = {"W": weights.reshape(dim, dim)}
    found = read_network(weights, inputs, labels, "quadratic")
    assert found.scale == pytest.approx(dim * np.sqrt(dim))
    assert found.test_error is None and "an intercept of -" in found.against("test_error")
    assert read_network(weights, inputs, labels, "quadratic", scale=found.scale).test_error is not None
