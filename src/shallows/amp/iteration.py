"""A run of message passing, one iteration at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..networks import network_named
from ..operators import Operator, operator_for
from .models import MODELS
from .step import MessageStep
from .threshold_policies import Observations

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..denoisers import Denoiser
    from ..networks import Network
    from .models import Model
    from .threshold_policies import Policy


class Iteration:
    """A run of AMP, one step at a time: ``propose`` a new estimate, then ``mix`` it into the state.

    Parameters
    ----------
    network : str or Network
    data : Operator, or ndarray or tensor of shape (n, d)
        The inputs.
    labels : ndarray, shape (n,)
    policy : Policy
        Chooses the denoiser of each iteration.
    truth : ndarray, optional
        The teacher's weights, (d,) or (d, d), to measure errors against.
    rank_share : float
        Largest share of the modes that can be learned.
    start : pair (weights, residual), optional
        Where to start from: effective weights, as an object or an array, and the corrected residual (n,). Default:
        zero weights and the labels.
    model : Model, optional
        In place of the network's own.

    Attributes
    ----------
    scale : float
        Measured noise scale, before the next proposal.
    weights : ndarray, shape (d,) or (d, d)
        The last proposal,
    modes : ndarray, shape (d,)
        its modes,
    observed : ndarray, shape (d,)
        the observations that it is the estimate from,
    rule : Denoiser or None
        and the denoiser that made it of them.
    residual : ndarray, shape (n,)
        Corrected, as mixed so far.

    Raises
    ------
    UnknownNetwork, NotSupported
        If there is no such network, or no message passing for it.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.amp import Iteration, ThresholdForPenalty
    >>> rng = np.random.default_rng(0)
    >>> inputs = rng.standard_normal((40, 20))
    >>> labels = inputs[:, 0] + 0.1 * rng.standard_normal(40)
    >>> run = Iteration("diagonal", inputs, labels, ThresholdForPenalty(strength=5.0))
    >>> for _ in range(20):
    ...     row = run.propose()
    ...     run.mix(1.0)
    >>> row["change"] < 1e-6, np.flatnonzero(run.weights).tolist()
    (True, [0])
    """

    def __init__(
        self,
        network: str | Network,
        data: Any,
        labels: FloatArray,
        policy: Policy,
        *,
        truth: FloatArray | None = None,
        rank_share: float = 1.0,
        start: tuple[Any, FloatArray] | None = None,
        model: Model | None = None,
    ) -> None:
        self.network = network_named(network)
        self.model = MODELS.of(self.network) if model is None else model
        self.operator = data if isinstance(data, Operator) else operator_for(self.network, data)
        self.step = MessageStep(self.network, self.operator)
        self.policy, self.labels, self.truth, self.rank_share = policy, labels, truth, rank_share
        if start is None:
            state, self.residual = np.zeros(self.network.dense_shape(self.operator.dim)), labels
        else:
            weights, self.residual = start
            state = (
                self.network.dense(weights) if self.network.is_weights(weights) else np.asarray(weights, dtype=float)
            )
        self.state = self.weights = state
        self._following = self.residual
        self.observed = self.modes = np.zeros(self.operator.dim)
        self.rule: Denoiser | None = None
        self.scale = self._noise_scale(self.residual)

    def _noise_scale(self, residual: FloatArray) -> float:
        return self.network.noise_scale(residual, self.operator.dim)

    def propose(self) -> dict[str, float]:
        """The new estimate and residual, and this iteration's row of the trajectory."""
        dim, operator = self.operator.dim, self.operator
        self.observed, basis = self.model.decompose(self.step.observe(self.state, self.residual), operator)
        seen = Observations(self.network, self.observed, self.scale, self.labels.size, self.rank_share)
        self.rule = self.policy.denoiser(seen)
        estimate = self.rule.apply(self.observed, self.scale)
        previous, self.modes = self.weights, estimate.values
        self.weights, fitted = self.model.compose(self.modes, basis, operator)
        miss = self.labels - fitted
        divergence = self.policy.divergence(self.rule, estimate.divergence, seen)
        self._following = self.step.correct(miss, divergence, self.residual)
        error = np.nan if self.truth is None else float(np.square(self.weights - self.truth).sum())
        return {
            "noise_scale": self.scale,
            "threshold": float(getattr(self.rule, "threshold", np.nan)),
            "degrees_of_freedom": estimate.divergence * self.network.freedom_unit(dim),
            "train_error": float(np.mean(miss**2)),
            "error": error / self.network.modes_per_energy(dim),
            "change": self._change(previous),
        }

    def _change(self, previous: FloatArray) -> float:
        """Relative change of the estimate; whether one of zero is the fixed point, the residual says."""
        size = float(np.linalg.norm(self.weights))
        if size > 0:
            return float(np.linalg.norm(self.weights - previous)) / size
        return float(np.linalg.norm(self._following - self.residual) / np.linalg.norm(self.residual))

    def scale_after(self, share: float) -> float:
        """Noise scale if the `share` of the proposal were mixed in."""
        return self._noise_scale(share * self._following + (1 - share) * self.residual)

    def mix(self, share: float) -> None:
        """Mix the `share` of the proposal into state and residual."""
        self.state = share * self.weights + (1 - share) * self.state
        self.residual = share * self._following + (1 - share) * self.residual
        self.scale = self._noise_scale(self.residual)
