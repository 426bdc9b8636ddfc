"""What a denoiser is, and the register of all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeVar

from ..errors import InvalidArgument

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..problems import Problem


@dataclass(frozen=True, eq=False)
class Denoised:
    """An estimate and the divergence that AMP's memory term needs.

    Attributes
    ----------
    values : ndarray, shape (d,)
        Estimated weights (diagonal network), or estimated eigenvalues in the eigenvectors of the observation
        (quadratic).
    divergence : float
        Degrees of freedom: ``D`` (diagonal), or ``A`` (quadratic; ``A d^2/2`` is their number).
    """

    values: FloatArray
    divergence: float


class Denoiser(ABC):
    """A thresholding rule: one object that serves message passing and state evolution, so that they cannot drift apart.

    Observations are ``u = theta* + tau Z`` for the diagonal network, and the eigenvalues of ``S* + delta GOE``, in
    increasing order, for the quadratic one.
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
        """Predicted ``(error, degrees of freedom)``: ``(R, D)`` or ``(E, A)`` for the teacher of `problem`."""

    @classmethod
    @abstractmethod
    def default(cls, problem: Problem, noise_scale: float) -> Denoiser:
        """A sensible instance for the teacher and the noise, for tests and first tries."""

    def check(self, problem: Problem) -> None:
        """Raise :class:`InvalidArgument` unless `problem` is of the rule's network."""
        if problem.network != self.network:
            raise InvalidArgument(
                "problem", problem.network, f"{type(self).__name__} is for the {self.network} network"
            )


#: Every rule by name; the tests of moments, and for proximal rules of the triangle, run over it.
REGISTRY: dict[str, type[Denoiser]] = {}

_Rule = TypeVar("_Rule", bound=type[Denoiser])


def register(rule: _Rule) -> _Rule:
    """Class decorator: enter a rule into :data:`REGISTRY`."""
    REGISTRY[rule.__name__] = rule
    return rule
