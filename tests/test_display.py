"""How results show themselves: readable, safe, without computing, and with no number that is not trusted."""

import dataclasses
import enum
import importlib
import inspect
import re
import tempfile
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

import shallows
from shallows import (
    Dataset,
    DiagonalNetworkRegressor,
    EstimateUndefined,
    FromValues,
    LowRank,
    PowerLaw,
    Problem,
    QuadraticNetworkRegressor,
    fit_power_laws,
    forecast,
    leave_one_out,
    noise_variance,
    optimal_weight_decay,
    predict,
    prune,
    sample,
    train,
    tune,
    verify,
)
from shallows._display import LINE, MOST_ROWS, Displayed, Summary
from shallows.inference import (
    Concern,
    Diagnosis,
    ExpectedError,
    NaiveExtrapolation,
    check_weights,
    fit_least_squares,
    fit_power_law_teacher,
    fit_teacher_law,
    infer,
    recover_modes,
)
from shallows.result_rows import prediction_sections

PACKAGES = ["shallows", *(f"shallows.{name}" for name in shallows._SUBPACKAGES)]
#: What is no result and no problem: work in progress, and what a new network brings along.
MACHINERY = {"Iteration", "MessageStep", "Bar", "LineLog", "Silent", "TensorProblem"}


def public_classes():
    found = {}
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in module.__all__:
            value = getattr(module, name)
            special = isinstance(value, type) and issubclass(value, (BaseException, enum.Enum))
            if isinstance(value, type) and not special and not inspect.isabstract(value):
                found[value] = name
    return {kind: name for kind, name in found.items() if name not in MACHINERY and not name.startswith("Torch")}


@pytest.fixture(scope="module")
def every():
    """One of each result, by its class."""
    from shallows.amp import AmpSettings, FixedRule, Observations, ThresholdForPenalty, ThresholdMultiple, amp
    from shallows.denoisers import REGISTRY, SoftThreshold
    from shallows.networks import Words, network_named
    from shallows.operators import operator_for
    from shallows.scaling import snapshot
    from shallows.scaling.table_of_exponents import ExponentRow, paths
    from shallows.spectra import fit_tail
    from shallows.state_evolution import bayes_optimal, solutions
    from shallows.sweeps import Failure, Field, Point, PointRequest, Quantity, RunReport, Store, Sweep, plan
    from shallows.training import Certificate, Solution, Task, TrainSettings
    from shallows.verification import Ending

    linear = Problem("diagonal", PowerLaw(30, 1.0), samples=150, noise=0.3)
    square = Problem("quadratic", PowerLaw(12, 1.25), samples=200, noise=0.3)
    data = sample(linear, 0)
    fit, found, path = tune(data, network="diagonal")
    modes = recover_modes(infer(sample(square, 0), train(sample(square, 0), weight_decay=0.2)))
    verified = verify(linear, weight_decay=0.5, seeds=2, trainers=["convex"])
    from shallows import designs, dynamics

    coloured = Problem("quadratic", PowerLaw(12, 1.25), samples=200, noise=0.3, design=designs.GaussianDesign(0.5))
    striped = Problem("diagonal", PowerLaw(30, 1.0), samples=150, noise=0.3, design=designs.GaussianDesign(0.5))
    flowing = shallows.predict_dynamics(square, [1.0, 50.0], init_scale=0.01)
    prediction, other = predict(square, weight_decay=0.2), predict(linear, weight_decay=0.5)
    curve = np.geomspace(10, 1000, 12)
    laws = fit_power_laws(curve, 3 / curve + 1e-3, extrapolate=[2000.0])
    ahead, run = forecast(found, [300, 600]), amp(data, weight_decay=0.5)
    deep = dataclasses.replace(linear, network="diagonal:depth=3")
    deep_square = dataclasses.replace(square, network="quadratic:depth=2")
    plain = {problem.network: problem for problem in (linear, square, deep, deep_square)}
    rules = {kind.__name__: kind.default(plain[kind.network], 0.1) for kind in REGISTRY.values()}
    sweep = Sweep({"network": "diagonal", "dim": 20, "gamma": 1.0, "weight_decay": 0.5}, {"samples": [50]})
    things = [
        linear, PowerLaw(30, 1.0), LowRank(30, 2), FromValues(np.arange(900.0)), data, fit, found, path, prediction,
        prediction.spectrum, other.spectrum, prediction.decomposition, other.spectrum.outliers[0],
        prediction.fixed_point,
        bayes_optimal(linear), fit_tail(1 / np.arange(1, 100)), verified, verified.curve, verified.curve.trained[0],
        verified.measured["convex"], verified.measured["convex"].excess_risk,
        verified.comparisons["convex"]["excess_risk"], laws, laws.segments[0], laws.extrapolations[0],
        optimal_weight_decay(linear), ahead, ahead.points[0], found.noise, prune(fit, found), check_weights(found),
        modes, fit_power_law_teacher(found, draws=8), fit_teacher_law(found, draws=8), fit_least_squares(*data),
        leave_one_out(*data, fit), noise_variance(*data),
        NaiveExtrapolation(curve, 1 / curve, 1.0, (found.noise,)),
        Concern("mean", True, 0.5, "not centred", ("noise",)),
        Diagnosis(()), ExpectedError(30, 0.04, 0.2, 0.1, 0.4),
        run, run.trajectory, AmpSettings(), FixedRule(SoftThreshold(0.1)), ThresholdMultiple(1.0),
        ThresholdForPenalty(0.3), Observations("diagonal", data.labels, 0.1, 150, 1.0), *rules.values(),
        SoftThreshold(0.1).apply(data.labels, 0.1), network_named("diagonal"), network_named("quadratic"),
        network_named("diagonal").words, shallows.amp.MODELS, operator_for("diagonal", data.inputs),
        operator_for("quadratic", data.inputs), snapshot(square, 0.2), ExponentRow(next(iter(paths(1.25))), -1.0, 1e-9),
        Failure("ab", "predict", "SolveFailed: DIVERGENT", "long", 1, {}), Field("1", "ratio"), sweep,
        PointRequest({"network": "diagonal"}), Store(), RunReport(10, 4, 5, 1, 2.0), plan(sweep, measure=False),
        Point("prediction", (("dim", 20),), None, None), Quantity("half", {"x": Field("1", "x")}, len),
        Certificate(1.0, 0.9, 1e-3, 0.1), Task(network_named("diagonal"), data.inputs, data.labels, None),
        TrainSettings(), LowRank(30, 2).spectrum("diagonal"), shallows.LowRankPSD(np.eye(3)),
        Solution(data.labels, 1.0, 0.9, 1e-3, 0.1, True, False, 3, "amp", {}, None), Words,
        DiagonalNetworkRegressor(1.0).fit(*data), QuadraticNetworkRegressor(weight_decay=1.0).fit(*sample(square, 0)),
        shallows.WhiteningTransformer().fit(data.inputs),
        designs.Isotropic(), designs.GaussianDesign(0.5), designs.CommonMean(0.1), designs.Laplace(),
        designs.Orthogonal(), designs.Rademacher(), designs.Rows(data.inputs), designs.Sparse(0.5),
        designs.StudentT(5.0), designs.Uniform(), coloured.seen,
        dataclasses.replace(coloured, design=designs.GaussianDesign(0.5, "random")).seen,
        predict(coloured, weight_decay=0.2).spectrum, predict(striped, weight_decay=0.5).spectrum,
        predict(deep_square, weight_decay=0.2).spectrum, shallows.Explorer(linear, weight_decay=0.5),
        predict(deep, weight_decay=0.5).spectrum, solutions(deep, weight_decay=0.5),
        Ending(0.1, *[verified.measured["convex"].excess_risk] * 4, "better"),
        flowing, flowing.setting, flowing.state, dynamics.Sgd(0.1, 10), dynamics.sgd_limits(square, 10),
        dynamics.StartPower(1.0, 2.0, 0.5),
        shallows.compute_optimal(square, [1e6, 1e7], init_scale=0.01),
        dynamics.early_stopping(dynamics.flow_setting(linear, init_scale=0.01), seed=0),
    ]  # fmt: skip
    fitted = next(thing for thing in things if isinstance(thing, DiagonalNetworkRegressor))
    things += shown_of_weights() + shown_of_tables(fitted)
    return {type(thing): thing for thing in things}


@pytest.fixture(scope="module")
def shown(every):
    """The same by the name of the class."""
    return {kind.__name__: thing for kind, thing in every.items()}


def shown_of_weights():
    """What is told of a checkpoint, from one matrix with an outlier and its change."""
    from scipy.sparse import csr_array

    from shallows import diagnose
    from shallows.checkpoints import (
        Factors,
        Layout,
        ResultStore,
        StoredTensor,
        WeightMatrix,
        WrittenCheckpoint,
    )
    from shallows.diagnosis import (
        DiagnosisSeries,
        PrunedLayer,
        PrunedModel,
        Training,
        WeightTail,
        read_network,
    )
    from shallows.diagnosis.law_fit import LawFit
    from shallows.networks import Attention
    from shallows.operators import AttentionOperator, SparseDiagonalOperator, SparseInputs

    noise = np.random.default_rng(0).standard_normal((60, 40))
    start, model = diagnose({"w": noise}), diagnose({"w": noise + 3.0, "b": np.ones(4)}, baseline={"w": noise})
    layer, sparse = model["w"], SparseInputs(csr_array(np.eye(3)), np.full(3, 0.1))
    layer_pruned = PrunedLayer("w", (60, 40), 1, 0.5, True, "")
    linear = sample(Problem("diagonal", PowerLaw(30, 1.0), samples=150, noise=0.3), 0)
    with tempfile.TemporaryDirectory() as folder, ResultStore(f"{folder}/results.jsonl", "a") as store:
        pass
    return [
        model, layer, layer.spectrum, layer.spectrum.bulk, layer.spectrum.outliers[0], layer.verdict, layer.change,
        WeightTail(2.5, (2.2, 2.8), 1.0, 60, 0.4), DiagnosisSeries((start, model)), layer_pruned,
        PrunedModel(Path("pruned.npz"), (layer_pruned,), False, 0.1, 0.2), Training("diagonal", tuple(linear)),
        LawFit("diagonal", 400, None, 1.0, 1.0, 0.123456789, 0.2, 0.9, 3),
        read_network(train(linear, weight_decay=0.5).weights, *linear, "diagonal"), model.skipped[0], store,
        Factors(np.ones((4, 1)), np.ones((1, 3))), Layout(axes=(1, 0), columns=range(4)),
        StoredTensor("w", (2, 2), "float64", "", lambda: np.eye(2)),
        WeightMatrix("w", "linear", (2, 2), "", ("w",), lambda: np.eye(2)),
        WrittenCheckpoint(Path("a"), (), ("w",), 60, 100, 240, 400), sparse, SparseDiagonalOperator(sparse),
        Attention(tokens=3), AttentionOperator(np.ones((4, 3, 2))),
    ]  # fmt: skip


def shown_of_tables(model):
    """Networks compared."""
    from shallows.estimators import Candidate, Comparison

    candidate = Candidate("diagonal", np.array([0.1, 0.2]))
    other = Candidate("quadratic", reason="its covariance cannot be estimated")
    return [candidate, Comparison((candidate, other), np.array([1.0, 2.0]), {"diagonal": model})]


@pytest.mark.parametrize("kind", public_classes(), ids=public_classes().values())
def test_every_public_class_is_readable(every, kind):
    assert kind in every, "add one to the fixture, so that it is seen"
    text = repr(every[kind])
    assert not re.search(r" at 0x|array\(|cannot be shown|\.\.\. *,", text)
    assert len(text.splitlines()) == 1 and len(text) <= 3 * LINE


def results(shown):
    return {name: thing for name, thing in shown.items() if isinstance(thing, Displayed)}


def test_results_are_displayed(shown):
    """A dataclass that holds an array, or a number of many digits, does not print itself as it is."""
    for name, thing in shown.items():
        if dataclasses.is_dataclass(thing) and not isinstance(thing, Displayed):
            assert not re.search(r"\d\.\d{8}", repr(thing)), name


class Page(HTMLParser):
    """Tags that were opened, texts between them, and whether all was closed again."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts, self.attributes = [], set(), [], set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_html_is_a_small_table_in_the_colours_of_its_page(shown):
    for name, thing in results(shown).items():
        text = thing._repr_html_()
        page = Page(text)
        assert not page.open and page.tags <= {"div", "table", "thead", "tbody", "tr", "th", "td"}, name
        assert page.attributes <= {"style", "colspan"}, name
        assert not re.search(r"https?:|url\(|#[0-9a-f]{3}|rgb|black|white", text, re.IGNORECASE), name
        assert len(text) < 40_000, name
        assert "cannot be shown" not in text


def test_names_are_escaped_on_pages_and_keep_to_their_line_on_terminals():
    summary = Summary("<b>&", [("a\nb", "<script>", '"x"')], [("<i>", False)], [("\x1b[31mred",)], ["</div>"])
    page = Page(summary.html())
    assert {"<b>&", "<script>", "</div>", "<i>"} <= set(page.texts)
    assert "script" not in page.tags
    assert "\x1b" not in summary.lines() and "\n" not in summary.line()
    assert len(summary.lines().splitlines()) == 5


def test_long_tables_are_cut_and_say_so():
    summary = Summary("t", [], [("a", True)], [(str(i),) for i in range(MOST_ROWS + 3)])
    assert "and 3 more" in summary.lines() and "and 3 more" in summary.html()
    assert str(MOST_ROWS) not in Page(summary.html()).texts


def test_one_line_ends_before_a_number_would_be_cut():
    line = Summary("title", [("name", "1234567890")] * 40).line()
    assert len(line) <= LINE + 1 and line.endswith("name 1234567890>")
    assert len(Summary("title", [("reason", "word " * 100)]).line()) <= LINE + 1


def test_what_is_half_made_is_shown_all_the_same():
    kinds = [
        kind
        for kind in every_displayed(Displayed)
        if kind.__repr__ is Displayed.__repr__ and not inspect.isabstract(kind)
    ]
    assert len(kinds) > 30
    for kind in kinds:
        thing = object.__new__(kind)
        assert (
            repr(thing).startswith("<")
            and (str(thing) if kind.__str__ is Displayed.__str__ else True)
            and thing._repr_html_()
        )


def every_displayed(kind):
    return [found for child in kind.__subclasses__() for found in (child, *every_displayed(child))]


@pytest.mark.filterwarnings("ignore::shallows.estimators.AssumptionWarning")
def test_reading_an_attribute_either_works_or_says_that_it_is_not_there(shown):
    failed = predict(Problem("diagonal", PowerLaw(30, 1.0), samples=30, noise=0.5), weight_decay=0.0, throw=False)
    interpolating = DiagonalNetworkRegressor(0.01, standardize=False, fit_intercept=False)
    interpolating.fit(np.eye(4), np.array([3.0, -1.0, 2.0, 1.0]))
    assert interpolating.inference_ is None and not hasattr(interpolating, "power_law_")
    assert not failed.status.ok and not hasattr(failed, "spectrum") and not hasattr(failed, "decomposition")
    for thing in (*shown.values(), failed, interpolating, DiagonalNetworkRegressor()):
        for name in dir(thing):
            hasattr(thing, name)


def test_showing_computes_nothing(monkeypatch):
    problem = Problem("quadratic", PowerLaw(12, 1.25), samples=200, noise=0.3)
    prediction, best = predict(problem, weight_decay=0.2), optimal_weight_decay(problem)
    verified = verify(problem, weight_decay=0.2, seeds=1, trainers=["convex"], learning_curve=False)
    model = DiagonalNetworkRegressor(1.0).fit(*sample(Problem("diagonal", PowerLaw(9, 1.0), 90, 0.3), 0))
    things = [predict(problem, weight_decay=0.2), best, verified, prediction.spectrum, model.inference_]
    before = [set(vars(thing)) for thing in (*things, model)]

    def refuse(*_, **__):
        raise AssertionError("computed")

    kept = ("shown_model", "when_read")
    for module in ("prediction", "optimum", "spectra.quadratic", "estimators.learner", "inference.forecasting"):
        home = importlib.import_module(f"shallows.{module}")
        for name, value in vars(home).copy().items():
            ours = inspect.isfunction(value) and value.__module__.startswith("shallows")
            if ours and not name.startswith("_") and name not in kept and value.__module__ not in UNTOUCHED:
                monkeypatch.setattr(home, name, refuse)
    for thing in things:
        assert "cannot be shown" not in repr(thing) + thing._summary().lines() + thing._repr_html_()
    assert "computed when read: bayes_risk, decomposition, spectrum" in things[0]._repr_html_()
    bundle = make_pipeline(model)._repr_mimebundle_() | model._repr_mimebundle_()
    assert "A fitted diagonal network" in bundle["text/html"] and "test error" in bundle["text/plain"]
    lazy = {"spectrum", "decomposition", "bayes", "bayes_risk", "prediction", "teacher_law_", "power_law_", "outliers"}
    for thing, was in zip((*things, model), before, strict=True):
        assert not (set(vars(thing)) - was) & lazy


#: Helpers that are no computation.
UNTOUCHED = {"shallows._display", "shallows._numbers", "shallows._arguments", "shallows.networks.registry",
             "shallows.phases", "shallows.phases_with_covariance", "shallows.errors"}  # fmt: skip


def test_a_prediction_shows_what_the_command_line_prints_once_it_is_read():
    prediction = predict(Problem("quadratic", PowerLaw(12, 1.25), samples=200, noise=0.3), weight_decay=0.2)
    assert prediction.bayes_risk <= prediction.decomposition.total
    assert prediction.spectrum.to_dict()["outlier_count"] > 0
    printed = [cell.strip() for _, rows in prediction_sections(prediction.to_dict()) for row in rows for cell in row]
    text = " ".join(part for row in prediction._summary().rows for part in row)
    assert all(cell in text for cell in printed)
    assert "computed when read" not in prediction._repr_html_()


# -- numbers that are not trusted


def correlated():
    rng = np.random.default_rng(1)
    inputs = rng.standard_normal((60, 30)) + 2 * rng.standard_normal((60, 1))
    return inputs, inputs[:, 0] + rng.standard_normal(60)


def test_a_forecast_that_is_not_trusted_says_so_once_and_shows_no_number(shown):
    doubtful = dataclasses.replace(shown["Forecast"], caution="too little is known")
    assert doubtful.sentences == ("cannot tell, because too little is known",)
    for text in (doubtful._summary().lines(), doubtful._repr_html_(), repr(doubtful)):
        assert text.count("cannot tell") == 1
        assert not re.search(r"\d\.\d", re.sub(r'style="[^"]*"', "", text))
    for ask in (doubtful.to_frame, doubtful.plot):
        with pytest.raises(EstimateUndefined, match="too little is known"):
            ask()


def test_what_voids_a_number_keeps_it_from_being_shown(shown):
    concern = Concern("correlated", False, 0.3, "columns are correlated", ("noise", "excess_risk", "weights"))
    found = dataclasses.replace(shown["Inference"], input_concerns=(concern,))
    names = [row[0] for row in found._summary().rows]
    assert "test error" in names and not {"label noise", "excess risk", "noise scale", "threshold"} & set(names)
    assert "no label noise, excess risk: columns are correlated" in found._repr_html_()
    with pytest.raises(EstimateUndefined, match="columns are correlated"):
        found.plot()
    told = dataclasses.replace(found, least_squares=fit_least_squares(*shown["Dataset"]))
    assert "label noise" in [row[0] for row in told._summary().rows]
    assert "noise scale" not in [row[0] for row in told._summary().rows]
    rejected = dataclasses.replace(shown["PowerLawFit"], improvement=100.0)
    assert "cannot tell" in repr(rejected) and str(round(rejected.gamma.value, 2)) not in rejected._repr_html_()
    pruned = dataclasses.replace(shown["Pruned"], caution="columns are correlated")
    assert "test error before" not in pruned._repr_html_()
    for ask in (pruned.to_frame, pruned.plot):
        with pytest.raises(EstimateUndefined):
            ask()


@pytest.mark.filterwarnings("ignore::shallows.estimators.AssumptionWarning")
def test_a_model_shows_what_can_be_told_and_why_the_rest_cannot():
    from shallows.estimators.summary import summarise

    inputs, labels = correlated()
    model = QuadraticNetworkRegressor(weight_decay=20.0, standardize="scale").fit(inputs, labels)
    assert model.diagnosis_.against("noise") is not None
    text = model._repr_mimebundle_()["text/plain"]
    assert "label noise  " not in text and "no label noise" in text
    content = summarise(model, samples=60)
    assert content["noise"] is None and content["label_variance"] == pytest.approx(labels.var(ddof=1))


def test_an_error_stands_beside_its_scale(shown):
    model = shown["DiagonalNetworkRegressor"]
    text = model._repr_mimebundle_()["text/plain"]
    variance = np.var(shown["Dataset"].labels, ddof=1)
    assert f"{variance:.4g}, the labels' variance" in text
    share = 1 - model.test_error_estimate_.value / variance
    assert re.search(rf"R\^2 +{share:.3g} \(", text)


def test_scikit_learn_keeps_its_diagram_and_its_repr(shown):
    import sklearn
    from sklearn.preprocessing import StandardScaler

    model = shown["DiagonalNetworkRegressor"]
    assert repr(model) == "DiagonalNetworkRegressor(weight_decay=1.0)"
    page = model._repr_html_()
    assert "sk-estimator" in page and page.index("sk-estimator") < page.index("the labels&#x27; variance")
    assert page == model._repr_html_() or "sk-container-id" in page
    unfitted = DiagonalNetworkRegressor()
    assert "A fitted" not in unfitted._repr_html_() and "A fitted" not in unfitted._repr_mimebundle_()["text/plain"]
    assert "DiagonalNetworkRegressor" in make_pipeline(StandardScaler(), model)._repr_html_()
    with sklearn.config_context(display="text"):
        assert not hasattr(model, "_repr_html_")
        assert set(model._repr_mimebundle_()) == {"text/plain"}


def test_a_damaged_model_is_shown_as_scikit_learn_shows_it(shown):
    import copy

    model = copy.copy(shown["DiagonalNetworkRegressor"])
    model.diagnosis_ = None
    assert model._repr_mimebundle_()["text/plain"] == repr(model)
    assert "sk-estimator" in model._repr_html_()


# -- tables


def test_weights_carry_the_names_of_their_columns_and_say_what_they_are_per():
    import pandas

    rng = np.random.default_rng(0)
    table = pandas.DataFrame(rng.standard_normal((200, 3)) * [1, 10, 100], columns=["a", "b<c>", "d"])
    model = DiagonalNetworkRegressor().fit(table, 2 * table["a"] + 0.3 * table["b<c>"] + rng.standard_normal(200))
    tests = model.check_weights()
    frame = tests.to_frame()
    assert list(frame["column"]) == ["a", "b<c>", "d"]
    assert frame["weight"].to_numpy() == pytest.approx([2, 3, 0], abs=0.4)
    assert list(frame["discovered"]) == [True, True, False]
    assert (frame["low"] < frame["weight"]).all() and (frame["weight"] < frame["high"]).all()
    assert "per standard deviation of the column" in tests._repr_html_() and "b&lt;c&gt;" in tests._repr_html_()
    assert tests.to_dict()["weights"][0]["name"] in ("a", "b<c>")
    plain = DiagonalNetworkRegressor(standardize=False).fit(table.to_numpy() / [1, 10, 100], table["a"])
    assert plain.check_weights().unit == "unit of the column"
    assert list(plain.check_weights().to_frame()["column"]) == [0, 1, 2]


def test_frames_hold_the_numbers_of_their_results(shown):
    path = shown["WeightDecayPath"].to_frame()
    assert path["weight_decay"][path["chosen"]].item() == shown["WeightDecayPath"].chosen
    assert path["test_error"].notna().all() or np.isinf(shown["WeightDecayPath"].test_error).any()
    ahead = shown["Forecast"].to_frame()
    assert ahead["samples"].tolist() == [150, 300, 600]
    point = shown["Forecast"].points[1]
    assert ahead["test_error_low"][2] == point.test_error.low
    assert ahead["excess_risk_present_high"][2] == point.excess_risk_present.high
    modes = shown["Modes"].to_frame()
    assert modes["value"].tolist() == shown["Modes"].values.tolist()
    assert modes["overlap"].tolist() == shown["Modes"].overlaps.tolist()
    terms = shown["Decomposition"].to_frame()
    assert terms["value"].sum() == pytest.approx(shown["Decomposition"].total)
    assert terms["share"].sum() == pytest.approx(1)
    outliers = shown["QuadraticLaw"].to_frame()
    assert outliers["learned"].tolist() == [o.learned for o in shown["QuadraticLaw"].outliers]
    laws = shown["PowerLaws"].to_frame()
    assert laws["exponent"][0] == shown["PowerLaws"].segments[0].exponent and not laws["plateau"][0]
    measured = shown["Verification"].to_frame()
    assert measured["quantity"].tolist() == ["excess_risk", "train_error"]
    assert measured["measured"][0] == shown["Verification"].measured["convex"].excess_risk.mean
    assert shown["LearningCurve"].to_frame()["samples"].tolist() == shown["LearningCurve"].samples.tolist()
    steps = shown["AmpRun"].to_frame()
    assert steps["iteration"].tolist() == list(range(1, shown["AmpRun"].iterations + 1))
    assert steps["noise_scale"].iloc[-1] == pytest.approx(shown["AmpRun"].noise_scale)
    pruned = shown["Pruned"].to_frame()
    assert pruned["features"].tolist() == [shown["Pruned"].features_before, shown["Pruned"].features_after]
    law = shown["TeacherLaw"].to_frame()
    assert law["rank"].tolist() == list(range(1, 31)) and law["size"].is_monotonic_decreasing


def test_an_exponent_that_cannot_be_read_is_neither_shown_nor_in_the_table(shown):
    segment = dataclasses.replace(shown["Segment"], interval=(-3.0, 2.0))
    laws = dataclasses.replace(shown["PowerLaws"], segments=(segment,), floor=None, floor_interval=None)
    assert segment.uncertain and np.isnan(laws.to_frame()["exponent"][0]) and np.isnan(laws.to_frame()["low"][0])
    for text in (repr(segment), segment._repr_html_(), laws._repr_html_()):
        assert "cannot tell" in text and f"{segment.exponent:+.3f}" not in text


# -- names


@pytest.mark.parametrize("package", PACKAGES)
def test_dir_shows_what_is_public(package):
    module = importlib.import_module(package)
    assert dir(module) == sorted(module.__all__)


def test_completing_names_of_a_model_computes_and_raises_nothing(shown):
    completer = pytest.importorskip("IPython.core.completer")
    model = DiagonalNetworkRegressor(1.0).fit(*shown["Dataset"])
    found = completer.IPCompleter(
        shell=None, namespace={"model": model, "ahead": shown["Forecast"]}, global_namespace={}, use_jedi=False
    )
    with completer.provisionalcompleter():
        names = {each.text for each in found.completions("model.", 6)}
        assert {each.text for each in found.completions("ahead.sen", 9)} >= {".sentences"}
    assert {".check_weights", ".power_law_", ".test_error_estimate_"} <= names
    assert not {"power_law_", "teacher_law_"} & set(vars(model))


def test_a_result_inside_another_is_named_not_spelled_out():
    data = sample(Problem("diagonal", PowerLaw(9, 1.0), 20, 0.3), 0)
    assert isinstance(data, Dataset) and len(repr([data])) < LINE + 3
