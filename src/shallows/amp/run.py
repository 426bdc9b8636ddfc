"""Approximate message passing: what is asked, the loop, and its check against what theory expects."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import check_instance, check_number, exactly_one
from ..denoisers import RULES, Denoiser
from ..errors import InvalidArgument, NotSupported, SolveFailed
from ..networks import Network, network_named
from ..operators import Operator, as_pair, check_data, operator_for
from ..problems import Problem
from ..state_evolution.result import require_theory
from .covariance import PenaltyWithCosts, Whitening
from .damping import SMALLEST_MIX, Damping
from .departure import first_departure
from .expected import expect
from .iteration import Iteration
from .models import MODELS
from .result import AmpRun, AmpStatus, Trajectory
from .settings import AmpSettings
from .threshold_policies import FixedRule, Policy, ThresholdForPenalty

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._types import FloatArray

    Progress = Callable[[int, float], None]

#: Iterations over which a noise scale must not have moved by more than this share to have settled.
LAST, STILL = 15, 0.03
#: A noise scale that has grown by this factor has diverged.
DIVERGED = 1e4


def bayes_rule(problem: Problem) -> Denoiser:
    """The Bayes-optimal denoiser of the problem's teacher (theory note, section 8).

    Parameters
    ----------
    problem : Problem
        Only its network and teacher matter.

    Returns
    -------
    Denoiser
        The posterior mean, to be used as the `rule` of :func:`amp`.

    Raises
    ------
    NotSupported
        If the network has no denoisers.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, sample
    >>> from shallows.amp import amp, bayes_rule
    >>> problem = Problem("diagonal", PowerLaw(dim=200, gamma=1.0), samples=150, noise=0.1)
    >>> data = sample(problem, seed=0)
    >>> amp(data, rule=bayes_rule(problem)).excess_risk < amp(data, weight_decay=0.5).excess_risk
    True
    """
    return RULES.of(problem.network).posterior(problem)


def amp(
    data: Any,
    *,
    network: str | None = None,
    weight_decay: float | None = None,
    penalty: float | None = None,
    rule: Denoiser | Policy | None = None,
    width: int | None = None,
    problem: Problem | None = None,
    truth: FloatArray | None = None,
    settings: AmpSettings | None = None,
    device: Any = None,
    throw: bool = True,
    progress: Progress | None = None,
) -> AmpRun:
    """Approximate message passing, and state evolution beside it.

    Parameters
    ----------
    data : pair (X, y), or a sampled Dataset
        Inputs (n, d) and labels (n,); a data set brings its problem and its teacher's weights along.
    network : {"diagonal", "quadratic"}
        Needed with arrays.
    weight_decay, penalty, rule : float, or Denoiser or Policy
        Exactly one: the threshold that belongs to `lam` or `pen` (positive) on the present observations; or any rule:
        a denoiser, such as :func:`bayes_rule` of a problem, or a policy that chooses one at each iteration, such as
        :class:`ThresholdMultiple`.
    width : int, optional
        Hidden units of the quadratic network: keep at most so many eigenvalues. Default: the problem's.
    problem : Problem, optional
        What to predict the trajectory from.
    truth : ndarray, optional
        The teacher's weights, (d,) or (d, d), to measure errors against.
    settings : AmpSettings, optional
        Damping, the end of the run, and how many data sets correct the prediction for finite size.
    device : {"cpu", "cuda", "cuda:N"} or torch.device, optional
        Where the inputs live and the products with them are made; default: where `X` is.
    throw : bool
        Raise when the run does not converge on its path; otherwise return it with its status.
    progress : callable, optional
        Called with the iteration and the measured noise scale.

    Returns
    -------
    AmpRun

    Raises
    ------
    InvalidArgument
        For unusable data or settings; a network without message passing is a :class:`shallows.errors.NotSupported`.
    MissingDependency
        If a GPU is asked for without PyTorch.
    SolveFailed
        If the iteration diverges, leaves the predicted path or does not converge; its ``result`` is the run.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, sample
    >>> from shallows.amp import amp
    >>> data = sample(Problem("diagonal", PowerLaw(dim=200, gamma=1.0), samples=150, noise=0.1), seed=0)
    >>> run = amp(data, weight_decay=0.5)
    >>> run.status.value, run.departed_at
    ('converged', None)
    >>> bool(abs(run.noise_scale / run.trajectory.predicted_noise_scale[-1] - 1) < 0.1)
    True
    """
    task = _task(data, network, problem, width, truth, device)
    policy = _policy(task, weight_decay, penalty, rule)
    settings = _complete(AmpSettings() if settings is None else settings, task)
    white = task.whitening
    iteration = Iteration(
        task.network,
        task.operator,
        task.labels,
        policy,
        truth=task.truth,
        rank_share=task.rank_share,
        model=None if white is None else white.network_model.model,
    )
    course = _iterate(iteration, settings, progress)
    run = _result(iteration, course, task, settings)
    if throw and not run.status.ok:
        raise SolveFailed(f"message passing ended with status {run.status.value}: {run.status.advice}", run)
    return run


@dataclass(frozen=True, eq=False)
class _Task:
    """Checked data, and what is known of where they come from."""

    network: Network
    operator: Operator
    labels: FloatArray
    width: int | None
    problem: Problem | None
    truth: FloatArray | None
    whitening: Whitening | None = None

    @property
    def rank_share(self) -> float:
        return self.network.rank_share(self.operator.dim, self.width)


def _task(
    data: Any, network: str | None, problem: Problem | None, width: int | None, truth: FloatArray | None, device: Any
) -> _Task:
    problem = getattr(data, "problem", None) if problem is None else problem
    if problem is not None:
        check_instance("problem", problem, Problem)
        network = problem.network if network is None else network
    found = network_named(network)
    if truth is None and getattr(data, "weights", None) is not None:
        truth = found.dense(data.weights) if found.is_weights(data.weights) else data.weights
    inputs, labels = check_data(*as_pair(data), device, found)
    samples, dim = inputs.shape[0], inputs.shape[-1]
    if problem is not None:
        _check_problem(problem, found, samples, dim)
    width = found.check_width(width)
    if problem is not None and width is None:
        width = problem.width
    elif problem is not None and width != problem.width:
        problem = replace(problem, width=width)
    truth = _check_truth(truth, found.dense_shape(dim))
    whitening = None
    if problem is not None and not problem.design.is_white:
        whitening = Whitening(problem)
        inputs, truth = whitening.inputs(inputs), None if truth is None else whitening.weights(truth)
    return _Task(found, operator_for(found, inputs), labels, width, problem, truth, whitening)


def _check_problem(problem: Problem, network: Network, samples: int, dim: int) -> None:
    if problem.network != network.name or problem.dim != dim:
        given = f"{problem.network}, dim {problem.dim}"
        raise InvalidArgument("problem", given, f"the data are {network.name}, dim {dim}")
    if problem.samples != samples:
        raise InvalidArgument("problem", f"{problem.samples:g} samples", f"the data have {samples}")
    require_theory(problem)  # each iteration is compared with it


def _check_truth(truth: Any, shape: tuple[int, ...]) -> FloatArray | None:
    if truth is None:
        return None
    array = np.asarray(truth)
    if array.shape != shape or array.dtype.kind not in "fiu":
        raise InvalidArgument("truth", f"{array.dtype} of shape {array.shape}", f"must be numbers of shape {shape}")
    return array


def _policy(task: _Task, weight_decay: float | None, penalty: float | None, rule: Denoiser | Policy | None) -> Policy:
    """The policy asked for by exactly one of its three names."""
    given = exactly_one({"weight_decay": weight_decay, "penalty": penalty, "rule": rule})
    if rule is not None and task.whitening is not None:
        allowed = "inputs with a covariance take a weight decay or a penalty"
        raise NotSupported("rule", type(rule).__name__, allowed)
    if rule is not None:
        check_instance("rule", rule, Denoiser, Policy)
        return rule if isinstance(rule, Policy) else FixedRule(rule)
    dim = task.operator.dim
    if task.whitening is not None:
        lam, pen = task.network.regularisation(weight_decay, penalty, dim, task.width)
        check_number(given, weight_decay if penalty is None else penalty, strict=True)
        return PenaltyWithCosts(task.network.strength(lam, pen, dim), task.whitening)
    lam, pen = task.network.regularisation(weight_decay, penalty, dim, task.width)
    check_number(given, weight_decay if penalty is None else penalty, strict=True)
    return ThresholdForPenalty(task.network.strength(lam, pen, dim))


def _complete(settings: AmpSettings, task: _Task) -> AmpSettings:
    """The settings, with the network's own where none are given."""
    check_instance("settings", settings, AmpSettings)
    model, operator = MODELS.of(task.network), task.operator
    damping = model.damping if settings.damping is None else settings.damping
    replicas = model.replicas(operator.samples, operator.dim) if settings.replicas is None else settings.replicas
    return replace(settings, damping=damping, replicas=0 if task.problem is None else replicas)


@dataclass(frozen=True, eq=False)
class _Course:
    """How a run went: each iteration's row, how it ended, and where it left its path by itself."""

    rows: list[dict[str, float]]
    status: AmpStatus
    off_path: int | None
    seconds: float


def _iterate(iteration: Iteration, settings: AmpSettings, progress: Progress | None) -> _Course:
    """Propose and mix until the estimate settles, or the run goes astray."""
    assert settings.damping is not None
    started = time.perf_counter()
    rows: list[dict[str, float]] = []
    status, control = AmpStatus.MAX_ITERATIONS, Damping(settings.damping)
    off_path: int | None = None
    start = iteration.scale
    for count in range(settings.max_iterations):
        scale = iteration.scale
        if scale == 0.0:
            status = AmpStatus.CONVERGED
            break
        row = iteration.propose()
        mix = control.choose(iteration, row["change"])
        rows.append(row | {"mix": mix})
        if progress is not None:
            progress(count + 1, scale)
        iteration.mix(mix)
        if not iteration.scale <= DIVERGED * start:
            status = AmpStatus.DIVERGED
            break
        if mix <= SMALLEST_MIX:
            status, off_path = AmpStatus.DEPARTED, count
            break
        if row["change"] <= settings.tolerance and count:
            status = AmpStatus.CONVERGED
            break
    if status is AmpStatus.MAX_ITERATIONS and _has_settled(iteration, rows):
        status = AmpStatus.SETTLED
    return _Course(rows, status, off_path, time.perf_counter() - started)


def _has_settled(iteration: Iteration, rows: list[dict[str, float]]) -> bool:
    """Whether the noise scale no longer moves, for rules that jump: their estimates need not settle with it."""
    if iteration.network.is_convex(iteration.operator.dim, None) or len(rows) < 2 * LAST:
        return False
    last = [row["noise_scale"] for row in rows[-LAST:]]
    return max(last) <= (1 + STILL) * min(last)


def _result(iteration: Iteration, course: _Course, task: _Task, settings: AmpSettings) -> AmpRun:
    """The run beside its prediction, and whether it stayed on that path."""
    assert settings.damping is not None and settings.replicas is not None
    problem, white = task.problem, task.whitening
    rows, status, departed = course.rows, course.status, course.off_path
    columns = {k: np.array([row[k] for row in rows]) for k in (rows[0] if rows else Trajectory.MEASURED)}
    if problem is None:
        columns |= {k: np.full(len(rows), np.nan) for k in Trajectory.EXPECTED}
    else:
        mixes = columns["mix"].tolist()
        columns |= expect(problem, iteration.policy, mixes, settings.damping, settings.replicas, white)
    trajectory = Trajectory(**columns)
    if problem is not None and departed is None:
        departed = first_departure(trajectory, problem.effective_samples, settings.replicas)
    if departed is not None and status is not AmpStatus.DIVERGED:
        status = AmpStatus.DEPARTED
    return AmpRun(
        network=iteration.network.name,
        weights=iteration.weights if white is None else white.unwhitened(iteration.weights),
        observed=iteration.observed if white is None else white.network_model.modes(iteration.observed),
        noise_scale=rows[-1]["noise_scale"] if rows else 0.0,
        threshold=rows[-1]["threshold"] if rows else 0.0,
        iterations=len(rows),
        seconds=course.seconds,
        damping=settings.damping,
        replicas=settings.replicas,
        status=status,
        departed_at=departed,
        trajectory=trajectory,
    )
