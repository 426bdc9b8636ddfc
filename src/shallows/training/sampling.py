"""Data sets sampled from a teacher (theory note, section 1)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import check_instance
from .._display import Displayed, Summary, shown
from .._numbers import terminal_number as number
from ..errors import InvalidArgument
from ..operators import operator_for
from ..problems import Problem

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..weights import LowRankPSD


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Displayed):
    """A sampled data set with the weights that made it.

    Attributes
    ----------
    problem : Problem
        What was sampled.
    seed : int or numpy.random.SeedSequence
        Seed of the inputs and of the label noise.
    inputs : ndarray, shape (n, d), or (n, T, d) for sequences of tokens
        Rows drawn from the problem's design, standard Gaussian unless it has another; read-only.
    labels : ndarray, shape (n,), or (n, T, T)
        ``y = f*(x) + sqrt(Delta) xi``, read-only.
    weights : ndarray of shape (d,), or LowRankPSD
        The teacher's effective weights: ``theta*``, or ``S*``.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, sample
    >>> data = sample(Problem("quadratic", PowerLaw(dim=10, gamma=1.0), samples=200, noise=0.1), seed=0)
    >>> data.samples, data.dim, data.weights
    (200, 10, LowRankPSD(dim=10, rank=10))
    >>> X, y = data
    >>> X.shape, y.shape
    ((200, 10), (200,))
    """

    problem: Problem
    seed: int | np.random.SeedSequence
    inputs: FloatArray
    labels: FloatArray
    weights: FloatArray | LowRankPSD

    def _summary(self) -> Summary:
        problem = self.problem
        rows = [
            ("samples", str(self.samples)),
            ("dimension", str(self.dim)),
            ("teacher", problem.teacher.describe()),
            ("label variance", number(float(np.var(self.labels, ddof=1)) if self.samples > 1 else None)),
            ("noise variance", number(problem.noise)),
            ("seed", shown(self.seed)),
        ]
        return Summary(f"Data set sampled for {problem.architecture.phrase}", rows)

    @property
    def samples(self) -> int:
        """Number of rows `n`."""
        return int(self.inputs.shape[0])

    @property
    def dim(self) -> int:
        """Number of columns `d`."""
        return int(self.inputs.shape[-1])

    @cached_property
    def covariance(self) -> FloatArray | None:
        """``Sigma`` of the inputs, (d,) where it is diagonal, (d, d) otherwise; None for white ones."""
        problem = self.problem
        return problem.design.covariance(problem.architecture, problem.dim)

    def whitened(self, weights: Any) -> Any:
        """Effective weights as white inputs would need them (theory note, section 13).

        Errors and laws of weights are those of the whitened ones.
        """
        return weights if self.covariance is None else self.problem.architecture.whitened(weights, self.covariance)

    def __iter__(self):  # type: ignore[no-untyped-def]
        """``X, y = dataset``."""
        return iter((self.inputs, self.labels))


def check_seed(seed: object) -> int | np.random.SeedSequence:
    """`seed` as a non-negative integer or a seed sequence.

    Raises
    ------
    InvalidArgument
        For anything else: data sets are always reproducible.
    """
    if isinstance(seed, np.random.SeedSequence):
        return seed
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool) and seed >= 0:
        return int(seed)
    raise InvalidArgument("seed", seed, "must be an integer >= 0 or a numpy.random.SeedSequence")


def sample(problem: Problem, seed: int | np.random.SeedSequence) -> Dataset:
    """Sample a training set of the problem.

    The teacher's matrix ``S*`` is taken diagonal: the law of ``x ~ N(0, I)`` is invariant under rotations, so any other
    eigenvectors give data with the same law up to a rotation that training and every error commute with. The entries of
    ``theta*`` are taken in the teacher's order, for the same reason under permutations and sign flips.

    Where inputs are white but not Gaussian the directions of ``S*`` are random instead, the same for every seed.
    Inputs with a covariance are drawn along its eigenvectors, or as a matrix has them; outputs of the quadratic network
    are centred by their mean there, ``f = Tr[S (x x^T - Sigma)]/sqrt(d)`` (theory note, section 13).

    Parameters
    ----------
    problem : Problem
        Its number of samples must be an integer.
    seed : int or numpy.random.SeedSequence
        Same seed, same data.

    Returns
    -------
    Dataset

    Raises
    ------
    InvalidArgument
        If `problem` is not a Problem, its `samples` is not an integer or more than the rows of its design, or the seed
        is unusable.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, sample
    >>> problem = Problem("diagonal", PowerLaw(dim=10, gamma=1.0), samples=5)
    >>> data, again = sample(problem, seed=1), sample(problem, seed=1)
    >>> bool((data.labels == again.labels).all())
    True
    """
    check_instance("problem", problem, Problem)
    if problem.samples != int(problem.samples):
        raise InvalidArgument("samples", problem.samples, "a data set needs an integer number of samples")
    seed = check_seed(seed)
    n, d = int(problem.samples), problem.dim
    network, design = problem.architecture, problem.design
    shape, count = network.input_shape(n, d), int(network.labels_of(n))
    rows = math.prod(shape) // d
    design.check_samples(rows)
    streams = [np.random.default_rng(s) for s in _spawn(seed, 2)]
    inputs = design.draw(streams[0], rows, d, network).reshape(shape)
    noise = network.noise_of_labels(streams[1].standard_normal(count), problem.noise)
    covariance = design.covariance(network, d)
    operator = operator_for(network, inputs)
    weights = design.weights(network, problem.teacher)
    if design.is_isotropic:
        labels = operator.output_of_modes(problem.teacher.values(problem.network))
    else:
        labels = (operator if covariance is None else operator.centred(covariance)).output(weights)
    labels = network.labels_from(labels + noise)
    for array in (inputs, labels, weights):
        if isinstance(array, np.ndarray):
            array.setflags(write=False)
    return Dataset(problem, seed, inputs, labels, weights)


def _spawn(seed: int | np.random.SeedSequence, count: int) -> list[np.random.SeedSequence]:
    """Child seeds that do not depend on how often the parent was used before."""
    if isinstance(seed, np.random.SeedSequence):
        seed = np.random.SeedSequence(seed.entropy, spawn_key=seed.spawn_key)
    else:
        seed = np.random.SeedSequence(seed)
    return seed.spawn(count)
