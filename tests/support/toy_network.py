"""A third network in one file: one linear layer with weight decay, so ridge regression in ``theta``.

``f = theta . x``, trained by ``min 1/2 sum (y - f)^2 + lam/2 ||theta||^2``. It shares the diagonal network's maps and
units; its denoiser is ``u / (1 + zeta)``, with ``zeta (n - D) = lam``. It has no law of its weights and no gradient
training.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shallows.amp import MODELS, SIMULATIONS
from shallows.amp.diagonal import DiagonalModel, DiagonalSimulation
from shallows.denoisers import REGISTRY, RULES, Denoised, Denoiser, Rules, register
from shallows.networks import Diagonal
from shallows.networks import register as register_network
from shallows.operators import OPERATORS, DiagonalOperator
from shallows.state_evolution import STATE_EVOLUTIONS, StateEvolution
from shallows.training import TRAINERS, Certificate, Solution, Trainer


class Linear(Diagonal):
    """The units of the diagonal network, but for the strength of a weight decay."""

    family = "linear"

    def strength(self, weight_decay, penalty, dim):
        return weight_decay


class Evolution(StateEvolution):
    """Every weight shrinks alike; no kernel knows it."""

    def moments(self, noise_scale, threshold, rank_share, values, weights):
        bias = float(weights @ values**2) * threshold**2
        count = float(weights.sum())
        return (bias + count * noise_scale**2) / (1 + threshold) ** 2, count / (1 + threshold)

    def silencing_threshold(self, largest_mode, noise_scale):
        return 1.0


@dataclass(frozen=True)
class Shrinkage(Denoiser):
    """``u / (1 + threshold)``."""

    threshold: float
    network: ClassVar[str] = "linear"

    def apply(self, observed, noise_scale):
        return Denoised(observed / (1 + self.threshold), observed.size / (1 + self.threshold))

    def moments(self, problem, noise_scale):
        spectrum = problem.spectrum
        return Evolution().moments(noise_scale, self.threshold, 1.0, spectrum.values, spectrum.multiplicities)

    @classmethod
    def default(cls, problem, noise_scale):
        return cls(0.5)


class LinearRules(Rules):
    """Soft rules alone; nothing is pruned."""

    def soft(self, threshold, rank_share=1.0):
        return Shrinkage(threshold)

    def threshold_for(self, observed, samples, strength, rank_share=1.0):
        # zeta (n - d/(1 + zeta)) = L is a quadratic equation
        n, d = samples, observed.size
        return (-(n - d - strength) + np.sqrt((n - d - strength) ** 2 + 4 * n * strength)) / (2 * n)


class Ridge(Trainer):
    """Closed form."""

    def solve(self, task, weight_decay, penalty, settings, neighbour=None):
        x, y = task.inputs, task.labels
        theta = np.linalg.solve(x.T @ x + weight_decay * np.eye(x.shape[1]), x.T @ y)
        proof = self.certificate(task, theta, weight_decay, penalty)
        return Solution(
            theta, proof.objective, proof.dual, proof.residual, proof.train_error, True, False, 1, "ridge", {}, None
        )

    def certificate(self, task, weights, weight_decay, penalty):
        miss = task.labels - task.inputs @ weights
        objective = 0.5 * float(miss @ miss) + 0.5 * weight_decay * float(weights @ weights)
        return Certificate(objective, objective, 0.0, float(miss @ miss) / miss.size)


def enter():
    """Make the network known, with everything it can do."""
    register_network(Linear)
    OPERATORS.register("linear")(DiagonalOperator)
    STATE_EVOLUTIONS.register("linear")(Evolution())
    RULES.register("linear")(LinearRules())
    MODELS.register("linear")(DiagonalModel())
    SIMULATIONS.register("linear")(DiagonalSimulation())
    TRAINERS.register("linear")(Ridge())
    register(Shrinkage)


def leave():
    """Forget it again."""
    from shallows.networks.registry import _NETWORKS

    _NETWORKS.pop("linear")
    REGISTRY.pop("Shrinkage")
    for capability in (OPERATORS, STATE_EVOLUTIONS, RULES, MODELS, SIMULATIONS, TRAINERS):
        capability._found.pop("linear")
