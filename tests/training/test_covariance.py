"""Training with a covariance: centred products against plain ones, four routes to one number."""

import numpy as np
import pytest
from twins import divided_differences

from shallows import GaussianDesign, PowerLaw, Problem, predict, sample, train
from shallows.designs import Rademacher
from shallows.operators import QuadraticOperator
from shallows.state_evolution import solve
from shallows.training import TRAINERS
from shallows.training.task import task_of


@pytest.mark.parametrize("diagonal", [True, False])
def test_centred_products_are_the_plain_sums(diagonal):
    rng = np.random.default_rng(0)
    inputs, values = rng.normal(size=(30, 5)), rng.normal(size=30)
    covariance = np.array([2.0, 1.0, 0.5, 1.5, 0.0])
    matrix = np.diag(covariance)
    if not diagonal:
        matrix = np.cov(rng.normal(size=(5, 40)))
        covariance = matrix
    z = (np.einsum("ni,nj->nij", inputs, inputs) - matrix) / np.sqrt(5)
    operator = QuadraticOperator(inputs).centred(covariance)
    s = rng.normal(size=(5, 5))
    s += s.T
    f, v, signs = rng.normal(size=(5, 3)), rng.normal(size=(5, 3)), np.array([1.0, -1.0, 2.0])
    expected = np.einsum("nij,ij->n", z, s)
    assert operator.forward(s) == pytest.approx(expected)
    assert operator.output_of_modes(np.arange(5.0)) == pytest.approx(np.einsum("nii,i->n", z, np.arange(5.0)))
    assert operator.forward_factor(f) == pytest.approx(np.einsum("nij,ij->n", z, f @ f.T))
    assert operator.forward_factor(f, signs) == pytest.approx(np.einsum("nij,ij->n", z, (f * signs) @ f.T))
    adjoint = np.einsum("n,nij->ij", values, z)
    assert operator.adjoint(values) == pytest.approx(adjoint)
    assert operator.adjoint_times(values, f) == pytest.approx(adjoint @ f)
    first, second = operator.forward_mixed(f, v)
    assert first == pytest.approx(np.einsum("nij,ij->n", z, f @ v.T + v @ f.T))
    assert second == pytest.approx(np.einsum("nij,ij->n", z, v @ v.T))
    assert operator.normal_times(f, v) == pytest.approx(np.einsum("n,nij->ij", first, z) @ f)


def message_passing(data, point, iterations=60, mix=0.6):
    """AMP on whitened inputs at a fixed ratio of threshold and noise scale: the denoiser is ``(U - zeta C)_+``."""
    problem = data.problem
    n, d = data.inputs.shape
    variances = problem.design.eigenvalues(d)
    z = data.inputs / np.sqrt(variances)
    outer = np.einsum("ni,nj->nij", z, z) - np.eye(d)
    alpha, kappa, costs = n / d**2, point.threshold / point.noise_scale, np.diag(1 / variances)
    state, residual = np.zeros((d, d)), data.labels
    for _ in range(iterations):
        observed = state + np.einsum("n,nij->ij", residual, outer) / np.sqrt(d) / (2 * alpha * d)
        zeta = kappa * np.sqrt(np.mean(residual**2) / (4 * alpha))
        values, vectors = np.linalg.eigh(observed - zeta * costs)
        f = np.maximum(values, 0.0)
        learned = (vectors * f) @ vectors.T
        freedom = divided_differences(values, f, (values > 0).astype(float)) + (values > 0).sum() / d**2
        fitted = np.einsum("nij,ij->n", outer, learned) / np.sqrt(d)
        following = data.labels - fitted + freedom / (2 * alpha) * residual
        state, residual = mix * learned + (1 - mix) * state, mix * following + (1 - mix) * residual
    return learned, zeta * (4 * alpha - 2 * freedom)


def test_message_passing_on_whitened_inputs_ends_at_the_training_minimum():
    design = GaussianDesign(0.6, "random")
    problem = Problem("quadratic", PowerLaw(16, 1.0), 320, 0.3, design=design)
    data = sample(problem, 4)
    learned, penalty = message_passing(data, solve(problem, penalty=0.3))
    root = np.sqrt(design.eigenvalues(16))
    matrix = train(data, penalty=penalty, tolerance=1e-10, throw=False).weights.matrix() * np.outer(root, root)
    assert np.abs(learned - matrix).max() < 2e-3 * np.abs(matrix).max()


def test_the_network_itself_and_the_convex_problem_have_one_minimum():
    pytest.importorskip("torch")
    covariance = np.diag(np.linspace(2.0, 0.3, 12))
    covariance[0, 1] = covariance[1, 0] = 0.4
    for design in (GaussianDesign(0.7), GaussianDesign(covariance)):
        data = sample(Problem("quadratic", PowerLaw(12, 1.0), 120, 0.3, design=design), 1)
        convex = train(data, penalty=0.3, tolerance=1e-8)
        network = train(data, penalty=0.3, solver="gradient", tolerance=1e-6)
        assert network.objective == pytest.approx(convex.objective, rel=1e-6)
        assert network.excess_risk(data) == pytest.approx(convex.excess_risk(data), rel=1e-2)
        task = task_of(data, None, None, None, None)
        proof = TRAINERS.of("quadratic").certificate(task, network.weights, network.weight_decay, network.penalty)
        assert proof.gap < 1e-4


@pytest.mark.parametrize(
    "network,dim,samples,decay,design",
    [
        ("quadratic", 30, 900, 0.3, GaussianDesign(0.6)),
        ("quadratic", 30, 900, 0.3, GaussianDesign(1.0, "random")),
        ("diagonal", 300, 300, 1.0, GaussianDesign(1.0)),
        ("diagonal", 80, 80, 0.5, GaussianDesign(1.0, "random")),
        ("diagonal", 300, 300, 1.0, Rademacher()),
    ],
)
def test_trained_networks_meet_theory(network, dim, samples, decay, design):
    problem = Problem(network, PowerLaw(dim, 1.0), samples, 0.3, design=design)
    prediction = predict(problem, weight_decay=decay)
    fits = []
    for seed in range(4 if network == "quadratic" else 16):
        data = sample(problem, seed)
        fit = train(data, weight_decay=decay, tolerance=1e-4)
        fits.append((fit.excess_risk(data), fit.train_error))
    table = np.array(fits)
    error = table.std(axis=0, ddof=1) / np.sqrt(len(table))
    expected = np.array([prediction.excess_risk, prediction.train_error])
    # State evolution is 5 to 10 % below trained quadratic networks of this size, whatever the covariance.
    allowance = (0.15 if network == "quadratic" else 0.03) * expected
    assert (np.abs(table.mean(axis=0) - expected) < 4 * error + allowance).all()
