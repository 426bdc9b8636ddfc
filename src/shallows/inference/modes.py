"""What was learned: single weights with intervals and p-values, teacher modes with uncertainties."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri

from ..errors import InvalidArgument

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._types import FloatArray
    from .estimates import Inference


@dataclass(frozen=True, eq=False)
class WeightTests:
    """Every weight of the diagonal network, tested against zero.

    Attributes
    ----------
    values : ndarray, shape (d,)
        Unbiased weights.
    standard_error : float
        The noise scale ``tau``, the same for all.
    low, high : ndarrays, shape (d,)
        Ends of the confidence interval of each weight.
    p_values : ndarray, shape (d,)
        Two-sided, of "this weight is zero".
    discovered : ndarray of bool, shape (d,)
        Found by Benjamini and Hochberg (1995) at :attr:`false_discovery_rate`.
    level, false_discovery_rate : float
    """

    values: FloatArray
    standard_error: float
    low: FloatArray
    high: FloatArray
    p_values: FloatArray
    discovered: NDArray[np.bool_]
    level: float
    false_discovery_rate: float

    def to_dict(self, names: list[str] | None = None, most: int = 50) -> dict[str, Any]:
        """JSON-ready: the `most` most significant weights."""
        order = np.argsort(self.p_values, kind="stable")[:most]
        return {
            "standard_error": self.standard_error,
            "level": self.level,
            "false_discovery_rate": self.false_discovery_rate,
            "discoveries": int(self.discovered.sum()),
            "weights": [
                {
                    "index": int(i),
                    "name": None if names is None else names[i],
                    "value": float(self.values[i]),
                    "low": float(self.low[i]),
                    "high": float(self.high[i]),
                    "p_value": float(self.p_values[i]),
                    "discovered": bool(self.discovered[i]),
                }
                for i in order
            ],
        }


def check_weights(inference: Inference, *, level: float = 0.9, false_discovery_rate: float = 0.1) -> WeightTests:
    """Confidence intervals and p-values of the diagonal network's weights.

    ``u = theta* + tau Z`` (theory note, section 10) makes every unbiased weight normal with a known standard
    error.

    Raises
    ------
    InvalidArgument
        For the quadratic network, whose weights are a matrix: see :func:`recover_modes`.
    """
    if inference.network != "diagonal":
        raise InvalidArgument(
            "inference", inference.network, "weights are tested one by one in the diagonal network only"
        )
    for name, value in (("level", level), ("false_discovery_rate", false_discovery_rate)):
        if not 0 < value < 1:
            raise InvalidArgument(name, value, "must lie between 0 and 1")
    from scipy.special import erfc
    from scipy.stats import false_discovery_control

    tau, values = inference.noise_scale, inference.unbiased
    reach = float(ndtri(0.5 + level / 2)) * tau
    if tau > 0:
        p = erfc(np.abs(values) / tau / np.sqrt(2))
    else:
        p = np.where(values == 0, 1.0, 0.0)
    discovered = false_discovery_control(p) <= false_discovery_rate
    return WeightTests(values, tau, values - reach, values + reach, p, discovered, level, false_discovery_rate)


@dataclass(frozen=True, eq=False)
class Modes:
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
    """

    positions: FloatArray
    values: FloatArray
    standard_errors: FloatArray
    low: FloatArray
    high: FloatArray
    overlaps: FloatArray
    edge: float
    level: float

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


def recover_modes(inference: Inference, *, level: float = 0.9) -> Modes:
    """Teacher modes from the outliers of the unbiased matrix.

    Inverts the outlier map ``x = s + delta^2/s`` (theory note, sections 5 and 10) with every mode repelled by all
    others: ``x_k = s_k + (delta^2/d) sum_{j != k} 1/(s_k - s_j)``, those not recovered standing at their mean. An
    outlier of ``S* + delta GOE`` fluctuates with variance ``(2 delta^2/d)(1 - delta^2/s^2)`` (Capitaine,
    Donati-Martin and Feral 2009); the noise scale's own uncertainty is added.

    Raises
    ------
    InvalidArgument
        For the diagonal network: see :func:`check_weights`.
    """
    if inference.eigenvalues is None:
        raise InvalidArgument("inference", inference.network, "modes belong to the quadratic network")
    delta, d = inference.noise_scale, inference.dim
    edge = 2 * delta * (1 + d ** (-2 / 3))
    x = inference.eigenvalues[inference.eigenvalues > edge]
    s = 0.5 * (x + np.sqrt(np.maximum(x**2 - 4 * delta**2, 0.0)))
    # Of two modes closer than their own fluctuation the repulsion cannot be told apart from chance: soften it there.
    soft = 2 * delta**2 / d
    background = max(1 - s.size / d, 0.0)
    trace = float(inference.eigenvalues.sum())
    for _ in range(30):
        # What was not recovered sits at its mean, which the trace gives away: noise leaves the trace alone.
        hidden = min(max((trace - float(s.sum())) / max(d - s.size, 1), 0.0), 0.5 * delta)
        gaps = s[:, None] - s[None, :]
        shifted = x - delta**2 * (gaps / (gaps**2 + soft)).sum(axis=1) / d - hidden
        inverse = 0.5 * (shifted + np.sqrt(np.maximum(shifted**2 - 4 * delta**2 * background, 0.0)))
        s = 0.5 * s + 0.5 * (inverse + hidden)
    s = np.maximum(s, delta * (1 + 1e-9))
    overlap = 1 - (delta / s) ** 2
    slope = np.maximum(overlap, d ** (-1 / 3))
    error = np.sqrt(2 * delta**2 / d / slope + (delta * inference.relative_error * delta / s / slope) ** 2 / 4)
    reach = float(ndtri(0.5 + level / 2)) * error
    return Modes(x, s, error, np.maximum(s - reach, 0.0), s + reach, overlap, float(edge), level)
