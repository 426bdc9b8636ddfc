"""Data of another fit, and levels that are none."""

import numpy as np
import pytest

from shallows import (
    DiagonalNetworkRegressor,
    InvalidArgument,
    PowerLaw,
    Problem,
    QuadraticNetworkRegressor,
    bayes_optimal,
    forecast,
    infer,
    load,
    optimal_weight_decay,
    predict,
    predict_grid,
    prune,
    tune,
)
from shallows.inference import fit_power_law_teacher
from shallows.training import sample, train

PROBLEM = Problem("diagonal", PowerLaw(60, 1.0), 200, 0.3)


def test_data_of_another_fit_are_refused():
    fit = train(sample(PROBLEM, 0), weight_decay=0.5)
    infer(sample(PROBLEM, 0), fit)
    with pytest.raises(InvalidArgument, match="other data"):
        infer(sample(PROBLEM, 1), fit)


def test_objects_of_another_kind_are_named():
    data = sample(PROBLEM, 0)
    fit = train(data, weight_decay=0.5)
    found = infer(data, fit)
    quadratic = sample(Problem("quadratic", PowerLaw(10, 1.0), 60, 0.3), 0)
    calls = {
        "problem": [
            lambda: sample("diagonal", 0),
            lambda: bayes_optimal(PROBLEM.teacher),
            lambda: predict(None, weight_decay=1.0),
            lambda: predict_grid("x", samples=[3], weight_decay=[1.0]),
            lambda: optimal_weight_decay(3),
        ],
        "fit": [lambda: infer(data, data), lambda: prune(data, found)],
        "inference": [lambda: prune(fit, fit), lambda: forecast(fit, [300])],
        "data": [lambda: infer(3, fit), lambda: tune("data.csv", network="diagonal")],
        "samples": [lambda: forecast(found, 300)],
        "network": [lambda: tune(quadratic, network="diagonal")],
        "store": [lambda: load(3)],
        "standardize": [
            lambda: DiagonalNetworkRegressor(standardize="scale").fit(*data),
            lambda: QuadraticNetworkRegressor(standardize="yes").fit(*data),
        ],
    }
    for name, mistakes in calls.items():
        for mistake in mistakes:
            with pytest.raises(InvalidArgument, match=rf"^{name}: got"):
                mistake()


@pytest.mark.parametrize("level", [0, 1, -1, 2, 95, "a", True, None, float("nan")])
def test_levels_lie_between_zero_and_one(level):
    data = sample(PROBLEM, 0)
    fit = train(data, weight_decay=0.5)
    with pytest.raises(InvalidArgument, match="level"):
        infer(data, fit, level=level)
    with pytest.raises(InvalidArgument, match="level"):
        forecast(infer(data, fit), [400], level=level)


def test_a_teacher_that_is_no_power_law_has_no_exponent():
    """Two strong weights among thirty: a power law through them would put the error below the label noise."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(200, 30))
    labels = 2 * inputs[:, 0] - inputs[:, 1] + 0.3 * rng.normal(size=200)
    found = infer((inputs, labels), train((inputs, labels), network="diagonal", weight_decay=1.0))
    assert fit_power_law_teacher(found).caution
    told = forecast(found, [400, 800])
    assert told.trusted and told.noise == pytest.approx(0.09, rel=0.3)
    assert all(0.08 < point.test_error.value < found.test_error.value for point in told.points)


def test_a_forecast_from_little_gives_no_numbers():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(200, 100))
    labels = inputs @ rng.normal(size=100) / 20 + rng.normal(size=200)
    found = infer((inputs, labels), train((inputs, labels), network="diagonal", weight_decay=2.0))
    told = forecast(found, [400, 800])
    assert not told.trusted and "too little" in told.caution
    assert all("cannot tell" in sentence for sentence in told.sentences)
