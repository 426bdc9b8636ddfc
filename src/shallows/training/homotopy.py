"""Exact finish for the LASSO: follow the solution path from a guess to the minimum.

Any point ``theta`` with signs ``s`` on its support and any ``g`` with ``|g_j| <= 1``, ``g = s`` on the support, is
the exact minimum of

    1/2 ||y - X theta||^2 + c.theta + bound ||theta||_1,      c = X^T (y - X theta) - bound g.

As `c` is taken to zero along a line, the minimum moves along a piecewise linear path whose breakpoints are weights that
leave or enter the support; at its end stands the minimum that was asked for. The number of breakpoints is about the
number of wrong entries in the guessed support, so a good guess (AMP's) makes this fast however badly conditioned the
problem is, and a bad one makes it slow but never wrong. With ``theta = 0`` it is the LARS homotopy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .support_system import SupportSystem, factorise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._types import FloatArray
    from ..operators.diagonal import DiagonalOperator

#: Changes of the support before the factorisation is made anew.
REFACTOR = 96
#: A path that came no further by this share of itself in so many breakpoints, and as many more as a tenth of the
#: weights, is caught in a tie; so many ties end it.
FURTHER, TIED, TIES = 1e-10, 40, 5
#: A column is taken to depend on the support where the square of the sine of their angle is below this.
INDEPENDENT = 1e-9
#: Motion that is rounding, relative to the largest it could be.
ROUNDING = 1e-12


def follow(
    operator: DiagonalOperator,
    labels: FloatArray,
    bound: float,
    theta: FloatArray,
    subgradient: FloatArray,
    *,
    max_steps: int,
) -> tuple[FloatArray, FloatArray, int]:
    """Follow the path from ``(theta, g)`` to the minimum.

    Parameters
    ----------
    operator : DiagonalOperator
    labels : ndarray, shape (n,)
    bound : float
        ``lam sqrt(d) > 0``.
    theta, subgradient : ndarrays, shape (d,)
        The guess; its support need not be right.
    max_steps : int
        Breakpoints at most.

    Returns
    -------
    theta, subgradient : ndarrays, shape (d,)
    steps : int
        Breakpoints passed; `max_steps`, or a tie that could not be broken, may have ended the path early.
    """
    path = _Path(operator, labels, bound, theta, subgradient)
    steps, ties = 0, 0
    while True:
        path.factorise()
        remaining, mark, idle = 1.0, 1.0, 0
        while True:
            event, j, rate, step = path.advance(remaining)
            remaining -= step
            if mark - remaining > FURTHER:
                mark, idle = remaining, 0
            else:
                idle += 1
            if event == "end":
                return *path.end(), steps
            steps += 1
            if steps >= max_steps:
                return *path.end(), steps
            if event == "drop":
                path.drop(j)
            elif not path.enter(j, np.sign(rate)):
                continue
            if path.system.changes >= REFACTOR:
                break
            if idle > TIED + theta.size // 10:
                ties += 1
                if ties > TIES:
                    return *path.end(), steps
                path.step_inside()
                break


class _Path:
    """Weights, their subgradient and signs along the path, and the linear system of the support."""

    system: SupportSystem

    def __init__(
        self, operator: DiagonalOperator, labels: FloatArray, bound: float, theta: FloatArray, subgradient: FloatArray
    ) -> None:
        self.operator, self.labels, self.bound = operator, labels, bound
        self.theta, self.g = theta.copy(), np.clip(subgradient, -1.0, 1.0)
        self.active = (self.theta != 0) & (operator.squares > 0)
        self.theta[~self.active] = 0.0
        self.g[operator.squares == 0] = 0.0

    def factorise(self) -> None:
        """A new system, and a new line from here to the minimum."""
        self.system, self.active = factorise(self.operator, self.theta, self.active)
        theta, g, active = self.theta, self.g, self.active
        theta[~active] = 0.0
        self.signs = np.where(active, np.where(theta != 0, np.sign(theta), np.sign(g)), 0.0)
        g[active] = self.signs[active]
        residual = self.labels - self.operator.forward(theta)
        self.shift = self.operator.adjoint(residual) - self.bound * g

    def advance(self, remaining: float) -> tuple[str, int, float, float]:
        """Go to the next breakpoint: what it is, of which weight, the motion of ``bound g``, and the way to it."""
        operator, bound, active = self.operator, self.bound, self.active
        direction = self.system.solve(self.shift)
        image = operator.forward(direction)
        motion = self.shift - operator.adjoint(image)  # of bound * g, per unit of the path
        noise = ROUNDING * np.sqrt(operator.squares) * float(np.linalg.norm(image)) / bound
        step, event, j = _next_event(
            self.theta, self.g, direction, motion / bound, active, self.signs, remaining, noise
        )
        self.theta[active] += step * direction[active]
        inactive = ~active
        self.g[inactive] += step * (motion[inactive] / bound)
        return event, j, float(motion[j]), step

    def drop(self, j: int) -> None:
        """A weight that has become zero leaves the support."""
        self.theta[j] = 0.0
        self.active[j] = False
        self.g[j] = self.signs[j]
        self.signs[j] = 0.0
        self.system.change([], [j])

    def enter(self, j: int, sign: float) -> bool:
        """A weight enters the support, in exchange for another where its column depends on it; False if neither can."""
        theta, g, active, signs, squares = self.theta, self.g, self.active, self.signs, self.operator.squares
        g[j] = sign
        columns = self.operator.products(np.array([j]))
        column = columns[:, 0]
        along = self.system.solve(column)
        pivot = squares[j] - float(column @ along)
        if not pivot > INDEPENDENT * squares[j]:
            # Exchange it for the first weight that it drives to zero.
            ratio = np.full(theta.size, np.inf)
            falling = active & (along * sign * signs > 1e-12)
            ratio[falling] = np.abs(theta[falling]) / (along[falling] * sign * signs[falling])
            out = int(np.argmin(ratio))
            if not np.isfinite(ratio[out]):
                g[j] = sign * (1 - 1e-12)
                return False
            amount = ratio[out]
            theta[active] -= amount * sign * along[active]
            theta[j] = amount * sign
            self.drop(out)
        active[j], signs[j] = True, sign
        self.system.change([j], [], columns)
        return True

    def step_inside(self) -> None:
        """Break a tie: set the weights outside the support a little inside their bounds."""
        spread = 1 + np.arange(self.theta.size) % 97
        self.g[~self.active] *= 1 - 1e-9 * spread[~self.active]

    def end(self) -> tuple[FloatArray, FloatArray]:
        """Weights and subgradient as they are now."""
        return self.theta, np.clip(self.g, -1.0, 1.0)


def _next_event(
    theta: FloatArray,
    g: FloatArray,
    direction: FloatArray,
    drift: FloatArray,
    active: NDArray[np.bool_],
    signs: FloatArray,
    remaining: float,
    noise: FloatArray,
) -> tuple[float, str, int]:
    """First breakpoint: ``(step, "end" | "drop" | "add", index)``."""
    best, event, index = remaining, "end", -1
    falling = active & (direction * signs < 0)
    if falling.any():
        where = np.flatnonzero(falling)
        times = np.abs(theta[where]) / np.abs(direction[where])
        k = int(np.argmin(times))
        if times[k] < best:
            best, event, index = float(times[k]), "drop", int(where[k])
    rising = ~active & (np.abs(drift) > noise)
    where = np.flatnonzero(rising)
    if where.size:
        rate = drift[where]
        times = (1.0 - g[where] * np.sign(rate)) / np.abs(rate)
        k = int(np.argmin(times))
        if times[k] < best:
            best, event, index = max(0.0, float(times[k])), "add", int(where[k])
    return best, event, index
