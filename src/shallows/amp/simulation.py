"""Observations of a damped run, simulated: noises of different iterations are correlated as the errors are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import solve_triangular

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._types import FloatArray
    from ..denoisers import Denoised
    from .models import Simulation

#: A new noise is drawn where at least this share of the variance is new.
NEW = 1e-3
#: Seed of the simulated noise.
SEED = 0x5A11055


class SimulatedRun:
    """Observations of all iterations, simulated at the problem's own dimension with the covariance the errors give.

    Only directions between errors are taken from it; their lengths come from the denoisers' moments, which leaves a
    sampling error far below the fluctuation of one run.

    Parameters
    ----------
    simulation : Simulation
    teacher : ndarray
        Its effective weights as an array, (d,) or (d, d).
    noise : float
        Label noise in the units of the estimation error.
    constraints : float
        ``N``.
    """

    def __init__(self, simulation: Simulation, teacher: FloatArray, noise: float, constraints: float) -> None:
        self.simulation, self.teacher = simulation, teacher
        self.noise, self.constraints = noise, constraints
        self.copies = simulation.copies(teacher.shape[0])
        self.rng = np.random.default_rng(SEED)
        self.error = np.broadcast_to(-self.teacher, (self.copies, *self.teacher.shape))
        # The iterations that brought in new noise: the noise, the error then, its energy, its product with the error
        # now, and how much of each noise is in theirs.
        self.draws: list[FloatArray] = []
        self.errors: list[FloatArray] = []
        self.energies = np.zeros(0)
        self.overlaps = np.zeros(0)
        self.loads = np.zeros((0, 0))

    def observe(self, energy: float) -> FloatArray:
        """Observations of the present iteration, (copies, d) or (copies, d, d); `energy` of the present error."""
        variance = (energy + self.noise) / self.constraints
        load = np.zeros(0)
        if self.draws:
            load = solve_triangular(self.loads, (self.overlaps + self.noise) / self.constraints, lower=True)
        rest = variance - load @ load
        if rest > NEW * variance:
            self.loads = np.block([[self.loads, np.zeros((load.size, 1))], [load[None], np.array([[np.sqrt(rest)]])]])
            load = self.loads[-1]
            self.draws.append(self.simulation.noise(self.rng, self.error.shape))
            self.errors.append(self.error)
            self.energies, self.overlaps = np.append(self.energies, energy), np.append(self.overlaps, energy)
        else:  # old noise alone, of the right size: rounding in nearly equal noises must not grow
            load = load * np.sqrt(variance) / np.linalg.norm(load)
        noise = np.zeros(self.error.shape)
        for share, draw in zip(load, self.draws, strict=True):
            noise += share * draw
        return self.teacher + noise

    def denoise(self, apply: Callable[[FloatArray, float], Denoised], observed: FloatArray, scale: float) -> FloatArray:
        """Estimates from the observations."""
        return self.simulation.denoise(apply, observed, scale)

    def move(self, estimates: FloatArray, error: float, energy: float, mix: float) -> float:
        """Mix the estimates in; returns the product of their error with the one before, of `energy`."""
        fresh = estimates - self.teacher
        length = np.linalg.norm(fresh)

        def overlap(old: FloatArray, old_energy: float) -> float:
            lengths = length * np.linalg.norm(old)
            return float(np.vdot(fresh, old) / lengths * np.sqrt(error * old_energy)) if lengths > 0 else 0.0

        products = np.array([overlap(e, q) for e, q in zip(self.errors, self.energies, strict=True)])
        with_present = overlap(self.error, energy)
        self.overlaps = mix * products + (1 - mix) * self.overlaps
        self.error = mix * fresh + (1 - mix) * self.error
        return with_present

    def fourth_cumulant(self) -> float:
        """Of the residuals: that of the outputs of the present errors in Gaussian inputs."""
        return self.simulation.fourth_cumulant(self.error)
