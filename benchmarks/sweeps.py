"""What the sweep engine costs: overhead over bare compute, memory, and a million points planned and resumed.

    python benchmarks/sweeps.py                      # 20,000 theory points and a million cheap ones: some minutes
    python benchmarks/sweeps.py --points 100000      # the full size

Bare compute is the same function on the same points in as many processes, with nothing stored. Both sides run in
slices, in turn, in the same run. Processor time stands beside wall time: other work on the machine does not change it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from shallows.sweeps import Field, Point, Quantity, Store, Sweep, load, plan, register, run
from shallows.sweeps.backends import compute_batch, limit_threads
from shallows.sweeps.quantities import quantity_named

NUMBER = Field("1", "a number")


def trivial(point: Point) -> dict[str, float | str | None]:
    return {"trivial_number": float(point.settings["samples"]) * 0.1}


register(Quantity("trivial", {"trivial_number": NUMBER}, trivial, regularised=False, seconds=1e-5))


def rss() -> float:
    """Resident memory of this process, MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cpu() -> float:
    """Processor seconds of this process and its children that ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def theory_sweep(points: int, slices: int) -> list[Sweep]:
    """Mixed points of the quadratic network at d = 400, in slices that differ in noise."""
    per_slice = max(1, points // slices)
    penalties = 20
    samples = max(2, per_slice // (penalties * 3))
    axes = {
        "samples": {"geomspace": [2e3, 2e6, samples]},
        "penalty": {"geomspace": [1e-3, 10, penalties]},
        "width": [20, 62, 400],
    }
    problem = {"network": "quadratic", "dim": 400, "gamma": 1.25}
    return [Sweep({**problem, "noise": 0.05 + 0.9 * i / slices}, axes, ["theory"]) for i in range(slices)]


def bare(sweep: Sweep, workers: int) -> tuple[float, float, int]:
    """Wall seconds, processor seconds and points without the engine, each worker given every n-th chunk at once."""
    points = list(sweep.points())
    compute = quantity_named("theory").compute
    chunks = [points[i::64] for i in range(64)]
    start_cpu, start = cpu(), time.perf_counter()
    with ProcessPoolExecutor(workers, get_context("spawn"), limit_threads, (1,)) as pool:
        list(pool.map(compute_batch, [compute] * len(chunks), chunks))
    return time.perf_counter() - start, cpu() - start_cpu, len(points)


def overhead(points: int, slices: int, workers: int) -> dict[str, object]:
    walls, cpus, memory = {"bare": 0.0, "engine": 0.0}, {"bare": 0.0, "engine": 0.0}, []
    done = 0
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"

        def remember(keys: list[bytes]) -> None:
            nonlocal done
            done += len(keys)
            memory.append((done, rss()))

        for i, sweep in enumerate(theory_sweep(points, slices)):
            sides = ["bare", "engine"] if i % 2 == 0 else ["engine", "bare"]
            for side in sides:
                if side == "bare":
                    wall, used, _ = bare(sweep, workers)
                else:
                    start_cpu, start = cpu(), time.perf_counter()
                    run(sweep, store, workers=workers, on_stored=remember)
                    wall, used = time.perf_counter() - start, cpu() - start_cpu
                walls[side] += wall
                cpus[side] += used
            print(f"slice {i + 1}/{slices}: wall {walls}, cpu {cpus}", file=sys.stderr, flush=True)
        with Store(store) as opened:
            size, counts, failures = opened.size, opened.counts(), opened.failure_counts()
    quarter = [value for n, value in memory if n >= done / 4]
    return {
        "points": done,
        "results": counts,
        "failures": failures,
        "workers": workers,
        "bare wall s": walls["bare"],
        "engine wall s": walls["engine"],
        "wall overhead": walls["engine"] / walls["bare"] - 1,
        "bare cpu s": cpus["bare"],
        "engine cpu s": cpus["engine"],
        "cpu overhead": cpus["engine"] / cpus["bare"] - 1,
        "bytes per point": size / done,
        "driver MB after a quarter": quarter[0],
        "driver MB at the end": memory[-1][1],
    }


def million(points: int, workers: int) -> dict[str, object]:
    side = round(points**0.5)
    axes = {"samples": {"linspace": [1, side, side]}, "noise": {"linspace": [0, 1, side]}}
    sweep = Sweep({"network": "diagonal", "dim": 100, "gamma": 1.0}, axes, ["trivial"])
    out: dict[str, object] = {"points": sweep.total}
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        before, start = rss(), time.perf_counter()
        plan(sweep, store, measure=False)
        out["plan s"], out["plan MB more"] = time.perf_counter() - start, rss() - before
        for name in ("first run", "resumed run"):
            before, start, most = rss(), time.perf_counter(), [0.0]
            report = run(sweep, store, workers=workers, on_stored=lambda keys, most=most: most.append(rss()))
            out[f"{name} s"] = time.perf_counter() - start
            out[f"{name} computed"] = report.computed
            out[f"{name} MB more"] = max(max(most), rss()) - before
        start = time.perf_counter()
        plan(sweep, store, measure=False)
        out["plan of a finished store s"] = time.perf_counter() - start
        before, start = rss(), time.perf_counter()
        data = load(store)
        out["load s"], out["load MB"], out["dataset MB"] = (
            time.perf_counter() - start,
            rss() - before,
            data.nbytes / 1e6,
        )
        with Store(store) as opened:
            out["bytes per point"] = opened.size / sweep.total
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=20_000, help="theory points")
    parser.add_argument("--million", type=int, default=1_000_000, help="cheap points; 0 leaves that part out")
    parser.add_argument("--slices", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    result: dict[str, object] = {}
    if options.points:
        warm = theory_sweep(60, 1)[0]
        compute_batch(quantity_named("theory").compute, list(islice(warm.points(), 5)))  # compile once, for both sides
        result["theory, d=400 quadratic"] = overhead(options.points, options.slices, options.workers)
    if options.million:
        result["cheap points"] = million(options.million, options.workers)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
