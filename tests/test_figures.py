"""What figures have in common: legends that cover nothing, lines that are smooth, panels that fit a column of print."""

import numpy as np
import pytest

from shallows import PowerLaw, Problem, diagnose, predict, verify
from shallows.plotting import explain, explain_all, new_figure, panels, row_names, styled
from shallows.plotting.smooth import bent, peaks, smooth_grid
from shallows.plotting.style import COLUMN, PAGE
from shallows.plotting.verification import draw_learning_curve
from shallows.verification.curve import LearningCurve, predicted_curve, training_sizes


def settled(figure):
    for _ in range(2):
        figure.draw_without_rendering()
    return figure


@pytest.mark.parametrize("width", [COLUMN, PAGE])
def test_a_legend_stands_below_the_axes_and_within_the_figure(width):
    with styled():
        figure = new_figure(width, 3.0)
        axes = figure.subplots()
        for k in range(6):
            axes.plot([0, k], label=f"line number {k}")
        axes.set_xlabel("samples")
        explain(axes, "a note", most=4)
        settled(figure)
    box = axes.get_legend().get_window_extent()
    assert box.y1 < axes.xaxis.get_tightbbox().y0
    assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 and box.y0 >= figure.bbox.y0
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [f"line number {k}" for k in range(6)]
    assert axes.get_legend().get_title().get_text() == "a note"


def test_a_page_has_more_columns_in_its_legend_than_a_column_and_long_words_are_wrapped():
    counts = []
    for width in (COLUMN, PAGE):
        with styled():
            figure = new_figure(width, 3.0)
            axes = figure.subplots()
            lines = [axes.plot([0, k], label=f"a line with some words, {k}")[0] for k in range(4)]
            explain_all(figure, [*lines, lines[0]])
        assert len(figure.legends) == 1
        counts.append(figure.legends[0]._ncols)
        assert len(figure.legends[0].get_texts()) == 4  # of equal labels one
    assert counts[0] < counts[1]
    with styled():
        axes = new_figure(COLUMN, 3.0).subplots()
        axes.plot([0, 1], label="word " * 30 + "90 %")
        explain(axes)
    (text,) = axes.get_legend().get_texts()
    assert "\n" in text.get_text() and "90\n" not in text.get_text()


def test_on_axes_that_do_not_arrange_themselves_the_legend_is_inside_on_a_ground_of_its_own():
    from matplotlib.figure import Figure

    axes = Figure(figsize=(4, 3)).subplots()
    axes.plot([0, 1], label="theory")
    explain(axes)
    axes.figure.draw_without_rendering()
    box = axes.get_legend().get_window_extent()
    assert axes.bbox.y0 < box.y0 and box.y1 < axes.bbox.y1
    assert axes.get_legend().get_frame_on()


def test_panels_of_a_page_stand_below_each_other_in_a_column():
    _, page = panels(PAGE, 3, 2.0, count=5)
    figure, column = panels(COLUMN, 3, 2.0, count=5)
    assert len(page) == len(column) == 5
    assert len({round(axes.get_position().x0, 3) for axes in page}) == 3
    assert len({round(axes.get_position().x0, 3) for axes in column}) == 1
    assert figure.get_size_inches().tolist() == [COLUMN, 10.0]
    assert panels(COLUMN, 3, 2.0, narrow=2, count=5)[0].get_size_inches()[1] == 6.0


def test_names_of_rows_do_not_meet():
    for rows in (5, 30, 300):
        axes = new_figure(COLUMN, 2.6).subplots()
        row_names(axes, [f"row {k}" for k in range(rows)], 8.5)
        axes.set_ylim(rows - 0.5, -0.5)
        settled(axes.figure)
        boxes = [label.get_window_extent() for label in axes.get_yticklabels()]
        assert all(above.y0 >= below.y1 - 1 for above, below in zip(boxes, boxes[1:], strict=False))
        assert axes.get_yticklabels()[0].get_text() == "row 0"
    assert len(boxes) < 300


def test_points_are_added_where_a_line_bends_and_nowhere_else():
    x = np.geomspace(1, 1e4, 15)
    assert smooth_grid(x, lambda n: 3 / n).tolist() == x.tolist()
    fine = smooth_grid(x, lambda n: 1 / n + np.exp(-(np.log(n / 100) ** 2)))
    assert set(x) < set(fine)
    added = np.array(sorted(set(fine) - set(x)))
    assert added.size > 5 and (np.abs(np.log(added / 100)) < 4).all()
    assert not bent(x, np.full(15, np.nan)).size
    with_gap = np.where(np.arange(15) == 4, np.nan, 1 / x)
    assert not bent(x, with_gap).size


def test_peaks_stand_above_both_sides():
    y = np.array([5.0, 1.0, 2.0, 1.9, 1.95, 0.5, 0.51, 0.4, np.nan, 3.0])
    assert peaks(np.arange(10.0), y, rise=1.05) == [2]
    assert peaks(np.arange(10.0), y, rise=1.025) == [2, 4]
    assert peaks(np.arange(3.0), np.array([1.0, 2.0, 3.0])) == []


def test_the_learning_curve_is_smooth_through_its_peak_and_a_network_is_trained_there():
    problem = Problem("diagonal", PowerLaw(60, 1.25), samples=300, noise=0.3)
    curve = predicted_curve(predict(problem, weight_decay=0.01))
    top = curve.samples[int(np.argmax(np.where(curve.samples > 30, curve.excess_risk, 0)))]
    assert 45 < top < 80
    near = curve.samples[(curve.samples > 0.7 * top) & (curve.samples < 1.4 * top)]
    assert near.size >= 8  # five without more points where it bends
    assert not bent(curve.samples, curve.excess_risk).size or np.diff(np.log(near)).max() < 0.1
    sizes = training_sizes(problem, curve)
    assert any(abs(size / top - 1) < 0.1 for size in sizes)
    assert sizes == sorted(set(sizes)) and 300 not in sizes
    assert set(training_sizes(problem)) < set(sizes)


def test_names_of_phases_do_not_run_into_each_other():
    samples = np.geomspace(10, 1e4, 41)
    names = ("V",) * 18 + ("peak",) + ("VIa",) * 2 + ("VIb",) * 20
    curve = LearningCurve(samples, 1 / samples, 0.5 / samples, names)
    shown = {}
    for width in (COLUMN, PAGE):
        with styled():
            axes = new_figure(width, 3.0).subplots()
            draw_learning_curve(axes, curve)
            settled(axes.figure)
        boxes = [text.get_window_extent() for text in axes.texts]
        assert all(left.x1 < right.x0 for left, right in zip(boxes, boxes[1:], strict=False))
        shown[width] = [text.get_text() for text in axes.texts]
        (note,) = [axes.get_legend().get_title().get_text()]
        assert "phases" in note
    assert len(shown[PAGE]) >= len(shown[COLUMN]) and "phase V" in shown[PAGE]


def test_the_spectrum_says_its_zeros_outside_of_the_axes_and_has_bins_enough():
    from shallows.report.spectrum_figure import spectrum_figure

    found = verify(
        Problem("quadratic", PowerLaw(24, 1.25), 900, 0.1),
        penalty=0.1,
        seeds=2,
        trainers=["convex"],
        learning_curve=False,
    )
    with styled():
        left = spectrum_figure(found).axes[0]
    assert not left.texts
    note = left.get_legend().get_title().get_text().replace("\n", " ").replace("\u00a0", " ")
    assert f"predicted {100 * found.prediction.spectrum.mass_at_zero:.3g} %, measured" in note
    assert len(left.patches) >= 20


def test_the_legend_of_a_diagnosis_names_every_kind_of_mark():
    rng = np.random.default_rng(0)
    (layer,) = diagnose({"w": rng.standard_normal((60, 40)) + 3.0})
    labels = [text.get_text() for text in layer.plot(new_figure(4, 3).subplots()).get_legend().get_texts()]
    assert labels == ["singular values", "law of the noise", "its edge", "outliers, one by one"]
