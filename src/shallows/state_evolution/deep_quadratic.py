"""State evolution of the deep quadratic network: the threshold of ``zeta x^(1/k)``, whose jump ends the region.

Theory note, section 14: section 3 with another function of the noisy eigenvalues, by the same contour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._kernels import kernel
from ..freeprob.contour import find_position, height, unlearned
from ..freeprob.paths import FINE
from ..freeprob.power_contour import power_integrals, power_learned_error
from ..freeprob.power_threshold import unit_of_threshold
from ..power_prox import jump_of
from .protocol import STATE_EVOLUTIONS
from .quadratic import QuadraticStateEvolution, energy_of

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..networks import Quadratic


#: What compiled kernels call this network.
DEEP_QUADRATIC = 3
#: Variance of the noise over the teacher's energy from which on terms of the size of the noise are too large.
NOISY = 1e5


@kernel
def power_moments(u, unit, power, variance, s, w, fineness):
    """``(E, A)`` of the estimator of threshold unit `unit` and penalty ``x^power`` kept above ``x(u)``."""
    v = height(u, variance, s, w)
    energy = energy_of(s, w)
    if u >= s[0] and v == 0.0:
        return energy, 0.0
    integrals = power_integrals(u, v, unit, power, variance, s, w, fineness)
    if variance > NOISY * energy:
        return energy + integrals[0] - 2.0 * integrals[1], integrals[2]
    # That difference cancels where much is learned, and its terms are as large as the largest mode squared, which next
    # to a bulk of any mass leaves nothing of them: the same number from small terms.
    error = unlearned(u, v, variance, s, w, integrals[3]) + power_learned_error(u, v, variance, s, w, integrals[4])
    return error, integrals[2]


@kernel
def power_moments_at(noise_scale, unit, power, s, w, fineness):
    """``(E, A)`` at any noise scale and threshold unit ``c``."""
    variance = noise_scale * noise_scale
    u = find_position(unit * jump_of(power)[0], variance, s, w)
    return power_moments(u, unit, power, variance, s, w, fineness)


class DeepQuadraticStateEvolution(QuadraticStateEvolution):
    """Integrals over the spectrum of ``S* + delta GOE`` right of the jump.

    Parameters
    ----------
    network : Quadratic
        Of depth ``k``.
    """

    code = DEEP_QUADRATIC
    has_several = True

    def __init__(self, network: Quadratic) -> None:
        self.power = network.penalty_exponent
        self.threshold_power = 2 - self.power

    def moments(
        self, noise_scale: float, threshold: float, rank_share: float, values: FloatArray, weights: FloatArray
    ) -> tuple[float, float]:
        unit = unit_of_threshold(threshold, self.power)
        return power_moments_at(noise_scale, unit, self.power, values, weights, FINE)

    def silencing_threshold(self, largest_mode: float, noise_scale: float) -> float:
        beyond = super().silencing_threshold(largest_mode, noise_scale)
        return float((beyond / jump_of(self.power)[0]) ** self.threshold_power)


STATE_EVOLUTIONS.register_for_each("deep_quadratic")(DeepQuadraticStateEvolution)
