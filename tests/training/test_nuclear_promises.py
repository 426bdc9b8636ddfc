"""What a nuclear-norm fit that says `converged` promises, on data that make it hard to keep."""

import numpy as np
import pytest
from hard_nuclear import KINDS, hard_problem, largest_eigenvalue, promise, true_gap

from shallows.amp.anderson import Anderson
from shallows.operators import AttentionOperator, QuadraticOperator
from shallows.training import train
from shallows.training.certificates import DualPoint, nuclear_certificate
from shallows.training.column_scales import ScaledColumns
from shallows.training.nuclear_dual import dual_point, improved


@pytest.mark.parametrize("kind", KINDS)
def test_no_gap_is_larger_than_stated(kind):
    converged = 0
    for seed in range(4):
        rng = np.random.default_rng([7, seed, *map(ord, kind)])
        done, tolerance, gap, truth = promise(rng, kind, max_iterations=100)
        assert truth <= gap * (1 + 1e-9) + 1e-15 and not (done and truth > tolerance)
        converged += done
    assert converged >= (kind != "duplicates")  # few of those within so many iterations


def test_the_extended_eigenvalue_bounds_from_above():
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((9, 9))
    matrix += matrix.T
    found = largest_eigenvalue(matrix.astype(np.longdouble))
    assert float(found) == pytest.approx(np.linalg.eigvalsh(matrix)[-1], rel=1e-14)
    exact = np.diag(np.arange(5.0)).astype(np.longdouble)
    assert largest_eigenvalue(exact) == 4


@pytest.mark.parametrize("kind", ["gaussian", "scales", "mean", "heavy"])
def test_rounding_stays_below_its_bounds(kind):
    """Products in double precision against extended precision: never further apart than stated."""
    for seed in range(5):
        rng = np.random.default_rng([seed, *map(ord, kind)])
        x = hard_problem(rng, kind)[0]
        n, d = x.shape
        operator, wide = QuadraticOperator(x), x.astype(np.longdouble)
        factor, values = rng.standard_normal((d, 3)) / operator.sizes.scales[:, None], rng.standard_normal(n)
        outputs = operator.forward_factor(factor)
        exact = np.square(wide @ factor.astype(np.longdouble)).sum(1) - np.square(factor.astype(np.longdouble)).sum()
        error = np.abs(outputs - exact / np.sqrt(np.longdouble(d)))
        bound = operator.rounding_of_outputs(factor, outputs)
        assert (error <= bound).all() and bound.max() < 1e-9 * np.abs(outputs).max()
        adjoint = ((wide.T * values) @ wide - values.astype(np.longdouble).sum() * np.eye(d)) / np.sqrt(
            np.longdouble(d)
        )
        error = float(np.linalg.norm((operator.adjoint(values) - adjoint).astype(float), 2))
        bound = operator.rounding_of_adjoint(values)
        assert error <= bound < 1e-9 * float(np.abs(values) @ np.square(x).sum(1))


def test_sizes_are_those_of_columns_rows_and_pairs():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((6, 3, 4)) * [1.0, 100.0, 1.0, 0.01]
    flat = QuadraticOperator(x[:, 0]).sizes
    assert np.allclose(flat.scales, np.exp2(np.round(np.log2(np.sqrt(np.square(x[:, 0]).mean(0))))))
    assert np.allclose(flat.plain, np.square(x[:, 0]).sum(1))
    assert np.allclose(flat.scaled, np.square(x[:, 0] / flat.scales).sum(1))
    pairs = AttentionOperator(x)
    lengths = np.linalg.norm(x, axis=2)
    first, second = np.triu_indices(3)
    expected = lengths[:, first] * lengths[:, second] * np.where(first == second, 1, np.sqrt(2))
    assert np.allclose(pairs.sizes.plain, expected.ravel())
    factor = rng.standard_normal((4, 2))
    assert (pairs.rounding_of_outputs(factor, pairs.forward_factor(factor)) > 0).all()
    assert AttentionOperator(np.ones((2, 2, 3))).sizes.scales == pytest.approx(np.ones(3))


@pytest.mark.parametrize("unit", [1.0, 1e-15, 1e25])
@pytest.mark.parametrize("kept", [True, False])
def test_single_precision_keeps_any_size(unit, kept, monkeypatch):
    from shallows.operators import quadratic

    if not kept:
        monkeypatch.setattr(quadratic, "KEPT_NUMBERS", 0)
    monkeypatch.setattr(quadratic, "ROUGH_NUMBERS", 64)
    rng = np.random.default_rng(2)
    x, covariance = unit * rng.standard_normal((90, 8)), unit**2 * np.diag(np.linspace(0.5, 1.5, 8))
    factor, values, small = rng.standard_normal((8, 7)) / unit, rng.standard_normal(90), np.diag(np.arange(7.0))
    for operator in (QuadraticOperator(x), QuadraticOperator(x).centred(covariance)):
        for rough, exact in (
            (operator.forward_factor(factor, rough=True), operator.forward_factor(factor)),
            (operator.adjoint(values, rough=True), operator.adjoint(values)),
            (operator.forward(factor @ factor.T, rough=True), operator.forward(factor @ factor.T)),
        ):
            assert np.abs(rough - exact).max() <= 2e-6 * np.abs(exact).max() + 1e-13
        basis = np.linalg.qr(rng.standard_normal((8, 7)))[0]
        projected = operator.projected(basis)
        assert (projected.basis is None) == kept and projected.dim == 7
        exact = operator.forward(basis @ small @ basis.T)
        assert np.abs(projected.forward(small, rough=True) - exact).max() <= 5e-6 * np.abs(exact).max() + 1e-13
        exact = basis.T @ operator.adjoint(values) @ basis
        assert np.abs(projected.adjoint(values, rough=True) - exact).max() <= 5e-6 * np.abs(exact).max() + 1e-13
    assert not QuadraticOperator(x).adjoint(np.zeros(90), rough=True).any()


def near_minimum(seed=0, d=20, n=600, penalty=0.1):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d))
    y = np.square(x @ rng.standard_normal((d, 3))).sum(1) / 10 + 0.3 * rng.standard_normal(n)
    return QuadraticOperator(x), y, train((x, y), network="quadratic", penalty=penalty, tolerance=1e-11, throw=False)


def test_a_better_dual_point_is_found_next_to_the_minimum():
    operator, y, fit = near_minimum()
    factor = fit.weights.factor
    gaps = []
    for size in (1e-3, 1e-4):
        moved = factor + size * np.random.default_rng(0).standard_normal(factor.shape)
        miss = y - operator.forward_factor(moved)
        plain = nuclear_certificate(operator, y, moved, fit.penalty)
        point = improved(operator, dual_point(operator, miss), factor.shape[1], fit.penalty * operator.dim / 2)
        proof = nuclear_certificate(operator, y, moved, fit.penalty, dual=point)
        assert proof.objective == plain.objective and proof.residual == plain.residual
        assert proof.gap < 0.05 * plain.gap and proof.dual <= fit.objective
        gaps.append(proof.gap)
    assert gaps[1] < 0.2 * gaps[0]
    assert improved(operator, dual_point(operator, miss), 0, 1.0) is None
    assert improved(operator, dual_point(operator, miss), 40, 1.0) is None  # 820 unknowns, 600 samples


def test_any_vector_bounds_the_minimum():
    operator, y, fit = near_minimum()
    rng = np.random.default_rng(3)
    for _ in range(20):
        noise = rng.standard_normal(y.size) * 10.0 ** rng.uniform(-4, 1)
        values = y - operator.forward_factor(fit.weights.factor) + noise
        point = dual_point(operator, values)
        lower = point.bound(operator, y, fit.penalty * operator.dim / 2) / operator.dim**2
        assert lower <= fit.objective
        larger = DualPoint(values, point.adjoint, point.eigenvalues * 1.1)
        assert larger.bound(operator, y, fit.penalty * operator.dim / 2) <= lower * operator.dim**2


def reference(x, y, penalty, scales, steps=8000):
    """Plain proximal gradient without momentum, written out, on columns divided by scales above one."""
    n, d = x.shape
    scales = np.maximum(scales, 1.0)
    z = x / scales
    outer = (np.einsum("ni,nj->nij", z, z) - np.diag(1 / scales**2)).reshape(n, -1) / np.sqrt(d)
    costs, step = np.diag(1 / scales**2), d**2 / (2 * np.linalg.norm(outer, 2) ** 2)
    matrix = np.zeros((d, d))
    for _ in range(steps):
        slope = -2 / d**2 * (outer.T @ (y - outer @ matrix.ravel())).reshape(d, d) + penalty / d * costs
        values, vectors = np.linalg.eigh(matrix - step * slope)
        matrix = (vectors * np.maximum(values, 0)) @ vectors.T
    miss = y - outer @ matrix.ravel()
    return miss @ miss / d**2 + penalty / d * np.sum(costs * matrix)


@pytest.mark.parametrize("seed", range(10))
def test_columns_of_very_different_scales_are_solved(seed):
    """Columns scaled by up to a million: the same minimum as by a plain method at length."""
    rng = np.random.default_rng(seed)
    n, d = 80, 6
    scales = 10.0 ** rng.uniform(-3, 3, d)
    white = rng.standard_normal((n, d))
    y = np.square(white @ rng.standard_normal((d, 2))).sum(1) / d + rng.standard_normal(n)
    fit = train((white * scales, y), network="quadratic", penalty=0.1)
    assert fit.gap <= 1e-6
    if seed < 3:
        assert fit.objective == pytest.approx(reference(white * scales, y, 0.1, scales), rel=2e-6)


def test_scaled_coordinates_are_the_same_problem():
    rng = np.random.default_rng(5)
    x = rng.standard_normal((30, 4)) * [1e-2, 1.0, 10.0, 1e3]
    operator = QuadraticOperator(x)
    scaled = ScaledColumns(operator)
    factor, direction, values = rng.standard_normal((4, 2)), rng.standard_normal((4, 2)), rng.standard_normal(30)
    plain, other = scaled.out_of(factor), scaled.out_of(direction)
    assert np.allclose(scaled.into(plain), factor) and scaled.trace(factor) == pytest.approx(np.square(plain).sum())
    assert np.allclose(scaled.forward_factor(factor), operator.forward_factor(plain))
    moved = scaled.forward_factor(factor + direction)
    first, second = scaled.forward_mixed(factor, direction)
    assert np.allclose(scaled.forward_factor(factor) + first + second, moved)
    # <A*(v), F V^T> = <v, A(F V^T)>
    assert 2 * np.sum(scaled.adjoint(values) * (factor @ direction.T)) == pytest.approx(first @ values)
    assert np.sum(scaled.normal_times(factor, direction) * direction) == pytest.approx(first @ first / 2)
    assert (ScaledColumns(QuadraticOperator(rng.standard_normal((50, 4)))).scales == 1).all()
    assert other.shape == (4, 2)


def test_mixing_in_single_precision_is_of_any_size_and_forgets_what_it_cannot_hold():
    rng = np.random.default_rng(6)
    matrix = rng.standard_normal((20, 20)) * 0.2
    for size in (1e-40, 1.0, 1e40):
        goal = size * np.linalg.solve(np.eye(20) - matrix, np.ones(20))
        state, mixing = np.zeros(20), Anderson(5, 1.0, single=True)
        for _ in range(40):
            state = mixing.step(state, matrix @ state + size - state)
        assert np.linalg.norm(state - goal) < 1e-3 * np.linalg.norm(goal)
    mixing = Anderson(3, 1.0, single=True)
    for value in (0.0, 1.0, 1e45):
        state = mixing.step(np.full(3, value), np.full(3, value) + 1)
    assert np.isfinite(state).all() and mixing.size == 0


def test_the_true_gap_is_that_of_the_definition():
    rng = np.random.default_rng(8)
    x, y, factor = rng.standard_normal((15, 4)), rng.standard_normal(15), rng.standard_normal((4, 2))
    operator = QuadraticOperator(x)
    proof = nuclear_certificate(operator, y, factor, 0.3)
    assert true_gap(x, y, factor, y - operator.forward_factor(factor), 0.3) == pytest.approx(proof.gap, rel=1e-9)
