"""Inputs whose entries are not independent: a common mean, orthogonal columns, rows of a user's table."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import check_number
from ..errors import InvalidArgument
from .base import Design
from .gaussian import GaussianDesign

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .._types import FloatArray
    from ..networks import Network
    from ..teachers import Teacher
    from .seen import PairedSpectrum, RotatedTeacher


@dataclass(frozen=True, repr=False)
class CommonMean(Design):
    """Gaussian entries of unit variance about a common mean, which nobody takes off.

    Parameters
    ----------
    mean : float
        Of every entry.

    Raises
    ------
    InvalidArgument
        Unless it is finite.

    Examples
    --------
    >>> from shallows.designs import CommonMean
    >>> CommonMean(0.5).describe()
    'Gaussian inputs of common mean 0.5'
    """

    mean: float = 1.0

    kind = "mean"

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", check_number("mean", self.mean, minimum=-np.inf))

    def draw(self, rng: np.random.Generator, samples: int, dim: int, network: Network) -> FloatArray:
        return self.mean + rng.standard_normal((samples, dim))

    def why_no_theory(self, network: Network) -> str | None:
        return "theory is about inputs of zero mean"

    def describe(self) -> str:
        return f"Gaussian inputs of common mean {self.mean:g}"

    def settings(self) -> dict[str, Any]:
        return {"mean": self.mean}


@dataclass(frozen=True, repr=False)
class Orthogonal(Design):
    """Columns of a random rotation, each of mean square one; rows of one where there are fewer of them.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, sample
    >>> from shallows.designs import Orthogonal
    >>> X = sample(Problem("diagonal", PowerLaw(3, 1.0), samples=50, design=Orthogonal()), seed=0).inputs
    >>> (X.T @ X / 50).round(12)
    array([[ 1., -0.,  0.],
           [-0.,  1., -0.],
           [ 0., -0.,  1.]])
    """

    kind = "orthogonal"

    def draw(self, rng: np.random.Generator, samples: int, dim: int, network: Network) -> FloatArray:
        tall = rng.standard_normal((max(samples, dim), min(samples, dim)))
        vectors, triangle = np.linalg.qr(tall)
        vectors = vectors * (np.sign(np.diag(triangle)) * np.sqrt(tall.shape[0]))
        return np.ascontiguousarray(vectors if samples >= dim else vectors.T)

    def why_no_theory(self, network: Network) -> str | None:
        return "theory is about independent rows"

    def describe(self) -> str:
        return "orthogonal columns as inputs"


@dataclass(frozen=True, eq=False, repr=False)
class Rows(Design):
    """Rows drawn without replacement from a user's table, about their mean.

    Their Gaussian equivalent has the covariance of the table, shrunk (Ledoit and Wolf 2004).

    Parameters
    ----------
    table : array_like, shape (N, d)
    name : str
        What errors call it.

    Attributes
    ----------
    content : bytes
        What tables are hashed by.

    Raises
    ------
    InvalidArgument
        Unless it is a matrix of finite numbers with at least two rows and columns; when a data set is drawn, if it has
        fewer rows than that.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows import PowerLaw, Problem, sample
    >>> from shallows.designs import Rows
    >>> table = np.random.default_rng(0).normal(size=(50, 3))
    >>> sample(Problem("diagonal", PowerLaw(3, 1.0), samples=20, design=Rows(table)), seed=0).inputs.shape
    (20, 3)
    """

    table: FloatArray
    name: str = "design"
    content: bytes = field(init=False, repr=False)

    kind = "rows"
    is_white = False

    def __init__(self, table: ArrayLike, name: str = "design") -> None:
        try:
            rows = np.array(table, dtype=float, order="C")
        except (TypeError, ValueError) as error:
            raise InvalidArgument(name, type(table).__name__, "must be a table of numbers") from error
        if rows.ndim != 2 or min(rows.shape, default=0) < 2:
            raise InvalidArgument(name, f"array of shape {rows.shape}", "must have at least two rows and two columns")
        if not np.isfinite(rows).all():
            raise InvalidArgument(name, "nan or infinity", "every number must be finite")
        self._take(rows - rows.mean(axis=0), name)

    def _take(self, rows: FloatArray, name: str) -> Rows:
        if not rows.any():
            raise InvalidArgument(name, "equal rows", "must have variance")
        rows.setflags(write=False)
        object.__setattr__(self, "table", rows)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "content", rows.tobytes())
        return self

    @cached_property
    def _equivalent(self) -> GaussianDesign:
        return GaussianDesign.of_sample(self.table)

    def gaussian(self) -> Design:
        return self._equivalent

    def check(self, network: Network, teacher: Teacher) -> None:
        if self.table.shape[1] != teacher.dim:
            raise InvalidArgument(self.name, f"{self.table.shape[1]} columns", f"must have the teacher's {teacher.dim}")
        self._equivalent.check(network, teacher)

    def check_samples(self, samples: float) -> None:
        if samples > self.table.shape[0]:
            allowed = f"must be at most the {self.table.shape[0]} rows of the design"
            raise InvalidArgument("samples", samples, allowed)

    def draw(self, rng: np.random.Generator, samples: int, dim: int, network: Network) -> FloatArray:
        return self.table[rng.permutation(self.table.shape[0])[:samples]]

    def covariance(self, network: Network, dim: int) -> FloatArray:
        return self._equivalent.covariance(network, dim)

    def seen(self, network: Network, teacher: Teacher) -> PairedSpectrum | RotatedTeacher:
        return self._equivalent.seen(network, teacher)

    def weights(self, network: Network, teacher: Teacher) -> Any:
        return self._equivalent.weights(network, teacher)

    def gaussian_eigenvalues(self, dim: int) -> FloatArray:
        return self._equivalent.eigenvalues(dim)

    def shuffles_modes(self) -> bool:
        return False

    def why_no_theory(self, network: Network) -> str | None:
        return "theory is about Gaussian rows: ask it about GaussianDesign.of_sample of the table"

    def describe(self) -> str:
        return f"rows of a table of {self.table.shape[0]} x {self.table.shape[1]}"

    def options(self) -> list[str]:
        return ["--design", "FILE"]

    def settings(self) -> dict[str, Any]:
        return {"rows": self.table.shape[0], "columns": self.table.shape[1]}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rows) and np.array_equal(self.table, other.table)

    def __hash__(self) -> int:
        return hash(self.content)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.table, self.name)  # centred already: again would change the last bits


def _restored(table: FloatArray, name: str) -> Rows:
    return object.__new__(Rows)._take(table, name)
