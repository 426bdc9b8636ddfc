"""The four-term decomposition of the excess risk (theory note, section 6; arXiv 2509.24882)."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ..freeprob.contour import between_integrals, learned_error, path_integrals, unlearned
from ..state_evolution.diagonal import excess_moments, soft_threshold_moments

if TYPE_CHECKING:
    from .diagonal_law import DiagonalLaw
    from .quadratic_law import QuadraticLaw


@dataclass(frozen=True)
class Decomposition:
    """Where the excess risk comes from; the four terms add up to it.

    Attributes
    ----------
    overfitting : float
        Learned noise: energy of the learned weights inside the bulk, ``>= 0``.
    underfitting : float
        Energy of the teacher's modes that stay in the bulk, ``>= 0``.
    approximation : float
        Error on the learned modes (shrinkage and rotation), ``>= 0``.
    alignment : float
        Signal hidden in the bulk that the learned noise happens to fit, ``<= 0``.
    """

    overfitting: float
    underfitting: float
    approximation: float
    alignment: float

    @property
    def total(self) -> float:
        """Sum of the four terms."""
        return math.fsum((self.overfitting, self.underfitting, self.approximation, self.alignment))

    def to_dict(self) -> dict[str, float]:
        """JSON-ready."""
        return asdict(self)


def _quadratic(law: QuadraticLaw) -> Decomposition:
    s, w, variance = law._atoms
    zeta = law.threshold
    u, v = law.cut
    if law.bulk_cut is None:
        edge, edge_v = s[-1] - law.noise_scale - abs(s[-1]), 0.0  # left of everything: all modes are out
    else:
        edge, edge_v = law.bulk_cut
    above_edge = path_integrals(edge, edge_v, zeta, variance, s, w, True)
    under = unlearned(edge, edge_v, variance, s, w, above_edge[3])
    if u < edge:
        inside = between_integrals(u, v, edge, edge_v, zeta, variance, s, w)
        over, align = inside[0], -2 * inside[1]
        approximation = learned_error(edge, edge_v, zeta, variance, s, w, above_edge)
    else:
        above = path_integrals(u, v, zeta, variance, s, w, True)
        over = align = 0.0
        lost = unlearned(u, v, variance, s, w, above[3]) - under
        approximation = lost + learned_error(u, v, zeta, variance, s, w, above)
    return Decomposition(*(2 * float(term) for term in (over, under, approximation, align)))


def _diagonal(law: DiagonalLaw) -> Decomposition:
    tau, zeta = law.noise_scale, law.threshold
    over, under, approximation, align = [], [], [], []
    spectrum = law.problem.spectrum
    for mode, count in zip(spectrum.values, spectrum.multiplicities, strict=True):
        if mode > tau:
            approximation.append(count * soft_threshold_moments(mode, tau, zeta)[0])
        else:
            first, second, _ = excess_moments((zeta - mode) / tau)
            first_down, second_down, _ = excess_moments((zeta + mode) / tau)
            over.append(count * tau**2 * (second + second_down))
            under.append(count * mode**2)
            align.append(-2 * count * mode * tau * (first - first_down))
    return Decomposition(*(float(math.fsum(terms)) for terms in (over, under, approximation, align)))


def decompose(law: DiagonalLaw | QuadraticLaw) -> Decomposition:
    """Split the excess risk of the weights described by `law`, in units of the excess risk."""
    from .diagonal_law import DiagonalLaw

    if law.noise_scale == 0.0:
        return Decomposition(0.0, 0.0, 0.0, 0.0)
    return _diagonal(law) if isinstance(law, DiagonalLaw) else _quadratic(law)
