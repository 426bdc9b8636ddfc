"""Attention without softmax against the quadratic network at equal numbers of observations, trained both ways.

Run: ./run bench attention [equal | size]
For each setting the quadratic network on N samples, and attention on sequences of T tokens with N pairs in all; every
network on data sets of its own, trained by the convex solver, and on the first of them by gradient as well. A
difference is given in standard errors of the two means together; theory is the same for all. Then the same with the
noise of a pair shared between its two scores, against the quadratic network under the mean noise.

size: T = 8 against the quadratic network over dimensions at a fixed sample ratio, by the convex solver. The pairs of
few tokens are not as good as independent ones: n T tokens estimate a covariance of d dimensions, which leaves a
relative error of about d/(n T) = (T + 1)/(2 n_eff), n_eff being the effective samples.
"""

from __future__ import annotations

import sys

import numpy as np

from shallows import PowerLaw, Problem, predict, sample, train
from shallows.networks import network_named

#: Dimension, gamma, noise, penalty, observations.
SETTINGS = ((40, 1.0, 0.2, 0.1, 2592), (40, 1.25, 0.1, 0.3, 5184))
TOKENS = (1, 2, 3, 8)
#: Tolerance and share of the data sets.
SOLVERS = {"convex": (1e-6, 1.0), "gradient": (1e-4, 0.25)}
#: Widest of the intervals that differences are to stay in, in standard errors.
WIDEST = 2.0


def measured(problem: Problem, penalty: float, root: int, seeds: int) -> dict[str, np.ndarray]:
    """Excess risk and train error, (seeds, 2), by solver."""
    out: dict[str, list[tuple[float, float]]] = {name: [] for name in SOLVERS}
    for place, stream in enumerate(np.random.SeedSequence(root).spawn(seeds)):
        data = sample(problem, stream)
        for solver, (tolerance, share) in SOLVERS.items():
            if place < share * seeds:
                method = {"convex": "auto"}.get(solver, solver)
                fit = train(data, penalty=penalty, solver=method, tolerance=tolerance)
                out[solver].append((fit.excess_risk(data), fit.train_error))
    return {name: np.array(found) for name, found in out.items()}


def told(found: np.ndarray) -> str:
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    return "  ".join(f"{mean:.4f} +- {one:.4f}" for mean, one in zip(found.mean(axis=0), error, strict=True))


def difference(found: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Of the means, in standard errors."""
    spread = found.var(axis=0, ddof=1) / len(found) + others.var(axis=0, ddof=1) / len(others)
    return (found.mean(axis=0) - others.mean(axis=0)) / np.sqrt(spread)


def compare(setting: tuple[float, ...], options: str, roots: int, seeds: int) -> list[float]:
    """Print one table; all differences in it, in standard errors."""
    dim, gamma, noise, penalty, count = setting
    teacher, differences = PowerLaw(int(dim), gamma), []
    print(f"d = {dim:g}, gamma = {gamma:g}, Delta = {noise:g}, pen = {penalty:g}, {count:g} observations{options}")
    print("  network     n     solver    excess risk       train error       theory          off quadratic (se)")
    reference: dict[float, dict[str, np.ndarray]] = {}
    for place, tokens in enumerate(TOKENS):
        name = f"attention:tokens={tokens}{options}"
        network = network_named(name)
        level = network.mean_noise(noise)
        if level not in reference:
            plain = Problem("quadratic", teacher, count, noise=level)
            reference[level] = measured(plain, penalty, roots + 100 + place, seeds)
            theory = predict(plain, penalty=penalty)
            for solver, found in reference[level].items():
                head = f"  quadratic  {count:5g}  {solver:8s}  {told(found)}"
                print(f"{head}  {theory.excess_risk:.4f}  {theory.train_error:.4f}")
        problem = Problem(name, teacher, count // network.labels_per_sample, noise=noise)
        theory = predict(problem, penalty=penalty)
        for solver, found in measured(problem, penalty, roots + place, seeds).items():
            off = difference(found, reference[level][solver])
            differences += off.tolist()
            head = f"  T = {tokens}      {problem.samples:5g}  {solver:8s}  {told(found)}"
            print(
                f"{head}  {theory.excess_risk:.4f}  {theory.train_error:.4f}  {off[0]:+.1f}  {off[1]:+.1f}", flush=True
            )
    return differences


def size() -> None:
    """Relative difference of the excess risks of eight tokens and of one, over dimensions."""
    print("gamma = 1, Delta = 0.2, pen = 0.1, N = 1.62 d^2")
    print("  d     seeds  quadratic         T = 8             difference        (T-1)/(2 n_eff)")
    for dim, seeds in ((40, 48), (80, 32), (160, 10)):
        count, risks = round(1.62 * dim**2), []
        for place, (name, samples) in enumerate((("quadratic", count), ("attention:tokens=8", count // 36))):
            problem, own = Problem(name, PowerLaw(dim, 1.0), samples, noise=0.2), []
            for stream in np.random.SeedSequence(7000 + dim + place).spawn(seeds):
                data = sample(problem, stream)
                own.append(train(data, penalty=0.1).excess_risk(data))
            risks.append((np.mean(own), np.std(own, ddof=1) / np.sqrt(seeds)))
        (one, error), (eight, other) = risks
        spread = np.hypot(error, other * one / eight) * eight / one / one
        share = f"{100 * (eight / one - 1):+.1f} +- {100 * spread:.1f} %"
        told = "  ".join(f"{mean:.5f} +- {wide:.5f}" for mean, wide in risks)
        print(f"  {dim:4d}  {seeds:5d}  {told}  {share:16s}  {100 * 7 / (2 * 1.62 * dim):.1f} %", flush=True)


def equal(seeds: int = 48) -> None:
    found = []
    for place, setting in enumerate(SETTINGS):
        found += compare(setting, "", 1000 * place, seeds)
    found += compare(SETTINGS[0], ":shared_noise=1", 5000, seeds)
    beyond = sum(abs(off) > WIDEST for off in found)
    print(f"{beyond} of {len(found)} differences beyond {WIDEST:g} standard errors; largest {max(map(abs, found)):.1f}")


if __name__ == "__main__":
    for part in sys.argv[1:] or ["equal", "size"]:
        {"equal": equal, "size": size}[part]()
