"""Anderson acceleration of a fixed-point iteration, with bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .._types import FloatArray


class Anderson:
    """Mixes the last few iterates so that the linearised residual is smallest.

    Parameters
    ----------
    memory : int
        Number of past differences kept; each is two copies of the state.
    damping : float
        Share of the (mixed) residual that is added.
    start : int
        Number of plain damped steps first: far from the fixed point the past misleads.
    """

    def __init__(self, memory: int, damping: float, start: int = 0) -> None:
        self.memory, self.damping, self.start = memory, damping, start
        self.count = 0
        self.last: tuple[FloatArray, FloatArray] | None = None
        self.states: list[FloatArray] = []
        self.residuals: list[FloatArray] = []
        self.gram = np.zeros((0, 0))

    def reset(self) -> None:
        """Forget the past."""
        self.last, self.states, self.residuals, self.gram = None, [], [], np.zeros((0, 0))

    def step(self, state: FloatArray, residual: FloatArray) -> FloatArray:
        """Next state from the present one and ``residual = map(state) - state``, both of shape (m,)."""
        if self.last is not None and self.memory:
            difference = residual - self.last[1]
            self.states.append(state - self.last[0])
            self.residuals.append(difference)
            size = len(self.residuals)
            gram = np.zeros((size, size))
            gram[:-1, :-1] = self.gram
            gram[-1] = gram[:, -1] = [float(r @ difference) for r in self.residuals]
            self.gram = gram
            if size > self.memory:
                del self.states[0], self.residuals[0]
                self.gram = self.gram[1:, 1:]
        self.last = (state, residual)
        self.count += 1
        out = state + self.damping * residual
        if self.count > self.start and self.residuals:
            matrix = self.gram + 1e-12 * np.trace(self.gram) * np.eye(len(self.residuals))
            right = np.array([float(r @ residual) for r in self.residuals])
            mix = np.linalg.lstsq(matrix, right, rcond=None)[0]
            for c, s, r in zip(mix, self.states, self.residuals, strict=True):
                out -= c * s
                out -= (c * self.damping) * r
        return out
