"""Networks trained over all phases: what their weights alone, or with their data, say of them against the truth.

    python benchmarks/diagnosis_suite.py train [--count 600]
    python benchmarks/diagnosis_suite.py weights
    python benchmarks/diagnosis_suite.py data
    python benchmarks/diagnosis_report.py

`train`: the suite. Settings are drawn at random, the same number for every phase (theory note, section 7) of both
networks, from the ranges below and nothing else. A network's number is its seed; what exists is not trained again. A
part of the smaller ones is trained by gradients on the network's own weights, the rest is the certified minimum; inputs
and hidden units of quadratic networks are turned at random.
`weights`, `data`: what the weights alone say, with and without samples and weight decay, and what they say with their
data (of one in four). All can be interrupted, and run side by side with ``--part I --parts N``. The report is another
script's.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np

from shallows import PowerLaw, Problem, optimal_weight_decay, predict, sample
from shallows.diagnosis import MatrixSpectrum, judge, read_network, read_spectrum
from shallows.diagnosis.spectrum_class import counts_of
from shallows.errors import EstimateUndefined, InvalidArgument
from shallows.networks import network_named
from shallows.phases import PHASES, phase_at
from shallows.training import train

FOLDER = Path(__file__).parent / "results" / "diagnosis_suite"
DIMS = {"quadratic": (60, 80, 100, 120), "diagonal": (400, 700, 1000)}
GAMMAS, NOISES = (0.7, 1.8), (0.05, 1.0)
#: ``log_d n_eff``, and weight decay over the noise line ``sqrt(n_eff/d)``.
NU, OVER_LINE = (-0.3, 1.6), (0.01, 30.0)
#: Hidden units over columns, of quadratic networks.
WIDTHS = (1.0, 1.5, 2.0)
#: Rows times columns, at most.
MOST = 4e6
#: Share of networks that are trained themselves, of those with at most so many numbers of data.
GRADIENT_SHARE, GRADIENT_MOST = 0.3, 4e5
#: One of so many is read with its data too.
WITH_DATA = 4


def settings_of(seed):
    """Problem, weight decay and way of training of a seed."""
    rng = np.random.default_rng([20, seed])
    network = "quadratic" if seed % 10 < 6 else "diagonal"
    # The diagonal network has no phase IV, and Ia below one sample.
    phases = [name for name in PHASES if network == "quadratic" or name not in ("Ia", "IV")]
    wanted = phases[int(rng.integers(len(phases)))]
    while True:
        dim = int(rng.choice(DIMS[network]))
        gamma, noise = rng.uniform(*GAMMAS), math.exp(rng.uniform(*np.log(NOISES)))
        effective = dim ** rng.uniform(*NU)
        samples = round(effective * (dim if network == "quadratic" else 1))
        over = math.exp(rng.uniform(*np.log(OVER_LINE)))
        width = round(rng.choice(WIDTHS) * dim) if network == "quadratic" else None
        gradient = bool(rng.uniform() < GRADIENT_SHARE) and samples * dim <= GRADIENT_MOST
        if samples < 10 or samples * dim > MOST:
            continue
        effective = samples / (dim if network == "quadratic" else 1)
        strength = over * math.sqrt(effective / dim)
        if phase_at(network, math.log(effective, dim), math.log(strength, dim), gamma).name == wanted:
            problem = Problem(network, PowerLaw(dim, gamma), samples=samples, noise=noise, width=width)
            return problem, problem.weight_decay_from_penalty(strength) if width else strength, gradient


def data_of(seed, problem):
    """Data set, and the rotation of its inputs."""
    data = sample(problem, seed)
    dim = problem.dim
    rng = np.random.default_rng([21, seed])
    if not problem.architecture.is_matrix:
        return data, rng.permutation(dim)
    return data, np.linalg.qr(rng.standard_normal((dim, dim)))[0]


def train_one(seed):
    problem, decay, gradient = settings_of(seed)
    data, turn = data_of(seed, problem)
    started = time.perf_counter()
    options = {"weight_decay": decay, "throw": False, "width": problem.width}
    if gradient:
        fit = train(data, solver="gradient", tolerance=1e-7, initial_seed=seed, max_iterations=1500, **options)
        own = fit.parameters
    else:
        fit = train(data, tolerance=1e-6, **options)
        own = network_named(problem.network).own_weights(fit.weights, problem.width)
    seconds = time.perf_counter() - started
    if problem.architecture.is_matrix:
        units = own["W"].shape[0]
        hidden = np.linalg.qr(np.random.default_rng([22, seed]).standard_normal((units, units)))[0]
        own = {"W": hidden @ own["W"] @ turn}
    else:
        own = {name: value[turn] for name, value in own.items()}
    prediction, best = predict(problem, weight_decay=decay), optimal_weight_decay(problem)
    record = {
        "seed": seed, "network": problem.network, "dim": problem.dim, "gamma": problem.teacher.gamma,
        "noise": problem.noise, "samples": problem.samples, "width": problem.effective_width,
        "weight_decay": decay, "gradient": gradient, "status": fit.status.value, "gap": fit.gap, "seconds": seconds,
        "phase": prediction.phase.name, "true_risk": fit.excess_risk(data), "theory_risk": prediction.excess_risk,
        "noise_scale": prediction.noise_scale, "threshold": prediction.threshold,
        "best_weight_decay": best.weight_decay, "price": prediction.excess_risk / best.excess_risk,
        "train_error": fit.train_error,
    }  # fmt: skip
    np.savez_compressed(
        FOLDER / f"{seed}.npz", record=json.dumps(record), **{k: v.astype(np.float64) for k, v in own.items()}
    )
    return record


def train_all(count, part, parts):
    FOLDER.mkdir(parents=True, exist_ok=True)
    for seed in range(part, count, parts):
        if not (FOLDER / f"{seed}.npz").exists():
            found = train_one(seed)
            shown = ("seed", "network", "phase", "dim", "samples", "gradient", "status", "seconds", "true_risk")
            print({name: found[name] for name in shown}, flush=True)


def load(path):
    """Record and own weights of a trained network."""
    with np.load(path) as file:
        return json.loads(str(file["record"])), {name: file[name] for name in file.files if name != "record"}


def of_fit(found, prefix):
    """Columns of a law fitted to the weights."""
    if found is None:
        return {}
    verdict, counts = judge_law(found), counts_of(found.law)
    return {
        f"{prefix}_{name}": value
        for name, value in {
            "verdict": verdict.name, "side": verdict.regularisation, "class": counts.name, "close": counts.close,
            "learned": counts.learned, "out": counts.out, "risk": found.excess_risk, "test_error": found.test_error,
            "misfit": found.misfit, "price": found.price, "gamma": found.gamma,
            "over": found.threshold > found.best_threshold,
        }.items()
    }  # fmt: skip


def judge_law(found):
    """The verdict on weights that are not zero."""
    return judge(MatrixSpectrum((1, 1), np.ones(1), None, "", (), None, "", None, 1.0, 1.0), found)


def problem_of(record):
    width = record["width"] if network_named(record["network"]).has_width else None
    teacher = PowerLaw(record["dim"], record["gamma"])
    return Problem(record["network"], teacher, samples=record["samples"], noise=record["noise"], width=width)


def of_weights(record, own):
    """Columns of a network read from its weights, and what theory says of it."""
    problem, decay = problem_of(record), record["weight_decay"]
    network = problem.architecture
    expected = predict(problem, weight_decay=decay)
    counts = counts_of(expected.spectrum)
    out = dict(record) | {"class": counts.name, "class_close": counts.close, "test_error": expected.test_error}
    out |= {"true_learned": counts.learned, "true_out": counts.out, "effective": problem.effective_samples}
    sizes = network.spectrum(network.effective_weights(own))
    out["positive"] = int((sizes > 1e-3 * sizes[0]).sum()) if sizes[0] > 1e-8 else 0
    out["largest"] = float(sizes[0])
    out |= of_fit(read_spectrum(own, network.name), "free")
    out |= of_fit(read_spectrum(own, network.name, samples=record["samples"], weight_decay=decay), "known")
    return out


def of_data(record, own):
    """Columns of a network read with its data."""
    problem, seed = problem_of(record), record["seed"]
    out, network = {"seed": seed}, problem.architecture
    data, turn = data_of(seed, problem)
    inputs = data.inputs @ turn if network.is_matrix else data.inputs[:, turn]
    try:
        found = read_network(own, inputs, data.labels, network.name)
        for name in ("test_error", "excess_risk", "noise"):
            one = getattr(found.inference, name)
            out |= {f"data_{name}": one.value, f"data_{name}_low": one.low, f"data_{name}_high": one.high}
            out[f"data_{name}_told"] = getattr(found, name) is not None
        out |= {"data_decay": found.weight_decay, "data_distance": found.distance}
    except (EstimateUndefined, InvalidArgument) as error:
        out["data_error"] = str(error)[:60]
    return out


def evaluate(what, part, parts):
    """One line for each network, those that are there already left out."""
    target = FOLDER / f"{what}{part}of{parts}.jsonl"
    known = {json.loads(line)["seed"] for old in FOLDER.glob(f"{what}*.jsonl") for line in old.read_text().splitlines()}
    for path in sorted(FOLDER.glob("*.npz"), key=lambda path: int(path.stem)):
        seed = int(path.stem)
        if seed % parts != part or seed in known or (what == "data" and seed % WITH_DATA != 1):
            continue
        row = (of_data if what == "data" else of_weights)(*load(path))
        with target.open("a") as file:
            file.write(json.dumps(row, default=float) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["train", "weights", "data"])
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--part", type=int, default=0, help="take every PARTS-th network, from this one")
    parser.add_argument("--parts", type=int, default=1)
    options = parser.parse_args()
    if options.what == "train":
        train_all(options.count, options.part, options.parts)
    else:
        evaluate(options.what, options.part, options.parts)


if __name__ == "__main__":
    main()
