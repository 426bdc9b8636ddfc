"""What a design is: the law of the inputs, and what theory and training need to know of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .._display import Displayed, Summary

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..networks import Network
    from ..teachers import Teacher
    from .seen import PairedSpectrum, RotatedTeacher


@lru_cache(maxsize=4)
def random_rotation(dim: int, seed: int) -> FloatArray:
    """A rotation drawn from the Haar measure, shape (dim, dim)."""
    vectors, triangle = np.linalg.qr(np.random.default_rng(seed).standard_normal((dim, dim)))
    rotation = np.ascontiguousarray(vectors * np.sign(np.diag(triangle)))
    rotation.setflags(write=False)
    return rotation


class Design(Displayed, ABC):
    """The law of the inputs ``x``. Frozen, hashable, and comparable by content.

    Examples
    --------
    >>> from shallows.designs import Isotropic, Rademacher
    >>> Isotropic() == Isotropic(), Rademacher().is_white, Rademacher().is_gaussian
    (True, True, False)
    """

    #: What users and files call it.
    kind: ClassVar[str]
    #: Whether the inputs are Gaussian, so that theory is about them and not about their Gaussian equivalent.
    is_gaussian: ClassVar[bool] = False
    #: Whether inputs have zero mean and the identity as their covariance.
    is_white: ClassVar[bool] = True

    @property
    def aligned_exponent(self) -> float | None:
        """``a`` of a power-law covariance that is aligned with the teacher, 0 for white inputs; None for others."""
        return 0.0 if self.is_white else None

    @property
    def is_isotropic(self) -> bool:
        """Whether inputs are standard Gaussian, the setting of the paper."""
        return self.is_gaussian and self.is_white

    def check(self, network: Network, teacher: Teacher) -> None:
        """Raise :class:`shallows.errors.InvalidArgument` unless inputs of this law fit the teacher."""

    def why_no_theory(self, network: Network) -> str | None:
        """What keeps theory from being about inputs of this law (``benchmarks/universality.py``), or None."""
        return None

    def check_samples(self, samples: float) -> None:
        """Raise :class:`shallows.errors.InvalidArgument` if so many rows cannot be drawn."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, samples: int, dim: int, network: Network) -> FloatArray:
        """Inputs, shape (samples, dim)."""

    def canonical(self) -> Design:
        """The same law in its simplest form, which is what a problem keeps."""
        return self

    def gaussian(self) -> Design:
        """The Gaussian design with the same covariance: what theory predicts in its place."""
        return Isotropic()

    # -- what follows from the covariance; of white designs, nothing

    def covariance(self, network: Network, dim: int) -> FloatArray | None:
        """``Sigma`` in the coordinates of the inputs: (d,) where it is diagonal, (d, d) otherwise; None if white."""
        return None

    def gaussian_eigenvalues(self, dim: int) -> FloatArray:
        """Eigenvalues of the covariance, (d,), in the teacher's order where that was given."""
        return np.ones(dim)

    def seen(self, network: Network, teacher: Teacher) -> PairedSpectrum | RotatedTeacher:
        """The whitened teacher beside the variances of the inputs; only asked of designs that are not white."""
        raise AssertionError(f"{type(self).__name__} is white")

    def weights(self, network: Network, teacher: Teacher) -> Any:
        """The teacher's effective weights in the coordinates of the inputs.

        A matrix has random directions where inputs are not the same in all of them: its diagonal is special there.
        """
        values = teacher.values(network.name)
        if self.is_gaussian or not network.is_matrix:
            return network.weights_of_modes(values)
        return network.weights_of_factor(random_rotation(values.size, 0) * np.sqrt(values))

    def shuffles_modes(self) -> bool:
        """Whether the teacher's directions are random against those of the covariance (always, where it is white)."""
        return True

    # -- words

    @abstractmethod
    def describe(self) -> str:
        """One phrase for reports."""

    def _summary(self) -> Summary:
        return Summary(self.describe())

    def options(self) -> list[str]:
        """Options of the command line that ask for it."""
        number = "".join(f":{value!r}" for value in self.settings().values())
        return ["--design", self.kind + number]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready description."""
        return {"kind": self.kind, **self.settings(), "words": self.describe()}

    def settings(self) -> dict[str, Any]:
        """The numbers of the design by name."""
        return {}


@dataclass(frozen=True, repr=False)
class Isotropic(Design):
    """Independent standard normal entries: the inputs of the paper, and the default.

    Examples
    --------
    >>> from shallows import Isotropic, PowerLaw, Problem
    >>> Problem("diagonal", PowerLaw(10, 1.0), samples=20) == Problem(
    ...     "diagonal", PowerLaw(10, 1.0), samples=20, design=Isotropic()
    ... )
    True
    """

    kind = "isotropic"
    is_gaussian = True

    def draw(self, rng: np.random.Generator, samples: int, dim: int, network: Network) -> FloatArray:
        return rng.standard_normal((samples, dim))

    def options(self) -> list[str]:
        return []

    def describe(self) -> str:
        return "standard Gaussian inputs"
