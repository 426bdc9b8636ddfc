"""The pages about training over time, and about compute-optimal runs."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

from .._numbers import number
from ..problem_rows import training_rows
from .drawn import write_figures
from .dynamics_figures import film_figure, frontier_figure, isoflop_figure, risk_figure
from .html import render_page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

    from ..dynamics import ComputeOptimal, Dynamics

#: Lines of a table on a page.
LINES = 20


def write_dynamics_report(found: Dynamics, folder: Path, content: dict[str, Any] | None = None) -> Path:
    """Write ``report.html``, its figures as PNG and SVG, ``dynamics.json`` and ``dynamics.csv`` into `folder`.

    Parameters
    ----------
    found : Dynamics
    folder : Path
        Which exists.
    content : dict, optional
        What is written of it; its own dictionary by default.

    Returns
    -------
    Path
        Of the page, which needs nothing beside it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from shallows import PowerLaw, Problem, predict_dynamics
    >>> from shallows.report import write_dynamics_report
    >>> problem = Problem("diagonal", PowerLaw(30, 1.0), samples=1, noise=0.5)
    >>> found = predict_dynamics(problem, [10, 30, 100, 300], init_scale=0.01)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = write_dynamics_report(found, Path(folder))
    ...     page.name, "over time</title>" in page.read_text(encoding="utf-8")
    ('report.html', True)
    """
    told = found.to_dict() if content is None else content
    columns = ["time", "steps", "excess_risk", "sgd_excess_risk", "test_error", "loss", "learned_modes"]
    columns = [name for name in columns if told[name] is not None]
    _write_data(folder, "dynamics", told, {name: told[name] for name in columns})
    wanted: list[tuple[str, str, Callable[[float], Figure], str]] = []
    if (found.times > 0).sum() > 1:
        marks = "Vertical lines: when each of the first modes is half learned, from the strongest on."
        wanted.append(("risk", "Risk over time", lambda width: risk_figure(found, width), marks))
        strip = "Each panel is one time. A mode is learned when the line has reached the teacher's."
        wanted.append(("spectrum", "What is learned, time by time", lambda width: film_figure(found, width), strip))
    problem = found.problem
    return _write_page(
        folder,
        title=f"{problem.architecture.title}, d = {problem.dim}: training over time",
        verdict=_dynamics_verdict(found),
        settings=training_rows(told),
        head=[name.replace("_", " ") for name in columns],
        rows=[[number(told[name][i]) for name in columns] for i in _lines(len(told["time"]))],
        caption="Means over initial weights; time is learning rate times steps",
        figures=write_figures(wanted, folder),
    )


def write_frontier_report(found: ComputeOptimal, folder: Path) -> Path:
    """Write ``report.html``, its figures, ``compute_optimal.json`` and ``compute_optimal.csv`` into `folder`.

    Parameters
    ----------
    found : ComputeOptimal
    folder : Path
        Which exists.

    Returns
    -------
    Path
        Of the page, which needs nothing beside it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from shallows import PowerLaw, Problem, compute_optimal
    >>> from shallows.report import write_frontier_report
    >>> found = compute_optimal(Problem("diagonal", PowerLaw(100, 1.0), samples=1, noise=0.5), [1e6, 1e7, 1e8])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_frontier_report(found, Path(folder)).name
    'report.html'
    """
    told = found.to_dict()
    problem, has_width = found.problem, found.problem.architecture.has_width
    columns = ["budget", *(["width"] if has_width else []), "samples", "steps", "batch", "learning_rate", "excess_risk"]
    _write_data(folder, "compute_optimal", told, {name: told[name] for name in columns})
    wanted: list[tuple[str, str, Callable[[float], Figure], str]] = []
    if found.budgets.size > 1:
        text = "One pass of SGD; samples, steps and width of the best run."
        wanted.append(("frontier", "The frontier", lambda width: frontier_figure(found, width), text))
    if has_width:
        text = "One curve for each budget: what other widths come to, each at its best learning rate. Dots: the best."
        wanted.append(("isoflop", "The same compute at other widths", lambda width: isoflop_figure(found, width), text))
    return _write_page(
        folder,
        title=f"{problem.architecture.title}, d = {problem.dim}: compute-optimal training",
        verdict=_frontier_verdict(found),
        settings=training_rows(
            {**problem.to_dict(), "init_scale": found.init_scale, "schedule": found.schedule}, chosen=("width",)
        ),
        head=["multiply-adds", *(name.replace("_", " ") for name in columns[1:])],
        rows=[[number(told[name][i]) for name in columns] for i in _lines(found.budgets.size)],
        caption=f"Best runs, {found.schedule} learning rate; the batch is the largest that costs no samples",
        figures=write_figures(wanted, folder),
    )


def _dynamics_verdict(found: Dynamics) -> str:
    first = found.times.argmin()
    last = found.times.argmax()
    text = (
        f"The excess risk goes from {number(found.excess_risk[first], 3)} at time {number(found.times[first], 3)} to "
        f"{number(found.excess_risk[last], 3)} at {number(found.times[last], 3)}, where about "
        f"{found.learned_modes[last]:.0f} modes are learned; with unlimited time it would end at "
        f"{number(found.final_risk, 3)}."
    )
    if found.sgd is not None and found.limits is not None:
        assert found.sgd_excess_risk is not None
        text += (
            f" That is the flow's; SGD at this rate and batch has {number(found.sgd_excess_risk[last], 3)} at the last "
            f"time and stays above {number(found.limits.floor(found.sgd.learning_rate), 3)}; rates "
            f"from {number(found.limits.largest_rate, 3)} on are not stable."
        )
    return text


def _frontier_verdict(found: ComputeOptimal) -> str:
    text = f"From {number(found.budgets[0], 3)} to {number(found.budgets[-1], 3)} multiply-adds the best excess risk "
    text += f"falls from {number(found.excess_risk[0], 3)} to {number(found.excess_risk[-1], 3)}."
    miss = found.extrapolation()
    if miss is not None:
        ratio = miss["extrapolated_risk"] / miss["excess_risk"]
        text += f" A power law fitted to the smaller half of the budgets would say {number(ratio, 3)} times the last."
    return text


def _lines(count: int) -> Sequence[int]:
    return range(count) if count <= LINES else sorted({round(i * (count - 1) / (LINES - 1)) for i in range(LINES)})


def _write_data(folder: Path, name: str, content: dict[str, Any], columns: dict[str, list[float]]) -> None:
    text = json.dumps(content, indent=1, allow_nan=False)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def _write_page(folder: Path, **content: Any) -> Path:
    page = folder / "report.html"
    page.write_text(render_page("table_report.html.j2", **content), encoding="utf-8")
    return page
