"""Signatures: how often they fire for nothing, how often on what departs from theory, and how far off fits are then.

    ./run bench signatures [--clean 100] [--repeats 4] [--draw 3] [--auto 0.1] [--write] [--out FILE]

Clean data: `--clean` data sets of each network over power laws, noises, sizes and weight decays (half, once and twice
the best one, or, for the share `--auto`, the one that the estimator chooses), so over all phases; drawn by `--draw`
(1 and 2 were used for tuning). Departures: those of the atlas (`shallows.robustness`) and some of this file, in up to
three strengths each. A fit is the estimator's, columns standardised. For each signature: the share of data sets on
which it fires. For the fits on which it fires, and for those on which nothing does: median and ninth decile of
``|estimated / true - 1|`` of the test error and of the excess risk. `--write` puts that beside
:mod:`shallows.inference.signatures.expected`, as the table that fits cite.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np

from shallows import PowerLaw, Problem, optimal_weight_decay, sample
from shallows.errors import ShallowsError
from shallows.estimators import REGRESSORS
from shallows.inference import look_for_signatures, signatures
from shallows.inference.concern import RISK
from shallows.inference.estimate import reach
from shallows.operators import operator_for

NETWORKS = ("diagonal", "quadratic")
GAMMAS, NOISES, DECAYS = (0.75, 1.0, 1.25, 1.5, 2.0), (0.1, 0.5, 1.0), (0.5, 1.0, 2.0)
TEST_ROWS = 4000
#: Seconds of processor time for one data set, after which it is left out by name.
PATIENCE = 10


@dataclass
class Case:
    """A data set with what is true of it."""

    network: str
    name: str
    strength: str
    inputs: np.ndarray
    labels: np.ndarray
    decay: float | str
    truth: Callable[[np.ndarray], np.ndarray]
    fresh: Callable[[np.random.Generator, int], np.ndarray]
    noise: float
    clean: bool = False


def problem_of(network: str, rng: np.random.Generator) -> tuple[Problem, float]:
    """A problem that meets the assumptions, and what its best weight decay is to be multiplied by."""
    gamma, noise, times = (float(rng.choice(values)) for values in (GAMMAS, NOISES, DECAYS))
    if network == "diagonal":
        dim = int(rng.choice([50, 100, 200]))
        samples = int(np.clip(dim * rng.choice([0.5, 1, 2, 5]), 60, 600))
    else:
        dim = int(rng.choice([20, 30, 40]))
        samples = int(min(dim * rng.choice([15, 35, 60]), 1500))
    return Problem(network, PowerLaw(dim, gamma), samples=samples, noise=noise), times


def clean_case(network: str, rng: np.random.Generator, auto: float) -> Case:
    problem, times = problem_of(network, rng)
    decay = "auto" if rng.random() < auto else optimal_weight_decay(problem).weight_decay * times
    data = sample(problem, seed=int(rng.integers(2**31)))
    dim, weights = problem.dim, data.weights
    return Case(
        network,
        "as assumed",
        "",
        data.inputs,
        data.labels,
        decay,
        lambda inputs: operator_for(network, inputs).output(weights),
        lambda generator, rows: generator.standard_normal((rows, dim)),
        problem.noise,
        clean=True,
    )


def tailed(rng, shape, freedom):
    return rng.standard_t(freedom, shape) * np.sqrt((freedom - 2) / freedom)


def own_departures() -> dict[str, tuple[tuple[float, ...], Callable]]:
    """Departures of one strength each: how inputs, labels without noise and noise are changed."""

    def inputs(change):
        return {"inputs": change}

    def labels(change):
        return {"labels": change}

    def noise(change):
        return {"noise": change}

    def common(s):
        return inputs(lambda x, rng: np.sqrt(1 - s) * x + np.sqrt(s) * rng.standard_normal((x.shape[0], 1)))

    def chain(s):
        def mixed(x, rng):
            out = x.copy()
            for k in range(1, x.shape[1]):
                out[:, k] = s * out[:, k - 1] + np.sqrt(1 - s**2) * x[:, k]
            return out

        return inputs(mixed)

    return {
        "common factor": ((0.05, 0.2, 0.5), common),
        "neighbours correlated": ((0.2, 0.5, 0.8), chain),
        "heavy-tailed columns": ((8.0, 5.0, 3.0), lambda s: inputs(lambda x, rng: tailed(rng, x.shape, s))),
        "binary columns": ((0.5, 0.1), lambda s: inputs(lambda x, rng: (rng.random(x.shape) < s).astype(float))),
        "uneven rows": (
            (0.2, 0.4, 0.8),
            lambda s: inputs(lambda x, rng: x * np.exp(s * rng.standard_normal((x.shape[0], 1)) - s**2)),
        ),
        "heavy-tailed noise": ((8.0, 4.0, 2.5), lambda s: noise(lambda e, f, x, rng: tailed(rng, e.shape, s))),
        "noise grows with the label": (
            (0.5, 1.0, 2.0),
            lambda s: noise(lambda e, f, x, rng: e * (np.abs(f) / max(float(np.std(f)), 1e-12)) ** s),
        ),
        "noise grows with the row": (
            (1.0, 3.0),
            lambda s: noise(lambda e, f, x, rng: e * (np.square(x).sum(1) / np.square(x).sum(1).mean()) ** (s / 2)),
        ),
        "labels bent": ((0.3, 0.6, 1.2), lambda s: labels(lambda f, x: f + s * f**2 / max(np.std(f), 1e-12))),
        "labels saturate": ((0.5, 1.0, 2.0), lambda s: labels(lambda f, x: np.tanh(s * f / np.std(f)) * np.std(f) / s)),
        "linear part": ((0.3, 0.6, 1.0), lambda s: labels(lambda f, x: f + s * np.std(f) * x[:, :3].sum(1) / 1.73)),
        "quadratic part": (
            (0.3, 0.6, 1.0),
            lambda s: labels(lambda f, x: f + s * np.std(f) * (np.square(x[:, :3]).sum(1) - 3) / np.sqrt(6)),
        ),
        "products": (
            (0.3, 0.6, 1.0),
            lambda s: labels(lambda f, x: f + s * np.std(f) * (x[:, 0] * x[:, 1] - x[:, 2] * x[:, 3]) / 1.41),
        ),
    }


def own_case(network: str, name: str, strength: float, make: Callable, rng: np.random.Generator, auto: float) -> Case:
    problem, times = problem_of(network, rng)
    decay = "auto" if rng.random() < auto else optimal_weight_decay(problem).weight_decay * times
    data = sample(problem, seed=int(rng.integers(2**31)))
    change = make(strength)
    shape_inputs = change.get("inputs", lambda x, rng: x)
    shape_labels = change.get("labels", lambda f, x: f)
    shape_noise = change.get("noise", lambda e, f, x, rng: e)

    def fresh(generator, rows):
        return shape_inputs(generator.standard_normal((rows, problem.dim)), generator)

    def truth(inputs):
        return shape_labels(operator_for(network, inputs).output(data.weights), inputs)

    inputs = fresh(rng, problem.samples)
    signal = truth(inputs)
    unit = shape_noise(rng.standard_normal(problem.samples), signal, inputs, rng)
    probe = fresh(np.random.default_rng(0), TEST_ROWS)
    about = truth(probe)
    size = shape_noise(np.random.default_rng(1).standard_normal(TEST_ROWS), about, probe, np.random.default_rng(2))
    # The noise's variance on new samples, exact for tails by its law, else measured.
    variance = float(np.square(size).mean()) if "noise" in change and name != "heavy-tailed noise" else 1.0
    labels = signal + np.sqrt(problem.noise) * unit
    return Case(network, name, f"{strength:g}", inputs, labels, decay, truth, fresh, problem.noise * variance)


def atlas_cases(repeats: int, draw: int) -> list[Callable[[], Case | None]]:
    """Departures of the atlas whose students are the networks of the theory; none where there is no atlas."""
    try:
        from shallows.robustness import departures
    except ImportError:
        return []
    found = []
    for departure in departures():
        if departure.student is not None or departure.family in ("real data", "loss"):
            continue
        for phase in departure.phases:
            for repeat in range(repeats):
                found.append(lambda one=departure, at=phase, k=repeat: atlas_case(one, at, 100 * draw + k))
    return found


def atlas_case(departure, phase, seed: int) -> Case | None:
    drawn = departure.draw(phase, seed)
    network = drawn.problem.network
    if network not in NETWORKS or drawn.rescaled:
        return None
    decay = drawn.weight_decay
    if decay is None:
        decay = optimal_weight_decay(drawn.problem).weight_decay
    inputs, labels = drawn.inputs, drawn.labels
    # What labels have beyond the truth is noise; its mean square on the rows at hand stands for it.
    noise = float(np.square(labels - drawn.truth(inputs)).mean())
    clean = departure.family == "none"
    noise = drawn.problem.noise if clean else noise
    return Case(network, departure.name, phase.name, inputs, labels, decay, drawn.truth, drawn.fresh, noise, clean)


@dataclass
class Outcome:
    case: Case
    p_values: dict[str, float]
    tests: list[str]
    facts: list[str]
    test_miss: float | None
    risk_miss: float | None
    within: bool | None
    seconds: float

    def to_dict(self) -> dict:
        about = {name: getattr(self.case, name) for name in ("network", "name", "strength", "decay", "noise", "clean")}
        about |= {"samples": int(self.case.labels.size), "dim": int(self.case.inputs.shape[1])}
        own = {
            name: getattr(self, name) for name in ("p_values", "tests", "facts", "test_miss", "risk_miss", "seconds")
        }
        return about | own | {"within": None if self.within is None else bool(self.within)}


def look(case: Case) -> Outcome | None:
    """Fit, look, and compare with the truth on new rows."""
    model = REGRESSORS.of(case.network)(weight_decay=case.decay)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model.fit(case.inputs, case.labels)
        except ShallowsError:
            return None
    found = model.inference_
    if found is None:
        return None
    inputs = model._transformed(case.inputs)
    started = time.perf_counter()
    p_values = look_for_signatures(inputs, case.labels - case.labels.mean(), found) if case.clean else {}
    seconds = time.perf_counter() - started
    concerns = model.diagnosis_.concerns
    probe = case.fresh(np.random.default_rng(7), TEST_ROWS)
    risk = float(np.square(model.predict(probe) - case.truth(probe)).mean())
    test_miss = risk_miss = within = None
    if model.test_error_estimate_ is not None:
        ratio = found.test_error.value / (case.noise + risk)
        test_miss = abs(ratio - 1)
        n_eff = found.effective_samples
        allowed = found.architecture.size_allowance(n_eff) + reach(0.95) * found.relative_error
        within = test_miss <= allowed
        if model.diagnosis_.against(RISK) is None and risk > 0:
            risk_miss = abs(found.excess_risk.value / risk - 1)
    tests = [concern.name for concern in concerns if concern.p_value is not None]
    facts = [concern.name for concern in concerns if concern.p_value is None]
    return Outcome(case, p_values, tests, facts, test_miss, risk_miss, within, seconds)


def report_clean(outcomes: list[Outcome]) -> None:
    for network in NETWORKS:
        own = [one for one in outcomes if one.case.clean and one.case.network == network]
        if not own:
            continue
        fired = [one for one in own if one.tests]
        seconds = np.mean([one.seconds for one in own])
        print(f"\n{network}: {len(fired)} of {len(own)} clean data sets raise an alarm; {seconds:.2f} s each")
        for one in fired:
            print("   ", one.tests, one.case.inputs.shape, f"noise {one.case.noise:g}")
        print(f"{'p-values':22} below 0.05   0.01   0.001   smallest")
        for name in own[0].p_values:
            p = np.array([one.p_values[name] for one in own if name in one.p_values])
            shares = "  ".join(f"{np.mean(p < level):6.3f}" for level in (0.05, 0.01, 0.001))
            print(f"{name:22}     {shares}   {p.min():.1e}")


def report_power(outcomes: list[Outcome]) -> None:
    groups = defaultdict(list)
    for one in outcomes:
        if not one.case.clean:
            groups[one.case.network, one.case.name, one.case.strength].append(one)
    print("\nPower: share of data sets on which anything fires, and what does in at least a third")
    for (network, name, strength), own in groups.items():
        counts = defaultdict(int)
        for one in own:
            for test in one.tests:
                counts[test] += 1
        often = ", ".join(f"{test} {count / len(own):.2f}" for test, count in counts.items() if count >= len(own) / 3)
        any_fired = np.mean([bool(one.tests) for one in own])
        misses = [one.test_miss for one in own if one.test_miss is not None]
        miss = f"{np.median(misses):.2f}" if misses else "-"
        print(f"{network:10} {name:34} {strength:14} {len(own):3}  {any_fired:.2f}  miss {miss}  {often}")


def table_rows(outcomes: list[Outcome]) -> list[str]:
    rows = ["network,signature,data_sets,test_median,test_ninety,risk_median,risk_ninety,fewest_rows,most_rows"]
    for network in NETWORKS:
        own = [one for one in outcomes if one.case.network == network]
        names = dict.fromkeys(name for one in own for name in (*one.tests, *one.facts))
        for name in ("none", *names):
            if name == "none":
                chosen = [one for one in own if not one.tests and not one.facts]
            else:
                chosen = [one for one in own if name in one.tests or name in one.facts]
            tests = [one.test_miss for one in chosen if one.test_miss is not None]
            risks = [one.risk_miss for one in chosen if one.risk_miss is not None]
            if not tests:
                continue
            numbers = [f"{np.median(tests):.3g}", f"{np.quantile(tests, 0.9):.3g}"]
            enough = len(risks) >= signatures.expected.FEWEST
            numbers += [f"{np.median(risks):.3g}", f"{np.quantile(risks, 0.9):.3g}"] if enough else ["", ""]
            sizes = [one.case.labels.size for one in chosen if one.test_miss is not None]
            rows.append(",".join([network, name, str(len(tests)), *numbers, str(min(sizes)), str(max(sizes))]))
    return rows


def report_quiet(outcomes: list[Outcome]) -> None:
    print("\nWhere nothing fires: share of fits whose test error is within the allowance for finite size and chance")
    for network in NETWORKS:
        for words, kept in (("clean", [True]), ("departures", [False]), ("all", [True, False])):
            own = [
                one.within
                for one in outcomes
                if one.case.network == network and one.case.clean in kept and one.within is not None
                if not one.tests and not one.facts
            ]
            if own:
                print(f"{network:10} {words:12} {np.mean(own):.3f} of {len(own)}")


def out_of_patience(*_) -> None:
    raise TimeoutError(f"took more than {PATIENCE} s of processor time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clean", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--draw", type=int, default=3)
    parser.add_argument("--auto", type=float, default=0.1)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--out", type=Path, help="a line for each data set, as they are done")
    options = parser.parse_args()
    clean: list[Callable[[], Case | None]] = []
    makers: list[Callable[[], Case | None]] = []
    for place, network in enumerate(NETWORKS):
        for k in range(options.clean):
            rng = np.random.default_rng([options.draw, place, k])
            clean.append(lambda network=network, rng=rng: clean_case(network, rng, options.auto))
        for kind, (name, (strengths, make)) in enumerate(own_departures().items()):
            for strength in strengths:
                for k in range(options.repeats):
                    rng = np.random.default_rng([options.draw, place, kind + 1, int(100 * strength), k])
                    settings = (network, name, strength, make, rng, options.auto)
                    makers.append(lambda settings=settings: own_case(*settings))
    makers += atlas_cases(max(options.repeats // 4, 1), options.draw)
    np.random.default_rng(0).shuffle(makers)  # so that what is there of an unfinished run is of all kinds
    makers = clean + makers
    signal.signal(signal.SIGVTALRM, out_of_patience)
    outcomes = []
    for count, make in enumerate(makers):
        case = None
        signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE)
        try:
            case = make()
            found = None if case is None else look(case)
        except (ShallowsError, TimeoutError) as error:
            print(f"left out: {'' if case is None else (case.network, case.name)} {error}", file=sys.stderr)
            continue
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        if found is not None:
            outcomes.append(found)
            if options.out is not None:
                with options.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(found.to_dict()) + "\n")
        if count % 100 == 99:
            print(f"{count + 1} of {len(makers)}", file=sys.stderr, flush=True)
    report_clean(outcomes)
    report_power(outcomes)
    report_quiet(outcomes)
    rows = table_rows(outcomes)
    print("\n" + "\n".join(rows))
    if options.write:
        home = Path(signatures.__file__).parent / signatures.expected.TABLE
        head = "# |estimated / true - 1| on data on which a signature showed: ./run bench signatures --write\n"
        home.write_text(head + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
