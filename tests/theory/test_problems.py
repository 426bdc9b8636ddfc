"""What a problem accepts, and the two ways to say how it is regularised."""

import pickle

import numpy as np
import pytest

from shallows import InvalidArgument, PowerLaw, Problem


@pytest.mark.parametrize("width", [10, 100, 200])
def test_weight_decay_and_penalty_are_one_number(width):
    problem = Problem("quadratic", PowerLaw(100, 1.0), 500, 0.1, width)
    lam, pen = problem.regularisation(None, 0.3)
    assert pen == 0.3
    assert lam == pytest.approx(0.3 * np.sqrt(100 / width))
    assert problem.regularisation(lam, None)[1] == pytest.approx(0.3)


def test_a_pickle_holds_what_was_asked_and_nothing_computed():
    problem = Problem("quadratic", PowerLaw(100, 1.0), 500, 0.1, 20)
    fresh = pickle.dumps(problem)
    assert problem.spectrum.values.size and problem.architecture.name == "quadratic" and problem.energy
    assert pickle.dumps(problem) == fresh and b"Quadratic" not in fresh
    assert pickle.loads(fresh) == problem


@pytest.mark.parametrize(
    "kwargs,name",
    [
        ({"network": "cubic"}, "network"),
        ({"samples": 0}, "samples"),
        ({"samples": float("nan")}, "samples"),
        ({"samples": "many"}, "samples"),
        ({"noise": -0.1}, "noise"),
        ({"noise": float("inf")}, "noise"),
        ({"width": 0}, "width"),
        ({"width": 2.5}, "width"),
        ({"network": "diagonal", "width": 5}, "width"),
        ({"teacher": [1, 2, 3]}, "teacher"),
    ],
)
def test_bad_problems_are_named(kwargs, name):
    good = {"network": "quadratic", "teacher": PowerLaw(10, 1.0), "samples": 100, "noise": 0.1}
    with pytest.raises(InvalidArgument) as caught:
        Problem(**(good | kwargs))
    assert caught.value.name == name


@pytest.mark.parametrize(
    "network,lam,pen", [("quadratic", None, None), ("quadratic", 1, 1), ("diagonal", None, 1), ("quadratic", None, -1)]
)
def test_exactly_one_regularisation(network, lam, pen):
    with pytest.raises(InvalidArgument):
        Problem(network, PowerLaw(10, 1.0), 100).regularisation(lam, pen)
