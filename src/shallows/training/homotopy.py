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
from scipy.linalg import blas, lapack

from ..amp.operators import column_squares

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

#: Changes of the support before the factorisation is made anew.
BORDER = 96


class SupportSystem:
    """Solves ``(X_A^T X_A) x = b`` for a support `A` that changes one entry at a time.

    One Cholesky factor of the Gram matrix of the starting support, and a small bordered system for what changed
    since: a column that entered borders it with its Gram column, one that left with a unit vector whose multiplier
    holds it at zero.
    """

    def __init__(self, inputs: FloatArray, support: NDArray[np.intp]) -> None:
        self.inputs = inputs
        self.support = support
        self.place = {int(j): i for i, j in enumerate(support)}
        size = support.size
        gram: FloatArray = np.zeros((size, size), order="F")
        self.factor: FloatArray
        rows = max(1024, (1 << 21) // max(size, 1))
        for start in range(0, inputs.shape[0] if size else 0, rows):
            block = np.ascontiguousarray(inputs[start : start + rows][:, support])
            gram += block.T @ block
        self.scale = np.sqrt(np.maximum(np.diag(gram), 1e-300))
        self.factor, info = lapack.dpotrf(gram, lower=1, overwrite_a=1, clean=0) if size else (gram, 0)
        diagonal = np.diag(self.factor) if size else np.ones(0)
        #: Columns that depend on earlier ones of the support; the system is usable only without them.
        self.dependent = support[info - 1 : info] if info > 0 else support[diagonal < 1e-7 * self.scale]
        self.labels: list[tuple[str, int]] = []
        self.columns = np.zeros((size, 0), order="F")
        self.corner = np.zeros((0, 0))
        self.schur = np.zeros((0, 0))

    def down(self, vector: FloatArray) -> FloatArray:
        """``L^{-1} vector``."""
        if vector.size == 0:
            return vector.copy()
        out: FloatArray = blas.dtrsv(self.factor, vector, lower=1)
        return out

    def up(self, vector: FloatArray) -> FloatArray:
        """``L^{-T} vector``."""
        if vector.size == 0:
            return vector.copy()
        out: FloatArray = blas.dtrsv(self.factor, vector, lower=1, trans=1)
        return out

    def solve(self, right: FloatArray) -> FloatArray:
        """Solution as a vector of shape (d,), zero off the support; `right` of shape (d,) is read on it."""
        half = self.down(right[self.support])
        out = np.zeros_like(right)
        if self.labels:
            border = np.array([right[j] if kind == "new" else 0.0 for kind, j in self.labels])
            extra = np.linalg.solve(self.schur, border - self.columns.T @ half)
            out[self.support] = self.up(half - self.columns @ extra)
            for (kind, j), value in zip(self.labels, extra, strict=True):
                out[j] = value if kind == "new" else 0.0
        else:
            out[self.support] = self.up(half)
        return out

    def _append(self, kind: str, j: int, column: FloatArray, corner: FloatArray) -> None:
        half = self.down(column)
        cross = corner[:-1] - self.columns.T @ half
        size = len(self.labels)
        schur = np.empty((size + 1, size + 1))
        schur[:-1, :-1] = self.schur
        schur[-1, :-1] = schur[:-1, -1] = cross
        schur[-1, -1] = corner[-1] - half @ half
        self.schur = schur
        self.columns = np.asfortranarray(np.column_stack([self.columns, half]))
        self.labels.append((kind, j))

    def _remove(self, index: int) -> None:
        keep = np.delete(np.arange(len(self.labels)), index)
        self.schur = self.schur[np.ix_(keep, keep)]
        self.columns = np.asfortranarray(self.columns[:, keep])
        del self.labels[index]

    def add(self, j: int, gram_column: FloatArray) -> None:
        """Let `j` enter; `gram_column` is ``X^T x_j``, shape (d,)."""
        if ("gone", j) in self.labels:
            self._remove(self.labels.index(("gone", j)))
            return
        corner = np.array([gram_column[k] if kind == "new" else 0.0 for kind, k in self.labels] + [gram_column[j]])
        self._append("new", j, gram_column[self.support], corner)

    def drop(self, j: int) -> None:
        """Let `j` leave."""
        if ("new", j) in self.labels:
            self._remove(self.labels.index(("new", j)))
            return
        unit = np.zeros(self.support.size)
        unit[self.place[j]] = 1.0
        self._append("gone", j, unit, np.zeros(len(self.labels) + 1))

    @property
    def changes(self) -> int:
        """Size of the border."""
        return len(self.labels)


def follow(
    inputs: FloatArray,
    labels: FloatArray,
    bound: float,
    theta: FloatArray,
    subgradient: FloatArray,
    *,
    max_steps: int,
    squares: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray, int, bool]:
    """Follow the path from ``(theta, g)`` to the minimum.

    Parameters
    ----------
    inputs, labels : ndarrays, shapes (n, d) and (n,)
    bound : float
        ``lam sqrt(d) > 0``.
    theta, subgradient : ndarrays, shape (d,)
        The guess; its support need not be right.
    max_steps : int
        Breakpoints at most.
    squares : ndarray, shape (d,), optional
        Sums of squares of the columns, if known.

    Returns
    -------
    theta, subgradient : ndarrays, shape (d,)
    steps : int
    done : bool
        Whether the end of the path was reached.
    """
    theta = theta.copy()
    g = np.clip(subgradient, -1.0, 1.0)
    steps, idle = 0, 0
    squares = column_squares(inputs) if squares is None else squares
    active = (theta != 0) & (squares > 0)
    theta[~active] = 0.0
    g[squares == 0] = 0.0
    while True:
        system, active = _factorise(inputs, theta, active)
        theta[~active] = 0.0
        signs = np.where(active, np.where(theta != 0, np.sign(theta), np.sign(g)), 0.0)
        g[active] = signs[active]
        residual = labels - inputs @ theta
        shift = inputs.T @ residual - bound * g
        remaining = 1.0
        while True:
            direction = system.solve(shift)
            image = inputs @ direction
            motion = shift - inputs.T @ image  # of bound * g, per unit of the path
            noise = 1e-12 * np.sqrt(squares) * float(np.linalg.norm(image)) / bound  # motion that is rounding
            step, event, j = _next_event(theta, g, direction, motion / bound, active, signs, remaining, noise)
            theta[active] += step * direction[active]
            inactive = ~active
            g[inactive] += step * (motion[inactive] / bound)
            remaining -= step
            idle = idle + 1 if step <= 1e-13 else 0
            if event == "end":
                np.clip(g, -1.0, 1.0, out=g)
                return theta, g, steps, True
            steps += 1
            if steps >= max_steps:
                return theta, np.clip(g, -1.0, 1.0), steps, False
            if event == "drop":
                theta[j] = 0.0
                active[j] = False
                g[j] = signs[j]
                signs[j] = 0.0
                system.drop(j)
            else:
                sign = np.sign(motion[j])
                g[j] = sign
                column = inputs.T @ inputs[:, j]
                along = system.solve(column)
                pivot = squares[j] - float(column @ along)
                if pivot > 1e-9 * squares[j]:
                    active[j], signs[j] = True, sign
                    system.add(j, column)
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
                    system.drop(out)
                    active[j], signs[j] = True, sign
                    system.add(j, column)
            if system.changes >= BORDER:
                break
            if idle > 40 + theta.size // 10:
                # Ties can cycle: set the weights outside the support a little inside their bounds, and start again
                # from here.
                spread = 1 + np.arange(theta.size) % 97
                g[~active] *= 1 - 1e-9 * spread[~active]
                idle = 0
                break


def _next_event(theta, g, direction, drift, active, signs, remaining, noise):  # type: ignore[no-untyped-def]
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


def _factorise(
    inputs: FloatArray, theta: FloatArray, active: NDArray[np.bool_]
) -> tuple[SupportSystem, NDArray[np.bool_]]:
    """System of the support, without the columns that depend on others in it."""
    active = active.copy()
    limit = min(inputs.shape)
    while True:
        support = np.flatnonzero(active)
        if support.size > limit:
            order = np.argsort(np.abs(theta[support]))
            active[support[order[: support.size - limit]]] = False
            continue
        system = SupportSystem(inputs, support)
        if system.dependent.size == 0:
            return system, active
        active[system.dependent] = False
