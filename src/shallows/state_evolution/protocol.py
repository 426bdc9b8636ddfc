"""What the equations of state evolution need of a network."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from ..networks import Capability

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..problems import Problem
    from ..teachers import Spectrum


class StateEvolution(ABC):
    """A network's part in its state evolution ``zeta (N - D) = L``, ``N noise_scale^2 = error + Delta'``.

    Modes come as their distinct `values`, shape (m,), with `weights`, shape (m,), as :func:`mode_weights` gives them.
    The numbers ``N``, ``L`` and ``Delta'`` are those of :class:`shallows.networks.Network`: ``constraints``,
    ``strength`` and ``noise_per_error``.

    Examples
    --------
    >>> from shallows.state_evolution import STATE_EVOLUTIONS
    >>> evolution = STATE_EVOLUTIONS.of("diagonal")

    One weight ``theta* = 1`` under noise of standard deviation 0.1, thresholded at 0.2: it keeps its place, shrunk.

    >>> import numpy as np
    >>> error, freedom = evolution.moments(0.1, 0.2, 1.0, np.array([1.0]), np.array([1.0]))
    >>> round(error, 6), round(freedom, 6)
    (0.05, 1.0)
    """

    #: What the compiled solver knows the network by; None for one whose equations are solved in Python.
    code: ClassVar[int | None] = None

    #: Whether the equations can have several solutions: the training problem is not convex.
    has_several: ClassVar[bool] = False

    #: Thresholds ``zeta`` scale as modes to this power.
    threshold_power: float = 1.0

    #: Whether the posterior mean, and so the Bayes-optimal risk, is known.
    has_posterior: ClassVar[bool] = False

    @abstractmethod
    def moments(
        self, noise_scale: float, threshold: float, rank_share: float, values: FloatArray, weights: FloatArray
    ) -> tuple[float, float]:
        """Error and degrees of freedom ``D`` of the soft-threshold estimator that keeps this share of the modes."""

    def is_determined(self, constraints: float, dim: int) -> bool:
        """Whether data without noise fix the weights by linear algebra alone."""
        return False

    @abstractmethod
    def silencing_threshold(self, largest_mode: float, noise_scale: float) -> float:
        """A threshold beyond every noisy mode: what it leaves is far below rounding."""

    def posterior_error(self, variance: float, values: FloatArray, weights: FloatArray) -> float:
        """Error of the posterior mean under noise of this variance, the spectrum being known; nan where it is not."""
        return math.nan

    def recovery_constraints(self, coincidence: float) -> float:
        """Constraints ``N`` from which, without noise, zero error is a stable solution of the Bayes-optimal equations.

        `coincidence` is the teacher's (:meth:`shallows.teachers.Teacher.coincidence`).
        """
        return 0.0

    def posterior_spectrum(self, problem: Problem, smallest_noise_scale: float) -> Spectrum:
        """The teacher as finely as a posterior has to see it, at noise scales from the given one on."""
        return problem.spectrum


#: The implementation of each network.
STATE_EVOLUTIONS: Capability[StateEvolution] = Capability("state evolution")


def mode_weights(problem: Problem, spectrum: Spectrum) -> FloatArray:
    """What each atom of `spectrum` counts in the sums of the state evolution: its number of modes, or their share."""
    return spectrum.multiplicities / problem.architecture.modes_per_energy(problem.dim)
