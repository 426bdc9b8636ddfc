"""Results draw themselves: on the axes given or on new ones, the numbers that they hold, and nothing else changes."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from shallows import PowerLaw, Problem, diagnose, fit_power_laws, forecast, predict, prune, sample, train, tune, verify
from shallows.amp import amp
from shallows.errors import EstimateUndefined, InvalidArgument, SolveFailed
from shallows.inference import check_weights, infer, recover_modes
from shallows.plotting import axes_or_new, new_figure

N = np.geomspace(10, 1000, 12)


@pytest.fixture(scope="module")
def drawn():
    """What draws itself, by name."""
    linear = Problem("diagonal", PowerLaw(30, 1.0), samples=150, noise=0.3)
    square = Problem("quadratic", PowerLaw(12, 1.25), samples=200, noise=0.3)
    data, other = sample(linear, 0), sample(square, 0)
    fit, found, path = tune(data, network="diagonal")
    matrix = infer(other, train(other, weight_decay=0.2))
    prediction = predict(square, weight_decay=0.2)
    verified = verify(linear, weight_decay=0.5, seeds=3, trainers=["convex"])
    noise = np.random.default_rng(0).standard_normal((60, 40))
    diagnosed = diagnose({"learned": noise + 3.0, "zero": 0 * noise, "small": np.eye(3)})
    return {
        "spectrum": prediction.spectrum,
        "weights' law": predict(linear, weight_decay=0.5).spectrum,
        "decomposition": prediction.decomposition,
        "path": path,
        "inference": found,
        "matrix": matrix,
        "weights": check_weights(found),
        "modes": recover_modes(matrix),
        "forecast": forecast(found, [300, 600]),
        "pruned": prune(fit, found),
        "verification": verified,
        "curve": verified.curve,
        "power laws": fit_power_laws(N, 3 / N + 1e-3, extrapolate=[2000.0]),
        "amp": amp(data, weight_decay=0.5),
        "model": diagnosed,
        "matrix spectrum": diagnosed["learned"],
    }


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch):
    """Settings are as they were, nothing was shown, and no figure stays open."""
    monkeypatch.setattr(plt, "show", lambda *_, **__: pytest.fail("shown"))
    before = dict(matplotlib.rcParams)
    yield
    assert dict(matplotlib.rcParams) == before
    plt.close("all")


NAMES = [
    "spectrum", "weights' law", "decomposition", "path", "inference", "matrix", "weights", "modes", "forecast",
    "pruned", "verification", "curve", "power laws", "amp", "model", "matrix spectrum",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_it_draws_on_the_axes_given_and_returns_them(drawn, name):
    axes = new_figure(6.0, 4.0).subplots()
    assert drawn[name].plot(axes) is axes
    assert not plt.get_fignums()
    assert axes.has_data() and (axes.get_xlabel() or axes.get_title())
    axes.figure.draw_without_rendering()


@pytest.mark.parametrize("name", NAMES)
def test_without_axes_it_makes_one_figure(drawn, name):
    axes = drawn[name].plot()
    assert [plt.figure(number) for number in plt.get_fignums()] == [axes.figure]
    axes.figure.draw_without_rendering()


def test_the_numbers_drawn_are_those_of_the_result(drawn):
    ahead = drawn["forecast"]
    line = ahead.plot(new_figure(4, 3).subplots()).get_lines()[0]
    frame = ahead.to_frame()
    assert line.get_xdata().tolist() == frame["samples"].tolist()
    assert line.get_ydata().tolist() == frame["test_error"].tolist()
    path = drawn["path"]
    line = path.plot(new_figure(4, 3).subplots()).get_lines()[0]
    assert line.get_xdata().tolist() == path.weight_decay.tolist()
    tests = drawn["weights"]
    axes = tests.plot(new_figure(4, 3).subplots(), most=5)
    best = np.argsort(tests.p_values, kind="stable")[:5]
    assert [label.get_text() for label in axes.get_yticklabels()] == [str(i) for i in best]
    shown = np.concatenate([line.get_xdata() for line in axes.get_lines() if line.get_marker() == "o"])
    assert sorted(shown) == sorted(tests.values[best])
    parts = drawn["decomposition"]
    widths = [bar.get_width() for bar in parts.plot(new_figure(4, 3).subplots()).patches]
    assert widths == pytest.approx([*parts.to_dict().values(), parts.total])
    run = drawn["amp"]
    axes = run.plot(new_figure(4, 3).subplots(), quantity="excess_risk")
    measured = next(line for line in axes.get_lines() if line.get_label() == "measured")
    assert measured.get_ydata()[-1] == pytest.approx(run.excess_risk)
    laws = drawn["power laws"]
    axes = laws.plot(new_figure(4, 3).subplots(), n=N, risk=3 / N + 1e-3)
    given = next(line for line in axes.get_lines() if line.get_label() == "given")
    assert given.get_ydata() == pytest.approx(3 / N + 1e-3)
    pruned = drawn["pruned"]
    axes = pruned.plot(new_figure(4, 3).subplots())
    assert any(list(line.get_xdata()) == [pruned.change.value] for line in axes.get_lines())


def test_a_matrix_is_drawn_with_its_outliers(drawn):
    model, layer = drawn["model"], drawn["matrix spectrum"]
    bulk, (outlier,) = layer.spectrum.bulk, layer.spectrum.outliers
    law, edge, line = layer.plot(new_figure(4, 3).subplots()).get_lines()
    assert line.get_xdata()[0] == outlier.singular_value and edge.get_xdata()[0] == bulk.edge
    assert np.trapezoid(law.get_ydata(), law.get_xdata()) == pytest.approx(39 / 40, abs=1e-3)
    axes = model.plot(new_figure(4, 3).subplots())
    assert [label.get_text() for label in axes.get_yticklabels()] == [one.name for one in model]
    assert axes.get_lines()[1].get_xdata() == [outlier.singular_value / bulk.edge]
    with pytest.raises(EstimateUndefined, match="no matrix"):
        diagnose({"bias": np.ones(3)}).plot()


@pytest.mark.parametrize(
    "matrix", [np.linalg.qr(np.random.default_rng(0).standard_normal((60, 60)))[0], np.eye(60, 1) + np.zeros(60)]
)
def test_equal_singular_values_are_drawn(matrix):
    (layer,) = diagnose({"w": matrix})
    axes = layer.plot(new_figure(4, 3).subplots())
    axes.figure.draw_without_rendering()
    assert axes.get_xlim()[1] > layer.spectrum.spectral_norm


def test_the_law_is_drawn_by_rank_too(drawn):
    axes = drawn["spectrum"].plot(new_figure(4, 3).subplots(), by="rank")
    outliers = next(line for line in axes.get_lines() if line.get_label() == "predicted outliers")
    assert outliers.get_ydata()[0] == pytest.approx(drawn["spectrum"].rank_positions(np.array([1.0]))[0])


def test_own_axes_keep_their_users_style_and_new_ones_have_the_reports(drawn):
    with plt.style.context({"axes.labelsize": 23.0, "text.color": "red"}):
        axes = drawn["forecast"].plot(new_figure(4, 3).subplots())
        assert axes.xaxis.label.get_size() == 23.0
        assert drawn["forecast"].plot().xaxis.label.get_size() == 9


def test_words_stand_out_on_dark_axes(drawn):
    with plt.style.context("dark_background"):
        axes = drawn["decomposition"].plot(new_figure(4, 3).subplots())
        axes.figure.draw_without_rendering()
        assert len(axes.texts) == 5
        for text in axes.texts:
            assert text.get_color() == "white"
            assert text.get_window_extent().x0 > axes.bbox.x1  # beside the axes, so on no bar
        verdict = drawn["matrix spectrum"].plot(new_figure(4, 3).subplots()).texts[0]
        assert verdict.get_bbox_patch().get_facecolor()[:3] == (0, 0, 0)


@pytest.mark.parametrize(
    "name,setting", [("spectrum", {"by": "x"}), ("amp", {"quantity": "x"}), ("verification", {"quantity": ["x"]})]
)
def test_a_wrong_choice_says_what_there_is(drawn, name, setting):
    with pytest.raises(InvalidArgument, match="must be '"):
        drawn[name].plot(**setting)
    assert not plt.get_fignums()


def test_without_a_prediction_there_is_nothing_to_draw():
    failed = verify(Problem("diagonal", PowerLaw(20, 1.0), 20, 0.5), weight_decay=0.0, seeds=1, throw=False)
    with pytest.raises(SolveFailed):
        failed.plot()


def test_a_drawing_that_fails_leaves_no_empty_figure():
    with pytest.raises(RuntimeError), axes_or_new(None):
        raise RuntimeError
    assert not plt.get_fignums()


def test_a_dollar_in_the_name_of_a_column_begins_no_formula(drawn):
    from dataclasses import replace

    names = tuple(f"price $ of $x_{i}" for i in range(30))
    axes = replace(drawn["weights"], names=names).plot(new_figure(4, 3).subplots(), most=3)
    axes.figure.draw_without_rendering()
    assert all("\\$" in label.get_text() for label in axes.get_yticklabels())
