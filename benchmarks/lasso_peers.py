"""The LASSO solver against its peers over draws; `solvers.py` runs this and says how."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from shallows import PowerLaw, Problem
from shallows.operators import DiagonalOperator
from shallows.phases import phase_of
from shallows.training import sample, train
from shallows.training.certificates import lasso_certificate

GAP = 1e-6
# n, d, gamma, Delta, lam: next to interpolation and the peak, then a grid over all phases.
CASES = [
    (400, 4000, 1.0, 0.5, 1 / 4000),
    (4000, 4000, 1.0, 0.5, 0.01),
    (10, 2000, 1.0, 0.5, 0.005),  # next to Ia, which no whole number of samples reaches
    (1000, 2000, 1.0, 0.5, 40.0),  # Ib
    (300, 2000, 1.0, 500.0, 1.0),  # II
    (300, 2000, 1.0, 0.5, 1.0),
    (1000, 2000, 1.0, 0.5, 1.0),
    (1000, 2000, 1.0, 0.5, 5.0),
    (4000, 2000, 1.0, 0.5, 5.0),
    (8000, 1000, 1.0, 0.5, 10.0),
    (20000, 200, 0.7, 0.1, 15.0),  # III
    (300, 2000, 1.0, 0.5, 0.1),  # V
    (1000, 2000, 1.0, 0.5, 0.1),
    (1500, 2500, 0.75, 0.1, 0.5),
    (2000, 2000, 1.0, 0.5, 0.1),  # peak
    (2000, 2000, 1.0, 0.5, 1.0),
    (4000, 2000, 1.0, 0.5, 0.5),  # VIa
    (8000, 1000, 1.0, 0.5, 0.1),
    (8000, 1000, 1.0, 0.5, 1.0),
    (4000, 1500, 1.5, 0.1, 0.2),
    (20000, 200, 0.7, 0.1, 1.0),  # VIb
]
QUICK = [2, 4, 5, 11]
#: A run is repeated so often, or until so many seconds have gone, and the median counts.
REPEAT, SPEND = 5, 0.2
COLUMNS = ("n", "d", "gamma", "Delta", "lam", "order", "threads", "seed", "solver", "seconds", "gap", "active", "work")


def own_process_peers(limit):
    """For each peer that runs here, what fits at a penalty ``a`` on ``1/(2n) ||y - X theta||^2`` and a tolerance."""
    from celer import Lasso as Celer
    from skglm import Lasso as Skglm
    from sklearn.linear_model import Lasso

    def epochs(size):  # about what fits into the time limit, at a nanosecond a number
        return int(limit / (1e-9 * size))

    return {
        "scikit-learn": lambda a, tol, size: Lasso(alpha=a, fit_intercept=False, tol=tol, max_iter=epochs(size)),
        "celer": lambda a, tol, size: Celer(alpha=a, fit_intercept=False, tol=tol, max_iter=50, max_epochs=10000),
        # its tolerance is on the violation of the optimality conditions, in units of the penalty
        "skglm": lambda a, tol, size: Skglm(
            alpha=a, fit_intercept=False, tol=100 * tol * a, max_iter=50, max_epochs=10000
        ),
    }


def timed(f):
    """Median seconds of `f` and its result."""
    result, times, spent = None, [], 0.0
    while not times or (spent < SPEND and len(times) < REPEAT):
        began = time.perf_counter()
        result = f()
        times.append(time.perf_counter() - began)
        spent += times[-1]
    return statistics.median(times), result


class Adelie:
    """The peer in another interpreter."""

    def __init__(self, python, threads):
        worker = Path(__file__).with_name("_adelie_worker.py")
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [python, str(worker), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.version = self._answer()["version"]
        self.draws = 0

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("error: --adelie: the interpreter given does not run adelie (see the help)")
        return json.loads(line)

    def load(self, x, y):
        self.draws += 1
        self.data = str(Path(self.folder.name) / f"draw{self.draws % 2}-{self.draws}")
        for old in Path(self.folder.name).glob("*.npy"):
            old.unlink()
        self.copies = [False] if x.flags.f_contiguous else [False, True]
        np.save(self.data + ".x.npy", x)
        np.save(self.data + ".y.npy", y)

    def fit(self, penalty, tolerance, repeat):
        """Seconds and weights; from C order as it is and by a copy, whichever is faster."""
        task = {"data": self.data, "penalty": penalty, "tolerance": tolerance, "repeat": repeat, "spend": SPEND}
        seconds = []
        for copy in self.copies if repeat > 1 else self.copies[:1]:
            self.process.stdin.write(json.dumps({**task, "copy": copy}) + "\n")
            self.process.stdin.flush()
            seconds.append(statistics.median(self._answer()["seconds"]))
        return min(seconds), np.load(self.data + ".w.npy")

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.folder.cleanup()


def time_peer(fit, gap_of, tolerance, limit):
    """Seconds of a peer at the largest tolerance on the way down that meets the gap, and the gap it ended with.

    One that never meets it counts with its last, unfinished run: a lower bound of its time.
    """
    spent = 0.0
    while True:
        seconds, weights = fit(tolerance, 1)
        spent += seconds
        gap = gap_of(weights)
        if gap <= GAP or spent > limit:
            break
        tolerance *= min(0.3, max(0.03, GAP / gap))
    if gap <= GAP and seconds < SPEND:
        seconds, _ = fit(tolerance, REPEAT)
    return seconds, gap


def measure(case, order, seed, peers, adelie, limit):
    """One draw: for each solver its seconds, gap, active weights and work."""
    n, d, gamma, noise, lam = case
    x, y = sample(Problem("diagonal", PowerLaw(d, gamma), n, noise), seed)
    x, labels, bound = np.array(x, order=order), y.copy(), lam * np.sqrt(d)

    def ours():
        return train((x, labels), network="diagonal", weight_decay=lam, tolerance=GAP, throw=False)

    ours()  # touches the memory all will use
    seconds, fit = timed(ours)
    stages = ("amp_iterations", "newton_steps", "interior_steps", "path_steps")
    work = "/".join(str(fit.details[name]) for name in stages)
    yield "ours", seconds, fit.gap, int(np.count_nonzero(fit.weights)), work
    operator = DiagonalOperator(x)

    def gap_of(weights):
        return lasso_certificate(operator, y, weights, bound).gap

    for name, make in peers.items():

        def fit_here(tolerance, repeat, make=make):
            if repeat == 1:
                began = time.perf_counter()
                model = make(bound / n, tolerance, x.size).fit(x, labels)
                return time.perf_counter() - began, model.coef_
            seconds, model = timed(lambda: make(bound / n, tolerance, x.size).fit(x, labels))
            return seconds, model.coef_

        # two of them stop on a gap relative to ||y||^2: what is asked, in their units
        start = GAP if name == "skglm" else GAP * 2 * fit.objective / float(y @ y)
        yield name, *time_peer(fit_here, gap_of, start, limit), "", ""
    if adelie is not None:
        adelie.load(x, labels)
        yield "adelie", *time_peer(lambda t, repeat: adelie.fit(bound / n, t, repeat), gap_of, 1e-7, limit), "", ""


def key(case, order, threads, seed):
    return (*(f"{v:g}" for v in case), order, str(threads), str(seed))


def read(path):
    """Rows measured before, in a file of another run."""
    if path is None or not Path(path).exists():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def summary(rows, case, order, threads):
    """One line of the table: of each solver the median and the worst of its draws."""
    wanted = key(case, order, threads, 0)[:-1]
    rows = [r for r in rows if tuple(r[c] for c in COLUMNS[:7]) == wanted]
    if not rows:
        return None
    draws, cells, medians = {}, [], {}
    for row in rows:
        draws.setdefault(row["solver"], []).append((float(row["seconds"]), float(row["gap"])))
    for name in ("ours", "celer", "skglm", "scikit-learn", "adelie"):
        if name not in draws:
            cells.append("-")
            continue
        seconds, missed = [s for s, _ in draws[name]], sum(g > GAP for _, g in draws[name])
        medians[name] = statistics.median(seconds), missed
        short = f" ({missed} short)" if missed else ""
        cells.append(f"{medians[name][0]:.4f} {max(seconds):.4f}{short}")
    ours = medians.pop("ours")[0]
    best = min(medians, key=lambda name: medians[name][0]) if medians else None
    ratio = "-" if best is None else f"{'>' if medians[best][1] else ''}{medians[best][0] / ours:.2f} {best}"
    active = sorted(int(r["active"]) for r in rows if r["solver"] == "ours")
    work = [r["work"] for r in rows if r["solver"] == "ours"][-1]
    n, d, gamma, noise, lam = case
    phase = phase_of(Problem("diagonal", PowerLaw(d, gamma), n, noise), lam).name
    head = (
        n,
        d,
        f"{gamma:g}",
        f"{noise:g}",
        f"{lam:g}",
        phase,
        order,
        len(draws["ours"]),
        active[len(active) // 2],
        work,
    )
    return (
        " ".join(f"{v!s:>{w}}" for v, w in zip(head, (6, 5, 5, 5, 8, 5, 5, 5, 6, 12), strict=True))
        + " "
        + " ".join(f"{c:>23}" for c in (*cells, ratio))
    )


def lasso(options):
    """Measure what is missing, then print the table."""
    chosen = QUICK if options.quick else range(len(CASES))
    chosen = chosen if options.cases is None else options.cases
    rows, began = read(options.save), time.perf_counter()
    done = {tuple(r[c] for c in COLUMNS[:8]) for r in rows}
    peers = own_process_peers(options.limit)
    if options.peers is not None:
        peers = {name: peers[name] for name in options.peers.split(",")}
    adelie = None if options.adelie is None else Adelie(options.adelie, options.threads)
    warm = np.asfortranarray(np.random.default_rng(0).standard_normal((40, 50)))
    for make in peers.values():
        make(0.05, 1e-4, warm.size).fit(warm, warm[:, 0].copy())
    train((warm, warm[:, 0]), network="diagonal", weight_decay=0.5)
    with contextlib.ExitStack() as stack:
        writer = None
        if options.save is not None:
            file = stack.enter_context(open(options.save, "a", newline=""))
            writer = csv.writer(file)
            if not rows:
                writer.writerow(COLUMNS)
        if adelie is not None:
            stack.callback(adelie.close)
        for case, order, seed in (
            (CASES[i], order, seed) for seed in range(options.draws) for i in chosen for order in options.orders
        ):
            which = key(case, order, options.threads, seed)
            if which in done:
                continue
            if options.seconds is not None and time.perf_counter() - began > options.seconds:
                print("time is up: the same command goes on where this one ended")
                break
            # a draw that is cut off is measured again as a whole
            for found in list(measure(case, order, seed, peers, adelie, options.limit)):
                row = (*which, found[0], f"{found[1]:.6f}", f"{found[2]:.3e}", *found[3:])
                rows.append(dict(zip(COLUMNS, (str(v) for v in row), strict=True)))
                if writer is not None:
                    writer.writerow(row)
                    file.flush()
    print(f"\nLASSO, relative gap {GAP:g}, {options.threads} thread(s); seconds, median and worst over draws")
    print(
        "ratio: median of the fastest peer over ours; work: AMP iterations, Newton, interior and path steps, last draw"
    )
    if adelie is None:
        print("adelie left out: --adelie names the interpreter of an environment that has it (see the help)")
    names = ("n", "d", "gamma", "Delta", "lam", "phase", "order", "draws", "active", "work")
    print(
        " ".join(f"{v:>{w}}" for v, w in zip(names, (6, 5, 5, 5, 8, 5, 5, 5, 6, 12), strict=True)),
        " ".join(f"{v:>23}" for v in ("ours", "celer", "skglm", "scikit-learn", "adelie", "ratio")),
    )
    for case in (CASES[i] for i in chosen):
        for order in options.orders:
            line = summary(rows, case, order, options.threads)
            if line is not None:
                print(line)
