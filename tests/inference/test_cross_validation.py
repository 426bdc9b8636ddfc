"""Held-out errors: what they are, what they choose, and what is left of the choice in the estimate."""

import numpy as np
import pytest
from sklearn.linear_model import Lasso
from sklearn.model_selection import KFold

from shallows import PowerLaw, Problem, sample, train, tune
from shallows.inference.cross_validation import HeldOut, folds, hold_out, predict_held_out
from shallows.inference.diagonal import predict_by_lasso
from shallows.inference.weight_decay_path import SEARCHES, vertex
from shallows.operators import operator_for

DIAGONAL = Problem("diagonal", PowerLaw(30, 1.0), 60, noise=0.5)


@pytest.mark.parametrize("rows", [20, 60])
def test_held_out_errors_of_the_diagonal_network_are_those_of_the_lasso(rows):
    data = sample(Problem("diagonal", PowerLaw(30, 1.0), rows, noise=0.5), 0)
    inputs, labels = data.inputs + 0.3, data.labels + 2.0
    decays = np.array([2.0, 1.0, 0.5])
    held = hold_out(inputs, labels, decays, predict_by_lasso, centred=True)
    for kept, out in KFold(10, shuffle=True, random_state=0).split(inputs):
        for at, decay in enumerate(decays):
            alpha = decay * np.sqrt(30) / rows  # the penalty shrinks with the samples: its share of them cancels
            rival = Lasso(alpha=alpha, tol=1e-9, max_iter=100000).fit(inputs[kept], labels[kept])
            expected = np.square(labels[out] - rival.predict(inputs[out]))
            np.testing.assert_allclose(held.errors[out, at], expected, rtol=0.1, atol=0.02)
    assert held.mean == pytest.approx(held.errors.mean(axis=0))


def test_held_out_predictions_of_the_quadratic_network_are_its_own():
    data = sample(Problem("quadratic", PowerLaw(8, 1.25), 80, noise=0.3), 0)
    predicted = predict_held_out(
        "quadratic", data.inputs[:60], data.labels[:60], data.inputs[60:], np.array([2.0, 1.0]), tolerance=1e-6
    )
    fit = train((data.inputs[:60], data.labels[:60]), network="quadratic", weight_decay=1.0)
    expected = operator_for("quadratic", data.inputs[60:]).output(fit.weights)
    np.testing.assert_allclose(predicted[:, 1], expected, atol=0.01 * np.abs(expected).max())


def test_the_smallest_of_equally_good_errors_is_low_and_the_corrected_one_is_not():
    found = []
    for seed in range(200):
        errors = np.random.default_rng(seed).chisquare(1, (50, 30))
        held = HeldOut(np.geomspace(1, 0.1, 30), errors)
        found.append((held.mean[held.best_at], held.without_choice(seed)))
    low, corrected = np.mean(found, axis=0)
    spread = np.std(found, axis=0)[1] / np.sqrt(200)
    assert low < 0.7
    assert abs(corrected - 1) < 4 * spread + 0.02


def test_without_a_choice_there_is_nothing_to_correct():
    errors = np.random.default_rng(0).chisquare(1, (4000, 1))
    held = HeldOut(np.array([1.0]), errors)
    assert held.without_choice() == pytest.approx(errors.mean(), rel=0.01)
    assert held.relative_error == pytest.approx(max(errors.std() / errors.mean(), np.sqrt(2)) / np.sqrt(4000))
    same = HeldOut(np.array([1.0]), np.ones((50, 1)))
    assert same.relative_error == pytest.approx(np.sqrt(2 / 50))


def test_few_samples_are_cross_validated_and_many_are_not():
    for problem, method in (
        (DIAGONAL, "cross-validation"),
        (Problem("diagonal", PowerLaw(30, 1.0), 300, noise=0.5), "theory"),
        (Problem("quadratic", PowerLaw(10, 1.25), 120, noise=0.3), "cross-validation"),
        (Problem("quadratic", PowerLaw(10, 1.25), 400, noise=0.3), "estimate"),
    ):
        fit, found, path = tune(sample(problem, 0), network=problem.network)
        assert path.method == method and fit.weight_decay == path.chosen
        assert found.held_out is (method == "cross-validation")
        assert (path.held_out_error is not None) is (method == "cross-validation")


def test_the_test_error_of_few_samples_lies_between_the_residuals_and_the_held_out_rows():
    data = sample(DIAGONAL, 0)
    fit, found, path = tune(data, network="diagonal")
    tried = np.delete(path.weight_decay, path.chosen_at)
    held = hold_out(data.inputs, data.labels, tried, SEARCHES.of("diagonal").predict, centred=False)
    residuals = found.residuals @ found.residuals / 60
    assert found.test_error.value == pytest.approx(np.sqrt(held.without_choice() * residuals), rel=1e-9)
    assert found.relative_error >= held.relative_error
    assert fit.weight_decay == pytest.approx(vertex(tried, held.mean))


def test_the_choice_leaves_no_large_bias_on_few_samples():
    """Chosen for being small, the estimate from the residuals alone is 20 to 40 % low here."""
    problem, told = Problem("diagonal", PowerLaw(60, 1.0), 40, noise=0.5), []
    for seed in range(20):
        data = sample(problem, seed)
        fit, found, _ = tune(data, network="diagonal")
        told.append(np.log(found.test_error.value / (0.5 + fit.excess_risk(data))))
    assert abs(np.mean(told)) < 0.1 + 3 * np.std(told) / np.sqrt(20)


@pytest.mark.parametrize("size", [1.0, 300.0, 1e5])
def test_a_strong_signal_leaves_the_noise_to_be_seen(size):
    """The best weight decay is a millionth of the silencing one there, and the errors a tiny share of the labels."""
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((200, 10))
    labels = size * (inputs[:, 0] + 0.7 * inputs[:, 1]) + rng.standard_normal(200)
    fit, found, path = tune((inputs, labels), network="diagonal")
    risk = np.square(fit.weights - size * np.array([1, 0.7] + 8 * [0])).sum()
    assert path.method == "cross-validation" and risk < 0.1
    assert found.noise.covers(1.0) and found.test_error.covers(1 + risk)


@pytest.mark.parametrize(("rows", "count"), [(3, 3), (23, 10), (500, 10)])
def test_folds_are_those_of_scikit_learn(rows, count):
    theirs = list(KFold(count, shuffle=True, random_state=0).split(np.zeros(rows)))
    ours = list(folds(rows, count))
    assert len(ours) == count
    for one, other in zip(ours, theirs, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
