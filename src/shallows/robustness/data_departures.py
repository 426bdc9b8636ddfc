"""Departures of data: teachers, label noise and inputs that are not what theory is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..designs import Design, GaussianDesign, Isotropic, design_named
from ..networks import network_named, network_names
from ..operators import operator_for
from ..problems import Problem
from ..teachers import LowRank, PowerLaw
from ..training import Dataset
from . import noise_laws
from .departures import Departure, Drawn, check_array, generator, register_departure, told
from .settings import OF_THEORY
from .students import TheoryStudent

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..teachers import Teacher
    from .settings import Phase

#: Hidden units of a network that theory is told to be wide, and rank of a teacher that it is told to be full.
NARROW, RANK = 8, 3
#: Variance of test inputs along every second direction; along the others what leaves one on average.
SHIFTED = 1.5
#: Share of rows that are copies of others, and of numbers that are missing and taken for zero.
COPIES, MISSING = 0.5, 0.2
OF_MATRICES = tuple(phase for phase in OF_THEORY if phase.architecture.is_matrix)


@dataclass(frozen=True)
class World:
    """Where data come from; each field left out is what theory assumes.

    Attributes
    ----------
    design : Design
        Law of the training inputs, and of new ones unless `shifted`.
    told_design : bool
        Whether theory and training are told of it.
    teacher : callable, optional
        From a phase to its teacher.
    other_kind : bool
        Whether the teacher is a network of the other kind.
    negative : bool
        Whether every second mode of the teacher is subtracted: what no positive semidefinite matrix holds.
    noise : callable
        One of :mod:`.noise_laws`.
    shifted : bool
        Whether new inputs have other variances than the training's.
    spoil : callable, optional
        From a generator, inputs and labels to those that are seen.
    """

    design: Design = Isotropic()  # noqa: RUF009 - frozen
    told_design: bool = False
    teacher: Callable[[Phase], Teacher] | None = None
    other_kind: bool = False
    negative: bool = False
    noise: noise_laws.NoiseLaw = noise_laws.gaussian
    shifted: bool = False
    spoil: Callable[[np.random.Generator, FloatArray, FloatArray], tuple[FloatArray, FloatArray]] | None = None

    def __call__(self, phase: Phase, seed: int) -> Drawn:
        rng = generator(phase, seed)
        teacher = phase.teacher() if self.teacher is None else self.teacher(phase)
        network = phase.architecture if not self.other_kind else _other(phase)
        problem = Problem(network.name, teacher, phase.samples, phase.noise, design=self.design)
        covariance = self.design.covariance(network, phase.dim)
        weights = self.design.weights(network, teacher)
        modes = teacher.values(network.name) * np.where(np.arange(phase.dim) % 2, -1.0, 1.0)

        def truth(inputs: FloatArray) -> FloatArray:
            operator = operator_for(network, inputs)
            if self.negative:
                return np.asarray(operator.output_of_modes(modes))
            return np.asarray((operator if covariance is None else operator.centred(covariance)).output(weights))

        def fresh(generator: np.random.Generator, rows: int) -> FloatArray:
            inputs = self._inputs(generator, rows, phase)
            if self.shifted:
                inputs = inputs * np.sqrt(np.where(np.arange(phase.dim) % 2, 2 - SHIFTED, SHIFTED))
            return inputs

        inputs = self._inputs(rng, phase.samples, phase)
        clean = truth(inputs)
        labels = clean + np.sqrt(phase.noise) * self.noise(rng, inputs, clean)
        if self.spoil is not None:
            inputs, labels = self.spoil(rng, inputs, labels)
        data: Any = Dataset(problem, seed, inputs, labels, weights) if self.told_design else (inputs, labels)
        believed = problem if self.told_design else phase.problem()
        return Drawn(phase, seed, data, believed, phase.weight_decay, truth, fresh)

    def _inputs(self, rng: np.random.Generator, rows: int, phase: Phase) -> FloatArray:
        """Rows of the design; a design of a user may return anything."""
        inputs = self.design.draw(rng, rows, phase.dim, phase.architecture)
        check_array(f"inputs of {self.design.kind}", inputs, (rows, phase.dim))
        return inputs


def _other(phase: Phase) -> Any:
    """A network of the other kind."""
    mine = phase.architecture
    others = (network_named(name) for name in network_names())
    return next(other for other in others if other.is_matrix is not mine.is_matrix)


def copied(rng: np.random.Generator, inputs: FloatArray, labels: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Half of the rows, each of them twice."""
    kept = round(COPIES * labels.size)
    chosen = np.concatenate([np.arange(kept), np.arange(labels.size - kept) % kept])
    return inputs[chosen], labels[chosen]


def missing(rng: np.random.Generator, inputs: FloatArray, labels: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Numbers that were lost and are taken for their mean."""
    return np.where(rng.random(inputs.shape) < MISSING, 0.0, inputs), labels


def of_design(design: Design, name: str, words: str, **world: Any) -> Departure:
    """A departure of the inputs' law.

    Parameters
    ----------
    design : Design
        A registered or an own one.
    name, words : str
    **world
        Other fields of :class:`World`.

    Examples
    --------
    >>> from shallows.designs import Uniform
    >>> from shallows.robustness import of_design, phase_named
    >>> of_design(Uniform(), "flat", "Inputs are uniform.").draw(phase_named("diagonal-V"), 0).inputs.max() < 1.7321
    np.True_
    """
    return Departure(name, "inputs", words, World(design, **world))


def narrow_told(phase: Phase, seed: int) -> Drawn:
    """Data as assumed, of a student that theory knows to be narrow."""
    return told(World()(phase, seed), width=NARROW)


def _gamma(change: float, phase: Phase) -> Teacher:
    return PowerLaw(phase.dim, phase.gamma + change)


def _low_rank(phase: Phase) -> Teacher:
    return LowRank(phase.dim, RANK)


def _energetic(phase: Phase) -> Teacher:
    return PowerLaw(phase.dim, phase.gamma, 2.0)


def _register_all() -> None:
    nothing = "Nothing: inputs, labels, teacher and network are what theory assumes."
    register_departure(Departure("as assumed", "none", nothing, World()))

    teachers: tuple[tuple[str, str, World], ...] = (
        ("heavier teacher", "The teacher's exponent is 0.4 below", World(teacher=partial(_gamma, -0.4))),
        ("steeper teacher", "The teacher's exponent is 0.75 above", World(teacher=partial(_gamma, 0.75))),
        ("low-rank teacher", f"The teacher has {RANK} equal modes instead of", World(teacher=_low_rank)),
        ("stronger teacher", "The teacher has twice the energy of", World(teacher=_energetic)),
        ("teacher of the other kind", "The target is a network of the other kind instead of", World(other_kind=True)),
    )
    for name, words, world in teachers:
        register_departure(Departure(name, "teacher", f"{words} the one that theory is told.", world))
    words = "Every second mode of the teacher is negative: no positive semidefinite matrix holds it."
    register_departure(Departure("negative modes", "teacher", words, World(negative=True), OF_MATRICES))
    student = TheoryStudent(width=NARROW)
    words = f"The network has {NARROW} hidden units; theory is told it is wide."
    register_departure(Departure("narrow, not told", "teacher", words, World(), OF_MATRICES, student))
    words = f"The network has {NARROW} hidden units, and theory knows."
    register_departure(Departure("narrow, told", "teacher", words, narrow_told, OF_MATRICES, student))

    labels: tuple[tuple[str, str, noise_laws.NoiseLaw], ...] = (
        ("Laplace noise", "Label noise has exponential tails.", noise_laws.laplace),
        ("student:3 noise", "Label noise is Student's t with 3 degrees of freedom.", noise_laws.student_three),
        ("student:2.2 noise", "Label noise is Student's t with 2.2 degrees of freedom.", noise_laws.student_near_two),
        ("gross errors", "One label in fifty is off by ten times as much.", noise_laws.gross_errors),
        ("noise grows with signal", "Label noise is as wide as the label is large.", noise_laws.grows_with_signal),
        ("noise grows with input", "Label noise is as wide as the first input is large.", noise_laws.grows_with_input),
        ("noise with memory", "Rows are a series in time; neighbours share 0.9 of their noise.", noise_laws.remembers),
    )
    for name, words, law in labels:
        register_departure(Departure(name, "labels", words + " Its variance is as told.", World(noise=law)))

    for word in ("rademacher", "uniform", "laplace", "student:5", "student:3", "sparse:0.1", "mean:1", "orthogonal"):
        design = design_named(word)
        words = design.describe()
        register_departure(of_design(design, f"{word} inputs", words[0].upper() + words[1:] + "."))
    for exponent in (0.5, 1.0):
        words = f"Inputs have a covariance with eigenvalues k^-{exponent:g} in random directions"
        design = GaussianDesign(exponent, alignment="random")
        register_departure(of_design(design, f"covariance:{exponent:g} inputs", words + "; theory is told white ones."))
    words = "Inputs have a covariance with eigenvalues k^-1 along the teacher, and theory is told."
    register_departure(of_design(GaussianDesign(1.0), "covariance:1 inputs, told", words, told_design=True))
    words = f"New inputs have variance {SHIFTED:g} along every second direction and {2 - SHIFTED:g} along the others."
    register_departure(Departure("shifted test inputs", "inputs", words, World(shifted=True)))
    words = "Half of the rows are copies of the others, labels and all."
    register_departure(Departure("copied rows", "inputs", words, World(spoil=copied)))
    words = "One number in five of the training inputs is missing and taken for the mean."
    register_departure(Departure("missing numbers", "inputs", words, World(spoil=missing)))


_register_all()
