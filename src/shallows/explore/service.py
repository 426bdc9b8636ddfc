"""What a page asks, answered: the same for the server and for a notebook."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import InvalidArgument, ShallowsError
from ..state_evolution import bayes_optimal
from . import answers
from .jobs import Trainings
from .loaded import Teachers, open_bytes
from .views import View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ..problems import Problem
    from ..state_evolution import BayesPoint

#: Diagrams and curves that are remembered.
MOST_REMEMBERED = 64


class Service:
    """Answers to pages: predictions at once, diagrams when nobody waits for a prediction, trainings in the background.

    Every answer is a dict for JSON. A page says who it is by a word of its own choice: of its diagrams only the last
    one asked for is computed to the end.

    Attributes
    ----------
    teachers : Teachers
    trainings : Trainings

    Examples
    --------
    >>> from shallows.explore.service import Service
    >>> service = Service()
    >>> found = service.answer("point", {"network": "diagonal", "dim": "50", "samples": "200"})
    >>> found["status"]["ok"], found["view"]["network"]
    (True, 'diagonal')
    """

    def __init__(self) -> None:
        self.teachers, self.trainings = Teachers(), Trainings()
        self._remembered: OrderedDict[Any, dict[str, Any]] = OrderedDict()
        self._latest: OrderedDict[str, object] = OrderedDict()
        self._bayes: tuple[View, BayesPoint] | None = None
        self._waiting = 0
        self._change = threading.Condition()
        self._one_diagram = threading.Lock()

    def answer(self, what: str, given: Mapping[str, str], page: str = "") -> dict[str, Any]:
        """Answer ``point``, ``diagram`` or ``train`` about a view; ``training`` or ``cancel`` about a training.

        A diagram that the page has no use for any more is ``superseded``.

        Raises
        ------
        InvalidArgument
            For anything unusable.
        """
        if what in ("training", "cancel"):
            job = getattr(self.trainings, "find" if what == "training" else "cancel")(given.get("job", ""))
            return dict(job.to_dict())
        own = {name: value for name, value in given.items() if name not in ("grid", "seed")}
        view = View.parse(own)
        ask: Callable[..., dict[str, Any]] | None = getattr(self, f"_{what}", None)
        if what not in ("point", "diagram", "train") or ask is None:
            raise InvalidArgument("question", what[:40], "must be point, diagram, train, training or cancel")
        return ask(view, given, page)

    def load(self, name: str, content: bytes) -> dict[str, Any]:
        """Take a file of a spectrum, or a ``fit.json``, and say where it stands."""
        return open_bytes(name, content, self.teachers).to_dict()

    def warm(self, view: View) -> None:
        """Load kernels and compute what the first page will ask for."""
        with suppress(ShallowsError):
            given = dict(pair.split("=") for pair in view.query().split("&"))
            self.answer("point", given)
            self.answer("diagram", given | {"grid": "rough"})

    def close(self) -> None:
        """End what runs in the background."""
        self.trainings.close()

    def _point(self, view: View, _: Mapping[str, str], __: str) -> dict[str, Any]:
        problem = view.problem(self.teachers)
        with self._first():
            key = ("curve", view.everywhere(), view.weight_decay)
            curve = self._remember(key, lambda: answers.curve(problem, view.weight_decay))
            found = answers.point(problem, view.weight_decay, lambda: self._best(view, problem))
        lines = {"python": view.python(), "shell": view.shell()}
        teacher = problem.teacher.describe()
        return found | {"view": vars(view), "query": view.query(), "lines": lines, "curve": curve, "teacher": teacher}

    def _best(self, view: View, problem: Problem) -> BayesPoint:
        """The Bayes-optimal point: the last one, where only the weight decay has moved."""
        last, here = self._bayes, replace(view, weight_decay=0.0)
        if last is None or last[0] != here:
            last = self._bayes = (here, bayes_optimal(problem, throw=False))
        return last[1]

    def _diagram(self, view: View, given: Mapping[str, str], page: str) -> dict[str, Any]:
        grid = given.get("grid", "fine")
        if grid not in answers.GRIDS:
            raise InvalidArgument("grid", grid[:40], f"must be {' or '.join(answers.GRIDS)}")
        problem, everywhere = view.problem(self.teachers), view.everywhere()
        ticket = object()
        self._latest[page] = ticket
        while len(self._latest) > 1000:
            self._latest.popitem(last=False)

        def step(*_: int) -> None:
            with self._change:
                self._change.wait_for(lambda: self._waiting == 0, timeout=0.5)
            if self._latest.get(page) is not ticket:
                raise InterruptedError("the page has moved on")

        try:
            with self._one_diagram:
                step()
                return self._remember(("diagram", everywhere, grid), lambda: answers.diagram(problem, grid, step))
        except InterruptedError:
            return {"superseded": True}

    def _train(self, view: View, given: Mapping[str, str], page: str) -> dict[str, Any]:
        text = given.get("seed", "0")
        if not (text.isascii() and text.isdigit()) or len(text) > 9:
            raise InvalidArgument("seed", text[:40], "must be an integer from 0 to 999999999")
        problem = view.problem(self.teachers)
        return {"job": self.trainings.start(page, problem, view.weight_decay, int(text))}

    @contextmanager
    def _first(self) -> Iterator[None]:
        """Diagrams pause meanwhile."""
        with self._change:
            self._waiting += 1
        try:
            yield
        finally:
            with self._change:
                self._waiting -= 1
                self._change.notify_all()

    def _remember(self, key: Any, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        found = self._remembered.get(key)
        if found is None:
            found = self._remembered[key] = compute()
            while len(self._remembered) > MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        return found
