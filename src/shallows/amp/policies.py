"""Which rule AMP applies at each iteration, on the data and in state evolution alike (theory note, section 9)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scipy.optimize import brentq

from .._arguments import check_number
from ..denoisers import Denoiser, SoftThreshold, SpectralSoftThreshold
from ..errors import InvalidArgument
from .scalar import threshold_for_weight_decay
from .spectral import threshold_for_penalty

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..problems import Problem


class Policy(ABC):
    """Chooses the denoiser of one iteration."""

    @abstractmethod
    def denoiser(self, network: str, observed: FloatArray, noise_scale: float, samples: int) -> Denoiser:
        """From the present observations (d,), their measured noise scale and the number of samples."""

    def divergence(self, rule: Denoiser, measured: float, samples: int, dim: int) -> float:
        """The degrees of freedom to use, given those `measured` by the rule."""
        return measured

    @abstractmethod
    def predicted(self, problem: Problem, noise_scale: float) -> Denoiser:
        """What :meth:`denoiser` is expected to return at a noise scale."""


@dataclass(frozen=True)
class FixedRule(Policy):
    """The same denoiser at every iteration, such as a Bayes-optimal one, which adapts to the noise by itself."""

    rule: Denoiser

    def denoiser(self, network: str, observed: FloatArray, noise_scale: float, samples: int) -> Denoiser:
        if network != self.rule.network:
            raise InvalidArgument("denoiser", type(self.rule).__name__, f"is not for the {network} network")
        return self.rule

    def predicted(self, problem: Problem, noise_scale: float) -> Denoiser:
        self.rule.check(problem)
        return self.rule


@dataclass(frozen=True)
class ThresholdMultiple(Policy):
    """Soft threshold at ``zeta = kappa`` times the measured noise scale.

    With ``kappa = zeta/delta`` of the state-evolution fixed point AMP ends at the training minimum of that fixed
    point's penalty, up to finite-size fluctuations.
    """

    kappa: float
    rank_share: float = 1.0

    def __post_init__(self) -> None:
        check_number("kappa", self.kappa)

    def _rule(self, network: str, noise_scale: float) -> Denoiser:
        zeta = self.kappa * noise_scale
        return SoftThreshold(zeta) if network == "diagonal" else SpectralSoftThreshold(zeta, self.rank_share)

    def denoiser(self, network: str, observed: FloatArray, noise_scale: float, samples: int) -> Denoiser:
        return self._rule(network, noise_scale)

    def predicted(self, problem: Problem, noise_scale: float) -> Denoiser:
        return self._rule(problem.network, noise_scale)


@dataclass(frozen=True)
class ThresholdForPenalty(Policy):
    """Soft threshold that solves the penalty equation on the present observations.

    ``zeta (n - D) = lam sqrt(d)`` or ``zeta (4 alpha - 2 A) = pen``: the fixed point of AMP is then the training
    minimum of exactly the asked penalty, on these data.

    Parameters
    ----------
    strength : float
        ``lam sqrt(d)`` (diagonal) or ``pen`` (quadratic), positive.
    rank_share : float
        ``p/d`` of the quadratic network.
    """

    strength: float
    rank_share: float = 1.0

    def __post_init__(self) -> None:
        check_number("strength", self.strength, strict=True)

    def denoiser(self, network: str, observed: FloatArray, noise_scale: float, samples: int) -> Denoiser:
        if network == "diagonal":
            return SoftThreshold(threshold_for_weight_decay(observed, samples, self.strength))
        limit = round(self.rank_share * observed.size) if self.rank_share < 1 else None
        zeta, _ = threshold_for_penalty(observed, samples / observed.size**2, self.strength, limit)
        return SpectralSoftThreshold(zeta, self.rank_share)

    def divergence(self, rule: Denoiser, measured: float, samples: int, dim: int) -> float:
        # D and A jump where a weight enters. At a jump the fraction of it that solves the penalty equation is right:
        # the fixed point is then the training minimum even with a weight on the verge.
        zeta: float = rule.threshold  # type: ignore[attr-defined]
        if zeta == 0.0:
            return measured
        if rule.network == "diagonal":
            return samples - self.strength / zeta
        return 0.5 * (4 * samples / dim**2 - self.strength / zeta)

    def predicted(self, problem: Problem, noise_scale: float) -> Denoiser:
        diagonal = problem.network == "diagonal"
        samples = float(problem.samples) if diagonal else 2 * problem.alpha
        strength = self.strength if diagonal else self.strength / 2

        def rule(zeta: float) -> Denoiser:
            return SoftThreshold(zeta) if diagonal else SpectralSoftThreshold(zeta, self.rank_share)

        def excess(zeta: float) -> float:
            return zeta * (samples - rule(zeta).moments(problem, noise_scale)[1]) - strength

        high = float(problem.spectrum.values[0]) + 10 * noise_scale + 2 * strength / samples
        return rule(float(brentq(excess, 0.0, high, xtol=1e-12 * high, rtol=1e-12)))
