"""Rows left out, against training again without them."""

import dataclasses
import json
import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array, random_array
from sklearn.linear_model import (
    ElasticNet,
    HuberRegressor,
    Lasso,
    LassoLars,
    LinearRegression,
    LogisticRegression,
    Ridge,
)
from sklearn.model_selection import LeaveOneOut as EachRow
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from shallows import (
    DiagonalNetworkRegressor,
    EstimateUndefined,
    InvalidArgument,
    NotSupported,
    PowerLaw,
    Problem,
    QuadraticNetworkRegressor,
    leave_one_out,
    sample,
    train,
)
from shallows.inference import leave_out_rows
from shallows.inference.lasso_without_a_row import LassoRows
from shallows.inference.nuclear_response import ByDirections, ByRows
from shallows.inference.nuclear_without_a_row import NuclearRows
from shallows.operators import operator_for


def table(n, d, seed=0, common=0.0):
    rng = np.random.default_rng([seed, n, d])
    X = rng.standard_normal((n, d)) + common * rng.standard_normal((n, 1))
    return X, X @ np.arange(1, d + 1.0) ** -1 + 0.7 * rng.standard_normal(n)


def squares(n, d, seed=0):
    problem = Problem("quadratic", PowerLaw(d, 1.25), samples=n, noise=0.5)
    return tuple(np.array(part) for part in sample(problem, seed))


def trained_without(network, X, y, rows=None, **how):
    """Residuals of the rows by networks trained on the others, from scratch."""
    out = []
    for row in range(y.size) if rows is None else rows:
        others = np.arange(y.size) != row
        fit = train((X[others], y[others]), network=network, tolerance=1e-9, throw=False, **how)
        out.append(y[row] - operator_for(network, X[[row]]).output(fit.weights)[0])
    return np.array(out)


def share_of_silence(X, y, share):
    return share * np.abs(X.T @ y).max() / np.sqrt(X.shape[1])


@pytest.mark.parametrize("n,d,common,share", [(40, 90, 0.0, 0.1), (40, 90, 0.8, 0.02), (50, 20, 0.0, 0.03)])
def test_every_row_of_the_lasso_is_exact(n, d, common, share):
    X, y = table(n, d, common=common)
    decay = share_of_silence(X, y, share)
    fit = train((X, y), network="diagonal", weight_decay=decay)
    found = leave_one_out(X, y, fit)
    truth = trained_without("diagonal", X, y, weight_decay=decay)
    assert found.exact.all()
    assert (found.changes > 0).any()  # the support moves, or the formula would do
    assert np.abs(found.residuals - truth).max() < 1e-6 * np.std(truth)
    assert found.test_error.value == pytest.approx(np.square(truth).mean(), rel=1e-6)
    assert np.allclose(found.predictions, y - truth, atol=1e-6)
    assert found.degrees_of_freedom == pytest.approx(np.count_nonzero(fit.weights))
    assert found.train_error == fit.train_error


def test_the_formula_is_exact_where_the_support_stays_and_only_there():
    X, y = table(50, 20)
    fit = train((X, y), network="diagonal", weight_decay=share_of_silence(X, y, 0.03))
    followed, formula = leave_one_out(X, y, fit), leave_one_out(X, y, fit, exact=False)
    stays = followed.changes == 0
    assert 0 < stays.sum() < 50 and np.array_equal(formula.exact, stays)
    assert np.allclose(formula.residuals[stays], followed.residuals[stays], rtol=1e-9)
    assert not np.isclose(formula.residuals[~stays], followed.residuals[~stays], rtol=1e-6).any()
    miss = y - X @ fit.weights
    assert np.allclose(formula.residuals, miss / (1 - formula.leverages), rtol=1e-4)


def test_as_many_weights_as_rows_leave_the_formula_without_an_answer_but_not_the_path():
    X, y = table(25, 120)
    decay = share_of_silence(X, y, 1e-3)
    fit = train((X, y), network="diagonal", weight_decay=decay)
    found = leave_one_out(X, y, fit)
    assert found.leverages.min() > 0.99  # nothing of a row is left after the fit
    assert np.abs(found.residuals - trained_without("diagonal", X, y, weight_decay=decay)).max() < 1e-5
    with pytest.raises(EstimateUndefined, match="interpolates"):
        leave_one_out(X, y, fit, exact=False)


MODELS = [
    (Lasso(0.05, tol=1e-11, max_iter=100_000), 70),
    (Lasso(0.05, tol=1e-11, max_iter=100_000, fit_intercept=False), 70),
    (LassoLars(0.02), 70),
    (ElasticNet(0.1, l1_ratio=0.5, tol=1e-11, max_iter=100_000), 70),
    (ElasticNet(0.05, l1_ratio=0.8, tol=1e-11, max_iter=100_000, fit_intercept=False), 12),
    (Ridge(2.0), 70),
    (Ridge(2.0, fit_intercept=False), 12),
    (LinearRegression(), 12),
    (make_pipeline(StandardScaler(), Ridge(1.0)), 12),
]


@pytest.mark.parametrize("model,d", MODELS, ids=lambda value: str(value)[:24])
def test_linear_models_as_cross_validation_has_them(model, d):
    X, y = table(36, d)
    X, y = X + 1, y + 5
    found = leave_one_out(X, y, model.fit(X, y))
    if hasattr(model, "steps"):  # the scaler keeps what it learned of all rows
        X, model = model[:-1].transform(X), model[-1]
    expected = cross_val_predict(model, X, y, cv=EachRow())
    assert found.exact.all()
    assert np.abs(found.predictions - expected).max() < 1e-6
    assert np.allclose(found.predictions + found.residuals, y)


def test_leverages_count_the_intercept():
    X, y = table(36, 12)
    with_it, without = (LinearRegression(fit_intercept=each).fit(X, y) for each in (True, False))
    assert leave_one_out(X, y, with_it).degrees_of_freedom == pytest.approx(13)
    assert leave_one_out(X, y, without).degrees_of_freedom == pytest.approx(12)


def test_sparse_columns_stay_sparse_and_come_to_the_same():
    rng = np.random.default_rng(0)
    X = random_array((50, 80), density=0.2, rng=rng, format="csr")
    y = np.asarray(X[:, :3].sum(axis=1)).ravel() + 0.1 * rng.standard_normal(50) + 1
    model = Lasso(0.004, tol=1e-11, max_iter=100_000).fit(X, y)
    sparse, full = leave_one_out(X, y, model), leave_one_out(X.toarray(), y, model)
    assert np.allclose(sparse.residuals, full.residuals, atol=1e-8) and sparse.exact.all()
    with pytest.raises(InvalidArgument, match="with a ridge X must be a full array"):
        leave_one_out(csr_array(X), y, ElasticNet(0.01, tol=1e-8).fit(X, y))


@pytest.mark.parametrize("standardize", [True, False])
def test_the_diagonal_regressor_with_its_intercept(standardize):
    X, y = table(40, 60)
    X, y = X + 0.5, y + 3
    model = DiagonalNetworkRegressor(0.6, standardize=standardize).fit(X, y)
    found = leave_one_out(X, y, model)
    inputs = model._transformed(X)
    truth = []
    for row in range(y.size):
        others = np.arange(y.size) != row
        means = inputs[others].mean(axis=0) if standardize else np.zeros(60)
        mean = y[others].mean()
        fit = train((inputs[others] - means, y[others] - mean), network="diagonal", weight_decay=0.6, tolerance=1e-9)
        rest = y[others] - (inputs[others] - means) @ fit.weights
        truth.append(y[row] - rest.mean() - (inputs[row] - means) @ fit.weights)
    off = np.abs(found.residuals - truth) / np.std(truth)
    if standardize:
        assert found.exact.all() and off.max() < 1e-6
    else:  # a fit of two steps: means off the labels, then the weights
        assert not found.exact.any() and np.median(off) < 0.05
    assert np.allclose(found.predictions + found.residuals, y)


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_leverages_are_by_how_much_a_fit_follows_its_label(network):
    X, y = table(40, 15) if network == "diagonal" else squares(60, 6)
    how = {"weight_decay": 0.5} if network == "diagonal" else {"penalty": 0.2}
    operator, step = operator_for(network, X), 1e-4
    found = leave_one_out(X, y, train((X, y), network=network, tolerance=1e-12, throw=False, **how))
    for row in (0, 7, int(np.argmax(found.leverages))):
        ends = []
        for sign in (1, -1):
            moved = y.copy()
            moved[row] += sign * step
            fit = train((X, moved), network=network, tolerance=1e-14, throw=False, **how)
            ends.append(operator.output(fit.weights)[row])
        assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(found.leverages[row], rel=0.01)


def test_the_quadratic_network_within_a_percent():
    errors = []
    for seed in range(2):
        X, y = squares(50, 5, seed)
        fit = train((X, y), network="quadratic", penalty=0.2, tolerance=1e-9, throw=False)
        found = leave_one_out(X, y, fit)
        truth = trained_without("quadratic", X, y, penalty=0.2)
        errors.append(found.test_error.value / np.square(truth).mean() - 1)
        assert 0 < found.exact.sum() < 50
        assert np.abs(found.residuals - truth)[found.exact].max() < 2e-3 * np.std(truth)
        assert np.median(np.abs(found.residuals - truth)) < 0.02 * np.std(truth)
    assert np.abs(errors).max() < 0.01


def test_rows_of_the_quadratic_network_that_the_formula_misses_are_followed():
    X, y = squares(50, 6, seed=1)
    fit = train((X, y), network="quadratic", penalty=0.3, tolerance=1e-9, throw=False)
    formula, found = leave_one_out(X, y, fit, exact=False), leave_one_out(X, y, fit)
    assert not formula.exact.any() and found.exact.any()
    assert np.array_equal(formula.residuals[~found.exact], found.residuals[~found.exact])
    most = np.argsort(-np.abs(formula.residuals - (y - operator_for("quadratic", X).output(fit.weights))))[:6]
    truth = trained_without("quadratic", X, y, most, penalty=0.3)
    assert found.exact[most].all()
    assert np.abs(found.residuals[most] - truth).max() < 0.1 * np.abs(formula.residuals[most] - truth).max()


def test_the_response_by_rows_is_that_by_directions():
    X, y = squares(60, 6)
    fit = train((X, y), network="quadratic", penalty=0.2)
    rows = NuclearRows(X, y, fit.weights.factor, 0.2 * 3)
    one, other = ByDirections(X, rows.manifold), ByRows(X, rows.manifold)
    assert np.allclose(one.leverages(), other.leverages(), atol=1e-10)
    right = np.random.default_rng(0).standard_normal(rows.manifold.unknowns)
    assert np.allclose(one.solve(right), other.solve(right), atol=1e-9 * np.abs(one.solve(right)).max())
    features = rows.manifold.features(X)
    ridge = np.diag(np.r_[np.zeros(rows.manifold.flat_size), np.ones(rows.manifold.units.size)])
    assert np.allclose((features.T @ features + ridge) @ one.solve(right), right, atol=1e-7)


def test_the_quadratic_regressor_says_nearly_what_its_own_estimate_says():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((250, 6))
    y = (X[:, 0] + X[:, 1]) ** 2 + 0.5 * rng.standard_normal(250) + 4
    model = QuadraticNetworkRegressor().fit(X, y)
    found = leave_one_out(X, y, model)
    assert found.test_error.covers(model.test_error_estimate_.value)
    assert found.degrees_of_freedom == pytest.approx(model.degrees_of_freedom_ + 1, rel=0.2)
    assert found.train_error == pytest.approx(model.train_error_, rel=0.05)


def test_columns_of_zeros_and_ones_that_depend_on_each_other():
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((23, 15)) > 0.5).astype(float)
    X = np.column_stack([X, X[:, :7], 1 - X[:, 0]])
    y = np.round(X[:, 0] + rng.standard_normal(23))
    decay = share_of_silence(X, y, 0.03)
    found = leave_one_out(X, y, train((X, y), network="diagonal", weight_decay=decay, throw=False))
    assert found.exact.all()
    assert np.abs(found.residuals - trained_without("diagonal", X, y, weight_decay=decay)).max() < 1e-4


def test_a_row_solved_again_is_the_row_followed():
    X, y = table(30, 50)
    for mean in (None, np.full(30, 30**-0.5)):
        inputs, labels = (X, y) if mean is None else (X - X.mean(axis=0), y - y.mean())
        bound = 0.1 * np.abs(inputs.T @ labels).max()
        fit = train((inputs, labels), network="diagonal", weight_decay=bound / np.sqrt(50))
        rows = LassoRows(operator_for("diagonal", inputs), labels, fit.weights, bound, mean)
        followed = rows.without()
        assert followed.exact.all()
        assert np.allclose([rows._again(row) for row in (0, 3, 29)], followed.residuals[[0, 3, 29]], atol=1e-6)


def test_nothing_but_zero_weights():
    X, y = table(20, 8)
    found = leave_one_out(X, y, train((X, y), network="diagonal", weight_decay=1e4))
    assert np.allclose(found.residuals, y) and found.degrees_of_freedom == 0
    X, y = squares(30, 4)
    found = leave_one_out(X, y, train((X, y), network="quadratic", penalty=1e4))
    assert np.allclose(found.residuals, y) and found.degrees_of_freedom == 0


def test_a_copied_column_changes_nothing():
    X, y = table(40, 10)
    decay = share_of_silence(X, y, 0.05)
    alone = leave_one_out(X, y, train((X, y), network="diagonal", weight_decay=decay))
    twice = np.column_stack([X, X[:, 0]])
    same = decay * np.sqrt(10 / 11)
    found = leave_one_out(twice, y, train((twice, y), network="diagonal", weight_decay=same))
    assert np.allclose(found.residuals, alone.residuals, atol=1e-5)


def test_what_it_shows():
    X, y = table(40, 10)
    found = leave_one_out(X, y, Lasso(0.05).fit(X, y))
    frame = found.to_frame()
    assert list(frame.columns) == ["prediction", "residual", "leverage", "exact", "changes"] and len(frame) == 40
    assert json.loads(json.dumps(found.to_dict()))["degrees_of_freedom"] == found.degrees_of_freedom
    assert "rows left out exactly  40" in str(found)
    narrow = leave_one_out(X, y, Lasso(0.05).fit(X, y), level=0.5)
    assert narrow.test_error.high - narrow.test_error.low < found.test_error.high - found.test_error.low


def refused():
    X, y = table(40, 10)
    model = Lasso(0.05).fit(X, y)
    fit = train((X, y), network="diagonal", weight_decay=0.5)
    few = X[:8], y[:8]
    deep = dataclasses.replace(fit, network="diagonal:depth=3")
    return [
        (lambda: leave_one_out(X, y, Lasso()), InvalidArgument, "model: got 'Lasso'; must be fitted"),
        (lambda: leave_one_out(X, y, "lasso"), InvalidArgument, "model: got 'lasso'"),
        (lambda: leave_one_out(X, y, LogisticRegression().fit(X, y > 0)), InvalidArgument, "LogisticRegression"),
        (lambda: leave_one_out(X, y, HuberRegressor(alpha=0.5).fit(X, y)), InvalidArgument, "for another objective"),
        (lambda: leave_one_out(X, 2 * y, model), InvalidArgument, "it was fitted to other data"),
        (lambda: leave_one_out(X[:, :3], y, model), InvalidArgument, "X: got '3 columns'"),
        (lambda: leave_one_out(X, y[:9], model), InvalidArgument, "y: got '9 labels'"),
        (lambda: leave_one_out(X, y, Lasso(0.05, positive=True).fit(X, y)), InvalidArgument, "positive=True"),
        (lambda: leave_one_out(X, 2 * y, fit), InvalidArgument, "trained on other data"),
        (lambda: leave_one_out(X, y, model, level=2), InvalidArgument, "level: got 2"),
        (lambda: leave_out_rows((X, y), "fit"), InvalidArgument, "fit: got 'fit'"),
        (lambda: leave_one_out(X, y, deep), NotSupported, "leave-one-out"),
        (lambda: leave_one_out(*few, LinearRegression().fit(*few)), EstimateUndefined, "11 numbers to 8 rows"),
        (
            lambda: leave_one_out(*few, train(few, network="diagonal", weight_decay=0.0)),
            EstimateUndefined,
            "interpolates",
        ),
    ]


def test_what_is_refused_is_said_in_one_line():
    for call, kind, words in refused():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(kind) as caught:
                call()
        assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_quadratic_network_that_interpolates_or_is_too_large_or_too_narrow(monkeypatch):
    X, y = squares(7, 8)
    with pytest.raises(EstimateUndefined, match="interpolates"):
        leave_one_out(X, y, train((X, y), network="quadratic", penalty=0.0, throw=False))
    X, y = squares(60, 6)
    fit = train((X, y), network="quadratic", penalty=0.2)
    with pytest.raises(EstimateUndefined, match="a width of 1 cuts modes off"):
        narrow = dataclasses.replace(fit, width=1)
        leave_one_out(X, y, narrow)
    monkeypatch.setattr("shallows.inference.nuclear_response.MOST_UNKNOWNS", 5)
    with pytest.raises(InvalidArgument, match="need a matrix of the fewer, at most 5"):
        leave_one_out(X, y, fit)
