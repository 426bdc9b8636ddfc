"""Data sets sampled from a teacher (theory note, section 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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
    inputs : ndarray, shape (n, d)
        Standard Gaussian rows, read-only.
    labels : ndarray, shape (n,)
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
        return Summary(f"Data set sampled for a {problem.network} network", rows)

    @property
    def samples(self) -> int:
        """Number of rows `n`."""
        return int(self.inputs.shape[0])

    @property
    def dim(self) -> int:
        """Number of columns `d`."""
        return int(self.inputs.shape[1])

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
        If `problem` is not a Problem, its `samples` is not an integer, or the seed is unusable.

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
    streams = [np.random.default_rng(s) for s in _spawn(seed, 2)]
    inputs = streams[0].standard_normal((n, d))
    noise = streams[1].standard_normal(n)
    values = problem.teacher.values(problem.network)
    network = problem.architecture
    labels = operator_for(network, inputs).output_of_modes(values)
    labels = labels + np.sqrt(problem.noise) * noise
    for array in (inputs, labels, values):
        array.setflags(write=False)
    return Dataset(problem, seed, inputs, labels, network.weights_of_modes(values))


def _spawn(seed: int | np.random.SeedSequence, count: int) -> list[np.random.SeedSequence]:
    """Child seeds that do not depend on how often the parent was used before."""
    if isinstance(seed, np.random.SeedSequence):
        seed = np.random.SeedSequence(seed.entropy, spawn_key=seed.spawn_key)
    else:
        seed = np.random.SeedSequence(seed)
    return seed.spawn(count)
