"""Train on sampled data sets, here or in worker processes, and keep what the comparison needs."""

from __future__ import annotations

import math
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import check_instance, check_integer, check_number
from .._system import MEMORY_SHARE, physical_memory
from .._version import __version__
from ..errors import InvalidArgument, SolveFailed
from ..prediction import Prediction, predict
from ..problems import Problem
from ..sweeps import run_calls
from ..sweeps.backends import check_workers
from .curve import TrainedPoint, predicted_curve, training_sizes
from .jobs import ONE_THREAD, TOLERANCES, Job, label_of, run_job
from .measurements import Measurements, Run, Statistic, collect
from .result import Verification
from .trainers import TRAINER_NAMES, choose_trainers, convergence_notes

if TYPE_CHECKING:
    Progress = Callable[[str, int, int], None]


def verify(
    problem: Problem,
    *,
    weight_decay: float | None = None,
    penalty: float | None = None,
    seeds: int = 4,
    seed: int = 0,
    trainers: Sequence[str] = TRAINER_NAMES,
    init_scales: Sequence[float] = (1.0,),
    learning_curve: bool = True,
    throw: bool = True,
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
        a positive weight decay. Of several, those that cannot be used are left out with a note. Deep networks, whose
        problems are not convex, are trained by message passing and from many starts in place of ``"convex"``.
    init_scales : sequence of float
        Gradient training is done from initial weights of each of these scales, over those whose outputs have about
        the size of the labels: where it ends depends on them if the problem is not convex.
    learning_curve : bool
        Whether to predict the excess risk over the number of samples too, and to train a few networks along it, with
        the weight decay held fixed.
    throw : bool
        Whether a failed prediction raises (default) or is returned with its status; nothing is trained either way.
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
        If the prediction failed, unless `throw` is false: carries the :class:`Verification` with its status and no
        measurements. If every run of a trainer diverged.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, verify
    >>> problem = Problem("diagonal", PowerLaw(dim=40, gamma=1.0), samples=80, noise=0.3)
    >>> found = verify(problem, weight_decay=0.5, seeds=4, trainers=["convex"], learning_curve=False)
    >>> found.agrees
    True
    """
    check_instance("problem", problem, Problem)
    seeds, seed = check_integer("seeds", seeds), check_integer("seed", seed, minimum=0)
    problem.design.check_samples(problem.samples)
    prediction = predict(problem, weight_decay=weight_decay, penalty=penalty, throw=False)
    chosen, notes = choose_trainers(trainers, prediction, _checked_scales(init_scales))
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
    curve = predicted_curve(prediction) if learning_curve else None
    sizes = training_sizes(problem, curve) if learning_curve else []
    repeats = 1 if chosen[0].startswith("gradient") else 2
    jobs = _curve_jobs(prediction, curve_root, sizes, repeats, chosen[0])
    if curve is not None and progress is not None:
        progress("learning curve: theory", 1, 1 + len(jobs) + seeds * len(chosen))
        progress = _one_done(progress)
    processes = 0 if problem.samples * problem.dim > ONE_THREAD else workers  # large data: all threads to one run
    runs, curve_runs = _train_all(prediction, data_root, seeds, chosen, jobs, processes, progress)
    measured = _collect_all(runs, prediction.noise_scale)
    notes += [note for name in chosen for note in convergence_notes(name, runs[name])]
    if curve is not None:
        curve = replace(curve, trained=_trained_points(jobs, curve_runs))
        if curve.failures:
            total = curve.samples.size
            notes.append(f"theory has no answer at {curve.failures} of {total} points of the learning curve")
    seconds = {name: sum(m.seconds) for name, m in measured.items()}
    provenance = _provenance(time.perf_counter() - started, seconds)
    told = next((run.signatures for own in runs.values() for run in own if run.signatures is not None), None)
    return Verification(prediction, measured, seeds, seed, curve, tuple(notes), provenance, told)


def _says_something(problem: Problem) -> bool:
    """Whether a fit to white inputs can be read: theory has been told of a covariance, the signatures have not."""
    from ..inference.error_and_noise import READERS

    return problem.design.is_white and problem.is_convex and READERS.has(problem.network)


def _checked_scales(init_scales: Sequence[float]) -> list[float]:
    """The scales in decreasing order, each once."""
    given = [init_scales] if isinstance(init_scales, (int, float)) else list(init_scales)
    if not given:
        raise InvalidArgument("init_scales", init_scales, "must have at least one number > 0")
    return sorted({check_number("init_scales", scale, strict=True) for scale in given}, reverse=True)


def _collect_all(runs: Mapping[str, list[Run]], noise_scale: float) -> dict[str, Measurements]:
    """What each trainer measured."""
    measured: dict[str, Measurements] = {}
    for name, own in runs.items():
        collected = collect(name, own, noise_scale)
        if collected is None:
            raise SolveFailed(f"{name} training diverged on every data set: {own[0].fit.status.advice}")
        measured[name] = collected
    return measured


def _one_done(progress: Progress) -> Progress:
    """The same progress with one step behind it, that of theory's learning curve."""
    return lambda message, done, total: progress(message, done + 1, total + 1)


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
        Job(
            prediction,
            index,
            streams[index],
            name,
            f"data set {index + 1} of {seeds}: {label_of(name)}",
            read=index == 0 and name == trainers[-1] and _says_something(prediction.problem),
        )
        for index in range(seeds)
        for name in trainers
    ]
    jobs += curve
    total = len(jobs)

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
        label = f"learning curve: {label_of(trainer)} at n = {size}"
        jobs += [Job(there, index, stream, trainer, label) for index, stream in enumerate(size_root.spawn(repeats))]
    return jobs


def _trained_points(jobs: Sequence[Job], runs: Sequence[Run]) -> tuple[TrainedPoint, ...]:
    risks: dict[int, list[float]] = {}
    for job, run in zip(jobs, runs, strict=True):
        if run.fit.status.ok:
            risks.setdefault(int(job.prediction.problem.samples), []).append(run.excess_risk)
    return tuple(TrainedPoint(size, jobs[0].trainer, Statistic(tuple(found))) for size, found in risks.items())


def _check_memory(problem: Problem, trainers: Sequence[str], workers: int) -> None:
    """Refuse data sets that this machine cannot hold, before sampling one."""
    total = physical_memory()
    if total is None:
        return
    d = problem.dim
    gradient = any(name.startswith("gradient") for name in trainers)
    weights = problem.architecture.training_numbers(d, problem.width, gradient)
    at_once = 1 if problem.samples * d > ONE_THREAD else workers
    inputs = math.prod(problem.architecture.input_shape(int(problem.samples), d))
    needed = 8 * (1.5 * inputs + weights) * at_once
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
