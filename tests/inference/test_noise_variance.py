"""Variance of the label noise, with more rows than columns and with fewer."""

import json

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LassoLarsIC, LinearRegression

from shallows import EstimateUndefined, InvalidArgument, noise_variance
from shallows.inference.label_noise import residual_of_lasso, variance_components


def table(n, d, seed=0, important=5, size=1.0):
    rng = np.random.default_rng([seed, n, d])
    X = rng.standard_normal((n, d))
    return X, size * X[:, :important].sum(axis=1) + rng.standard_normal(n)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_with_rows_enough_it_is_the_formula_of_scikit_learn(fit_intercept):
    X, y = table(80, 20)
    X, y = 3 * X + 5 * fit_intercept, y + 7 * fit_intercept
    found = noise_variance(X, y, fit_intercept=fit_intercept)
    rest = y - LinearRegression(fit_intercept=fit_intercept).fit(X, y).predict(X)
    assert found.method == "least squares"
    assert found.value == pytest.approx(rest @ rest / (80 - 20 - fit_intercept))
    assert found.estimate.value == found.value and found.estimate.covers(1.0)
    assert noise_variance(X, y, level=0.5).estimate.level == 0.5


def test_with_fewer_rows_scikit_learn_takes_what_it_cannot_estimate():
    X, y = table(80, 160, size=3.0)
    with pytest.raises(ValueError, match="noise variance"):
        LassoLarsIC("bic").fit(X, y)
    found = noise_variance(X, y)
    assert found.method == "LASSO and variance components" and found.estimate is None
    chosen = LassoLarsIC("bic", noise_variance=found.value).fit(X, y)
    assert set(range(5)) <= set(np.flatnonzero(chosen.coef_))


def test_units_of_columns_and_labels_are_of_no_consequence():
    X, y = table(50, 70)
    one = noise_variance(X, y)
    scales = np.geomspace(1e-3, 1e3, 70)
    assert noise_variance(X * scales + 4, 10 * y - 3).value == pytest.approx(100 * one.value, rel=1e-4)


@pytest.mark.parametrize("kind", ["sparse", "dense", "nothing"])
def test_over_draws_it_is_near_the_truth(kind):
    found = []
    for seed in range(6):
        rng = np.random.default_rng([seed, 5])
        X = rng.standard_normal((100, 130))
        weights = rng.standard_normal(130) * (np.arange(130) < {"sparse": 4, "dense": 130, "nothing": 0}[kind])
        theta = weights / (np.linalg.norm(weights) or 1.0)
        found.append(noise_variance(X, X @ theta + rng.standard_normal(100)).value)
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found) - 1) < 0.2 + 3 * error
    assert min(found) > 0.4 and max(found) < 2.2


def test_each_route_counts_for_what_it_knows():
    X, y = table(60, 90)
    found = noise_variance(X, y)
    sparse, dense = found.routes["LASSO"], found.routes["variance components"]
    assert min(sparse, dense) <= found.value <= max(sparse, dense)
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    assert sparse == pytest.approx(residual_of_lasso(scaled, y - y.mean(), centred=True))
    again, error = variance_components(scaled, y - y.mean(), centred=True)
    assert dense == pytest.approx(again)
    weight = (0.3 * sparse) ** 2 / ((0.3 * sparse) ** 2 + error**2)
    assert found.value == pytest.approx(weight * dense + (1 - weight) * sparse)
    # Rows of columns that are nearly orthogonal say little of components: the LASSO is left.
    wide = noise_variance(*table(40, 1200, size=2.0))
    assert abs(wide.value - wide.routes["LASSO"]) < abs(wide.value - wide.routes["variance components"])


def test_variance_components_are_the_maximum_of_their_likelihood():
    rng = np.random.default_rng(2)
    X = rng.standard_normal((50, 80)) + 0.5
    y = X @ rng.standard_normal(80) / 9 + rng.standard_normal(50)
    X, y = X - X.mean(axis=0), y - y.mean()
    noise, error = variance_components(X, y, centred=True)
    basis = np.linalg.svd(np.eye(50) - 1 / 50)[0][:, :49]  # without the mean
    seen, pairs = basis.T @ y, basis.T @ X @ X.T @ basis / 80

    def loss(logs):
        covariance = np.exp(logs[0]) * pairs + np.exp(logs[1]) * np.eye(49)
        return 0.5 * (np.linalg.slogdet(covariance)[1] + seen @ np.linalg.solve(covariance, seen))

    best = minimize(loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-10})
    assert noise == pytest.approx(np.exp(best.x[1]), rel=1e-3)
    covariance = np.exp(best.x[0]) * pairs + noise * np.eye(49)
    parts = [np.linalg.solve(covariance, pairs), np.linalg.inv(covariance)]
    information = 0.5 * np.array([[np.trace(one @ other) for one in parts] for other in parts])
    assert error == pytest.approx(np.sqrt(np.linalg.inv(information)[1, 1]), rel=1e-2)


def test_copied_columns_are_no_reason_to_stop():
    X, y = table(100, 8)
    found = noise_variance(np.column_stack([X, X[:, :2], np.ones(100)]), y)
    assert found.method == "LASSO and variance components" and 0.6 < found.value < 1.6


def test_what_it_shows():
    X, y = table(60, 90)
    few, many = noise_variance(X, y), noise_variance(X[:, :10], y)
    assert "no interval" in str(few) and "by variance components" in str(few)
    assert "no interval" not in str(many) and "90 %" in str(many)
    assert float(few) == few.value
    assert json.loads(json.dumps(few.to_dict()))["estimate"] is None
    assert json.loads(json.dumps(many.to_dict()))["estimate"]["value"] == many.value


def test_what_is_refused(monkeypatch):
    X, y = table(40, 60)
    for call, kind, words in (
        (lambda: noise_variance(np.ones((40, 3)), y), EstimateUndefined, "no column varies"),
        (lambda: noise_variance(X, np.full(40, 2.0)), EstimateUndefined, "the labels are all the same"),
        (lambda: noise_variance(X[:2], y[:2]), EstimateUndefined, "2 rows are too few"),
        (lambda: noise_variance(X, y[:3]), InvalidArgument, "y: got '3 labels'"),
        (lambda: noise_variance(X, y, level=1.5), InvalidArgument, "level: got 1.5"),
    ):
        with pytest.raises(kind, match=words):
            call()
    monkeypatch.setattr("shallows.inference.label_noise.MOST_ROWS", 30)
    with pytest.raises(InvalidArgument, match="at most 30 rows"):
        noise_variance(X, y)


def test_a_handful_of_rows_tells_nothing():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 60)), rng.standard_normal(40)
    assert noise_variance(X, y).value > 0
    with pytest.raises(EstimateUndefined, match="39 rows are too few to tell noise from weights beside 60 columns"):
        noise_variance(X[:39], y[:39])
    assert noise_variance(X[:39, :20], y[:39]).method == "least squares"
