"""Predictions over effective samples and weight decay: the grid that a phase diagram is read from."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..state_evolution import solve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from .._types import FloatArray
    from ..problems import Problem

#: What is computed at every point: unit and meaning.
FIELDS = {
    "excess_risk": ("label^2", "predicted excess risk R"),
    "noise_scale": ("effective weight", "tau or delta"),
    "threshold": ("effective weight", "zeta"),
    "train_error": ("label^2", "mean squared training residual"),
    "residual": ("1", "relative residual of the state evolution"),
}


@dataclass(frozen=True)
class Plane:
    """Where a problem is looked at.

    Attributes
    ----------
    problem : Problem
        With a power-law teacher; its own number of samples plays no part.
    samples, weight_decays : ndarray
        Increasing.
    """

    problem: Problem
    samples: FloatArray
    weight_decays: FloatArray

    @property
    def effective_samples(self) -> FloatArray:
        """``n_eff``, shape of `samples`."""
        return self.samples / self.problem.architecture.samples_per_effective(self.problem.dim)

    @property
    def log_dim(self) -> float:
        """``log d``."""
        return math.log(self.problem.dim)

    @property
    def gamma(self) -> float:
        """Decay exponent of the teacher."""
        return float(self.problem.teacher.gamma)  # type: ignore[attr-defined]

    def at(self, samples: float) -> Problem:
        """The problem with so many samples."""
        return replace(self.problem, samples=float(samples))


@dataclass(frozen=True)
class Predictions:
    """Solved state evolution on a plane.

    Attributes
    ----------
    plane : Plane
    data : dict of ndarray, shape (samples, weight decays)
        One for each of :data:`FIELDS`, nan where there is no solution.
    status : ndarray of str
        Outcome of each solve.
    """

    plane: Plane
    data: dict[str, FloatArray]
    status: NDArray[np.object_]

    @property
    def slack(self) -> FloatArray:
        """``1 - D/n`` at every point: what training leaves of the residual."""
        problem = self.plane.problem
        noise = problem.architecture.mean_noise(problem.noise)
        return np.sqrt(self.data["train_error"] / (noise + self.data["excess_risk"]))

    @property
    def cut(self) -> FloatArray:
        """Size up to which noisy modes become zero, at every point."""
        return self.plane.problem.architecture.cut(self.data["threshold"])

    @property
    def bulk_edge(self) -> FloatArray:
        """Upper edge of the bulk of the noisy weights at every point: ``2 delta``, or ``tau sqrt(2 log d)``."""
        problem = self.plane.problem
        return problem.architecture.noise_edge(1.0, problem.dim, 0.0) * self.data["noise_scale"]


def solve_here(plane: Plane, progress: Callable[[int, int], None] | None) -> Predictions:
    """Solve point by point in this process."""
    shape = (plane.samples.size, plane.weight_decays.size)
    data = {name: np.full(shape, np.nan) for name in FIELDS}
    status = np.empty(shape, dtype=object)
    network = plane.problem.architecture
    factor, noise = network.risk_per_error, network.mean_noise(plane.problem.noise)
    for i, n in enumerate(plane.samples):
        problem = plane.at(n)
        for j, lam in enumerate(plane.weight_decays):
            point = solve(problem, weight_decay=float(lam))
            status[i, j] = point.status.value
            if point.status.ok:
                risk = factor * point.estimation_error
                error = point.slack**2 * (noise + risk)
                values = (risk, point.noise_scale, point.threshold, error, point.residual)
                for name, value in zip(FIELDS, values, strict=True):
                    data[name][i, j] = value
        if progress is not None:
            progress((i + 1) * shape[1], shape[0] * shape[1])
    return Predictions(plane, data, status)


def solve_through_store(plane: Plane, store: str | Path, workers: int | None) -> Predictions:
    """Solve through the sweep engine: in parallel, and going on from what the store holds."""
    from ..sweeps import Sweep, load, run

    problem = plane.problem
    fixed: dict[str, Any] = {"network": problem.network, "dim": problem.dim, "gamma": plane.gamma}
    fixed["noise"] = problem.noise
    if problem.width is not None:
        fixed["width"] = problem.width
    axes = {"samples": plane.samples.tolist(), "weight_decay": plane.weight_decays.tolist()}
    sweep = Sweep(fixed, axes, ["theory"])
    run(sweep, store, workers=workers)
    found = load(store, sweep)
    data = {name: np.asarray(found[name].values, dtype=float) for name in FIELDS}
    status = np.where(np.isfinite(data["excess_risk"]), "converged", "failed").astype(object)
    return Predictions(plane, data, status)
