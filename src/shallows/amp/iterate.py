"""AMP for both networks, with state evolution run beside it (theory note, section 9).

Quadratic:  U = S + (1/(2 alpha d)) sum r Z,   S = denoiser of U,       r = y - Tr(S Z) + (A/(2 alpha)) r
Diagonal:   u = theta + X^T r/n,               theta = denoiser of u,   r = y - X theta + (D/n) r

Both are written with ``N`` equal to ``2 alpha`` or ``n`` and the divergence equal to `A` or `D`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..denoisers import Denoiser, PosteriorMean, RotationallyInvariant
from ..errors import InvalidArgument, SolveFailed
from ..problems import NETWORKS, Problem, check_number
from .operators import QuadraticOperator, check_data
from .policies import FixedRule, Policy, ThresholdForPenalty, ThresholdMultiple
from .result import AmpRun, AmpStatus, Trajectory

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

#: Measured and predicted noise scale may differ by this much at finite size before a departure is called,
ALLOWANCE = {"diagonal": 0.1, "quadratic": 0.15}
#: plus this over the effective samples of the quadratic network (theory note, section 11),
DRIFT = 5.0
#: plus this many fluctuations.
FLUCTUATIONS = 5.0
#: Damping is strengthened while the noise scale would rise by more than this factor; where even this share of the new
#: iterate makes it rise, the data are not on theory's path.
RISE, LEAST_MIX = 1.02, 0.05
#: Without progress over this many iterations damping is strengthened as well.
SETTLE = 8


class _Model(Protocol):
    """One network: effective observations, estimates and their outputs."""

    network: str
    strength: float

    def noise_scale(self, residual: FloatArray) -> float: ...

    def observe(self, weights: FloatArray, residual: FloatArray) -> FloatArray: ...

    def estimate(self, values: FloatArray) -> tuple[FloatArray, FloatArray]: ...

    def zero(self) -> FloatArray: ...


class _Diagonal:
    network = "diagonal"

    def __init__(self, inputs: FloatArray) -> None:
        self.inputs = inputs
        self.strength = float(inputs.shape[0])

    def zero(self) -> FloatArray:
        return np.zeros(self.inputs.shape[1])

    def noise_scale(self, residual: FloatArray) -> float:
        return float(np.linalg.norm(residual)) / residual.size

    def observe(self, weights: FloatArray, residual: FloatArray) -> FloatArray:
        return weights + self.inputs.T @ residual / self.strength

    def estimate(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        return values, self.inputs @ values


class _Quadratic:
    network = "quadratic"

    def __init__(self, inputs: FloatArray) -> None:
        self.operator = QuadraticOperator(inputs)
        self.strength = 2 * self.operator.samples / self.operator.dim**2
        self.vectors = np.eye(self.operator.dim)

    def zero(self) -> FloatArray:
        return np.zeros((self.operator.dim, self.operator.dim))

    def noise_scale(self, residual: FloatArray) -> float:
        return float(np.sqrt(np.mean(residual**2) / (2 * self.strength)))

    def observe(self, weights: FloatArray, residual: FloatArray) -> FloatArray:
        matrix = weights + self.operator.adjoint(residual) / (self.strength * self.operator.dim)
        values, self.vectors = np.linalg.eigh(matrix)
        return values

    def estimate(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        kept = values != 0
        factor, signs = self.vectors[:, kept] * np.sqrt(np.abs(values[kept])), np.sign(values[kept])
        return (factor * signs) @ factor.T, self.operator.forward_factor(factor, signs)


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
        Share of the new iterate in the mix with the old one, in (0, 1]; default 1 (diagonal) or 0.6 (quadratic,
        whose trace direction oscillates otherwise). Lowered by itself where the noise scale would rise. Below 1
        the predicted trajectory is approximate on the way (errors at different times are taken to be nested, as
        Bayes-optimal ones are) and exact at the fixed point; at 1 it is exact at every step for large `d`.
    max_iterations : int
    tolerance : float
        Relative change of the estimate at which to stop.
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
    if truth is None and getattr(data, "weights", None) is not None:
        truth = data.weights.matrix() if hasattr(data.weights, "matrix") else data.weights
    network = problem.network if network is None and problem is not None else network
    if network not in NETWORKS:
        raise InvalidArgument("network", network, 'must be "diagonal" or "quadratic"')
    try:
        inputs, labels = data
    except (TypeError, ValueError) as error:
        raise InvalidArgument("data", type(data).__name__, "must be a pair (X, y) or a sampled Dataset") from error
    inputs, labels = check_data(inputs, labels)
    d = inputs.shape[1]
    if problem is not None and (problem.network != network or problem.dim != d):
        raise InvalidArgument("problem", f"{problem.network}, dim {problem.dim}", f"the data are {network}, dim {d}")
    if width is None and problem is not None:
        width = problem.width
    damping = {"diagonal": 1.0, "quadratic": 0.6}[network] if damping is None else damping
    if check_number("damping", damping, strict=True) > 1:
        raise InvalidArgument("damping", damping, "must be in (0, 1]")
    if check_number("max_iterations", max_iterations, least=1) != int(max_iterations):
        raise InvalidArgument("max_iterations", max_iterations, "must be an integer >= 1")
    tolerance = check_number("tolerance", tolerance, strict=True)
    policy = choose_policy(
        network, d, width, weight_decay=weight_decay, penalty=penalty, kappa=kappa, denoiser=denoiser
    )
    model: _Model = _Diagonal(inputs) if network == "diagonal" else _Quadratic(inputs)
    run = _run(model, labels, policy, problem, truth, damping, int(max_iterations), tolerance, progress)
    if throw and not run.status.ok:
        raise SolveFailed(f"message passing ended with status {run.status.value}: {run.status.advice}", run)
    return run


def _run(
    model: _Model,
    labels: FloatArray,
    policy: Policy,
    problem: Problem | None,
    truth: FloatArray | None,
    damping: float,
    max_iterations: int,
    tolerance: float,
    progress: Callable[[int, float], None] | None,
) -> AmpRun:
    started = time.perf_counter()
    unit = 1 if model.network == "diagonal" else labels.size / (model.strength / 2)  # d^2 for the quadratic network
    per_weight = 1.0 if model.network == "diagonal" else float(np.sqrt(unit))
    state, residual, previous = model.zero(), labels, model.zero()
    rows: list[dict[str, float]] = []
    expected = None if problem is None else _Expected(problem, policy)
    status, mix, asked = AmpStatus.MAX_ITERATIONS, 1.0, damping
    off_path: int | None = None
    rise = RISE + 2 / float(np.sqrt(labels.size))
    start = float(np.linalg.norm(labels))
    observed = np.zeros(state.shape[0])
    for iteration in range(max_iterations):
        scale = model.noise_scale(residual)
        if scale == 0.0 or start == 0.0:
            status = AmpStatus.CONVERGED
            break
        observed = model.observe(state, residual)
        rule = policy.denoiser(model.network, observed, scale, labels.size)
        estimate = rule.apply(observed, scale)
        weights, fitted = model.estimate(estimate.values)
        miss = labels - fitted
        size = float(np.linalg.norm(weights))
        change = float(np.linalg.norm(weights - previous)) / size if size > 0 else 0.0
        previous = weights
        row = {
            "noise_scale": scale,
            "threshold": float(getattr(rule, "threshold", np.nan)),
            "degrees_of_freedom": estimate.divergence * unit / (1 if unit == 1 else 2),
            "train_error": float(np.mean(miss**2)),
            "error": np.nan if truth is None else float(np.square(weights - truth).sum()) / per_weight,
            "change": change,
        }
        divergence = policy.divergence(rule, estimate.divergence, labels.size, state.shape[0])
        following = miss + divergence / model.strength * residual
        # On theory's path the noise scale falls. Where a few strong modes make it rise, mix less.
        mix = min(damping, 1.03 * mix)
        while mix > LEAST_MIX and model.noise_scale(mix * following + (1 - mix) * residual) > rise * scale:
            mix *= 0.7
        row |= _NOTHING if expected is None else expected.step(labels.size, mix)
        rows.append(row)
        if progress is not None:
            progress(iteration + 1, scale)
        state = mix * weights + (1 - mix) * state
        residual = mix * following + (1 - mix) * residual
        norm = float(np.linalg.norm(residual))
        if not np.isfinite(norm) or norm > 1e4 * start:
            status = AmpStatus.DIVERGED
            break
        if mix <= LEAST_MIX:
            status, off_path = AmpStatus.DEPARTED, iteration
            break
        if iteration > SETTLE and change > 0.8 * rows[-SETTLE]["change"]:
            damping = max(0.9 * damping, 2 * LEAST_MIX)  # a cycle rather than a fixed point
        if change <= tolerance and iteration:
            status = AmpStatus.CONVERGED
            break
    trajectory = Trajectory(**{k: np.array([r[k] for r in rows]) for k in Trajectory.__dataclass_fields__})
    departed = off_path if problem is None or off_path is not None else _departure(trajectory, problem)
    if departed is not None and status is AmpStatus.CONVERGED:
        status = AmpStatus.DEPARTED
    return AmpRun(
        network=model.network,
        weights=previous,
        observed=observed,
        noise_scale=rows[-1]["noise_scale"] if rows else 0.0,
        threshold=rows[-1]["threshold"] if rows else 0.0,
        iterations=len(rows),
        seconds=time.perf_counter() - started,
        damping=asked,
        status=status,
        departed_at=departed,
        trajectory=trajectory,
    )


_NOTHING = dict.fromkeys(
    ("predicted_noise_scale", "predicted_error", "predicted_degrees_of_freedom", "fluctuation"), float("nan")
)


class _Expected:
    """State evolution, one step per iteration."""

    def __init__(self, problem: Problem, policy: Policy) -> None:
        self.problem, self.policy = problem, policy
        quadratic = problem.network == "quadratic"
        self.strength = 2 * problem.alpha if quadratic else float(problem.samples)
        self.noise = problem.noise / 2 if quadratic else problem.noise
        self.count = problem.dim**2 / 2 if quadratic else 1.0
        self.scale = float(np.sqrt((problem.energy + self.noise) / self.strength))

    def step(self, samples: int, mix: float) -> dict[str, float]:
        """Predicted numbers of this iteration; moves on to the next, of which the new iterate is the share `mix`."""
        scale = self.scale
        if scale <= 0:
            return _NOTHING
        error, divergence = self.policy.predicted(self.problem, scale).moments(self.problem, scale)
        freedom = divergence * self.count
        share = error / (error + self.noise) if error + self.noise > 0 else 0.0
        # Residuals fluctuate as n Gaussian numbers, the error as a sum over the degrees of freedom.
        fluctuation = float(np.sqrt(0.5 / samples + 0.5 * share**2 / max(freedom, 1.0)))
        # The noise of the new iterate and that of the old one overlap by the new one's variance, as nested errors do.
        following = (error + self.noise) / self.strength
        self.scale = float(np.sqrt((1 - mix) ** 2 * scale**2 + (1 - (1 - mix) ** 2) * following))
        return {
            "predicted_noise_scale": scale,
            "predicted_error": error,
            "predicted_degrees_of_freedom": freedom,
            "fluctuation": fluctuation,
        }


def _departure(trajectory: Trajectory, problem: Problem) -> int | None:
    """First iteration from which the measured noise scale stays off the predicted one, to the end."""
    allowance = ALLOWANCE[problem.network]
    if problem.network == "quadratic":
        allowance += DRIFT / problem.effective_samples
    miss = np.abs(np.log(trajectory.noise_scale / trajectory.predicted_noise_scale))
    off = miss > allowance + FLUCTUATIONS * trajectory.fluctuation
    if off.size == 0 or not off[-1]:
        return None
    inside = np.flatnonzero(~off)
    return int(inside[-1]) + 1 if inside.size else 0
