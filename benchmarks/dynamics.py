"""Training time: closed form against simulated SGD, exponents at large dimension, early stopping, and speed.

Run: ./run bench dynamics [closed] [means] [noise] [exponents] [frontier] [stopping] [speed]
Without names all of them, about twenty minutes on one core; `stopping` alone takes ten of them.

closed      simulated one-pass SGD, 6 or 30 draws a line, beside the prediction: z at three times
means       the mean over initial weights in closed form against 200 draws of the exact flow
noise       floors of SGD, constant and cooled, and the rate at which half of six runs run away over the predicted one
exponents   slopes in time and width at large dimension beside the derived ones
frontier    slopes in compute
stopping    gradient descent on a data set: best stopping, best weight decay at the end, both, Bayes-optimal
speed       200 times at d = 400 and 10^6, milliseconds of CPU
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import sys
import time

import numpy as np

from shallows import PowerLaw, Problem, bayes_optimal, compute_optimal, optimal_weight_decay, predict_dynamics
from shallows.dynamics import (
    FLOWS,
    Sgd,
    early_stopping,
    flow_setting,
    frontier_exponents,
    sgd_limits,
    simulate_sgd,
)


def scaled(problem: Problem, *multiples: float) -> np.ndarray:
    rate = FLOWS.of(problem.network).growth_rate(problem) * problem.spectrum.values[0]
    return np.array(multiples) / rate


def closed() -> None:
    print("\nclosed form against simulated SGD: z = (predicted - mean of draws) / standard error, at three times")
    inside = total = 0
    for dim, gamma in ((60, 0.75), (100, 1.25), (200, 1.75)):
        for network, widths in (("quadratic", (dim // 4, dim)), ("diagonal", (None,))):
            for width in widths:
                problem = Problem(network, PowerLaw(dim, gamma), 1, 0.1, width)
                flow = FLOWS.of(network)
                largest = problem.spectrum.values[0]
                shrinkage_of_one = flow.shrinkage(problem, 1.0)
                for decay in (0.0, 0.05 * largest / shrinkage_of_one):
                    sgd = Sgd(0.03 / (flow.growth_rate(problem) * largest), 100)
                    times = scaled(problem, 5.0, 10.0, 20.0)
                    setting = flow_setting(problem, 0.1, decay)
                    count = 6 if network == "quadratic" else 30
                    risks = np.array([simulate_sgd(setting, sgd, times, seed) for seed in range(count)])
                    found = predict_dynamics(problem, times, init_scale=0.1, weight_decay=decay, sgd=sgd)
                    error = risks.std(axis=0, ddof=1) / np.sqrt(count)
                    z = (found.sgd_excess_risk - risks.mean(axis=0)) / error
                    off = found.sgd_excess_risk / risks.mean(axis=0) - 1
                    inside, total = inside + int((np.abs(z) < 2).sum()), total + z.size
                    label = f"{network:10s} d={dim:<4d} gamma={gamma:<5g} p={width or '-'!s:<4} decay={decay:.1e}"
                    print(f"  {label}  z {np.round(z, 1)}  off by {np.round(100 * off, 1)} %", flush=True)
    print(f"  within two standard errors: {inside} of {total}")


def means() -> None:
    print("\nmean over initial weights against 200 draws of the exact flow (d = 60, gamma 1.25): off by, in %")
    rng = np.random.default_rng(0)
    for network, width, scale in (
        *(("quadratic", width, scale) for width in (2, 5, 20, 60, 120) for scale in (0.001, 0.1, 1.0)),
        *(("diagonal", None, scale) for scale in (0.001, 0.1, 1.0)),
    ):
        problem = Problem(network, PowerLaw(60, 1.25), 1, width=width)
        setting, flow = flow_setting(problem, scale), FLOWS.of(network)
        times = scaled(problem, 1.0, 10.0, 20.0, 40.0, 100.0)
        truth = problem.architecture.weights_of_modes(problem.teacher.values(network))
        risks = np.array(
            [
                [
                    problem.architecture.excess_risk(weights, truth)
                    for weights in flow.trajectory(setting, flow.initial_weights(setting, rng), times)
                ]
                for _ in range(200)
            ]
        )
        mean = risks.mean(axis=0)
        found = predict_dynamics(problem, times, init_scale=scale).excess_risk
        error = 100 * risks.std(axis=0, ddof=1) / np.sqrt(200) / mean
        label = f"{network:10s} p={width or '-'!s:<4} init={scale:<6g}"
        print(f"  {label} {np.round(100 * (found / mean - 1), 2)} +- {np.round(error, 2)}", flush=True)


def noise() -> None:
    print("\nnoise of SGD: floor at a share of the largest rate, measured / predicted; cooled; where runs run away")
    for network, dim, width, gamma, batch in (
        ("quadratic", 30, 30, 0.75, 30),
        ("quadratic", 30, 5, 1.25, 30),
        ("quadratic", 30, 1, 1.25, 30),
        ("diagonal", 60, None, 0.75, 5),
        ("diagonal", 60, None, 1.5, 5),
    ):
        problem = Problem(network, PowerLaw(dim, gamma), 1, 0.5, width)
        limits, setting, out = sgd_limits(problem, batch), flow_setting(problem, 0.7), []
        for share in (0.05, 0.1, 0.2, 0.4):
            rate = share * limits.largest_rate
            steps = int(60 / share)
            times = rate * np.linspace(10 * steps, 20 * steps, 80)
            risks = [simulate_sgd(setting, Sgd(rate, batch), times, seed).mean() for seed in range(4)]
            flow = predict_dynamics(problem, times, init_scale=0.7, sgd=Sgd(rate, batch)).sgd_excess_risk.mean()
            cooled = [
                simulate_sgd(setting, Sgd(rate, batch), times[-1:], s, schedule=lambda x: 1 - x)[0] for s in range(12)
            ]
            left = limits.cooled_floor(rate, 20 * steps)
            left += predict_dynamics(problem, [times[-1] / 2], init_scale=0.7).excess_risk[0]
            out.append(f"{share}: {np.mean(risks) / flow:.2f}, {np.mean(cooled) / left:.2f}")
        away = []
        for share in (0.5, 0.7, 1.0, 1.4, 2.0, 2.8):
            rate = share * limits.largest_rate
            with np.errstate(all="ignore"):
                ends = [simulate_sgd(setting, Sgd(rate, batch), np.array([1500 * rate]), s)[0] for s in range(6)]
            away.append((share, sum(not end < 10 for end in ends)))
        first = next((share for share, count in away if count >= 3), None)
        label = f"{network:10s} p={width or '-'!s:<3} gamma={gamma:<5g}"
        print(f"  {label} {'; '.join(out)}  away at {first}", flush=True)


def exponents() -> None:
    print("\nexponents at large dimension, fitted and derived (initial weights of deviation 1e-30)")
    scale = 1e-30
    for gamma in (0.75, 1.25, 1.75):
        for network, dim in (("quadratic", 10**8), ("diagonal", 10**8)):
            problem = Problem(network, PowerLaw(dim, gamma), 1)
            setting, flow = flow_setting(problem, scale), FLOWS.of(network)
            values, ranks = problem.spectrum.values[[29, 299]], np.array([30.0, 300.0])
            ends = flow.learning_times(setting, values, ranks)
            times = np.geomspace(*ends, 60)
            risks = predict_dynamics(problem, times, init_scale=scale).excess_risk
            slope = np.polyfit(np.log(times), np.log(risks), 1)[0]
            # e-foldings from the initial weights to the mode, which fall by gamma log K over the window
            folds = np.mean(flow.growth_rate(problem) * values * ends)
            derived = -(2 - 1 / gamma) / (1 - 1 / folds)
            report(f"time, {network}, gamma {gamma}", slope, derived)
        widths = np.array([30, 100, 300, 1000, 3000])
        ends_risk = []
        for width in widths:
            problem = Problem("quadratic", PowerLaw(10**8, gamma), 1, width=int(width))
            late = 100 * FLOWS.of("quadratic").learning_times(
                flow_setting(problem, scale), problem.spectrum.values[:1] * float(width) ** -gamma, np.ones(1)
            )
            ends_risk.append(predict_dynamics(problem, late, init_scale=scale).excess_risk[0])
        finite = 1e8 ** (1 - 2 * gamma)  # what lies beyond the last mode
        tail = np.log((widths[-1] ** (1 - 2 * gamma) - finite) / (widths[0] ** (1 - 2 * gamma) - finite))
        report(
            f"width, gamma {gamma}",
            np.polyfit(np.log(widths), np.log(ends_risk), 1)[0],
            tail / np.log(widths[-1] / widths[0]),
        )


def frontier() -> None:
    print("\ncompute exponents at d = 10^8, fitted, derived at this number of modes, and derived in the limit")
    for gamma in (0.75, 1.25, 1.75):
        # Weights small enough for the logarithm to vary little, and large enough not to run into the largest rate.
        scale = 1e-3 if gamma < 1 else 1e-30
        for schedule, label, variance in (
            ("linear", "noiseless", 0.0),
            ("constant", "constant", 0.1),
            ("linear", "linear", 0.1),
        ):
            problem = Problem("quadratic", PowerLaw(10**8, gamma), 1, variance)
            limit = frontier_exponents("quadratic", gamma, label)
            # budgets at which some hundred to some thousand modes are learned
            start = 8e17 * 200.0 ** (1 / limit["width"])
            budgets = np.geomspace(start, start * 20.0 ** (1 / limit["width"]), 9)
            found = compute_optimal(problem, budgets, init_scale=scale, schedule=schedule)
            modes = np.sqrt(found.width[0] * found.width[-1])
            power = samples_per_modes(problem, gamma, label, modes, scale)
            derived = {"excess_risk": -(2 * gamma - 1) / (1 + power), "width": 1 / (1 + power)}
            for name, values in (("excess_risk", found.excess_risk), ("width", found.width)):
                slope = np.polyfit(np.log(budgets), np.log(values), 1)[0]
                span = f"p {found.width[0]:.0f} to {found.width[-1]:.0f}"
                what = f"{name}, {label}, gamma {gamma} ({span}; limit {limit[name]:+.3f})"
                report(what, slope, derived[name])


def samples_per_modes(problem: Problem, gamma: float, label: str, modes: float, scale: float) -> float:
    """Power of the number of learned modes that the samples grow with, at this number: finite sums and logarithms."""

    def growth(exponent: float) -> float:
        ranks = np.arange(1.0, round(modes) + 1)
        return float(ranks[-1] ** (1 - exponent) / (ranks**-exponent).sum())

    setting, flow = flow_setting(problem, scale), FLOWS.of("quadratic")
    size = problem.spectrum.values[:1] * modes**-gamma
    folds = float(flow.growth_rate(problem) * size[0] * flow.learning_times(setting, size, np.ones(1))[0])
    if label == "linear":
        return gamma / 2 + growth(gamma / 2) + 2 * gamma - 1 - gamma / (2 * folds)
    return gamma + growth(gamma) - gamma / folds + (2 * gamma - 1 if label == "constant" else 0.0)


def report(what: str, fitted: float, derived: float) -> None:
    verdict = "" if abs(fitted - derived) < 0.02 else "   MORE THAN 0.02"
    print(
        f"  {what:70s} fitted {fitted:+.4f}  derived {derived:+.4f}  off {fitted - derived:+.4f}{verdict}", flush=True
    )


def stopping(seeds: int = 4) -> None:
    print("\nfinite data, measured: mean over data sets of the excess risk (standard error)")
    print(
        "  network, n_eff        stopped best      decay, at the end   decay, stopped   theory's decay   Bayes-optimal"
    )
    for network, dim, gamma, sizes in (
        ("diagonal", 400, 1.0, (50, 100, 200, 400)),
        ("quadratic", 30, 1.25, (5, 10, 20)),
    ):
        rates: dict[str, list[float]] = {}
        for size in sizes:
            samples = round(size * Problem(network, PowerLaw(dim, gamma), 1).architecture.samples_per_effective(dim))
            problem = Problem(network, PowerLaw(dim, gamma), samples, 0.3)
            best = optimal_weight_decay(problem)
            plain, ends, both = [], [], []
            for seed in range(seeds):
                plain.append(early_stopping(flow_setting(problem, 0.001), seed).best_risk)
                runs = [
                    early_stopping(flow_setting(problem, 0.001, best.weight_decay * factor), seed)
                    for factor in (0.5, 1.0)
                ]
                ends.append(min(run.excess_risk[-1] for run in runs))
                both.append(min(run.best_risk for run in runs))
            bayes = bayes_optimal(problem).excess_risk
            columns = [f"{np.mean(x):.4f} ({np.std(x, ddof=1) / np.sqrt(seeds):.4f})" for x in (plain, ends, both)]
            print(
                f"  {network:10s} {size:<6}    " + "   ".join(columns) + f"    {best.excess_risk:.4f}   {bayes:.4f}",
                flush=True,
            )
            for name, value in (("stopped", np.mean(plain)), ("decay", np.mean(ends)), ("bayes", bayes)):
                rates.setdefault(name, []).append(float(value))
        slopes = {name: np.polyfit(np.log(sizes), np.log(values), 1)[0] for name, values in rates.items()}
        print("  slopes in n_eff:", {name: round(value, 3) for name, value in slopes.items()})


def speed() -> None:
    print("\nCPU milliseconds for 200 times (best of 5)")
    for network, dim, width, scale in (
        ("quadratic", 400, None, 0.01),
        ("quadratic", 400, None, 1.0),
        ("quadratic", 400, 20, 0.01),
        ("quadratic", 10**6, None, 0.01),
        ("diagonal", 400, None, 0.01),
        ("diagonal", 400, None, 1.0),
        ("diagonal", 10**6, None, 0.01),
    ):
        problem = Problem(network, PowerLaw(dim, 1.25), 1, width=width)
        times = scaled(problem, *np.geomspace(0.1, 1000, 200))
        spent = []
        for _ in range(6):
            begun = time.process_time()
            predict_dynamics(problem, times, init_scale=scale).excess_risk.sum()
            spent.append(time.process_time() - begun)
        print(f"  {network:10s} d={dim:<8d} p={width or 'd'!s:<4} init={scale:<5g} {1e3 * min(spent[1:]):7.1f}")


if __name__ == "__main__":
    parts = {
        "closed": closed,
        "means": means,
        "noise": noise,
        "exponents": exponents,
        "frontier": frontier,
        "stopping": stopping,
        "speed": speed,
    }
    for chosen in sys.argv[1:] or list(parts):
        parts[chosen]()
