"""Gaussian inputs with a covariance (theory note, section 13)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import check_integer, check_number
from ..errors import InvalidArgument
from ..teachers import EXACT_LIMIT, LEADING, LowRank, PowerLaw
from .base import Design, Isotropic, random_rotation
from .seen import PairedSpectrum, RotatedTeacher

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .._types import FloatArray
    from ..networks import Network
    from ..teachers import Teacher

#: Relative size below which an eigenvalue of a matrix is rounding, and counts as zero.
ROUNDING = 1e-13
#: The same of one that was computed or kept in single precision, per row.
SINGLE_ROUNDING = float(np.finfo(np.float32).eps)
#: Asymmetry of a matrix over its largest number that is rounding, of single precision too.
ASYMMETRY = 1e-6
#: The smallest eigenvalue over the largest that a power law may have: beyond, costs leave double precision.
SMALLEST_RATIO = 1e-60
#: Largest dimension at which matrices are held.
LARGEST_MATRIX = 10_000
#: Largest dimension for teachers that cannot be held in groups.
LARGEST_LIST = 100_000


@dataclass(frozen=True, eq=False, repr=False)
class GaussianDesign(Design):
    """Gaussian inputs ``x ~ N(0, Sigma)``.

    The teacher's modes are those of the whitened teacher, ``M* = Sigma^(1/2) S* Sigma^(1/2)`` or
    ``Sigma^(1/2) theta*``: its energy is the risk of predicting zero whatever the covariance.

    Parameters
    ----------
    covariance : float, or array_like of shape (d,) or (d, d)
        An exponent ``a``: eigenvalues proportional to ``k^-a`` with mean one; the eigenvalues, in the teacher's order
        and taken as they are; or the matrix itself. A problem takes a covariance of one for :class:`Isotropic`.
    alignment : {"aligned", "random"} or array_like of shape (d, d)
        The teacher's directions in the eigenvectors of the covariance: the same, in the same order (of a matrix:
        decreasing); a random rotation; or an orthogonal matrix whose column ``k`` is direction ``k``. The weights of
        the diagonal network lie along coordinates, so that a matrix leaves nothing to choose there.
    seed : int
        Of the random rotation.
    name : str
        What errors call the covariance.

    Attributes
    ----------
    given : float or ndarray
        The covariance, read-only.
    key : tuple
        What designs are compared by.

    Raises
    ------
    InvalidArgument
        For a covariance that is not symmetric and positive semidefinite (names the eigenvalue), and an alignment that
        is not orthogonal or of another size.

    Examples
    --------
    The teacher and the inputs fall with the same directions; more than without, the smallest modes cost.

    >>> from shallows import GaussianDesign, PowerLaw, Problem, predict
    >>> teacher = PowerLaw(dim=100, gamma=1.5)
    >>> for design in (GaussianDesign(0.0), GaussianDesign(1.0), GaussianDesign(1.0, alignment="random")):
    ...     problem = Problem("quadratic", teacher, samples=5000, noise=0.1, design=design)
    ...     print(round(predict(problem, penalty=0.05).excess_risk, 3))
    0.081
    0.047
    0.056
    """

    given: float | FloatArray
    alignment: str | FloatArray = "aligned"
    seed: int = 0
    name: str = "covariance"
    key: tuple[Any, ...] = field(init=False, repr=False)

    kind = "gaussian"
    is_gaussian = True
    is_white = False

    def __init__(
        self,
        covariance: float | ArrayLike,
        alignment: str | ArrayLike = "aligned",
        seed: int = 0,
        name: str = "covariance",
    ) -> None:
        found = _check_covariance(name, covariance)
        object.__setattr__(self, "given", found)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "seed", check_integer("seed", seed, minimum=0))
        size = None if isinstance(found, float) else found.shape[0]
        object.__setattr__(self, "alignment", _check_alignment(alignment, size))
        turned = self.alignment if isinstance(self.alignment, str) else self.alignment.tobytes()
        content = found if isinstance(found, float) else (found.shape, found.tobytes())
        object.__setattr__(self, "key", (content, turned, self.seed if turned == "random" else 0))

    @classmethod
    def of_sample(cls, inputs: ArrayLike, alignment: str | ArrayLike = "aligned", seed: int = 0) -> GaussianDesign:
        """The covariance of a sample, shrunk towards a multiple of the identity (Ledoit and Wolf 2004).

        Parameters
        ----------
        inputs : array_like, shape (n, d)
        alignment, seed
            As for the class.

        Raises
        ------
        InvalidArgument
            Unless it is a matrix of finite numbers with at least two rows.

        Examples
        --------
        >>> import numpy as np
        >>> from shallows import GaussianDesign
        >>> design = GaussianDesign.of_sample(np.random.default_rng(0).normal(size=(500, 3)) * [2.0, 1.0, 1.0])
        >>> design.eigenvalues(3).round()
        array([4., 1., 1.])
        """
        from sklearn.covariance import ledoit_wolf

        rows = np.asarray(inputs, dtype=float)
        if rows.ndim != 2 or rows.shape[0] < 2 or not np.isfinite(rows).all():
            raise InvalidArgument("inputs", f"array of shape {rows.shape}", "must be finite numbers, two rows at least")
        return cls(ledoit_wolf(rows)[0], alignment, seed)

    # -- the covariance

    @property
    def exponent(self) -> float | None:
        """``a`` where the covariance is a power law."""
        return self.given if isinstance(self.given, float) else None

    @property
    def aligned_exponent(self) -> float | None:
        return self.exponent if isinstance(self.alignment, str) and self.alignment == "aligned" else None

    def eigenvalues(self, dim: int) -> FloatArray:
        """Eigenvalues, shape (d,): in the teacher's order where that was given, decreasing for a matrix."""
        if isinstance(self.given, float):
            shape = np.arange(1.0, dim + 1) ** -self.given
            return shape * (dim / shape.sum())
        return np.array(self.given) if self.given.ndim == 1 else _eigen(self)[0]

    @property
    def is_identity(self) -> bool:
        """Whether the covariance is the identity, so that the inputs are white."""
        if isinstance(self.given, float):
            return self.given == 0
        return np.array_equal(self.given, np.ones_like(self.given) if self.given.ndim == 1 else np.eye(len(self.given)))

    def canonical(self) -> Design:
        return Isotropic() if self.is_identity else self

    def gaussian(self) -> Design:
        return self

    def gaussian_eigenvalues(self, dim: int) -> FloatArray:
        return self.eigenvalues(dim)

    def _vectors(self) -> FloatArray | None:
        """Eigenvectors in the coordinates of the inputs; None where these are the coordinates."""
        if isinstance(self.given, float) or self.given.ndim == 1:
            return None
        return _eigen(self)[1]

    def _rotation(self, dim: int) -> FloatArray | None:
        """The teacher's directions in the eigenvectors of the covariance; None where they are the same."""
        if isinstance(self.alignment, str):
            return random_rotation(dim, self.seed) if self.alignment == "random" else None
        return self.alignment

    def check(self, network: Network, teacher: Teacher) -> None:
        dim = teacher.dim
        if isinstance(self.given, float):
            ratio = abs(self.given) * math.log(dim)
            if ratio > -math.log(SMALLEST_RATIO):
                most = -math.log(SMALLEST_RATIO) / math.log(dim)
                allowed = f"the eigenvalues of {dim} dimensions would underflow; must be at most {most:.3g} in size"
                raise InvalidArgument(self.name, self.given, allowed)
        elif self.given.shape[0] != dim:
            given = " x ".join(map(str, self.given.shape))
            raise InvalidArgument(self.name, f"{given} numbers", f"must be of the teacher's dimension {dim}")
        if isinstance(self.alignment, np.ndarray) and self.alignment.shape[0] != dim:
            raise InvalidArgument("alignment", f"{self.alignment.shape[0]} rows", f"must have {dim}")
        if self.is_identity:  # nothing of size d is held, and no direction differs from another
            return
        if not isinstance(self.alignment, str) or self.alignment == "random" or self._vectors() is not None:
            if dim > LARGEST_MATRIX:
                raise InvalidArgument("dim", dim, f"must be at most {LARGEST_MATRIX} for this covariance and alignment")
        elif dim > LARGEST_LIST and not self._grouped(teacher):
            raise InvalidArgument("dim", dim, f"must be at most {LARGEST_LIST} for this teacher with a covariance")
        if self._vectors() is not None and not network.is_matrix and self.alignment != "aligned":
            given = self.alignment if isinstance(self.alignment, str) else "a matrix"
            allowed = f"a matrix says how inputs lie to the weights of the {network.name} network: leave it out"
            raise InvalidArgument("alignment", given, allowed)

    def _grouped(self, teacher: Teacher) -> bool:
        few = isinstance(teacher, LowRank) and teacher.rank <= LEADING
        return self.exponent is not None and (few or isinstance(teacher, PowerLaw))

    # -- what theory needs

    def _relative(self, network: Network, dim: int) -> FloatArray | None:
        """Column ``k``: the teacher's direction ``k`` in the eigenvectors of the covariance; None: the same."""
        vectors = self._vectors()
        if vectors is not None and not network.is_matrix:
            return vectors.T
        return self._rotation(dim)

    def seen(self, network: Network, teacher: Teacher) -> PairedSpectrum | RotatedTeacher:
        relative = self._relative(network, teacher.dim)
        if relative is None and isinstance(teacher, PowerLaw) and self.exponent is not None and teacher.energy > 0:
            return PairedSpectrum.of_power_laws(network, teacher, self.exponent)
        if relative is None and teacher.dim > EXACT_LIMIT and isinstance(teacher, LowRank) and self._grouped(teacher):
            assert self.exponent is not None
            return PairedSpectrum.of_leading_modes(network, teacher, self.exponent)
        variances = self.eigenvalues(teacher.dim)
        if relative is None:
            return PairedSpectrum.of(network, teacher, variances)
        there = variances > 0
        return RotatedTeacher(teacher.values(network.name), variances[there], relative[there], teacher.dim)

    def shuffles_modes(self) -> bool:
        return isinstance(self.alignment, str) and self.alignment == "random"

    # -- what sampling needs

    def covariance(self, network: Network, dim: int) -> FloatArray:
        variances, coordinates = self.eigenvalues(dim), self._coordinates(network, dim)
        return variances if coordinates is None else (coordinates * variances) @ coordinates.T

    def _coordinates(self, network: Network, dim: int) -> FloatArray | None:
        """Eigenvectors of the covariance in the coordinates of the inputs, as columns."""
        if network.is_matrix:  # any coordinates do: those of the covariance, or of the matrix given
            return self._vectors()
        relative = self._relative(network, dim)
        return None if relative is None else relative.T

    def draw(self, rng: np.random.Generator, samples: int, dim: int, network: Network) -> FloatArray:
        scaled = rng.standard_normal((samples, dim)) * np.sqrt(self.eigenvalues(dim))
        coordinates = self._coordinates(network, dim)
        return scaled if coordinates is None else np.ascontiguousarray(scaled @ coordinates.T)

    def weights(self, network: Network, teacher: Teacher) -> Any:
        variances, values = self.eigenvalues(teacher.dim), teacher.values(network.name)
        there = variances > 0
        scales = np.where(there, 1 / np.sqrt(np.where(there, variances, 1.0)), 0.0)
        relative = self._relative(network, teacher.dim)
        coordinates = self._coordinates(network, teacher.dim)
        if network.is_matrix:
            factor = np.eye(teacher.dim) if relative is None else relative
            factor = scales[:, None] * factor * np.sqrt(values)
            return network.weights_of_factor(factor if coordinates is None else coordinates @ factor)
        whitened = values if relative is None else relative @ values
        return scales * whitened if coordinates is None else coordinates @ (scales * whitened)

    # -- words

    def describe(self) -> str:
        if self.is_identity:
            return Isotropic().describe()
        kind = "a given covariance"
        if isinstance(self.given, float):
            kind = f"eigenvalues of the covariance ~ k^{-self.given:g}"
        elif self.given.ndim == 1:
            kind = "given eigenvalues of the covariance"
        unseen = 0 if isinstance(self.given, float) else int((self.eigenvalues(len(self.given)) == 0).sum())
        if unseen:
            kind += f", {unseen} direction{'s' * (unseen > 1)} of it without variance,"
        told = self.alignment if isinstance(self.alignment, str) else "in a given basis"
        told = {"aligned": "aligned with the teacher", "random": "in a random basis"}.get(told, told)
        return f"Gaussian inputs, {kind}, {told}".replace(",,", ",")

    def options(self) -> list[str]:
        found = ["--covariance", repr(self.given) if isinstance(self.given, float) else "FILE"]
        turned = self.alignment if isinstance(self.alignment, str) else "FILE"
        return found if turned == "aligned" else [*found, "--alignment", turned]

    def settings(self) -> dict[str, Any]:
        given = self.given
        covariance = given if isinstance(given, float) else f"{' x '.join(map(str, given.shape))} numbers"
        alignment = self.alignment if isinstance(self.alignment, str) else "given"
        out = {"covariance": covariance, "alignment": alignment}
        return out | ({"seed": self.seed} if alignment == "random" else {})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GaussianDesign) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.given, self.alignment, self.seed, self.name)

    def __repr__(self) -> str:
        given = self.given if isinstance(self.given, float) else f"<{self.given.shape}>"
        turned = self.alignment if isinstance(self.alignment, str) else "<matrix>"
        return f"GaussianDesign({given}, alignment={turned!r})"


def _numbers(name: str, given: Any) -> FloatArray:
    try:
        if np.iscomplexobj(given):
            raise TypeError("complex numbers")
        array = np.array(given, dtype=float, order="C")
    except (TypeError, ValueError) as error:
        allowed = "must be an exponent, a list of eigenvalues or a square matrix"
        raise InvalidArgument(name, type(given).__name__, allowed) from error
    if not np.isfinite(array).all():
        raise InvalidArgument(name, "nan or infinity", "every number must be finite")
    return array


def _check_covariance(name: str, given: Any) -> float | FloatArray:
    """The covariance in its canonical form, checked without an eigendecomposition where it is diagonal."""
    if np.ndim(given) == 0:
        try:
            return check_number(name, given, minimum=-math.inf)
        except InvalidArgument as error:
            allowed = "must be a finite exponent, or eigenvalues or a matrix"
            raise InvalidArgument(name, error.value, allowed) from None
    array = _numbers(name, given)
    if array.ndim == 2 and 1 in array.shape:
        array = array.ravel()
    if array.ndim > 2 or array.size < 2 or (array.ndim == 2 and array.shape[0] != array.shape[1]):
        raise InvalidArgument(name, f"array of shape {array.shape}", "must be a list of eigenvalues or a square matrix")
    largest = float(np.abs(array).max())
    if largest == 0 or largest > 1e50:
        raise InvalidArgument(name, f"largest number {largest:g}", "must have variance, at most 1e50")
    eigenvalues = array
    if array.ndim == 2:
        if np.abs(array - array.T).max() > ASYMMETRY * largest:
            i, j = np.unravel_index(int(np.abs(array - array.T).argmax()), array.shape)
            given = f"{array[i, j]:g} at ({i}, {j}) and {array[j, i]:g} at ({j}, {i})"
            raise InvalidArgument(name, given, "must be symmetric")
        array = 0.5 * (array + array.T)
        if array.shape[0] > LARGEST_MATRIX:
            raise InvalidArgument(name, f"{array.shape[0]} rows", f"at most {LARGEST_MATRIX} rows of a matrix")
        is_diagonal = np.array_equal(np.diag(np.diag(array)), array)
        if not is_diagonal and np.array_equal(array, array.astype(np.float32)):
            array = _without_rounding(array)
        eigenvalues = np.diag(array) if is_diagonal else np.asarray(np.linalg.eigvalsh(array), dtype=float)
    smallest = float(eigenvalues.min())
    tiny = eigenvalues[(eigenvalues > 0) & (eigenvalues < SMALLEST_RATIO * eigenvalues.max())]
    if array.ndim == 1 and tiny.size:
        allowed = f"underflows beside the largest one; must be 0, or at least {SMALLEST_RATIO:g} of it"
        raise InvalidArgument(name, f"eigenvalue {tiny[0]:g}", allowed)
    if smallest < -ROUNDING * float(eigenvalues.max(initial=0.0)) * array.shape[0]:
        raise InvalidArgument(name, f"eigenvalue {smallest:g}", "must be positive semidefinite: no eigenvalue below 0")
    array.setflags(write=False)
    return array


def _without_rounding(matrix: FloatArray) -> FloatArray:
    """A matrix of single precision without the eigenvalues that are its rounding, of either sign; they are zero."""
    values, vectors = np.linalg.eigh(matrix)
    rounding = np.abs(values) <= SINGLE_ROUNDING * values.size * np.abs(values).max()
    if not rounding.any():
        return matrix
    kept = vectors[:, ~rounding]
    return np.asarray((kept * values[~rounding]) @ kept.T)


def _check_alignment(given: Any, size: int | None) -> str | FloatArray:
    if isinstance(given, str):
        if given not in ("aligned", "random"):
            raise InvalidArgument("alignment", given, 'must be "aligned", "random" or an orthogonal matrix')
        return given
    array = _numbers("alignment", given)
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        raise InvalidArgument("alignment", f"array of shape {array.shape}", "must be a square orthogonal matrix")
    if size is not None and array.shape[0] != size:
        raise InvalidArgument("alignment", f"{array.shape[0]} rows", f"must have the covariance's {size}")
    miss = float(np.abs(array @ array.T - np.eye(array.shape[0])).max())
    if miss > 1e-8:
        raise InvalidArgument(
            "alignment", f"a matrix Q with |Q Q^T - 1| up to {miss:.2g}", "must be orthogonal, Q Q^T = 1"
        )
    array.setflags(write=False)
    return array


@lru_cache(maxsize=16)
def _eigen(design: GaussianDesign) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues, decreasing, and eigenvectors of a matrix."""
    values, vectors = np.linalg.eigh(design.given)
    values, vectors = values[::-1], np.ascontiguousarray(vectors[:, ::-1])
    return np.where(values > ROUNDING * values[0] * values.size, values, 0.0), vectors
