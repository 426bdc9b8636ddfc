"""Local minima of ``(1/d^2) sum (y - Tr[S Z])^2 + (pen/d) sum s^q`` over ``S >= 0`` (theory note, section 14).

Two kinds of steps take turns: proximal-gradient steps with the threshold that belongs to ``s^q`` change the rank, and
L-BFGS on balanced square factors, in which the penalty is smooth, settles the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..denoisers.deep_quadratic import power_denoised
from ..freeprob.power_threshold import unit_of_threshold
from .certificates import Certificate

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._types import FloatArray
    from ..operators import QuadraticOperator

#: Rounds of the two kinds of steps at most, proximal steps in one of them, and iterations of L-BFGS.
ROUNDS, PROXIMAL_STEPS, DESCENTS = 12, 200, 400
#: Proximal steps over the largest that cannot raise the objective.
SAFE = 0.9
#: Learned eigenvalues below this share of the largest are zero.
NEGLIGIBLE = 1e-9


@dataclass(frozen=True, eq=False)
class SchattenProblem:
    """The objective of one data set.

    Attributes
    ----------
    operator : QuadraticOperator
    labels : ndarray, shape (n,)
    penalty : float
        `pen`, positive.
    depth : int
        ``k``; the power is ``q = 1/k``.
    """

    operator: QuadraticOperator
    labels: FloatArray
    penalty: float
    depth: int

    @property
    def power(self) -> float:
        """``q``."""
        return 1 / self.depth

    @property
    def dim(self) -> int:
        """Input dimension ``d``."""
        return self.operator.dim

    def certificate(self, factor: FloatArray) -> Certificate:
        """Objective and stationarity of ``S = F F^T``; no bound of the minimum is known.

        The residual is the relative norm of the gradient in the logarithms of eigenvalues and in rotations: zero
        eigenvalues, which a factorisation never moves, do not count.
        """
        residual = self.labels - self.operator.forward_factor(factor)
        square, d = float(residual @ residual), self.dim
        left, sizes, _ = np.linalg.svd(factor, full_matrices=False)
        values = sizes**2
        kept = values > 0
        left, values = left[:, kept], values[kept]
        pull = self.penalty * d / 2 * self.power * values**self.power
        slope = self.operator.adjoint_times(residual, left) * values - left * pull
        length = float(np.linalg.norm(pull))
        stationarity = float(np.linalg.norm(slope)) / length if length > 0 else 0.0
        objective = square / d**2 + self.penalty / d * float((values**self.power).sum())
        return Certificate(objective, None, stationarity, square / self.labels.size)

    def largest_step(self) -> float:
        """Longest proximal step, over that of independent Gaussian data of many samples: by power iteration."""
        d, rng = self.dim, np.random.default_rng(0)
        matrix = rng.standard_normal((d, d))
        matrix = (matrix + matrix.T) / np.linalg.norm(matrix + matrix.T)
        size = 1.0
        for _ in range(30):
            image = self.operator.adjoint(self.operator.forward(matrix))
            size = float(np.linalg.norm(image))
            if size == 0.0:
                return 1.0
            matrix = image / size
        return SAFE * 2 * (self.labels.size / d) / size

    def proximal(self, matrix: FloatArray, step: float) -> tuple[FloatArray, FloatArray]:
        """One proximal-gradient step from a symmetric `matrix` (d, d): the new one, and its factor."""
        alpha = self.labels.size / self.dim**2
        residual = self.labels - self.operator.forward(matrix)
        moved = matrix + step / (2 * alpha * self.dim) * self.operator.adjoint(residual)
        values, vectors = np.linalg.eigh(moved)
        unit = unit_of_threshold(step * self.penalty / (4 * alpha), self.power)
        images = power_denoised(values, unit, self.power)[0]
        learned = images > 0
        factor = vectors[:, learned] * np.sqrt(images[learned])
        return factor @ factor.T, factor

    def own_loss(self, rank: int) -> Callable[[FloatArray], tuple[float, FloatArray]]:
        """``sum (y - f)^2 + lam sum ||W_j||^2`` over the labels' squares, with its gradient, in flat own weights.

        The first layer has shape ``(rank, d)``, the others ``(rank, rank)``; ``S = (W_k ... W_1)^T (W_k ... W_1)/d``.
        """
        d, depth = self.dim, self.depth
        decay = self.penalty * d / (depth * d**self.power)
        total = float(self.labels @ self.labels) or 1.0

        def loss(flat: FloatArray) -> tuple[float, FloatArray]:
            layers = unflatten(flat, rank, d, depth)
            products = [layers[0]]
            for layer in layers[1:]:
                products.append(layer @ products[-1])
            factor = products[-1].T / np.sqrt(d)
            residual = self.labels - self.operator.forward_factor(factor)
            slope = -4 / np.sqrt(d) * self.operator.adjoint_times(residual, factor).T
            gradients: list[FloatArray] = [slope] * depth
            for place in range(depth - 1, 0, -1):
                gradients[place] = slope @ products[place - 1].T
                slope = layers[place].T @ slope
            gradients[0] = slope
            value = float(residual @ residual) + decay * float(flat @ flat)
            parts = [gradient.ravel() for gradient in gradients]
            return value / total, (np.concatenate(parts) + 2 * decay * flat) / total

        return loss


def unflatten(flat: FloatArray, rank: int, dim: int, depth: int) -> list[FloatArray]:
    """Layers ``W_1`` (rank, d), ``W_2``, ..., ``W_k`` (rank, rank) of flat own weights."""
    first = rank * dim
    rest = flat[first:].reshape(depth - 1, rank, rank)
    return [flat[:first].reshape(rank, dim), *rest]


def balanced(factor: FloatArray, depth: int) -> FloatArray:
    """Flat own weights of smallest norm with ``S = F F^T``, (d, r)."""
    left, sizes, _ = np.linalg.svd(factor, full_matrices=False)
    share = (np.sqrt(factor.shape[0]) * sizes) ** (1 / depth)
    others = [np.diag(share).ravel()] * (depth - 1)
    return np.concatenate([(share[:, None] * left.T).ravel(), *others])


def factor_of(flat: FloatArray, rank: int, dim: int, depth: int) -> FloatArray:
    """The factor (d, r) of the weights, without eigenvalues that are zero to rounding."""
    first, *others = unflatten(flat, rank, dim, depth)
    for layer in others:
        first = layer @ first
    left, sizes, _ = np.linalg.svd(first.T / np.sqrt(dim), full_matrices=False)
    kept = sizes**2 > NEGLIGIBLE * max(float(sizes[0]) ** 2, 1e-300) if sizes.size else np.zeros(0, dtype=bool)
    return np.asarray(left[:, kept] * sizes[kept])


def descend(problem: SchattenProblem, start: FloatArray, tolerance: float) -> tuple[FloatArray, int, bool]:
    """From a factor (d, r) to a local minimum: its factor, the iterations, and whether it settled.

    Parameters
    ----------
    problem : SchattenProblem
    start : ndarray, shape (d, r)
    tolerance : float
        Relative, on the objective.
    """
    factor, iterations, step = np.array(start), 0, problem.largest_step()
    before = problem.certificate(factor).objective
    for _ in range(ROUNDS):
        factor, count = _proximal_steps(problem, factor, step, tolerance)
        iterations += count
        factor, count = _settle(problem, factor)
        iterations += count
        now = problem.certificate(factor).objective
        if abs(before - now) <= tolerance * now:
            return factor, iterations, True
        before = now
    return factor, iterations, False


def _proximal_steps(
    problem: SchattenProblem, factor: FloatArray, step: float, tolerance: float
) -> tuple[FloatArray, int]:
    """Until the rank has stayed for a while, or nothing changes."""
    matrix, still = factor @ factor.T, 0
    for count in range(1, PROXIMAL_STEPS + 1):
        old, rank = matrix, factor.shape[1]
        matrix, factor = problem.proximal(matrix, step)
        still = still + 1 if factor.shape[1] == rank else 0
        change = float(np.linalg.norm(matrix - old))
        if still >= 10 or change <= tolerance * float(np.linalg.norm(matrix)):
            return factor, count
    return factor, PROXIMAL_STEPS


def _settle(problem: SchattenProblem, factor: FloatArray) -> tuple[FloatArray, int]:
    """L-BFGS at the rank that there is."""
    from scipy.optimize import minimize

    rank = factor.shape[1]
    if rank == 0:
        return factor, 0
    options = {"maxiter": DESCENTS, "maxfun": 2 * DESCENTS, "ftol": 1e-15, "gtol": 1e-10, "maxcor": 20}
    flat = balanced(factor, problem.depth)
    found = minimize(problem.own_loss(rank), flat, jac=True, method="L-BFGS-B", options=options)
    return factor_of(found.x, rank, problem.dim, problem.depth), int(found.nit)
