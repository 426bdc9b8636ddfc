"""Message passing on inputs with a covariance: its path is predicted, and it ends at the training minimum."""

import numpy as np
import pytest

from shallows import FromValues, GaussianDesign, PowerLaw, Problem, predict, sample, train
from shallows.amp import COVARIANCE_MODELS, AmpSettings, amp, bayes_rule
from shallows.amp.covariance import CostedThreshold, Whitening
from shallows.errors import NotSupported

ROTATION = np.linalg.qr(np.random.default_rng(5).normal(size=(30, 30)))[0]
MATRIX = (ROTATION * np.linspace(0.4, 1.6, 30)) @ ROTATION.T
PROBLEMS = {
    "diagonal": (Problem("diagonal", PowerLaw(300, 1.0), 250, 0.5, design=GaussianDesign(0.5)), {"weight_decay": 1.0}),
    "aligned": (Problem("quadratic", PowerLaw(40, 1.0), 1200, 0.2, design=GaussianDesign(0.5)), {"penalty": 0.2}),
    "random": (
        Problem("quadratic", PowerLaw(30, 1.0), 800, 0.2, design=GaussianDesign(1.0, "random")),
        {"penalty": 0.2},
    ),
    "matrix": (Problem("quadratic", PowerLaw(30, 1.0), 800, 0.2, design=GaussianDesign(MATRIX)), {"penalty": 0.2}),
    "tokens": (Problem("attention", PowerLaw(30, 1.0), 300, 0.2, design=GaussianDesign(0.5)), {"penalty": 0.2}),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_it_ends_at_the_minimum_and_its_path_is_predicted(name):
    problem, strength = PROBLEMS[name]
    data = sample(problem, 0)
    run = amp(data, settings=AmpSettings(replicas=2 if name == "aligned" else 0), throw=False, **strength)
    fit = train(data, tolerance=1e-10, **strength)
    learned = problem.architecture.dense(fit.weights)
    np.testing.assert_allclose(run.weights, learned, atol=1e-4 * np.abs(learned).max())
    assert run.excess_risk == pytest.approx(fit.excess_risk(data), rel=1e-4)
    path, theory = run.trajectory, predict(problem, **strength)
    assert run.observed.shape == (problem.dim,)
    assert path.asymptotic_noise_scale[-1] == pytest.approx(theory.noise_scale, rel=1e-5)
    assert path.asymptotic_error[-1] == pytest.approx(theory.estimation_error, rel=1e-4)
    assert np.nanmax(np.abs(path.deviation)) < 5
    assert np.abs(path.noise_scale / path.predicted_noise_scale - 1).max() < 0.2


@pytest.mark.parametrize("name", ["diagonal", "aligned", "random"])
def test_moments_are_those_of_simulated_observations(name):
    problem, _ = PROBLEMS[name]
    whitening, rng, scale = Whitening(problem), np.random.default_rng(0), 0.2
    simulation = whitening.network_model.simulation
    rule = CostedThreshold(0.3, whitening)
    noise = simulation.noise(rng, (60, *whitening.truth.shape))
    found = [rule.apply(whitening.truth + scale * one, scale) for one in noise]
    unit = problem.architecture.modes_per_energy(problem.dim)
    errors = [float(np.square(one.values - whitening.truth).sum()) / unit for one in found]
    freedoms = [one.divergence for one in found]
    for measured, predicted in zip((errors, freedoms), rule.moments(problem, scale), strict=True):
        error = np.std(measured, ddof=1) / np.sqrt(60)
        assert (
            abs(np.mean(measured) - predicted) < 4 * error + (0.03 if problem.architecture.is_matrix else 0) * predicted
        )


def test_the_divergence_is_that_of_finite_differences():
    model, rng, dim = COVARIANCE_MODELS.of("quadratic"), np.random.default_rng(1), 7
    observed = rng.standard_normal((dim, dim))
    observed, costs, step, total = observed + observed.T, rng.uniform(0.5, 2.0, dim), 1e-6, 0.0
    for i in range(dim):
        for j in range(i, dim):  # orthonormal coordinates of symmetric matrices
            move = np.zeros((dim, dim))
            move[i, j] = move[j, i] = 1.0 if i == j else 1 / np.sqrt(2)
            ahead, behind = (model.shrink(observed + s * step * move, 0.4, costs).values for s in (1, -1))
            total += float(np.sum(move * (ahead - behind))) / (2 * step)
    found = model.shrink(observed, 0.4, costs).divergence
    assert found * dim**2 / 2 == pytest.approx(total, rel=1e-6)
    assert model.freedom(observed, 0.4, costs) == pytest.approx(found, rel=1e-9)


def test_whitening_goes_there_and_back():
    problem, _ = PROBLEMS["matrix"]
    data, whitening = sample(problem, 1), Whitening(problem)
    weights = data.weights.matrix()
    np.testing.assert_allclose(whitening.unwhitened(whitening.weights(weights)), weights, atol=1e-12)
    many = np.random.default_rng(0).standard_normal((20000, 30)) @ np.linalg.cholesky(MATRIX).T
    np.testing.assert_allclose(np.cov(whitening.inputs(many).T), np.eye(30), atol=0.06)
    torch = pytest.importorskip("torch")
    np.testing.assert_allclose(whitening.inputs(torch.from_numpy(many)).numpy(), whitening.inputs(many), atol=1e-10)


@pytest.mark.parametrize(
    "problem,words",
    [
        (Problem("diagonal", PowerLaw(30, 1.0), 50, 0.1, design=GaussianDesign(MATRIX)), "do not mix its weights"),
        (Problem("diagonal", FromValues([1.0, 0.5, 0.2]), 9, 0.1, design=GaussianDesign([1.0, 1.0, 0.0])), "variance"),
        (Problem("quadratic", PowerLaw(30, 1.0), 500, 0.1, 4, GaussianDesign(0.5)), "width"),
    ],
)
def test_what_it_cannot_do_is_named(problem, words):
    data = sample(problem, 0)
    with pytest.raises(NotSupported, match=words):
        amp(data, weight_decay=0.5)


def test_other_rules_are_refused():
    problem, _ = PROBLEMS["diagonal"]
    with pytest.raises(NotSupported, match="take a weight decay or a penalty"):
        amp(sample(problem, 0), rule=bayes_rule(problem))
