"""What a run of AMP returns: weights, and its trajectory beside the predicted one."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .._arguments import check_choice
from .._display import Displayed, Summary, frame_of, words
from .._numbers import terminal_number as number
from .._status import StatusEnum
from ..networks import network_named

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

    from .._types import FloatArray


#: What theory predicts of each iteration.
PREDICTED = ("noise_scale", "error", "degrees_of_freedom")


class AmpStatus(StatusEnum):
    """How a run of AMP ended: ``ok`` if it converged, on the path that theory predicts where it was given.

    Examples
    --------
    >>> from shallows.amp import AmpStatus
    >>> AmpStatus.MAX_ITERATIONS.ok, AmpStatus.MAX_ITERATIONS.advice
    (False, 'allow more iterations, or use stronger damping')
    """

    CONVERGED = "converged", True, "the iteration converged"
    SETTLED = (
        "settled",
        True,
        "the noise scale has settled; a few weights at the jump of the rule, which depth brings, keep changing",
    )
    MAX_ITERATIONS = "max_iterations", False, "allow more iterations, or use stronger damping"
    DEPARTED = (
        "departed",
        False,
        (
            "off theory's path: the data are not what the problem says, or samples are too few; next to exact recovery "
            "it may be chance"
        ),
    )
    DIVERGED = "diverged", False, "the data are far from Gaussian, or damping is too weak; train() needs neither"


@dataclass(frozen=True, eq=False, repr=False)
class Trajectory(Displayed):
    """Numbers of each iteration, all arrays of shape (iterations,); predicted ones are nan without a problem.

    Attributes
    ----------
    noise_scale : ndarray
        Measured, ``|r|/n`` or ``sqrt(mean(r^2)/(4 alpha))``, before the denoiser.
    threshold : ndarray
        Of the denoiser, nan for rules without one.
    degrees_of_freedom : ndarray
        ``D``, or ``A d^2/2``.
    train_error : ndarray
        Mean squared residual of the estimate.
    error : ndarray
        ``R`` or ``E`` of the estimate, nan if the teacher is unknown.
    change : ndarray
        Relative change of the estimate.
    mix : ndarray
        Share of the new iterate in the mix with the old one.
    asymptotic_noise_scale, asymptotic_error, asymptotic_degrees_of_freedom : ndarray
        State evolution, step by step from the same start and with the same mixes: exact as `d` grows
        (for the damped quadratic network above ``d = 1500`` approximate on the way).
    predicted_noise_scale, predicted_error, predicted_degrees_of_freedom : ndarray
        The same at this size: the mean over replicas, where there are any, else state evolution.
    fluctuation : ndarray
        Relative standard deviation of the measured noise scale about the predicted one.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, sample
    >>> from shallows.amp import amp
    >>> problem = Problem("diagonal", PowerLaw(dim=200, gamma=1.0), samples=150, noise=0.1)
    >>> path = amp(sample(problem, seed=0), weight_decay=0.5).trajectory
    >>> path.noise_scale.shape == path.predicted_noise_scale.shape
    True
    >>> bool((abs(path.deviation) < 5).all())
    True
    """

    MEASURED: ClassVar = ("noise_scale", "threshold", "degrees_of_freedom", "train_error", "error", "change", "mix")
    EXPECTED: ClassVar = (
        *(f"{kind}_{name}" for kind in ("asymptotic", "predicted") for name in PREDICTED),
        "fluctuation",
    )

    noise_scale: FloatArray
    threshold: FloatArray
    degrees_of_freedom: FloatArray
    train_error: FloatArray
    error: FloatArray
    change: FloatArray
    mix: FloatArray
    asymptotic_noise_scale: FloatArray
    asymptotic_error: FloatArray
    asymptotic_degrees_of_freedom: FloatArray
    predicted_noise_scale: FloatArray
    predicted_error: FloatArray
    predicted_degrees_of_freedom: FloatArray
    fluctuation: FloatArray

    @property
    def deviation(self) -> FloatArray:
        """Measured over predicted noise scale, less one, in units of its fluctuation."""
        return (self.noise_scale / self.predicted_noise_scale - 1) / self.fluctuation

    def _summary(self) -> Summary:
        measured, predicted = self.noise_scale, self.predicted_noise_scale
        table = [
            (str(i + 1), number(float(m)), number(float(p)))
            for i, (m, p) in enumerate(zip(measured, predicted, strict=True))
        ]
        head = [("iteration", True), ("noise scale", True), ("predicted", True)]
        return Summary("Iterations of message passing", [("iterations", str(len(table)))], head, table)

    def to_frame(self) -> pandas.DataFrame:
        """One row for each iteration, counted from 1 in ``iteration``; the other columns are the attributes."""
        names = [field.name for field in fields(self)]
        counted = {"iteration": np.arange(1, self.noise_scale.size + 1)}
        return frame_of(counted | {name: getattr(self, name) for name in names})

    def to_dict(self) -> dict[str, list[float | None]]:
        """JSON-ready columns."""
        names = [*(field.name for field in fields(self)), "deviation"]
        return {k: [float(v) if np.isfinite(v) else None for v in getattr(self, k)] for k in names}


@dataclass(frozen=True, eq=False, repr=False)
class AmpRun(Displayed):
    """Result of :func:`shallows.amp.amp`.

    Attributes
    ----------
    network : {"diagonal", "quadratic"}
    weights : ndarray
        ``theta`` (d,), or the symmetric matrix ``S`` (d, d).
    observed : ndarray
        The last effective observation: ``u`` (d,), or the eigenvalues of ``U`` (d,), unbiased for the teacher.
    noise_scale, threshold : float
        At the last iteration.
    iterations : int
    seconds : float
        Of the iteration itself, without the prediction.
    damping : float
    replicas : int
        Data sets that the prediction was corrected for finite size with.
    status : AmpStatus
    departed_at : int or None
        First iteration, counted from 0, whose measured noise scale is off the predicted one by more than finite size
        and chance allow (:mod:`shallows.amp.departure`).
    trajectory : Trajectory

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, sample
    >>> from shallows.amp import amp
    >>> data = sample(Problem("diagonal", PowerLaw(dim=200, gamma=1.0), samples=150, noise=0.1), seed=0)
    >>> run = amp(data, weight_decay=0.5)
    >>> run.weights.shape, run.iterations == run.trajectory.noise_scale.size
    ((200,), True)
    >>> run.excess_risk == run.error  # the diagonal network's
    True
    """

    network: str
    weights: FloatArray
    observed: FloatArray
    noise_scale: float
    threshold: float
    iterations: int
    seconds: float
    damping: float
    replicas: int
    status: AmpStatus
    departed_at: int | None
    trajectory: Trajectory

    @property
    def error(self) -> float:
        """Error of the weights, ``R`` or ``E`` (nan if the teacher is unknown)."""
        return float(self.trajectory.error[-1]) if self.iterations else np.nan

    @property
    def excess_risk(self) -> float:
        """``R``, or ``2 E``."""
        return self.error * network_named(self.network).risk_per_error

    def _summary(self) -> Summary:
        symbol = network_named(self.network).words.noise_scale
        rows: list[tuple[str, ...]] = [
            ("status", words(self.status.value), "" if self.status.ok else self.status.advice),
            ("noise scale", number(self.noise_scale), f"({symbol}) of the last iteration"),
            ("excess risk", number(self.excess_risk), "of the last iteration"),
            ("iterations", str(self.iterations), f"{self.seconds:.2g} s"),
        ]
        if np.isfinite(self.threshold):
            rows.append(("threshold", number(self.threshold), "(zeta)"))
        if np.isfinite(self.trajectory.predicted_noise_scale).any():
            departed = "never" if self.departed_at is None else f"at iteration {self.departed_at + 1}"
            rows.append(("off theory", departed))
        if not np.isfinite(self.error):
            rows = [row for row in rows if row[0] != "excess risk"]
        return Summary(f"Message passing on {network_named(self.network).phrase}", rows)

    def plot(self, ax: Axes | None = None, *, quantity: str = "noise_scale") -> Axes:
        """Draw the iterations, measured beside predicted.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            To draw on; new ones of pyplot by default. Nothing is shown, and no setting is changed.
        quantity : {"noise_scale", "excess_risk"}

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        InvalidArgument
            For another quantity.
        """
        from ..plotting.amp import draw_excess_risk, draw_noise_scale
        from ..plotting.style import axes_or_new

        draws = {"noise_scale": draw_noise_scale, "excess_risk": draw_excess_risk}
        check_choice("quantity", quantity, draws)
        with axes_or_new(ax) as axes:
            draws[quantity](axes, self)
        return axes

    def to_frame(self) -> pandas.DataFrame:
        """The iterations as a data frame: see :meth:`Trajectory.to_frame`."""
        return self.trajectory.to_frame()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready summary with the trajectory, without the weights."""
        return {
            "network": self.network,
            "iterations": self.iterations,
            "seconds": self.seconds,
            "damping": self.damping,
            "replicas": self.replicas,
            "status": self.status.value,
            "departed_at": self.departed_at,
            "noise_scale": self.noise_scale,
            "threshold": self.threshold if np.isfinite(self.threshold) else None,
            "excess_risk": self.excess_risk if np.isfinite(self.error) else None,
            "trajectory": self.trajectory.to_dict(),
        }
