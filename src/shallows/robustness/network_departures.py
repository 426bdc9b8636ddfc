"""Departures of the network: other activations, and more layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .activations import ACTIVATIONS, Activation
from .departures import Departure, Drawn, generator, register_departure
from .gradient_students import GradientStudent
from .settings import OF_OTHERS
from .targets import TARGETS, target_named

if TYPE_CHECKING:
    from .._types import FloatArray
    from .settings import Phase

#: Hidden layers of deeper networks.
DEPTHS = (2, 3)
#: What a target is made of, in words.
TARGET_WORDS = {
    "quadratic": "the quadratic teacher of theory",
    "single-index": "tanh(u) - exp(-u^2) of one direction u",
    "multi-index": "four directions: a product of two, a sigmoid and a ramp",
    "matched": "five units of the student's own activation",
}


@dataclass(frozen=True)
class TargetWorld:
    """Gaussian inputs, labelled by a target that is no quadratic teacher."""

    target: str
    activation: Activation | None = None

    def __call__(self, phase: Phase, seed: int) -> Drawn:
        rng = generator(phase, seed)
        target = target_named(self.target, phase, self.activation)
        inputs = rng.standard_normal((phase.samples, phase.dim))
        labels = target(inputs) + np.sqrt(phase.noise) * rng.standard_normal(phase.samples)
        problem, unlearned = target.surrogate(phase)

        def fresh(generator: np.random.Generator, rows: int) -> FloatArray:
            return generator.standard_normal((rows, phase.dim))

        return Drawn(
            phase, seed, (inputs, labels), problem, None, target, fresh, unlearned=unlearned, notes=target.shares()
        )


def of_activation(name: str, activation: Activation, target: str = "quadratic") -> Departure:
    """A departure of the activation of a two-layer network.

    Parameters
    ----------
    name : str
        What the activation is called.
    activation : callable
        From a PyTorch tensor to one of the same shape.
    target : {"quadratic", "single-index", "multi-index", "matched"}

    Examples
    --------
    >>> from shallows.robustness import of_activation
    >>> of_activation("softplus", lambda h: h.exp().log1p()).name
    'softplus on quadratic'
    """
    words = f"A two-layer network with activation {name} and biases, both layers trained; the target is {{}}."
    student = GradientStudent(name, activation)
    world = TargetWorld(target, activation)
    return Departure(f"{name} on {target}", "activation", words.format(TARGET_WORDS[target]), world, OF_OTHERS, student)


def _deep(layers: int, target: str) -> Departure:
    """A ReLU network of several hidden layers."""
    relu = ACTIVATIONS["relu"]
    words = f"A ReLU network of {layers + 1} layers with biases; the target is {TARGET_WORDS[target]}."
    student = GradientStudent("relu", relu, layers)
    return Departure(f"{layers + 1} layers on {target}", "depth", words, TargetWorld(target, relu), OF_OTHERS, student)


for _target in TARGETS:
    for _name, _activation in ACTIVATIONS.items():
        register_departure(of_activation(_name, _activation, _target))
for _layers in DEPTHS:
    for _target in TARGETS:
        register_departure(_deep(_layers, _target))
