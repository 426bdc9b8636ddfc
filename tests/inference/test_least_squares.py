"""Single weights where columns are not what the theory is for: least squares, and when it is asked."""

import numpy as np
import pytest

from shallows import DiagonalNetworkRegressor, infer, train
from shallows.errors import EstimateUndefined
from shallows.inference import check_weights, fit_least_squares


def correlated(rows, dim, seed, rho=0.8):
    rng = np.random.default_rng(seed)
    root = np.linalg.cholesky(rho ** np.abs(np.subtract.outer(np.arange(dim), np.arange(dim))))
    return rng.standard_normal((rows, dim)) @ root.T, rng


def test_values_and_errors_are_those_of_the_normal_equations():
    inputs, rng = correlated(80, 5, 0)
    inputs *= [1.0, 100.0, 1e-3, 1.0, 7.0]
    labels = inputs @ [1.0, 0.0, 50.0, -1.0, 0.0] + rng.standard_normal(80)
    inputs, labels = inputs - inputs.mean(axis=0), labels - labels.mean()
    found = fit_least_squares(inputs, labels, centred=True)
    inverse = np.linalg.inv(inputs.T @ inputs)
    values = inverse @ inputs.T @ labels
    residual = labels - inputs @ values
    variance = residual @ residual / (80 - 6)
    np.testing.assert_allclose(found.values, values, rtol=1e-8)
    np.testing.assert_allclose(found.standard_errors, np.sqrt(variance * np.diag(inverse)), rtol=1e-8)
    assert found.freedom == 74 and not found.robust
    assert found.noise.value == pytest.approx(variance)
    # of a variance with 74 degrees of freedom: chi-squared at 5 and 95 %
    assert variance / found.noise.low == pytest.approx(95.081 / 74, rel=1e-3)
    assert variance / found.noise.high == pytest.approx(55.189 / 74, rel=1e-3)


def test_errors_that_depend_on_the_row_have_robust_standard_errors():
    rng = np.random.default_rng(1)
    inputs = rng.standard_normal((600, 4))
    labels = rng.standard_normal(600) * (0.2 + np.abs(inputs[:, 2]))
    found = fit_least_squares(inputs, labels)
    inverse = np.linalg.inv(inputs.T @ inputs)
    hat = np.einsum("ni,ij,nj->n", inputs, inverse, inputs)
    errors = (labels - inputs @ found.values) / (1 - hat)
    sandwich = inverse @ (inputs.T * errors**2) @ inputs @ inverse
    assert found.robust
    np.testing.assert_allclose(found.standard_errors, np.sqrt(np.diag(sandwich)), rtol=1e-8)


def test_noise_that_is_the_same_everywhere_is_seldom_taken_for_uneven():
    robust = []
    for seed in range(60):
        inputs, rng = correlated(100, 8, seed)
        robust.append(fit_least_squares(inputs, rng.standard_normal(100)).robust)
    assert np.mean(robust) <= 0.1


@pytest.mark.parametrize("rows", [4, 11, 14])
def test_few_rows_and_dependent_columns_have_none(rows):
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((rows, 8))
    assert fit_least_squares(inputs, rng.standard_normal(rows)) is None
    many = rng.standard_normal((60, 4))
    twice = np.column_stack([many, many[:, 0] + many[:, 1]])
    assert fit_least_squares(twice, many[:, 0]) is None
    assert fit_least_squares(np.column_stack([many, np.zeros(60)]), many[:, 0]) is None


def test_fewest_rows():
    rng = np.random.default_rng(0)
    inputs, labels = rng.standard_normal((15, 8)), rng.standard_normal(15)
    assert fit_least_squares(inputs, labels).freedom == 7
    assert fit_least_squares(inputs, labels, centred=True) is None
    assert fit_least_squares(inputs[:14], labels[:14]) is None


def test_correlated_columns_are_covered_and_falsely_discovered_at_their_rates():
    inside, false = [], []
    for seed in range(20):
        inputs, rng = correlated(300, 30, seed, 0.9)
        truth = np.where(np.arange(30) % 10 == 0, 1.0, 0.0)
        model = DiagonalNetworkRegressor().fit(inputs, inputs @ truth + rng.standard_normal(300))
        tests = model.check_weights()
        assert tests.method == "least squares"
        scaled = truth * model.transformer_.scale_
        inside.append(np.mean((tests.low <= scaled) & (scaled <= tests.high)))
        false.append(np.mean(truth[tests.discovered] == 0) if tests.discovered.any() else 0.0)
        assert model.noise_variance_ is model.inference_.noise
    assert abs(np.mean(inside) - 0.9) < 4 * np.std(inside) / np.sqrt(20)
    assert np.mean(false) < 0.1 + 3 * np.std(false) / np.sqrt(20)


def test_the_excess_risk_is_the_test_error_less_the_noise_of_least_squares():
    inputs, rng = correlated(300, 10, 3)
    labels = inputs[:, 0] + rng.standard_normal(300)
    found = infer((inputs, labels), train((inputs, labels), network="diagonal", weight_decay=5.0))
    by_columns = fit_least_squares(inputs, labels)
    assert found.noise == by_columns.noise
    error = found.residuals @ found.residuals / 300
    assert found.excess_risk.value == pytest.approx(error - by_columns.noise.value)


def test_correlated_columns_on_few_rows_have_no_intervals():
    inputs, rng = correlated(60, 50, 0, 0.9)
    labels = inputs[:, 0] + rng.standard_normal(60)
    model = DiagonalNetworkRegressor().fit(inputs, labels)
    assert model.noise_variance_ is None and model.test_error_estimate_ is not None
    for mistake in (model.check_weights, lambda: check_weights(model.inference_)):
        with pytest.raises(EstimateUndefined, match="correlated"):
            mistake()


def test_columns_as_the_theory_has_them_keep_its_intervals():
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((200, 100))
    labels = inputs[:, 0] + rng.standard_normal(200)
    found = infer((inputs, labels), train((inputs, labels), network="diagonal", weight_decay=2.0))
    tests = check_weights(found)
    assert found.least_squares is None and tests.method == "theory"
    np.testing.assert_array_equal(tests.standard_errors, found.noise_scale)
    # the noise scale is estimated itself: Student's t, with the degrees of freedom of its variance
    half = (tests.high - tests.low)[0] / 2 / found.noise_scale
    assert 1.645 < half < 1.72
