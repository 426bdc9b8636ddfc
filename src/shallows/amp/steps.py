"""One iteration of AMP at a time, for both networks (theory note, section 9).

Quadratic:  U = S + (1/(2 alpha d)) sum r Z,   S = denoiser of U,       r = y - Tr(S Z) + (A/(2 alpha)) r
Diagonal:   u = theta + X^T r/n,               theta = denoiser of u,   r = y - X theta + (D/n) r

Both are written with ``N`` equal to ``2 alpha`` or ``n`` and the divergence equal to `A` or `D`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..operators import QuadraticOperator

if TYPE_CHECKING:
    from .._types import FloatArray
    from .policies import Policy


#: Damping is strengthened while the noise scale would rise by more than this factor, down to the least share of the new
#: iterate.
RISE, LEAST_MIX = 1.02, 0.05
#: Without progress over this many iterations damping is strengthened as well.
SETTLE = 8


class Model(Protocol):
    """One network: effective observations, estimates and their outputs."""

    network: str
    strength: float

    def noise_scale(self, residual: FloatArray) -> float: ...

    def observe(self, weights: FloatArray, residual: FloatArray) -> FloatArray: ...

    def estimate(self, values: FloatArray) -> tuple[FloatArray, FloatArray]: ...

    def zero(self) -> FloatArray: ...


class _Diagonal:
    network = "diagonal"

    def __init__(self, inputs: FloatArray) -> None:
        self.inputs = inputs
        self.strength = float(inputs.shape[0])

    def zero(self) -> FloatArray:
        return np.zeros(self.inputs.shape[1])

    def noise_scale(self, residual: FloatArray) -> float:
        return float(np.linalg.norm(residual)) / residual.size

    def observe(self, weights: FloatArray, residual: FloatArray) -> FloatArray:
        return weights + self.inputs.T @ residual / self.strength

    def estimate(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        return values, self.inputs @ values


class _Quadratic:
    network = "quadratic"

    def __init__(self, inputs: FloatArray) -> None:
        self.operator = QuadraticOperator(inputs)
        self.strength = 2 * self.operator.samples / self.operator.dim**2
        self.vectors = np.eye(self.operator.dim)

    def zero(self) -> FloatArray:
        return np.zeros((self.operator.dim, self.operator.dim))

    def noise_scale(self, residual: FloatArray) -> float:
        return float(np.sqrt(np.mean(residual**2) / (2 * self.strength)))

    def observe(self, weights: FloatArray, residual: FloatArray) -> FloatArray:
        matrix = weights + self.operator.adjoint(residual) / (self.strength * self.operator.dim)
        values, self.vectors = np.linalg.eigh(matrix)
        return values

    def estimate(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        kept = values != 0
        factor, signs = self.vectors[:, kept] * np.sqrt(np.abs(values[kept])), np.sign(values[kept])
        return (factor * signs) @ factor.T, self.operator.forward_factor(factor, signs)


class Iteration:
    """A run of AMP, one step at a time: :meth:`propose` a new estimate, then :meth:`mix` it into the state.

    Parameters
    ----------
    network : {"diagonal", "quadratic"}
    inputs : ndarray, shape (n, d)
    labels : ndarray, shape (n,)
    policy : Policy
    truth : ndarray, optional
        The teacher's weights, (d,) or (d, d), to measure errors against.

    Attributes
    ----------
    scale : float
        Measured noise scale, before the next proposal.
    weights, observed : ndarray
        The last proposal and the observations that it is the estimate from.
    """

    def __init__(
        self, network: str, inputs: FloatArray, labels: FloatArray, policy: Policy, truth: FloatArray | None
    ) -> None:
        self.model: Model = _Diagonal(inputs) if network == "diagonal" else _Quadratic(inputs)
        self.policy, self.labels, self.truth = policy, labels, truth
        self.state = self.weights = self.model.zero()
        self.residual = self._following = labels
        self.observed = np.zeros(inputs.shape[1])
        self.scale = self.model.noise_scale(labels)

    def propose(self) -> dict[str, float]:
        """The new estimate and residual, and this iteration's row of the trajectory."""
        dim, network = self.observed.size, self.model.network
        self.observed = self.model.observe(self.state, self.residual)
        rule = self.policy.denoiser(network, self.observed, self.scale, self.labels.size)
        estimate = rule.apply(self.observed, self.scale)
        previous = self.weights
        self.weights, fitted = self.model.estimate(estimate.values)
        miss = self.labels - fitted
        divergence = self.policy.divergence(rule, estimate.divergence, self.labels.size, dim)
        self._following = miss + divergence / self.model.strength * self.residual
        size = float(np.linalg.norm(self.weights))
        if size > 0:
            change = float(np.linalg.norm(self.weights - previous)) / size
        else:  # whether an estimate of zero is the fixed point, the residual says
            change = float(np.linalg.norm(self._following - self.residual) / np.linalg.norm(self.residual))
        error = np.nan if self.truth is None else float(np.square(self.weights - self.truth).sum())
        return {
            "noise_scale": self.scale,
            "threshold": float(getattr(rule, "threshold", np.nan)),
            "degrees_of_freedom": estimate.divergence * (1.0 if network == "diagonal" else dim**2 / 2),
            "train_error": float(np.mean(miss**2)),
            "error": error / (1.0 if network == "diagonal" else dim),
            "change": change,
        }

    def scale_after(self, share: float) -> float:
        """Noise scale if the `share` of the proposal were mixed in."""
        return self.model.noise_scale(share * self._following + (1 - share) * self.residual)

    def mix(self, share: float) -> None:
        """Mix the `share` of the proposal into state and residual."""
        self.state = share * self.weights + (1 - share) * self.state
        self.residual = share * self._following + (1 - share) * self.residual
        self.scale = self.model.noise_scale(self.residual)


class Damping:
    """Share of each proposal to mix in: at most what was asked for, less where a run needs it.

    Parameters
    ----------
    most : float
        Share to start from, in (0, 1].
    """

    def __init__(self, most: float) -> None:
        self.most, self.last = most, 1.0
        self.changes: list[float] = []

    def choose(self, run: Iteration, change: float) -> float:
        """The share for the present proposal, whose relative change is `change`."""
        # On theory's path the noise scale falls. Where a few strong modes make it rise, mix less.
        highest = (RISE + 2 / float(np.sqrt(run.labels.size))) * run.scale
        self.last = min(self.most, 1.03 * self.last)
        while self.last > LEAST_MIX and run.scale_after(self.last) > highest:
            self.last *= 0.7
        self.changes.append(change)
        if len(self.changes) > SETTLE + 1 and change > 0.8 * self.changes[-SETTLE]:
            self.most = max(0.9 * self.most, 2 * LEAST_MIX)  # a cycle rather than a fixed point
        return self.last
