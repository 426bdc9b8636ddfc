"""Scaling laws: every exponent, the optimal weight decay against fine grids, and the time of phase diagrams.

./run bench scaling            everything, about five minutes
./run bench scaling --quick    fewer problems and smaller diagrams
"""

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from shallows import LowRank, PowerLaw, Problem, predict
from shallows.networks import network_named, network_names
from shallows.optimum import optimal_weight_decay, silencing_bound
from shallows.scaling import agreement, exponents_table, format_table, phase_diagram

GRID = 400


def random_problems(count, seed=0):
    """Both networks, power laws and low ranks, any width, noise from none to overwhelming."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        network = network_named(network_names()[i % len(network_names())])
        dim = int(10 ** rng.uniform(1, 6))
        if i % 5 == 4:
            teacher = LowRank(dim, int(rng.integers(1, max(2, dim // 4))))
        else:
            teacher = PowerLaw(dim, rng.uniform(0.55, 2.5))
        n_eff = dim ** rng.uniform(0.05, 1.8)
        samples = max(1.0, n_eff * network.samples_per_effective(dim))
        width = int(rng.integers(1, dim + 1)) if network.has_width and rng.random() < 0.3 else None
        noise = 0.0 if rng.random() < 0.05 else float(10 ** rng.uniform(-4, 2))
        yield Problem(network.name, teacher, samples, noise, width)


def optimum_against_grids(count):
    excess, statuses, several, seconds, skipped = [], {}, 0, 0.0, 0
    for problem in random_problems(count):
        start = time.perf_counter()
        best = optimal_weight_decay(problem, throw=False)
        seconds += time.perf_counter() - start
        statuses[best.status.value] = statuses.get(best.status.value, 0) + 1
        if not best.status.ok:
            continue
        several += len(best.local_minima) > 1
        top = silencing_bound(problem)
        grid = [predict(problem, weight_decay=lam, throw=False) for lam in np.geomspace(1e-6 * top, top, GRID)]
        risks = [p.excess_risk for p in grid if p.status.ok]
        skipped += GRID - len(risks)
        smallest = min(risks)
        excess.append(best.excess_risk / smallest - 1 if smallest > 0 else 0.0)
    print(f"\nOptimal weight decay, {count} random problems against grids of {GRID} points")
    print(
        "  outcomes: " + ", ".join(f"{k} {v}" for k, v in sorted(statuses.items())) + f"; several minima in {several}"
    )
    print(f"  risk at the reported optimum over the best on the grid: largest excess {max(excess):+.1e} (needed: 1e-4)")
    print(f"  median advantage over the grid {-float(np.median(excess)):.1e}; {skipped} grid points without a solution")
    print(f"  {1e3 * seconds / count:.0f} ms each")
    return max(excess) <= 1e-4 and "failed" not in statuses


def law_of_the_optimum():
    print("\nLaw of the optimal weight decay in n_eff (theory: 1/2 up to logarithms), d = 1e8, Delta = 0.1")
    good = True
    for network in network_names():
        sharp = network_named(network).sharp_bulk
        for gamma in (0.75, 1.0, 1.25, 1.5, 2.0):
            dim = 10**8
            per_sample = network_named(network).samples_per_effective(dim)
            n_eff = float(dim) ** np.array([0.5, 0.65, 0.8, 0.95])
            best = [optimal_weight_decay(Problem(network, PowerLaw(dim, gamma), n * per_sample, 0.1)) for n in n_eff]
            slope = np.polyfit(np.log(n_eff), np.log([b.weight_decay for b in best]), 1)[0]
            rate = np.polyfit(np.log(n_eff), np.log([b.excess_risk for b in best]), 1)[0]
            # Without a sharp bulk the threshold is sqrt(2 log(d/k)) noise scales, with k learned modes.
            k = dim / np.e if sharp else n_eff ** (1 / (2 * gamma))
            level = np.array([b.weight_decay for b in best]) / np.sqrt(np.log(dim / k))
            plain = np.polyfit(np.log(n_eff), np.log(level), 1)[0]
            good &= abs(plain - 0.5) < 0.05
            line = f"  {network:<10} gamma {gamma:<5g}"
            line += f" weight decay {slope:+.3f}, without the logarithm {plain:+.3f}; risk {rate:+.3f}"
            if sharp:
                bayes = [b.bayes_risk for b in best]
                slope = np.polyfit(np.log(n_eff), np.log(bayes), 1)[0]
                line += f", Bayes-optimal {slope:+.3f}, {best[-1].excess_risk / bayes[-1]:.2f} times less at the last"
            print(line + f" (theory {-1 + 1 / (2 * gamma):+.3f})")
    return good


def diagrams(points):
    print(f"\nPhase diagrams, {points} x {points} points, quadratic network, one process")
    times = {}
    for dim in (400, 10**6, 10**8):
        start, cpu = time.perf_counter(), time.process_time()
        diagram = phase_diagram("quadratic", dim, 1.25, 0.1, points=points)
        times[dim] = time.perf_counter() - start
        shares = agreement(diagram)["all"]
        print(
            f"  d = {dim:<10g} {times[dim]:6.1f} s ({time.process_time() - cpu:.1f} s of processor), phases found "
            f"agree at {100 * shares['agree']:.0f} %, blurred {100 * shares['blurred']:.0f} %, "
            f"unsolved {100 * shares['unsolved']:.2g} %"
        )
    print(f"  d = 1e6 over d = 400: {times[10**6] / times[400]:.2f} (needed: at most 2)")
    return times[400] < 60 and times[10**6] < 2 * 60


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    phase_diagram("quadratic", 50, 1.25, 0.1, points=3)  # compile first
    phase_diagram("diagonal", 50, 1.25, 0.1, points=3)
    results = {}
    rows = exponents_table((1.25,) if quick else (0.6, 0.75, 1.0, 1.25, 1.5, 2.0))
    print(format_table(rows))
    results["exponents"] = all(row.good for row in rows)
    results["optimum"] = optimum_against_grids(20 if quick else 200)
    results["law of the optimum"] = law_of_the_optimum()
    results["diagrams"] = diagrams(30 if quick else 100)
    print("\n" + "; ".join(f"{name}: {'met' if met else 'NOT MET'}" for name, met in results.items()))
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
