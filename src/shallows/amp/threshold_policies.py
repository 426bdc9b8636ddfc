"""Which rule AMP applies at each iteration, on the data and in state evolution alike (theory note, section 9)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._arguments import check_number
from .._display import Displayed
from ..denoisers import RULES, Denoiser
from ..errors import InvalidArgument

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..networks import Network
    from ..problems import Problem


@dataclass(frozen=True, eq=False, repr=False)
class Observations(Displayed):
    """What one iteration sees of the teacher.

    Attributes
    ----------
    network : Network
    values : ndarray, shape (d,)
        Weights, or eigenvalues in increasing order: teacher plus noise.
    noise_scale : float
        Measured.
    samples : int
    rank_share : float
        Largest share of the modes that can be learned.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.amp import Observations, ThresholdForPenalty
    >>> from shallows.networks import network_named
    >>> seen = Observations(network_named("diagonal"), np.array([3.0, -0.1, 0.2, 2.0]), noise_scale=0.3, samples=4)
    >>> ThresholdForPenalty(strength=1.0).denoiser(seen)
    SoftThreshold(threshold=0.5)
    """

    network: Network
    values: FloatArray
    noise_scale: float
    samples: int
    rank_share: float = 1.0


class Policy(ABC):
    """Chooses the denoiser of one iteration.

    Examples
    --------
    >>> from shallows.amp import FixedRule, Policy, ThresholdForPenalty, ThresholdMultiple
    >>> [kind.__name__ for kind in (FixedRule, ThresholdForPenalty, ThresholdMultiple) if issubclass(kind, Policy)]
    ['FixedRule', 'ThresholdForPenalty', 'ThresholdMultiple']
    """

    @abstractmethod
    def denoiser(self, seen: Observations) -> Denoiser:
        """The rule for what is seen."""

    def divergence(self, rule: Denoiser, measured: float, seen: Observations) -> float:
        """The degrees of freedom to use, given those `measured` by the rule."""
        return measured

    @abstractmethod
    def predicted(self, problem: Problem, noise_scale: float) -> Denoiser:
        """What :meth:`denoiser` is expected to return at a noise scale, ``tau`` or ``delta``, of the problem."""


@dataclass(frozen=True)
class FixedRule(Policy):
    """The same denoiser at every iteration, such as a Bayes-optimal one, which adapts to the noise by itself.

    Parameters
    ----------
    rule : Denoiser

    Raises
    ------
    InvalidArgument
        When it is used on another network than the rule's.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.amp import FixedRule
    >>> from shallows.denoisers import SoftThreshold
    >>> FixedRule(SoftThreshold(0.1)).predicted(Problem("diagonal", PowerLaw(100, 1.0), 80), noise_scale=0.2)
    SoftThreshold(threshold=0.1)
    """

    rule: Denoiser

    def denoiser(self, seen: Observations) -> Denoiser:
        if seen.network.denoised_as != self.rule.network:
            raise InvalidArgument("rule", type(self.rule).__name__, f"is not for the {seen.network.name} network")
        return self.rule

    def predicted(self, problem: Problem, noise_scale: float) -> Denoiser:
        self.rule.check(problem)
        return self.rule


@dataclass(frozen=True)
class ThresholdMultiple(Policy):
    """Soft threshold at ``zeta = kappa`` times the measured noise scale.

    With ``kappa = zeta/delta`` of the state-evolution fixed point AMP ends at the training minimum of that fixed
    point's penalty, up to finite-size fluctuations.

    Parameters
    ----------
    kappa : float
        Without units, not negative.

    Raises
    ------
    InvalidArgument
        If `kappa` is not a finite number ``>= 0``; when used on a network without denoisers, a
        :class:`shallows.errors.NotSupported`.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.amp import ThresholdMultiple
    >>> ThresholdMultiple(1.5).predicted(Problem("diagonal", PowerLaw(100, 1.0), 80), noise_scale=0.25)
    SoftThreshold(threshold=0.375)
    """

    kappa: float

    def __post_init__(self) -> None:
        check_number("kappa", self.kappa)

    def denoiser(self, seen: Observations) -> Denoiser:
        return RULES.of(seen.network).soft(self.kappa * seen.noise_scale, seen.rank_share)

    def predicted(self, problem: Problem, noise_scale: float) -> Denoiser:
        return RULES.of(problem.architecture).soft(self.kappa * noise_scale, problem.rank_share)


@dataclass(frozen=True)
class ThresholdForPenalty(Policy):
    """Soft threshold that solves the penalty equation ``zeta (N - D) = L`` on the present observations.

    That is ``zeta (n - D) = lam sqrt(d)`` or ``zeta (4 alpha - 2 A) = pen``: the fixed point of AMP is then the
    training minimum of exactly the asked penalty, on these data (theory note, section 9).

    Parameters
    ----------
    strength : float
        ``L``, positive: ``lam sqrt(d)`` or ``pen/2`` (:meth:`shallows.networks.Network.strength`).

    Raises
    ------
    InvalidArgument
        If `strength` is not a finite number ``> 0``; when used on a network without denoisers, a
        :class:`shallows.errors.NotSupported`.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.amp import ThresholdForPenalty
    >>> problem = Problem("diagonal", PowerLaw(100, 1.0), 80)
    >>> rule = ThresholdForPenalty(strength=4.0).predicted(problem, noise_scale=0.05)
    >>> round(rule.threshold * (80 - rule.moments(problem, 0.05)[1]), 9)
    4.0
    """

    strength: float

    def __post_init__(self) -> None:
        check_number("strength", self.strength, strict=True)

    def denoiser(self, seen: Observations) -> Denoiser:
        rules = RULES.of(seen.network)
        found = rules.threshold_in_noise(seen.values, seen.noise_scale, seen.samples, self.strength, seen.rank_share)
        return rules.soft(found, seen.rank_share)

    def divergence(self, rule: Denoiser, measured: float, seen: Observations) -> float:
        # D and A jump where a weight enters. At a jump the fraction of it that solves the penalty equation is right:
        # the fixed point is then the training minimum even with a weight on the verge.
        zeta: float = rule.threshold  # type: ignore[attr-defined]
        if zeta == 0.0:
            return measured
        samples = seen.samples / seen.network.labels_per_sample
        return seen.network.constraints(samples, seen.values.size) - self.strength / zeta

    def predicted(self, problem: Problem, noise_scale: float) -> Denoiser:
        rules = RULES.of(problem.architecture)
        return rules.soft(rules.predicted_threshold(problem, noise_scale, self.strength), problem.rank_share)
