"""Networks trained in the background: each in a process of its own, which can be ended at any moment."""

from __future__ import annotations

import math
import multiprocessing
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import InvalidArgument, MissingDependency, ShallowsError
from ..prediction import predict
from ..verification.trainers import TRAINER_NAMES, choose_trainers

if TYPE_CHECKING:
    from ..problems import Problem

#: Largest training: numbers in the data set, and operations of one product with it.
MOST_NUMBERS, MOST_WORK = 2e7, 2e10
#: Networks in training at once, of one page and of all; results that are remembered.
PER_PAGE, AT_ONCE, MOST_KEPT = 1, 2, 200
#: Relative tolerances, and learned weights that are sent back.
TOLERANCE = {"convex": 1e-5, "gradient": 1e-5}
MOST_WEIGHTS = 400


def check_size(problem: Problem) -> None:
    """Refuse what is too large to be trained while somebody waits.

    Raises
    ------
    InvalidArgument

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.explore.jobs import check_size
    >>> check_size(Problem("quadratic", PowerLaw(400, 1.25), samples=10**6))
    Traceback (most recent call last):
    ...
    shallows.errors.InvalidArgument: samples: got 1000000; must be at most 50000 to train here at dim = 400
    """
    dim = problem.dim
    most = MOST_NUMBERS / dim
    per_sample = problem.architecture.product_cost(1, dim)
    most = min(most, MOST_WORK / per_sample)
    if problem.samples > most:
        raise InvalidArgument("samples", problem.samples, f"must be at most {int(most)} to train here at dim = {dim}")


def train_once(problem: Problem, weight_decay: float, seed: int, progress: Any = None) -> dict[str, Any]:
    """Sample a data set, train on it, and say what came out.

    Parameters
    ----------
    problem : Problem
    weight_decay : float
    seed : int
    progress : callable, optional
        Told what is being done and how much of it is behind, from 0 to 1.

    Returns
    -------
    dict
        ``ok`` tells whether the minimum was reached; there are no numbers where it was not.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.explore.jobs import train_once
    >>> found = train_once(Problem("diagonal", PowerLaw(50, 1.0), samples=200, noise=0.5), 1.0, seed=0)
    >>> found["ok"], round(found["excess_risk"], 2)
    (True, 0.1)
    """
    from ..training import sample, train

    check_size(problem)
    say = progress or (lambda *_: None)
    prediction = predict(problem, weight_decay=weight_decay, throw=False)
    trainer = choose_trainers(TRAINER_NAMES, prediction)[0][0]
    say("drawing a data set", 0.0)
    data = sample(problem, seed)
    goal = TOLERANCE[trainer]

    def follow(iteration: int, distance: float) -> None:
        share = math.log(max(distance, goal)) / math.log(goal) if 0 < distance < 1 else 0.0
        say(f"training, iteration {iteration}", share)

    say("training", 0.0)
    solver = {"convex": "auto"}.get(trainer, trainer)
    fit = train(data, weight_decay=weight_decay, solver=solver, tolerance=goal, throw=False, progress=follow)
    out: dict[str, Any] = {
        "ok": fit.status.ok,
        "status": fit.status.value.replace("_", " "),
        "advice": fit.status.advice,
        "seed": seed,
        "samples": problem.samples,
        "weight_decay": weight_decay,
        "trainer": {"convex": "certified solver", "gradient": "gradient training"}[trainer],
        "seconds": fit.seconds,
    }
    if not fit.status.ok:
        return out
    learned = problem.architecture.spectrum(data.whitened(fit.weights))
    return out | {
        "excess_risk": fit.excess_risk(data),
        "train_error": fit.train_error,
        "features": problem.architecture.features(fit.weights),
        "weights": [float(value) for value in learned[:MOST_WEIGHTS] if value > 1e-9 * learned[0]],
    }


def _work(connection: Any, problem: Problem, weight_decay: float, seed: int) -> None:
    """In the process: train, and send what happens."""
    from threadpoolctl import threadpool_limits

    try:
        with threadpool_limits(1):
            result = train_once(problem, weight_decay, seed, lambda *news: connection.send(("progress", news)))
        connection.send(("done", result))
    except (InvalidArgument, MissingDependency, ShallowsError, MemoryError) as error:
        connection.send(("failed", str(error) or type(error).__name__))
    except (BrokenPipeError, KeyboardInterrupt):  # the page's server is gone
        pass


@dataclass
class Training:
    """One network in training.

    Attributes
    ----------
    page : str
        Which page asked for it.
    state : str
        ``running``, ``done``, ``failed`` or ``cancelled``.
    message : str
    share : float
        How much is behind, from 0 to 1.
    result : dict or None
    """

    page: str
    state: str = "running"
    message: str = "starting"
    share: float = 0.0
    result: dict[str, Any] | None = None
    process: Any = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {name: getattr(self, name) for name in ("state", "message", "share", "result")}


class Trainings:
    """The networks that a server trains: a few at once, each in its own process.

    Examples
    --------
    >>> from shallows.explore.jobs import Trainings
    >>> Trainings().find("nothing")
    Traceback (most recent call last):
    ...
    shallows.errors.InvalidArgument: training: got 'nothing'; is not known here
    """

    def __init__(self) -> None:
        self._all: OrderedDict[str, Training] = OrderedDict()
        self._lock = threading.Lock()

    def start(self, page: str, problem: Problem, weight_decay: float, seed: int) -> str:
        """Train in the background and return a name to ask for it.

        Raises
        ------
        InvalidArgument
            If the problem is too large, cannot be trained, or too much is in training.
        """
        check_size(problem)
        choose_trainers(TRAINER_NAMES, predict(problem, weight_decay=weight_decay, throw=False))
        with self._lock:
            running = [item for item in self._all.values() if item.state == "running"]
            if sum(item.page == page for item in running) >= PER_PAGE or len(running) >= AT_ONCE:
                raise InvalidArgument("train", f"{len(running)} in training", "wait for it to end, or cancel it")
            name, job = secrets.token_hex(8), Training(page)
            context = multiprocessing.get_context("spawn")
            receiver, sender = context.Pipe(duplex=False)
            job.process = context.Process(target=_work, args=(sender, problem, weight_decay, seed), daemon=True)
            job.process.start()
            sender.close()
            self._all[name] = job
            while len(self._all) > MOST_KEPT and next(iter(self._all.values())).state != "running":
                self._all.popitem(last=False)
        threading.Thread(target=self._follow, args=(job, receiver), daemon=True).start()
        return name

    def _follow(self, job: Training, receiver: Any) -> None:
        """Take the process's messages until it ends."""
        kind: str
        news: Any
        try:
            while True:
                kind, news = receiver.recv()
                if kind != "progress":
                    break
                job.message, job.share = news
        except (EOFError, OSError):
            kind, news = "failed", "the process that trained ended without a word (memory?)"
        job.process.join()
        with self._lock:
            if job.state != "running":
                return
            job.share = 1.0
            if kind == "done":
                job.message, job.result = "trained", news
            else:
                job.message = str(news)
            job.state = kind

    def find(self, name: str) -> Training:
        """The training of this name."""
        found = self._all.get(name)
        if found is None:
            raise InvalidArgument("training", name[:40], "is not known here")
        return found

    def cancel(self, name: str) -> Training:
        """End it; one that has ended stays as it is."""
        job = self.find(name)
        with self._lock:
            if job.state == "running":
                job.state, job.message = "cancelled", "cancelled"
                job.process.terminate()
        return job

    def close(self) -> None:
        """End all."""
        for name in list(self._all):
            self.cancel(name)
