"""Fixed points for inputs with a covariance (theory note, section 13): one threshold per mode.

What differs by network is the cost of a mode, the share of the threshold that falls to it: ``1/sigma`` for the diagonal
network, ``1/sigma^2`` for the quadratic one, and what is done where teacher and covariance share no directions.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..designs import PairedSpectrum, RotatedTeacher
from ..errors import NotSupported
from ..networks import Capability
from .compiled_solver import DIVERGENT, NO_SOLUTION, PERFECT
from .covariance_solver import START, moments_at, polish, silencing_threshold, solve_with_costs
from .result import NEGLIGIBLE_NOISE, TOLERANCE, FixedPoint, Status

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..problems import Problem

    Atoms = tuple[FloatArray, FloatArray, FloatArray]


@dataclass(frozen=True, eq=False)
class Costed:
    """Modes with their costs, in the units of the equations, and error that no threshold removes.

    Attributes
    ----------
    modes, costs, counts : ndarray, shape (m,)
        Of the whitened teacher; what each counts in the sums.
    coarse : tuple of ndarray
        A stand-in of a few dozen, to start with.
    spread : ndarray of shape (m,), or None
        Energy of the teacher between each direction and all others, which no threshold removes.
    """

    modes: FloatArray
    costs: FloatArray
    counts: FloatArray
    coarse: Atoms
    spread: FloatArray | None = None

    @property
    def atoms(self) -> Atoms:
        """The three arrays."""
        return self.modes, self.costs, self.counts

    @property
    def floor(self) -> float:
        """Error that no threshold removes."""
        return 0.0 if self.spread is None else float(self.counts @ self.spread)

    @property
    def ordered(self) -> bool:
        """Whether modes less their costs fall with the position, whatever the threshold."""
        return bool((np.diff(self.modes) <= 0).all() and (np.diff(self.costs) >= 0).all())


@dataclass(frozen=True)
class Balance:
    """The numbers of the two equations: ``N``, ``Delta'``, ``L`` and the largest share of the modes, unscaled."""

    constraints: float
    noise: float
    strength: float
    rank_share: float
    freedom_unit: float


class CovarianceEvolution(ABC):
    """A network's part in the state evolution for inputs with a covariance.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.state_evolution import COVARIANCE_EVOLUTIONS
    >>> COVARIANCE_EVOLUTIONS.of("diagonal").costs(np.array([4.0])), COVARIANCE_EVOLUTIONS.of("quadratic").costs(
    ...     np.array([4.0])
    ... )
    (array([0.5]), array([0.25]))
    """

    #: What the compiled solver knows the network by.
    code: ClassVar[int]

    @abstractmethod
    def costs(self, variances: FloatArray) -> FloatArray:
        """Threshold of each mode over ``zeta``, for the variances of the inputs along them."""

    def costed_at(self, problem: Problem, threshold: float) -> Costed:
        """The modes with their costs along the directions that a threshold singles out, for laws of the weights."""
        seen = problem.seen
        if isinstance(seen, RotatedTeacher):
            raise NotSupported(
                "design", problem.design.kind, f"the {problem.network} network has no law of weights here"
            )
        return self.costed(problem, seen)

    @abstractmethod
    def solve_rotated(self, problem: Problem, teacher: RotatedTeacher, balance: Balance) -> FixedPoint:
        """Fixed point where teacher and covariance share no directions."""

    @abstractmethod
    def rotated_moments(
        self, problem: Problem, teacher: RotatedTeacher, noise_scale: float, threshold: float
    ) -> tuple[float, float]:
        """Error and degrees of freedom there."""

    def is_determined(self, constraints: float, directions: float) -> bool:
        """Whether data without noise fix the weights along so many directions by linear algebra alone."""
        return False

    def costed(self, problem: Problem, pairs: PairedSpectrum) -> Costed:
        """The modes with their costs, in the order that kernels like best."""
        unit = problem.architecture.modes_per_energy(problem.dim)
        found = self._arrays(pairs, unit)
        return Costed(*found, coarse=self._arrays(pairs.coarse, unit))

    def _arrays(self, pairs: PairedSpectrum, unit: float) -> Atoms:
        modes, costs = pairs.values, self.costs(pairs.variances)
        order = np.lexsort((costs, -modes))
        counts = pairs.multiplicities / unit
        found = (modes[order], costs[order], counts[order])
        return tuple(np.array(array, dtype=float, order="C") for array in found)  # type: ignore[return-value]


#: Times that a solution is inserted into its equations where these are at the limit of double precision.
INSERTIONS = 12
#: The implementation of each network.
COVARIANCE_EVOLUTIONS: Capability[CovarianceEvolution] = Capability("state evolution for inputs with a covariance")


def balance_of(problem: Problem, weight_decay: float, penalty: float | None) -> Balance:
    """The numbers of the equations of a problem."""
    network = problem.architecture
    return Balance(
        network.constraints(problem.samples, problem.dim),
        network.noise_per_error(problem.noise),
        network.strength(weight_decay, penalty, problem.dim),
        problem.rank_share,
        network.freedom_unit(problem.dim),
    )


def solve_with_covariance(problem: Problem, weight_decay: float, penalty: float | None) -> FixedPoint:
    """Fixed point for a design that is not white; as :func:`shallows.state_evolution.solve`."""
    evolution, seen = COVARIANCE_EVOLUTIONS.of(problem.network), problem.seen
    balance = balance_of(problem, weight_decay, penalty)
    if isinstance(seen, RotatedTeacher):
        return evolution.solve_rotated(problem, seen, balance)
    directions = float(seen.multiplicities.sum())
    if balance.noise + problem.energy == 0:
        return FixedPoint(0.0, 0.0, 0.0, 0.0, 1.0, 0.0, Status.PERFECT_RECOVERY)
    if balance.noise == balance.strength == 0 and evolution.is_determined(balance.constraints, directions):
        slack = 1 - directions / balance.constraints
        return FixedPoint(0.0, 0.0, 0.0, directions, slack, 0.0, Status.PERFECT_RECOVERY)
    return solve_costed(evolution.code, evolution.costed(problem, seen), balance)


def moments_with_covariance(problem: Problem, noise_scale: float, threshold: float) -> tuple[float, float]:
    """Error and degrees of freedom for a design that is not white; as :func:`shallows.state_evolution.moments`."""
    evolution, seen = COVARIANCE_EVOLUTIONS.of(problem.network), problem.seen
    if isinstance(seen, RotatedTeacher):
        return evolution.rotated_moments(problem, seen, noise_scale, threshold)
    return costed_moments(evolution.code, evolution.costed(problem, seen), problem.rank_share, noise_scale, threshold)


def silencing_with_covariance(problem: Problem, noise_scale: float) -> float:
    """A threshold beyond every noisy mode, for a design that is not white."""
    evolution, seen = COVARIANCE_EVOLUTIONS.of(problem.network), problem.seen
    if isinstance(seen, RotatedTeacher):
        largest = float(np.abs(seen.values).max(initial=0.0)) * (1 if problem.architecture.is_matrix else seen.dim**0.5)
        cheapest = float(evolution.costs(seen.variances).min())
        return float(silencing_threshold(evolution.code, noise_scale, np.array([largest]), np.array([cheapest])))
    modes, costs, _ = evolution.costed(problem, seen).atoms
    return float(silencing_threshold(evolution.code, noise_scale, modes, costs))


def costed_moments(
    code: int, costed: Costed, rank_share: float, noise_scale: float, threshold: float
) -> tuple[float, float]:
    """Error and degrees of freedom of the modes, with a fine quadrature."""
    error, freedom, _ = moments_at(
        code, threshold, noise_scale**2, rank_share, *costed.atoms, costed.ordered, START, True
    )
    return float(error) + costed.floor, float(freedom)


def solve_costed(code: int, costed: Costed, balance: Balance) -> FixedPoint:
    """Solve the equations of the modes and report in the units of the network."""
    samples = balance.constraints
    unit = math.sqrt(float(costed.counts @ costed.modes**2) + costed.floor + balance.noise)
    scaled = Costed(
        costed.modes / unit,
        costed.costs,
        costed.counts,
        (costed.coarse[0] / unit, *costed.coarse[1:]),
        None if costed.spread is None else costed.spread / unit**2,
    )
    noise, strength = balance.noise / unit**2, balance.strength / unit
    noise = noise if noise >= NEGLIGIBLE_NOISE else 0.0
    outcome, variance, zeta, _, freedom = solve_with_costs(
        code, balance.rank_share, samples, noise + scaled.floor, strength, scaled.atoms, scaled.coarse, costed.ordered
    )
    if outcome in (NO_SOLUTION, DIVERGENT):
        status = Status.NO_SOLUTION if outcome == NO_SOLUTION else Status.DIVERGENT
        return FixedPoint(math.nan, math.nan, math.nan, math.nan, math.nan, math.inf, status)
    if outcome == PERFECT:
        freedom = min(freedom, samples)
        status = Status.PERFECT_RECOVERY if balance.noise == balance.strength == 0 else Status.BELOW_PRECISION
        return FixedPoint(0.0, 0.0, 0.0, freedom * balance.freedom_unit, 1 - freedom / samples, 0.0, status)
    scale, free = math.sqrt(variance), samples - freedom
    if strength > 0 and zeta < 1e-3 * scale and free > 0.25 * samples:  # better known from the penalty
        zeta = strength / free
    error, freedom = costed_moments(code, scaled, balance.rank_share, scale, zeta)
    point = report(balance, unit, noise, strength, scale, zeta, error, freedom)
    if point.status.ok or zeta == 0:
        return point
    return _refined(code, scaled, balance, unit, noise, strength, (scale**2, zeta), point)


def _refined(
    code: int,
    scaled: Costed,
    balance: Balance,
    unit: float,
    noise: float,
    strength: float,
    place: tuple[float, float],
    point: FixedPoint,
) -> FixedPoint:
    """A better point than `point`, solved for at ``(variance, zeta)`` by a quadrature too coarse for its equations.

    With little noise the error is that of shrinkage alone, many decades below the modes: then it hardly depends on
    the noise scale, and inserting is faster and less sensitive to rounding than derivatives are.
    """
    samples, share = balance.constraints, balance.rank_share
    total = noise + scaled.floor
    _, variance, zeta, _, _ = polish(code, *place, share, samples, total, strength, scaled.atoms, scaled.ordered, True)
    for start in ((variance, zeta), place):
        variance, zeta = start
        for _ in range(INSERTIONS):
            if not (0 < variance < math.inf and 0 < zeta < math.inf):
                break
            scale = math.sqrt(variance)
            error, freedom = costed_moments(code, scaled, share, scale, zeta)
            found = report(balance, unit, noise, strength, scale, zeta, error, freedom)
            point = found if found.residual < point.residual else point
            if point.status.ok:
                return point
            variance = (error + noise) / samples
            zeta = strength / (samples - freedom) if strength > 0 and freedom < samples else zeta
    return point


def report(
    balance: Balance,
    unit: float,
    noise: float,
    strength: float,
    scale: float,
    zeta: float,
    error: float,
    freedom: float,
) -> FixedPoint:
    """The fixed point with its residual, from numbers in units of `unit`."""
    samples, free = balance.constraints, balance.constraints - freedom
    slack = free / samples if zeta == 0 else 0.0
    residual = abs(samples * scale**2 - (error + noise)) / (samples * scale**2)
    if strength > 0:
        slack = strength / (samples * zeta)
    if strength > 0 or zeta > 0:
        residual = max(residual, abs(zeta * free - strength) / (strength + samples * zeta))
    good = residual <= TOLERANCE and error >= 0 and 0 <= slack <= 1 + TOLERANCE
    return FixedPoint(
        noise_scale=float(scale * unit),
        threshold=float(zeta * unit),
        estimation_error=float(error * unit**2),
        degrees_of_freedom=float(freedom * balance.freedom_unit),
        slack=float(min(slack, 1.0)),
        residual=float(residual),
        status=Status.CONVERGED if good else Status.INACCURATE,
    )
