"""The scikit-learn side: common checks, parameters, preprocessing, saving."""

import pickle
import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from shallows import InvalidArgument, PowerLaw, Problem, SolveFailed, sample, train
from shallows.errors import EstimateUndefined
from shallows.estimators import (
    REGRESSORS,
    AssumptionWarning,
    DiagonalNetworkRegressor,
    QuadraticNetworkRegressor,
    WhiteningTransformer,
)
from shallows.estimators import quadratic as estimator_of_the_quadratic_network
from shallows.estimators.files import load_model, save_model
from shallows.estimators.learner import usable
from shallows.estimators.summary import summarise
from shallows.training import FitStatus


@pytest.fixture(scope="module")
def diagonal():
    return sample(Problem("diagonal", PowerLaw(30, 1.0), 200, noise=0.3), 0)


@pytest.fixture(scope="module")
def quadratic():
    return sample(Problem("quadratic", PowerLaw(12, 1.25), 600, noise=0.1), 0)


@pytest.mark.parametrize("estimator", [DiagonalNetworkRegressor(), QuadraticNetworkRegressor(), WhiteningTransformer()])
def test_scikit_learns_common_checks_pass_without_exemption(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssumptionWarning)
        warnings.simplefilter("ignore", SkipTestWarning)
        for result in check_estimator(estimator, on_fail=None):
            assert result["status"] in ("passed", "skipped"), (result["check_name"], result["exception"])


@pytest.mark.parametrize("kind", [DiagonalNetworkRegressor, QuadraticNetworkRegressor])
def test_learned_attributes_and_prediction(kind, diagonal, quadratic, request):
    data = diagonal if kind is DiagonalNetworkRegressor else quadratic
    model = kind().fit(data.inputs, data.labels + 5.0)
    fresh = sample(data.problem, 99)
    error = np.square(fresh.labels + 5.0 - model.predict(fresh.inputs))
    reach = 4 * np.hypot(model.test_error_estimate_.standard_error, error.std() / np.sqrt(error.size))
    assert abs(model.test_error_estimate_.value - error.mean()) < reach
    assert model.intercept_ == pytest.approx(5.0, abs=0.2)
    assert model.path_.chosen == pytest.approx(model.weight_decay_)
    assert model.spectrum_.shape == (data.dim,)
    assert 0 < model.degrees_of_freedom_ < data.samples
    assert model.diagnosis_.ok
    assert model.score(fresh.inputs, fresh.labels + 5.0) > 0.3
    again = pickle.loads(pickle.dumps(model))
    assert (again.predict(fresh.inputs) == model.predict(fresh.inputs)).all()


def test_the_diagonal_network_is_the_lasso_on_standardised_columns(diagonal):
    from sklearn.linear_model import Lasso

    x, y = diagonal.inputs * np.linspace(1, 5, 30) + 3.0, diagonal.labels
    model = DiagonalNetworkRegressor(1.0, tolerance=1e-10).fit(x, y)
    unit = StandardScaler().fit(x)
    lasso = Lasso(alpha=np.sqrt(30) / 200, tol=1e-12, max_iter=100000).fit(unit.transform(x), y)
    assert model.weights_ == pytest.approx(lasso.coef_, abs=1e-6)
    assert model.predict(x) == pytest.approx(lasso.predict(unit.transform(x)), abs=1e-5)
    assert model.coef_ == pytest.approx(lasso.coef_ / unit.scale_, abs=1e-6)


def test_weight_decay_scales_with_the_labels(diagonal):
    one = DiagonalNetworkRegressor(0.7).fit(diagonal.inputs, diagonal.labels)
    ten = DiagonalNetworkRegressor(7.0).fit(diagonal.inputs, 10 * diagonal.labels)
    assert ten.weights_ == pytest.approx(10 * one.weights_, abs=1e-6)
    auto = DiagonalNetworkRegressor().fit(diagonal.inputs, 10 * diagonal.labels)
    assert auto.weight_decay_ == pytest.approx(
        10 * DiagonalNetworkRegressor().fit(diagonal.inputs, diagonal.labels).weight_decay_, rel=0.05
    )


def test_inside_scikit_learn(diagonal):
    search = GridSearchCV(DiagonalNetworkRegressor(), {"weight_decay": [0.3, 1.0, 3.0]}, cv=3)
    search.fit(diagonal.inputs, diagonal.labels)
    assert search.best_params_["weight_decay"] in (0.3, 1.0, 3.0)
    pipeline = make_pipeline(WhiteningTransformer("scale"), DiagonalNetworkRegressor(standardize=False))
    plain = DiagonalNetworkRegressor().fit(diagonal.inputs, diagonal.labels)
    assert pipeline.fit(diagonal.inputs, diagonal.labels).predict(diagonal.inputs) == pytest.approx(
        plain.predict(diagonal.inputs), abs=1e-8
    )
    assert clone(QuadraticNetworkRegressor(3, 0.5)).get_params()["width"] == 3
    with pytest.raises(NotFittedError):
        DiagonalNetworkRegressor().predict(diagonal.inputs)


def test_a_narrow_quadratic_network(quadratic):
    narrow = QuadraticNetworkRegressor(width=2).fit(quadratic.inputs, quadratic.labels)
    assert narrow.weights_.rank <= 2
    assert narrow.penalty_ == pytest.approx(narrow.weight_decay_ * np.sqrt(2 / 12))
    full = train((quadratic.inputs, quadratic.labels), network="quadratic", penalty=narrow.penalty_)
    assert full.weights.rank <= 2


def test_interpolation_fits_but_estimates_nothing(diagonal):
    x, y = diagonal.inputs[:20], diagonal.labels[:20]
    with pytest.warns(AssumptionWarning, match="interpolates"):
        model = DiagonalNetworkRegressor(0.0).fit(x, y)
    assert model.test_error_estimate_ is None
    assert not model.diagnosis_.ok
    with pytest.raises(EstimateUndefined):
        model.prune()
    assert summarise(model, samples=20)["reasons"]["test_error"]


def test_betrayed_assumptions_warn(quadratic):
    with pytest.warns(AssumptionWarning, match="kurtosis"):
        QuadraticNetworkRegressor().fit(np.sign(quadratic.inputs), quadratic.labels)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (DiagonalNetworkRegressor("best"), "weight_decay"),
        (DiagonalNetworkRegressor(-1.0), "weight_decay"),
        (DiagonalNetworkRegressor(float("nan")), "weight_decay"),
        (QuadraticNetworkRegressor(width=0), "width"),
        (QuadraticNetworkRegressor(width=2.5), "width"),
        (QuadraticNetworkRegressor(standardize="pca"), "standardize"),
        (DiagonalNetworkRegressor(tolerance=0.0), "tolerance"),
    ],
)
def test_bad_settings_are_named(model, name, diagonal):
    with pytest.raises(InvalidArgument, match=name):
        model.fit(diagonal.inputs, diagonal.labels)


def test_too_many_columns_for_memory_are_refused_with_the_number(monkeypatch, quadratic):
    monkeypatch.setattr(QuadraticNetworkRegressor, "most_columns", classmethod(lambda cls: 10))
    with pytest.raises(InvalidArgument, match="d <= 10"):
        QuadraticNetworkRegressor().fit(quadratic.inputs, quadratic.labels)


def test_whitening_decorrelates_and_says_what_it_did():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((500, 6)) @ rng.standard_normal((6, 6)) + 2.0
    whitener = WhiteningTransformer("whiten", shrinkage=0.0).fit(x)
    assert np.cov(whitener.transform(x).T, bias=True) == pytest.approx(np.eye(6), abs=1e-8)
    assert (x - whitener.mean_) @ whitener.total_matrix_ == pytest.approx(whitener.transform(x))
    assert "decorrelated" in whitener.changed_
    assert WhiteningTransformer().fit(x).matrix_ is not None
    assert WhiteningTransformer().fit(rng.standard_normal((500, 6))).matrix_ is None
    copied = np.column_stack([x, x[:, 0], np.ones(500)])
    dropped = WhiteningTransformer("whiten", shrinkage=0.0).fit(copied)
    assert dropped.dropped_ == 2
    assert np.abs(dropped.transform(copied)).max() < 10
    for bad in (WhiteningTransformer("pca"), WhiteningTransformer(shrinkage=2.0)):
        with pytest.raises(InvalidArgument):
            bad.fit(x)


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_saved_models_predict_the_same(network, diagonal, quadratic, tmp_path):
    if network == "diagonal":
        model, x = DiagonalNetworkRegressor().fit(diagonal.inputs + 1, diagonal.labels), diagonal.inputs + 1
    else:
        correlated = quadratic.inputs @ (np.eye(12) + 0.3)
        model, x = QuadraticNetworkRegressor().fit(correlated, quadratic.labels + 1), correlated
    save_model(model, tmp_path / "w.safetensors", features=[f"c{i}" for i in range(x.shape[1])], target="t")
    saved = load_model(tmp_path / "w.safetensors")
    assert saved.predict(x) == pytest.approx(model.predict(x), abs=1e-9)
    assert (saved.target, saved.features[0], saved.centred) == ("t", "c0", True)
    assert saved.fit.penalty == model.penalty_


def test_the_summary_is_strict_json(diagonal, quadratic):
    import json

    for kind, data in ((DiagonalNetworkRegressor, diagonal), (QuadraticNetworkRegressor, quadratic)):
        model = kind().fit(data.inputs, data.labels)
        content = summarise(model, samples=data.samples, data=tuple(data))
        again = json.loads(json.dumps(content, allow_nan=False))
        if kind is DiagonalNetworkRegressor:
            assert again["forecast"]["sentences"]
        else:
            assert again["forecast"] is None and "20 columns" in again["reasons"]["forecast"]


def test_a_forecast_keeps_the_width_and_its_units(quadratic):
    pytest.importorskip("torch")  # networks narrower than their inputs are trained by gradient
    full = QuadraticNetworkRegressor(weight_decay=2.0).fit(quadratic.inputs, quadratic.labels)
    narrow = QuadraticNetworkRegressor(width=3, weight_decay=4.0).fit(quadratic.inputs, quadratic.labels)
    assert full.penalty_ == pytest.approx(narrow.penalty_)
    ahead = narrow.forecast([2400])
    assert ahead.weight_decay == pytest.approx(4.0)
    # At four times the data a width of three leaves modes of the teacher out that the full width learns.
    assert ahead.points[0].test_error.value > full.forecast([2400]).points[0].test_error.value


def test_looking_at_a_model_without_a_teacher_raises_nothing():
    import inspect

    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((200, 8))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssumptionWarning)
        model = QuadraticNetworkRegressor().fit(inputs, inputs[:, 0] + rng.standard_normal(200))
    assert not hasattr(model, "power_law_")
    assert "QuadraticNetworkRegressor" in model._repr_mimebundle_()["text/plain"]
    assert "power_law_" not in dict(inspect.getmembers(model))
    for mistake in (lambda: model.power_law_, lambda: model.forecast([400])):
        with pytest.raises(EstimateUndefined, match="linear part"):
            mistake()
    assert summarise(model, samples=200)["reasons"].keys() == {"noise", "excess_risk", "power_law", "forecast"}


def test_a_diagnosis_of_correlated_columns_is_json():
    import json

    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((100, 4))
    inputs[:, 1] += inputs[:, 0]
    with pytest.warns(AssumptionWarning, match="correlated"):
        model = QuadraticNetworkRegressor(standardize="scale").fit(inputs, inputs[:, 0] ** 2)
    assert any(concern["serious"] for concern in json.loads(json.dumps(model.diagnosis_.to_dict()))["concerns"])


def test_every_network_has_an_estimator_that_describes_what_it_learned(diagonal, quadratic):
    for data in (diagonal, quadratic):
        kind = REGRESSORS.of(data.problem.network)
        model = kind(weight_decay=1.0).fit(*data)
        assert model.network == data.problem.network
        content = summarise(model, samples=data.samples, features=[f"c{i}" for i in range(data.dim)])
        other = {"modes": "weights", "weights": "modes"}[kind.learned_table]
        assert content[kind.learned_table] and content[other] is None
        assert set(kind.standardize_choices) >= {"auto", "scale", "none"}
        assert kind(standardize=kind.standardize_choices["none"]).fit(*data).transformer_ is None
    assert REGRESSORS.of("diagonal").most_columns() is None


def test_room_for_columns_is_half_of_the_memory(monkeypatch):
    for memory, columns in ((None, 4729), (24 * 8 * 2 * 10**6, 1000)):
        monkeypatch.setattr(estimator_of_the_quadratic_network, "physical_memory", lambda memory=memory: memory)
        assert QuadraticNetworkRegressor.most_columns() == columns


def test_an_unusable_minimum_is_an_error_and_a_missed_tolerance_is_not(diagonal):
    model = DiagonalNetworkRegressor(tolerance=1e-15).fit(*diagonal)
    assert not model.fit_.status.ok and model.path_ is not None
    usable(model.fit_)
    with pytest.raises(SolveFailed, match="stalled") as error:
        usable(replace(model.fit_, status=FitStatus.STALLED, dual_objective=0.99 * model.fit_.objective))
    assert error.value.result.status is FitStatus.STALLED


@pytest.mark.parametrize("kind", [DiagonalNetworkRegressor, QuadraticNetworkRegressor])
def test_scikit_learns_global_output_setting_changes_nothing(kind, diagonal, quadratic):
    import sklearn

    data = diagonal if kind is DiagonalNetworkRegressor else quadratic
    plain = kind().fit(data.inputs, data.labels)
    with sklearn.config_context(transform_output="pandas"):
        model = kind().fit(data.inputs, data.labels)
        predicted = model.predict(data.inputs)
        pruned = model.prune(data.inputs, data.labels)
    assert type(predicted) is np.ndarray
    assert (predicted == plain.predict(data.inputs)).all()
    assert pruned.to_dict() == plain.prune(data.inputs, data.labels).to_dict()


def test_the_summary_says_which_share_of_the_variance_is_explained(diagonal):
    model = DiagonalNetworkRegressor().fit(diagonal.inputs, diagonal.labels)
    content = summarise(model, samples=diagonal.samples, data=tuple(diagonal))
    variance = np.var(diagonal.labels, ddof=1)
    error = model.test_error_estimate_
    assert content["label_variance"] == pytest.approx(variance)
    assert content["r_squared"]["value"] == pytest.approx(1 - error.value / variance)
    assert content["r_squared"]["low"] == pytest.approx(1 - error.high / variance)
    assert content["r_squared"]["high"] == pytest.approx(1 - error.low / variance)
    assert summarise(model, samples=diagonal.samples)["r_squared"] == content["r_squared"]  # the model knows its labels
    with pytest.warns(AssumptionWarning, match="interpolates"):
        interpolating = DiagonalNetworkRegressor(0.0).fit(diagonal.inputs[:20], diagonal.labels[:20])
    content = summarise(interpolating, data=(diagonal.inputs[:20], diagonal.labels[:20]))
    assert (content["r_squared"], content["label_variance"] > 0) == (None, True)
