"""One training run on one sampled data set, in whichever process it happens."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from .measurements import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..inference import Diagnosis
    from ..prediction import Prediction
    from ..problems import Problem
    from ..training import Dataset, Fit

    Progress = Callable[[str, int, int], None]

#: Relative tolerances: a duality gap for the convex solver, see ``train_gradient`` for gradient training.
TOLERANCES = {"convex": 1e-6, "amp": 1e-6, "starts": 1e-6, "gradient": 1e-5}
#: Starts of gradient training where the problem is not convex; the lowest objective counts.
RESTARTS = 2
#: Data sets up to this many entries are trained on one thread: more do not help, and hurt on a busy machine.
ONE_THREAD = 10_000_000
#: At most one message per this many seconds from inside a training run.
REPORT_EVERY = 10.0

LABELS = {
    "convex": "convex solver",
    "amp": "message passing",
    "starts": "the best of many starts",
    "gradient": "gradient training",
}
#: How each of them is asked for.
_SOLVERS = {"convex": "auto", "amp": "amp", "starts": "auto", "gradient": "gradient"}


def label_of(trainer: str) -> str:
    """A trainer in words; ``"gradient:0.1"`` trains from initial weights of that scale."""
    name, _, scale = trainer.partition(":")
    return f"{LABELS[name]} from {scale} times the usual weights" if scale else LABELS[name]


@dataclass(frozen=True, eq=False)
class Job:
    """What to train on: the problem of `prediction`, sampled with `stream`.

    Attributes
    ----------
    prediction : Prediction
    index : int
        Which data set.
    stream : SeedSequence
        Of the data and of the initialisation.
    trainer : str
        See ``LABELS``; gradient training may have a scale of its initial weights, ``"gradient:0.1"``.
    label : str
        For progress messages.
    read : bool
        Whether to look for signatures of departures in the fit.
    """

    prediction: Prediction
    index: int
    stream: np.random.SeedSequence
    trainer: str
    label: str
    read: bool = False


def run_job(job: Job, progress: Progress | None = None, done: int = 0, total: int = 0) -> Run:
    """Sample, train, measure."""
    dataset = _sample(job.prediction.problem, job.stream)
    last = time.monotonic()

    def speak(iteration: int, _: float) -> None:
        nonlocal last
        if progress is not None and time.monotonic() - last >= REPORT_EVERY:
            last = time.monotonic()
            progress(f"{job.label}, iteration {iteration}", done, total)

    if progress is not None:
        progress(job.label, done, total)
    fit = _train(dataset, job.prediction, job.trainer, job.stream, speak)
    learned, truth = dataset.whitened(fit.weights), dataset.whitened(dataset.weights)
    weights = job.prediction.problem.architecture.aligned(learned, truth)
    found = _read(dataset, fit) if job.read else None
    run = Run(job.index, _light(fit), fit.excess_risk(dataset), weights, found)
    if progress is not None:
        progress(job.label, done + 1, total)
    return run


def _read(dataset: Dataset, fit: Fit) -> Diagnosis | None:
    """What the fit shows of departures from theory; None where it says nothing, such as by interpolating."""
    from ..errors import EstimateUndefined, InvalidArgument
    from ..inference import check_assumptions, infer

    try:
        return check_assumptions(dataset.inputs, dataset.labels, infer(dataset, fit))
    except (EstimateUndefined, InvalidArgument):
        return None


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

    name, _, scale = trainer.partition(":")
    restarts = RESTARTS if prediction.problem.is_narrow else 1
    starts = stream.generate_state(RESTARTS) if name == "gradient" else [0]
    with _threads(dataset.samples * dataset.dim, in_torch=name == "gradient"):
        fits = [
            train(
                dataset,
                weight_decay=prediction.weight_decay,
                solver=_SOLVERS[name],
                tolerance=TOLERANCES[name],
                initial_seed=int(start),
                init_scale=float(scale or 1),
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
def _threads(entries: int, in_torch: bool) -> Iterator[None]:
    """One thread for the linear algebra of small data sets; PyTorch, which loads slowly, is told if it works."""
    if entries > ONE_THREAD:
        yield
        return
    from threadpoolctl import threadpool_limits

    torch: Any = None
    if "torch" in sys.modules or (in_torch and find_spec("torch") is not None):
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
