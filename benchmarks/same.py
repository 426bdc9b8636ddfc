"""Bit for bit the same as another checkout? What a change of structure must not change.

Run: ./run bench same OTHER_CHECKOUT [PROBLEMS]
Computes in both trees, each in a process of its own on one thread, and compares every digit: predictions of random
problems, best weight decays, trained weights, message passing, estimates from data, a verification; then reads the
sweep store that the other tree wrote. Times are left out. Exits 1 at any difference, naming the first ones.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parents[1]
#: Keys that differ from run to run.
VOLATILE = {"seconds", "provenance", "versions"}
#: Differences that are listed of each kind.
LISTED = 4


def plain(value: Any) -> Any:
    """`value` as JSON with every digit; arrays by their bytes."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items() if k not in VOLATILE}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        array = np.ascontiguousarray(value)
        return f"{array.dtype} {array.shape} {hashlib.sha256(array.tobytes()).hexdigest()[:16]}"
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value).hex() if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, str) else repr(value)


def weights_of(value: Any) -> np.ndarray:
    return value.factor if hasattr(value, "factor") else np.asarray(value)


def predictions(count: int) -> dict[str, Any]:
    from twins import random_problem

    from shallows import bayes_optimal, optimal_weight_decay, predict

    rng, out = np.random.default_rng(2026), {}
    for index in range(count):
        problem, strength = random_problem(rng)
        found = predict(problem, **strength, throw=False)
        out[f"predict {index}"] = found.to_dict() | {"text": str(found), "trust": found.finite_size}
        if index % 10 == 0:
            out[f"optimal {index}"] = optimal_weight_decay(problem, throw=False).to_dict()
            out[f"bayes {index}"] = [
                getattr(bayes_optimal(problem), n) for n in ("noise_scale", "excess_risk", "reachable")
            ]
    return out


def problems() -> dict[str, Any]:
    from shallows import LowRank, PowerLaw, Problem

    return {
        "diagonal V": (Problem("diagonal", PowerLaw(200, 1.0), 100, 0.5), 0.01),
        "diagonal II": (Problem("diagonal", PowerLaw(200, 1.25), 400, 0.3), 1.0),
        "quadratic IV": (Problem("quadratic", PowerLaw(40, 1.25), 600, 0.1), 0.02),
        "quadratic VIa": (Problem("quadratic", PowerLaw(30, 1.0), 1500, 0.2), 0.3),
        "quadratic rank 2": (Problem("quadratic", LowRank(30, 2), 700, 0.2, width=30), 0.1),
    }


def training() -> dict[str, Any]:
    from shallows import PowerLaw, Problem, sample, train
    from shallows.amp import ThresholdMultiple, amp, bayes_rule
    from shallows.training import train_path

    out: dict[str, Any] = {}
    for name, (problem, decay) in problems().items():
        data = sample(problem, 7)
        out[f"data {name}"] = [data.inputs, data.labels]
        for solver in ("auto", "convex", "amp", "gradient"):
            fit = train(data, weight_decay=decay, solver=solver, throw=False)
            out[f"train {name} {solver}"] = [fit.to_dict(), weights_of(fit.weights), fit.excess_risk(data)]
        limit = train(data, weight_decay=0.0, throw=False)
        out[f"train {name} limit"] = [limit.to_dict(), weights_of(limit.weights)]
        path = train_path(data, weight_decays=[decay, 3 * decay, 10 * decay], throw=False)
        out[f"path {name}"] = [[fit.to_dict(), weights_of(fit.weights)] for fit in path]
        ways = {
            "weight_decay": {"weight_decay": decay},
            "denoiser": {"rule": bayes_rule(problem)},
            "kappa": {"rule": ThresholdMultiple(1.1)},
        }
        if "rule" not in inspect.signature(amp).parameters:  # a tree from before rules had one name
            ways |= {"denoiser": {"denoiser": bayes_rule(problem)}, "kappa": {"kappa": 1.1}}
        for way, how in ways.items():
            run = amp(data, throw=False, **how)
            out[f"amp {name} {way}"] = [run.to_dict(), run.weights, run.observed]
    narrow = Problem("quadratic", PowerLaw(30, 1.0), 500, 0.1, width=4)
    fit = train(narrow, seed=3, penalty=0.1, throw=False)
    out["train narrow"] = [fit.to_dict(), weights_of(fit.weights)]
    return out


def from_data() -> dict[str, Any]:
    import warnings

    from shallows import DiagonalNetworkRegressor, QuadraticNetworkRegressor, sample
    from shallows.estimators.summary import summarise

    warnings.simplefilter("ignore")
    out: dict[str, Any] = {}
    for name, (problem, decay) in problems().items():
        inputs, labels = sample(problem, 11)
        for how in ("auto", 2 * decay):
            kind = DiagonalNetworkRegressor if problem.network == "diagonal" else QuadraticNetworkRegressor
            model = kind(weight_decay=how).fit(inputs, labels)
            content = summarise(model, samples=inputs.shape[0], data=(inputs, labels))
            out[f"fit {name} {how}"] = [content, model.predict(inputs[:20])]
    return out


def verification() -> dict[str, Any]:
    from shallows import verify

    problem, decay = problems()["quadratic IV"]
    return {"verify": verify(problem, weight_decay=decay, seeds=2).to_dict()}


SWEEP = """
[problem]
network = "{network}"
dim = 40
gamma = 1.0
noise = 0.2
[axes]
samples = [100, 400]
weight_decay = [0.1, 1.0]
[compute]
quantities = ["theory", "bayes", "spectrum", "train", "amp"]
"""


def sweeps(folder: Path) -> dict[str, Any]:
    """Runs in `folder` what its store lacks; the values, and how many points were computed."""
    from shallows.sweeps import Sweep, load, run

    out: dict[str, Any] = {}
    for network in ("diagonal", "quadratic"):
        file = folder / f"{network}.toml"
        if not file.exists():
            file.write_text(SWEEP.format(network=network))
        report = run(file, folder / network, workers=0)
        values = load(folder / network, Sweep.from_file(file))
        out[network] = {
            "computed": report.computed,
            "values": {str(name): column.values.tolist() for name, column in values.data_vars.items()},
        }
    return out


def child(count: int, folder: Path) -> None:
    found = {**predictions(count), **training(), **from_data(), **verification(), "sweeps": sweeps(folder)}
    sys.stdout.write(json.dumps({key: plain(value) for key, value in found.items()}))


def run_in(tree: Path, count: int, folder: Path) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": f"{tree / 'src'}{os.pathsep}{HERE / 'tests' / 'support'}"}
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    # A kernel compiled for arrays of another layout rounds differently; which of them serves a call depends on what was
    # compiled before. So each tree compiles afresh, in the order of the calls.
    with tempfile.TemporaryDirectory() as compiled:
        environment["NUMBA_CACHE_DIR"] = compiled
        command = [sys.executable, __file__, "--child", str(count), str(folder)]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def differences(first: Any, second: Any, path: str = "") -> list[tuple[str, float]]:
    """Where two results differ, and by how much: relative for numbers, infinite for anything else."""
    if isinstance(first, dict) and isinstance(second, dict):
        keys = sorted(first.keys() | second.keys())
        return [d for k in keys for d in differences(first.get(k, "absent"), second.get(k, "absent"), f"{path}/{k}")]
    if isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        return [d for i, pair in enumerate(zip(first, second, strict=True)) for d in differences(*pair, f"{path}/{i}")]
    if first == second:
        return []
    try:
        one, other = float.fromhex(first), float.fromhex(second)
        size = abs(one - other) / max(abs(one), abs(other))
    except (TypeError, ValueError):
        size = math.inf
    return [(f"{path}: {str(first)[:60]} != {str(second)[:60]}", size)]


def report(theirs: dict[str, Any], ours: dict[str, Any]) -> int:
    """Print, kind by kind, how many results differ and the largest difference; return how many do."""
    kinds: dict[str, list[tuple[str, list[tuple[str, float]]]]] = {}
    for key in sorted(theirs.keys() | ours.keys()):
        found = differences(theirs.get(key, "absent"), ours.get(key, "absent"), key)
        kinds.setdefault(key.split()[0], []).append((key, found))
    print(f"{'kind':<10}{'results':>9}{'differ':>8}   largest difference")
    for kind, results in kinds.items():
        lines = sorted((line for _, found in results for line in found), key=lambda line: -line[1])
        count = sum(bool(found) for _, found in results)
        worst = f"{lines[0][1]:.1e}   {lines[0][0]}" if lines else "none"
        print(f"{kind:<10}{len(results):>9}{count:>8}   {worst}")
        for line, size in lines[1:LISTED]:
            print(f"{'':<30}{size:.1e}   {line}")
    return sum(bool(found) for results in kinds.values() for _, found in results)


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    other, count = Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 500
    with tempfile.TemporaryDirectory() as folder:
        theirs = run_in(other, count, Path(folder))
        ours = run_in(HERE, count, Path(folder))
    computed = sum(ours["sweeps"][network].pop("computed") for network in ours["sweeps"])
    for network in theirs["sweeps"]:
        theirs["sweeps"][network].pop("computed")
    differ = report(theirs, ours)
    print(f"points of the other tree's sweep stores computed again: {computed}")
    return int(bool(differ or computed))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(int(sys.argv[2]), Path(sys.argv[3]))
    else:
        sys.exit(main())
