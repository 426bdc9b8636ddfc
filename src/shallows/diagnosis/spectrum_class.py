"""Which of the paper's spectra a law or a matrix has: counts of learned modes, in and out of the noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..spectra import LearnedLaw

#: Fewer modes out of the bulk are spikes, each by itself; from here on they are a tail.
SPIKES = 10.0
#: A bulk of less than this share of the learned modes is gone.
BULK_SHARE = 0.1
#: Half a mode is none.
NONE = 0.5


@dataclass(frozen=True)
class ModeCounts:
    """Learned modes of a spectrum.

    Attributes
    ----------
    learned : float
        That are not zero.
    out : float
        Beyond the edge of the noise by more than it fluctuates.

    Examples
    --------
    >>> from shallows.diagnosis.spectrum_class import ModeCounts
    >>> [ModeCounts(*counts).name for counts in [(0, 0), (30, 0), (30, 3), (60, 20), (60, 58)]]
    ['collapsed', 'noise', 'bulk+spikes', 'bleed-out', 'heavy-tail']
    """

    learned: float
    out: float

    @property
    def name(self) -> str:
        """The class."""
        if self.learned < NONE:
            return "collapsed"
        if self.out < NONE:
            return "noise"
        if self.out < SPIKES:
            return "bulk+spikes"
        return "heavy-tail" if self.learned - self.out < BULK_SHARE * self.learned else "bleed-out"

    @property
    def close(self) -> bool:
        """Whether a slightly different count would be of another class."""
        share = (self.learned - self.out) / max(self.learned, NONE)
        if self.out >= SPIKES / 1.4:
            return self.out < 1.4 * SPIKES or BULK_SHARE / 2 < share < 2 * BULK_SHARE
        return self.learned < 3 or 0.25 < self.out < 1.5


def counts_of(law: LearnedLaw) -> ModeCounts:
    """Expected counts of a law (theory note, section 5).

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, predict
    >>> from shallows.diagnosis.spectrum_class import counts_of
    >>> problem = Problem("quadratic", PowerLaw(dim=200, gamma=1.25), samples=4000, noise=0.1)
    >>> [counts_of(predict(problem, weight_decay=decay).spectrum).name for decay in (0.01, 0.2, 100.0)]
    ['bulk+spikes', 'bulk+spikes', 'collapsed']
    """
    network, dim = law.problem.architecture, law.problem.dim
    edge = 0.0 if law.bulk is None else law.bulk[1]
    if law.bulk is not None and network.sharp_bulk:
        edge += network.noise_edge(law.noise_scale, dim) - network.noise_edge(law.noise_scale, dim, 0.0)
    out = sum(one.multiplicity for one in law.outliers if one.learned > edge)
    learned = dim * (1 - law.mass_at_zero)
    return ModeCounts(max(learned, out), out)
