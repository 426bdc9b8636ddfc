"""Sparse inputs: what full ones give, in less memory."""

import resource

import numpy as np
import pytest
from scipy import sparse

from shallows import DiagonalNetworkRegressor, InvalidArgument, QuadraticNetworkRegressor
from shallows.estimators import AssumptionWarning, base
from shallows.inference import check_inputs
from shallows.inference.concerns import check_rows
from shallows.operators import DiagonalOperator, SparseDiagonalOperator, SparseInputs, check_data, operator_for

pytestmark = pytest.mark.filterwarnings("ignore::shallows.estimators.AssumptionWarning")


def one_hot(rows, levels, rng):
    """Columns of zeros and ones for each level but the first, and two of numbers that are not centred."""
    codes = [rng.integers(0, level, rows) for level in levels]
    parts = [(code[:, None] == np.arange(1, level)).astype(float) for code, level in zip(codes, levels, strict=True)]
    return np.hstack([*parts, rng.normal(3, 2, (rows, 2))])


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    inputs = one_hot(300, [3, 5, 8, 20], rng)
    truth = rng.standard_normal(inputs.shape[1]) * (rng.random(inputs.shape[1]) < 0.3)
    return inputs, inputs @ truth + 2 + rng.standard_normal(300)


@pytest.fixture
def kept_sparse(monkeypatch):
    monkeypatch.setattr(base, "MOST_FILLED", 0)


KINDS = [
    kind
    for name in ("csr", "csc", "coo")
    for kind in (getattr(sparse, f"{name}_array"), getattr(sparse, f"{name}_matrix"))
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_sparse_kind_is_taken_as_the_full_table(kind, table):
    inputs, labels = table
    full, found = DiagonalNetworkRegressor().fit(inputs, labels), DiagonalNetworkRegressor().fit(kind(inputs), labels)
    assert (found.coef_ == full.coef_).all()
    assert (found.predict(kind(inputs)) == full.predict(inputs)).all()
    assert found.score(kind(inputs), labels) == full.score(inputs, labels)
    assert found.prune(kind(inputs), labels).to_dict() == full.prune(inputs, labels).to_dict()


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("decay", ["auto", 3.0, 0.3, 0.0])
def test_what_stays_sparse_is_the_same_to_the_tolerance(table, decay, standardize, kept_sparse):
    inputs, labels = table
    full = DiagonalNetworkRegressor(decay, standardize=standardize, tolerance=1e-9).fit(inputs, labels)
    found = DiagonalNetworkRegressor(decay, standardize=standardize, tolerance=1e-9).fit(
        sparse.csr_array(inputs), labels
    )
    assert found.coef_ == pytest.approx(full.coef_, abs=2e-5 * np.abs(full.coef_).max())
    assert found.intercept_ == pytest.approx(full.intercept_, abs=1e-6)
    assert found.weight_decay_ == pytest.approx(full.weight_decay_, rel=1e-9)
    assert found.predict(sparse.csr_array(inputs)) == pytest.approx(full.predict(inputs), abs=1e-5)
    assert found.predict(inputs) == pytest.approx(full.predict(inputs), abs=1e-5)
    assert [c.name for c in found.diagnosis_.concerns] == [c.name for c in full.diagnosis_.concerns]
    # Least squares, which speaks of single weights of such columns, is not for sparse ones.
    assert found.test_error_estimate_.value == pytest.approx(full.test_error_estimate_.value, rel=1e-6)
    assert full.inference_.least_squares is not None and found.inference_.least_squares is None
    assert found.noise_variance_ is None
    assert found.prune(sparse.csr_array(inputs), labels).weights.shape == found.coef_.shape


def test_more_columns_than_rows(kept_sparse):
    rng = np.random.default_rng(1)
    inputs = one_hot(100, [40, 80, 100], rng)
    labels = 2 * inputs[:, -1] + rng.standard_normal(100)
    for decay in (1.0, 0.1):
        full = DiagonalNetworkRegressor(decay, tolerance=1e-9).fit(inputs, labels)
        found = DiagonalNetworkRegressor(decay, tolerance=1e-9).fit(sparse.csc_array(inputs), labels)
        assert found.predict(sparse.csc_array(inputs)) == pytest.approx(full.predict(inputs), abs=1e-5)
        assert found.fit_.objective == pytest.approx(full.fit_.objective, rel=1e-8)


def test_the_operator_is_that_of_the_full_inputs():
    rng = np.random.default_rng(2)
    matrix = sparse.random_array((60, 40), density=0.2, rng=rng, format="csc")
    shift = rng.standard_normal(40)
    inputs = SparseInputs(matrix, shift)
    dense = matrix.toarray() - shift
    found, plain = operator_for("diagonal", inputs), DiagonalOperator(dense)
    assert isinstance(found, SparseDiagonalOperator)
    theta, values, support = rng.standard_normal(40), rng.standard_normal(60), np.array([3, 7, 30])
    assert found.output(theta) == pytest.approx(plain.output(theta))
    assert found.adjoint(values) == pytest.approx(plain.adjoint(values))
    assert found.columns(support) == pytest.approx(plain.columns(support))
    assert found.products(support) == pytest.approx(plain.products(support))
    assert found.scales == pytest.approx(plain.scales)
    assert found.output_of_modes(np.eye(40)) == pytest.approx(dense)
    for dtype in (np.float64, np.float32):
        assert np.tril(found.gram(support, dtype)) == pytest.approx(np.tril(plain.gram(support)), rel=1e-5)
    far = SparseInputs(matrix, shift + 1e5)  # means that would cancel the digits of a sparse product
    gram = operator_for("diagonal", far).gram(support)
    assert np.tril(gram) == pytest.approx(np.tril(DiagonalOperator(dense - 1e5).gram(support)), rel=1e-9)
    assert inputs.power_means(4) == pytest.approx((dense**4).mean(axis=0))
    assert inputs.row_squares() == pytest.approx(np.square(dense).sum(axis=1))
    assert inputs.sizes() == pytest.approx(np.abs(dense).max(axis=0))
    assert inputs[[4, 2]] == pytest.approx(dense[[4, 2]])
    unit = inputs.standardised()[:]
    assert unit.mean(axis=0) == pytest.approx(0, abs=1e-12)
    assert unit.std(axis=0) == pytest.approx(1)


def test_concerns_are_those_of_the_full_inputs(table):
    inputs = np.column_stack([table[0], np.zeros(300)])
    inputs[:60] = inputs[60:120]
    labels = np.r_[table[1][60:120], table[1][60:]]
    given = SparseInputs(sparse.csr_array(inputs))
    of_full = [concern.message for concern in check_inputs(inputs, "diagonal")]
    assert [concern.message for concern in check_inputs(given, "diagonal")] == of_full
    assert check_rows(given, labels) == check_rows(inputs, labels)


def test_a_hundred_thousand_columns_stay_sparse():
    rng = np.random.default_rng(3)
    rows, columns = 2000, 100_000
    places = rng.integers(0, columns, rows)
    places[: rows // 2] = rng.integers(0, 30, rows // 2)
    hot = sparse.csr_array((np.ones(rows), (np.arange(rows), places)), shape=(rows, columns))
    inputs = sparse.hstack([hot, rng.standard_normal((rows, 2))]).tocsr()
    labels = 2 * (places == 3) + inputs[:, [columns]].toarray()[:, 0] + rng.standard_normal(rows)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    model = DiagonalNetworkRegressor(0.7, tolerance=1e-4).fit(inputs, labels)
    assert model.coef_[columns] == pytest.approx(1, abs=0.2)
    assert model.coef_[3] > 0.5
    assert model.test_error_estimate_.value == pytest.approx(1, abs=0.2)
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    assert grown < 0.5 * 8 * rows * columns  # the full table takes 1.6 GB


def test_what_is_refused(table, kept_sparse):
    inputs, labels = table
    for network in (QuadraticNetworkRegressor(), QuadraticNetworkRegressor(weight_decay=1.0).fit(inputs, labels)):
        call = network.predict if hasattr(network, "fit_") else lambda x, fit=network.fit: fit(x, labels)
        with pytest.raises(InvalidArgument, match=r"X: got 'a sparse csr_array'; .* pass X.toarray\(\)"):
            call(sparse.csr_array(inputs))
    with pytest.raises(InvalidArgument, match="sparse"):
        operator_for("quadratic", SparseInputs(sparse.csr_array(inputs)))
    with pytest.raises(ValueError, match="NaN"):
        DiagonalNetworkRegressor().fit(sparse.csr_array(np.where(inputs == 1, np.nan, inputs)), labels)
    with pytest.raises(InvalidArgument, match="X: got 'inf at"):
        check_data(SparseInputs(sparse.csr_array([[np.inf, 1.0]])), [1.0])
    with pytest.raises(InvalidArgument, match="labels"):
        check_data(SparseInputs(sparse.csr_array([[1.0, 1.0]])), [1.0, 2.0])
    silent = DiagonalNetworkRegressor(1.0).fit(sparse.csr_array((50, 3)), np.arange(50.0))
    assert (silent.coef_ == 0).all()
    with pytest.raises(InvalidArgument, match="too small"):
        DiagonalNetworkRegressor(1.0, standardize=False).fit(
            sparse.csr_array(np.c_[np.full(50, 1e-140), np.eye(50)[:, :2]]), np.arange(50.0)
        )


@pytest.mark.filterwarnings("error::shallows.estimators.AssumptionWarning")
def test_doubts_about_sparse_inputs_are_a_warning(table, kept_sparse):
    doubled = np.vstack([table[0], table[0]])
    with pytest.warns(AssumptionWarning, match="copies"):
        DiagonalNetworkRegressor(1.0).fit(sparse.csr_array(doubled), np.tile(table[1], 2))
