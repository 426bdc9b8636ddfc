"""Pruning: what is refined by message passing, when it is not, and what the result says of itself."""

from dataclasses import replace

import numpy as np
import pytest

from shallows import InvalidArgument, LowRank, PowerLaw, Problem, infer, prune, sample, train
from shallows.amp import MessageStep
from shallows.inference.estimate import Estimate
from shallows.inference.pruning import PRUNERS, predicted_risk
from shallows.operators import operator_for

SETTLES = {
    "diagonal": (Problem("diagonal", PowerLaw(100, 1.5), 300, noise=0.5), 0.1),
    "quadratic": (Problem("quadratic", LowRank(20, 20), 600, noise=0.1), 0.4),
}


def learned(problem, weight_decay, seed=0):
    data = sample(problem, seed)
    fit = train(data, weight_decay=weight_decay, tolerance=1e-9)
    return data, fit, infer(data, fit)


@pytest.mark.parametrize("name", SETTLES)
def test_refined_weights_are_a_fixed_point_of_pruning(name):
    data, fit, found = learned(*SETTLES[name])
    pruned = prune(fit, found, data=data)
    assert pruned.values == "refined" and pruned.test_error.value < found.test_error.value
    network, pruner = found.architecture, PRUNERS.of(name)()
    step = MessageStep(network, operator_for(name, data.inputs))
    state = network.dense(pruned.weights)
    miss = data.labels - step.operator.forward(state)
    residual = miss
    for _ in range(200):  # the residual that belongs to these weights
        scale = network.noise_scale(residual, data.dim)
        cleaned = pruner.clean(step.observe(state, residual), scale)
        residual = step.correct(miss, cleaned.divergence, residual)
    np.testing.assert_allclose(cleaned.estimate, state, atol=1e-3 * np.abs(state).max())
    assert pruned.test_error.value == pytest.approx(np.mean(residual**2), rel=1e-3)
    assert pruned.threshold == pytest.approx(cleaned.threshold, rel=1e-3)
    gained = pruned.test_error.value - found.test_error.value
    assert pruned.excess_risk == pytest.approx(found.excess_risk.value + gained)


def test_refined_weights_of_the_diagonal_network_by_hand():
    problem, weight_decay = SETTLES["diagonal"]
    data, fit, found = learned(problem, weight_decay)
    pruned = prune(fit, found, data=data)
    n, d, theta = 300, 100, pruned.weights
    miss = data.labels - data.inputs @ theta
    residual, cut = miss, np.sqrt(2 * np.log(d))
    for _ in range(100):
        tau = np.linalg.norm(residual) / n
        unbiased = theta + data.inputs.T @ residual / n
        # weights beyond tau sqrt(2 log d) stay; those that stand clear of the noise, and zeros, put density there
        behind = np.sqrt(np.maximum((unbiased / tau) ** 2 - 9, 0))
        density = [np.exp(-((cut - sign * behind) ** 2) / 2) / np.sqrt(2 * np.pi) for sign in (1, -1)]
        freedom = np.count_nonzero(theta) + cut * np.sum(density)
        residual = miss + freedom / n * residual
    np.testing.assert_allclose(theta, np.where(np.abs(unbiased) > tau * np.sqrt(2 * np.log(d)), unbiased, 0), rtol=1e-4)
    assert pruned.test_error.value == pytest.approx(n * tau**2, rel=1e-4)


def test_weights_that_message_passing_does_not_improve_are_left_alone():
    # many small weights under little noise: to drop them costs more than their noise
    data, fit, found = learned(Problem("diagonal", PowerLaw(100, 0.6), 150, noise=0.05), 0.02)
    with_data, without = prune(fit, found, data=data), prune(fit, found)
    assert with_data.values == without.values == "shrunk"
    np.testing.assert_array_equal(with_data.weights, without.weights)


@pytest.mark.parametrize("values", ["shrunk", "kept"])
@pytest.mark.parametrize("problem", [SETTLES["diagonal"][0], Problem("quadratic", PowerLaw(20, 1.25), 900, noise=0.3)])
def test_test_error_and_risk_change_by_the_same(problem, values):
    _, fit, found = learned(problem, 0.1)
    pruned = prune(fit, found, values=values)
    change = pruned.test_error.value - pruned.test_error_before.value
    assert change != 0 and pruned.test_error_before == found.test_error
    assert pruned.excess_risk == pytest.approx(pruned.excess_risk_before + change)
    assert pruned.excess_risk_before == found.excess_risk.value
    assert pruned.threshold == max(found.noise_edge, found.threshold)


def test_sparsity_is_the_share_that_was_dropped():
    _, fit, found = learned(*SETTLES["diagonal"])
    pruned = prune(fit, found)
    assert pruned.features_before == np.count_nonzero(fit.weights)
    assert pruned.features_after == np.count_nonzero(pruned.weights)
    assert pruned.sparsity == pytest.approx(1 - pruned.features_after / pruned.features_before)
    assert pruned.to_dict()["sparsity"] == pruned.sparsity
    everything = prune(fit, found, threshold=1e6)
    assert everything.sparsity == 1 and not everything.weights.any()
    assert everything.threshold == 1e6
    nothing = prune(fit, found, threshold=0.0, values="kept")
    assert nothing.threshold == found.threshold and nothing.sparsity == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("name", SETTLES)
def test_without_noise_modes_beyond_the_cut_lose_the_threshold_and_others_themselves(name):
    _, _, found = learned(*SETTLES[name])
    teacher = PowerLaw(found.dim, 1.0)
    modes, zeta = teacher.values(name), 0.05
    cut = float(np.sqrt(modes[4] * modes[5]))
    lost = 5 * zeta**2 + np.square(modes[5:]).sum()
    expected = {"diagonal": lost, "quadratic": 2 * lost / found.dim}[name]
    clean = replace(found, noise_scale=0.0, threshold=zeta)
    assert predicted_risk(teacher, clean, cut) == pytest.approx(expected)
    assert predicted_risk(teacher, replace(clean, noise_scale=1e-7), cut) == pytest.approx(expected, rel=1e-4)


def test_data_that_the_fit_never_saw_are_refused():
    data, fit, found = learned(*SETTLES["diagonal"])
    with pytest.raises(InvalidArgument, match="other data"):
        prune(fit, found, data=(data.inputs, 5 * data.labels))


@pytest.mark.parametrize(
    ("value", "error", "caution", "start"),
    [
        (-1.0, 0.39, None, "pruning lowers the test error, by 0.359 to 1.64"),
        (-1.0, 0.41, None, "not sure that pruning helps: the test error changes by -1.67 to -0.326"),
        (1.0, 0.1, None, "pruning costs 0.836 to 1.16 of test error"),
        (0.0, 0.0, None, "pruning changes nothing"),
        (-1.0, 0.1, "columns are correlated", "cannot tell whether pruning helps: columns are correlated"),
    ],
)
def test_pruning_is_recommended_only_where_it_surely_helps(value, error, caution, start):
    _, fit, found = learned(*SETTLES["diagonal"])
    pruned = replace(prune(fit, found), change=Estimate.normal(value, error), caution=caution)
    assert pruned.verdict == start
    assert pruned.recommended is start.startswith("pruning lowers")
    assert pruned.to_dict()["recommended"] is pruned.recommended and pruned.to_dict()["verdict"] == start


def test_the_change_has_the_error_of_what_it_changes():
    _, _, found = learned(Problem("diagonal", PowerLaw(100, 1.0), 300, noise=0.5), 0.5)
    selection = PRUNERS.of("diagonal")().select(found, found.noise_edge, "kept")
    moved = np.linalg.norm(selection.weights - found.learned)
    least = 2 * found.noise_scale * moved
    assert least <= selection.error < 1.5 * least
    sure = replace(found, test_error=replace(found.test_error, standard_error=0.0))
    exact = PRUNERS.of("diagonal")().select(sure, found.noise_edge, "kept")
    assert exact.error == pytest.approx(least) and exact.change == selection.change
