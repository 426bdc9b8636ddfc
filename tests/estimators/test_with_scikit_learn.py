"""scikit-learn's tools around both regressors, and frames as they come: each gives what the plain call gives."""

import copy
import json
import pickle
import warnings

import joblib
import numpy as np
import pandas
import pyarrow
import pytest
import sklearn
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor, StackingRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from shallows import DiagonalNetworkRegressor, InvalidArgument, QuadraticNetworkRegressor, WhiteningTransformer
from shallows.estimators import base
from shallows.estimators.files import load_model, save_model

pytestmark = pytest.mark.filterwarnings("ignore::shallows.estimators.AssumptionWarning")

KINDS = [DiagonalNetworkRegressor, QuadraticNetworkRegressor]
DECAY = {DiagonalNetworkRegressor: 1.0, QuadraticNetworkRegressor: 0.5}
ROWS = 120


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((ROWS, 3))
    colours = rng.choice(["red", "green", "blue"], ROWS)
    labels = 2 * inputs[:, 0] + inputs[:, 1] ** 2 + (colours == "red") + 0.3 * rng.standard_normal(ROWS)
    return pandas.DataFrame(inputs, columns=["a", "b", "c"]).assign(colour=colours), labels


@pytest.fixture(params=KINDS, ids=["diagonal", "quadratic"])
def model(request):
    return request.param(weight_decay=DECAY[request.param])


def numbers(frame):
    return frame[["a", "b", "c"]]


def encoder(sparse):
    hot = OneHotEncoder(sparse_output=sparse, drop="first")
    return ColumnTransformer(
        [("hot", hot, ["colour"]), ("scale", StandardScaler(), ["a", "b", "c"])], sparse_threshold=1
    )


def test_a_column_transformer_with_one_hot_and_scaler(model, frame):
    table, labels = frame
    full = make_pipeline(encoder(False), model).fit(table, labels)
    inputs = encoder(False).fit_transform(table)
    assert full.predict(table) == pytest.approx(clone(model).fit(inputs, labels).predict(inputs))
    pipeline = make_pipeline(encoder(True), clone(model))
    if model.no_sparse is None:
        assert pipeline.fit(table, labels).predict(table) == pytest.approx(full.predict(table))
    else:
        with pytest.raises(InvalidArgument, match="toarray"):
            pipeline.fit(table, labels)


@pytest.mark.parametrize("output", ["pandas", "polars"])
@pytest.mark.parametrize("everywhere", [True, False])
def test_output_as_frames(model, frame, output, everywhere):
    pytest.importorskip(output)
    table, labels = frame
    plain = make_pipeline(encoder(False), WhiteningTransformer("scale"), model).fit(table, labels)
    named = make_pipeline(encoder(False), WhiteningTransformer("scale"), clone(model))
    if everywhere:
        with sklearn.config_context(transform_output=output):
            named.fit(table, labels)
            predicted = named.predict(table)
    else:
        predicted = named.set_output(transform=output).fit(table, labels).predict(table)
    assert type(predicted) is np.ndarray
    assert predicted == pytest.approx(plain.predict(table), abs=1e-5)
    assert list(named[-1].feature_names_in_) == list(named[:-1].get_feature_names_out())


def test_searches(model, frame):
    inputs, labels = numbers(frame[0]), frame[1]
    grid = {"weight_decay": [0.3, 100.0]}
    halving = HalvingGridSearchCV(model, grid, cv=3, min_resources=60, random_state=0)
    for search in (GridSearchCV(model, grid, cv=3), halving):
        found = search.fit(inputs, labels)
        assert found.best_params_ == {"weight_decay": 0.3}
        assert found.best_estimator_.fit_.status.ok


def test_cross_validated_predictions(model, frame):
    inputs, labels = numbers(frame[0]), frame[1]
    predicted = cross_val_predict(model, inputs, labels, cv=3)
    held = np.arange(ROWS) < 40
    alone = clone(model).fit(inputs[~held], labels[~held]).predict(inputs[held])
    assert predicted[held] == pytest.approx(alone)


def test_stacking_bagging_and_a_transformed_target(model, frame):
    inputs, labels = numbers(frame[0]), frame[1]
    one = clone(model).fit(inputs, labels).score(inputs, labels)
    stacked = StackingRegressor([("network", model), ("linear", LinearRegression())], cv=3).fit(inputs, labels)
    assert stacked.score(inputs, labels) > 0.3
    bagged = BaggingRegressor(model, n_estimators=5, random_state=0).fit(inputs, labels)
    assert bagged.score(inputs, labels) == pytest.approx(one, abs=0.15)
    logged = TransformedTargetRegressor(model, func=np.arcsinh, inverse_func=np.sinh).fit(inputs, labels)
    inside = clone(model).fit(inputs, np.arcsinh(labels)).predict(inputs)
    assert logged.predict(inputs) == pytest.approx(np.sinh(inside))


def test_inspection(model, frame):
    inputs, labels = numbers(frame[0]), frame[1]
    fitted = clone(model).fit(inputs, labels)
    importance = permutation_importance(fitted, inputs, labels, n_repeats=3, random_state=0).importances_mean
    learned = {"diagonal": "a", "quadratic": "b"}[model.network]
    assert inputs.columns[np.argmax(importance)] == learned
    grid = partial_dependence(fitted, inputs, [learned], kind="average", grid_resolution=5)
    assert np.ptp(grid["average"]) > 0.5


def test_clones_have_settings_and_nothing_learned(model, frame):
    fitted = clone(model).fit(numbers(frame[0]), frame[1])
    again = clone(fitted.set_params(tolerance=1e-5))
    assert again.get_params() == fitted.get_params()
    assert not [name for name in vars(again) if name.endswith("_")]


def test_sample_weights_are_refused_in_one_line(model, frame):
    inputs, labels = numbers(frame[0]), frame[1]
    weights = np.ones(ROWS)
    with pytest.raises(TypeError, match="sample_weight"):
        model.fit(inputs, labels, sample_weight=weights)
    with pytest.raises(TypeError, match="sample_weight"):
        make_pipeline(StandardScaler(), model).fit(
            inputs, labels, **{f"{type(model).__name__.lower()}__sample_weight": weights}
        )
    with sklearn.config_context(enable_metadata_routing=True):
        with pytest.raises((TypeError, AttributeError), match=r"sample_weight|set_fit_request"):
            clone(model).set_fit_request(sample_weight=True)
        grid = GridSearchCV(model, {"weight_decay": [0.3]}, cv=3)
        with pytest.raises((TypeError, ValueError), match="sample_weight"):
            grid.fit(inputs, labels, sample_weight=weights)
        assert grid.fit(inputs, labels).best_score_ > 0


def frames(table):
    """The same numbers as other frames hold them."""
    yield "nullable", table.convert_dtypes()
    yield "nullable float", table.astype("Float64")
    yield "arrow", table.astype(pandas.ArrowDtype(pyarrow.float64()))
    yield "single", table.astype("float32").astype("Float32")
    yield "lists", table.to_numpy().tolist()
    yield "objects", table.astype(object)
    yield "fortran", np.asfortranarray(table.to_numpy())
    try:
        import polars
    except ImportError:
        return
    yield "polars", polars.from_pandas(table)


def test_frames_of_any_kind_of_numbers(model, frame):
    table, labels = numbers(frame[0]).round(2), frame[1]
    plain = clone(model).fit(table, labels)
    for name, given in frames(table):
        found = clone(model).fit(given, labels)
        assert found.predict(given) == pytest.approx(plain.predict(table), abs=1e-5), name
        assert name in ("lists", "fortran") or list(found.feature_names_in_) == ["a", "b", "c"], name
    for kind in ("Float64", pandas.ArrowDtype(pyarrow.float64())):
        found = clone(model).fit(table, pandas.Series(labels).astype(kind))
        assert found.predict(table) == pytest.approx(plain.predict(table), abs=1e-5)
    whole = table.astype(int)
    for kind in ("Int64", "int8", pandas.ArrowDtype(pyarrow.int32())):
        found = clone(model).fit(whole.astype(kind), labels).predict(whole)
        assert found == pytest.approx(clone(model).fit(whole, labels).predict(whole), abs=1e-5)
    for kind in ("boolean", bool, pandas.ArrowDtype(pyarrow.bool_())):
        found = clone(model).fit((table > 0).astype(kind), labels).predict(table > 0)
        assert found == pytest.approx(clone(model).fit((table > 0).astype(float), labels).predict(table > 0), abs=1e-5)


def test_gaps_in_frames_are_refused_in_one_line(model, frame):
    table, labels = numbers(frame[0]), frame[1]
    for kind in ("float64", "Float64", pandas.ArrowDtype(pyarrow.float64())):
        holed = table.astype(kind)
        holed.loc[3, "a"] = None
        with pytest.raises(ValueError, match="NaN"):
            clone(model).fit(holed, labels)


def test_other_columns_than_those_trained_on_are_refused(model, frame):
    table, labels = numbers(frame[0]), frame[1]
    fitted = clone(model).fit(table, labels)
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(table[["b", "a", "c"]])
    with pytest.raises(ValueError, match="features"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of scikit-learn, about names
        fitted.predict(table.to_numpy()[:, :2])


@pytest.mark.parametrize("words", [["yes", "no"], [b"yes", b"no"], ["red", "green", "blue"], ["1", "2", "many"]])
def test_labels_of_words_are_one_helpful_line(model, frame, words):
    labels = np.array(words, dtype=object)[np.arange(ROWS) % len(words)]
    given = [labels, labels.astype(str), pandas.Series(labels), labels.tolist()]
    if isinstance(words[0], str):
        given += [pandas.Series(labels).astype("category"), pandas.Series(labels).astype("string")]
    for answer in given:
        with pytest.raises(
            InvalidArgument, match=r"y: got '(yes|no|red|green|blue|many)'; labels must be numbers: make 0 and 1"
        ):
            clone(model).fit(numbers(frame[0]), answer)
    two = labels == labels[0]
    as_numbers = clone(model).fit(numbers(frame[0]), two.astype(float))
    assert as_numbers.train_error_ == pytest.approx(clone(model).fit(numbers(frame[0]), two).train_error_)


def test_the_estimated_error_is_right_at_every_weight_decay():
    """Reliability: over data sets, estimated and true test error agree along the path."""
    off = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        inputs, fresh = rng.standard_normal((200, 20)), rng.standard_normal((2000, 20))
        truth = np.r_[1.0, -0.5, 0.3, np.zeros(17)]
        labels = inputs @ truth + 0.5 * rng.standard_normal(200)
        for decay in (0.5, 2.0, 8.0):
            fitted = DiagonalNetworkRegressor(decay).fit(inputs, labels)
            true = 0.25 + np.square(fitted.predict(fresh) - fresh @ truth).mean()
            estimate = fitted.test_error_estimate_
            off.append((estimate.value - true) / estimate.standard_error)
    off = np.array(off).reshape(12, 3)
    assert (np.abs(off.mean(axis=0)) < 4 / np.sqrt(12)).all()
    assert np.mean(np.abs(off) < 1.645) > 0.9 - 4 * np.sqrt(0.09 / 12)


def test_a_model_goes_through_pickle_and_joblib(model, frame, tmp_path):
    inputs, labels = numbers(frame[0]), frame[1]
    fitted = clone(model).fit(inputs, labels)
    joblib.dump(fitted, tmp_path / "model.joblib", compress=3)
    for again in (pickle.loads(pickle.dumps(fitted)), joblib.load(tmp_path / "model.joblib"), copy.deepcopy(fitted)):
        assert (again.predict(inputs) == fitted.predict(inputs)).all()
        assert again.test_error_estimate_ == fitted.test_error_estimate_
        assert pickle.dumps(again) == pickle.dumps(fitted) or again.get_params() == fitted.get_params()


def test_a_pickle_of_another_version_is_refused(model, frame, monkeypatch):
    fitted = clone(model).fit(numbers(frame[0]), frame[1])
    monkeypatch.setattr(base, "__version__", "9.9.9")
    newer = pickle.dumps(fitted)
    unfitted = pickle.dumps(clone(model))
    monkeypatch.undo()
    with pytest.raises(InvalidArgument, match=r"pickle: got 'a \w+ of shallows 9.9.9'; .*save_model"):
        pickle.loads(newer)
    assert pickle.loads(unfitted).get_params() == model.get_params()  # settings are public in every version
    plain = fitted.__getstate__()
    del plain["_shallows_version"]
    with pytest.raises(InvalidArgument, match="an unknown version"):
        clone(model).__setstate__(plain)


def test_files_go_across_versions_and_damaged_ones_are_named(model, frame, tmp_path):
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file

    inputs, labels = numbers(frame[0]), frame[1]
    fitted = clone(model).fit(inputs, labels)
    path = save_model(fitted, tmp_path / "w.safetensors", features=list(inputs), target="y")
    with safe_open(path, framework="numpy") as stream:
        header = stream.metadata()
    assert header["version"] == sklearn_free_version()
    save_file(load_file(path), tmp_path / "newer.safetensors", header | {"version": "9.9.9"})
    again = load_model(tmp_path / "newer.safetensors")
    assert again.predict(inputs.to_numpy()) == pytest.approx(fitted.predict(inputs))
    save_file(
        load_file(path), tmp_path / "next.safetensors", header | {"version": "9.9.9", "format": "shallows-weights-2"}
    )
    with pytest.raises(InvalidArgument, match=r"next.safetensors'; written by shallows 9.9.9 in a format"):
        load_model(tmp_path / "next.safetensors")
    whole = path.read_bytes()
    damaged = {"cut": whole[: len(whole) // 2], "empty": b"", "header": b"\xff" * 8 + whole[8:], "text": b"a,b\n1,2\n"}
    for name, content in damaged.items():
        (tmp_path / f"{name}.safetensors").write_bytes(content)
        with pytest.raises(InvalidArgument, match=f"{name}.safetensors"):
            load_model(tmp_path / f"{name}.safetensors")
    holed = load_file(path)
    holed.pop("input_mean")
    some = json.loads(header["fit"])
    some["details"]["features"] = ["a"]
    save_file(holed, tmp_path / "names.safetensors", header | {"fit": json.dumps(some)})
    with pytest.raises(InvalidArgument, match="names 1 columns"):
        load_model(tmp_path / "names.safetensors")
    weights = {
        name: np.full_like(value, np.nan) if name in ("theta", "factor") else value
        for name, value in load_file(path).items()
    }
    save_file(weights, tmp_path / "nan.safetensors", header)
    with pytest.raises(InvalidArgument, match=r"nan.safetensors"):
        load_model(tmp_path / "nan.safetensors")


def sklearn_free_version():
    from shallows._version import __version__

    return __version__
