"""What the sweep engine costs: overhead over bare compute, memory, and a million points planned and resumed.

    python benchmarks/sweeps.py                      # 20,000 theory points and a million cheap ones: some minutes
    python benchmarks/sweeps.py --points 100000      # the full size

Bare compute is the same function on the same points in as many processes, with nothing stored. Both sides run in
slices, in turn or (--together) at once, in the same run. Processor time stands beside wall time: other work on the
machine does not change it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
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


def bare(sweep: Sweep, workers: int) -> dict[str, float]:
    """Without the engine: every worker is given every n-th chunk, and nothing is stored."""
    points = list(sweep.points())
    compute = quantity_named("theory").compute
    chunks = [points[i::64] for i in range(64)]
    start_cpu, start = cpu(), time.perf_counter()
    with ProcessPoolExecutor(workers, get_context("spawn"), limit_threads, (1,)) as pool:
        list(pool.map(compute_batch, [compute] * len(chunks), chunks))
    return {"wall": time.perf_counter() - start, "cpu": cpu() - start_cpu}


def engine(sweep: Sweep, workers: int) -> dict[str, float]:
    """With the engine, on a new store; memory of this process along the way."""
    memory: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        start_cpu, start = cpu(), time.perf_counter()
        run(sweep, store, workers=workers, on_stored=lambda keys: memory.append(rss()))
        wall, used = time.perf_counter() - start, cpu() - start_cpu
        with Store(store) as opened:
            count, mean = opened.seconds()["theory"]
            size, failed = opened.size, sum(opened.failure_counts().values())
    early = memory[len(memory) // 4]
    out = {"wall": wall, "cpu": used, "busy": count * mean, "bytes": size, "failed": failed}
    return {**out, "points": count, "early MB": early, "last MB": memory[-1]}


def overhead(points: int, slices: int, workers: int, together: bool) -> dict[str, object]:
    total: dict[str, dict[str, float]] = {"bare": {}, "engine": {}}
    memory = {"early MB": 0.0, "last MB": 0.0}
    for i in range(slices):
        sides = ["bare", "engine"] if i % 2 == 0 else ["engine", "bare"]
        found: dict[str, dict[str, float]] = {}
        running = []
        for side in sides:
            command = [sys.executable, __file__, "--side", side, "--slice", str(i), "--points", str(points)]
            command += ["--slices", str(slices), "--workers", str(workers)]
            running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            if not together:
                running[-1].wait()
        for side, process in zip(sides, running, strict=True):
            found[side] = json.loads(process.communicate()[0])
            for name, value in found[side].items():
                total[side][name] = total[side].get(name, 0.0) + value
        memory = {name: max(value, found["engine"][name]) for name, value in memory.items()}
        print(f"slice {i + 1}/{slices}: {found}", file=sys.stderr, flush=True)
    ours, theirs = total["engine"], total["bare"]
    return {
        "points": int(ours["points"]),
        "failed": int(ours["failed"]),
        "workers": workers,
        "both sides at the same time": together,
        "bare wall s": theirs["wall"],
        "engine wall s": ours["wall"],
        "wall overhead": ours["wall"] / theirs["wall"] - 1,
        "bare cpu s": theirs["cpu"],
        "engine cpu s": ours["cpu"],
        "cpu overhead": ours["cpu"] / theirs["cpu"] - 1,
        "share of wall time that workers computed": ours["busy"] / (workers * ours["wall"]),
        "bytes per point": ours["bytes"] / ours["points"],
        "driver MB after a quarter": memory["early MB"],
        "driver MB at the end": memory["last MB"],
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
    parser.add_argument("--together", action="store_true", help="run both sides at once: fair on a busy machine")
    parser.add_argument("--side", choices=["bare", "engine"], help=argparse.SUPPRESS)
    parser.add_argument("--slice", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        sweep = theory_sweep(options.points, options.slices)[options.slice]
        side = bare if options.side == "bare" else engine
        print(json.dumps(side(sweep, options.workers)))
        return
    result: dict[str, object] = {}
    if options.points:
        warm = theory_sweep(60, 1)[0]
        compute_batch(quantity_named("theory").compute, list(islice(warm.points(), 5)))  # compile once, for both sides
        result["theory, d=400 quadratic"] = overhead(options.points, options.slices, options.workers, options.together)
    if options.million:
        result["cheap points"] = million(options.million, options.workers)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
