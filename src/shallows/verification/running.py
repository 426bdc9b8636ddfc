"""Train on sampled data sets, one after the other, and keep what the comparison needs."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidArgument, MissingDependency, SolveFailed
from ..prediction import Prediction, predict
from .curve import LearningCurve, TrainedPoint, predicted_curve, training_sizes
from .measurements import Measurements, Run, Statistic, collect, learned_weights
from .result import Verification

if TYPE_CHECKING:
    from ..problems import Problem
    from ..training import Dataset, Fit

    Progress = Callable[[str, int, int], None]

#: What can train: the equivalent convex problem with a certificate, and the network itself.
TRAINERS = ("convex", "gradient")
#: Relative tolerances: a duality gap for the convex solver, see ``train_gradient`` for the other.
TOLERANCES = {"convex": 1e-6, "gradient": 1e-5}
#: Starts of gradient training where the problem is not convex; the lowest objective counts.
RESTARTS = 2
#: Data sets up to this many entries are trained on one thread: more do not help, and hurt on a busy machine.
ONE_THREAD = 10_000_000
#: At most one message per this many seconds from inside a training run.
REPORT_EVERY = 10.0
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
    progress: Progress | None = None,
) -> Verification:
    """Predict, train on `seeds` sampled data sets, and compare.

    Every data set has its own stream of random numbers, derived from `seed`: the same seed gives the same data, and
    more seeds add data sets to the same first ones. All trainers see the same data, of which one set is in memory at a
    time.

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
    _check_memory(problem, chosen)
    if not prediction.status.ok:
        result = Verification(prediction, {}, seeds, seed, None, tuple(notes), _provenance(0.0, {}))
        if throw:
            raise SolveFailed(f"{prediction.status.value}: {prediction.status.advice}", result)
        return result

    started = time.perf_counter()
    data_root, curve_root = np.random.SeedSequence(seed).spawn(2)
    sizes = training_sizes(problem) if learning_curve else []
    repeats = 2 if "convex" in chosen else 1
    steps = _Steps(progress, seeds * len(chosen) + (1 + repeats * len(sizes) if learning_curve else 0))

    runs = _measure(prediction, data_root, seeds, chosen, steps)
    measured: dict[str, Measurements] = {}
    for name in chosen:
        collected = collect(name, runs[name], prediction.noise_scale)
        if collected is None:
            raise SolveFailed(f"{name} training diverged on every data set: {runs[name][0].fit.status.advice}")
        measured[name] = collected
        notes += _convergence_notes(name, runs[name])
    curve = _curve(prediction, curve_root, sizes, repeats, chosen[0], steps) if learning_curve else None
    if curve is not None and curve.failures:
        notes.append(f"theory has no answer at {curve.failures} of {curve.samples.size} points of the learning curve")
    seconds = {name: sum(m.seconds) for name, m in measured.items()}
    provenance = _provenance(time.perf_counter() - started, seconds)
    return Verification(prediction, measured, seeds, seed, curve, tuple(notes), provenance)


class _Steps:
    """Counts steps and passes messages on."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done, self._last = progress, total, 0, time.monotonic()

    def say(self, message: str) -> None:
        self._last = time.monotonic()
        if self._progress is not None:
            self._progress(message, self._done, self._total)

    def inside(self, message: str) -> Callable[[int, float], None]:
        """A solver's own progress callback: speaks up now and then during long runs."""

        def report(iteration: int, objective: float) -> None:
            if time.monotonic() - self._last >= REPORT_EVERY:
                self.say(f"{message}, iteration {iteration}")

        return report

    def step(self, message: str) -> None:
        self._done += 1
        self.say(message)


def _measure(
    prediction: Prediction, root: np.random.SeedSequence, seeds: int, trainers: Sequence[str], steps: _Steps
) -> dict[str, list[Run]]:
    """Train every trainer on every data set; only one data set is alive at a time."""
    runs: dict[str, list[Run]] = {name: [] for name in trainers}
    for index, stream in enumerate(root.spawn(seeds)):
        dataset = _sample(prediction.problem, stream)
        for name in trainers:
            message = f"data set {index + 1} of {seeds}: {_LABELS[name]}"
            steps.say(message)
            fit = _train(dataset, prediction, name, stream, steps.inside(message))
            runs[name].append(Run(index, _light(fit), fit.excess_risk(dataset), learned_weights(fit, dataset)))
            steps.step(message)
        del dataset
    return runs


def _curve(
    prediction: Prediction,
    root: np.random.SeedSequence,
    sizes: Sequence[int],
    repeats: int,
    trainer: str,
    steps: _Steps,
) -> LearningCurve:
    steps.say("learning curve: theory")
    curve = predicted_curve(prediction, lambda _: None)
    steps.step("learning curve: theory")
    trained = []
    for size, size_root in zip(sizes, root.spawn(len(sizes)), strict=True):
        problem = replace(prediction.problem, samples=size)
        values = []
        for stream in size_root.spawn(repeats):
            message = f"learning curve: {_LABELS[trainer]} at n = {size}"
            steps.say(message)
            dataset = _sample(problem, stream)
            fit = _train(dataset, prediction, trainer, stream, steps.inside(message))
            if fit.status.ok:
                values.append(fit.excess_risk(dataset))
            del dataset
            steps.step(message)
        if values:
            trained.append(TrainedPoint(size, trainer, Statistic(tuple(values))))
    return replace(curve, trained=tuple(trained))


_LABELS = {"convex": "convex solver", "gradient": "gradient training"}


def _sample(problem: Problem, stream: np.random.SeedSequence) -> Dataset:
    from ..training import sample

    return sample(problem, stream)


def _train(
    dataset: Dataset,
    prediction: Prediction,
    trainer: str,
    stream: np.random.SeedSequence,
    progress: Callable[[int, float], None],
) -> Fit:
    """Train once; where the problem is not convex, from several starts, of which the best counts."""
    from ..training import train

    problem = prediction.problem
    restarts = 1 if _is_convex(problem) else RESTARTS
    starts = stream.generate_state(RESTARTS) if trainer == "gradient" else [0]
    with _threads(dataset.samples * dataset.dim):
        fits = [
            train(
                dataset,
                weight_decay=prediction.weight_decay,
                solver={"convex": "auto"}.get(trainer, trainer),
                tolerance=TOLERANCES[trainer],
                initial_seed=int(start),
                throw=False,
                progress=progress,
            )
            for start in starts[:restarts]
        ]
    finite = [fit for fit in fits if np.isfinite(fit.objective)]
    return min(finite or fits, key=lambda fit: fit.objective)


def _light(fit: Fit) -> Fit:
    """`fit` without the trained network's own weights."""
    return replace(fit, parameters=None)


@contextmanager
def _threads(entries: int) -> Iterator[None]:
    """One thread for the linear algebra of small data sets."""
    if entries > ONE_THREAD:
        yield
        return
    from threadpoolctl import threadpool_limits

    torch: Any = None
    if find_spec("torch") is not None:
        import torch
    threads = None if torch is None else torch.get_num_threads()
    try:
        if torch is not None:
            torch.set_num_threads(1)
        with threadpool_limits(1):
            yield
    finally:
        if torch is not None:
            torch.set_num_threads(threads)


def _is_convex(problem: Problem) -> bool:
    return problem.network == "diagonal" or problem.effective_width >= problem.dim


def _choose(trainers: Sequence[str], prediction: Prediction) -> tuple[list[str], list[str]]:
    """The trainers that can be used, in a fixed order, and notes about those that cannot."""
    allowed = 'must name at least one of "convex", "gradient"'
    names = [trainers] if isinstance(trainers, str) else list(trainers)
    if not names or any(name not in TRAINERS for name in names):
        raise InvalidArgument("trainers", trainers, allowed)
    problem, notes = prediction.problem, []
    chosen = [name for name in TRAINERS if name in names]
    if "convex" in chosen and not _is_convex(problem):
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
        notes.append(f"{_LABELS[name]} diverged on {len(diverged)} of {len(runs)} data sets, which are left out")
    if stopped:
        statuses = ", ".join(sorted({run.fit.status.value for run in stopped}))
        notes.append(
            f"{_LABELS[name]} stopped short of its tolerance on {len(stopped)} of {len(runs)} data sets ({statuses})"
        )
    return notes


def _check_integer(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise InvalidArgument(name, value, f"must be an integer >= {least}")
    return int(value)


def _check_memory(problem: Problem, trainers: Sequence[str]) -> None:
    """Refuse data sets that this machine cannot hold, before sampling one."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return
    d, p = problem.dim, problem.effective_width
    weights = 12 * d**2 + (45 * d * p if "gradient" in trainers else 0) if problem.network == "quadratic" else 100 * d
    needed = 8 * (1.5 * problem.samples * d + weights)
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

    from .. import __version__

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
