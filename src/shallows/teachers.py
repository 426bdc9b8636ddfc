"""Teachers: the spectrum of the target network, stored compressed.

A teacher of `d` modes is handed to the solvers as a :class:`Spectrum`: at most some six hundred
atoms with multiplicities, whatever `d` is. Small teachers are kept exactly. In large ones the leading
modes are kept one by one and the others are grouped into cells, each replaced by the nodes of the
Gauss quadrature of its own counting measure, so that every sum over modes of a function smooth on
the scale of a cell comes out to many digits.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ._arguments import check_number
from ._display import Displayed, Summary
from .errors import InvalidArgument
from .networks import network_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from ._types import FloatArray

#: A spectrum of at most this many distinct atoms is stored as it is.
EXACT_LIMIT = 512
#: Of a larger one, this many leading modes are stored one by one,
LEADING = 300
#: the rest in cells over which the rank grows by this factor,
CELL_RATIO = 1.15
#: each represented by this many Gauss nodes, and over which values fall by at most this factor.
CELL_NODES = 4
CELL_FALL = 1.3

#: Given values beyond this would leave the range of floating-point numbers when squared and compared.
MOST_VALUE = 1e50
#: Where a finer grouping is asked for, about this many atoms at most.
RESOLVED_LIMIT = 20_000

_COARSE_LEADING, _COARSE_RATIO, _COARSE_NODES = 12, 1.8, 3


@dataclass(frozen=True, eq=False, repr=False)
class Spectrum(Displayed):
    """Atoms of a discrete spectrum, with multiplicities.

    Attributes
    ----------
    values : ndarray, shape (m,)
        Distinct atoms, sorted in decreasing order, all ``>= 0``.
    multiplicities : ndarray, shape (m,)
        How many modes each atom stands for (real numbers after compression); they add up to `dim`.
    dim : int
        Number of modes.

    Examples
    --------
    >>> from shallows import PowerLaw
    >>> spectrum = PowerLaw(dim=10**6, gamma=1.25).spectrum("diagonal")
    >>> spectrum.values.size < 1000, round(spectrum.multiplicities.sum())
    (True, 1000000)
    >>> round(spectrum.sum_of_squares(), 9)
    1.0
    """

    values: FloatArray
    multiplicities: FloatArray
    dim: int

    def __post_init__(self) -> None:
        # One memory layout for all: a kernel compiled for another one rounds differently, and which of them serves a
        # call would depend on the calls before it.
        for name in ("values", "multiplicities"):
            object.__setattr__(self, name, np.array(getattr(self, name), dtype=float, order="C"))

    @property
    def weights(self) -> FloatArray:
        """Share of each atom in the spectral measure, adding up to 1."""
        return self.multiplicities / self.dim

    @cached_property
    def coarse(self) -> Spectrum:
        """A rough stand-in of a few dozen atoms, good to about a percent: where solvers start."""
        if self.values.size <= 3 * _COARSE_LEADING:
            return self
        values, multiplicities = _compress_cells(
            self.values, self.multiplicities, _COARSE_LEADING, _COARSE_RATIO, math.inf, _COARSE_NODES
        )
        return Spectrum(values, multiplicities, self.dim)

    def sum_of_squares(self) -> float:
        """Sum over all modes of the squared value."""
        return float(self.multiplicities @ self.values**2)


def _is_real(value: object) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _check_dim(dim: object, minimum: int = 2) -> int:
    if not _is_real(dim) or not np.isfinite(dim) or dim != int(dim) or dim < minimum:  # type: ignore[call-overload,operator]
        raise InvalidArgument("dim", dim, f"must be an integer >= {minimum}")
    return int(dim)  # type: ignore[call-overload]


class Teacher(Displayed, ABC):
    """The target network, through the spectrum of its effective weights.

    For the diagonal network the modes are the entries of ``theta*`` and the energy is
    ``Q0 = sum_k theta*_k^2``; for the quadratic network they are the eigenvalues of ``S*`` and
    ``Q0 = (1/d) sum_k s_k^2`` (theory note, section 1).

    Examples
    --------
    >>> from shallows import LowRank
    >>> teacher = LowRank(dim=4, rank=2)
    >>> teacher.values("diagonal").round(4)
    array([0.7071, 0.7071, 0.    , 0.    ])
    >>> round(teacher.energy_for("quadratic"), 12), teacher.values("quadratic").round(4)
    (1.0, array([1.4142, 1.4142, 0.    , 0.    ]))
    """

    dim: int

    def _summary(self) -> Summary:
        return Summary("Teacher", [("", self.describe()), ("dimension", str(self.dim))])

    @abstractmethod
    def spectrum(self, network: str) -> Spectrum:
        """Compressed spectrum (absolute values), in the units of `network`."""

    @abstractmethod
    def values(self, network: str) -> FloatArray:
        """All `dim` modes one by one, in the units of `network`. Costs memory proportional to `dim`."""

    def resolved(self, network: str, scale: float) -> Spectrum:
        """Spectrum whose grouped modes are no further apart than `scale`, as far as memory allows.

        For functionals that can tell a grid of modes from a continuum (posterior means), where
        :meth:`spectrum` is meant for sums.
        """
        return self.spectrum(network)

    def energy_for(self, network: str) -> float:
        """The energy ``Q0`` in the units of `network`."""
        return self.spectrum(network).sum_of_squares() / network_named(network).modes_per_energy(self.dim)

    def coincidence(self) -> float:
        """Chance that two modes, drawn independently, are equal: the sum of squared shares of the values."""
        _, counts = np.unique(np.abs(self.values("diagonal")), return_counts=True)
        return float(np.square(counts / self.dim).sum())

    @abstractmethod
    def describe(self) -> str:
        """One phrase for reports."""

    @abstractmethod
    def to_dict(self) -> dict[str, object]:
        """JSON-ready description, enough to build the teacher again where it is small."""


@dataclass(frozen=True)
class PowerLaw(Teacher):
    """Modes ``c k^-gamma``, ``k = 1..dim``, with `c` set by the energy.

    Parameters
    ----------
    dim : int
        Number of modes, at least 2; up to 10^9 and beyond at no extra cost.
    gamma : float
        Decay exponent, above 1/2.
    energy : float
        ``Q0`` (default 1).

    Raises
    ------
    InvalidArgument
        For unusable arguments.

    Examples
    --------
    >>> from shallows import PowerLaw
    >>> modes = PowerLaw(dim=3, gamma=1.0).values("diagonal")
    >>> (modes / modes[0]).round(4)
    array([1.    , 0.5   , 0.3333])
    """

    dim: int
    gamma: float
    energy: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "dim", _check_dim(self.dim))
        if not _is_real(self.gamma) or not np.isfinite(self.gamma) or self.gamma <= 0.5:
            raise InvalidArgument("gamma", self.gamma, "must be a finite number > 1/2")
        object.__setattr__(self, "gamma", float(self.gamma))
        object.__setattr__(self, "energy", check_number("energy", self.energy))

    def spectrum(self, network: str) -> Spectrum:
        return _power_law_spectrum(
            self.dim, self.gamma, self.energy * network_named(network).modes_per_energy(self.dim)
        )

    def resolved(self, network: str, scale: float) -> Spectrum:
        plain = self.spectrum(network)
        if self.dim <= EXACT_LIMIT or self.energy == 0:
            return plain
        c = float(plain.values[0])
        if self.dim <= RESOLVED_LIMIT:
            return Spectrum(c * np.arange(1.0, self.dim + 1) ** -self.gamma, np.ones(self.dim), self.dim)
        ranks, counts = [np.arange(1.0, LEADING + 1)], [np.ones(LEADING)]
        finest = self.gamma * CELL_NODES * math.log(self.dim / LEADING) / RESOLVED_LIMIT
        start = LEADING + 1
        while start <= self.dim:
            value = start**-self.gamma
            left = value - max(2 * scale / c, finest * value)
            reach = math.inf if left <= 0 else left ** (-1 / self.gamma)
            stop = int(min(self.dim + 1, start * CELL_RATIO + CELL_NODES, max(reach, start + CELL_NODES)))
            offsets, weights = _uniform_gauss(stop - start)
            ranks.append(start + offsets)
            counts.append(weights)
            start = stop
        all_ranks, all_counts = np.concatenate(ranks), np.concatenate(counts)
        return Spectrum(c * all_ranks**-self.gamma, all_counts, self.dim)

    def coincidence(self) -> float:
        return 1.0 if self.energy == 0 else 1 / self.dim

    def values(self, network: str) -> FloatArray:
        shape = np.arange(1, self.dim + 1, dtype=float) ** -self.gamma
        return shape * np.sqrt(self.energy * network_named(network).modes_per_energy(self.dim) / (shape @ shape))

    def describe(self) -> str:
        return f"power law, gamma = {self.gamma:g}, {self.dim} modes"

    def to_dict(self) -> dict[str, object]:
        return {"kind": "power_law", "dim": self.dim, "gamma": self.gamma, "energy": self.energy}


@dataclass(frozen=True)
class LowRank(Teacher):
    """`rank` non-zero modes among `dim`: all equal, or proportional to `profile`.

    Parameters
    ----------
    dim, rank : int
        ``1 <= rank <= dim``.
    energy : float
        ``Q0`` (default 1).
    profile : sequence of `rank` positive numbers, optional
        Relative sizes of the modes (default: all equal).

    Raises
    ------
    InvalidArgument
        For unusable arguments.

    Examples
    --------
    >>> from shallows import LowRank
    >>> LowRank(dim=4, rank=2, energy=5.0, profile=[1, 2]).values("diagonal").round(12)
    array([2., 1., 0., 0.])
    """

    dim: int
    rank: int
    energy: float = 1.0
    profile: Sequence[float] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "dim", _check_dim(self.dim))
        if not _is_real(self.rank) or self.rank != int(self.rank) or not 1 <= self.rank <= self.dim:
            raise InvalidArgument("rank", self.rank, f"must be an integer from 1 to dim = {self.dim}")
        object.__setattr__(self, "rank", int(self.rank))
        object.__setattr__(self, "energy", check_number("energy", self.energy))
        if self.profile is not None:
            profile = np.asarray(self.profile, dtype=float)
            if profile.shape != (self.rank,) or not np.all(np.isfinite(profile) & (profile > 0)):
                raise InvalidArgument("profile", self.profile, f"must be {self.rank} finite positive numbers")
            object.__setattr__(self, "profile", tuple(float(p) for p in profile))

    def _nonzero(self, network: str) -> FloatArray:
        shape = np.sort(np.asarray(self.profile if self.profile is not None else np.ones(self.rank), dtype=float))[::-1]
        return shape * np.sqrt(self.energy * network_named(network).modes_per_energy(self.dim) / (shape @ shape))

    def spectrum(self, network: str) -> Spectrum:
        zeros = self.dim - self.rank
        if self.profile is None:
            values, counts = self._nonzero(network)[:1], np.array([float(self.rank)])
        else:
            values, counts = _compress_sorted(self._nonzero(network))
        if zeros:
            values, counts = np.append(values, 0.0), np.append(counts, float(zeros))
        return Spectrum(values, counts, self.dim)

    def values(self, network: str) -> FloatArray:
        return np.concatenate([self._nonzero(network), np.zeros(self.dim - self.rank)])

    def describe(self) -> str:
        return f"rank {self.rank} of {self.dim}" + ("" if self.profile is None else ", given profile")

    def to_dict(self) -> dict[str, object]:
        profile = None if self.profile is None else list(self.profile)
        return {"kind": "low_rank", "dim": self.dim, "rank": self.rank, "energy": self.energy, "profile": profile}


@dataclass(frozen=True, eq=False, repr=False)
class FromValues(Teacher):
    """Modes given one by one, taken as they are: no rescaling.

    Parameters
    ----------
    array : array_like, shape (dim,)
        Entries of ``theta*`` (diagonal network) or eigenvalues of ``S*`` (quadratic network, all
        ``>= 0``), in any order.
    name : str
        What error messages call it.

    Attributes
    ----------
    dim : int
        Number of modes `d`.

    Raises
    ------
    InvalidArgument
        Unless it is a vector of at least two finite numbers; for the quadratic network, when a problem is made of it,
        if one is negative.

    Examples
    --------
    >>> from shallows import FromValues
    >>> teacher = FromValues([0.5, -2.0, 0.0])
    >>> teacher.energy_for("diagonal"), teacher.spectrum("diagonal").values.tolist()
    (4.25, [2.0, 0.5, 0.0])
    """

    array: FloatArray
    name: str = "spectrum"
    dim: int = field(init=False)

    def __init__(self, array: ArrayLike, name: str = "spectrum") -> None:
        try:
            if np.iscomplexobj(array):
                raise TypeError("complex numbers")
            values = np.array(array, dtype=float)
        except (TypeError, ValueError) as error:
            raise InvalidArgument(name, type(array).__name__, "must be a list of numbers") from error
        if values.ndim == 2 and 1 in values.shape:
            values = values.ravel()
        if values.ndim != 1 or values.size < 2:
            raise InvalidArgument(
                name, f"array of shape {values.shape}", "must be one-dimensional with at least 2 values"
            )
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise InvalidArgument(name, f"{values[bad[0]]} at position {bad[0]}", "every value must be finite")
        large = np.flatnonzero(np.abs(values) > MOST_VALUE)
        if large.size:
            found = f"{values[large[0]]:g} at position {large[0]}"
            raise InvalidArgument(
                name, found, f"no value may be larger than {MOST_VALUE:g}: its square has to stay a number"
            )
        values.setflags(write=False)
        object.__setattr__(self, "array", values)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "dim", int(values.size))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FromValues) and np.array_equal(self.array, other.array)

    def __hash__(self) -> int:
        return hash(self.array.tobytes())

    def check_network(self, network: str) -> None:
        """Raise :class:`InvalidArgument` if the values cannot be a teacher of `network`."""
        if network_named(network).is_matrix and (self.array < 0).any():
            bad = int(np.flatnonzero(self.array < 0)[0])
            raise InvalidArgument(
                self.name,
                f"{self.array[bad]:g} at position {bad}",
                f"every value must be >= 0 for the {network} network (its effective weights are positive semidefinite)",
            )

    def spectrum(self, network: str) -> Spectrum:
        self.check_network(network)
        return self._compressed

    def resolved(self, network: str, scale: float) -> Spectrum:
        distinct, counts = np.unique(np.abs(self.array), return_counts=True)
        if distinct.size > RESOLVED_LIMIT:
            return self.spectrum(network)
        return Spectrum(distinct[::-1].copy(), counts[::-1].astype(float), self.dim)

    @property
    def _compressed(self) -> Spectrum:
        cached = self.__dict__.get("_spectrum")
        if cached is None:
            values, counts = _compress_sorted(np.sort(np.abs(self.array))[::-1])
            cached = Spectrum(values, counts, self.dim)
            object.__setattr__(self, "_spectrum", cached)
        return cached

    def values(self, network: str) -> FloatArray:
        self.check_network(network)
        return np.array(self.array)

    def describe(self) -> str:
        return f"{self.dim} given values"

    def to_dict(self) -> dict[str, object]:
        values = [float(v) for v in self.array] if self.dim <= EXACT_LIMIT else None
        return {"kind": "values", "dim": self.dim, "values": values}


@lru_cache(maxsize=256)
def _power_law_spectrum(dim: int, gamma: float, total: float) -> Spectrum:
    """Compressed ``c k^-gamma`` whose squares add up to `total`."""
    if total == 0:
        return Spectrum(np.zeros(1), np.array([float(dim)]), dim)
    ranks, multiplicities = _compressed_ranks(dim)
    shape = ranks**-gamma
    return Spectrum(np.sqrt(total / (multiplicities @ shape**2)) * shape, multiplicities, dim)


@lru_cache(maxsize=64)
def _compressed_ranks(dim: int) -> tuple[FloatArray, FloatArray]:
    """Ranks (real numbers) and multiplicities that stand for ``1..dim``."""
    if dim <= EXACT_LIMIT:
        ranks, counts = np.arange(1.0, dim + 1), np.ones(dim)
    else:
        rank_parts, count_parts = [np.arange(1.0, LEADING + 1)], [np.ones(LEADING)]
        start = LEADING + 1
        while start <= dim:
            stop = min(dim + 1, max(start + CELL_NODES, round(start * CELL_RATIO)))
            offsets, counts = _uniform_gauss(stop - start)
            rank_parts.append(start + offsets)
            count_parts.append(counts)
            start = stop
        ranks, counts = np.concatenate(rank_parts), np.concatenate(count_parts)
    ranks.setflags(write=False)
    counts.setflags(write=False)
    return ranks, counts


def _uniform_gauss(size: int) -> tuple[FloatArray, FloatArray]:
    """Gauss quadrature of the counting measure on ``0..size-1`` (discrete Chebyshev polynomials)."""
    if size <= CELL_NODES:
        return np.arange(float(size)), np.ones(size)
    j = np.arange(1.0, CELL_NODES)
    off = np.sqrt(j**2 * (float(size) ** 2 - j**2) / (4 * (4 * j**2 - 1)))
    nodes, vectors = np.linalg.eigh(np.diag(off, 1) + np.diag(off, -1))
    return nodes + (size - 1) / 2, size * vectors[0] ** 2


def _compress_sorted(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Atoms and multiplicities that stand for `values`, sorted decreasing and ``>= 0``."""
    ascending, repeats = np.unique(values, return_counts=True)
    distinct, counts = ascending[::-1], repeats[::-1].astype(float)
    if distinct.size <= EXACT_LIMIT:
        return distinct, counts
    return _compress_cells(distinct, counts, LEADING, CELL_RATIO, CELL_FALL, CELL_NODES)


def _compress_cells(
    values: FloatArray, counts: FloatArray, leading: int, ratio: float, fall: float, nodes: int
) -> tuple[FloatArray, FloatArray]:
    """Keep the `leading` atoms; group the others into cells of growing rank, `nodes` Gauss nodes each.

    A cell ends where the values have fallen by the factor `fall`.
    """
    # Below this, values are one cell near zero: they carry no energy and no sum can tell them apart.
    floor = 1e-13 * values[0]
    atoms, multiplicities = [values[:leading]], [counts[:leading]]
    start = leading
    while start < values.size:
        stop = min(values.size, max(start + 1, round(start * ratio)))
        if values[start] > floor:
            smallest = max(values[start] / fall, floor)
            within = int(np.searchsorted(-values[start:stop], -smallest, side="right"))
            stop = start + max(1, within)
        points, weights = _discrete_gauss(values[start:stop], counts[start:stop], nodes)
        atoms.append(points)
        multiplicities.append(weights)
        start = stop
    merged, weights = np.concatenate(atoms), np.concatenate(multiplicities)
    order = np.argsort(-merged, kind="stable")
    return np.maximum(merged[order], 0.0), weights[order]


def _discrete_gauss(points: FloatArray, weights: FloatArray, order: int) -> tuple[FloatArray, FloatArray]:
    """Gauss quadrature with `order` nodes of a discrete measure, by the Lanczos (Stieltjes) recurrence."""
    if points.size <= order:
        return points, weights
    centre, half = 0.5 * (points[0] + points[-1]), 0.5 * (points[0] - points[-1])
    if half <= 1e-15 * abs(centre) or half < 1e-300:  # one value, to rounding
        return points[:1], np.array([weights.sum()])
    x = (points - centre) / half
    total = weights.sum()
    previous, current = np.zeros_like(x), np.full_like(x, 1 / np.sqrt(total))
    diagonal, off = np.zeros(order), np.zeros(order)
    for j in range(order):
        diagonal[j] = weights @ (x * current**2)
        following = (x - diagonal[j]) * current - (off[j - 1] * previous if j else 0.0)
        off[j] = np.sqrt(weights @ following**2)
        if off[j] < 1e-12:  # fewer distinct points than nodes, to rounding
            diagonal, off = diagonal[: j + 1], off[: j + 1]
            break
        previous, current = current, following / off[j]
    nodes, vectors = np.linalg.eigh(
        np.diag(diagonal) + np.diag(off[: diagonal.size - 1], 1) + np.diag(off[: diagonal.size - 1], -1)
    )
    return (centre + half * nodes)[::-1], (total * vectors[0] ** 2)[::-1]
