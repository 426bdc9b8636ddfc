"""What :func:`shallows.infer` returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._display import Displayed, Summary, words
from .._numbers import terminal_number as number
from ..errors import EstimateUndefined
from ..networks import Network, network_named
from .concern import BY_LEAST_SQUARES, NOISE, RISK, TEST_ERROR, WEIGHTS, WORDS, Diagnosis, grouped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .._types import FloatArray
    from .concern import Concern
    from .estimate import Estimate
    from .least_squares import LeastSquares


@dataclass(frozen=True, eq=False, repr=False)
class Inference(Displayed):
    """What one fit says about the world it was trained in. All in the units of the theory note, section 1.

    Attributes
    ----------
    network : {"diagonal", "quadratic"}
    samples : int
        Independent residuals: rows, less one where the labels were centred.
    dim : int
    weight_decay : float
    penalty : float or None
    degrees_of_freedom : float
        ``D``, or ``A d^2/2``.
    train_error : float
        Mean squared residual.
    test_error : Estimate
        ``Delta + R`` of this very fit on new samples.
    noise_scale : float
        ``tau`` or ``delta``: standard deviation of the noise on the unbiased weights.
    threshold : float
        ``zeta``: how far training has shrunk them.
    unbiased : ndarray, shape (d,) or (d, d)
        ``theta + X^T r/(n - D)``, or ``U = S + G/(1 - A/(2 alpha))``: teacher plus Gaussian noise of the noise scale.
    observed : ndarray, shape (d,)
        The unbiased weights one by one: themselves (diagonal), or the eigenvalues of ``U``, decreasing (quadratic).
    learned : ndarray, shape (d,)
        What training made of each: the weights, or the eigenvalues of ``S``, decreasing.
    excess_risk, noise, energy : Estimate
        ``R``, ``Delta`` and ``Q0``, without assuming anything about the teacher's spectrum.
    residuals : ndarray, shape (n,)
        Adjusted: distributed like errors on new samples.
    width : int or None
        Hidden units where they limit the rank of ``S``.
    input_concerns : tuple of Concern
        What the inputs show that the theory does not cover.
    held_out : bool
        Whether the test error rests on rows held out.
    least_squares : LeastSquares or None
        What single weights and the noise are taken from, where the theory does not cover the columns and rows allow it.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, infer, sample, train
    >>> data = sample(Problem("diagonal", PowerLaw(50, 1.0), samples=200, noise=0.5), seed=0)
    >>> found = infer(data, train(data, weight_decay=1.0))
    >>> found.unbiased.shape, found.effective_samples
    ((50,), 200)
    >>> found.noise.covers(0.5)
    True
    """

    network: str
    samples: int
    dim: int
    weight_decay: float
    penalty: float | None
    degrees_of_freedom: float
    train_error: float
    test_error: Estimate
    noise_scale: float
    threshold: float
    unbiased: FloatArray
    observed: FloatArray
    learned: FloatArray
    excess_risk: Estimate
    noise: Estimate
    energy: Estimate
    residuals: FloatArray
    width: int | None = None
    input_concerns: tuple[Concern, ...] = ()
    least_squares: LeastSquares | None = None
    held_out: bool = False

    @property
    def architecture(self) -> Network:
        """The network as an object: its units, maps and words."""
        return network_named(self.network)

    @property
    def slack(self) -> float:
        """``1 - degrees_of_freedom/n``."""
        return 1 - self.degrees_of_freedom / self.samples

    @property
    def effective_samples(self) -> float:
        """``n_eff``."""
        return self.architecture.effective_samples(self.samples, self.dim)

    @property
    def noise_edge(self) -> float:
        """The largest that noise of the estimated scale makes an entry of :attr:`observed` by itself."""
        return self.architecture.noise_edge(self.noise_scale, self.dim)

    @property
    def relative_error(self) -> float:
        """Standard error of the test error over its value."""
        return self.test_error.standard_error / self.test_error.value if self.test_error.value > 0 else 0.0

    @property
    def learned_features(self) -> int:
        """Active weights, or rank of ``S``."""
        return int(np.count_nonzero(self.learned))

    def known_otherwise(self, concern: Concern) -> tuple[str, ...]:
        """What least squares or rows held out say, whatever the concern is about; nothing where labels are exact."""
        if concern.name == "perfect":
            return ()
        known: tuple[str, ...] = BY_LEAST_SQUARES if self.least_squares is not None else ()
        return known + ((TEST_ERROR,) if self.held_out and concern.name != "duplicates" else ())

    def against(self, quantity: str) -> str | None:
        """Why the inputs say that a quantity cannot be told; :func:`check_assumptions` looks at the fit as well."""
        concerns = (concern.without(self.known_otherwise(concern)) for concern in self.input_concerns)
        return Diagnosis(tuple(concerns)).against(quantity)

    def _summary(self) -> Summary:
        told = {TEST_ERROR: self.test_error, NOISE: self.noise, RISK: self.excess_risk}
        reasons = {name: reason for name in told if (reason := self.against(name)) is not None}
        level = f"{100 * self.test_error.level:g} % interval"
        rows: list[tuple[str, ...]] = [
            (WORDS.get(name, words(name)), estimate.in_words, level)
            for name, estimate in told.items()
            if name not in reasons
        ]
        freedom = f"of {self.samples} samples"
        rows += [
            ("train error", number(self.train_error)),
            ("weight decay", number(self.weight_decay)),
            ("learned features", str(self.learned_features), f"of {self.dim}"),
            ("degrees of freedom", number(self.degrees_of_freedom), freedom),
        ]
        if self.least_squares is None and self.against(WEIGHTS) is None:
            symbols = self.architecture.words
            rows.append(("noise scale", number(self.noise_scale), f"({symbols.noise_scale})"))
            rows.append(("threshold", number(self.threshold), "(zeta)"))
        title = f"What a {self.network} network says of its {self.samples} samples"
        notes = [f"no {what}: {reason}" for what, reason in grouped(reasons)]
        return Summary(title, rows, notes=notes)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the unbiased weights beside what noise alone would give.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            To draw on; new ones of pyplot by default. Nothing is shown, and no setting is changed.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        EstimateUndefined
            If the inputs are not what the theory is for: then there is no one noise scale.
        """
        from ..plotting.style import axes_or_new
        from ..plotting.unbiased import UNBIASED_FIGURES

        concerns = [concern.message for concern in self.input_concerns if WEIGHTS in concern.voids]
        if concerns:
            raise EstimateUndefined(f"the weights have no one noise scale: {concerns[0]}")
        content = {"noise_scale": self.noise_scale, "threshold": self.threshold, "power_law": None, "modes": None}
        with axes_or_new(ax) as axes:
            UNBIASED_FIGURES.of(self.network).draw(axes, content, self.observed)
        return axes

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready summary."""
        return {
            "network": self.network,
            "samples": self.samples,
            "effective_samples": self.effective_samples,
            "dim": self.dim,
            "weight_decay": self.weight_decay,
            "penalty": self.penalty,
            "degrees_of_freedom": self.degrees_of_freedom,
            "learned_features": self.learned_features,
            "train_error": self.train_error,
            "test_error": self.test_error.to_dict(),
            "noise_scale": self.noise_scale,
            "threshold": self.threshold,
            "excess_risk": self.excess_risk.to_dict(),
            "noise": self.noise.to_dict(),
            "energy": self.energy.to_dict(),
        }
