"""The teacher as the inputs show it: whitened, and beside the variances of the inputs (theory note, section 13).

Directions without variance are in no input. The teacher's part along them is in no label and in no risk, and is left
out here; its energy is the one of what is seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .._display import Displayed
from ..teachers import compress_pairs, compressed_ranks

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..networks import Network
    from ..teachers import LowRank, PowerLaw, Teacher


@dataclass(frozen=True, eq=False, repr=False)
class PairedSpectrum(Displayed):
    """Modes of a whitened teacher that shares its directions with the covariance, each with the variance along it.

    Attributes
    ----------
    values : ndarray, shape (m,)
        Modes of the whitened teacher, ``>= 0``.
    variances : ndarray, shape (m,)
        Eigenvalue of the covariance along each, positive.
    multiplicities : ndarray, shape (m,)
        How many modes each stands for; they add up to the number of directions that inputs have.
    dim : int
        Number of directions, with those that no input has.

    Examples
    --------
    >>> from shallows import GaussianDesign, PowerLaw, Problem
    >>> pairs = Problem("diagonal", PowerLaw(10**6, 1.0), 500, design=GaussianDesign(0.5)).seen
    >>> pairs.values.size < 1000, round(pairs.multiplicities.sum())
    (True, 1000000)
    >>> round(float(pairs.multiplicities @ pairs.variances) / 10**6, 6)
    1.0
    """

    values: FloatArray
    variances: FloatArray
    multiplicities: FloatArray
    dim: int

    def sum_of_squares(self, network: Network) -> float:
        """Of the modes that are seen."""
        return float(self.multiplicities @ self.values**2)

    @cached_property
    def coarse(self) -> PairedSpectrum:
        """A rough stand-in of a few dozen pairs: where solvers start."""
        values, variances, counts = compress_pairs(self.values, self.variances, self.multiplicities)
        return PairedSpectrum(values, variances, counts, self.dim)

    @classmethod
    def of(cls, network: Network, teacher: Teacher, variances: FloatArray) -> PairedSpectrum:
        """Pairs by position."""
        values = np.abs(teacher.values(network.name))
        kept = variances > 0
        pairs, counts = np.unique(np.stack([values[kept], variances[kept]]), axis=1, return_counts=True)
        order = np.lexsort((pairs[1], -pairs[0]))
        return cls(pairs[0][order], pairs[1][order], counts[order].astype(float), teacher.dim)

    @classmethod
    def of_power_laws(cls, network: Network, teacher: PowerLaw, exponent: float) -> PairedSpectrum:
        """Rank by rank, in groups where there are many."""
        ranks, counts = compressed_ranks(teacher.dim)
        shape = ranks**-teacher.gamma
        energy = teacher.energy * network.modes_per_energy(teacher.dim)
        values = np.sqrt(energy / (counts @ shape**2)) * shape
        variances = ranks**-exponent
        return cls(values, variances * (teacher.dim / (counts @ variances)), np.array(counts), teacher.dim)

    @classmethod
    def of_leading_modes(cls, network: Network, teacher: LowRank, exponent: float) -> PairedSpectrum:
        """The same for a few modes among many: the others differ by their variances alone."""
        ranks, counts = compressed_ranks(teacher.dim)
        values = np.zeros(ranks.size)
        values[: teacher.rank] = teacher.leading(network.name)
        variances = ranks**-exponent
        return cls(values, variances * (teacher.dim / (counts @ variances)), np.array(counts), teacher.dim)


@dataclass(frozen=True, eq=False, repr=False)
class RotatedTeacher(Displayed):
    """A whitened teacher whose directions are not those of the covariance.

    Attributes
    ----------
    values : ndarray, shape (d,)
        Modes of the whitened teacher.
    variances : ndarray, shape (r,)
        Positive eigenvalues of the covariance.
    basis : ndarray, shape (r, d)
        Column ``k``: the teacher's direction ``k`` in the eigenvectors of the covariance that have variance.
    dim : int

    Examples
    --------
    >>> from shallows import GaussianDesign, PowerLaw, Problem
    >>> teacher = Problem("quadratic", PowerLaw(20, 1.0), 500, design=GaussianDesign(0.5, alignment="random")).seen
    >>> teacher.matrix.shape, round(float((teacher.matrix**2).sum()) / 20, 12)
    ((20, 20), 1.0)
    """

    values: FloatArray
    variances: FloatArray
    basis: FloatArray
    dim: int

    @cached_property
    def matrix(self) -> FloatArray:
        """``M*`` in the eigenvectors of the covariance that have variance, shape (r, r)."""
        return (self.basis * self.values) @ self.basis.T

    @cached_property
    def vector(self) -> FloatArray:
        """``Sigma^(1/2) theta*`` in those eigenvectors, shape (r,)."""
        return self.basis @ self.values

    def sum_of_squares(self, network: Network) -> float:
        """Of the modes that are seen."""
        return float(np.square(self.matrix if network.is_matrix else self.vector).sum())
