"""Teacher modes that stand out of the noise, with uncertainties, for networks whose weights are a matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import check_instance, check_integer, check_level
from .._display import Displayed, Summary, frame_of
from .._numbers import span_of
from .._numbers import terminal_number as number
from ..errors import NotSupported
from .estimate import LEVEL, reach
from .result import Inference

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

    from .._types import FloatArray

#: Rounds of undoing the repulsion of the modes; each halves what is left to undo.
ROUNDS = 30


@dataclass(frozen=True, eq=False, repr=False)
class Modes(Displayed):
    """Teacher modes of the quadratic network that stand out of the noise, largest first.

    Attributes
    ----------
    positions : ndarray, shape (k,)
        Eigenvalues ``x`` of the unbiased matrix beyond the bulk edge.
    values : ndarray, shape (k,)
        Teacher modes ``s``.
    standard_errors : ndarray, shape (k,)
    low, high : ndarrays, shape (k,)
        Ends of their intervals.
    overlaps : ndarray, shape (k,)
        Squared overlap ``1 - delta^2/s^2`` of each learned direction with the true one.
    edge : float
        Where the bulk of noise ends: ``2 delta`` and its fluctuation.
    level : float

    Examples
    --------
    >>> from shallows import LowRank, Problem, infer, sample, train
    >>> from shallows.inference import recover_modes
    >>> data = sample(Problem("quadratic", LowRank(20, 2), samples=1000, noise=0.1), seed=0)
    >>> modes = recover_modes(infer(data, train(data, weight_decay=0.3)))
    >>> modes.to_dict()["count"]
    2
    """

    positions: FloatArray
    values: FloatArray
    standard_errors: FloatArray
    low: FloatArray
    high: FloatArray
    overlaps: FloatArray
    edge: float
    level: float

    def _summary(self) -> Summary:
        rows = [("modes", str(self.values.size), f"beyond the bulk edge {number(self.edge)}")]
        head = [("seen at", True), (f"teacher mode ({100 * self.level:g} % interval)", True), ("squared overlap", True)]
        table = [
            (number(float(x)), span_of(float(s), float(low), float(high)), f"{overlap:.2f}")
            for x, s, low, high, overlap in zip(
                self.positions, self.values, self.low, self.high, self.overlaps, strict=True
            )
        ]
        return Summary("Teacher modes that stand out of the noise", rows, head, table)

    def to_frame(self) -> pandas.DataFrame:
        """One row for each mode, largest first.

        Columns, in units of the eigenvalues of ``S``: ``position``, where the unbiased matrix has it; ``value``, the
        teacher's mode, with ``standard_error``, ``low`` and ``high``; ``overlap``, squared, of the learned direction
        with the true one.
        """
        names = {"position": "positions", "value": "values", "standard_error": "standard_errors"}
        names |= {"low": "low", "high": "high", "overlap": "overlaps"}
        return frame_of({name: getattr(self, attribute) for name, attribute in names.items()})

    def plot(self, ax: Axes | None = None, *, most: int = 30) -> Axes:
        """Draw the modes with their intervals, the largest on top.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            To draw on; new ones of pyplot by default. Nothing is shown, and no setting is changed.
        most : int
            How many.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from ..plotting.intervals import draw_intervals
        from ..plotting.style import axes_or_new

        values, low, high = (array[: check_integer("most", most)] for array in (self.values, self.low, self.high))
        with axes_or_new(ax, height=1.0 + 0.24 * max(values.size, 1)) as axes:
            draw_intervals(axes, [f"mode {k + 1}" for k in range(values.size)], values, low, high, values > 0)
            axes.set_xlabel(f"teacher mode ({100 * self.level:g} % interval)")
        return axes

    def to_dict(self, most: int = 50) -> dict[str, Any]:
        """JSON-ready, at most `most` modes."""
        columns = zip(
            self.positions, self.values, self.standard_errors, self.low, self.high, self.overlaps, strict=True
        )
        names = ("position", "value", "standard_error", "low", "high", "overlap")
        return {
            "count": int(self.values.size),
            "edge": self.edge,
            "level": self.level,
            "modes": [dict(zip(names, map(float, row), strict=True)) for row in list(columns)[:most]],
        }


def recover_modes(inference: Inference, *, level: float = LEVEL) -> Modes:
    """Teacher modes from the outliers of the unbiased matrix.

    Inverts the outlier map ``x = s + delta^2/s`` (theory note, sections 5 and 10) with every mode repelled by all
    others: ``x_k = s_k + (delta^2/d) sum_{j != k} 1/(s_k - s_j)``, those not recovered standing at their mean. An
    outlier of ``S* + delta GOE`` fluctuates with variance ``(2 delta^2/d)(1 - delta^2/s^2)`` (Capitaine,
    Donati-Martin and Feral 2009); the noise scale's own uncertainty is added.

    Parameters
    ----------
    inference : Inference
    level : float
        Of the intervals.

    Returns
    -------
    Modes

    Raises
    ------
    InvalidArgument
        For a level that does not lie between 0 and 1.
    NotSupported
        For the diagonal network: see :func:`check_weights`.

    Examples
    --------
    >>> from shallows import LowRank, Problem, infer, sample, train
    >>> from shallows.inference import recover_modes
    >>> problem = Problem("quadratic", LowRank(20, 2), samples=1000, noise=0.1)
    >>> data = sample(problem, seed=0)
    >>> modes = recover_modes(infer(data, train(data, weight_decay=0.3)))
    >>> truth = problem.teacher.values("quadratic")[:2]
    >>> bool((abs(modes.values / truth - 1) < 0.1).all())
    True
    """
    check_instance("inference", inference, Inference)
    if not inference.architecture.is_matrix:
        raise NotSupported("inference", inference.network, "modes belong to networks whose weights are a matrix")
    check_level(level)
    delta, d = inference.noise_scale, inference.dim
    x = inference.observed[inference.observed > inference.noise_edge]
    s = _without_repulsion(x, float(inference.observed.sum()), delta, d)
    overlap = 1 - (delta / s) ** 2
    slope = np.maximum(overlap, d ** (-1 / 3))
    error = np.sqrt(2 * delta**2 / d / slope + (delta * inference.relative_error * delta / s / slope) ** 2 / 4)
    far = reach(level) * error
    return Modes(x, s, error, np.maximum(s - far, 0.0), s + far, overlap, inference.noise_edge, level)


def _without_repulsion(x: FloatArray, trace: float, delta: float, d: int) -> FloatArray:
    """Teacher modes behind the outliers `x` of a matrix of this trace, noise scale `delta` and size `d`."""
    s = 0.5 * (x + np.sqrt(np.maximum(x**2 - 4 * delta**2, 0.0)))
    # Of two modes closer than their own fluctuation the repulsion cannot be told apart from chance: soften it there.
    soft = 2 * delta**2 / d
    background = max(1 - s.size / d, 0.0)
    for _ in range(ROUNDS):
        # What was not recovered sits at its mean, which the trace gives away: noise leaves the trace alone.
        hidden = min(max((trace - float(s.sum())) / max(d - s.size, 1), 0.0), 0.5 * delta)
        gaps = s[:, None] - s[None, :]
        shifted = x - delta**2 * (gaps / (gaps**2 + soft)).sum(axis=1) / d - hidden
        inverse = 0.5 * (shifted + np.sqrt(np.maximum(shifted**2 - 4 * delta**2 * background, 0.0)))
        s = 0.5 * s + 0.5 * (inverse + hidden)
    return np.maximum(s, delta * (1 + 1e-9))
