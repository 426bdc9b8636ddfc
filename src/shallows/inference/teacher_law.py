"""The law of the teacher's weights, of a shape that is not known beforehand, with draws that carry its uncertainty.

The unbiased weights are teacher plus Gaussian noise of known size (theory note, section 10). What lies behind them is
sought among ``theta_k = c k^-gamma exp(-(k/K)^beta)``: equal spikes (``gamma = 0``, large ``beta``), exponential
spectra, dense weights and power laws (large `K`) are all close to one of these. How likely a law makes the observed
weights is for a :class:`.teacher_fits.TeacherFit` of the network to say; draws from the posterior say what else would
do as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize

from .._arguments import check_instance, check_integer
from .._display import Displayed, Summary, frame_of
from .._numbers import terminal_number as number
from ..errors import EstimateUndefined
from ..teachers import FromValues
from .result import Inference
from .teacher_fits import TEACHER_FITS

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas

    from .._types import FloatArray
    from ..teachers import PowerLaw

#: Smallest parameters: logarithm of the size over the noise scale, ``gamma``, logarithms of ``K`` and ``beta``.
SMALLEST = np.array([-4.0, 0.0, 0.0, np.log(0.5)])
#: Largest ``gamma`` and ``beta``, and by how much the logarithm of ``K`` goes beyond that of the dimension.
STEEPEST, SHARPEST, FURTHEST = 8.0, 20.0, 4.0
#: Steps of the random walk through the posterior, and those that it takes to find its stride.
STEPS, WARM_UP = 3000, 1000
#: Logarithm of what a law has to make the weights likelier than a power law for its two parameters more.
PARAMETERS_MORE = 2.0
#: When the proposals are fitted to the walk so far.
REFITS = (300, 600, 1000)
#: Weights with less energy than this many times its standard error tell too little of their law.
FEWEST_SIGMAS = 4.0


@dataclass(frozen=True, eq=False, repr=False)
class TeacherLaw(Displayed):
    """A law of the teacher's weights, and others that the data do not tell from it.

    Attributes
    ----------
    network : {"diagonal", "quadratic"}
    dim : int
    noise_scale : float
        Of the unbiased weights that it was read off.
    parameters : ndarray, shape (4,)
        Most likely ``(log(c/noise scale), gamma, log K, log beta)``; those of a power law (the largest `K` and `beta`)
        where nothing speaks for more.
    log_likelihood : float
        The largest of all.
    draws : ndarray, shape (draws, 4)
        From the posterior, with flat priors, over power laws and all.
    sigmas : float
        Energy of the weights over its standard error: how much there is to tell.

    Examples
    --------
    >>> from shallows import LowRank, Problem, infer, sample, train
    >>> from shallows.inference import fit_teacher_law
    >>> data = sample(Problem("diagonal", LowRank(100, 5), samples=300, noise=0.1), seed=0)
    >>> law = fit_teacher_law(infer(data, train(data, weight_decay=1.0)), draws=8)
    >>> modes = law.teacher().values("diagonal")
    >>> int((modes > 0.1).sum()), law.caution is None
    (5, True)
    """

    network: str
    dim: int
    noise_scale: float
    parameters: FloatArray
    log_likelihood: float
    draws: FloatArray
    sigmas: float

    @property
    def caution(self) -> str | None:
        """Why nothing should be built on it, if so."""
        if self.sigmas >= FEWEST_SIGMAS:
            return None
        return (
            f"the learned weights hold too little beside noise to tell their law (their energy is {self.sigmas:.1f} "
            f"standard errors from nothing; {FEWEST_SIGMAS:g} are needed)"
        )

    def _summary(self) -> Summary:
        title = f"Law of the teacher's weights, read off a {self.network} network"
        if self.caution is not None:
            return Summary(title, notes=[f"cannot tell: {self.caution}"])
        rows = [
            ("energy", f"{self.sigmas:.3g} standard errors from nothing"),
            ("dimension", str(self.dim)),
            ("noise scale", number(self.noise_scale)),
        ]
        return Summary(title, rows, notes=["to_frame() has the sizes by rank"])

    def to_frame(self) -> pandas.DataFrame:
        """Sizes of the most likely teacher's weights as a data frame: ``rank``, from 1, and ``size``.

        Raises
        ------
        EstimateUndefined
            If the weights hold too little to tell their law.
        """
        if self.caution is not None:
            raise EstimateUndefined(self.caution)
        sizes = self.teacher().array
        return frame_of({"rank": np.arange(1, sizes.size + 1), "size": sizes})

    def improvement_on(self, inference: Inference, power_law: PowerLaw) -> float:
        """Twice the logarithm of by how much this law makes the observed weights likelier than a power law does.

        Parameters
        ----------
        inference : Inference
            That both were fitted to.
        power_law : PowerLaw
        """
        scale = inference.noise_scale
        ranks, likelihood = TEACHER_FITS.of(self.network)().likelihood(inference.observed / scale, self.dim)
        modes = power_law.values(self.network)[0] / scale * ranks**-power_law.gamma
        return 2 * (self.log_likelihood - likelihood(modes))

    def teacher(self, parameters: FloatArray | None = None) -> FromValues:
        """The teacher of some `parameters`; default: the most likely ones."""
        ranks = np.arange(1.0, self.dim + 1)
        return FromValues(self.noise_scale * _sizes(self.parameters if parameters is None else parameters, ranks))


def fit_teacher_law(inference: Inference, *, draws: int = 40, seed: int = 0) -> TeacherLaw:
    """The law of the teacher's weights, from the unbiased weights of one fit.

    Parameters
    ----------
    inference : Inference
    draws : int
        From the posterior, at least 8.
    seed : int
        Of the random walk that makes them.

    Returns
    -------
    TeacherLaw

    Raises
    ------
    InvalidArgument
        For unusable settings; a network without such a fit is a :class:`shallows.errors.NotSupported`.
    EstimateUndefined
        If the weights hold no more energy than noise would, or there is only one.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, infer, sample, train
    >>> from shallows.inference import fit_teacher_law
    >>> data = sample(Problem("diagonal", PowerLaw(100, 1.0), samples=300, noise=0.5), seed=0)
    >>> law = fit_teacher_law(infer(data, train(data, weight_decay=1.0)), draws=8)
    >>> law.draws.shape, law.teacher().dim
    ((8, 4), 100)
    """
    check_instance("inference", inference, Inference)
    draws = check_integer("draws", draws, minimum=8)
    if inference.dim < 2:
        raise EstimateUndefined("a law needs at least two weights")
    energy = inference.energy
    if energy.value <= energy.standard_error or inference.noise_scale <= 0:
        raise EstimateUndefined("the unbiased weights hold no more energy than noise would: there is no law to tell")
    scale = inference.noise_scale
    best, found, drawn = _posterior(inference.network, inference.observed / scale, inference.dim, draws, seed)
    return TeacherLaw(
        network=inference.network,
        dim=inference.dim,
        noise_scale=scale,
        parameters=best,
        log_likelihood=found,
        draws=drawn,
        sigmas=float(energy.value / energy.standard_error),
    )


def _posterior(
    network: str, observed: FloatArray, dim: int, draws: int, seed: int
) -> tuple[FloatArray, float, FloatArray]:
    """Most likely parameters, the largest log-likelihood, and draws, for weights in units of their noise scale.

    A power law lies at the edge of the family, where all else has less in its tail: the two are weighed as models of
    their own, by what Akaike (1974) charges for two parameters.
    """
    ranks, likelihood = TEACHER_FITS.of(network)().likelihood(observed, dim)
    top = np.abs(observed)
    height = np.log(20 * max(float(top.max()), 1.0))
    largest = np.array([height, STEEPEST, np.log(dim) + FURTHEST, np.log(SHARPEST)])

    def value(parameters: FloatArray) -> float:
        if (parameters < SMALLEST).any() or (parameters > largest).any():
            return -np.inf
        return likelihood(np.minimum(_sizes(parameters, ranks), 1e4))

    def of_power_law(parameters: FloatArray) -> float:
        return value(np.concatenate([parameters, largest[2:]]))

    generator = np.random.default_rng(seed)
    starts = _starts(top, dim, largest)
    best, found = _most_likely(value, starts)
    plain, reached = _most_likely(of_power_law, [start[:2] for start in starts[2:]])
    share = 1 / (1 + np.exp(min(found - reached - PARAMETERS_MORE, 50.0)))
    straight = round(share * draws)
    walks = []
    if straight:
        walk = _walk(of_power_law, plain, reached, generator)
        walks.append(np.column_stack([walk, np.tile(largest[2:], (len(walk), 1))])[:: len(walk) // straight][:straight])
    if straight < draws:
        walk = _walk(value, best, found, generator)
        walks.append(walk[:: len(walk) // (draws - straight)][: draws - straight])
    if share > 0.5:
        best = np.concatenate([plain, largest[2:]])
    return best, found, np.concatenate(walks)


def _sizes(parameters: FloatArray, ranks: FloatArray) -> FloatArray:
    """The law at `ranks`, in units of the noise scale."""
    size, gamma, cut, sharpness = parameters
    steps = np.exp(sharpness) * (np.log(ranks) - cut)
    out: FloatArray = np.exp(size - gamma * np.log(ranks) - np.exp(np.clip(steps, -50.0, 6.0)))
    return out


def _starts(top: FloatArray, dim: int, largest: FloatArray) -> list[FloatArray]:
    """Spikes as many as stand out, spikes, a power law, an exponential and a dense law."""
    height, seen = np.log(max(float(top.max()), 1.5)), max(int((top > 3.5).sum()), 1)
    starts = [
        (height - 0.3, 0.02, np.log(seen + 0.7), np.log(8.0)),
        (height - 0.3, 0.2, np.log(max(0.05 * dim, 2.0)), np.log(4.0)),
        (height, 1.0, np.log(dim), 0.0),
        (height, 0.1, np.log(max(0.1 * dim, 2.0)), 0.0),
        (0.0, 0.1, np.log(dim), 0.0),
    ]
    return [np.clip(np.array(start), SMALLEST + 0.01, largest - 0.01) for start in starts]


def _most_likely(value: Callable[[FloatArray], float], starts: list[FloatArray]) -> tuple[FloatArray, float]:
    """Where the likelihood is largest, and how large."""
    options: dict[str, Any] = {"maxiter": 150, "xatol": 0.02, "fatol": 0.05}
    # A simplex of numbers only: what is outside counts as very unlikely.
    loss = lambda parameters: -max(value(parameters), -1e30)  # noqa: E731
    found = [minimize(loss, start, method="Nelder-Mead", options=options) for start in starts]
    best = min(found, key=lambda one: float(one.fun))
    return np.asarray(best.x), -float(best.fun)


def _walk(
    value: Callable[[FloatArray], float], start: FloatArray, found: float, generator: np.random.Generator
) -> FloatArray:
    """Points of the posterior, shape (steps, parameters): a random walk with fitted strides (Haario et al. 2001)."""
    here: FloatArray = start
    stride: FloatArray = 0.6 * np.diag([0.3, 0.3, 0.5, 0.5][: start.size])
    chain = np.empty((STEPS, start.size))
    for step in range(STEPS):
        there = here + stride @ generator.standard_normal(start.size)
        other = value(there)
        if np.log(generator.random()) < other - found:
            here, found = there, other
        chain[step] = here
        if step in REFITS:
            spread = np.asarray(np.cov(chain[step // 2 : step + 1].T) + 1e-4 * np.eye(start.size), dtype=float)
            stride = 1.2 * np.linalg.cholesky(spread)
    return chain[WARM_UP:]
