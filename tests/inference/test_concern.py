"""What the inputs show, what it voids, and what does not hide it."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse

from shallows import DiagonalNetworkRegressor, QuadraticNetworkRegressor, infer, train
from shallows.estimators.summary import summarise
from shallows.inference import Concern, Diagnosis, check_assumptions, check_inputs
from shallows.inference.concern import QUANTITIES
from shallows.inference.concerns import check_rows
from shallows.inference.lasso_without_a_row import leverages_of
from shallows.operators import SparseInputs


def names(inputs, network="diagonal"):
    return [concern.name for concern in check_inputs(inputs, network)]


def heavy(rows, dim):
    draws = np.random.default_rng(0).standard_t(3, (rows, dim))
    return np.sign(draws) * np.abs(draws) ** 1.5


@pytest.mark.parametrize("constant", [1.0, 0.1, 0.0])
@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_a_constant_column_neither_hides_nor_raises_anything(network, constant):
    for inputs in (np.random.default_rng(0).standard_normal((400, 6)), heavy(400, 6)):
        inputs = (inputs - inputs.mean(axis=0)) / inputs.std(axis=0)
        more = np.column_stack([inputs, np.full(400, constant)])
        assert names(more, network) == ["constant", *names(inputs, network)]


@pytest.mark.parametrize("constant", [1.0, 0.1])
def test_a_constant_column_leaves_a_fit_its_diagnosis(constant):
    inputs = heavy(300, 4)
    labels = np.square(inputs[:, :2]).sum(axis=1)
    more = np.column_stack([inputs, np.full(300, constant)])
    with pytest.warns(match="heavy-tailed"):
        plain = QuadraticNetworkRegressor(weight_decay=1.0).fit(inputs, labels)
    with pytest.warns(match="heavy-tailed"):
        model = QuadraticNetworkRegressor(weight_decay=1.0).fit(more, labels)
    before = [concern.name for concern in plain.diagnosis_.concerns]
    assert [concern.name for concern in model.diagnosis_.concerns if concern.name != "constant"] == before


def test_one_pair_among_many_columns_is_seen():
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((300, 100))
    assert names(inputs) == []
    inputs[:, 7] = 0.8 * inputs[:, 3] + 0.6 * inputs[:, 7]
    inputs /= inputs.std(axis=0)
    inputs -= inputs.mean(axis=0)
    (concern,) = check_inputs(inputs, "diagonal")
    assert concern.name == "correlation" and "two columns" in concern.message
    assert concern.statistic == pytest.approx(0.8, abs=0.08)


def test_independent_columns_seldom_show_a_pair():
    found = [names(np.random.default_rng(seed).standard_normal((60, 40))) for seed in range(100)]
    assert sum("correlation" in one for one in found) <= 3


def test_few_rows_say_that_nothing_can_be_seen():
    inputs = np.random.default_rng(0).standard_normal((31, 2))
    assert "few rows" not in names(inputs[:30]) and "few rows" in names(inputs[:29])


def test_a_diagnosis_names_the_reason():
    diagnosis = Diagnosis((Concern("a", False, 1.0, "because", ("noise", "forecast")),))
    assert diagnosis.against("noise") == diagnosis.against("forecast") == "because"
    assert diagnosis.against("weights") is None and diagnosis.ok


def test_what_is_void_has_no_number_anywhere():
    rng = np.random.default_rng(0)
    inputs = 0.7 * rng.standard_normal((40, 1)) + rng.standard_normal((40, 60))
    labels = inputs[:, 0] + 0.5 * rng.standard_normal(40)
    model = DiagonalNetworkRegressor().fit(inputs, labels)
    content = summarise(model, samples=40, data=(inputs, labels))
    for key in ("noise", "excess_risk", "weights", "power_law", "forecast"):
        assert content[key] is None and "correlated" in content["reasons"][key]
    assert content["test_error"] is not None and content["noise_scale"] is None and content["threshold"] is None
    assert not content["pruning"]["recommended"] and "cannot tell" in content["pruning"]["verdict"]
    assert not hasattr(model, "power_law_") and not hasattr(model, "teacher_law_")


def test_least_squares_gives_back_what_it_can_say():
    rng = np.random.default_rng(0)
    inputs = 0.7 * rng.standard_normal((200, 1)) + rng.standard_normal((200, 6))
    inputs = (inputs - inputs.mean(axis=0)) / inputs.std(axis=0)
    data = inputs, inputs[:, 0] + rng.standard_normal(200)
    found = infer(data, train(data, network="diagonal", weight_decay=2.0))
    diagnosis = check_assumptions(*data, found)
    assert [diagnosis.against(key) is None for key in ("noise", "excess_risk", "weights")] == [True] * 3
    assert diagnosis.against("forecast") and diagnosis.against("power_law") and diagnosis.against("pruning")
    bare = check_assumptions(*data, replace(found, least_squares=None))
    assert all(bare.against(key) for key in QUANTITIES) and bare.against("test_error") is None


def test_rows_of_uneven_length_void_the_quadratic_test_error_unless_rows_were_held_out():
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((400, 8)) * np.exp(0.6 * rng.standard_normal((400, 1)))
    labels = inputs[:, 0] ** 2 + rng.standard_normal(400)
    with pytest.warns(match="longer"):
        fixed = QuadraticNetworkRegressor(weight_decay=3.0).fit(inputs, labels)
    assert fixed.test_error_estimate_ is None and fixed.diagnosis_.against("test_error")
    with pytest.warns(match="longer"):
        tuned = QuadraticNetworkRegressor().fit(inputs, labels)
    assert tuned.path_.method == "cross-validation" and tuned.test_error_estimate_ is not None


@pytest.mark.parametrize("jitter", [0.0, 1e-6])
def test_copies_of_rows_leave_no_test_error(jitter):
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((60, 20))
    labels = inputs[:, 0] + rng.standard_normal(60)
    inputs = np.tile(inputs, (4, 1)) + jitter * rng.standard_normal((240, 20))
    with pytest.warns(match="copies"):
        model = DiagonalNetworkRegressor().fit(inputs, np.tile(labels, 4))
    words = model.diagnosis_.against("test_error")
    assert words.endswith("copies of others: not independent") and int(words.split()[0]) >= 175
    assert model.test_error_estimate_ is None


def test_rows_of_categories_are_no_copies_unless_their_labels_are():
    rng = np.random.default_rng(0)
    inputs = rng.integers(0, 2, (200, 4)).astype(float)
    model = DiagonalNetworkRegressor().fit(inputs, inputs[:, 0] + rng.standard_normal(200))
    assert model.diagnosis_.against("test_error") is None


def test_rows_that_are_alike_by_chance_are_no_copies():
    rng = np.random.default_rng(0)
    inputs = np.eye(3)[rng.integers(0, 3, 200)][:, 1:]
    labels = (rng.random(200) < 0.2 + 0.6 * inputs[:, 0]).astype(float)
    assert check_rows(inputs, labels) == []
    assert check_rows(SparseInputs(scipy.sparse.csr_array(inputs)), labels) == []
    grades = rng.integers(1, 8, (200, 10)).astype(float)  # a questionnaire: few values, and yet hardly two rows alike
    assert check_rows(grades, grades[:, 0]) == []
    assert check_rows(np.tile(grades, (2, 1)), np.tile(grades[:, 0], 2))[0].name == "duplicates"


def test_errors_that_follow_each_other_are_seen():
    rng = np.random.default_rng(0)
    inputs, walk = rng.standard_normal((200, 5)), rng.standard_normal(200)
    for row in range(1, 200):
        walk[row] += 0.7 * walk[row - 1]
    with pytest.warns(match="follow each other"):
        model = DiagonalNetworkRegressor().fit(inputs, inputs[:, 0] + walk)
    assert model.test_error_estimate_ is not None
    shuffled = rng.permutation(200)
    order = np.argsort(inputs[:, 0] + walk)
    for rows in (shuffled, order):  # rows sorted by their labels have such errors, and say nothing
        concerns = DiagonalNetworkRegressor(5.0).fit(inputs[rows], (inputs[:, 0] + walk)[rows]).diagnosis_.concerns
        assert "row order" not in [concern.name for concern in concerns]


def test_labels_that_a_column_holds_are_seen():
    inputs = np.random.default_rng(0).standard_normal((100, 4))
    with pytest.warns(match="nothing is left of the labels"):
        model = DiagonalNetworkRegressor().fit(inputs, 3 * inputs[:, 1])
    assert model.diagnosis_.against("noise") is not None


def test_noise_and_risk_are_not_told_where_they_cannot_be_told_apart():
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((60, 3000))
    model = DiagonalNetworkRegressor().fit(inputs, inputs[:, :5].sum(axis=1) + rng.standard_normal(60))
    assert model.inference_.excess_risk.high > model.label_variance_
    assert "cannot be told apart" in model.diagnosis_.against("noise")


def test_a_column_given_twice_spans_nothing_more():
    rng = np.random.default_rng(0)
    columns = rng.standard_normal((80, 4))
    twice = np.column_stack([columns, columns[:, :2]])
    assert np.allclose(leverages_of(twice), leverages_of(columns))
    assert leverages_of(columns).sum() == pytest.approx(4)


def test_noise_that_depends_on_one_column_is_met_by_least_squares():
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((300, 8))
    labels = inputs[:, 1] + 2 * inputs[:, 0] * rng.standard_normal(300)
    tests = DiagonalNetworkRegressor().fit(inputs, labels).check_weights()
    assert tests.method == "least squares"
    assert tests.standard_errors[0] > 1.3 * np.median(tests.standard_errors)


@pytest.mark.parametrize("constant", [5.0, 0.1])
def test_columns_that_never_vary_teach_nothing(constant):
    labels = np.random.default_rng(0).standard_normal(50)
    with pytest.warns(match="never vary"):
        model = DiagonalNetworkRegressor().fit(np.full((50, 3), constant), labels)
    assert not model.weights_.any()


def test_decorrelated_columns_have_modes_and_no_forecast():
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((1500, 24)) @ np.linalg.cholesky(0.6 * np.eye(24) + 0.4).T
    labels = (inputs[:, 0] + inputs[:, 5]) ** 2 + rng.standard_normal(1500)
    model = QuadraticNetworkRegressor().fit(inputs, labels)
    assert model.diagnosis_.ok and model.recover_modes().values.size == 1
    assert "decorrelated" in model.diagnosis_.against("forecast") and not hasattr(model, "teacher_law_")
