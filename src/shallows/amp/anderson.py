"""Anderson acceleration of a fixed-point iteration, with bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    single : bool
        Keep the past in single precision, which takes half the memory and time.
    """

    def __init__(self, memory: int, damping: float, start: int = 0, *, single: bool = False) -> None:
        self.memory, self.damping, self.start = memory, damping, start
        self.kind: Any = np.float32 if single else np.float64
        self.ridge = 1e-8 if single else 1e-12
        self.count = 0
        self.reset()

    def reset(self) -> None:
        """Forget the past."""
        self.last: tuple[FloatArray, FloatArray] | None = None
        self.size, self.place, self.unit = 0, 0, 1.0
        self.moves = self.differences = np.zeros((0, 0))
        self.gram = np.zeros((self.memory, self.memory))

    def step(self, state: FloatArray, residual: FloatArray) -> FloatArray:
        """Next state from the present one and ``residual = map(state) - state``, both of shape (m,)."""
        if self.last is not None and self.memory:
            self._keep(state - self.last[0], residual - self.last[1])
            newest = self.gram[self.place - 1, self.place - 1]
            if not np.isfinite(self.gram).all() or (self.kind is np.float32 and newest < 1e-30):
                self.reset()  # the past is of another size: it says nothing about what follows
        self.last = (state, residual)
        self.count += 1
        out = state + self.damping * residual
        if self.count > self.start and self.size:
            gram, differences = self.gram[: self.size, : self.size], self.differences[: self.size]
            matrix = gram + self.ridge * np.trace(gram) * np.eye(self.size)
            with np.errstate(over="ignore", invalid="ignore"):  # what does not fit is not mixed
                right = differences @ (residual / self.unit).astype(self.kind)
            if not np.isfinite(right).all():
                return out
            mix = np.linalg.lstsq(matrix, right, rcond=None)[0]
            if np.abs(mix).max() < 1e30:
                out -= self.unit * np.asarray(mix.astype(self.kind) @ self.moves[: self.size], dtype=float)
        return out

    def _keep(self, move: FloatArray, difference: FloatArray) -> None:
        """Put a difference of residuals, and the move that it stands for, in the place of the oldest."""
        if self.moves.shape[1] != move.size:
            self.moves, self.differences = np.empty((2, self.memory, move.size), dtype=self.kind)
            if self.kind is np.float32:
                self.unit = float(np.linalg.norm(difference)) or 1.0
        move += self.damping * difference
        self.size = max(self.size, self.place + 1)
        with np.errstate(over="ignore", invalid="ignore"):  # what does not fit is forgotten
            self.moves[self.place], self.differences[self.place] = move / self.unit, difference / self.unit
            products = self.differences[: self.size] @ self.differences[self.place]
        self.gram[self.place, : self.size] = self.gram[: self.size, self.place] = products
        self.place = (self.place + 1) % self.memory
