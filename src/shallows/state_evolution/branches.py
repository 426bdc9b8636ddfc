"""Fixed points of problems that are not convex: the equations scaled, solved, and reported in the problem's units."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..freeprob.paths import ROUGH, USUAL
from .compiled_solver import DIVERGENT, NO_SOLUTION, PERFECT
from .equations import CompiledEquations, Equations
from .protocol import STATE_EVOLUTIONS, StateEvolution, mode_weights
from .result import NEGLIGIBLE_NOISE, TOLERANCE, FixedPoint, Status
from .several_solutions import Root, all_roots, followed_root

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..problems import Problem
    from ..teachers import Spectrum


#: Tolerance of the logarithms of thresholds on the rough teacher.
ROUGH_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class Branches:
    """The equations of one problem, on its teacher and on a rough stand-in, in units where energy and noise are 1.

    Attributes
    ----------
    moments : callable
        Error and degrees of freedom of a noise scale and a threshold, in the problem's units.
    whole, coarse : Equations
    unit : float
        Of the modes.
    freedom_unit : float
        See :meth:`shallows.networks.Network.freedom_unit`.
    noiseless : bool
        Whether there is no label noise at all.
    """

    moments: Callable[[float, float], tuple[float, float]]
    whole: Equations
    coarse: Equations
    unit: float
    freedom_unit: float
    noiseless: bool

    @classmethod
    def of(cls, problem: Problem, weight_decay: float, penalty: float | None) -> Branches | None:
        """Those of a problem at a weight decay; None where there is nothing to learn and nothing to fit."""
        network, spectrum, dim = problem.architecture, problem.spectrum, problem.dim
        evolution = STATE_EVOLUTIONS.of(network)
        noise = network.noise_per_error(problem.noise)
        unit = math.sqrt(float(mode_weights(problem, spectrum) @ spectrum.values**2) + noise)
        if unit == 0.0:
            return None
        scaled = noise / unit**2
        numbers = (
            network.constraints(problem.samples, dim),
            scaled if scaled >= NEGLIGIBLE_NOISE else 0.0,
            network.strength(weight_decay, penalty, dim) / unit**evolution.threshold_power,
        )
        whole, coarse = (
            _equations(evolution, problem, part, unit, numbers, rough)
            for part, rough in ((spectrum, False), (spectrum.coarse, True))
        )
        values, weights = spectrum.values, mode_weights(problem, spectrum)

        def moments(noise_scale: float, threshold: float) -> tuple[float, float]:
            return evolution.moments(noise_scale, threshold, problem.rank_share, values, weights)

        return cls(moments, whole, coarse, unit, network.freedom_unit(dim), problem.noise == 0)

    def followed(self) -> FixedPoint:
        """The fixed point that message passing from zero weights ends at."""
        return self._followed()[0]

    def _followed(self) -> tuple[FixedPoint, Root | None]:
        code, root = followed_root(self.whole, self.coarse)
        if code == NO_SOLUTION:  # a jump of the equations in its way: the next solution that is stable
            roots = [root for root in all_roots(self.whole, self.coarse, None) if root.stable]
            root = roots[0] if roots else None
        if root is not None:
            return self._report(root), root
        if code == PERFECT:
            exact = self.noiseless and self.whole.strength == 0
            status = Status.PERFECT_RECOVERY if exact else Status.BELOW_PRECISION
            scale = math.sqrt(self.whole.bottom)
            freedom = min(self.whole.moments(scale, 0.0)[1], self.whole.constraints)
            slack = 1 - freedom / self.whole.constraints
            return FixedPoint(0.0, 0.0, 0.0, freedom * self.freedom_unit, slack, 0.0, status), None
        nan = math.nan
        status = Status.DIVERGENT if code == DIVERGENT else Status.NO_SOLUTION
        return FixedPoint(nan, nan, nan, nan, nan, math.inf, status), None

    def all(self) -> tuple[list[FixedPoint], list[bool | None], int | None]:
        """All fixed points, largest noise scale first, whether each is stable, and the place of the one followed."""
        point, followed = self._followed()
        if not point.status.ok:
            return [], [], None
        if followed is None or self.whole.strength == 0.0:
            return [point], [None if followed is None else followed.stable], 0
        roots = all_roots(self.whole, self.coarse, followed)
        return [self._report(root) for root in roots], [root.stable for root in roots], roots.index(followed)

    def _report(self, root: Root) -> FixedPoint:
        power = self.whole.power
        noise_scale = float(math.sqrt(root.variance) * self.unit)
        threshold = float(root.threshold * self.unit**power)
        # Afresh from the two reported numbers, with the finest quadrature: what else is made of them adds up to it.
        # Where next to nothing is kept, the rounding of a threshold can be too much for that.
        error, freedom = self.moments(noise_scale, threshold)
        residual = self._residual(noise_scale, threshold, error, freedom)
        if not residual <= TOLERANCE:
            searched = root.error * self.unit**2, root.freedom
            found = self._residual(noise_scale, threshold, *searched)
            if found < residual:
                residual, (error, freedom) = found, searched
        samples, strength = self.whole.constraints, self.whole.strength * self.unit**power
        slack = (samples - freedom) / samples if threshold == 0.0 else 0.0
        if strength > 0:
            slack = strength / (samples * threshold)
        good = residual <= TOLERANCE and error >= 0 and -TOLERANCE <= slack <= 1 + TOLERANCE
        return FixedPoint(
            noise_scale=noise_scale,
            threshold=threshold,
            estimation_error=float(error),
            degrees_of_freedom=float(min(max(freedom, 0.0), samples) * self.freedom_unit),
            slack=float(min(max(slack, 0.0), 1.0)),
            residual=float(residual),
            status=Status.CONVERGED if good else Status.INACCURATE,
        )

    def _residual(self, noise_scale: float, threshold: float, error: float, freedom: float) -> float:
        """Largest relative violation of the two equations in the problem's units."""
        samples, noise = self.whole.constraints, self.whole.noise * self.unit**2
        strength = self.whole.strength * self.unit**self.whole.power
        residual = abs(samples * noise_scale**2 - (error + noise)) / (samples * noise_scale**2)
        if strength > 0 or threshold > 0:
            missed = abs(threshold * (samples - freedom) - strength) / (strength + samples * threshold)
            residual = max(residual, missed)
        return residual


def _equations(
    evolution: StateEvolution,
    problem: Problem,
    spectrum: Spectrum,
    unit: float,
    numbers: tuple[float, float, float],
    rough: bool,
) -> Equations:
    """The equations on one spectrum; `numbers` are constraints, noise and strength."""
    values = np.ascontiguousarray(spectrum.values / unit)
    weights = np.ascontiguousarray(mode_weights(problem, spectrum))
    rank_share, largest = problem.rank_share, float(values[0])
    power, tolerance = evolution.threshold_power, ROUGH_TOLERANCE if rough else 1e-16

    def moments(noise_scale: float, threshold: float) -> tuple[float, float]:
        return evolution.moments(noise_scale, threshold, rank_share, values, weights)

    def silencing(noise_scale: float) -> float:
        return evolution.silencing_threshold(largest, noise_scale)

    if evolution.code is None:
        return Equations(moments, *numbers, power, silencing, tolerance)
    return CompiledEquations(
        moments,
        *numbers,
        power,
        silencing,
        tolerance,
        code=evolution.code,
        exponent=2 - power,
        values=values,
        weights=weights,
        fineness=ROUGH if rough else USUAL,
    )
