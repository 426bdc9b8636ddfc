"""Units: the exact maps of the theory note, section 1."""

import numpy as np
import pytest

from shallows import InvalidArgument, PowerLaw, Problem
from shallows.problems import balanced_diagonal, effective_diagonal, effective_quadratic, factor_quadratic


def test_balanced_weights_realise_the_l1_norm():
    rng = np.random.default_rng(0)
    theta = rng.normal(size=50)
    a, w = balanced_diagonal(theta)
    assert effective_diagonal(a, w) == pytest.approx(theta)
    # min ||a||^2 + ||w||^2 at fixed product is 2 sqrt(d) ||theta||_1, and no rescaling does better
    norm = (a**2).sum() + (w**2).sum()
    assert norm == pytest.approx(2 * np.sqrt(50) * np.abs(theta).sum())
    scale = np.exp(rng.normal(size=50) * 0.1)
    assert ((a * scale) ** 2).sum() + ((w / scale) ** 2).sum() > norm


@pytest.mark.parametrize("width", [3, 20, 33])
def test_frobenius_norm_is_the_trace(width):
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(width, 20))
    matrix = effective_quadratic(weights)
    assert (weights**2).sum() == pytest.approx(np.sqrt(width * 20) * np.trace(matrix))
    again = factor_quadratic(matrix, width)
    assert again.shape == (width, 20)
    assert effective_quadratic(again) == pytest.approx(matrix)
    x = rng.normal(size=(7, 20))
    network = (((x @ weights.T) ** 2).sum(axis=1) - (weights**2).sum()) / np.sqrt(width * 20) / np.sqrt(20)
    assert network == pytest.approx((np.einsum("ni,ij,nj->n", x, matrix, x) - np.trace(matrix)) / np.sqrt(20))


def test_factoring_refuses_what_no_network_has():
    with pytest.raises(InvalidArgument, match="rank"):
        factor_quadratic(np.eye(5), 3)
    with pytest.raises(InvalidArgument, match="positive semidefinite"):
        factor_quadratic(-np.eye(5))
    with pytest.raises(InvalidArgument, match="symmetric"):
        factor_quadratic(np.triu(np.ones((4, 4))))


@pytest.mark.parametrize("width", [10, 100, 200])
def test_weight_decay_and_penalty_are_one_number(width):
    problem = Problem("quadratic", PowerLaw(100, 1.0), 500, 0.1, width)
    lam, pen = problem.regularisation(None, 0.3)
    assert pen == 0.3
    assert lam == pytest.approx(0.3 * np.sqrt(100 / width))
    assert problem.regularisation(lam, None)[1] == pytest.approx(0.3)


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
