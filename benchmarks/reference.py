"""Deviations from the runs published with arXiv 2606.28242 (quadratic networks of finite width).

Run: ./run bench reference FOLDER
FOLDER holds the published tables SE_*.csv and EXP_*.csv; they carry no licence and are not part of this project. Names
and columns say d, gamma, noise (the variance), n and rank (the width), and the reduced penalty: lregtilde is its value,
lregexp the exponent of d, lregref_0.1 stands for 0.05 sqrt(n/d^2). Prints predicted over published estimation error.
"""

from __future__ import annotations

import csv
import math
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shallows import PowerLaw, Problem, predict

NUMBER = r"-?[0-9]+(?:\.[0-9]*)?(?:e[+-]?[0-9]+)?"
SETTING = re.compile(rf"(?:^|_)(d|n|rank|gamma|noise|lregtilde|lregexp|lregref)_?({NUMBER})(?=_|$)", re.IGNORECASE)
#: Columns with the published error, and what else columns may be called.
ERRORS, ALIASES = ("mse", "mse_mean"), {"samples": "n", "width": "rank", "p": "rank", "dim": "d"}


class NotUnderstood(Exception):
    """A table that does not say what it holds; the message says what is missing."""


@dataclass(frozen=True)
class Point:
    """One published number with its setting."""

    d: int
    gamma: float
    noise: float
    n: float
    width: int
    penalty: float
    error: float


def points(path: Path) -> list[Point]:
    """What a table holds, its settings from the columns or, failing that, from the name."""
    named = {key.lower(): float(value) for key, value in SETTING.findall(path.stem)}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = list(csv.reader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise NotUnderstood(f"cannot be read: {error}") from error
    table = [row for row in table if any(cell.strip() for cell in row)]
    if len(table) < 2:
        raise NotUnderstood("holds no numbers")
    head = [ALIASES.get(cell.strip().lower(), cell.strip().lower()) for cell in table[0]]
    if not any(column in head for column in ERRORS):
        raise NotUnderstood(f"has no column {' or '.join(ERRORS)}; it has {', '.join(head)}")
    found = []
    for at, row in enumerate(table[1:], start=2):
        if len(row) != len(head):
            raise NotUnderstood(f"line {at} has {len(row)} cells, not {len(head)}")
        values = dict(named)
        for column, cell in zip(head, row, strict=True):
            if column in (*named, *ERRORS, "d", "n", "rank", "gamma", "noise") or column.startswith("lreg"):
                try:
                    values[column] = float(cell)
                except ValueError:
                    raise NotUnderstood(f"line {at}, column {column}: {cell!r} is no number") from None
        found.append(_point(values))
    return found


def _point(values: dict[str, float]) -> Point:
    missing = [key for key in ("d", "gamma", "noise", "n", "rank") if key not in values]
    if missing:
        raise NotUnderstood(f"says {' and '.join(missing)} neither in its name nor in a column")
    d, n = values["d"], values["n"]
    if "lregtilde" in values:
        penalty = values["lregtilde"]
    elif "lregexp" in values:
        penalty = d ** values["lregexp"]
    elif values.get("lregref") == 0.1:
        penalty = 0.05 * math.sqrt(n) / d
    else:
        raise NotUnderstood("says no penalty: lregtilde, lregexp or lregref_0.1, in its name or in a column")
    error = next(values[column] for column in ERRORS if column in values)
    if not (error > 0 and n >= 1 and values["rank"] >= 1 and d >= 2):
        raise NotUnderstood(
            f"holds an impossible row: d = {d:g}, n = {n:g}, rank = {values['rank']:g}, error {error:g}"
        )
    return Point(int(d), values["gamma"], values["noise"], n, int(values["rank"]), penalty, error)


def deviation(point: Point) -> float:
    """Predicted over published error, minus one; not a number where theory has no solution."""
    problem = Problem("quadratic", PowerLaw(point.d, point.gamma), point.n, point.noise, point.width)
    found = predict(problem, penalty=point.penalty, throw=False)
    return found.estimation_error / point.error - 1 if found.status.ok else math.nan


def groups(path: Path, held: list[Point]) -> list[tuple[str, list[int], float]]:
    """Rows shown together: label, their places, and the deviation that a right implementation stays within."""
    published, numbers = path.name.startswith("SE"), range(len(held))
    judged = all(p.d == 400 and p.gamma == 1.25 for p in held) and "lregexp" not in path.name
    if len({p.n for p in held}) == 1:
        wide = [i for i in numbers if held[i].width >= held[i].d]
        narrow = [i for i in numbers if held[i].width < held[i].d]
        return [(" p >= d", wide, 0.005 if judged and published else math.inf), (" p < d", narrow, math.inf)]
    if not judged or any(p.width < p.d for p in held):
        return [("", list(numbers), math.inf)]
    bounds = {8000: 0.005, 2400: 0.01, 0: math.inf} if published else {14000: 0.1, 0: math.inf}
    found, above = [], math.inf
    for fewest, bound in bounds.items():
        label = f" n >= {fewest}" if fewest else f" n < {above:.0f}"
        found.append((label, [i for i in numbers if fewest <= held[i].n < above], bound))
        above = fewest
    return found


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("usage: ./run bench reference FOLDER (with SE_*.csv and EXP_*.csv)", file=sys.stderr)
        return 2
    failed = unread = False
    print(f"{'published table':58s} {'points':>6s}  {'median':>8s}  {'worst':>8s}  at")
    for path in sorted(Path(arguments[0]).glob("*.csv")):
        try:
            held = points(path)
        except NotUnderstood as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            unread = True
            continue
        deviations = np.array([deviation(point) for point in held])
        for label, places, bound in groups(path, held):
            sizes = np.abs(deviations[places])
            if not np.isfinite(sizes).any():
                if places:
                    print(f"{path.stem[:44] + label:58s} {len(places):6d}  theory has no solution")
                continue
            worst = places[int(np.nanargmax(sizes))]
            failed |= not np.nanmax(sizes) <= bound or bool(np.isnan(sizes).any() and math.isfinite(bound))
            name = path.stem.replace("_gamma1.25_noise0.1", "").replace("_d400", "")[:44] + label
            where = f"n = {held[worst].n:.0f}, p = {held[worst].width}"
            print(f"{name:58s} {len(places):6d}  {np.nanmedian(sizes):8.2%}  {deviations[worst]:+8.2%}  {where}")
    verdict = "no" if failed else "yes"
    print(f"full width within 0.5 % (SE, n >= 8000), 1 % (SE, n >= 2400) and 10 % (trained, n >= 14000): {verdict}")
    return int(failed or unread)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
