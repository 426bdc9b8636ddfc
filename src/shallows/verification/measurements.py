"""What one trainer measured over several data sets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .._display import Displayed, Summary
from .._numbers import measured_number

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..inference import Diagnosis
    from ..training import Fit

#: A learned weight counts as zero below this share of the noise scale (of the largest weight without noise).
#: Gradient training shrinks weights towards zero without ever setting them to it.
ZERO = 1e-3


@dataclass(frozen=True, repr=False)
class Statistic(Displayed):
    """Values over independent data sets.

    Attributes
    ----------
    values : tuple of float
        One per data set, at least one.

    Examples
    --------
    >>> from shallows.verification import Statistic
    >>> found = Statistic((1.0, 3.0))
    >>> found.mean, found.standard_error
    (2.0, 1.0)
    """

    values: tuple[float, ...]

    @property
    def in_words(self) -> str:
        """Mean and standard error, as people read them."""
        return measured_number(self.mean, self.standard_error)

    def _summary(self) -> Summary:
        return Summary("Statistic", [("mean", self.in_words), ("data sets", str(len(self.values)))])

    @property
    def mean(self) -> float:
        """Average over the data sets."""
        return math.fsum(self.values) / len(self.values)

    @property
    def standard_error(self) -> float | None:
        """Standard error of the mean; None for a single data set, which says nothing about it."""
        count = len(self.values)
        if count < 2:
            return None
        mean = self.mean
        return math.sqrt(math.fsum((v - mean) ** 2 for v in self.values) / (count * (count - 1)))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"mean": self.mean, "standard_error": self.standard_error, "values": list(self.values)}


@dataclass(frozen=True, eq=False, repr=False)
class Measurements(Displayed):
    """One trainer's runs, in the order of the data sets.

    Attributes
    ----------
    trainer : str
        ``"convex"`` or ``"gradient"``.
    datasets : tuple of int
        Which data sets the numbers belong to, counted from 0: those whose training diverged are missing.
    excess_risk, train_error, objective : Statistic
        Units of the theory note, section 1.
    gaps : tuple of float or None
        Relative duality gap of each run; None where the problem has no certificate.
    statuses, solvers : tuple of str
    iterations : tuple of int
    seconds : tuple of float
    spectra : ndarray, shape (runs, d)
        Learned weights of each run: eigenvalues of ``S`` in decreasing order, or ``theta`` along the signs of the
        teacher.
    zero : float
        Learned weights of at most this size count as zero.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, verify
    >>> problem = Problem("diagonal", PowerLaw(20, 1.0), samples=40, noise=0.5)
    >>> found = verify(problem, weight_decay=0.5, seeds=3, trainers=["convex"], learning_curve=False)
    >>> runs = found.measured["convex"]
    >>> runs.datasets, runs.spectra.shape
    ((0, 1, 2), (3, 20))
    """

    trainer: str
    datasets: tuple[int, ...]
    excess_risk: Statistic
    train_error: Statistic
    objective: Statistic
    gaps: tuple[float | None, ...]
    statuses: tuple[str, ...]
    solvers: tuple[str, ...]
    iterations: tuple[int, ...]
    seconds: tuple[float, ...]
    spectra: FloatArray
    zero: float

    @cached_property
    def mass_at_zero(self) -> Statistic:
        """Share of the learned weights that are zero."""
        return Statistic(tuple(float(v) for v in (np.abs(self.spectra) <= self.zero).mean(axis=1)))

    @property
    def ordered(self) -> FloatArray:
        """Sizes of the learned weights in decreasing order, shape (runs, d)."""
        return -np.sort(-np.abs(self.spectra), axis=1)

    def to_dict(self, most: int = 50) -> dict[str, Any]:
        """JSON-ready, with the mean sizes of the `most` largest learned weights."""
        return {
            "excess_risk": self.excess_risk.to_dict(),
            "train_error": self.train_error.to_dict(),
            "objective": self.objective.to_dict(),
            "gap": list(self.gaps),
            "status": list(self.statuses),
            "solver": list(self.solvers),
            "iterations": list(self.iterations),
            "datasets": list(self.datasets),
            "spectrum": {
                "mass_at_zero": self.mass_at_zero.to_dict(),
                "zero_below": self.zero,
                "largest": [float(v) for v in self.ordered.mean(axis=0)[:most]],
            },
        }


@dataclass(frozen=True, eq=False)
class Run:
    """What is kept of one training run; `weights` are the modes in the form that their predicted law describes.

    `signatures` are those of departures from theory, where they were looked for.
    """

    dataset: int
    fit: Fit
    excess_risk: float
    weights: FloatArray
    signatures: Diagnosis | None = None

    @property
    def finite(self) -> bool:
        """Whether the numbers can be used."""
        return math.isfinite(self.excess_risk) and math.isfinite(self.fit.objective)


def collect(trainer: str, runs: list[Run], noise_scale: float) -> Measurements | None:
    """Summarise the finite ones of `runs`; None if there are none."""
    kept = [run for run in runs if run.finite]
    if not kept:
        return None
    spectra = np.array([run.weights for run in kept])
    spectra.setflags(write=False)
    return Measurements(
        trainer=trainer,
        datasets=tuple(run.dataset for run in kept),
        excess_risk=Statistic(tuple(float(run.excess_risk) for run in kept)),
        train_error=Statistic(tuple(float(run.fit.train_error) for run in kept)),
        objective=Statistic(tuple(float(run.fit.objective) for run in kept)),
        gaps=tuple(None if run.fit.gap is None else float(run.fit.gap) for run in kept),
        statuses=tuple(run.fit.status.value for run in kept),
        solvers=tuple(run.fit.solver for run in kept),
        iterations=tuple(int(run.fit.iterations) for run in kept),
        seconds=tuple(float(run.fit.seconds) for run in kept),
        spectra=spectra,
        zero=ZERO * (noise_scale if noise_scale > 0 else float(np.abs(spectra).max())),
    )
