"""Predicted against measured, the decomposition, and the learning curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..plotting.decomposition import draw_decomposition
from ..plotting.endings import draw_endings, draw_heights
from ..plotting.style import new_figure
from ..plotting.verification import draw_agreement, draw_learning_curve
from ..spectra.decomposition import PARTS
from .readings import bayes_risk

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..verification import Verification


def agreement_figure(verification: Verification) -> Figure:
    """Excess risk and train error: predicted line, and each trainer's data sets, mean and standard error."""
    figure = new_figure(7.0, 3.0)
    panels = figure.subplots(1, 2)
    for axes, key, title in zip(
        panels, ("excess_risk", "train_error"), ("Excess risk", "Train error (per sample)"), strict=True
    ):
        # gradient training from other than the usual weights has a figure of its own
        usual = {name: item for name, item in verification.comparisons.items() if ":" not in name}
        draw_agreement(axes, {name: item[key] for name, item in (usual or verification.comparisons).items()})
        axes.set_title(title)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def decomposition_figure(verification: Verification) -> Figure:
    """The four terms as a waterfall: each bar starts where the one before ended, and the last is their sum."""
    prediction = verification.prediction
    best = bayes_risk(prediction)
    measured = {name: runs.excess_risk for name, runs in verification.measured.items() if ":" not in name}
    figure = new_figure(7.0, 2.75 + 0.42 * len(measured))
    terms = prediction.decomposition.to_dict()
    draw_decomposition(figure.subplots(), terms, prediction.excess_risk, PARTS, best=best, measured=measured)
    if best is not None:
        figure.legend(loc="outside lower center")
    return figure


def endings_figure(verification: Verification) -> Figure:
    """Excess risk and objective over the scale of the initial weights of gradient training."""
    prediction = verification.prediction
    levels = [("theory", prediction.excess_risk, "-"), ("nothing learned", verification.problem.null_risk, ":")]
    best = bayes_risk(prediction)
    if best is not None:
        levels.append(("Bayes-optimal", best, "--"))
    figure = new_figure(7.0, 3.3)
    risks, heights = figure.subplots(1, 2)
    draw_endings(risks, verification.endings, levels=levels)
    draw_heights(heights, verification.endings)
    risks.set_yscale("log")
    handles, labels = risks.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def curve_figure(verification: Verification) -> Figure:
    """Excess risk over the number of samples, predicted and trained, with the phases along the top."""
    figure = new_figure(7.0, 3.7)
    measured = {name: runs.excess_risk for name, runs in verification.measured.items()}
    draw_learning_curve(figure.subplots(), verification.curve, problem=verification.problem, measured=measured)
    return figure
