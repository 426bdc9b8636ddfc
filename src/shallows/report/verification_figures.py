"""Predicted against measured, the decomposition, and the learning curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..plotting.decomposition import draw_decomposition
from ..plotting.endings import draw_endings, draw_heights
from ..plotting.explained import explain_all
from ..plotting.style import COLUMN, PAGE, new_figure, panels
from ..plotting.verification import draw_agreement, draw_learning_curve
from ..spectra.decomposition import PARTS
from .readings import bayes_risk

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..verification import Verification


def agreement_figure(verification: Verification, width: float = PAGE) -> Figure:
    """Excess risk and train error: predicted line, and each trainer's data sets, mean and standard error."""
    figure, both = panels(width, 2, 3.0 if width > COLUMN else 2.4)
    titles = "Excess risk", f"Train error (per {verification.problem.architecture.words.label})"
    for axes, key, title in zip(both, ("excess_risk", "train_error"), titles, strict=True):
        # gradient training from other than the usual weights has a figure of its own
        usual = {name: item for name, item in verification.comparisons.items() if ":" not in name}
        draw_agreement(axes, {name: item[key] for name, item in (usual or verification.comparisons).items()})
        axes.set_title(title)
    explain_all(figure, both[0].get_legend_handles_labels()[0], fontsize=8.5)
    return figure


def decomposition_figure(verification: Verification, width: float = PAGE) -> Figure:
    """The four terms as a waterfall: each bar starts where the one before ended, and the last is their sum."""
    prediction = verification.prediction
    best = bayes_risk(prediction)
    measured = {name: runs.excess_risk for name, runs in verification.measured.items() if ":" not in name}
    figure = new_figure(width, 2.75 + 0.42 * len(measured))
    terms = prediction.decomposition.to_dict()
    axes = figure.subplots()
    draw_decomposition(axes, terms, prediction.excess_risk, PARTS, best=best, measured=measured)
    if best is not None:
        explain_all(figure, axes.get_legend_handles_labels()[0], fontsize=8.5)
    return figure


def endings_figure(verification: Verification, width: float = PAGE) -> Figure:
    """Excess risk and objective over the scale of the initial weights of gradient training."""
    prediction = verification.prediction
    levels = [("theory", prediction.excess_risk, "-"), ("nothing learned", verification.problem.null_risk, ":")]
    best = bayes_risk(prediction)
    if best is not None:
        levels.append(("Bayes-optimal", best, "--"))
    figure, (risks, heights) = panels(width, 2, 3.3 if width > COLUMN else 2.6)
    draw_endings(risks, verification.endings, levels=levels)
    draw_heights(heights, verification.endings)
    risks.set_yscale("log")
    explain_all(figure, risks.get_legend_handles_labels()[0], fontsize=8.5)
    return figure


def curve_figure(verification: Verification, width: float = PAGE) -> Figure:
    """Excess risk over the number of samples, predicted and trained, with the phases along the top."""
    figure = new_figure(width, 4.0)
    measured = {name: runs.excess_risk for name, runs in verification.measured.items()}
    draw_learning_curve(figure.subplots(), verification.curve, problem=verification.problem, measured=measured)
    return figure
