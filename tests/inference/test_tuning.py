"""The walk along weight decays: where it starts, turns and ends, and what it does when training falls short."""

from dataclasses import replace

import numpy as np
import pytest

from shallows import InvalidArgument, PowerLaw, Problem, SolveFailed, forecast, infer, optimum, sample, train, tune
from shallows.errors import EstimateUndefined
from shallows.inference import silencing_weight_decay
from shallows.inference.tuning import SHORTEST
from shallows.inference.weight_decay_path import SEARCHES, Step, Steps
from shallows.state_evolution import FixedPoint, Status

DIAGONAL = Problem("diagonal", PowerLaw(60, 1.0), 260, noise=0.5)
QUADRATIC = Problem("quadratic", PowerLaw(15, 1.25), 500, noise=0.3)


def steps_of(*errors):
    steps = Steps()
    for place, error in enumerate(errors):
        steps.add(Step(2.0**-place, error, 0.1, 0.5, 3.0, 2))
    return steps


@pytest.mark.parametrize(
    ("errors", "patience", "turned"),
    [
        ((1.0,), 5, False),
        ((1.0, 1.2, 1.2), 5, False),
        ((1.0, 1.2, 1.2, 1.2), 5, True),
        ((1.0, 1.2, 1.2, 1.09), 5, False),
        ((1.0, 1.01, 1.01, 1.01, 1.01), 5, False),
        ((1.0, 1.01, 1.01, 1.01, 1.01, 1.01), 5, True),
        ((1.0, 1.01, 1.01, 1.01, 1.01, 0.99), 5, False),
        ((1.0, np.inf), 5, True),
    ],
)
def test_a_path_ends_where_its_estimate_has_turned(errors, patience, turned):
    assert steps_of(*errors).turned(patience) is turned


def test_the_minimum_is_refined_by_a_parabola_in_the_logarithms():
    # log error = (log decay - log 0.4)^2 at decays 1, 1/2, 1/4.
    errors = [np.exp((np.log(2.0**-k) - np.log(0.4)) ** 2) for k in range(3)]
    assert steps_of(*errors).vertex() == pytest.approx(0.4)
    assert steps_of(3.0, 2.0).vertex() == 0.5
    assert steps_of(2.0, 3.0, 4.0).vertex() == 1.0
    assert steps_of(3.0, 2.0, np.inf).vertex() == 0.5


def test_a_path_holds_the_chosen_step_once_and_in_order():
    steps = steps_of(3.0, 1.0, 2.0)
    path = steps.path(Step(0.7, 0.9, 0.1, 0.5, 3.0, 2), "theory", 1.5)
    np.testing.assert_array_equal(path.weight_decay, [1, 0.7, 0.5, 0.25])
    assert (path.chosen_at, path.chosen, path.method, path.seconds) == (1, 0.7, "theory", 1.5)
    again = steps.path(Step(0.5, 0.8, 0.1, 0.5, 3.0, 2), "estimate", 1.5)
    np.testing.assert_array_equal(again.test_error, [3.0, 0.8, 2.0])
    assert (again.to_dict()["best"], again.to_dict()["chosen"]) == (1, 0.5)
    assert steps_of(np.inf).path(steps.best, "estimate", 0.0).to_dict()["test_error"] == [None, 1.0]


@pytest.mark.parametrize(("problem", "width"), [(DIAGONAL, None), (QUADRATIC, None), (QUADRATIC, 5)])
def test_the_silencing_weight_decay_is_the_smallest_that_does_it(problem, width):
    data = sample(problem, 0)
    decay = silencing_weight_decay(data.inputs, data.labels, problem.network, width)
    unit = 1.0 if width is None else np.sqrt(width / data.dim)
    features = problem.architecture.features
    assert features(train(data, weight_decay=1.001 * decay * unit).weights) == 0
    assert features(train(data, weight_decay=0.99 * decay * unit).weights) > 0


@pytest.mark.parametrize("problem", [DIAGONAL, QUADRATIC])
def test_a_path_walks_down_from_silence_in_even_steps(problem):
    data = sample(problem, 0)
    path = tune(data, network=problem.network)[2]
    first = silencing_weight_decay(data.inputs, data.labels, problem.network)
    assert path.weight_decay[0] == pytest.approx(0.999 * first)
    ratios = np.delete(path.weight_decay, path.chosen_at)
    np.testing.assert_allclose(ratios[:-1] / ratios[1:], SEARCHES.of(problem.network).step)
    assert path.method == {"diagonal": "theory", "quadratic": "estimate"}[problem.network]


@pytest.mark.parametrize("problem", [replace(DIAGONAL, noise=0.0), replace(QUADRATIC, noise=0.0)])
def test_a_path_whose_estimate_falls_throughout_goes_on_to_its_end(problem):
    """Without noise the least weight decay is the best, down to a ten-thousandth of the silencing one."""
    data = sample(problem, 0)
    path = tune(data, network=problem.network)[2]
    walked = path.weight_decay if path.method == "estimate" else np.delete(path.weight_decay, path.chosen_at)
    share = walked.min() / silencing_weight_decay(data.inputs, data.labels, problem.network)
    # or to where the errors are as small as the minima are exact
    assert SHORTEST / SEARCHES.of(problem.network).step < share <= 1e-6
    assert path.test_error.min() < 1e-8 * path.test_error[0]


def test_given_weight_decays_are_walked_as_they_are():
    data = sample(QUADRATIC, 0)
    fit, _, path = tune(data, network="quadratic", weight_decays=[0.5, 2.0, 1.0])
    np.testing.assert_array_equal(path.weight_decay, [2.0, 1.0, 0.5])
    assert path.chosen_at == int(np.argmin(path.test_error)) and fit.weight_decay == path.chosen
    unit = np.sqrt(12 / 15)
    narrow = tune(data, network="quadratic", width=12, weight_decays=[8.0, 4.0])[2]
    full = tune(data, network="quadratic", weight_decays=[8.0 * unit, 4.0 * unit])[2]
    np.testing.assert_allclose(narrow.test_error, full.test_error, rtol=1e-4)
    for wrong in ([-1.0], ["a"], 3.0, []):
        with pytest.raises(InvalidArgument, match="weight_decays"):
            tune(data, network="quadratic", weight_decays=wrong)


def test_a_walk_without_an_estimate_says_why():
    data = sample(QUADRATIC, 0)
    with pytest.raises(EstimateUndefined, match="more than 1 hidden units"):
        tune(data, network="quadratic", width=1, weight_decays=[0.1])
    few = sample(Problem("diagonal", PowerLaw(60, 1.0), 30, noise=0.1), 0)
    with pytest.raises(EstimateUndefined, match="interpolates its data at every"):
        tune(few, network="diagonal", weight_decays=[0.0])


def test_widths_are_checked():
    with pytest.raises(InvalidArgument, match="width"):
        tune(sample(DIAGONAL, 0), network="diagonal", width=3)
    with pytest.raises(InvalidArgument, match="width"):
        tune(sample(QUADRATIC, 0), network="quadratic", width=2.5)
    with pytest.raises(InvalidArgument, match="width"):
        data = sample(DIAGONAL, 0)
        forecast(infer(data, train(data, weight_decay=1.0)), [400], width=3)


def test_a_missed_tolerance_raises_with_the_result_or_returns_it():
    data = sample(DIAGONAL, 0)
    options = {"network": "diagonal", "tolerance": 1e-15}
    fit, found, path = tune(data, **options, throw=False)
    assert not fit.status.ok
    with pytest.raises(SolveFailed, match=fit.status.value) as error:
        tune(data, **options)
    assert error.value.result[0].weight_decay == fit.weight_decay
    assert error.value.result[1].test_error == found.test_error
    np.testing.assert_array_equal(error.value.result[2].weight_decay, path.weight_decay)


def test_a_forecast_whose_equations_cannot_be_solved_says_so(monkeypatch):
    data = sample(DIAGONAL, 0)
    found = infer(data, train(data, weight_decay=1.0))
    nan = float("nan")
    failed = FixedPoint(nan, nan, nan, nan, nan, nan, Status.NO_SOLUTION)
    monkeypatch.setattr(optimum, "solve", lambda *_, **__: failed)
    with pytest.raises(SolveFailed, match="could not be solved"):
        forecast(found, [400])
