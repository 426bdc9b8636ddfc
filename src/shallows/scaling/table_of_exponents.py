"""Every exponent of the phase table recovered from state evolution at large dimension (theory note, section 7)."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._display import Displayed
from ..errors import InvalidArgument
from ..networks import network_named, paper_networks
from ..phases import predicted_exponents
from ..problems import Problem
from ..state_evolution import solve
from ..teachers import PowerLaw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..networks import Network

#: Decay exponents of the table.
GAMMAS = (0.6, 0.75, 1.0, 1.25, 1.5, 2.0)
#: How close a fitted exponent has to be.
TOLERANCE = 0.02
#: Points of each fit, and its half-width in ``log_d``.
POINTS, HALF_WIDTH = 5, 0.03
#: At dimensions beyond 10^10 some equations close to about 1e-7 only, where a prediction must reach 1e-8. A residual
#: of this size moves an exponent fitted over a factor of five by 1e-6 at most: such points are used here, with
#: their residual shown.
LARGEST_RESIDUAL = 1e-6


@dataclass(frozen=True)
class Path:
    """Where a phase is probed: deep inside it, so that neighbours contribute less than the tolerance.

    Attributes
    ----------
    network, phase : str
    gamma : float
    variable : str
        What varies along the path: ``n_eff``, ``lam``, or ``log(d/n_eff)``.
    expected : float
        Predicted exponent of the excess risk in that variable.
    dim, noise : float
        Constants shift boundaries by a factor, not a power of `d`: much noise opens phases V and VIa early.
    nu, ell : float
        Centre of the path: ``log_d n_eff``, ``log_d lam``.
    """

    network: str
    phase: str
    gamma: float
    variable: str
    expected: float
    dim: float
    noise: float
    nu: float
    ell: float


@dataclass(frozen=True, repr=False)
class ExponentRow(Displayed):
    """One recovered exponent.

    Attributes
    ----------
    path : Path
    fitted : float
        Least-squares slope of ``log R``; nan where a solve failed.
    residual : float
        Largest relative residual of the state evolution along the path.

    Examples
    --------
    >>> from shallows.scaling.table_of_exponents import measure, paths
    >>> row = measure(next(path for path in paths(gamma=1.25) if path.phase == "III"))
    >>> row.path.expected, round(row.fitted, 2), row.good
    (-2.0, -2.0, True)
    """

    path: Path
    fitted: float
    residual: float

    @property
    def error(self) -> float:
        """Fitted less predicted."""
        return self.fitted - self.path.expected

    @property
    def good(self) -> bool:
        """Whether the exponent was recovered within `TOLERANCE`; False where a solve failed."""
        return abs(self.error) <= TOLERANCE

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        finite = math.isfinite(self.fitted)
        numbers = {
            "fitted": self.fitted if finite else None,
            "error": self.error if finite else None,
            "residual": self.residual if math.isfinite(self.residual) else None,
        }
        return asdict(self.path) | numbers | {"good": self.good}


def paths(gamma: float) -> Iterator[Path]:
    """Paths through every phase that has a power law in it.

    Raises
    ------
    InvalidArgument
        If ``gamma <= 1/2``.
    """
    if not gamma > 0.5:
        raise InvalidArgument("gamma", gamma, "must be > 1/2")
    for name in paper_networks():
        yield from paths_of(network_named(name), gamma)


def paths_of(network: Network, gamma: float) -> Iterator[Path]:
    """Those of one network, which may have options."""
    rate = predicted_exponents(network.name, gamma)
    sharp = network.sharp_bulk  # without a sharp edge corrections are logarithmic: larger dimensions, less weight decay

    def path(
        phase: str, variable: str, expected: float | None, dim: float, noise: float, nu: float, ell: float
    ) -> Path:
        assert expected is not None
        return Path(network.name, phase, gamma, variable, expected, dim, noise, nu, ell)

    half = network.penalty_exponent / 2
    above = gamma + 1.0  # this far above the noise line no bulk is left, and III has room
    middle = above + half + (2 - 2 * half) * gamma / 2
    far = 0.5 * (above + half + (2 - 2 * half) * gamma + 2 * above + 1 + (1 - 2 * half) * (2 * gamma - 1))
    for which, variable in enumerate(("n_eff", "lam")):
        yield path("II", variable, rate["II"][which], 1e16, 0.1, middle, above)
        yield path("III", variable, rate["III"][which], 1e12, 0.1, far, above)
    if "IV" in rate:
        yield path("IV", "n_eff", rate["IV"][0], 1e12, 1.0, 0.55 * network.benign_until(gamma), -0.8)
    if network.harmful_exponent is None:
        yield path("V", "log(d/n_eff)", -1.0, 1e16, 1e4, 0.6, -0.8)
    else:
        yield path("V", "n_eff", network.harmful_exponent, 1e12, 1e4, 0.6, -0.8)
    inside = 1 + 0.65 * (2 * gamma - 1)
    yield path("VIa", "n_eff", rate["VIa"][0], 1e12 if sharp else 1e18, 1e4, inside, -0.5)
    yield path("VIb", "n_eff", rate["VIb"][0], 1e12, 1.0, 2 * gamma + 1, -0.5)
    yield path("peak", "lam", rate["peak"][1], 1e12, 1e4, 1.0, -0.25 if sharp else -0.75)


def measure(path: Path) -> ExponentRow:
    """Fit the exponent along `path`: ``POINTS`` solves, a straight line through ``log R``."""
    network, log_d = network_named(path.network), math.log(path.dim)
    teacher = PowerLaw(path.dim, path.gamma)  # type: ignore[arg-type]
    x, y, residual = [], [], 0.0
    for shift in np.linspace(-HALF_WIDTH, HALF_WIDTH, POINTS):
        nu, ell = path.nu, path.ell
        if path.variable == "lam":
            ell += float(shift)
        else:
            nu += float(shift)
        n_eff = math.exp(nu * log_d)
        if path.phase == "peak":
            n_eff *= network.interpolation_samples(path.dim) / path.dim
        problem = Problem(path.network, teacher, n_eff * network.samples_per_effective(path.dim), path.noise)
        point = solve(problem, **{"penalty" if network.has_penalty else "weight_decay": math.exp(ell * log_d)})
        residual = max(residual, point.residual)
        if path.variable == "log(d/n_eff)":
            x.append(math.log((1 - nu) * log_d))
        else:
            x.append((ell if path.variable == "lam" else nu) * log_d)
        y.append(math.log(point.estimation_error) if point.estimation_error > 0 else math.nan)
    if not residual <= LARGEST_RESIDUAL:
        return ExponentRow(path, math.nan, residual)
    return ExponentRow(path, float(np.polyfit(x, y, 1)[0]), residual)


def exponents_table(
    gammas: Sequence[float] = GAMMAS, progress: Callable[[int, int], None] | None = None
) -> list[ExponentRow]:
    """Every exponent of the phase table, fitted and predicted, for every network (theory note, section 7).

    Parameters
    ----------
    gammas : sequence of float
        Decay exponents of the teacher.
    progress : callable, optional
        Told how many rows are done, of how many.

    Returns
    -------
    list of ExponentRow
        A row whose equations could not be solved carries nan and counts as not good.

    Raises
    ------
    InvalidArgument
        If a gamma is not above 1/2, or there is none.

    Examples
    --------
    :class:`ExponentRow` has one of its rows.

    >>> from shallows.scaling import exponents_table
    >>> exponents_table([0.4])
    Traceback (most recent call last):
    ...
    shallows.errors.InvalidArgument: gamma: got 0.4; must be > 1/2
    """
    if not len(gammas):
        raise InvalidArgument("gammas", list(gammas), "must not be empty")
    every = [path for gamma in gammas for path in paths(gamma)]
    every.sort(key=lambda path: (path.network, path.phase, path.variable, path.gamma))
    rows = []
    for done, path in enumerate(every, 1):
        rows.append(measure(path))
        if progress is not None:
            progress(done, len(every))
    return rows


def _cells(row: ExponentRow) -> tuple[str, ...]:
    p = row.path
    return (
        p.network,
        p.phase,
        p.variable,
        f"{p.gamma:g}",
        f"{p.expected:.4f}",
        f"{row.fitted:.4f}",
        f"{row.error:+.4f}",
        f"{p.dim:.0e}",
        f"{p.noise:g}",
        f"{row.residual:.0e}",
        "" if row.good else "NOT RECOVERED",
    )


def format_table(rows: Sequence[ExponentRow]) -> str:
    """The table as text, one line a row, and a last line with the number of good ones.

    Parameters
    ----------
    rows : sequence of ExponentRow
        As :func:`exponents_table` returns them.

    Examples
    --------
    >>> from shallows.scaling import exponents_table, format_table
    >>> print(format_table(exponents_table([1.0])).splitlines()[-1].split(";")[0])
    17 of 17 within 0.02
    """
    from .._text_tables import headed_table

    numbers = ("gamma", "predicted", "fitted", "error", "d", "Delta", "residual")
    head = [*((name, False) for name in ("network", "phase", "in")), *((name, True) for name in numbers), ("", False)]
    cells = [_cells(row) for row in rows]
    lines = headed_table(head, cells)
    good = sum(row.good for row in rows)
    worst = max((abs(row.error) for row in rows if math.isfinite(row.error)), default=math.nan)
    lines.append(f"{good} of {len(rows)} within {TOLERANCE}; largest error {worst:.4f}")
    return "\n".join(lines)
