"""A matrix read block by block is the matrix; its decomposition that of NumPy; and little memory is taken."""

import tracemalloc

import numpy as np
import pytest

from shallows.diagnosis import analyse_matrix, blocked_matrix
from shallows.diagnosis.blocked_matrix import BlockedMatrix
from shallows.diagnosis.singular_values import Decomposition, checked, gram, triangular
from shallows.diagnosis.variance_profile import scales, uneven


@pytest.fixture(autouse=True)
def many_blocks(monkeypatch):
    monkeypatch.setattr(blocked_matrix, "BLOCK", 60)
    monkeypatch.setattr(blocked_matrix, "FEWEST", 3)


def numbers(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


SHAPES = [(31, 12), (12, 31), (20, 20), (1, 5), (5, 1), (1, 1)]


@pytest.mark.parametrize("shape", SHAPES)
def test_entries_are_scaled_lessened_and_cut_in_this_order(shape):
    array, (row, column) = numbers(shape).astype(np.float32), (numbers(shape[0], 1) ** 2, numbers(shape[1], 2) ** 2)
    given = BlockedMatrix(array, exponent=3)
    plain = array.astype(float) / 8
    np.testing.assert_array_equal(given.dense(), plain)
    scaled = given.scaled(row, None).scaled(None, column).scaled(row, None)
    even = plain * row[:, None] ** 2 * column
    np.testing.assert_allclose(scaled.dense(), even)
    limit = 0.1
    excess = scaled.beyond(limit)
    calm = np.clip(even, -limit, limit)
    assert excess.values.size == np.count_nonzero(calm != even) > (0 if min(shape) > 1 else -1)
    np.testing.assert_allclose(scaled.less(excess).dense(), calm, atol=1e-12)
    np.testing.assert_allclose(scaled.cut(limit).dense(), calm)


@pytest.mark.parametrize("shape", SHAPES)
def test_sums_over_entries_are_those_of_the_matrix(shape):
    array, longest = numbers(shape), max(shape)
    given = BlockedMatrix(array)
    squares, sums = array**2, given.energies
    np.testing.assert_allclose(sums.rows, squares.sum(1))
    np.testing.assert_allclose(sums.columns, squares.sum(0))
    np.testing.assert_allclose(sums.fourth_rows, (squares**2).sum(1))
    np.testing.assert_allclose(sums.fourth_columns, (squares**2).sum(0))
    assert sums.largest == squares.max() and given.mean_square == pytest.approx(squares.mean())
    long_first = array if shape[0] >= shape[1] else array.T
    vector, other = numbers(min(shape), 3), numbers(longest, 4)
    np.testing.assert_allclose(given.product(vector), long_first @ vector)
    np.testing.assert_allclose(given.adjoint(other), other @ long_first)
    np.testing.assert_allclose(np.tril(gram(given)), np.tril(long_first.T @ long_first))
    assert not np.triu(gram(given), 1).any()
    left, right = numbers((longest, 2), 5), numbers((min(shape), 2), 6)
    rest = given.without(left, right)
    assert rest.stored.dtype == np.float32 and rest.shape == shape
    expected = long_first - left @ right.T
    np.testing.assert_allclose(rest.dense(), expected if shape[0] >= shape[1] else expected.T, atol=1e-6)


@pytest.mark.parametrize("exponent", [-1070, -600, 0, 1000, 1020])
def test_powers_of_two_beyond_what_a_double_holds_are_taken_out(exponent):
    array = np.ldexp(np.arange(1.0, 13.0).reshape(3, 4), exponent)
    given, rounding = checked(array)
    assert np.abs(given.dense()).max() < 1 and np.abs(given.dense()).max() >= 0.5 and rounding == 2.0**-52
    np.testing.assert_array_equal(np.ldexp(given.dense(), given.exponent), array)


@pytest.mark.parametrize("kind", [bool, np.int8, np.uint16, np.float16, np.longdouble])
def test_any_real_type_is_read(kind):
    array = (numbers((9, 7)) * 3).astype(kind)
    np.testing.assert_array_equal(BlockedMatrix(array).dense(), array.astype(float))


@pytest.mark.parametrize("shape", [(40, 25), (25, 40)])
@pytest.mark.parametrize("which", [(True, False), (False, True), (True, True), (False, False)])
def test_scales_bring_mean_squares_to_one_size(shape, which):
    array = numbers(shape) * np.exp(0.5 * numbers((shape[0], 1), 1)) * np.exp(0.5 * numbers((1, shape[1]), 2))
    given = BlockedMatrix(array)
    assert uneven(given) == (True, True)
    row, column = scales(given, *which)
    assert ((row is not None), (column is not None)) == which
    even = given.scaled(row, column)
    if which == (True, True):  # in turn, rows first: four rounds, as they are written down
        squares, row, column = array**2, np.ones(shape[0]), np.ones(shape[1])
        for _ in range(4):
            row = np.sqrt(squares.mean() / (squares @ column**2 / shape[1]))
            column = np.sqrt(squares.mean() / (row**2 @ squares / shape[0]))
        np.testing.assert_allclose(even.dense(), array * row[:, None] * column)
    elif which[0]:
        np.testing.assert_allclose(even.energies.rows / shape[1], given.mean_square)
    elif which[1]:
        np.testing.assert_allclose(even.energies.columns / shape[0], given.mean_square)


@pytest.mark.parametrize("shape", [*SHAPES, (200, 30), (2, 2)])
def test_values_and_vectors_are_those_of_the_singular_value_decomposition(shape):
    array = numbers(shape, 7)
    found = Decomposition(BlockedMatrix(array))
    left, values, right = np.linalg.svd(array, full_matrices=False)
    np.testing.assert_allclose(found.values, values, rtol=1e-7)
    for count in {1, max(1, min(shape) // 2), min(shape)}:
        found.release()
        mine = found.leading(count)
        np.testing.assert_allclose(mine[1], values[:count], rtol=1e-7)
        np.testing.assert_allclose(mine[0].T @ mine[0], np.eye(count), atol=1e-6)
        np.testing.assert_allclose(mine[2].T @ mine[2], np.eye(count), atol=1e-6)
        np.testing.assert_allclose(
            (mine[0] * mine[1]) @ mine[2].T, (left[:, :count] * values[:count]) @ right[:count], atol=1e-7
        )


def test_small_singular_values_come_from_the_matrix_itself():
    left, right = np.linalg.qr(numbers((150, 20)))[0], np.linalg.qr(numbers((20, 20), 1))[0]
    sizes = np.geomspace(1, 1e-9, 20)
    given = BlockedMatrix((left * sizes) @ right)
    np.testing.assert_allclose(Decomposition(given).values, sizes, rtol=1e-5)
    assert len(triangular(given)) <= 2 * 20 + 20


def test_equal_values_and_zeros_have_vectors():
    for array in (np.eye(30), np.zeros((30, 20)), np.outer(np.arange(30.0), np.ones(20))):
        left, values, right = Decomposition(BlockedMatrix(array)).leading(3)
        assert np.isfinite(left).all() and np.isfinite(right).all()
        np.testing.assert_allclose(values, np.linalg.svd(array, compute_uv=False)[:3], atol=1e-4)


@pytest.mark.parametrize("kind", ["noise", "spikes", "uneven", "heavy entries"])
def test_little_is_held_beside_the_stored_matrix(kind, monkeypatch):
    monkeypatch.setattr(blocked_matrix, "BLOCK", 2**16)
    monkeypatch.setattr(blocked_matrix, "FEWEST", 128)
    rng, size = np.random.default_rng(0), 700
    array = rng.standard_normal((size, size))
    if kind in ("spikes", "uneven"):
        left, right = (np.linalg.qr(rng.standard_normal((size, 60)))[0] for _ in range(2))
        array += (left * (60 + 3 * np.arange(60))) @ right.T
    if kind == "uneven":
        array *= np.exp(0.4 * rng.standard_normal((size, 1)))
    if kind == "heavy entries":
        array[rng.random(array.shape) < 0.999] *= 0.05
    array = array.astype(np.float32)
    analyse_matrix(array)
    tracemalloc.start()
    try:
        analyse_matrix(array)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * array.nbytes + 2**23
