"""What the networks say about themselves from training data alone, against the truth.

    python benchmarks/from_data.py [teacher] [forecast] [real] [--seeds 20]

`teacher`: data sampled from known teachers over the phases. Estimated test error against the true one, auto weight
decay against the best of the path, recovered modes, gamma, pruning, time against ten-fold cross-validation with the
same solver.
`forecast`: from n to 4n, theory against a straight line through the log-log learning curve of the same data.
`real`: data sets that ship with scikit-learn over random splits, against held-out error and cross-validation.
"""

import argparse
import time
import warnings

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, make_friedman1
from sklearn.linear_model import LassoCV
from sklearn.model_selection import KFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from shallows import PowerLaw, Problem, optimal_weight_decay, predict, sample
from shallows.errors import EstimateUndefined
from shallows.estimators import AssumptionWarning, DiagonalNetworkRegressor, QuadraticNetworkRegressor
from shallows.inference import (
    extrapolate_naively,
    fit_power_law_teacher,
    forecast,
    infer,
    prune,
    recover_modes,
    tune,
)
from shallows.operators import operator_for
from shallows.training import train, train_path

#: Network, dim, samples, gamma, noise: by where their auto weight decay and a small one put them.
WORLDS = [
    ("diagonal", 1000, 300, 1.5, 0.5),
    ("diagonal", 400, 200, 1.0, 0.5),
    ("diagonal", 400, 1000, 1.0, 0.5),
    ("diagonal", 300, 600, 0.75, 0.2),
    ("diagonal", 200, 4000, 1.0, 0.5),
    ("quadratic", 60, 1800, 1.25, 0.1),
    ("quadratic", 60, 2400, 0.75, 0.5),
    ("quadratic", 60, 6000, 1.0, 0.5),
    ("quadratic", 40, 1200, 1.5, 0.3),
    ("quadratic", 80, 3200, 1.25, 0.1),
]


def risk(weights, data):
    return data.problem.architecture.excess_risk(weights, data.weights)


def cross_validate(inputs, labels, network, decays, folds=10):
    """Weight decay of smallest cross-validated error, every fold a warm-started path of the same solver."""
    errors = np.zeros(len(decays))
    for rows, held in KFold(folds, shuffle=True, random_state=0).split(inputs):
        # The penalty belongs to sums over the samples, so a fold's weight decay shrinks with it.
        share = rows.size / labels.size
        fits = train_path(
            (inputs[rows], labels[rows]),
            network=network,
            weight_decays=[d * share for d in decays],
            tolerance=1e-4,
            throw=False,
        )
        for i, fit in enumerate(fits):
            errors[i] += np.square(labels[held] - evaluate(fit, inputs[held])).sum()
    return float(decays[int(np.argmin(errors))])


def evaluate(fit, inputs):
    return operator_for(fit.network, inputs).output(fit.weights)


def teacher_worlds(seeds):
    print("\nTEACHER DATA: estimates from the training set alone, against the truth")
    head = (
        "network",
        "d",
        "n",
        "gamma",
        "phase",
        "bias",
        "t",
        "cover",
        "auto/best",
        "worst",
        "CV/best",
        "CV time/auto",
    )
    print(("{:>10}" + "{:>10}" * 11).format(*head), "  modes  gamma  pruned/best (phase)  est/true", flush=True)
    for network, d, n, gamma, noise in WORLDS:
        problem = Problem(network, PowerLaw(d, gamma), n, noise=noise)
        logs, cover, ratio, cv_ratio, seconds, modes, gammas = [], [], [], [], [], [], []
        pruned, told = [], []
        for seed in range(seeds):
            data = sample(problem, 1000 + seed)
            started = time.perf_counter()
            fit, found, path = tune(tuple(data), network=network)
            mine = time.perf_counter() - started
            true = risk(fit.weights, data)
            logs.append(found.test_error.value / (noise + true) - 1)
            cover.append(found.test_error.covers(noise + true))
            around = path.chosen * np.geomspace(4, 0.25, 17)
            fits = train_path(data, weight_decays=around, tolerance=1e-4, throw=False)
            best = min(true, *(risk(other.weights, data) for other in fits))
            ratio.append(true / best)
            if seed < 5:
                started = time.perf_counter()
                chosen = cross_validate(data.inputs, data.labels, network, path.weight_decay)
                other = train(data, weight_decay=chosen, throw=False)
                seconds.append((time.perf_counter() - started) / mine)
                cv_ratio.append(risk(other.weights, data) / best)
            if network == "quadratic":
                seen = recover_modes(found)
                truth = data.problem.teacher.values(network)[: seen.values.size]
                modes.append(np.mean((seen.low <= truth) & (truth <= seen.high)) if truth.size else np.nan)
            else:
                seen = found.unbiased
                reach = 1.6449 * found.noise_scale
                modes.append(np.mean(np.abs(seen - data.weights) <= reach))
            gammas.append(fit_power_law_teacher(found, draws=20).gamma.covers(gamma))
            weak = train(data, weight_decay=0.15 * path.chosen, throw=False)
            try:
                cut = prune(weak, infer(tuple(data), weak), data=tuple(data))
                after = risk(cut.weights, data)
                pruned.append(after / best)
                told.append(cut.test_error.value / (noise + after))
            except EstimateUndefined:
                pass
        phase = predict(problem, weight_decay=path.chosen).phase.name
        weak_phase = predict(problem, weight_decay=0.15 * path.chosen).phase.name
        bias, error = np.mean(logs), np.std(logs, ddof=1) / np.sqrt(seeds)
        print(
            f"{network:>10}{d:>10}{n:>10}{gamma:>10}{phase:>10}{bias:>+10.3f}{bias / error:>+10.1f}"
            f"{np.mean(cover):>10.2f}"
            f"{np.median(ratio):>10.3f}{np.max(ratio):>10.3f}{np.median(cv_ratio):>10.3f}{np.median(seconds):>10.1f}  "
            f"{np.nanmean(modes):.2f}   {np.mean(gammas):.2f}   {np.median(pruned):.2f} ({weak_phase})   "
            f"{np.median(told):.2f}",
            flush=True,
        )
    print(
        "bias: relative, with its t over the seeds; cover: 90 % intervals; auto/best: excess risk over the best\n"
        "weight decay's on the same data (median, worst); CV: ten-fold with the same solver and path, five seeds;\n"
        "modes, gamma: coverage of 90 % intervals; pruned/best: excess risk of the network trained at 0.15 times the\n"
        "weight decay and pruned, over the best; est/true: its estimated over its true test error."
    )


def forecasts(seeds):
    print("\nFORECAST from n to 4n: test error and excess risk at the best weight decay; nominal coverage 0.90")
    print(
        f"{'network':>10}{'d':>7}{'n':>7}{'gamma':>7} | {'test: cover':>12}{'ratio':>7} | "
        f"{'risk: cover':>12}{'ratio':>7}"
        f"{'decay':>7} | {'naive: cover':>12}{'ratio':>7}",
        flush=True,
    )
    for network, d, n, gamma, noise in WORLDS[:9]:
        if n > 3000 and network == "diagonal":
            continue
        teacher = PowerLaw(d, gamma)
        there = Problem(network, teacher, 4 * n, noise=noise)
        decay = optimal_weight_decay(there).weight_decay
        true = predict(there, weight_decay=decay)
        rows = []
        for seed in range(seeds):
            data = sample(Problem(network, teacher, n, noise=noise), 2000 + seed)
            try:
                point = forecast(tune(tuple(data), network=network)[1], [4 * n]).points[0]
                naive = extrapolate_naively(tuple(data), [4 * n], network=network).predicted[0]
            except EstimateUndefined:
                continue
            rows.append(
                (
                    point.test_error.covers(true.test_error),
                    point.test_error.value / true.test_error,
                    point.excess_risk.covers(true.excess_risk),
                    point.excess_risk.value / true.excess_risk,
                    point.weight_decay / decay,
                    naive.covers(true.test_error),
                    naive.value / true.test_error,
                )
            )
        table = np.array(rows, dtype=float)
        mean, middle = table.mean(axis=0), np.median(table, axis=0)
        print(
            f"{network:>10}{d:>7}{n:>7}{gamma:>7} | {mean[0]:>12.2f}{middle[1]:>7.3f} | "
            f"{mean[2]:>12.2f}{middle[3]:>7.3f}"
            f"{middle[4]:>7.2f} | {mean[5]:>12.2f}{middle[6]:>7.3f}   ({len(rows)} seeds)",
            flush=True,
        )


def real_sets():
    x, y = make_friedman1(1000, n_features=20, noise=1.0, random_state=0)
    cancer, digits, diabetes = load_breast_cancer(), load_digits(), load_diabetes()
    return {
        "diabetes": (diabetes.data, diabetes.target),
        "breast cancer": (cancer.data, cancer.target.astype(float)),
        "digits": (digits.data, digits.target.astype(float)),
        "Friedman 1": (x, y),
    }


def real(splits):
    print("\nREAL DATA: errors over the variance of the labels, 70/30 splits; est/test: estimated over held-out error")
    print(
        f"{'data':>14}{'network':>11}{'test':>8}{'est/test':>10}{'+-':>7}{'cover':>7}{'CV test':>9}{'time':>8}"
        f"{'CV/auto time':>13}  told",
        flush=True,
    )
    for name, (x, y) in real_sets().items():
        for kind in (DiagonalNetworkRegressor, QuadraticNetworkRegressor):
            rows, told = [], []
            for split in range(splits):
                a, b, c, e = train_test_split(x, y, test_size=0.3, random_state=split)
                keep = a.std(axis=0) > 0
                a, b = a[:, keep], b[:, keep]
                started = time.perf_counter()
                model = kind().fit(a, c)
                mine = time.perf_counter() - started
                held = np.square(e - model.predict(b))
                # The held-out error has a standard error of its own, added to the interval's.
                estimate = model.test_error_estimate_
                reach = 1.6449 * np.hypot(estimate.standard_error, held.std() / np.sqrt(held.size))
                started = time.perf_counter()
                if split < 5 or kind is DiagonalNetworkRegressor:
                    other = cross_validated(model, a, b, c)
                    spent = time.perf_counter() - started
                    rival = np.square(e - other).mean()
                else:
                    spent = rival = np.nan
                rows.append(
                    (
                        held.mean() / y.var(),
                        estimate.value / held.mean(),
                        abs(estimate.value - held.mean()) <= reach,
                        rival / y.var(),
                        mine,
                        spent / mine,
                    )
                )
                told += [concern.name + ("!" if concern.serious else "") for concern in model.diagnosis_.concerns]
            table = np.array(rows, dtype=float)
            words = ", ".join(f"{word} {told.count(word)}" for word in dict.fromkeys(told))
            print(
                f"{name:>14}{model.network:>11}{table[:, 0].mean():>8.3f}{table[:, 1].mean():>10.3f}"
                f"{table[:, 1].std() / np.sqrt(splits):>7.3f}{table[:, 2].mean():>7.2f}{np.nanmean(table[:, 3]):>9.3f}"
                f"{np.median(table[:, 4]):>7.2f}s{np.nanmedian(table[:, 5]):>13.1f}  {words or 'nothing'}",
                flush=True,
            )
    print(
        "told: how many of the splits each concern was raised in; ! marks those that put the estimate itself in doubt."
    )


def cross_validated(model, inputs, held, labels):
    """Held-out predictions after ten-fold cross-validation: scikit-learn's LassoCV, or the same quadratic solver."""
    if model.network == "diagonal":
        rival = make_pipeline(StandardScaler(), LassoCV(cv=10, max_iter=5000)).fit(inputs, labels)
        return rival.predict(held)
    seen, centre = model.transformer_.transform(inputs), labels.mean()
    chosen = cross_validate(seen, labels - centre, "quadratic", model.path_.weight_decay)
    fit = train((seen, labels - centre), network="quadratic", weight_decay=chosen, throw=False)
    return evaluate(fit, model.transformer_.transform(held)) + centre


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=["teacher", "forecast", "real", []], default=[])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--network", choices=["diagonal", "quadratic"], help="only this one of the teacher worlds")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", AssumptionWarning)
    warnings.filterwarnings("ignore", module="sklearn")
    WORLDS = [world for world in WORLDS if arguments.network in (None, world[0])]
    parts = arguments.parts or ["teacher", "forecast", "real"]
    if "teacher" in parts:
        teacher_worlds(arguments.seeds)
    if "forecast" in parts:
        forecasts(arguments.seeds)
    if "real" in parts:
        real(arguments.seeds)
