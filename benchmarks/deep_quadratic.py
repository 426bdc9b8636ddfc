"""Deep quadratic networks against theory, with settings fixed before they were run.

Run: ./run bench deep_quadratic [table | routes | speed | optimum | exponents] ...

table     the two settings of the theory note, section 14: message passing, gradient training from two scales of weights
routes    random problems: solver, twin over random matrices, message passing, best of many starts, gradient training
speed     one prediction at depth 2 and 3 over one at depth 1
optimum   the risk at the best weight decay over depth, beside the Bayes-optimal one
exponents every phase that has a power law, at large dimension, on the paths of ``shallows phases --exponents``, placed
          by the borders of docs/theory.md; and the constant that phase V tends to
"""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from twins import goe

from shallows import LowRank, PowerLaw, Problem, optimal_weight_decay, predict
from shallows.amp import AmpSettings, amp
from shallows.denoisers import SpectralPowerThreshold
from shallows.networks import Quadratic, network_named
from shallows.phases_with_depth import interpolation_risk
from shallows.scaling.table_of_exponents import format_table, measure, paths_of
from shallows.training import sample, train

#: gamma, samples, noise, weight decay at d = 60, depth 2 (theory note, section 14).
TABLE = ((1.0, 2400, 0.3, 1.0), (1.25, 3600, 0.2, 2.0))


def told(values: list[float]) -> str:
    """Mean and standard error."""
    error = np.std(values, ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return f"{np.mean(values):.4f} +- {error:.4f}"


def table(seeds: int = 10) -> None:
    """Message passing, and gradient training from the usual weights and 0.3 times those."""
    for gamma, samples, noise, decay in TABLE:
        problem = Problem(Quadratic(2), PowerLaw(60, gamma), samples, noise)
        theory = predict(problem, weight_decay=decay)
        kept = 60 * (1 - theory.spectrum.mass_at_zero)
        print(f"gamma {gamma:g}, n {samples}, noise {noise:g}, weight decay {decay:g}:", flush=True)
        print(f"  theory               E {theory.estimation_error:.4f}            rank {kept:.1f}", flush=True)
        half = 0.5 * theory.spectrum.smallest  # type: ignore[attr-defined]
        ways: dict[str, dict[str, Any]] = {
            "message passing": {"solver": "amp"},
            "gradient from 1": {"solver": "gradient", "init_scale": 1.0},
            "gradient from 0.3": {"solver": "gradient", "init_scale": 0.3},
        }
        for name, how in ways.items():
            errors, ranks, heights = [], [], []
            for seed in range(seeds):
                data = sample(problem, seed)
                fit = train(data, weight_decay=decay, throw=False, initial_seed=seed, **how)
                errors.append(fit.excess_risk(data) / 2)
                ranks.append(float((fit.weights.eigenvalues() > half).sum()))  # type: ignore[union-attr]
                heights.append(fit.objective)
            line = f"  {name:20s} E {told(errors)}  rank {told(ranks)}  objective {told(heights)}"
            print(line, flush=True)


def random_small(count: int, seed: int) -> list[tuple[Problem, float]]:
    """Problems small enough to train in seconds, with their penalties."""
    rng = np.random.default_rng(seed)
    out = []
    for index in range(count):
        depth, dim = int(rng.integers(2, 4)), int(rng.integers(50, 80))
        teacher = PowerLaw(dim, rng.uniform(0.7, 1.6)) if index % 3 else LowRank(dim, int(rng.integers(2, 6)))
        problem = Problem(Quadratic(depth), teacher, int(dim * rng.uniform(30, 70)), rng.uniform(0.1, 1.0))
        out.append((problem, float(rng.uniform(0.2, 1.0))))
    return out


def twin(problem: Problem, penalty: float, start: tuple[float, float], seed: int) -> float:
    """Estimation error of the fixed point over random matrices of the problem's own size: plain iteration."""
    rng, depth = np.random.default_rng(seed), network_named(problem.network).depth  # type: ignore[attr-defined]
    modes, dim, alpha = problem.teacher.values(problem.network), problem.dim, problem.alpha
    noises = [goe(dim, rng) for _ in range(20)]
    delta, zeta = start
    error = math.nan
    for _ in range(60):
        rule = SpectralPowerThreshold(zeta, depth)
        errors, freedoms = [], []
        for noise in noises:
            values, vectors = np.linalg.eigh(np.diag(modes) + delta * noise)
            found = rule.apply(values, delta)
            estimate = (vectors * found.values) @ vectors.T
            errors.append(((estimate - np.diag(modes)) ** 2).sum() / dim)
            freedoms.append(found.divergence)
        error = float(np.mean(errors))
        delta = 0.5 * delta + 0.5 * math.sqrt((error + problem.noise / 2) / (2 * alpha))
        zeta = 0.5 * zeta + 0.5 * penalty / (4 * alpha - 2 * float(np.mean(freedoms)))
    return error


def routes(count: int = 6, seeds: int = 8, trained: int = 2) -> None:
    """Four routes to the estimation error."""
    ratios: dict[str, list[float]] = {"twin": [], "message passing": [], "best of starts": [], "gradient": []}
    for index, (problem, penalty) in enumerate(random_small(count, seed=20)):
        theory = predict(problem, penalty=penalty)
        expected = theory.estimation_error
        found: dict[str, list[float]] = {name: [] for name in ratios}
        found["twin"] = [twin(problem, penalty, (theory.noise_scale, theory.threshold), seed) for seed in range(3)]
        for seed in range(seeds):
            data = sample(problem, 100 * index + seed)
            run = amp(data, penalty=penalty, settings=AmpSettings(replicas=0, max_iterations=100))
            found["message passing"].append(run.error)
            if seed < trained:
                for name, how in (("best of starts", "auto"), ("gradient", "gradient")):
                    fit = train(data, penalty=penalty, solver=how, throw=False)
                    found[name].append(fit.excess_risk(data) / 2)
        print(f"{problem.network} d {problem.dim} n {problem.samples} {problem.teacher.describe()}, ", end="")
        print(
            f"noise {problem.noise:.2f} pen {penalty:.2f}, allowance {theory.allowance}: E {expected:.4f}", flush=True
        )
        for name, values in found.items():
            ratios[name].append(float(np.mean(values)) / expected - 1)
            print(f"    {name:16s} {told(values)}  {100 * ratios[name][-1]:+.1f} %", flush=True)
    for name, values in ratios.items():
        print(f"{name}: mean {100 * np.mean(values):+.1f} %, largest {100 * np.max(np.abs(values)):.1f} %", flush=True)


def speed() -> None:
    """Seconds of one prediction (fixed point alone), medians, and their ratios to depth 1."""
    for gamma, dim, samples, noise in ((1.25, 400, 26515, 0.1), (1.25, 400, 8000, 0.1), (1.0, 60, 2400, 0.3)):
        medians = {}
        for depth in (1, 2, 3):
            problem = Problem(Quadratic(depth), PowerLaw(dim, gamma), samples, noise)
            times = []
            for penalty in np.geomspace(0.01, 1.0, 15):
                predict(problem, penalty=float(penalty), throw=False)
                begun = time.process_time()
                predict(problem, penalty=float(penalty), throw=False)
                times.append(time.process_time() - begun)
            medians[depth] = float(np.median(times))
        ratios = ", ".join(f"depth {k}: {1e3 * s:.1f} ms, {s / medians[1]:.0f} times" for k, s in medians.items())
        print(f"d {dim} n {samples}: {ratios}", flush=True)


def optimum() -> None:
    """Risk at the best weight decay over the Bayes-optimal one, by depth, at fixed size."""
    print("excess risk at the best weight decay over the Bayes-optimal one (d = 400, noise 0.1)")
    for gamma in (0.75, 1.25, 2.0):
        for effective in (30, 300, 3000):
            cells = []
            for depth in (1, 2, 3, 4):
                problem = Problem(Quadratic(depth), PowerLaw(400, gamma), 400 * effective, 0.1)
                best = optimal_weight_decay(problem, throw=False)
                cells.append(f"{best.gap_to_bayes:.3f}" if best.status.ok and best.gap_to_bayes else "-")
            print(f"  gamma {gamma:g} n_eff {effective:6d}: depth 1 to 4: {'  '.join(cells)}", flush=True)


def exponents() -> None:
    """Every exponent of the phases, and risk over noise deep in phase V beside its limit."""
    for depth in (2, 3, 4):
        network = Quadratic(depth)
        rows = [measure(path) for gamma in (0.75, 1.0, 1.25, 1.5, 2.0) for path in paths_of(network, gamma)]
        rows.sort(key=lambda row: (row.path.phase, row.path.variable, row.path.gamma))
        print(format_table(rows), flush=True)
        for dim in (1e6, 1e9, 1e12):
            problem = Problem(network, PowerLaw(dim, 1.5), dim**1.5, noise=1e4)  # type: ignore[arg-type]
            level = predict(problem, weight_decay=0.0).excess_risk / 1e4
            limit = interpolation_risk(network.penalty_exponent)
            print(f"d = {dim:g}, n_eff = sqrt(d): risk/noise {level:.4f}, limit {limit:.0f}\n", flush=True)


if __name__ == "__main__":
    asked, *numbers = sys.argv[1:] or ["table"]
    parts = {
        "table": table,
        "routes": routes,
        "speed": speed,
        "optimum": optimum,
        "exponents": exponents,
    }
    sys.exit(parts[asked](*map(int, numbers)) or 0)  # type: ignore[operator]
