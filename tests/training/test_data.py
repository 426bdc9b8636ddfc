"""Sampled data: the teacher's function, the noise, reproducibility."""

import numpy as np
import pytest

from shallows.errors import InvalidArgument
from shallows.operators import QuadraticOperator
from shallows.problems import Problem
from shallows.teachers import FromValues, LowRank, PowerLaw
from shallows.training import sample
from shallows.weights import LowRankPSD


def dense_features(x):
    """Every Z_mu at once: what the operators never form."""
    _n, d = x.shape
    return (np.einsum("ni,nj->nij", x, x) - np.eye(d)) / np.sqrt(d)


def test_noiseless_labels_are_the_teachers_function():
    diagonal = sample(Problem("diagonal", FromValues([0.5, -2.0, 0.0]), 20), 1)
    assert np.allclose(diagonal.labels, diagonal.inputs @ [0.5, -2.0, 0.0])
    quadratic = sample(Problem("quadratic", LowRank(6, 2), 30), 1)
    z = dense_features(quadratic.inputs)
    assert np.allclose(quadratic.labels, np.einsum("ij,nij->n", quadratic.weights.matrix(), z))


def test_label_variance_is_signal_plus_noise():
    for network, signal in (("diagonal", 1.0), ("quadratic", 2.0)):
        labels = sample(Problem(network, PowerLaw(30, 0.75), 20000, 0.5), 3).labels
        squares = (labels - labels.mean()) ** 2
        assert abs(squares.mean() - signal - 0.5) < 4 * squares.std() / np.sqrt(squares.size)


def test_same_seed_same_data_and_read_only():
    problem = Problem("quadratic", PowerLaw(10, 1.0), 15, 0.1)
    one, two, other = sample(problem, 5), sample(problem, 5), sample(problem, 6)
    assert np.array_equal(one.inputs, two.inputs) and np.array_equal(one.labels, two.labels)
    assert not np.array_equal(one.inputs, other.inputs)
    sequence = np.random.SeedSequence(5)
    assert np.array_equal(sample(problem, sequence).inputs, sample(problem, sequence).inputs)
    with pytest.raises(ValueError):
        one.inputs[0, 0] = 1.0
    x, y = one
    assert x is one.inputs and y is one.labels


def test_refuses_fractional_samples_and_bad_seeds():
    with pytest.raises(InvalidArgument, match="samples"):
        sample(Problem("diagonal", PowerLaw(10, 1.0), 15.5), 0)
    for seed in (-1, None, 1.5, "0", True):
        with pytest.raises(InvalidArgument, match="seed"):
            sample(Problem("diagonal", PowerLaw(10, 1.0), 15), seed)


def test_operators_agree_with_dense_features_and_are_adjoint():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((23, 7))
    operator = QuadraticOperator(x)
    operator.rows = 5  # several blocks
    z = dense_features(x)
    factor, values = rng.standard_normal((7, 3)), rng.standard_normal(23)
    matrix = factor @ factor.T
    fitted = np.einsum("ij,nij->n", matrix, z)
    assert np.allclose(operator.forward(matrix), fitted)
    assert np.allclose(operator.forward_factor(factor), fitted)
    signs = np.array([1.0, -1.0, 2.0])
    assert np.allclose(operator.forward_factor(factor, signs), operator.forward((factor * signs) @ factor.T))
    adjoint = np.einsum("n,nij->ij", values, z)
    assert np.allclose(operator.adjoint(values), adjoint)
    assert np.allclose(operator.adjoint_times(values, factor), adjoint @ factor)
    assert np.isclose(fitted @ values, (adjoint * matrix).sum())


def test_low_rank_matrix():
    weights = LowRankPSD.diagonal([3.0, 0.0, 1.0])
    assert weights.rank == 2 and np.isclose(weights.trace, 4.0)
    assert np.allclose(weights.matrix(), np.diag([3.0, 0.0, 1.0]))
    assert np.allclose(weights.eigenvalues(), [3.0, 1.0, 0.0])
    assert np.isclose(weights.distance_squared(LowRankPSD.diagonal([1.0, 1.0, 0.0])), 4 + 1 + 1)
