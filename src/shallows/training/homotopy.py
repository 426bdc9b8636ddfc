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

from .support_system import factorise

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
    theta = theta.copy()
    g = np.clip(subgradient, -1.0, 1.0)
    steps, ties = 0, 0
    squares = operator.squares
    active = (theta != 0) & (squares > 0)
    theta[~active] = 0.0
    g[squares == 0] = 0.0
    while True:
        system, active = factorise(operator, theta, active)
        theta[~active] = 0.0
        signs = np.where(active, np.where(theta != 0, np.sign(theta), np.sign(g)), 0.0)
        g[active] = signs[active]
        shift = operator.adjoint(labels - operator.forward(theta)) - bound * g
        remaining, mark, idle = 1.0, 1.0, 0
        while True:
            direction = system.solve(shift)
            image = operator.forward(direction)
            motion = shift - operator.adjoint(image)  # of bound * g, per unit of the path
            noise = ROUNDING * np.sqrt(squares) * float(np.linalg.norm(image)) / bound
            step, event, j = _next_event(theta, g, direction, motion / bound, active, signs, remaining, noise)
            theta[active] += step * direction[active]
            inactive = ~active
            g[inactive] += step * (motion[inactive] / bound)
            remaining -= step
            if mark - remaining > FURTHER:
                mark, idle = remaining, 0
            else:
                idle += 1
            if event == "end":
                return theta, np.clip(g, -1.0, 1.0), steps
            steps += 1
            if steps >= max_steps:
                return theta, np.clip(g, -1.0, 1.0), steps
            if event == "drop":
                theta[j] = 0.0
                active[j] = False
                g[j] = signs[j]
                signs[j] = 0.0
                system.change([], [j])
            else:
                sign = np.sign(motion[j])
                g[j] = sign
                columns = operator.products(np.array([j]))
                column = columns[:, 0]
                along = system.solve(column)
                pivot = squares[j] - float(column @ along)
                if pivot > INDEPENDENT * squares[j]:
                    active[j], signs[j] = True, sign
                    system.change([j], [], columns)
                else:
                    # Dependent on the support: exchange it for the first weight that it drives to zero.
                    ratio = np.full(theta.size, np.inf)
                    falling = active & (along * sign * signs > 1e-12)
                    ratio[falling] = np.abs(theta[falling]) / (along[falling] * sign * signs[falling])
                    out = int(np.argmin(ratio))
                    if not np.isfinite(ratio[out]):
                        g[j] = sign * (1 - 1e-12)
                        continue
                    amount = ratio[out]
                    theta[active] -= amount * sign * along[active]
                    theta[j] = amount * sign
                    theta[out] = 0.0
                    active[out], g[out] = False, signs[out]
                    signs[out] = 0.0
                    system.change([], [out])
                    active[j], signs[j] = True, sign
                    system.change([j], [], columns)
            if system.changes >= REFACTOR:
                break
            if idle > TIED + theta.size // 10:
                ties += 1
                if ties > TIES:
                    return theta, np.clip(g, -1.0, 1.0), steps
                # Set the weights outside the support a little inside their bounds, and start again from here.
                spread = 1 + np.arange(theta.size) % 97
                g[~active] *= 1 - 1e-9 * spread[~active]
                break


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
