"""Approximate message passing: the loop, its damping, and the check against what theory expects."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import check_instance, check_number
from ..denoisers import Denoiser, PosteriorMean, RotationallyInvariant
from ..errors import InvalidArgument, SolveFailed
from ..networks import network_named
from ..operators import as_pair, check_data
from ..problems import Problem
from .expected import REPLICA_NUMBERS, REPLICAS, expect
from .policies import FixedRule, Policy, ThresholdForPenalty, ThresholdMultiple
from .result import AmpRun, AmpStatus, Trajectory
from .steps import LEAST_MIX, Damping, Iteration

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._types import FloatArray

#: Measured and predicted noise scale may differ by this much before a departure is called,
ALLOWANCE = 0.03
#: plus this over the effective samples where the prediction is not corrected for finite size (theory note, section 11),
DRIFT = 5.0
#: plus this many fluctuations.
FLUCTUATIONS = 5.0
#: A noise scale below this share of the first is rounding.
RECOVERED = 1e-12


def bayes_rule(problem: Problem) -> Denoiser:
    """The Bayes-optimal denoiser of the problem's teacher (theory note, section 8)."""
    if problem.network == "diagonal":
        return PosteriorMean(problem.spectrum.values, problem.spectrum.multiplicities)
    return RotationallyInvariant(problem.spectrum.values, problem.spectrum.weights)


def choose_policy(
    network: str,
    dim: int,
    width: int | None,
    *,
    weight_decay: float | None,
    penalty: float | None,
    kappa: float | None,
    denoiser: Denoiser | None,
) -> Policy:
    """The policy asked for by exactly one of its four names."""
    given = [k for k, v in locals().items() if k in ("weight_decay", "penalty", "kappa", "denoiser") and v is not None]
    if len(given) != 1:
        allowed = "give exactly one of the four"
        raise InvalidArgument("weight_decay / penalty / kappa / denoiser", " and ".join(given) or "none", allowed)
    share = 1.0 if width is None else width / dim
    if denoiser is not None:
        return FixedRule(denoiser)
    if kappa is not None:
        return ThresholdMultiple(check_number("kappa", kappa), min(share, 1.0))
    if penalty is not None:
        if network == "diagonal":
            raise InvalidArgument("penalty", penalty, "applies to the quadratic network only; use weight_decay")
        return ThresholdForPenalty(check_number("penalty", penalty, strict=True), min(share, 1.0))
    assert weight_decay is not None
    lam = check_number("weight_decay", weight_decay, strict=True)
    return ThresholdForPenalty(lam * float(np.sqrt(dim if network == "diagonal" else share)), min(share, 1.0))


def amp(
    data: Any,
    *,
    network: str | None = None,
    weight_decay: float | None = None,
    penalty: float | None = None,
    kappa: float | None = None,
    denoiser: Denoiser | None = None,
    width: int | None = None,
    problem: Problem | None = None,
    truth: FloatArray | None = None,
    damping: float | None = None,
    max_iterations: int = 100,
    tolerance: float = 1e-6,
    replicas: int | None = None,
    throw: bool = True,
    progress: Callable[[int, float], None] | None = None,
) -> AmpRun:
    """Approximate message passing.

    Parameters
    ----------
    data : pair (X, y), or a sampled Dataset
        Inputs (n, d) and labels (n,); a data set brings its problem and its teacher's weights along.
    network : {"diagonal", "quadratic"}
        Needed with arrays.
    weight_decay, penalty, kappa, denoiser : float or Denoiser
        Exactly one: the threshold that belongs to `lam` or `pen` (positive) on the present observations; the threshold
        ``kappa`` times the noise scale; or any rule, such as :func:`bayes_rule` of a problem.
    width : int, optional
        Hidden units of the quadratic network: keep at most so many eigenvalues.
    problem : Problem, optional
        What to predict the trajectory from.
    truth : ndarray, optional
        The teacher's weights, (d,) or (d, d), to measure errors against.
    damping : float, optional
        Share of the new iterate in the mix with the old one, in (0.1, 1]; default 1 (diagonal) or 0.6 (quadratic,
        whose trace direction oscillates otherwise). Lowered by itself where the noise scale would rise. The
        prediction of state evolution follows the mixes of the run, and is exact for them as `d` grows.
    max_iterations : int
    tolerance : float
        Relative change of the estimate at which to stop.
    replicas : int, optional
        Data sets of the problem to run the same iteration on, to correct state evolution for finite size; each costs
        about as much as the run. Default: 4 for the quadratic network while ``n d <= 2^24``, whose first iterations are
        otherwise several standard deviations off at a few hundred dimensions; 0 above and for the diagonal one.
        State evolution alone costs less than the run up to ``d = 1500`` (the overlaps of damped estimates are
        simulated) and next to nothing above (they are taken to be nested, approximate on the way, exact at the end).
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
        For unusable data or settings.
    SolveFailed
        If the iteration diverges, leaves the predicted path or does not converge; its ``result`` is the run.
    """
    problem = getattr(data, "problem", None) if problem is None else problem
    if problem is not None:
        check_instance("problem", problem, Problem)
    if denoiser is not None:
        check_instance("denoiser", denoiser, Denoiser)
    if truth is None and getattr(data, "weights", None) is not None:
        truth = data.weights.matrix() if hasattr(data.weights, "matrix") else data.weights
    network = problem.network if network is None and problem is not None else network
    network = network_named(network).name
    inputs, labels = check_data(*as_pair(data))
    d = inputs.shape[1]
    if problem is not None and (problem.network != network or problem.dim != d):
        raise InvalidArgument("problem", f"{problem.network}, dim {problem.dim}", f"the data are {network}, dim {d}")
    if problem is not None and problem.samples != inputs.shape[0]:
        raise InvalidArgument("problem", f"{problem.samples:g} samples", f"the data have {inputs.shape[0]}")
    if truth is not None:
        truth = np.asarray(truth)
        shape = (d,) if network == "diagonal" else (d, d)
        if truth.shape != shape or truth.dtype.kind not in "fiu":
            raise InvalidArgument("truth", f"{truth.dtype} of shape {truth.shape}", f"must be numbers of shape {shape}")
    if width is not None:
        if network == "diagonal":
            raise InvalidArgument("width", width, "applies to the quadratic network only")
        if isinstance(width, bool) or check_number("width", width, minimum=1) != int(width):
            raise InvalidArgument("width", width, "must be an integer >= 1")
    elif problem is not None:
        width = problem.width
    damping = {"diagonal": 1.0, "quadratic": 0.6}[network] if damping is None else damping
    if not 2 * LEAST_MIX < check_number("damping", damping, strict=True) <= 1:
        raise InvalidArgument("damping", damping, f"must be above {2 * LEAST_MIX:g} and at most 1")
    if check_number("max_iterations", max_iterations, minimum=1) != int(max_iterations):
        raise InvalidArgument("max_iterations", max_iterations, "must be an integer >= 1")
    tolerance = check_number("tolerance", tolerance, strict=True)
    policy = choose_policy(
        network, d, width, weight_decay=weight_decay, penalty=penalty, kappa=kappa, denoiser=denoiser
    )
    if replicas is None:
        numbers = inputs.size if network == "quadratic" else REPLICA_NUMBERS + 1
        replicas = REPLICAS if numbers <= REPLICA_NUMBERS else 0
    elif check_number("replicas", replicas) != int(replicas):
        raise InvalidArgument("replicas", replicas, "must be an integer >= 0")
    iteration = Iteration(network, inputs, labels, policy, truth)
    run = _run(iteration, problem, damping, int(max_iterations), tolerance, int(replicas), progress)
    if throw and not run.status.ok:
        raise SolveFailed(f"message passing ended with status {run.status.value}: {run.status.advice}", run)
    return run


def _run(
    iteration: Iteration,
    problem: Problem | None,
    damping: float,
    max_iterations: int,
    tolerance: float,
    replicas: int,
    progress: Callable[[int, float], None] | None,
) -> AmpRun:
    started = time.perf_counter()
    rows: list[dict[str, float]] = []
    status, control = AmpStatus.MAX_ITERATIONS, Damping(damping)
    off_path: int | None = None
    start = iteration.scale
    for count in range(max_iterations):
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
        if not iteration.scale <= 1e4 * start:
            status = AmpStatus.DIVERGED
            break
        if mix <= LEAST_MIX:
            status, off_path = AmpStatus.DEPARTED, count
            break
        if row["change"] <= tolerance and count:
            status = AmpStatus.CONVERGED
            break
    seconds = time.perf_counter() - started
    columns = {k: np.array([row[k] for row in rows]) for k in (rows[0] if rows else Trajectory.MEASURED)}
    if problem is None:
        columns |= {k: np.full(len(rows), np.nan) for k in Trajectory.EXPECTED}
    else:
        columns |= expect(problem, iteration.policy, columns["mix"].tolist(), damping, replicas)
    trajectory = Trajectory(**columns)
    departed = off_path if problem is None or off_path is not None else _departure(trajectory, problem, replicas)
    if departed is not None and status is not AmpStatus.DIVERGED:
        status = AmpStatus.DEPARTED
    return AmpRun(
        network=iteration.model.network,
        weights=iteration.weights,
        observed=iteration.observed,
        noise_scale=rows[-1]["noise_scale"] if rows else 0.0,
        threshold=rows[-1]["threshold"] if rows else 0.0,
        iterations=len(rows),
        seconds=seconds,
        damping=damping,
        replicas=0 if problem is None else replicas,
        status=status,
        departed_at=departed,
        trajectory=trajectory,
    )


def _departure(trajectory: Trajectory, problem: Problem, replicas: int) -> int | None:
    """First iteration whose measured noise scale is off the predicted one."""
    allowance = ALLOWANCE
    if not replicas:
        allowance += DRIFT / problem.effective_samples
    miss = np.abs(np.log(trajectory.noise_scale / trajectory.predicted_noise_scale))
    miss[trajectory.noise_scale <= RECOVERED * trajectory.noise_scale[:1]] = 0.0
    off = np.flatnonzero(miss > allowance + FLUCTUATIONS * trajectory.fluctuation)
    return int(off[0]) if off.size else None
