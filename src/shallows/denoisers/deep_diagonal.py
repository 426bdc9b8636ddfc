"""Rules for deep diagonal networks: the proximal map of ``zeta |theta|^(2/L)``, which jumps (theory note, 14)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from .._arguments import check_number
from .._kernels import kernel
from ..networks import Diagonal
from ..power_prox import beyond_jump, jump_of, power_prox, slopes
from ..state_evolution import threshold_for_strength
from ..state_evolution.fixed_point import moments
from .base import RULES, Denoised, Denoiser, register
from .diagonal import DiagonalRules

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..problems import Problem

#: Step in the logarithm of the threshold in the search for the largest that fits.
STEP = 0.1
#: Median size of a standard normal number.
NORMAL_MEDIAN = 0.6745


def density_width(noise_scale: float, count: int) -> float:
    """Width of the kernel that estimates the density of observations at a jump."""
    return float(noise_scale * count**-0.2)


@kernel
def _divergence(sizes, q, c, width):
    """Sum of slopes beyond the jump, and the jump's share: its height times the density of observations there."""
    edge, jump = jump_of(q)
    smooth = 0.0
    density = 0.0
    for i in range(sizes.size):
        if sizes[i] > edge * c:
            t = beyond_jump(sizes[i] / c, q)
            smooth += 1.0 / (1.0 - q * (1.0 - q) * t ** (q - 2.0)) if q < 1.0 else 1.0
        off = (sizes[i] - edge * c) / width
        if abs(off) < 9.0:
            density += math.exp(-0.5 * off * off)
    return smooth + jump * c * density / (width * math.sqrt(2.0 * math.pi))


@register
@dataclass(frozen=True)
class PowerThreshold(Denoiser):
    """``eta(u) = argmin_t (u - t)^2/2 + threshold |t|^(2/L)``: what weight decay does to a network of `L` layers.

    It jumps from zero to ``t_c c`` at ``u_c c``, with ``c = threshold^(1/(2 - 2/L))``; the soft threshold is ``L = 2``.

    Parameters
    ----------
    threshold : float
        ``zeta >= 0``, in units of ``theta`` to the power ``2 - 2/L``.
    depth : int
        Layers ``L`` of the network whose penalty it is.

    Raises
    ------
    InvalidArgument
        If the threshold is not a finite number ``>= 0``, or there is no network of this depth.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.denoisers import PowerThreshold
    >>> PowerThreshold(1.0).apply(np.array([3.0, -0.5, -2.0]), noise_scale=0.5).values.round(3)
    array([ 2.509,  0.   , -1.405])
    """

    threshold: float
    depth: int = 3
    network: ClassVar[str] = "diagonal:depth=3"  # the class's; each instance has that of its depth
    proximal: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_number("threshold", self.threshold)
        object.__setattr__(self, "network", Diagonal(self.depth).name)

    @property
    def q(self) -> float:
        """``2/L``."""
        return 2 / self.depth

    def apply(self, observed: FloatArray, noise_scale: float) -> Denoised:
        values = power_prox(observed, self.threshold, self.q)
        if self.threshold == 0.0:
            return Denoised(values, float(values.size))
        active = values != 0
        edge, jump = jump_of(self.q)
        c = self.threshold ** (1 / (2 - self.q))
        width = density_width(noise_scale, observed.size)
        scaled = (np.abs(observed) - edge * c) / width
        at_jump = float(np.exp(-0.5 * scaled**2).sum()) / (width * math.sqrt(2 * math.pi))
        return Denoised(values, float(slopes(values[active], self.threshold, self.q).sum()) + jump * c * at_jump)

    def moments(self, problem: Problem, noise_scale: float) -> tuple[float, float]:
        self.check(problem)
        return moments(problem, noise_scale, self.threshold)

    @classmethod
    def default(cls, problem: Problem, noise_scale: float) -> PowerThreshold:
        depth = int(problem.architecture.depth)  # type: ignore[attr-defined]
        return cls((0.8 * noise_scale) ** (2 - 2 / depth), depth)


class DeepDiagonalRules(DiagonalRules):
    """The rules of one deep diagonal network; its rank is never limited."""

    def __init__(self, network: Diagonal) -> None:
        self.depth, self.q = network.depth, 2 / network.depth

    def soft(self, threshold: float, rank_share: float = 1.0) -> PowerThreshold:  # type: ignore[override]
        return PowerThreshold(threshold, self.depth)

    def threshold_for(self, observed: FloatArray, samples: int, strength: float, rank_share: float = 1.0) -> float:
        scale = float(np.median(np.abs(observed))) / NORMAL_MEDIAN  # most weights are little beside the noise
        return self.threshold_in_noise(observed, scale, samples, strength)

    def threshold_in_noise(
        self, observed: FloatArray, noise_scale: float, samples: int, strength: float, rank_share: float = 1.0
    ) -> float:
        sizes = np.ascontiguousarray(np.abs(observed))
        return largest_threshold(sizes, samples, strength, self.q, density_width(noise_scale, sizes.size))

    def predicted_threshold(self, problem: Problem, noise_scale: float, strength: float) -> float:
        return threshold_for_strength(problem, noise_scale, strength)


def largest_threshold(sizes: FloatArray, samples: int, strength: float, q: float, width: float) -> float:
    """The largest ``zeta`` with ``zeta (n - D(zeta)) = strength`` on observations of these `sizes`, (d,).

    ``D`` jumps where a weight enters; at a jump the jump itself is the answer. `width` is that of the kernel for the
    density of observations at the jump of the map.
    """
    from scipy.optimize import brentq

    power, edge = 2 - q, jump_of(q)[0]

    def excess(log_c: float) -> float:
        free = samples - _divergence(sizes, q, math.exp(log_c), width)
        return float(math.exp(power * log_c) * free) - strength if free > 0 else -strength

    floor = math.log(strength / samples) / power  # D is not negative
    high = max(floor, math.log(float(sizes.max()) / edge + 1e-300) if sizes.any() else floor) + STEP
    while high > floor - STEP:
        low = high - STEP
        if excess(low) < 0:
            break
        high = low
    if excess(high) <= 0 or excess(low) >= 0:
        return math.exp(power * high)
    return math.exp(power * float(brentq(excess, low, high, xtol=1e-13)))


@RULES.register_for_each("deep_diagonal")
def _for(network: Diagonal) -> DeepDiagonalRules:
    return DeepDiagonalRules(network)
