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

from ..operators import operator_for
from .damping import Damping
from .iteration import Iteration
from .models import SIMULATIONS
from .result import PREDICTED
from .simulation import SEED, SimulatedRun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._types import FloatArray
    from ..problems import Problem
    from .covariance import Whitening
    from .models import Simulation
    from .threshold_policies import Policy

#: State evolution has settled where its noise scale moves by less than this.
SETTLED = 1e-9
#: Step in the logarithm of the noise scale for the response of the error to it.
STEP = 0.01
#: The standard deviation over replicas counts for one degree of freedom less than there are; the formula for so many.
PRIOR = 4


def expect(
    problem: Problem,
    policy: Policy,
    mixes: Sequence[float],
    damping: float,
    replicas: int,
    whitening: Whitening | None = None,
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
    whitening : Whitening, optional
        Of inputs with a covariance.
    """
    limit = _state_evolution(problem, policy, mixes, whitening)
    columns = {f"asymptotic_{name}": limit[:, i] for i, name in enumerate(PREDICTED)}
    fluctuation, predicted = limit[:, 3].copy(), limit[:, :3].copy()
    if replicas and mixes:
        runs = _replicas(problem, policy, len(mixes), damping, replicas, whitening)
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


def _state_evolution(
    problem: Problem, policy: Policy, mixes: Sequence[float], whitening: Whitening | None
) -> FloatArray:
    """Noise scale, error, degrees of freedom and relative fluctuation of the noise scale, shape (iterations, 4)."""
    network = problem.architecture
    simulation, teacher = _simulated(problem, whitening)
    constraints = network.constraints(problem.samples, problem.dim)
    noise, labels = network.noise_per_error(problem.noise), network.labels_of(problem.samples)
    simulated = SimulatedRun(simulation, teacher, noise, constraints) if simulation.needed(problem.dim, mixes) else None
    energy, freedom, carried = problem.energy, np.inf, 0.0
    rows = np.full((len(mixes), 4), np.nan)
    for t, mix in enumerate(mixes):
        scale = float(np.sqrt((energy + noise) / constraints))
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
        fresh = 0.5 / labels + 0.5 * share**2 / max(freedom, 1.0)
        lasting = np.sqrt(fresh + 2 * (1 - share) * abs(carried) * np.sqrt(fresh) + carried**2)
        fourth = 0.0 if simulated is None else simulated.fourth_cumulant() / (2 * total) ** 2
        freedom = divergence * network.freedom_unit(problem.dim)
        rows[t] = scale, error, freedom, np.sqrt(lasting**2 + 0.25 * fourth / labels)
        above = scale * np.exp(STEP)
        slope = (policy.predicted(problem, above).moments(problem, above)[0] - error) / (2 * STEP)
        overlap = error  # of nested errors, such as Bayes-optimal ones
        if simulated is not None:
            observed = simulated.observe(energy)
            overlap = simulated.move(simulated.denoise(rule.apply, observed, scale), error, energy, mix)
        following = mix**2 * error + 2 * mix * (1 - mix) * overlap + (1 - mix) ** 2 * energy
        if following + noise == 0:  # exact recovery
            break
        carried = (mix * slope * lasting + (1 - mix) * total * carried) / (following + noise)
        energy = following
    return rows


def _simulated(problem: Problem, whitening: Whitening | None) -> tuple[Simulation, FloatArray]:
    """What simulates observations of the problem, and the teacher's weights as white inputs would need them."""
    if whitening is not None:
        return whitening.network_model.simulation, whitening.truth
    simulation = SIMULATIONS.of(problem.network)
    return simulation, simulation.teacher(problem.teacher.values(problem.network))


def _replicas(
    problem: Problem, policy: Policy, iterations: int, damping: float, count: int, whitening: Whitening | None
) -> FloatArray:
    """The same iteration on `count` data sets of the problem: (count, iterations, 3), nan where one ended early."""
    n, d, network = int(problem.samples), problem.dim, problem.architecture
    values = problem.teacher.values(problem.network)
    truth, model = _simulated(problem, whitening)[1], None if whitening is None else whitening.network_model.model
    runs = np.full((count, iterations, 3), np.nan)
    for k in range(count):
        rng = np.random.default_rng(np.random.SeedSequence(SEED, spawn_key=(k,)))
        operator = operator_for(problem.network, rng.standard_normal(network.input_shape(n, d)))
        # Rotations of the inputs leave the law alone, so S* is taken diagonal.
        noise = network.noise_of_labels(rng.standard_normal(operator.samples), problem.noise)
        clean = operator.output_of_modes(values) if whitening is None else operator.forward(truth)
        labels = clean + noise
        run = Iteration(
            problem.network, operator, labels, policy, truth=truth, rank_share=problem.rank_share, model=model
        )
        start, control = run.scale, Damping(damping)
        for t in range(iterations):
            if not 0 < run.scale < 1e4 * start:
                break
            row = run.propose()
            runs[k, t] = [row[name] for name in PREDICTED]
            run.mix(control.choose(run, row["change"]))
    return runs
