"""Networks trained over all phases: what their weights alone, or with their data, say of them against the truth.

    python benchmarks/diagnosis_suite.py train [--count 600]
    python benchmarks/diagnosis_suite.py evaluate

`train`: the suite. Settings are drawn at random, the same number for every phase (theory note, section 7) of both
networks, from the ranges below and nothing else. A network's number is its seed; what exists is not trained again. A
part of the smaller ones is trained by gradients on the network's own weights, the rest is the certified minimum; inputs and hidden units
of quadratic networks are turned at random.
`evaluate`: spectra, verdicts and risks of all of them into ``benchmarks/diagnosis_suite.csv``. Even seeds are for
calibration, odd ones for what is reported.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np

from shallows import PowerLaw, Problem, optimal_weight_decay, predict, sample
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
#: Rows times columns, at most; and where networks themselves are trained.
MOST = 4e6
GRADIENT_SHARE, GRADIENT_MOST = 0.3, 4e5


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


def train_all(count):
    FOLDER.mkdir(parents=True, exist_ok=True)
    for seed in range(count):
        if not (FOLDER / f"{seed}.npz").exists():
            found = train_one(seed)
            shown = ("seed", "network", "phase", "dim", "samples", "gradient", "status", "seconds", "true_risk")
            print({name: found[name] for name in shown}, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["train", "evaluate"])
    parser.add_argument("--count", type=int, default=600)
    options = parser.parse_args()
    if options.what == "train":
        train_all(options.count)


if __name__ == "__main__":
    main()
