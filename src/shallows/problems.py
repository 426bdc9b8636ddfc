"""What is asked: the problem, its units, and the exact maps between networks and effective weights.

Theory note, section 1; arXiv 2509.24882.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .errors import InvalidArgument
from .teachers import FromValues, Spectrum, Teacher

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]

Network = Literal["diagonal", "quadratic"]
NETWORKS: tuple[str, ...] = ("diagonal", "quadratic")


def check_number(name: str, value: Any, *, least: float = 0.0, strict: bool = False) -> float:
    """`value` as a float, or :class:`InvalidArgument` unless it is finite and ``>= least`` (``>`` if strict)."""
    sign = ">" if strict else ">="
    allowed = f"must be a finite number {sign} {least:g}"
    if isinstance(value, (bool, str, bytes)) or value is None:
        raise InvalidArgument(name, value, allowed)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidArgument(name, value, allowed) from error
    if not np.isfinite(number) or number < least or (strict and number == least):
        raise InvalidArgument(name, value, allowed)
    return number


@dataclass(frozen=True)
class Problem:
    """A teacher, how it is observed, and which network learns it.

    Parameters
    ----------
    network : {"diagonal", "quadratic"}
        Which two-layer network is trained.
    teacher : Teacher
        Spectrum of the target, a network of the same kind.
    samples : int
        Number of training samples ``n >= 1``. Theory accepts any real number; data sets need an integer.
    noise : float
        Variance ``Delta >= 0`` of the label noise.
    width : int, optional
        Number of hidden units ``p >= 1`` of the quadratic network; default: as many as dimensions. The
        diagonal network has one unit per dimension and takes none.
    """

    network: Network
    teacher: Teacher
    samples: float
    noise: float = 0.0
    width: int | None = None

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise InvalidArgument("network", self.network, 'must be "diagonal" or "quadratic"')
        if not isinstance(self.teacher, Teacher):
            raise InvalidArgument("teacher", self.teacher, "must be a teacher such as PowerLaw(dim, gamma)")
        if isinstance(self.teacher, FromValues):
            self.teacher.check_network(self.network)
        samples = check_number("samples", self.samples, least=1)
        object.__setattr__(self, "samples", int(samples) if samples == int(samples) else samples)
        object.__setattr__(self, "noise", check_number("noise", self.noise))
        if self.width is not None:
            if self.network == "diagonal":
                raise InvalidArgument("width", self.width, "applies to the quadratic network only")
            width = check_number("width", self.width, least=1)
            if width != int(width):
                raise InvalidArgument("width", self.width, "must be an integer >= 1")
            object.__setattr__(self, "width", int(width))

    @property
    def dim(self) -> int:
        """Input dimension `d`."""
        return self.teacher.dim

    @property
    def effective_width(self) -> int:
        """Hidden units `p` of the quadratic network (`d` unless a width was given)."""
        return self.dim if self.width is None else self.width

    @property
    def effective_samples(self) -> float:
        """``n_eff``: `n` for the diagonal network, ``n/d`` for the quadratic one."""
        return self.samples if self.network == "diagonal" else self.samples / self.dim

    @property
    def alpha(self) -> float:
        """Sample ratio: ``n/d`` for the diagonal network, ``n/d^2`` for the quadratic one."""
        return self.samples / self.dim if self.network == "diagonal" else self.samples / self.dim**2

    @cached_property
    def spectrum(self) -> Spectrum:
        """Compressed spectrum of the teacher in the units of the network."""
        return self.teacher.spectrum(self.network)

    @cached_property
    def energy(self) -> float:
        """``Q0``: ``||theta*||^2`` or ``||S*||_F^2 / d``."""
        return self.teacher.energy_for(self.network)

    @property
    def null_risk(self) -> float:
        """Excess risk of predicting zero: ``Q0``, or ``2 Q0`` for the quadratic network."""
        return self.energy if self.network == "diagonal" else 2 * self.energy

    def penalty_from_weight_decay(self, weight_decay: float) -> float:
        """Reduced penalty ``pen = lam sqrt(p/d)`` of the quadratic network."""
        return weight_decay * np.sqrt(self.effective_width / self.dim)

    def weight_decay_from_penalty(self, penalty: float) -> float:
        """Weight decay ``lam = pen sqrt(d/p)`` of the quadratic network."""
        return penalty * np.sqrt(self.dim / self.effective_width)

    def regularisation(self, weight_decay: float | None, penalty: float | None) -> tuple[float, float | None]:
        """Check the two ways to say it and return both: ``(lam, pen)``, `pen` being None for the diagonal network.

        Raises
        ------
        InvalidArgument
            Unless exactly one is given, a finite number ``>= 0``; `penalty` needs the quadratic network.
        """
        if (weight_decay is None) == (penalty is None):
            given = "neither" if penalty is None else "both"
            raise InvalidArgument("weight_decay / penalty", given, "give exactly one of the two")
        if penalty is not None:
            if self.network == "diagonal":
                raise InvalidArgument("penalty", penalty, "applies to the quadratic network only; use weight_decay")
            pen = check_number("penalty", penalty)
            return float(self.weight_decay_from_penalty(pen)), pen
        lam = check_number("weight_decay", weight_decay)
        return lam, float(self.penalty_from_weight_decay(lam)) if self.network == "quadratic" else None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready description."""
        return {
            "network": self.network,
            "teacher": self.teacher.to_dict(),
            "dim": self.dim,
            "samples": self.samples,
            "effective_samples": self.effective_samples,
            "noise": self.noise,
            "width": self.effective_width if self.network == "quadratic" else None,
        }


def effective_diagonal(a: ArrayLike, w: ArrayLike) -> FloatArray:
    """Effective weights ``theta = a * w / sqrt(d)`` of the diagonal network; `a`, `w` of shape (d,)."""
    a, w = np.asarray(a, dtype=float), np.asarray(w, dtype=float)
    return a * w / np.sqrt(a.shape[-1])


def balanced_diagonal(theta: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """The ``(a, w)`` of least ``||a||^2 + ||w||^2`` with effective weights `theta`: ``|a| = |w|``."""
    theta = np.asarray(theta, dtype=float)
    size = np.sqrt(np.abs(theta) * np.sqrt(theta.shape[-1]))
    return size, np.sign(theta) * size


def effective_quadratic(weights: ArrayLike) -> FloatArray:
    """Effective weights ``S = W^T W / sqrt(p d)``, shape (d, d); `weights` is `W` of shape (p, d)."""
    weights = np.asarray(weights, dtype=float)
    return weights.T @ weights / np.sqrt(weights.shape[0] * weights.shape[1])


def factor_quadratic(matrix: ArrayLike, width: int | None = None) -> FloatArray:
    """A `W` of shape (p, d) with effective weights `matrix`, a PSD matrix of rank at most ``p = width``.

    Raises
    ------
    InvalidArgument
        If `matrix` is not symmetric positive semidefinite of rank at most `width`, to rounding.
    """
    matrix = np.asarray(matrix, dtype=float)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.allclose(matrix, matrix.T):
        raise InvalidArgument("matrix", f"array of shape {matrix.shape}", "must be a symmetric matrix")
    d = matrix.shape[0]
    p = d if width is None else width
    values, vectors = np.linalg.eigh(matrix)
    tolerance = 1e-10 * max(abs(values[0]), abs(values[-1]))
    if values[0] < -tolerance:
        raise InvalidArgument("matrix", f"smallest eigenvalue {values[0]:g}", "must be positive semidefinite")
    rank = int((values > tolerance).sum())
    if rank > p:
        raise InvalidArgument("matrix", f"rank {rank}", f"must have rank at most width = {p}")
    keep = min(p, d)
    top = vectors[:, -keep:] * np.sqrt(np.maximum(values[-keep:], 0) * np.sqrt(p * d))
    return np.concatenate([top.T, np.zeros((p - keep, d))])
