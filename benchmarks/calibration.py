"""Does every number that is printed hold? Fits to worlds that nobody tuned to, against their truth.

    ./run bench calibration [--network diagonal|quadratic] [--worlds 70] [--seeds 40] [--draw 2] [--processes 1]

Each world is a teacher (sparse, exponential, dense, power law, nothing), a design (independent columns, correlated
ones, a common factor, heavy tails, binary, rows of uneven length), a noise (normal, heavy-tailed, heteroscedastic), a
number of rows and of columns, drawn by `--draw`. For each quantity: the share of its 90 % intervals that hold the
truth, among those that were printed, and how many were. Weight decay: excess risk over that of ten-fold
cross-validation on the same path.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from worlds import World, worlds

from shallows.errors import EstimateUndefined, ShallowsError, SolveFailed
from shallows.estimators import REGRESSORS
from shallows.inference.cross_validation import hold_out
from shallows.inference.weight_decay_path import SEARCHES, vertex
from shallows.training import train

#: The forecast is checked at this many times the data, on so many data sets drawn anew.
AHEAD, AHEAD_SETS = 4, 1


def risk_of(world: World, predict, truth, linear, probe) -> float:
    """Excess risk of predictions, over a large sample of inputs."""
    return float(np.square(predict(probe) - world.signal(probe, truth, linear)).mean())


def look(world: World, seed: int) -> dict[str, float]:
    """What one fit prints, each against the truth: 1 where it holds, 0 where not, absent where it is not printed."""
    inputs, labels, truth, linear = world.draw(seed)
    rng = np.random.default_rng([seed, 72])
    probe = world.inputs(20_000 if world.network == "quadratic" else 4_000, rng)
    model = REGRESSORS.of(world.network)()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model.fit(inputs, labels)
        except (SolveFailed, EstimateUndefined):
            return {"failed": 1.0}
    out: dict[str, float] = {}
    risk = risk_of(world, model.predict, truth, linear, probe)
    reason = model.diagnosis_.against
    if model.test_error_estimate_ is not None:
        out["test error"] = model.test_error_estimate_.covers(world.noise + risk)
        out["bias"] = np.log(model.test_error_estimate_.value / (world.noise + risk))
        if reason("noise") is None:
            out["noise"] = model.inference_.noise.covers(world.noise)
        if reason("excess_risk") is None:
            out["excess risk"] = model.inference_.excess_risk.covers(risk)
    out |= weights_of(world, model, truth) if world.network == "diagonal" else modes_of(world, model, truth)
    out |= decay_of(world, model, inputs, labels, truth, linear, probe, risk)
    out |= pruning_of(world, model, inputs, labels, truth, linear, probe, risk)
    out |= forecast_of(world, model, truth, linear, probe, rng)
    return out


def weights_of(world, model, truth):
    try:
        tests = model.check_weights()
    except EstimateUndefined:
        return {}
    scaled = truth * model.transformer_.scale_
    out = {"weights": np.mean((tests.low <= scaled) & (scaled <= tests.high))}
    found = tests.discovered
    out["false"] = float(np.mean(truth[found] == 0)) if found.any() else 0.0
    if (truth != 0).any():
        out["power"] = float(found[truth != 0].mean())
    return out


def modes_of(world, model, truth):
    try:
        modes = model.recover_modes()
    except EstimateUndefined:
        return {}
    root = np.linalg.inv(model.transformer_.total_matrix_)
    true = np.linalg.eigvalsh(root @ truth @ root.T)[::-1][: modes.values.size]
    return {"modes": np.mean((modes.low <= true) & (true <= modes.high))} if true.size else {}


def decay_of(world, model, inputs, labels, truth, linear, probe, risk):
    """Excess risk over that of ten-fold cross-validation on the same path."""
    if model.path_ is None or world.teacher == "nothing":
        return {}
    seen, centred = model.transformer_.transform(inputs), labels - labels.mean()
    tried = model.path_.weight_decay
    held = hold_out(seen, centred, tried, SEARCHES.of(world.network).predict, centred=True)
    fit = train((seen, centred), network=world.network, weight_decay=vertex(tried, held.mean), throw=False)
    other = type(model)(weight_decay=fit.weight_decay)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other.fit(inputs, labels)
    rival = risk_of(world, other.predict, truth, linear, probe)
    return {"risk": risk, "rival": rival, "over cv": risk / max(rival, 1e-12)}


def pruning_of(world, model, inputs, labels, truth, linear, probe, risk):
    try:
        pruned = model.prune(inputs, labels)
    except EstimateUndefined:
        return {}
    if model.diagnosis_.against("pruning") is not None or not pruned.recommended:
        return {"recommended": 0.0}
    kept, model.weights_ = model.weights_, pruned.weights
    after = risk_of(world, model.predict, truth, linear, probe)
    model.weights_ = kept
    return {"recommended": 1.0, "harmed": float(after > risk * 1.001)}


def forecast_of(world, model, truth, linear, probe, rng):
    """Errors at four times the data and the best weight decay there, against new data sets of that size."""
    try:
        found = model.forecast([AHEAD * world.samples])
        # After whitening the teacher is another one.
        as_made = world.teacher == "power law" and world.design in ("independent", "t4", "binary")
        gamma = model.power_law_ if as_made else None
    except (EstimateUndefined, SolveFailed):
        return {}
    if not found.trusted:
        return {}
    point, risks = found.points[0], []
    for _ in range(AHEAD_SETS):
        inputs = world.inputs(AHEAD * world.samples, rng)
        labels = world.signal(inputs, truth, linear) + world.label_noise(inputs, rng)
        other = type(model)(weight_decay=point.weight_decay)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                risks.append(risk_of(world, other.fit(inputs, labels).predict, truth, linear, probe))
            except ShallowsError:
                continue
    risk = float(np.mean(risks))
    out = {
        "forecast test": point.test_error.covers(world.noise + risk),
        "forecast risk": point.excess_risk.covers(risk),
        "forecast ratio": point.excess_risk.value / max(risk, 1e-12),
    }
    if gamma is not None and gamma.caution is None:
        out["gamma"] = gamma.gamma.covers(1.0)
    return out


COLUMNS = (
    "test error", "noise", "excess risk", "weights", "modes", "false", "power", "recommended", "harmed",
    "forecast test", "forecast risk", "gamma",
)  # fmt: skip


def summary(rows: list[dict[str, float]], key: str) -> tuple[float, int]:
    values = [row[key] for row in rows if key in row]
    return (float(np.mean(values)) if values else np.nan), len(values)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=["diagonal", "quadratic"], action="append")
    parser.add_argument("--worlds", type=int, default=70)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--draw", type=int, default=2)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--save", help="pickle of everything")
    given = parser.parse_args()
    for network in given.network or ["diagonal", "quadratic"]:
        settings = worlds(network, given.worlds, given.draw)
        jobs = list(product(settings, range(given.seeds)))
        with ProcessPoolExecutor(given.processes) as pool:
            found = list(pool.map(look, *zip(*jobs, strict=True), chunksize=given.seeds))
        table = {world: found[i * given.seeds : (i + 1) * given.seeds] for i, world in enumerate(settings)}
        report(network, table)
        if given.save:
            import pickle

            Path(f"{given.save}.{network}.pkl").write_bytes(pickle.dumps(table))
    return 0


def report(network: str, table: dict[World, list[dict[str, float]]]) -> None:
    print(f"\n{network.upper()}: share of 90 % intervals that hold (of how many); false and harmed are rates")
    print(f"{'world':66s}" + "".join(f"{name:>14s}" for name in COLUMNS) + f"{'over CV':>9s}{'worst':>7s}{'bias':>7s}")
    for world, rows in table.items():
        cells = []
        for key in COLUMNS:
            mean, count = summary(rows, key)
            cells.append(f"{mean:.2f} ({count})" if count else "-")
        over = [row["over cv"] for row in rows if "over cv" in row]
        last = f"{np.median(over):9.3f}{max(over):7.2f}" if over else f"{'-':>9s}{'-':>7s}"
        print(
            f"{world.name:66s}" + "".join(f"{cell:>14s}" for cell in cells) + last + f"{summary(rows, 'bias')[0]:+7.2f}"
        )
    print("\nover all worlds: mean; worlds within 0.85 to 0.95 (of those with at least 10 printed); lowest")
    for key in COLUMNS:
        means = [summary(rows, key) for rows in table.values()]
        means = [(mean, count) for mean, count in means if count >= 10]
        if means:
            values = np.array([mean for mean, _ in means])
            pooled = np.average(values, weights=[count for _, count in means])
            inside = np.mean((values >= 0.85) & (values <= 0.95))
            print(f"{key:>14s}: {pooled:.3f}; {inside:.2f} of {values.size}; {values.min():.2f} to {values.max():.2f}")
    for part in ("teacher", "design", "noise_kind"):
        print(f"\nby {part.replace('_', ' ')}")
        for value in dict.fromkeys(getattr(world, part) for world in table):
            rows = [row for world, found in table.items() if getattr(world, part) == value for row in found]
            cells = [f"{key} {summary(rows, key)[0]:.2f} ({summary(rows, key)[1]})" for key in COLUMNS]
            print(f"{value:>16s}: " + ", ".join(cell for cell in cells if "nan" not in cell))


if __name__ == "__main__":
    sys.exit(main())
