"""The learning curve: excess risk over the number of samples, everything else held fixed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._display import Displayed, Summary, frame_of
from .._numbers import terminal_number as number
from ..plotting.smooth import peaks, smooth_grid
from ..prediction import predict
from ..state_evolution import bayes_optimal

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

    from .._types import FloatArray
    from ..prediction import Prediction
    from ..problems import Problem
    from .measurements import Statistic

#: Theory points on either side of the problem's own number of samples, over this factor.
HALF_POINTS = 20
REACH = 30.0
#: Sizes closer than this factor show the same.
APART = 1.15
#: Where networks are trained, as multiples of the problem's number of samples.
FACTORS = (1 / 8, 8**-0.5, 3.0)
#: No data set of the curve has more entries than this, unless the problem's own has.
MOST_ENTRIES = 20_000_000


@dataclass(frozen=True, repr=False)
class TrainedPoint(Displayed):
    """Networks trained at one number of samples.

    Attributes
    ----------
    samples : int
        ``n``.
    trainer : str
        ``"convex"`` or ``"gradient"``: which of them trained (see ``TRAINER_NAMES``).
    excess_risk : Statistic
        Over the data sets, in squared units of the labels.

    Examples
    --------
    >>> from shallows.verification import Statistic, TrainedPoint
    >>> TrainedPoint(200, "convex", Statistic((0.5, 0.6))).to_dict()["excess_risk"]["mean"]
    0.55
    """

    samples: int
    trainer: str
    excess_risk: Statistic

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"samples": self.samples, "trainer": self.trainer, "excess_risk": self.excess_risk.to_dict()}


@dataclass(frozen=True, eq=False, repr=False)
class LearningCurve(Displayed):
    """Excess risk over `n` at fixed weight decay, noise and width.

    Attributes
    ----------
    samples : ndarray, shape (m,)
        Increasing; real numbers.
    excess_risk, bayes_risk : ndarrays, shape (m,)
        Predicted; NaN where a solve failed.
    phases : tuple of str or None
        Name of the phase at each point.
    trained : tuple of TrainedPoint
        Ordered by samples.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.verification import LearningCurve
    >>> curve = LearningCurve(np.array([10.0, 20.0]), np.array([0.5, np.nan]), np.array([0.4, 0.3]), (None, None))
    >>> curve.failures, curve.to_dict()["excess_risk"]
    (1, [0.5, None])
    """

    samples: FloatArray
    excess_risk: FloatArray
    bayes_risk: FloatArray
    phases: tuple[str | None, ...]
    trained: tuple[TrainedPoint, ...] = ()

    def _summary(self) -> Summary:
        ends = f"{number(float(self.samples[0]))} to {number(float(self.samples[-1]))}"
        rows = [("samples", ends), ("points", str(self.samples.size), "predicted"), ("trained", str(len(self.trained)))]
        head = [("samples", True), ("trainer", False), ("excess risk", True)]
        table = [(str(point.samples), point.trainer, point.excess_risk.in_words) for point in self.trained]
        return Summary("Learning curve", rows, head, table)

    def to_frame(self) -> pandas.DataFrame:
        """The predicted curve as a data frame.

        Columns: ``samples``; ``excess_risk`` and ``bayes_risk``, in squared units of the labels, not a number where a
        solve failed; ``phase``.
        """
        names = ("samples", "excess_risk", "bayes_risk")
        return frame_of({name: getattr(self, name) for name in names} | {"phase": list(self.phases)})

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw excess risk against samples, predicted and trained, with the phases along the top.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            To draw on; new ones of pyplot by default. Nothing is shown, and no setting is changed.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from ..plotting.style import axes_or_new
        from ..plotting.verification import draw_learning_curve

        with axes_or_new(ax) as axes:
            draw_learning_curve(axes, self)
        return axes

    @property
    def failures(self) -> int:
        """Number of points without a prediction."""
        return int(np.isnan(self.excess_risk).sum())

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; None where a solve failed."""

        def plain(values: FloatArray) -> list[float | None]:
            return [float(v) if np.isfinite(v) else None for v in values]

        return {
            "held_fixed": "weight decay, noise and width",
            "samples": [float(n) for n in self.samples],
            "excess_risk": plain(self.excess_risk),
            "bayes_risk": plain(self.bayes_risk),
            "phase": list(self.phases),
            "trained": [point.to_dict() for point in self.trained],
        }


def predicted_curve(prediction: Prediction) -> LearningCurve:
    """Theory line around the problem of `prediction`."""
    problem, n = prediction.problem, prediction.problem.samples
    factors = np.geomspace(1 / REACH, REACH, 2 * HALF_POINTS + 1)
    factors[HALF_POINTS] = 1.0
    points: dict[float, Prediction] = {}

    def risk(samples: FloatArray) -> FloatArray:
        for size in samples.tolist():
            asked = replace(problem, samples=size)
            points[size] = predict(asked, weight_decay=prediction.weight_decay, throw=False)
        return np.array([points[size].excess_risk if points[size].status.ok else np.nan for size in samples.tolist()])

    grid = smooth_grid(np.array([n * f for f in factors if n * f >= 1.0]), risk)
    found = [points[size] for size in grid.tolist()]
    best = [bayes_optimal(point.problem, throw=False) for point in found]
    return LearningCurve(
        grid,
        np.array([point.excess_risk if point.status.ok else np.nan for point in found]),
        np.array([one.excess_risk if one.status.ok else np.nan for one in best]),
        tuple(None if point.phase is None else point.phase.name for point in found),
    )


def training_sizes(problem: Problem, curve: LearningCurve | None = None) -> list[int]:
    """Numbers of samples at which to train networks beside the problem's own: around it, and at peaks of the curve."""
    n = int(problem.samples)
    most = max(MOST_ENTRIES, n * problem.dim)
    sizes = {max(2, round(n * factor)) for factor in FACTORS}
    if curve is not None:
        for place in peaks(curve.samples, curve.excess_risk):
            size = max(2, round(float(curve.samples[place])))
            if all(max(size / other, other / size) > APART for other in (n, *sizes)):
                sizes.add(size)
    return sorted(size for size in sizes if size != n and size * problem.dim <= most)
