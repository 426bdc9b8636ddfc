"""The Marchenko-Pastur law of rectangular noise, in closed form.

Entries have variance ``1/n`` in a matrix of ``m`` rows and ``n`` columns, ``beta = m/n <= 1``; eigenvalues are those
of ``X X^T``. With ``h = sqrt(beta)`` they are written ``x = 1 + h^2 + 2 h cos(t)``: the angle ``t`` runs from 0 at the
upper edge to pi at the lower one, and its density is ``(2/pi) sin(t)^2 / x``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .._types import FloatArray


@dataclass(frozen=True)
class MarchenkoPastur:
    """The law for one shape ``beta``, from above 0 to 1.

    Examples
    --------
    >>> from shallows.freeprob.marchenko_pastur import MarchenkoPastur
    >>> MarchenkoPastur(0.25).edges
    (0.25, 2.25)
    """

    beta: float

    @property
    def root(self) -> float:
        return float(np.sqrt(self.beta))

    @property
    def edges(self) -> tuple[float, float]:
        """Smallest and largest eigenvalue."""
        return (1 - self.root) ** 2, (1 + self.root) ** 2

    def angle(self, x: ArrayLike) -> FloatArray:
        """Angles of eigenvalues `x`; beyond the edges, the nearer edge."""
        cosine = (np.asarray(x, dtype=float) - 1 - self.beta) / (2 * self.root)
        return np.arccos(np.clip(cosine, -1, 1))

    def density(self, x: ArrayLike) -> FloatArray:
        """Density of the eigenvalues at `x`."""
        x = np.asarray(x, dtype=float)
        low, high = self.edges
        inside = (x > low) & (x < high)
        safe = np.where(inside, x, 1.0)
        height = np.sqrt(np.maximum((high - safe) * (safe - low), 0)) / (2 * np.pi * self.beta * safe)
        return np.where(inside, height, 0.0)

    def _share_above(self, angle: FloatArray) -> FloatArray:
        h = self.root
        # tan(t/2) diverges at pi, where its arc tangent is pi/2
        last = np.arctan2((1 - h) * np.sin(angle / 2), (1 + h) * np.cos(angle / 2))
        return ((1 + h**2) * angle - 2 * (1 - h**2) * last - 2 * h * np.sin(angle)) / (2 * np.pi * h**2)

    def distribution(self, x: ArrayLike) -> FloatArray:
        """Share of the eigenvalues below `x`."""
        return np.clip(1 - self._share_above(self.angle(x)), 0, 1)

    def quantile(self, probability: ArrayLike) -> FloatArray:
        """Eigenvalues below which the shares `probability` lie, to 1e-9 of the width of the law."""
        wanted = 1 - np.asarray(probability, dtype=float)
        low, high = np.zeros_like(wanted), np.full_like(wanted, np.pi)
        for _ in range(40):
            middle = 0.5 * (low + high)
            below = self._share_above(middle) < wanted
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return 1 + self.beta + 2 * self.root * np.cos(0.5 * (low + high))

    @property
    def median(self) -> float:
        return float(self.quantile(0.5))

    def cosine_means(self, count: int) -> FloatArray:
        """Means of ``cos(k t)`` for ``k = 1 .. count``."""
        h = self.root
        k = np.arange(1, count + 1)
        means = -0.5 * (1 - h**2) * (-h) ** np.maximum(k - 2, 0)
        means[0] = -0.5 * h
        return means
