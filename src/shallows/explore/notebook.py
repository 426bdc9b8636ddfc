"""The explorer in a notebook: the same page as a widget, answered by the notebook's own kernel."""

from __future__ import annotations

import json
import threading
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._arguments import check_instance, check_number
from .._system import replacing
from ..errors import InvalidArgument, MissingDependency, ShallowsError
from ..problems import Problem
from ..teachers import PowerLaw
from .page import DRAWING, drawing, part, saved_page, script, settings
from .service import Service
from .views import View

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

#: Draws the page in the place that the notebook gives it.
_RENDER = """
export default {
  async render({ model, el }) {
    const settings = model.get("settings");
    const explorer = new Explorer(el, new NotebookSource(settings, model), settings, {});
    await explorer.start(model.get("first"));
  },
};
"""


@lru_cache(maxsize=1)
def widget_script() -> str:
    """One JavaScript module with everything in it: BokehJS where the notebook has none yet, and the page."""
    codes = json.dumps([drawing(name) for name in DRAWING])
    load = (
        f"if (!globalThis.Bokeh?.Plotting) for (const code of {codes}) {{\n"
        '  const element = document.createElement("script");\n'
        "  element.textContent = code;\n  document.head.append(element);\n}\n"
    )
    return load + script() + _RENDER


class Explorer:
    """Predictions that follow sliders, in a notebook.

    The last line of a cell shows it. In a script, and for readers without Python, :meth:`save` writes a page.

    Parameters
    ----------
    problem : Problem, optional
        Where to start: isotropic inputs, or a covariance ``k^-a`` aligned with the teacher. Teachers that are no power
        laws are kept as their values.
    weight_decay : float
        ``lam``.

    Attributes
    ----------
    view : View
        The first view.

    Raises
    ------
    InvalidArgument
        For a problem that the explorer has no sliders for.
    MissingDependency
        When it is shown or saved without the extra ``explore``.

    Examples
    --------
    >>> from shallows import Explorer, PowerLaw, Problem
    >>> explorer = Explorer(Problem("diagonal", PowerLaw(200, 1.5), samples=1000, noise=0.2), weight_decay=0.5)
    >>> explorer.view.samples, explorer.view.gamma
    (1000, 1.5)
    """

    def __init__(self, problem: Problem | None = None, *, weight_decay: float = 0.1) -> None:
        self._service = Service()
        decay = check_number("weight_decay", weight_decay)
        if problem is None:
            self.view = View(weight_decay=decay)
            return
        check_instance("problem", problem, Problem)
        teacher = ""
        if not isinstance(problem.teacher, PowerLaw):
            teacher = self._service.teachers.keep(problem.teacher.values(problem.network))
        self.view = View.of(problem, decay, teacher)

    @cached_property
    def widget(self) -> Any:
        """The widget itself, an ``anywidget.AnyWidget``."""
        try:
            import anywidget
            import traitlets
        except ImportError as error:
            raise MissingDependency("the explorer needs anywidget: pip install 'shallows[explore]'") from error

        class ExplorerWidget(anywidget.AnyWidget):
            _esm = widget_script()
            _css = part("explorer.css")
            settings = traitlets.Dict().tag(sync=True)
            first = traitlets.Unicode().tag(sync=True)

        widget = ExplorerWidget(settings=json.loads(json.dumps(settings())), first=self.view.query())
        widget.on_msg(self._asked)
        return widget

    def _asked(self, widget: Any, question: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Answer in a thread: the kernel stays free for the next slider, and for the user."""
        threading.Thread(target=self._answer, args=(widget, question, buffers), daemon=True).start()

    def _answer(self, widget: Any, question: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        what, given = str(question.get("what")), question.get("given") or {}
        try:
            if what == "load":
                found = self._service.load(str(given.get("name", "")), bytes(buffers[0]) if buffers else b"")
            else:
                found = self._service.answer(what, given, str(question.get("page", "")))
        except InvalidArgument as error:
            widget.send({"id": question.get("id"), "error": f"{error.name}: got {error.value}; {error.allowed}"})
        except (ShallowsError, ArithmeticError, MemoryError) as error:
            widget.send({"id": question.get("id"), "error": str(error) or type(error).__name__})
        else:
            widget.send({"id": question.get("id"), "answer": found})

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.widget._repr_mimebundle_(**options)

    def __repr__(self) -> str:
        return f"Explorer({self.view.query()!r})"

    def save(self, path: str | os.PathLike[str]) -> str:
        """Write one file that opens offline, with predictions in a grid; takes a minute or several.

        Parameters
        ----------
        path : path
            Of the ``.html`` file; replaced if it exists.

        Returns
        -------
        str
            How far the page is from :func:`shallows.predict`, as the page itself says.

        Raises
        ------
        InvalidArgument
            For teachers that are no power laws.
        """
        from .grids import family_grid

        grid = family_grid(self.view, self.view.problem(self._service.teachers), lambda *_: None)
        with replacing(path) as partial:
            Path(partial).write_text(saved_page(self.view, grid), encoding="utf-8")
        return str(grid["statement"])
