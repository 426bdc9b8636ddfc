"""Single weights with intervals and p-values, for networks whose unbiased weights have independent noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import check_instance, check_integer, check_level
from .._display import Displayed, Summary, frame_of
from .._distributions import adjusted, student_ppf, student_sf
from .._numbers import span_of
from ..errors import EstimateUndefined, NotSupported
from .concern import WEIGHTS
from .estimate import LEVEL
from .result import Inference

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from .._types import FloatArray


@dataclass(frozen=True, eq=False, repr=False)
class WeightTests(Displayed):
    """Every weight of the diagonal network, tested against zero.

    Attributes
    ----------
    values : ndarray, shape (d,)
        Unbiased weights.
    standard_errors : ndarray, shape (d,)
    method : {"theory", "least squares"}
        Where they come from: ``theory`` is one noise scale ``tau`` for all (theory note, section 10), for uncorrelated
        columns and rows that are alike; ``least squares`` holds for any.
    low, high : ndarrays, shape (d,)
        Ends of the confidence interval of each weight.
    p_values : ndarray, shape (d,)
        Two-sided, of "this weight is zero".
    discovered : ndarray of bool, shape (d,)
        Found by Benjamini and Hochberg (1995) at :attr:`false_discovery_rate`.
    level, false_discovery_rate : float
    names : tuple of str or None
        Of the columns, where they are known.
    unit : str
        What the weights are per: ``"standard deviation of the column"``, where columns were scaled, or ``"unit of the
        column"``.

    Examples
    --------
    >>> from shallows import LowRank, Problem, infer, sample, train
    >>> from shallows.inference import check_weights
    >>> data = sample(Problem("diagonal", LowRank(20, 3), samples=100, noise=0.1), seed=0)
    >>> tests = check_weights(infer(data, train(data, weight_decay=0.3)))
    >>> sorted(row["index"] for row in tests.to_dict(most=3)["weights"])
    [0, 1, 2]
    """

    values: FloatArray
    standard_errors: FloatArray
    method: str
    low: FloatArray
    high: FloatArray
    p_values: FloatArray
    discovered: NDArray[np.bool_]
    level: float
    false_discovery_rate: float
    names: tuple[str, ...] | None = None
    unit: str = "unit of the column"

    def _summary(self) -> Summary:
        rate = f"at a false-discovery rate of {100 * self.false_discovery_rate:g} %"
        rows = [
            ("discoveries", str(int(self.discovered.sum())), f"of {self.values.size} weights, {rate}"),
            ("weights", f"per {self.unit}", "" if self.method == "theory" else f"by {self.method}"),
        ]
        head = [("column", False), (f"weight ({100 * self.level:g} % interval)", True), ("p-value", True)]
        table = [
            (
                str(i) if self.names is None else self.names[i],
                span_of(float(self.values[i]), float(self.low[i]), float(self.high[i])),
                f"{self.p_values[i]:.1e}",
                "yes" if self.discovered[i] else "",
            )
            for i in np.argsort(self.p_values, kind="stable")
        ]
        return Summary("Weights tested against zero", rows, [*head, ("discovered", False)], table)

    def to_frame(self) -> pandas.DataFrame:
        """One row for each weight, in the order of the columns of the data.

        Columns: ``column``, its name or number; ``weight`` per :attr:`unit`, in units of the labels, with
        ``standard_error``, ``low`` and ``high``, the ends of its interval; ``p_value`` of "this weight is zero";
        ``discovered``, at :attr:`false_discovery_rate`.
        """
        return frame_of(
            {
                "column": np.arange(self.values.size) if self.names is None else list(self.names),
                "weight": self.values,
                "standard_error": self.standard_errors,
                "low": self.low,
                "high": self.high,
                "p_value": self.p_values,
                "discovered": self.discovered,
            }
        )

    def plot(self, ax: Axes | None = None, *, most: int = 30) -> Axes:
        """Draw weights with their intervals, the most significant on top; those not discovered in grey.

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
        from ..plotting.explained import explain
        from ..plotting.intervals import draw_intervals
        from ..plotting.style import axes_or_new

        order = np.argsort(self.p_values, kind="stable")[: check_integer("most", most)]
        names = [str(i) if self.names is None else self.names[i] for i in order]
        found = (self.values[order], self.low[order], self.high[order], self.discovered[order])
        with axes_or_new(ax, height=1.0 + 0.24 * len(names)) as axes:
            draw_intervals(axes, names, *found)
            axes.set_xlabel(f"weight per {self.unit} ({100 * self.level:g} % interval)")
            explain(axes)
        return axes

    def to_dict(self, names: list[str] | None = None, most: int = 50) -> dict[str, Any]:
        """JSON-ready: the `most` most significant weights."""
        names = names if names is not None or self.names is None else list(self.names)
        order = np.argsort(self.p_values, kind="stable")[:most]
        return {
            "method": self.method,
            "unit": self.unit,
            "level": self.level,
            "false_discovery_rate": self.false_discovery_rate,
            "discoveries": int(self.discovered.sum()),
            "weights": [
                {
                    "index": int(i),
                    "name": None if names is None else names[i],
                    "value": float(self.values[i]),
                    "standard_error": float(self.standard_errors[i]),
                    "low": float(self.low[i]),
                    "high": float(self.high[i]),
                    "p_value": float(self.p_values[i]),
                    "discovered": bool(self.discovered[i]),
                }
                for i in order
            ],
        }


def check_weights(inference: Inference, *, level: float = LEVEL, false_discovery_rate: float = 0.1) -> WeightTests:
    """Confidence intervals and p-values of the diagonal network's weights.

    ``u = theta* + tau Z`` (theory note, section 10) makes every unbiased weight normal with the same standard error,
    for uncorrelated columns. For others the weights are those of least squares, if rows are enough for it.

    Parameters
    ----------
    inference : Inference
    level : float
        Of the intervals.
    false_discovery_rate : float
        Expected share of zero weights among those discovered.

    Returns
    -------
    WeightTests

    Raises
    ------
    InvalidArgument
        For a level or a rate that does not lie between 0 and 1.
    EstimateUndefined
        If the inputs are not what the theory is for, and least squares cannot stand in for it: the message says why.
    NotSupported
        For the quadratic network, whose weights are a matrix: see :func:`recover_modes`.

    Examples
    --------
    >>> from shallows import LowRank, Problem, infer, sample, train
    >>> from shallows.inference import check_weights
    >>> data = sample(Problem("diagonal", LowRank(20, 3), samples=100, noise=0.1), seed=0)
    >>> tests = check_weights(infer(data, train(data, weight_decay=0.3)))
    >>> tests.discovered.nonzero()[0]
    array([0, 1, 2])
    """
    check_instance("inference", inference, Inference)
    if inference.architecture.is_matrix:
        raise NotSupported("inference", inference.network, "its weights are a matrix and not tested one by one")
    check_level(level)
    check_level(false_discovery_rate, "false_discovery_rate")
    if inference.least_squares is not None:
        method, values = "least squares", inference.least_squares.values
        errors, freedom = inference.least_squares.standard_errors, float(inference.least_squares.freedom)
    else:
        for concern in inference.input_concerns:
            if WEIGHTS in concern.voids:
                words = "rows are too few, or too sparse, for least squares"
                raise EstimateUndefined(f"single weights cannot be told: {concern.message}, and {words}")
        method, values = "theory", inference.unbiased
        errors = np.full(values.size, inference.noise_scale)
        # The noise scale is a root of an estimated variance.
        freedom = min(2 / max(inference.relative_error, 1e-9) ** 2, 1e9)
    far = float(student_ppf(0.5 + level / 2, freedom)) * errors
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(errors > 0, 2 * student_sf(np.abs(values) / errors, freedom), np.where(values == 0, 1.0, 0.0))
    discovered = adjusted(p) <= false_discovery_rate
    return WeightTests(values, errors, method, values - far, values + far, p, discovered, level, false_discovery_rate)
