"""The four-term decomposition of the excess risk (theory note, section 6; arXiv 2509.24882)."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from .._display import Displayed, Summary, frame_of
from .._numbers import terminal_number

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

#: What the terms are, in words.
PARTS = {
    "overfitting": "learned noise",
    "underfitting": "unlearned features",
    "approximation": "error on learned features",
    "alignment": "signal inside the bulk",
}


@dataclass(frozen=True, repr=False)
class Decomposition(Displayed):
    """Where the excess risk comes from; the four terms add up to it.

    Attributes
    ----------
    overfitting : float
        Learned noise: energy of the learned weights inside the bulk, ``>= 0``.
    underfitting : float
        Energy of the teacher's modes that stay in the bulk, ``>= 0``.
    approximation : float
        Error on the learned modes (shrinkage and rotation), ``>= 0``.
    alignment : float
        Signal hidden in the bulk that the learned noise happens to fit, ``<= 0``.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, predict
    >>> problem = Problem("quadratic", PowerLaw(dim=400, gamma=1.25), samples=26515, noise=0.1)
    >>> prediction = predict(problem, weight_decay=0.02)
    >>> {name: round(term, 3) for name, term in prediction.decomposition.to_dict().items()}
    {'overfitting': 0.092, 'underfitting': 0.041, 'approximation': 0.035, 'alignment': -0.036}
    >>> abs(prediction.decomposition.total / prediction.excess_risk - 1) < 1e-9
    True
    """

    overfitting: float
    underfitting: float
    approximation: float
    alignment: float

    def _summary(self) -> Summary:
        total = self.total
        rows = [
            (name, terminal_number(value), f"{100 * value / total:.0f} %, {PARTS[name]}" if total > 0 else PARTS[name])
            for name, value in self.to_dict().items()
        ]
        return Summary("Where the excess risk comes from", [*rows, ("sum", terminal_number(total), "excess risk")])

    def to_frame(self) -> pandas.DataFrame:
        """The terms as a data frame: ``term``, ``value`` in units of the excess risk, ``share`` of the sum."""
        terms = self.to_dict()
        total = self.total
        shares = [value / total if total > 0 else math.nan for value in terms.values()]
        return frame_of({"term": list(terms), "value": list(terms.values()), "share": shares})

    def plot(self, ax: Axes | None = None, *, best: float | None = None) -> Axes:
        """Draw the terms as a waterfall that ends at their sum.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            To draw on; new ones of pyplot by default. Nothing is shown, and no setting is changed.
        best : float, optional
            Bayes-optimal excess risk, to be marked.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from ..plotting.decomposition import draw_decomposition
        from ..plotting.explained import explain
        from ..plotting.style import axes_or_new

        with axes_or_new(ax, height=2.9) as axes:
            draw_decomposition(axes, self.to_dict(), self.total, PARTS, best=best)
            explain(axes)
        return axes

    @property
    def total(self) -> float:
        """Sum of the four terms."""
        return math.fsum((self.overfitting, self.underfitting, self.approximation, self.alignment))

    def to_dict(self) -> dict[str, float]:
        """JSON-ready."""
        return asdict(self)
