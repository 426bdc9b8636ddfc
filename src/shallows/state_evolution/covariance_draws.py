"""The diagonal network where the covariance is not diagonal: averages over a fixed set of draws (section 13).

``theta_hat = argmin 1/2 ||Sigma^(1/2) (u - theta)||^2 + zeta ||theta||_1`` does not separate: error and degrees of
freedom are means over draws of the noise, the same at every noise scale and threshold, each by coordinate descent from
the last answer (Celentano, Montanari and Wei 2020).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .._kernels import kernel

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..designs import RotatedTeacher

#: Draws of the noise, their seed, and sweeps of coordinate descent at most.
DRAWS, SEED, SWEEPS = 24, 20_240_913, 4000
#: Steps of the logarithms at which brackets stop: counts of active weights jump, so that less means nothing.
STEP = 1e-6


@kernel
def descend(gram, targets, threshold, weights, rests, scale):
    """Coordinate descent for every row of `targets` (X^T y), in place of `weights` and `rests` (X^T (y - X w))."""
    draws, dim = targets.shape
    for i in range(draws):
        w = weights[i]
        rest = rests[i]
        for _ in range(SWEEPS):
            largest = 0.0
            for j in range(dim):
                g = gram[j, j]
                if g == 0.0:
                    continue
                old = w[j]
                z = rest[j] + g * old
                new = math.copysign(max(abs(z) - threshold, 0.0), z) / g
                if new != old:
                    step = new - old
                    w[j] = new
                    for k in range(dim):
                        rest[k] -= gram[k, j] * step
                    largest = max(largest, abs(step) * math.sqrt(g))
            if largest <= 1e-9 * scale:
                break


@dataclass(eq=False)
class Draws:
    """A whitened teacher under draws of the noise.

    Parameters
    ----------
    teacher : RotatedTeacher
    seed : int
        Of the draws.
    """

    teacher: RotatedTeacher
    seed: int = SEED
    noise: FloatArray = field(init=False)
    _state: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        teacher = self.teacher
        self.root = np.sqrt(teacher.variances)[:, None] * teacher.basis
        self.gram = np.ascontiguousarray(self.root.T @ self.root)
        self.truth = teacher.vector
        self.noise = np.random.default_rng(self.seed).standard_normal((DRAWS, self.truth.size))
        self._state = np.zeros((DRAWS, teacher.dim))

    def rows(self, noise_scale: float, threshold: float) -> FloatArray:
        """Error and active weights of each draw, shape (draws, 2)."""
        targets = (self.truth + noise_scale * self.noise) @ self.root
        weights = self._state
        rests = targets - weights @ self.gram
        descend(self.gram, targets, threshold, weights, rests, noise_scale)
        miss = weights @ self.root.T - self.truth
        return np.stack([np.square(miss).sum(axis=1), np.count_nonzero(weights, axis=1).astype(float)], axis=1)

    def moments(self, noise_scale: float, threshold: float) -> tuple[float, float]:
        """Means over the draws."""
        error, freedom = self.rows(noise_scale, threshold).mean(axis=0)
        return float(error), float(freedom)

    def silencing(self, noise_scale: float) -> float:
        """The threshold from which on all weights are zero, in all draws."""
        return float(np.abs((self.truth + noise_scale * self.noise) @ self.root).max())


def threshold_for(draws: Draws, noise_scale: float, samples: float, strength: float, guess: float) -> float:
    """``zeta`` with ``zeta (n - D) = L`` at a noise scale, by bisection of its logarithm from a guess."""
    floor = strength / samples
    ceiling = max(draws.silencing(noise_scale), floor) * (1 + 1e-9)

    def below(threshold: float) -> bool:
        free = samples - draws.moments(noise_scale, threshold)[1]
        return free <= 0 or threshold * free < strength

    low, high = math.log(floor), math.log(ceiling)
    x, step = min(max(math.log(guess), low), high), 0.1
    while step < 2 * (high - low) + 1:  # grow a bracket about the guess
        if below(math.exp(x)):
            low = x
            x = min(x + step, high)
        else:
            high = x
            x = max(x - step, low)
        if high - low <= step:
            break
        step *= 2
    while high - low > STEP:
        x = 0.5 * (low + high)
        low, high = (x, high) if below(math.exp(x)) else (low, x)
    return math.exp(0.5 * (low + high))


@dataclass(frozen=True)
class DrawnPoint:
    """Where both equations hold: noise scale, threshold, error, degrees of freedom, residual, and the error's error."""

    noise_scale: float
    threshold: float
    error: float
    freedom: float
    residual: float
    standard_error: float


def solve_drawn(draws: Draws, samples: float, noise: float, strength: float) -> DrawnPoint | None:
    """Fixed point for ``L > 0``; None if none is bracketed."""
    energy = float(draws.truth @ draws.truth)
    threshold = max(strength / samples, 1e-300)

    def excess(log_variance: float) -> float:
        nonlocal threshold
        scale = math.exp(0.5 * log_variance)
        threshold = threshold_for(draws, scale, samples, strength, max(threshold, strength / samples))
        return math.log((draws.moments(scale, threshold)[0] + noise) / samples) - log_variance

    high = math.log((energy + noise) / samples)
    f_high = excess(high)
    while f_high > 0:
        high += 1.5
        f_high = excess(high)
        if high > math.log((energy + noise) / samples) + 30:
            return None
    low, f_low = high, f_high
    floor = math.log(noise / samples) if noise > 0 else high - 60
    while f_low <= 0:
        if low <= floor:
            return None
        high, f_high = low, f_low
        low = max(low + min(1.2 * f_low, -0.1), floor - 1e-9)
        f_low = excess(low)
    x = high
    for i in range(60):  # false position, halved where it stays on one side
        t = 0.5 if i % 3 == 2 else min(max(f_low / (f_low - f_high), 0.02), 0.98)
        x = low + t * (high - low)
        value = excess(x)
        if value > 0:
            low, f_low = x, value
        else:
            high, f_high = x, value
        if high - low <= STEP or abs(value) <= STEP:
            break
    scale = math.exp(0.5 * x)
    rows = draws.rows(scale, threshold)
    error, freedom = (float(v) for v in rows.mean(axis=0))
    first = abs(samples * scale**2 - error - noise) / (samples * scale**2)
    second = abs(threshold * (samples - freedom) - strength) / strength
    spread = _propagated(draws, rows, scale, threshold, samples, noise)
    return DrawnPoint(scale, threshold, error, freedom, max(first, second), spread)


def _propagated(draws: Draws, rows: FloatArray, scale: float, threshold: float, samples: float, noise: float) -> float:
    """Standard error of the error at the fixed point, from that of both means by linear response."""
    covariance = np.cov(rows.T) / rows.shape[0]
    error, freedom = rows.mean(axis=0)
    h = 0.03
    by_scale = (np.array(draws.moments(scale * math.exp(h / 2), threshold)) - [error, freedom]) / h
    by_threshold = (np.array(draws.moments(scale, threshold * math.exp(h))) - [error, freedom]) / h
    # In x = log variance, y = log zeta:  error + noise - n e^x = 0,  y + log(n - D) = log L.
    free = samples - freedom
    system = np.array(
        [
            [by_scale[0] - samples * scale**2, by_threshold[0]],
            [-by_scale[1] / free, 1 - by_threshold[1] / free],
        ]
    )
    moved = -np.linalg.solve(system, np.array([[1.0, 0.0], [0.0, -1 / free]]))
    slope = samples * scale**2 * moved[0]  # the error is n e^x - noise
    return float(np.sqrt(max(slope @ covariance @ slope, 0.0)))
