"""Weight decay without a validation set: a warm-started path, and the minimum of its estimated test error."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import check_number
from ..errors import EstimateUndefined, InvalidArgument, SolveFailed
from ..networks import network_named
from ..operators import as_pair, check_data, operator_for, to_host
from ..optimum import minimum_between
from ..training import Dataset, Fit, train, train_path
from .concern import TEST_ERROR, WEIGHTS, Concern
from .concerns import check_rows
from .cross_validation import HeldOut, hold_out
from .error_and_noise import is_uneven, look_at_inputs, read_fit
from .estimate import Estimate
from .power_law import LARGEST_MISFIT, estimated_problem, fit_teacher
from .result import Inference
from .signatures import check_inputs
from .weight_decay_path import SEARCHES, Search, Step, Steps, WeightDecayPath, vertex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._types import FloatArray
    from ..networks import Network

#: The path ends at this share of the weight decay that makes every weight zero.
SHORTEST = 1e-8
#: Nor is anything closer to interpolation than this tried: the estimate is unstable there.
SMALLEST_SLACK = 0.1
#: Relative duality gap on the way; the chosen weight decay is trained to the one asked for.
PATH_TOLERANCE = 1e-4
#: Theory's minimum is searched within this factor of the weight decay that it corrects.
REACH = 8.0
#: By how much more a held-out error varies where a few long rows decide it, as simulations show.
FEW_ROWS_DECIDE = 1.7
#: Nothing is cross-validated on tables with more numbers than this.
MOST_HELD_OUT = 5e6


def silencing_weight_decay(inputs: Any, labels: FloatArray, network: str, width: int | None = None) -> float:
    """The smallest weight decay at which every weight is zero.

    There the penalty outweighs the gradient of the training error at zero weights (theory note, section 1).

    Parameters
    ----------
    inputs : ndarray or torch.Tensor, shape (n, d)
        In float64, as :func:`shallows.operators.check_data` returns them.
    labels : ndarray, shape (n,)
    network : {"diagonal", "quadratic"}
    width : int, optional
        Hidden units of the quadratic network; default: `d`. The diagonal network takes no notice.

    Returns
    -------
    float
        ``lam``.

    Raises
    ------
    UnknownNetwork, NotSupported
        If there is no such network, or no operator on its data.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.inference import silencing_weight_decay
    >>> silencing_weight_decay(np.eye(4), np.array([1.0, -3.0, 2.0, 0.0]), "diagonal")
    1.5
    """
    architecture = network_named(network)
    strength = float(operator_for(architecture, inputs).silencing_strength(labels))
    if not architecture.has_penalty:
        return strength
    return float(architecture.weight_decay_from_penalty(strength, inputs.shape[1], width))


def tune(
    data: Any,
    *,
    network: str,
    width: int | None = None,
    centred: bool = False,
    tolerance: float = 1e-6,
    weight_decays: Sequence[float] | None = None,
    throw: bool = True,
) -> tuple[Fit, Inference, WeightDecayPath]:
    """Weight decay of smallest estimated test error, from the training data alone.

    Walks from the weight decay that silences the network downwards, every fit started from its neighbour, until the
    estimate has clearly turned, then refines the minimum by a parabola in the logarithms. For the diagonal network,
    whose estimate is the noisier one, a power-law teacher is then fitted to the unbiased weights and the minimum of its
    predicted risk taken instead, if columns are as the theory assumes and the estimate does not speak against it.
    Otherwise, and on few samples (250 for the diagonal network, 20 to a column for the quadratic one), ten-fold
    cross-validation chooses, up to 5 million numbers; the test error then rests on the held-out rows as well.

    Parameters
    ----------
    data : Dataset or pair (X, y)
        Shapes (n, d) and (n,); inputs on a GPU stay there.
    network : {"diagonal", "quadratic"}
    width : int, optional
        Hidden units of the quadratic network. Below `d` only minima of rank at most `width` are considered: there
        the network, though not convex, has the same global minimum as the convex problem.
    centred : bool
        Whether the mean was taken off the labels.
    tolerance : float
        Relative duality gap of the final fit.
    weight_decays : sequence of float, optional
        Walk these instead (decreasing order is imposed; no refinement).
    throw : bool
        Raise when the final fit missed the tolerance; otherwise return it with its status.

    Returns
    -------
    fit : Fit
        At full width, whatever the width: there ``fit.penalty`` is the one that was chosen.
    inference : Inference
    path : WeightDecayPath

    Raises
    ------
    InvalidArgument
        For unusable data or settings.
    EstimateUndefined
        If no point of the path leaves anything to estimate from.
    SolveFailed
        If the final fit missed the tolerance; its ``result`` is what would have been returned.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, sample, tune
    >>> data = sample(Problem("quadratic", PowerLaw(20, 1.25), samples=600, noise=0.1), seed=0)
    >>> fit, found, path = tune(data, network="quadratic")
    >>> found.test_error.covers(0.1 + fit.excess_risk(data))
    True
    >>> fit.weight_decay == path.chosen, path.method
    (True, 'estimate')
    """
    started = time.perf_counter()
    given = _Data.of(data, network, width, centred, check_number("tolerance", tolerance, strict=True))
    host = to_host(given.inputs)
    concerns = check_inputs(host, network) + check_rows(host, given.labels)
    steps = Steps()
    held: HeldOut | None = None
    if weight_decays is None:
        _walk(given, steps, _decreasing(given), stop=True)
        decay, method, held = _choose(given, steps, concerns)
    else:
        _walk(given, steps, _sorted(weight_decays), stop=False)
        decay, method = steps.best.weight_decay, "estimate"
    uneven = is_uneven(concerns)
    fit, inference = given.fit(decay, held, uneven)
    if not given.fits_width(inference):  # the refinement went past what the width allows
        decay = steps.best.weight_decay
        fit, inference = given.fit(decay, held, uneven)
    path = steps.path(Step.of(decay, fit, inference), method, time.perf_counter() - started, held)
    inference = look_at_inputs(inference, host, given.labels, concerns, centred=centred)
    if throw and not fit.status.ok:
        words = f"training ended with status {fit.status.value}: {fit.status.advice}"
        raise SolveFailed(words, (fit, inference, path))
    return fit, inference, path


@dataclass(frozen=True, eq=False)
class _Data:
    """A checked training set, and how it is fitted."""

    inputs: Any
    labels: FloatArray
    network: Network
    width: int | None
    centred: bool
    tolerance: float

    @classmethod
    def of(cls, data: Any, network: str, width: int | None, centred: bool, tolerance: float) -> _Data:
        """Check everything that was given to :func:`tune`."""
        architecture = network_named(network)
        if isinstance(data, Dataset) and data.problem.network != architecture.name:
            raise InvalidArgument("network", network, f"the data are of the {data.problem.network} network")
        inputs, labels = check_data(*as_pair(data), device=None)
        return cls(inputs, labels, architecture, architecture.check_width(width), centred, tolerance)

    @property
    def pair(self) -> tuple[Any, FloatArray]:
        return self.inputs, self.labels

    @property
    def dim(self) -> int:
        return int(self.inputs.shape[1])

    @property
    def effective_samples(self) -> float:
        return self.network.effective_samples(self.labels.size - int(self.centred), self.dim)

    @property
    def search(self) -> Search:
        return SEARCHES.of(self.network)

    @property
    def unit(self) -> float:
        """What a weight decay is multiplied by at full width, where the problem is convex, for the same minimum."""
        return self.network.penalty_per_weight_decay(self.dim, self.width)

    def fits_width(self, inference: Inference) -> bool:
        """Whether a network of the width asked for has these weights."""
        limit = self.network.effective_width(self.dim, self.width)
        return self.network.is_convex(self.dim, self.width) or inference.learned_features <= limit

    def infer(self, fit: Fit) -> Inference:
        return read_fit(self.pair, fit, centred=self.centred)

    def train(self, decay: float, tolerance: float) -> Fit:
        scaled = decay * self.unit
        return train(self.pair, network=self.network.name, weight_decay=scaled, tolerance=tolerance, throw=False)

    def fit(self, decay: float, held: HeldOut | None = None, uneven: bool = False) -> tuple[Fit, Inference]:
        """To the tolerance asked for; on few samples, the error rests on the rows `held` out as well."""
        fit = self.train(decay, self.tolerance)
        found = read_fit(self.pair, fit, centred=self.centred, uneven=uneven)
        misled = uneven and self.network.is_matrix  # residuals alone, by rows of uneven length
        if held is None or (self.effective_samples >= self.search.enough and not misled):
            return fit, found
        error, relative = held.without_choice(), held.relative_error
        found = read_fit(self.pair, fit, centred=self.centred, uneven=uneven, drifts=False)
        if found.slack > SMALLEST_SLACK and not misled:
            # One is low for being chosen, the other high for the rows it did without: their geometric mean is neither.
            error = float(np.sqrt(error * found.test_error.value))
            relative = max(relative, found.relative_error)
        if misled:
            relative *= FEW_ROWS_DECIDE
        known = Estimate.positive(error, relative, level=found.test_error.level)
        return fit, read_fit(self.pair, fit, centred=self.centred, uneven=uneven, test_error=known)


class _StopWalking(Exception):
    """Ends a path from inside."""


def _decreasing(data: _Data) -> list[float]:
    """Weight decays from just below the one that silences the network down to a small share of it."""
    top = silencing_weight_decay(data.inputs, data.labels, data.network.name, data.width) or 1.0
    step = data.search.step
    count = int(np.ceil(np.log(1 / SHORTEST) / np.log(step)))
    return list(top * 0.999 * step ** -np.arange(count + 1.0))


def _sorted(weight_decays: Any) -> list[float]:
    """The weight decays that a user gave, in decreasing order."""
    if not np.iterable(weight_decays):
        raise InvalidArgument("weight_decays", weight_decays, "must be a sequence of numbers")
    return sorted((check_number("weight_decays", decay) for decay in weight_decays), reverse=True)


def _walk(data: _Data, steps: Steps, decays: list[float], *, stop: bool) -> None:
    """Fit at each of the decreasing `decays`, started from its neighbour, and note what it says of itself.

    Ends where little is left to estimate from or the width is exceeded, and if it may `stop` where the estimate turned.
    """

    def note(_: int, fit: Fit) -> None:
        step, last = _noted(data, fit)
        steps.add(step)
        if last or (stop and steps.turned(data.search.patience)):
            raise _StopWalking

    scaled = [decay * data.unit for decay in decays]
    tolerance = max(PATH_TOLERANCE, data.tolerance)
    with suppress(_StopWalking):
        options: dict[str, Any] = {"network": data.network.name, "tolerance": tolerance, "throw": False}
        train_path(data.pair, weight_decays=scaled, progress=note, **options)
    if not np.isfinite(steps.errors).any():
        words = "the network interpolates its data"
        if not data.network.is_convex(data.dim, data.width):
            words += f", or its minimum needs more than {data.width} hidden units,"
        raise EstimateUndefined(f"{words} at every weight decay tried")


def _noted(data: _Data, fit: Fit) -> tuple[Step, bool]:
    """What a fit on the way says of itself, and whether it has to be the last one."""
    decay = fit.weight_decay / data.unit
    try:
        found = data.infer(fit)
    except EstimateUndefined:
        return Step(decay, np.inf, np.inf, fit.train_error, float(data.labels.size), data.dim), False
    step = Step.of(decay, fit, found)
    if not data.fits_width(found):
        return replace(step, test_error=np.inf), True
    return step, found.slack < SMALLEST_SLACK


def _choose(data: _Data, steps: Steps, concerns: list[Concern]) -> tuple[float, str, HeldOut | None]:
    """The weight decay to take after a walk, what chose it, and the errors of held-out rows if those did."""
    decay, search = steps.vertex(), data.search
    enough = data.effective_samples >= search.enough
    white = not any(WEIGHTS in concern.voids for concern in concerns)
    if white and enough and search.theory_chooses:
        by_theory = _chosen_by_theory(data, decay, steps.best)
        if by_theory is not None:
            return by_theory, "theory", None
    trusted = enough and not search.theory_chooses and not any(TEST_ERROR in concern.voids for concern in concerns)
    too_large = data.labels.size * data.dim > MOST_HELD_OUT
    if trusted or too_large or not data.network.is_convex(data.dim, data.width):
        return decay, "estimate", None
    tried = steps.contenders() if enough else np.array([step.weight_decay for step in steps.steps])
    share = steps.best.test_error / max(float(np.square(data.labels).mean()), 1e-300)
    tolerance = min(PATH_TOLERANCE, 1e-3 * share)  # of the labels' square, of which the errors may be a small share
    held = hold_out(data.inputs, data.labels, tried, search.predict, centred=data.centred, tolerance=tolerance)
    return vertex(tried, held.mean), "cross-validation", held


def _chosen_by_theory(data: _Data, decay: float, best: Step) -> float | None:
    """Where theory puts the smallest risk for the teacher seen in the data; None where the data disagree with it.

    The estimated test error has one noise for the whole path and a flat minimum, so its place is uncertain; the fitted
    teacher uses the same data once more and has only two parameters. Simulations: the risk's excess over the best of
    the path falls three- to tenfold.
    """
    for _ in range(2):
        try:
            found = data.infer(data.train(decay, PATH_TOLERANCE))
            if found.test_error.value > best.test_error + best.standard_error:
                return None
            teacher, misfit = fit_teacher(found)
        except EstimateUndefined:
            return None
        if abs(misfit) > LARGEST_MISFIT:
            return None
        problem = estimated_problem(found, teacher, found.samples)
        decay, risk = minimum_between(problem, decay / REACH, decay * REACH, tolerance=0.02)
        if not np.isfinite(risk):
            return None
    return decay
