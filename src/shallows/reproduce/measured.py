"""Trained points beside theory lines: computed through the sweep engine, compared within the finite-size allowance."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..plotting.smooth import ROUNDS, bent
from ..prediction import predict
from ..problems import Problem
from ..sweeps import Failure, PointRequest, run_points
from ..teachers import PowerLaw

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..sweeps.progress import Reporter

#: Numbers in a data set of the quick and of the full figures; points that need more are theory only.
MOST_ENTRIES = {"quick": 2_500_000, "full": 300_000_000}


@dataclass(frozen=True)
class Setting:
    """One abscissa of one line.

    Attributes
    ----------
    line : str
        Which line it belongs to.
    x : float
        Abscissa.
    settings : dict
        Problem and regularisation, keys as in a sweep file.
    """

    line: str
    x: float
    settings: dict[str, Any]

    def problem(self) -> Problem:
        """The problem."""
        s = self.settings
        return Problem(s["network"], PowerLaw(s["dim"], s["gamma"]), s["samples"], s["noise"], s.get("width"))

    def predicted(self) -> Any:
        """Its prediction; look at ``status``."""
        strength = {k: self.settings[k] for k in ("weight_decay", "penalty") if k in self.settings}
        return predict(self.problem(), **strength, throw=False)

    @property
    def entries(self) -> float:
        """Numbers in a data set."""
        return float(self.settings["samples"]) * float(self.settings["dim"])


@dataclass(frozen=True)
class Row:
    """A trained point: mean over data sets, its standard error, and the prediction.

    Attributes
    ----------
    setting : Setting
    mean, stderr : float
        Of the excess risk; the standard error is nan for a single data set.
    count, failed : int
        Data sets measured, and those that failed.
    predicted : float
        nan where theory has no solution.
    allowance : float or None
        Relative finite-size allowance of the theory; None where none is stated.
    values : tuple of float
    """

    setting: Setting
    mean: float
    stderr: float
    count: int
    failed: int
    predicted: float
    allowance: float | None
    values: tuple[float, ...] = field(repr=False)

    @property
    def deviation(self) -> float:
        """``(measured - predicted) / predicted``."""
        return self.mean / self.predicted - 1

    @property
    def within(self) -> bool | None:
        """Whether it lies within the allowance plus two standard errors; None where no allowance is stated."""
        if self.allowance is None or not math.isfinite(self.deviation):
            return None
        chance = 2 * self.stderr / self.predicted if math.isfinite(self.stderr) else 0.0
        return abs(self.deviation) <= self.allowance + chance


def measure(
    points: Sequence[Setting], seeds: int, store: Path, workers: int | None, reporter: Reporter | None
) -> list[Row]:
    """Train at every point, once per seed, taking from the store what is there already."""
    asked = [PointRequest(p.settings, "train", "auto", seed) for p in points for seed in range(seeds)]
    records = run_points(asked, store=store, workers=workers, throw=False, reporter=reporter) if asked else []
    rows = []
    for i, point in enumerate(points):
        mine = records[i * seeds : (i + 1) * seeds]
        good = [
            float(r["measured_excess_risk"])  # type: ignore[arg-type]
            for r in mine
            if not isinstance(r, Failure) and r["train_status"] == "converged"
        ]
        if not good:
            continue
        prediction = point.predicted()
        solved = prediction.status.ok
        values = np.array(good)
        error = float(values.std(ddof=1) / math.sqrt(values.size)) if values.size > 1 else math.nan
        rows.append(
            Row(
                point,
                float(values.mean()),
                error,
                values.size,
                seeds - values.size,
                prediction.excess_risk if solved else math.nan,
                prediction.allowance if solved else None,
                tuple(good),
            )
        )
    return rows


@dataclass(frozen=True)
class Line:
    """Theory along a line: abscissa and excess risk, nan where there is no solution."""

    name: str
    x: np.ndarray
    risk: np.ndarray


def between(first: Setting, second: Setting, x: float) -> Setting | None:
    """The setting at `x` on the line through two, its whole numbers rounded; None where that is one of the two.

    What differs is taken for a power of the abscissa, as samples, width and a penalty in `sqrt(n)` are.

    Examples
    --------
    >>> from shallows.reproduce.measured import Setting, between
    >>> between(Setting("", 2.0, {"samples": 200}), Setting("", 8.0, {"samples": 800}), 4.0)
    Setting(line='', x=4.0, settings={'samples': 400})
    """
    share = math.log(x / first.x) / math.log(second.x / first.x)
    settings = dict(first.settings)
    for key, value in first.settings.items():
        other = second.settings[key]
        if value != other:
            mixed = value * (other / value) ** share
            settings[key] = round(mixed) if isinstance(value, int) else float(f"{mixed:.12g}")
    counted = next(key for key in ("width", "samples") if first.settings.get(key) != second.settings.get(key))
    if settings[counted] in (first.settings[counted], second.settings[counted]):
        return None
    scale = first.x / first.settings[counted]
    return Setting(first.line, settings[counted] * scale, settings)


def theory(points: Sequence[Setting]) -> list[Line]:
    """Predicted risk along every line of `points`, in order of first appearance, finer where a line bends."""
    lines: dict[str, list[Setting]] = {}
    for point in points:
        lines.setdefault(point.line, []).append(point)
    return [_line(name, sorted(mine, key=lambda p: p.x)) for name, mine in lines.items()]


def _line(name: str, points: list[Setting]) -> Line:
    def risk(point: Setting) -> float:
        prediction = point.predicted()
        return float(prediction.excess_risk) if prediction.status.ok else math.nan

    known = {point.x: (point, risk(point)) for point in points}
    for _ in range(ROUNDS):
        places = np.array(sorted(known))
        found: list[Setting] = []
        for k in bent(places, np.array([known[x][1] for x in places.tolist()])).tolist():
            left, right = known[float(places[k])][0], known[float(places[k + 1])][0]
            middle = between(left, right, math.sqrt(left.x * right.x))
            if middle is not None and middle.x not in known:
                found.append(middle)
        if not found:
            break
        known |= {point.x: (point, risk(point)) for point in found}
    places = np.array(sorted(known))
    return Line(name, places, np.array([known[x][1] for x in places.tolist()]))


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Trained points as CSV."""
    keys = sorted({key for row in rows for key in row.setting.settings})
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*keys, "x", "measured", "stderr", "data_sets", "failed", "predicted", "within_allowance"])
        for row in rows:
            given = [row.setting.settings.get(key, "") for key in keys]
            within = "" if row.within is None else row.within
            writer.writerow([*given, row.setting.x, row.mean, row.stderr, row.count, row.failed, row.predicted, within])


def write_lines(path: Path, lines: Sequence[Line]) -> None:
    """Theory lines as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["line", "x", "predicted"])
        for line in lines:
            writer.writerows([line.name, x, risk] for x, risk in zip(line.x, line.risk, strict=True))


def agreement_sentences(rows: Sequence[Row], skipped: int, samples_name: str = "n_eff") -> str:
    """How the trained points compare with theory, with the numbers and the exceptions."""
    judged = [row for row in rows if row.within is not None]
    inside = [row for row in judged if row.within]
    outside = sorted((row for row in judged if not row.within), key=lambda row: -abs(row.deviation))
    small = [row for row in rows if row.within is None]
    quantitative = [row for row in judged if row.allowance is not None and row.allowance < 0.1]
    text = f"{len(rows)} trained points, each the mean of {max((r.count for r in rows), default=0)} data sets. "
    if judged:
        text += (
            f"{len(inside)} of the {len(judged)} points where theory states a finite-size allowance are within it "
            "(5 % diagonal, 3 to 10 % quadratic from n_eff = 30 on, 30 % below; narrow 3 % + 8/n_eff) "
            "plus two standard errors. "
        )
    if quantitative:
        median = float(np.median([abs(row.deviation) for row in quantitative]))
        text += f"From n_eff = 30 on the median deviation is {100 * median:.2g} %. "
    if outside:
        worst = "; ".join(
            f"{row.setting.line} at {samples_name} = {row.setting.x:.3g}: {100 * row.deviation:+.0f} %"
            for row in outside[:4]
        )
        text += f"Outside are {len(outside)}: {worst}{'; ...' if len(outside) > 4 else ''}. "
    if small:
        largest = max((abs(row.deviation) for row in small if math.isfinite(row.deviation)), default=math.nan)
        text += (
            f"At {len(small)} points theory states none (n_eff below 6, or narrow below 15 or near interpolation); the "
            f"largest deviation there is {100 * largest:.0f} %. "
        )
    failed = sum(row.failed for row in rows)
    if failed:
        text += f"{failed} trainings did not converge and are left out. "
    if skipped:
        text += f"{skipped} points are theory only: their data sets are too large for this scale. "
    return text
