"""The data as linear maps, against the same maps written out, in one block and in many."""

import numpy as np
import pytest

from shallows.operators import DiagonalOperator, QuadraticOperator, diagonal
from shallows.operators.diagonal import column_squares, unit_single
from shallows.weights import LowRankPSD

N, D = 37, 6


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(params=[N, 5, 1], ids=["one block", "many blocks", "rows"])
def quadratic(request, rng):
    """An operator, and its matrices ``Z = (x x^T - I)/sqrt(d)`` one by one."""
    x = rng.standard_normal((N, D))
    operator = QuadraticOperator(x)
    assert operator.rows == N  # that little goes at once
    operator.rows = request.param
    return operator, (np.einsum("mi,mj->mij", x, x) - np.eye(D)) / np.sqrt(D)


def test_blocks_are_all_rows_once_and_of_bounded_size():
    operator = QuadraticOperator(np.zeros((5000, 300)))
    covered = [row for rows in operator.blocks() for row in range(5000)[rows]]
    assert covered == list(range(5000))
    sizes = [300 * (rows.stop - rows.start) for rows in operator.blocks()]
    assert 2**15 < max(sizes) <= operator.block_numbers() == 2**16  # an eighth of the most
    large = QuadraticOperator(np.broadcast_to(0.0, (10**6, 300)))
    assert large.block_numbers() == 2**19 and large.rows == 2**19 // 300
    assert QuadraticOperator(np.broadcast_to(0.0, (20000, 300))).block_numbers() == 20000 * 300 // 24


def test_the_quadratic_map_and_its_adjoint(quadratic, rng):
    operator, z = quadratic
    matrix = rng.standard_normal((D, D))
    matrix += matrix.T
    values = rng.standard_normal(N)
    outputs = np.einsum("mij,ij->m", z, matrix)
    np.testing.assert_allclose(operator.forward(matrix), outputs, rtol=1e-12, atol=1e-12)
    gradient = np.einsum("m,mij->ij", values, z)
    np.testing.assert_allclose(operator.adjoint(values), gradient, rtol=1e-12, atol=1e-12)
    assert values @ operator.forward(matrix) == pytest.approx(np.sum(operator.adjoint(values) * matrix))
    modes = rng.standard_normal(D)
    np.testing.assert_allclose(operator.output_of_modes(modes), operator.forward(np.diag(modes)), atol=1e-12)
    np.testing.assert_allclose(operator.eigvalsh(matrix), operator.eigh(matrix)[0], atol=1e-12)


def test_the_quadratic_map_by_factors(quadratic, rng):
    operator, z = quadratic
    factor, direction, values = rng.standard_normal((D, 3)), rng.standard_normal((D, 3)), rng.standard_normal(N)
    signs = np.array([1.0, -2.0, 0.5])
    signed = np.einsum("mij,ij->m", z, (factor * signs) @ factor.T)
    np.testing.assert_allclose(operator.forward_factor(factor, signs), signed, atol=1e-12)
    own = np.einsum("mij,ij->m", z, factor @ factor.T)
    np.testing.assert_allclose(operator.forward_factor(factor), own, atol=1e-12)
    np.testing.assert_allclose(operator.output(LowRankPSD(factor)), own, atol=1e-12)
    assert not operator.forward_factor(np.zeros((D, 0))).any()
    mixed = np.einsum("mij,ij->m", z, factor @ direction.T + direction @ factor.T)
    along = np.einsum("mij,ij->m", z, direction @ direction.T)
    for found, expected in zip(operator.forward_mixed(factor, direction), (mixed, along), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)
    times = np.einsum("m,mij->ij", values, z) @ factor
    np.testing.assert_allclose(operator.adjoint_times(values, factor), times, atol=1e-12)
    normal = np.einsum("m,mij->ij", mixed, z) @ factor
    np.testing.assert_allclose(operator.normal_times(factor, direction), normal, atol=1e-11)


def test_the_strength_that_silences_is_the_largest_eigenvalue_of_the_gradient(quadratic, rng):
    operator, z = quadratic
    labels = rng.standard_normal(N)
    # pen/2 Tr S against (1/d) sum y Tr[S Z]
    top = np.linalg.eigvalsh(np.einsum("m,mij->ij", labels, z))[-1]
    assert operator.silencing_strength(labels) == pytest.approx(2 * top / D)
    negative = QuadraticOperator(3 * operator.inputs).silencing_strength(-np.ones(N))
    assert negative == 0.0  # labels of negative modes alone are never learned


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("block", [1, 13, 1 << 16])
def test_the_diagonal_map_is_that_of_the_matrix(order, block, rng, monkeypatch):
    monkeypatch.setattr(diagonal, "CACHE_NUMBERS", block)
    monkeypatch.setattr(diagonal, "BLOCK_NUMBERS", block)
    x = np.array(rng.standard_normal((700, 40)) * 10.0 ** rng.integers(-20, 20, 40), order=order)
    operator = DiagonalOperator(x)
    size = np.sqrt((x**2).mean(axis=0))
    np.testing.assert_allclose(operator.squares, (x**2).sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(column_squares(x), (x**2).sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(operator.scales, size, rtol=1e-12)
    np.testing.assert_allclose(operator.single, (x / size).astype(np.float32), rtol=1e-6)
    theta, values, support = rng.standard_normal(40) / size, rng.standard_normal(700), np.array([3, 0, 39])
    for rough, accuracy in ((False, 1e-12), (True, 1e-4)):
        np.testing.assert_allclose(operator.forward(theta, rough=rough), x @ theta, atol=accuracy * 40)
        np.testing.assert_allclose(
            operator.adjoint(values, rough=rough) / size, x.T @ values / size, atol=accuracy * 700
        )
        gram = operator.gram(support, np.float32 if rough else np.float64)
        expected = np.tril((x / size)[:, support].T @ (x / size)[:, support])
        np.testing.assert_allclose(np.tril(gram), expected, atol=accuracy * 700)
        products = operator.products(support, rough=rough) / size[:, None] / size[support]
        np.testing.assert_allclose(products, (x / size).T @ (x / size)[:, support], atol=accuracy * 700)
    np.testing.assert_array_equal(operator.columns(support), x[:, support])
    assert operator.gram(np.array([], dtype=int)).shape == (0, 0)


def test_few_weights_take_their_columns_alone(rng):
    x = rng.standard_normal((20, 64))
    few = np.zeros(64)
    few[[5, 60]] = 1.0, -2.0
    x[:, 7] = np.nan  # never touched
    np.testing.assert_allclose(DiagonalOperator(x).forward(few), x[:, 5] - 2 * x[:, 60], rtol=1e-12)
    few[8] = 1.0  # three of 64 are many
    assert np.isnan(DiagonalOperator(x).forward(few)).all()


def test_the_strength_that_silences_single_weights(rng):
    x, y = rng.standard_normal((30, 9)), rng.standard_normal(30)
    assert DiagonalOperator(x).silencing_strength(y) == pytest.approx(np.abs(x.T @ y).max() / 3)


def test_single_precision_keeps_any_size():
    values, size = unit_single(np.array([1e200, -3e200, 0.0]))
    assert values.dtype == np.float32 and size == 3e200
    np.testing.assert_allclose(values, [1 / 3, -1, 0], rtol=1e-6)
    assert unit_single(np.zeros(2))[1] == 1.0 and unit_single(np.zeros(0))[1] == 1.0


def test_columns_of_zeros_have_unit_scale():
    x = np.array([[0.0, 3.0], [0.0, -4.0]])
    np.testing.assert_allclose(DiagonalOperator(x).scales, [1.0, np.sqrt(12.5)])
