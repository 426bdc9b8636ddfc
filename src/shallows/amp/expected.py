"""What AMP is expected to do, iteration by iteration: state evolution, and at finite size the law of the iteration.

Damped AMP mixes estimate and residual alike, so its memory term is that of an iteration with memory: whatever the mix,
the observations are ``S* + noise`` (``theta* + noise``), the noise Gaussian and its covariance between two iterations

    (<D_s, D_t> + label noise) / N,      D the errors of the mixed estimates,

with ``<,>`` the product that makes ``<D, D>`` the error in the units of the network. One time at a time this is plain
state evolution. Two things are left out, both of relative order ``1/sqrt(n_eff)`` for the quadratic network: its
noise is a sum of ``n`` matrices ``r Z`` with ``Z`` close to rank one, whose third moment (skewed labels, from a few
strong modes) narrows the bulk and moves it; and the memory term is linear in a residual whose effect on its own
prediction is not. The second has no closed theory here. What both come to is read off the same iteration on data sets
drawn from the problem: replicas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import solve_triangular

from .result import PREDICTED
from .steps import Damping, Iteration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._types import FloatArray
    from ..denoisers import Denoised
    from ..problems import Problem
    from .policies import Policy

#: Replicas of the quadratic network where none are asked for, while a data set holds at most so many numbers.
REPLICAS, REPLICA_NUMBERS = 4, 1 << 24
#: Up to this dimension of the quadratic network the overlaps of errors at different times are simulated; above, they
#: are taken to be nested.
MOST_SIMULATED = 1500
#: A new noise is drawn where at least this share of the variance is new; state evolution has settled where its noise
#: scale moves by less than `SETTLED`.
NEW, SETTLED = 1e-3, 1e-9
#: Step in the logarithm of the noise scale for the response of the error to it.
STEP = 0.01
#: The standard deviation over replicas counts for one degree of freedom less than there are; the formula for so many.
PRIOR = 4
#: Root of the seeds of replicas and of simulated noise.
SEED = 0x5A11055


def expect(
    problem: Problem, policy: Policy, mixes: Sequence[float], damping: float, replicas: int
) -> dict[str, FloatArray]:
    """Columns of the trajectory that theory fills, each of shape (iterations,).

    Parameters
    ----------
    problem : Problem
    policy : Policy
    mixes : sequence of float
        Share of the new iterate at each iteration, as in the run; state evolution follows them.
    damping : float
        What the run was asked for; each replica finds its own mixes from there, so that it is drawn as the run is.
    replicas : int
        Data sets to correct state evolution for finite size with; each costs what the run itself costs.
    """
    limit = _state_evolution(problem, policy, mixes)
    columns = {f"asymptotic_{name}": limit[:, i] for i, name in enumerate(PREDICTED)}
    fluctuation, predicted = limit[:, 3].copy(), limit[:, :3].copy()
    if replicas and mixes:
        runs = _replicas(problem, policy, len(mixes), damping, replicas)
        seen = np.isfinite(runs).all(axis=(0, 2))
        predicted[seen] = runs[:, seen].mean(axis=0)
        if replicas > 1:
            spread = runs[:, seen, 0].var(axis=0, ddof=1) / predicted[seen, 0] ** 2
            formula = fluctuation[seen] ** 2
            formula *= max(1.0, float(np.mean(spread / formula)))  # oscillations amplify it at all iterations alike
            pooled = (PRIOR * formula + (replicas - 1) * spread) / (PRIOR + replicas - 1)
            fluctuation[seen] = np.sqrt(pooled)
        fluctuation[seen] *= np.sqrt(1 + 1 / replicas)  # their mean fluctuates as well
    columns |= {f"predicted_{name}": predicted[:, i] for i, name in enumerate(PREDICTED)}
    return columns | {"fluctuation": fluctuation}


def _state_evolution(problem: Problem, policy: Policy, mixes: Sequence[float]) -> FloatArray:
    """Noise scale, error, degrees of freedom and relative fluctuation of the noise scale, shape (iterations, 4)."""
    quadratic = problem.network == "quadratic"
    strength = 2 * problem.alpha if quadratic else float(problem.samples)
    noise = problem.noise / 2 if quadratic else problem.noise
    count = problem.dim**2 / 2 if quadratic else 1.0
    # Without memory the diagonal network needs closed forms alone.
    simulated = problem.dim <= MOST_SIMULATED if quadratic else min(mixes, default=1.0) < 1
    process = _Process(problem, noise, strength) if simulated else None
    energy, freedom, carried = problem.energy, np.inf, 0.0
    rows = np.full((len(mixes), 4), np.nan)
    for t, mix in enumerate(mixes):
        scale = float(np.sqrt((energy + noise) / strength))
        if scale == 0:
            break
        if t and abs(scale / rows[t - 1, 0] - 1) < SETTLED:
            rows[t:] = rows[t - 1]
            break
        rule = policy.predicted(problem, scale)
        error, divergence = rule.moments(problem, scale)
        # The noise scale deviates by the mean square of n residuals, by an error that is a sum over the degrees of
        # freedom, and by what earlier deviations have made of that error. Label noise stays the same; the fourth
        # cumulant of the residuals, from strong modes, does not carry over.
        total = energy + noise
        share = energy / total
        fresh = 0.5 / problem.samples + 0.5 * share**2 / max(freedom, 1.0)
        lasting = np.sqrt(fresh + 2 * (1 - share) * abs(carried) * np.sqrt(fresh) + carried**2)
        fourth = 0.0 if process is None else process.fourth_cumulant() / (2 * total) ** 2
        freedom = divergence * count
        rows[t] = scale, error, freedom, np.sqrt(lasting**2 + 0.25 * fourth / problem.samples)
        above = scale * np.exp(STEP)
        slope = (policy.predicted(problem, above).moments(problem, above)[0] - error) / (2 * STEP)
        overlap = error  # of nested errors, such as Bayes-optimal ones
        if process is not None:
            observed = process.observe(energy)
            overlap = process.move(process.denoise(rule.apply, observed, scale), error, energy, mix)
        following = mix**2 * error + 2 * mix * (1 - mix) * overlap + (1 - mix) ** 2 * energy
        if following + noise == 0:  # exact recovery
            break
        carried = (mix * slope * lasting + (1 - mix) * total * carried) / (following + noise)
        energy = following
    return rows


class _Process:
    """Observations of all iterations, simulated at the problem's own dimension with the covariance the errors give.

    Only directions between errors are taken from it; their lengths come from the denoisers' moments, which leaves a
    sampling error far below the fluctuation of one run.
    """

    def __init__(self, problem: Problem, noise: float, strength: float) -> None:
        self.quadratic, self.dim = problem.network == "quadratic", problem.dim
        self.noise, self.strength = noise, strength
        values = problem.teacher.values(problem.network)
        self.teacher = np.diag(values) if self.quadratic else values
        self.copies = max(1, 400 // self.dim if self.quadratic else (1 << 15) // self.dim)
        self.rng = np.random.default_rng(SEED)
        self.error = np.broadcast_to(-self.teacher, (self.copies, *self.teacher.shape))
        # The iterations that brought in new noise: the noise, the error then, its energy, its product with the error
        # now, and how much of each noise is in theirs.
        self.draws: list[FloatArray] = []
        self.errors: list[FloatArray] = []
        self.energies = np.zeros(0)
        self.overlaps = np.zeros(0)
        self.loads = np.zeros((0, 0))

    def observe(self, energy: float) -> FloatArray:
        """Observations of the present iteration, (copies, d) or (copies, d, d); `energy` of the present error."""
        variance = (energy + self.noise) / self.strength
        load = np.zeros(0)
        if self.draws:
            load = solve_triangular(self.loads, (self.overlaps + self.noise) / self.strength, lower=True)
        rest = variance - load @ load
        if rest > NEW * variance:
            self.loads = np.block([[self.loads, np.zeros((load.size, 1))], [load[None], np.array([[np.sqrt(rest)]])]])
            load = self.loads[-1]
            self.draws.append(self._draw())
            self.errors.append(self.error)
            self.energies, self.overlaps = np.append(self.energies, energy), np.append(self.overlaps, energy)
        else:  # old noise alone, of the right size: rounding in nearly equal noises must not grow
            load = load * np.sqrt(variance) / np.linalg.norm(load)
        noise = np.zeros(self.error.shape)
        for share, draw in zip(load, self.draws, strict=True):
            noise += share * draw
        return self.teacher + noise

    def _draw(self) -> FloatArray:
        draw = self.rng.standard_normal(self.error.shape)
        return (draw + draw.transpose(0, 2, 1)) / np.sqrt(2 * self.dim) if self.quadratic else draw

    def denoise(self, apply: Callable[[FloatArray, float], Denoised], observed: FloatArray, scale: float) -> FloatArray:
        """Estimates from the observations."""
        if not self.quadratic:
            return np.array([apply(copy, scale).values for copy in observed])
        values, vectors = np.linalg.eigh(observed)
        images = np.array([apply(copy, scale).values for copy in values])
        return (vectors * images[:, None, :]) @ vectors.transpose(0, 2, 1)

    def move(self, estimates: FloatArray, error: float, energy: float, mix: float) -> float:
        """Mix the estimates in; returns the product of their error with the one before, of `energy`."""
        fresh = estimates - self.teacher
        length = np.linalg.norm(fresh)

        def overlap(old: FloatArray, old_energy: float) -> float:
            lengths = length * np.linalg.norm(old)
            return float(np.vdot(fresh, old) / lengths * np.sqrt(error * old_energy)) if lengths > 0 else 0.0

        products = np.array([overlap(e, q) for e, q in zip(self.errors, self.energies, strict=True)])
        with_present = overlap(self.error, energy)
        self.overlaps = mix * products + (1 - mix) * self.overlaps
        self.error = mix * fresh + (1 - mix) * self.error
        return with_present

    def fourth_cumulant(self) -> float:
        """Of the residuals: that of the form ``Tr(D Z)`` in Gaussian inputs; 0 for the linear one."""
        if not self.quadratic:
            return 0.0
        squares = self.error @ self.error
        return 48 * float(np.vdot(squares, squares)) / (self.copies * self.dim**2)


def _replicas(problem: Problem, policy: Policy, iterations: int, damping: float, count: int) -> FloatArray:
    """The same iteration on `count` data sets of the problem: (count, iterations, 3), nan where one ended early."""
    n, d = int(problem.samples), problem.dim
    values = problem.teacher.values(problem.network)
    truth = values if problem.network == "diagonal" else np.diag(values)
    runs = np.full((count, iterations, 3), np.nan)
    for k in range(count):
        rng = np.random.default_rng(np.random.SeedSequence(SEED, spawn_key=(k,)))
        inputs = rng.standard_normal((n, d))
        # Rotations of the inputs leave the law alone, so S* is taken diagonal.
        clean = inputs @ values if problem.network == "diagonal" else (np.square(inputs) - 1) @ values / np.sqrt(d)
        labels = clean + np.sqrt(problem.noise) * rng.standard_normal(n)
        run = Iteration(problem.network, inputs, labels, policy, truth)
        start, control = run.scale, Damping(damping)
        for t in range(iterations):
            if not 0 < run.scale < 1e4 * start:
                break
            row = run.propose()
            runs[k, t] = [row[name] for name in PREDICTED]
            run.mix(control.choose(run, row["change"]))
    return runs
