"""A user's measured points on a phase diagram: where they lie, in which phase, and what theory predicts there."""

from __future__ import annotations

import csv
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import shown
from ..errors import InvalidArgument
from ..networks import network_named, network_names
from ..overlays import NAME, Columns, read_points
from ..phases import phase_at
from ..prediction import predict
from ..problems import Problem
from ..teachers import PowerLaw

if TYPE_CHECKING:
    from pathlib import Path

    import xarray

    from .._types import FloatArray

#: What a table of points on a phase diagram holds.
COLUMNS = Columns(("samples|effective_samples", "weight_decay"), ("excess_risk", "dim", "network"), text=("network",))


@dataclass(frozen=True)
class OwnPoints:
    """Points given, those inside the diagram first to last as given.

    Attributes
    ----------
    samples, effective_samples, weight_decay, dim : ndarray, shape (points,)
    excess_risk : ndarray or None
    phases : tuple of str
        The analytic phase of each.
    predicted : ndarray
        Excess risk of theory; nan where it has none.
    inside : ndarray of bool
        Within the axes of the diagram.
    """

    samples: FloatArray
    effective_samples: FloatArray
    weight_decay: FloatArray
    dim: FloatArray
    excess_risk: FloatArray | None
    phases: tuple[str, ...]
    predicted: FloatArray
    inside: Any

    @property
    def places(self) -> tuple[FloatArray, FloatArray]:
        """``nu`` and ``ell``, in the points' own dimensions."""
        return np.log(self.effective_samples) / np.log(self.dim), np.log(self.weight_decay) / np.log(self.dim)


def check_points(given: Any, network: str, dim: float) -> dict[str, Any] | None:
    """The columns of a table of points for a diagram of `network`, with ``dim`` and ``samples`` in each row.

    Raises
    ------
    InvalidArgument
        Named ``overlay``, as for :func:`place_points`.

    Examples
    --------
    >>> from shallows.scaling.own_points import check_points
    >>> check_points({"effective_samples": [2], "weight_decay": [1]}, "quadratic", 400)["samples"].tolist()
    [800.0]
    """
    table = read_points(given, COLUMNS)
    known = network_names()
    if "network" in table:
        for row, name in enumerate(table["network"].tolist()):
            if name not in known:
                allowed = f"must be {' or '.join(known)}"
                raise InvalidArgument(NAME, f"{shown(name)} in row {row + 1} of column network", allowed)
        kept = table["network"] == network
        if not kept.any():
            return None
        table = {name: column[kept] for name, column in table.items()}
    dims = table.setdefault("dim", np.full(table["weight_decay"].size, float(dim)))
    bad = dims[(dims < 2) | (dims != np.rint(dims))]
    if bad.size:
        raise InvalidArgument(NAME, f"{bad[0]:g} in column dim", "must be an integer >= 2")
    if "samples" not in table:
        units = np.array([network_named(network).samples_per_effective(float(d)) for d in dims])
        table["samples"] = table["effective_samples"] * units
    if (table["samples"] < 1).any():
        raise InvalidArgument(NAME, f"{table['samples'].min():g} samples", "must be at least one")
    return table


def place_points(diagram: xarray.Dataset, given: Any) -> OwnPoints | None:
    """The points of a table that belong to the network of `diagram`; None where none do.

    Parameters
    ----------
    diagram : xarray.Dataset
        As :func:`phase_diagram` returns it.
    given : path, mapping, data frame or array
        Columns ``samples`` (or ``effective_samples``) and ``weight_decay``; optional ``excess_risk``, for a teacher of
        energy 1, ``dim`` (by default that of the diagram) and ``network`` (other rows are left out).

    Raises
    ------
    InvalidArgument
        Named ``overlay``.

    Examples
    --------
    >>> from shallows.scaling import phase_diagram
    >>> from shallows.scaling.own_points import place_points
    >>> diagram = phase_diagram("diagonal", 1000, 1.25, 0.1, points=(4, 4))
    >>> points = place_points(diagram, {"samples": [500, 5000], "weight_decay": [0.01, 0.1]})
    >>> points.phases, points.predicted.round(3).tolist()
    (('V', 'VIa'), [0.144, 0.019])
    """
    about = diagram.attrs
    network = network_named(about["network"])
    table = check_points(given, network.name, about["dim"])
    if table is None:
        return None
    dim, samples = table["dim"], table["samples"]
    unit = np.array([network.samples_per_effective(float(d)) for d in dim])
    decay, risk = table["weight_decay"], table.get("excess_risk")
    nu, ell = np.log(samples / unit) / np.log(dim), np.log(decay) / np.log(dim)
    phases, predicted = [], np.full(dim.size, np.nan)
    for k in range(dim.size):
        width = None if about["width"] == "full" else int(about["width"])
        problem = Problem(network.name, PowerLaw(int(dim[k]), about["gamma"]), float(samples[k]), about["noise"], width)
        per_penalty = problem.weight_decay_from_penalty(1.0) if network.has_penalty else 1.0
        level = float(ell[k]) - math.log(per_penalty) / math.log(dim[k])
        phases.append(phase_at(network.name, float(nu[k]), level, about["gamma"]).name)
        found = predict(problem, weight_decay=float(decay[k]), throw=False)
        predicted[k] = found.excess_risk if found.status.ok else np.nan
    log_d = math.log(about["dim"])
    axes = [np.log(diagram[name].values) / log_d for name in ("effective_samples", "weight_decay")]
    inside = (nu >= axes[0][0]) & (nu <= axes[0][-1]) & (ell >= axes[1][0]) & (ell <= axes[1][-1])
    return OwnPoints(samples, samples / unit, decay, dim, risk, tuple(phases), predicted, inside)


def points_sentence(points: OwnPoints) -> str:
    """Where the points given lie, and how they compare with theory.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.scaling.own_points import OwnPoints, points_sentence
    >>> one = np.array([10.0])
    >>> print(points_sentence(OwnPoints(one, one, one, one, np.array([0.2]), ("V",), np.array([0.1]), one > 0)))
    Of 1 point given, 1 lies within the diagram (phase V: 1). Measured excess risk over predicted: 2.
    """
    count, inside = len(points.phases), int(points.inside.sum())
    shares = Counter(np.array(points.phases)[points.inside].tolist())
    some, lie = "point" if count == 1 else "points", "lies" if inside == 1 else "lie"
    text = f"Of {count} {some} given, {inside} {lie} within the diagram"
    if shares:
        named = (f"{'' if name == 'peak' else 'phase '}{name}: {number}" for name, number in shares.items())
        text += f" ({', '.join(named)})"
    text += ". "
    if points.excess_risk is not None:
        ratio = points.excess_risk / points.predicted
        ratio = ratio[np.isfinite(ratio)]
        if ratio.size:
            text += f"Measured excess risk over predicted: {np.median(ratio):.3g}"
            text += "." if ratio.size == 1 else f" in the median, {ratio.min():.3g} to {ratio.max():.3g}."
    return text.strip()


def write_points(points: OwnPoints, path: Path) -> None:
    """The points as CSV, with phase and predicted risk."""
    risk = [""] * len(points.phases) if points.excess_risk is None else points.excess_risk.tolist()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        head = ["samples", "effective_samples", "weight_decay", "dim", "excess_risk", "predicted", "phase", "inside"]
        writer.writerow(head)
        columns = [points.samples, points.effective_samples, points.weight_decay, points.dim]
        told = [value if math.isfinite(value) else "" for value in points.predicted.tolist()]
        writer.writerows(
            zip(*(c.tolist() for c in columns), risk, told, points.phases, points.inside.tolist(), strict=True)
        )
