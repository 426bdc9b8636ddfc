"""Independent entries of zero mean and unit variance that are not Gaussian."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import check_number
from ..errors import InvalidArgument
from .base import Design

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..networks import Network


class _Entries(Design):
    """Inputs with independent entries of one law."""

    @abstractmethod
    def entries(self, rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
        """Entries of zero mean and unit variance."""

    def why_no_theory(self, network: Network) -> str | None:
        if network.is_matrix:
            return f"theory of the {network.name} network is about Gaussian inputs: trained ones leave it here"
        return None

    def draw(self, rng: np.random.Generator, samples: int, dim: int, network: Network) -> FloatArray:
        return self.entries(rng, (samples, dim))


@dataclass(frozen=True, repr=False)
class Rademacher(_Entries):
    """Signs: each entry is 1 or -1.

    The quadratic network cannot tell what the diagonal of ``S`` is from them: ``x_i^2 - 1`` is zero.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, sample
    >>> from shallows.designs import Rademacher
    >>> data = sample(Problem("diagonal", PowerLaw(4, 1.0), samples=2, design=Rademacher()), seed=0)
    >>> sorted(set(data.inputs.ravel().tolist()))
    [-1.0, 1.0]
    """

    kind = "rademacher"

    def entries(self, rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
        return np.where(rng.random(shape) < 0.5, -1.0, 1.0)

    def describe(self) -> str:
        return "random signs as inputs"


@dataclass(frozen=True, repr=False)
class Uniform(_Entries):
    """Entries uniform between ``-sqrt(3)`` and ``sqrt(3)``.

    Examples
    --------
    >>> from shallows.designs import Uniform
    >>> Uniform().describe()
    'uniform inputs'
    """

    kind = "uniform"

    def entries(self, rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
        return rng.uniform(-np.sqrt(3.0), np.sqrt(3.0), size=shape)

    def describe(self) -> str:
        return "uniform inputs"


@dataclass(frozen=True, repr=False)
class Laplace(_Entries):
    """Entries with exponential tails on both sides.

    Examples
    --------
    >>> from shallows.designs import Laplace
    >>> Laplace().to_dict()
    {'kind': 'laplace', 'words': 'Laplace inputs'}
    """

    kind = "laplace"

    def entries(self, rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
        return rng.laplace(scale=np.sqrt(0.5), size=shape)

    def describe(self) -> str:
        return "Laplace inputs"


@dataclass(frozen=True, repr=False)
class StudentT(_Entries):
    """Entries with power-law tails, Student's t scaled to unit variance.

    Parameters
    ----------
    freedom : float
        Degrees of freedom, above 2: moments of this order and beyond are infinite.

    Raises
    ------
    InvalidArgument
        For another number.

    Examples
    --------
    >>> from shallows.designs import StudentT
    >>> StudentT(5.0).settings()
    {'freedom': 5.0}
    """

    freedom: float = 5.0

    kind = "student"

    def __post_init__(self) -> None:
        object.__setattr__(self, "freedom", check_number("freedom", self.freedom, minimum=2, strict=True))

    def entries(self, rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
        return rng.standard_t(self.freedom, size=shape) * np.sqrt(1 - 2 / self.freedom)

    def describe(self) -> str:
        return f"Student-t inputs, {self.freedom:g} degrees of freedom"

    def why_no_theory(self, network: Network) -> str | None:
        heavy = None if self.freedom > 4 else "theory needs a finite fourth moment of the inputs"
        return heavy or super().why_no_theory(network)

    def settings(self) -> dict[str, Any]:
        return {"freedom": self.freedom}


@dataclass(frozen=True, repr=False)
class Sparse(_Entries):
    """Entries that are zero but for a share of them, which are Gaussian.

    Parameters
    ----------
    share : float
        Above 0, at most 1.

    Raises
    ------
    InvalidArgument
        For another number.

    Examples
    --------
    >>> from shallows.designs import Sparse
    >>> Sparse(0.1).describe()
    'sparse inputs, 10 % not zero'
    """

    share: float = 0.1

    kind = "sparse"

    def __post_init__(self) -> None:
        share = check_number("share", self.share, strict=True)
        if share > 1:
            raise InvalidArgument("share", self.share, "must be above 0 and at most 1")
        object.__setattr__(self, "share", share)

    def entries(self, rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
        return rng.standard_normal(shape) * (rng.random(shape) < self.share) / np.sqrt(self.share)

    def describe(self) -> str:
        return f"sparse inputs, {100 * self.share:g} % not zero"

    def settings(self) -> dict[str, Any]:
        return {"share": self.share}
