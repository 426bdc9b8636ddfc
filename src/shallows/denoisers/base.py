"""What a denoiser is, the register of all of them, and each network's choice of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeVar

from .._display import Displayed
from ..errors import InvalidArgument, NotSupported
from ..networks import Capability

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..problems import Problem


@dataclass(frozen=True, eq=False, repr=False)
class Denoised(Displayed):
    """An estimate and the divergence that AMP's memory term needs.

    Attributes
    ----------
    values : ndarray, shape (d,)
        Estimated weights (diagonal network), or estimated eigenvalues in the eigenvectors of the observation
        (quadratic).
    divergence : float
        Degrees of freedom: ``D`` (diagonal), or ``A`` (quadratic; ``A d^2/2`` is their number).

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.denoisers import SoftThreshold
    >>> estimate = SoftThreshold(1.0).apply(np.array([3.0, -0.5, -2.0]), noise_scale=0.5)
    >>> estimate.values, estimate.divergence
    (array([ 2.,  0., -1.]), 2.0)
    """

    values: FloatArray
    divergence: float


class Denoiser(Displayed, ABC):
    """A thresholding rule: one object that serves message passing and state evolution, so that they cannot drift apart.

    Observations are ``u = theta* + tau Z`` for the diagonal network, and the eigenvalues of ``S* + delta GOE``, in
    increasing order, for the quadratic one.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.denoisers import REGISTRY, Denoiser
    >>> problem = Problem("diagonal", PowerLaw(dim=100, gamma=1.0), samples=80)
    >>> sorted(REGISTRY)[:2]
    ['HardThreshold', 'PosteriorMean']
    >>> rule = REGISTRY["SoftThreshold"].default(problem, noise_scale=0.1)
    >>> isinstance(rule, Denoiser)
    True
    >>> error, freedom = rule.moments(problem, noise_scale=0.1)
    >>> round(error, 3), round(freedom, 1)
    (0.267, 28.4)
    """

    #: "diagonal" or "quadratic".
    network: ClassVar[str]
    #: Whether the rule is the proximal map of a training penalty, so that AMP ends at a training minimum.
    proximal: ClassVar[bool] = False

    @abstractmethod
    def apply(self, observed: FloatArray, noise_scale: float) -> Denoised:
        """Estimate from `observed` (d,), whose noise has scale `noise_scale`."""

    @abstractmethod
    def moments(self, problem: Problem, noise_scale: float) -> tuple[float, float]:
        """Predicted ``(error, degrees of freedom)``: ``(R, D)`` or ``(E, A)`` for the teacher of `problem`.

        Raises
        ------
        InvalidArgument
            If `problem` is not of the rule's network.
        """

    @classmethod
    @abstractmethod
    def default(cls, problem: Problem, noise_scale: float) -> Denoiser:
        """A sensible instance for the teacher and the noise, for tests and first tries."""

    def check(self, problem: Problem) -> None:
        """Raise :class:`InvalidArgument` unless `problem` is of the rule's network."""
        if problem.architecture.denoised_as != self.network:
            raise InvalidArgument(
                "problem", problem.network, f"{type(self).__name__} is for the {self.network} network"
            )


#: Every rule by name; the tests of moments, and for proximal rules of the triangle, run over it.
REGISTRY: dict[str, type[Denoiser]] = {}

_Rule = TypeVar("_Rule", bound=type[Denoiser])


def register(rule: _Rule) -> _Rule:
    """Class decorator: enter a rule into :data:`REGISTRY`.

    Parameters
    ----------
    rule : subclass of Denoiser
        Known from then on by the name of the class; a rule of the same name is replaced.

    Returns
    -------
    subclass of Denoiser
        The same class.

    Examples
    --------
    >>> from shallows.denoisers import REGISTRY, SoftThreshold, register
    >>> register(SoftThreshold) is SoftThreshold is REGISTRY["SoftThreshold"]
    True
    """
    REGISTRY[rule.__name__] = rule
    return rule


class Rules(ABC):
    """The rules of one network, for callers that need not know which.

    Units are those of the state evolution ``zeta (N - D) = L`` (:meth:`shallows.networks.Network.constraints`,
    :meth:`shallows.networks.Network.strength`).

    Examples
    --------
    >>> from shallows.denoisers import RULES
    >>> RULES.of("diagonal").soft(0.5)
    SoftThreshold(threshold=0.5)
    >>> RULES.of("quadratic").hard(2.0, 0.5)
    SpectralHardThreshold(cut=2.0, threshold=0.5)
    """

    @abstractmethod
    def soft(self, threshold: float, rank_share: float = 1.0) -> Denoiser:
        """The proximal map of the training penalty, on at most the `rank_share` of the modes."""

    def hard(self, cut: float, threshold: float = 0.0) -> Denoiser:
        """Pruning at `cut` of weights that were shrunk by `threshold`.

        Raises
        ------
        NotSupported
            For networks without such a rule.
        """
        raise NotSupported("denoisers", type(self).__name__, "has no rule for pruning")

    def posterior(self, problem: Problem) -> Denoiser:
        """The Bayes-optimal rule of the problem's teacher (theory note, section 8).

        Raises
        ------
        NotSupported
            For networks whose posterior mean is not known.
        """
        raise NotSupported("network", problem.network, "the posterior mean of this network is not known")

    @abstractmethod
    def threshold_for(self, observed: FloatArray, samples: int, strength: float, rank_share: float = 1.0) -> float:
        """The threshold ``zeta`` with ``zeta (N - D(zeta)) = strength`` on the observations (d,); the largest."""

    def threshold_in_noise(
        self, observed: FloatArray, noise_scale: float, samples: int, strength: float, rank_share: float = 1.0
    ) -> float:
        """:meth:`threshold_for` where the scale of the noise is known, which densities are estimated by."""
        return self.threshold_for(observed, samples, strength, rank_share)

    def predicted_threshold(self, problem: Problem, noise_scale: float, strength: float) -> float:
        """What :meth:`threshold_for` is expected to be at a noise scale of the problem."""
        from scipy.optimize import brentq

        constraints = problem.architecture.constraints(problem.samples, problem.dim)

        def excess(zeta: float) -> float:
            freedom = self.soft(zeta, problem.rank_share).moments(problem, noise_scale)[1]
            return zeta * (constraints - freedom) - strength

        high = float(problem.spectrum.values[0]) + 10 * noise_scale + 2 * strength / constraints
        return float(brentq(excess, 0.0, high, xtol=1e-12 * high, rtol=1e-12))


#: For each network, its rules.
RULES: Capability[Rules] = Capability("denoisers")
