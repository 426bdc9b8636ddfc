"""Train on sampled data sets, here or in worker processes, and keep what the comparison needs."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidArgument, MissingDependency, SolveFailed
from ..prediction import Prediction, predict
from ..sweeps import run_calls
from ..sweeps.backends import check_workers
from .curve import TrainedPoint, predicted_curve, training_sizes
from .jobs import LABELS, ONE_THREAD, RESTARTS, TOLERANCES, Job, is_convex, run_job
from .measurements import Measurements, Run, Statistic, collect
from .result import Verification

if TYPE_CHECKING:
    from ..problems import Problem

    Progress = Callable[[str, int, int], None]

#: What can train: the equivalent convex problem with a certificate, and the network itself.
TRAINERS = ("convex", "gradient")
#: Share of the machine's memory that may be planned for.
MEMORY_SHARE = 0.8


def verify(
    problem: Problem,
    *,
    weight_decay: float | None = None,
    penalty: float | None = None,
    seeds: int = 4,
    seed: int = 0,
    trainers: Sequence[str] = TRAINERS,
    learning_curve: bool = True,
    throw: bool = False,
    workers: int | None = 0,
    progress: Progress | None = None,
) -> Verification:
    """Predict, train on `seeds` sampled data sets, and compare.

    Every data set has its own stream of random numbers, derived from `seed`: the same seed gives the same data, and
    more seeds add data sets to the same first ones. All trainers see the same data, of which one set is in memory at a
    time in every process.

    Parameters
    ----------
    problem : Problem
        Its number of samples must be an integer.
    weight_decay, penalty : float
        Exactly one: ``lam``, or the reduced penalty ``pen`` of the quadratic network. 0 means the limit ``0+``.
    seeds : int
        Number of data sets.
    seed : int
        From which they derive.
    trainers : sequence of {"convex", "gradient"}
        ``"convex"``: the equivalent convex problem, to a certified relative duality gap of 1e-6; not for widths
        below `dim`. ``"gradient"``: L-BFGS on the network's own weights from a random initialisation; needs PyTorch and
        a positive weight decay. Of several, those that cannot be used are left out with a note.
    learning_curve : bool
        Whether to predict the excess risk over the number of samples too, and to train a few networks along it, with
        the weight decay held fixed.
    throw : bool
        Whether a failed prediction raises; by default it is returned with its status, and nothing is trained.
    workers : int, optional
        Processes that train at once, as for :func:`shallows.sweeps.run`: 0 (default) trains in this one, None uses all
        cores. The numbers are the same. Scripts that start processes need the usual ``if __name__ == "__main__":``.
    progress : callable, optional
        Called with a message, the number of steps done and their total.

    Returns
    -------
    Verification

    Raises
    ------
    InvalidArgument
        For unusable arguments, and for problems whose data do not fit into memory.
    MissingDependency
        If only gradient training was asked for, without PyTorch.
    SolveFailed
        If every run of a trainer diverged; with ``throw=True``, if the prediction failed.
    """
    seeds, seed = _check_integer("seeds", seeds, 1), _check_integer("seed", seed, 0)
    prediction = predict(problem, weight_decay=weight_decay, penalty=penalty, throw=False)
    chosen, notes = _choose(trainers, prediction)
    if problem.samples != int(problem.samples):
        raise InvalidArgument("samples", problem.samples, "data sets need an integer number of samples")
    _check_memory(problem, chosen, 1 if workers == 0 else check_workers(workers))
    if not prediction.status.ok:
        result = Verification(prediction, {}, seeds, seed, None, tuple(notes), _provenance(0.0, {}))
        if throw:
            raise SolveFailed(f"{prediction.status.value}: {prediction.status.advice}", result)
        return result

    started = time.perf_counter()
    data_root, curve_root = np.random.SeedSequence(seed).spawn(2)
    sizes = training_sizes(problem) if learning_curve else []
    repeats = 2 if "convex" in chosen else 1
    jobs = _curve_jobs(prediction, curve_root, sizes, repeats, chosen[0])
    processes = 0 if problem.samples * problem.dim > ONE_THREAD else workers  # large data: all threads to one run
    runs, curve_runs = _train_all(prediction, data_root, seeds, chosen, jobs, processes, progress)
    measured: dict[str, Measurements] = {}
    for name in chosen:
        collected = collect(name, runs[name], prediction.noise_scale)
        if collected is None:
            raise SolveFailed(f"{name} training diverged on every data set: {runs[name][0].fit.status.advice}")
        measured[name] = collected
        notes += _convergence_notes(name, runs[name])
    curve = None
    if learning_curve:
        trained = len(jobs) + seeds * len(chosen)
        if progress is not None:
            progress("learning curve: theory", trained, trained + 1)
        curve = replace(predicted_curve(prediction), trained=_trained_points(jobs, curve_runs))
        if progress is not None:
            progress("learning curve: theory", trained + 1, trained + 1)
    if curve is not None and curve.failures:
        notes.append(f"theory has no answer at {curve.failures} of {curve.samples.size} points of the learning curve")
    seconds = {name: sum(m.seconds) for name, m in measured.items()}
    provenance = _provenance(time.perf_counter() - started, seconds)
    return Verification(prediction, measured, seeds, seed, curve, tuple(notes), provenance)


def _train_all(
    prediction: Prediction,
    root: np.random.SeedSequence,
    seeds: int,
    trainers: Sequence[str],
    curve: Sequence[Job],
    workers: int | None,
    progress: Progress | None,
) -> tuple[dict[str, list[Run]], list[Run]]:
    """Every trainer on every data set, and the runs of the learning curve, wherever sweeps compute."""
    streams = root.spawn(seeds)
    jobs = [
        Job(prediction, index, streams[index], name, f"data set {index + 1} of {seeds}: {LABELS[name]}")
        for index in range(seeds)
        for name in trainers
    ]
    jobs += curve
    total = len(jobs) + bool(curve)  # and the theory of the curve

    def finished(done: int, _: int) -> None:
        if progress is not None:
            progress(f"trained {done} of {len(jobs)} networks", done, total)

    if workers == 0:  # one after the other, which lets a long run speak up on the way
        results = [run_job(job, progress, place, total) for place, job in enumerate(jobs)]
    else:
        if progress is not None:
            progress(f"training {len(jobs)} networks", 0, total)
        results = run_calls(run_job, jobs, workers=workers, progress=finished)
    count = seeds * len(trainers)
    runs: dict[str, list[Run]] = {name: [] for name in trainers}
    for job, run in zip(jobs[:count], results[:count], strict=True):
        runs[job.trainer].append(run)
    return runs, results[count:]


def _curve_jobs(
    prediction: Prediction, root: np.random.SeedSequence, sizes: Sequence[int], repeats: int, trainer: str
) -> list[Job]:
    jobs = []
    for size, size_root in zip(sizes, root.spawn(len(sizes)), strict=True):
        there = replace(prediction, problem=replace(prediction.problem, samples=size))
        label = f"learning curve: {LABELS[trainer]} at n = {size}"
        jobs += [Job(there, index, stream, trainer, label) for index, stream in enumerate(size_root.spawn(repeats))]
    return jobs


def _trained_points(jobs: Sequence[Job], runs: Sequence[Run]) -> tuple[TrainedPoint, ...]:
    risks: dict[int, list[float]] = {}
    for job, run in zip(jobs, runs, strict=True):
        if run.fit.status.ok:
            risks.setdefault(int(job.prediction.problem.samples), []).append(run.excess_risk)
    return tuple(TrainedPoint(size, jobs[0].trainer, Statistic(tuple(found))) for size, found in risks.items())


def _choose(trainers: Sequence[str], prediction: Prediction) -> tuple[list[str], list[str]]:
    """The trainers that can be used, in a fixed order, and notes about those that cannot."""
    allowed = 'must name at least one of "convex", "gradient"'
    names = [trainers] if isinstance(trainers, str) else list(trainers)
    if not names or any(name not in TRAINERS for name in names):
        raise InvalidArgument("trainers", trainers, allowed)
    problem, notes = prediction.problem, []
    chosen = [name for name in TRAINERS if name in names]
    if "convex" in chosen and not is_convex(problem):
        if "gradient" not in chosen:
            raise InvalidArgument(
                "trainers", trainers, f"a width below dim = {problem.dim} is not a convex problem: use gradient"
            )
        chosen.remove("convex")
        notes.append(
            f"width {problem.effective_width} is below dim {problem.dim}: the problem is not convex, so only gradient "
            f"training applies (the lower objective of {RESTARTS} starts; no certificate that it is the global minimum)"
        )
    if "gradient" in chosen and prediction.weight_decay == 0:
        if chosen == ["gradient"]:
            raise InvalidArgument(
                "weight_decay / penalty",
                0,
                "gradient training needs a value > 0; the limit 0+ is for the convex solver",
            )
        chosen.remove("gradient")
        notes.append("gradient training was left out: it needs a positive weight decay")
    if "gradient" in chosen and find_spec("torch") is None:
        if chosen == ["gradient"]:
            raise MissingDependency("gradient training needs PyTorch: pip install shallows[train]")
        chosen.remove("gradient")
        notes.append("gradient training was left out: PyTorch is not installed (pip install shallows[train])")
    return chosen, notes


def _convergence_notes(name: str, runs: Sequence[Run]) -> list[str]:
    notes = []
    diverged = [run for run in runs if not run.finite]
    stopped = [run for run in runs if run.finite and not run.fit.status.ok]
    if diverged:
        notes.append(f"{LABELS[name]} diverged on {len(diverged)} of {len(runs)} data sets, which are left out")
    if stopped:
        statuses = ", ".join(sorted({run.fit.status.value for run in stopped}))
        notes.append(
            f"{LABELS[name]} stopped short of its tolerance on {len(stopped)} of {len(runs)} data sets ({statuses})"
        )
    return notes


def _check_integer(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise InvalidArgument(name, value, f"must be an integer >= {least}")
    return int(value)


def _check_memory(problem: Problem, trainers: Sequence[str], workers: int) -> None:
    """Refuse data sets that this machine cannot hold, before sampling one."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return
    d, p = problem.dim, problem.effective_width
    weights = 12 * d**2 + (45 * d * p if "gradient" in trainers else 0) if problem.network == "quadratic" else 100 * d
    at_once = 1 if problem.samples * d > ONE_THREAD else workers
    needed = 8 * (1.5 * problem.samples * d + weights) * at_once
    if needed > MEMORY_SHARE * total:
        raise InvalidArgument(
            "samples",
            f"{problem.samples} samples in {d} dimensions",
            f"training needs about {needed / 2**30:.3g} GiB of the {total / 2**30:.3g} GiB here; "
            "use fewer samples or dimensions (prediction alone has no such limit)",
        )


def _provenance(total: float, seconds: dict[str, float]) -> dict[str, Any]:
    def installed(name: str) -> str | None:
        try:
            return version(name)
        except PackageNotFoundError:
            return None

    from .._version import __version__

    versions = {"shallows": __version__, "python": platform.python_version()}
    for name in ("numpy", "scipy", "torch"):
        found = installed(name)
        if found is not None:
            versions[name] = found
    return {
        "versions": versions,
        "seconds": {"total": total, **seconds},
        "tolerance": dict(TOLERANCES),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }
