"""Learned spectra along the way: stages, tail exponents, benign to harmful overfitting (theory note, section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._arguments import check_number
from .._display import Displayed
from ..errors import InvalidArgument
from ..prediction import predict
from ..problems import Problem
from ..spectra import Tail, fit_tail

if TYPE_CHECKING:
    from collections.abc import Sequence

#: A gap below this share of the bulk's width between bulk and lowest outliers counts as bleed-out.
BLEED = 0.05
#: From this share of modes out of the bulk on, the spectrum is called heavy-tailed.
HEAVY = 0.5


@dataclass(frozen=True, repr=False)
class Snapshot(Displayed):
    """The learned spectrum at one place of a path.

    Attributes
    ----------
    samples, weight_decay : float
    stage : str
        ``rank collapse``, ``bulk only``, ``bulk and spikes``, ``bleed-out``, ``outliers only`` or ``heavy tail``.
    phase : str or None
        The analytic phase.
    mass_at_zero, outlier_share : float
        Shares of the `d` modes.
    bulk_edge, largest : float or None
        Upper edge of the learned bulk, largest learned mode.
    tail : Tail or None
        Power-law fit of the outliers.
    tail_expected : float or None
        ``1 + 1/gamma`` for power-law teachers.
    excess_risk : float
    overfitting_share : float
        Learned noise as a share of the risk; harmful from 1/2 on.
    benign : bool
        Whether learned noise is less than half of the risk.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.scaling import snapshot
    >>> here = snapshot(Problem("quadratic", PowerLaw(1000, 1.25), samples=1e5, noise=0.1), weight_decay=0.01)
    >>> here.phase, here.benign, here.tail_expected
    ('V', False, 1.8)
    """

    samples: float
    weight_decay: float
    stage: str
    phase: str | None
    mass_at_zero: float
    outlier_share: float
    bulk_edge: float | None
    largest: float | None
    tail: Tail | None
    tail_expected: float | None
    excess_risk: float
    overfitting_share: float
    benign: bool


def snapshot(problem: Problem, weight_decay: float) -> Snapshot:
    """Summarise the learned spectrum of `problem` at `weight_decay` (theory note, sections 5 to 7).

    Parameters
    ----------
    problem : Problem
    weight_decay : float
        ``lam``, not negative.

    Returns
    -------
    Snapshot

    Raises
    ------
    InvalidArgument
        For unusable arguments.
    SolveFailed
        If the state evolution cannot be solved.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.scaling import snapshot
    >>> snapshot(Problem("quadratic", PowerLaw(1000, 1.25), samples=1e5), weight_decay=1e4).stage
    'rank collapse'
    """
    prediction = predict(problem, weight_decay=weight_decay)
    law = prediction.spectrum
    outliers = law.outliers
    edge = law.bulk[1] if law.bulk is not None else None
    shown = [o for o in outliers if edge is None or o.learned > edge * (1 - 1e-12)]
    count = sum(o.multiplicity for o in shown)
    share = count / problem.dim
    if law.mass_at_zero > 1 - 0.5 / problem.dim:
        stage = "rank collapse"
    elif count < 1:
        stage = "bulk only"
    elif share >= HEAVY:
        stage = "heavy tail"
    elif edge is None:
        stage = "outliers only"
    elif shown[-1].learned - edge < BLEED * edge and count > 1:
        stage = "bleed-out"
    else:
        stage = "bulk and spikes"
    tail = fit_tail([o.learned for o in shown], [o.multiplicity for o in shown])
    gamma = getattr(problem.teacher, "gamma", None)
    over = prediction.decomposition.overfitting
    part = over / prediction.excess_risk if prediction.excess_risk > 0 else 0.0
    return Snapshot(
        samples=float(problem.samples),
        weight_decay=weight_decay,
        stage=stage,
        phase=None if prediction.phase is None else prediction.phase.name,
        mass_at_zero=float(law.mass_at_zero),
        outlier_share=float(share),
        bulk_edge=edge,
        largest=outliers[0].learned if outliers else edge,
        tail=tail,
        tail_expected=None if gamma is None else 1 + 1 / gamma,
        excess_risk=prediction.excess_risk,
        overfitting_share=float(part),
        benign=part < 0.5,
    )


def spectra_along(
    problem: Problem, *, samples: Sequence[float], weight_decay: Sequence[float] | float
) -> list[Snapshot]:
    """The learned spectrum as the number of samples grows, or as the weight decay changes.

    Parameters
    ----------
    problem : Problem
        Its own number of samples is replaced.
    samples : sequence of float
    weight_decay : float, or sequence of float of the same length
        Weight decay along the path.

    Returns
    -------
    list of Snapshot

    Raises
    ------
    InvalidArgument
        For unusable arguments.
    SolveFailed
        If the state evolution cannot be solved somewhere.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.scaling import spectra_along
    >>> problem = Problem("quadratic", PowerLaw(1000, 1.25), samples=1, noise=0.1)
    >>> [here.stage for here in spectra_along(problem, samples=[1e4, 1e6, 1e9], weight_decay=0.01)]
    ['bulk and spikes', 'bulk and spikes', 'heavy tail']
    """
    sizes = [check_number("samples", n, minimum=1) for n in samples]
    if not sizes:
        raise InvalidArgument("samples", [], "must not be empty")
    given = [weight_decay] * len(sizes) if isinstance(weight_decay, (int, float)) else list(weight_decay)
    if len(given) != len(sizes):
        raise InvalidArgument(
            "weight_decay", f"{len(given)} values", f"must be one, or as many as samples, {len(sizes)}"
        )
    decays = [check_number("weight_decay", lam) for lam in given]
    return [
        snapshot(Problem(problem.network, problem.teacher, n, problem.noise, problem.width), lam)
        for n, lam in zip(sizes, decays, strict=True)
    ]
