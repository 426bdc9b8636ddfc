"""Learned weights read as the law that theory gives them: a power-law teacher seen through noise, shrunk and cut.

The weights of a trained network of the theory's kind follow ``f(teacher + noise of scale delta; threshold zeta)``
(theory note, sections 2, 3 and 5). With a teacher ``c k^-gamma`` that law has four numbers, which the sizes of the
learned modes tell by themselves; with the number of samples and the weight decay the threshold
follows from the other three. Risk and best threshold follow from them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq, least_squares, minimize_scalar

from .._display import Displayed, Summary
from .._numbers import number
from ..networks import Network, network_named
from ..problems import Problem
from ..spectra import LearnedLaw, learned_law
from ..state_evolution import STATE_EVOLUTIONS
from ..state_evolution.protocol import mode_weights
from ..teachers import PowerLaw

if TYPE_CHECKING:
    from .._types import FloatArray

#: Learned modes below this share of the largest are what an optimiser left.
REMAINS = 1e-3
#: Fewer learned modes do not tell four numbers; nor one with what is expected where the threshold is known.
FEWEST, FEWEST_KNOWN = 3, 1
#: Modes that tell four numbers well.
ENOUGH = 8
#: Of few modes the noise is expected at this share of the threshold, within a factor of e.
EXPECTED_NOISE = 1 / 3
#: Ranks compared: all up to this one, then one in :data:`RATIO`.
EACH, RATIO = 8, 1.25
#: A mode's place is known to this share of itself, whatever the noise.
FLOOR = 0.03
#: What is expected of ``log(gamma - 1/2)`` before looking, and how firmly.
EXPECTED_GAMMA, GAMMA_SPREAD = math.log(0.75), 0.8
#: Misses beyond this many standard errors count linearly.
SOFT = 3.0
#: And how firmly, of ``log(zeta/delta)``, that it is 0.
THRESHOLD_SPREAD = 2.0
#: By how much, relatively, the square of the noise scale may be less than the error alone makes it.
LEAST_NOISE = 0.1
#: Rounds of least squares with the standard errors of the one before, after the best start is known, and steps of each.
ROUNDS, EVALUATIONS = 2, 7
#: A law that misses the learned modes by more standard errors than this is not theirs.
MISFIT = 2.0
#: Noise scales per largest learned mode from which the search starts.
STARTS = (0.02, 0.15, 1.0)
#: Thresholds over noise scale that are searched for the best one, at most.
HIGHEST = 8.0


@dataclass(frozen=True, eq=False, repr=False)
class LawFit(Displayed):
    """A law fitted to learned modes.

    Attributes
    ----------
    network : str
    dim : int
    width : int or None
    gamma, energy : float
        Of the teacher.
    noise_scale, threshold : float
        ``delta`` (``tau``) and ``zeta``.
    misfit : float
        Root mean square miss, in standard errors.
    modes : int
        Learned ones that it was fitted to.
    samples, weight_decay : float or None
        Where they were known.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, predict
    >>> from shallows.diagnosis.law_fit import fit_law
    >>> law = predict(Problem("diagonal", PowerLaw(400, 1.0), samples=600, noise=0.5), weight_decay=1.0).spectrum
    >>> import numpy as np
    >>> found = fit_law("diagonal", law.rank_positions(np.arange(1.0, 401.0)))
    >>> round(found.gamma, 1), bool(abs(found.noise_scale / law.noise_scale - 1) < 0.1)
    (1.0, True)
    """

    network: str
    dim: int
    width: int | None
    gamma: float
    energy: float
    noise_scale: float
    threshold: float
    misfit: float
    modes: int = 0
    samples: float | None = None
    weight_decay: float | None = None

    def _summary(self) -> Summary:
        title = f"Law of a {self.network} network, fitted to its weights"
        rows: list[tuple[str, ...]] = [("learned modes", str(self.modes), f"of {self.dim}")]
        rows.append(("misfit", number(self.misfit, 2), "standard errors"))
        if self.misfit > MISFIT:
            return Summary(title, rows, notes=["the law does not fit: its numbers mean nothing"])
        rows += [("gamma", number(self.gamma, 3), "of the teacher"), ("noise scale", number(self.noise_scale))]
        if not self.is_sharp:
            return Summary(title, rows, notes=["too few modes to tell the threshold"])
        return Summary(title, [*rows, ("threshold", number(self.threshold))])

    @property
    def is_sharp(self) -> bool:
        """Whether the threshold was known, or modes are enough to tell it."""
        return self.weight_decay is not None or self.modes >= ENOUGH

    @property
    def architecture(self) -> Network:
        """The network as an object."""
        return network_named(self.network)

    @cached_property
    def problem(self) -> Problem:
        """The problem that has this teacher; its noise is what the noise scale leaves, where samples are known."""
        problem = Problem(
            self.network, PowerLaw(self.dim, self.gamma, self.energy), self.samples or 1.0, 0.0, self.width
        )
        return problem if self.samples is None else replace(problem, noise=self.noise or 0.0)

    @cached_property
    def law(self) -> LearnedLaw:
        """Law of the learned weights."""
        return learned_law(self._bare, self.noise_scale, self.threshold)

    @cached_property
    def _bare(self) -> Problem:
        return Problem(self.network, PowerLaw(self.dim, self.gamma, self.energy), 1.0, 0.0, self.width)

    def error_at(self, threshold: float) -> float:
        """Estimation error at another threshold and the same noise scale."""
        return moments(self._bare, self.noise_scale, threshold)[0]

    @cached_property
    def excess_risk(self) -> float:
        """``R`` of these weights."""
        return self.architecture.risk_per_error * self.error_at(self.threshold)

    @cached_property
    def test_error(self) -> float | None:
        """``Delta + R``; None without the number of samples."""
        if self.samples is None:
            return None
        constraints = self.architecture.constraints(self.samples, self.dim)
        return float(self.architecture.risk_per_error * constraints * self.noise_scale**2)

    @property
    def noise(self) -> float | None:
        """``Delta``; None without the number of samples."""
        return None if self.test_error is None else max(self.test_error - self.excess_risk, 0.0)

    @cached_property
    def best_threshold(self) -> float:
        """The threshold of least error at this noise scale."""
        top = HIGHEST * self.noise_scale
        done = minimize_scalar(self.error_at, bounds=(0.0, top), method="bounded", options={"xatol": 1e-3 * top})
        return float(done.x) if done.fun < self.error_at(0.0) else 0.0

    @cached_property
    def price(self) -> float:
        """Error over that at the best threshold."""
        best = self.error_at(self.best_threshold)
        return self.error_at(self.threshold) / best if best > 0 else 1.0


def moments(problem: Problem, noise_scale: float, threshold: float) -> tuple[float, float]:
    """Estimation error and degrees of freedom of `problem` at a noise scale and threshold."""
    spectrum = problem.spectrum
    weights = mode_weights(problem, spectrum)
    evolution = STATE_EVOLUTIONS.of(problem.network)
    error, freedom = evolution.moments(noise_scale, threshold, problem.rank_share, spectrum.values, weights)
    return float(error), float(freedom)


def threshold_of(problem: Problem, noise_scale: float, samples: float, weight_decay: float) -> float:
    """``zeta`` of a weight decay at a noise scale: ``zeta (N - D) = L``.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, predict
    >>> from shallows.diagnosis.law_fit import threshold_of
    >>> problem = Problem("diagonal", PowerLaw(1000, 1.0), samples=500, noise=0.5)
    >>> round(threshold_of(problem, predict(problem, weight_decay=1.0).noise_scale, 500, 1.0), 4)
    0.0713
    """
    network = problem.architecture
    constraints = network.constraints(samples, problem.dim)
    penalty = network.penalty_from_weight_decay(weight_decay, problem.dim, problem.width)
    strength = network.strength(weight_decay, penalty, problem.dim)

    def excess(log_threshold: float) -> float:
        threshold = math.exp(log_threshold)
        return threshold * (constraints - moments(problem, noise_scale, threshold)[1]) - strength

    low, high = math.log(strength / constraints), math.log(strength / constraints) + 1.0
    while excess(high) < 0:
        high += 1.0
    return math.exp(brentq(excess, low, high, xtol=1e-4)) if excess(low) < 0 else math.exp(low)


def fit_law(
    network: str,
    sizes: FloatArray,
    *,
    width: int | None = None,
    samples: float | None = None,
    weight_decay: float | None = None,
) -> LawFit | None:
    """The law whose modes lie closest to the learned ones; None where too few were learned.

    Parameters
    ----------
    network : str
    sizes : ndarray, shape (d,)
        Sizes of the learned modes, decreasing.
    width : int, optional
    samples, weight_decay : float, optional
        Both, or the threshold is fitted as well.

    Returns
    -------
    LawFit or None

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.diagnosis.law_fit import fit_law
    >>> fit_law("diagonal", np.zeros(100)) is None
    True
    """
    positive = int((sizes > REMAINS * sizes[0]).sum()) if sizes[0] > 0 else 0
    known = samples is not None and weight_decay is not None and weight_decay > 0
    if positive < (FEWEST_KNOWN if known else FEWEST):
        return None
    search = _Search(network, sizes, positive, width, samples, weight_decay)
    tried = [search.improve(search.start(share), 1) for share in STARTS]
    best = min(tried, key=search.cost)
    return search.finish(search.improve(best, ROUNDS))


class _Search:
    """Least squares over the numbers of the law, in units of the largest learned mode."""

    def __init__(
        self,
        network: str,
        sizes: FloatArray,
        positive: int,
        width: int | None,
        samples: float | None,
        weight_decay: float | None,
    ) -> None:
        self.network, self.dim, self.width = network, sizes.size, width
        self.known = samples is not None and weight_decay is not None and weight_decay > 0
        self.samples, self.weight_decay = samples, weight_decay
        self.positive = positive
        self.unit, self.few = float(sizes[0]), positive < FEWEST
        # One rank beyond the learned ones: theory has to let it vanish.
        ranks = np.arange(1, min(positive + 1, sizes.size) + 1)
        later = EACH * RATIO ** np.arange(1, 80)
        chosen = set(range(1, EACH + 1)) | {round(x) for x in later} | {positive, positive + 1}
        self.ranks = np.array(sorted(chosen & set(ranks.tolist())), dtype=float)
        self.seen = np.where(self.ranks <= positive, sizes[self.ranks.astype(int) - 1], 0.0)
        # A rank stands for those left out beside it.
        self.weights = np.sqrt(np.minimum(np.gradient(self.ranks) if self.ranks.size > 1 else np.ones(1), 3.0))

    def start(self, share: float) -> FloatArray:
        """Where the search starts whose noise scale is this share of the largest mode."""
        return np.array([self.steepness(), 0.0, math.log(share)] + ([] if self.known else [0.5]))

    def improve(self, parameters: FloatArray, rounds: int) -> FloatArray:
        """Least squares with the standard errors of the last round."""
        options = {"loss": "soft_l1", "f_scale": SOFT, "max_nfev": EVALUATIONS, "diff_step": 1e-3, "x_scale": 0.5}
        for _ in range(rounds):
            spread = self.spread(self.fit(parameters))
            parameters = least_squares(self.misses, parameters, args=(spread,), **options).x
        return parameters

    def cost(self, parameters: FloatArray) -> float:
        """Minus the log-likelihood."""
        spread = self.spread(self.fit(parameters))
        misses = self.misses(parameters, spread)
        return float(SOFT**2 * (np.sqrt(1 + (misses / SOFT) ** 2) - 1).sum() + self.weights**2 @ np.log(spread))

    def finish(self, parameters: FloatArray) -> LawFit:
        """The fit, with its misfit."""
        found = self.fit(parameters)
        misses = self.misses(parameters, self.spread(found))
        return replace(found, misfit=float(np.sqrt(np.mean(misses**2))))

    def steepness(self) -> float:
        """First guess of ``log(gamma - 1/2)``: from the slope of the largest modes."""
        if self.few:
            return EXPECTED_GAMMA
        few = slice(0, max(3, self.ranks.size // 3))
        slope = -np.polyfit(np.log(self.ranks[few]), np.log(np.maximum(self.seen[few], 1e-3 * self.unit)), 1)[0]
        return math.log(min(max(float(slope), 0.65), 2.0) - 0.5)

    def spread(self, found: LawFit) -> FloatArray:
        """Standard error of the modes compared, at a fit."""
        expected = found.law.rank_positions(self.ranks)
        edge = found.architecture.noise_edge(found.noise_scale, self.dim, 0.0)
        outlying = found.architecture.outlier_fluctuation(self.dim)
        inside = found.architecture.bulk_fluctuation(self.dim)
        spread = found.noise_scale * np.where(expected + found.threshold > edge, outlying, inside)
        return np.hypot(np.minimum(spread, self.unit), FLOOR * self.seen) + 1e-4 * self.unit

    def fit(self, parameters: FloatArray, misfit: float = 0.0) -> LawFit:
        gamma = 0.5 + math.exp(min(max(parameters[0], -4.0), 1.5))
        top, noise_scale = (self.unit * math.exp(min(max(x, -12.0), 6.0)) for x in parameters[1:3])
        shape = PowerLaw(self.dim, gamma, 1.0).spectrum(self.network).values[0]
        energy = float((top / shape) ** 2)
        problem = Problem(self.network, PowerLaw(self.dim, gamma, energy), 1.0, 0.0, self.width)
        if self.known:
            assert self.samples is not None and self.weight_decay is not None
            threshold = threshold_of(problem, noise_scale, self.samples, self.weight_decay)
        else:
            threshold = noise_scale * math.exp(min(max(parameters[3], -6.0), 4.0))
        return LawFit(
            self.network, self.dim, self.width, gamma, energy, noise_scale, threshold, misfit,
            self.positive, self.samples, self.weight_decay,
        )  # fmt: skip

    def misses(self, parameters: FloatArray, spread: FloatArray) -> FloatArray:
        found = self.fit(parameters)
        prior = [(math.log(found.gamma - 0.5) - EXPECTED_GAMMA) / GAMMA_SPREAD]
        # Without more to tell, the threshold is about that of the noise.
        if not self.known:
            prior.append(math.log(found.threshold / found.noise_scale) / THRESHOLD_SPREAD)
        else:
            # The noise scale is at least what the error itself makes.
            assert self.samples is not None
            own = moments(found._bare, found.noise_scale, found.threshold)[0]
            least = own / found.architecture.constraints(self.samples, self.dim)
            prior.append(max(math.log(max(least, 1e-300) / found.noise_scale**2), 0.0) / LEAST_NOISE)
        if self.known and self.few:
            prior.append(math.log(found.noise_scale / (EXPECTED_NOISE * found.threshold)))
        return np.concatenate([self.weights * (self.seen - found.law.rank_positions(self.ranks)) / spread, prior])
