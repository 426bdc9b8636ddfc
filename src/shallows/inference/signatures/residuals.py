"""Signatures in the residuals of a fit, which are like errors on new samples (theory note, section 10).

The part of the error that the unbiased weights tell, evaluated on the very rows, and normal numbers for the rest: that
is what the fitted model expects of the residuals (:attr:`.base.Seen.simulated`). Statistics without a law of their own
are compared with the same ones of residuals drawn so.
"""

from __future__ import annotations

from functools import partial
from math import comb
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._distributions import chi_squared_sf, student_sf
from ...operators import is_sparse
from ...operators.sparse import power_means
from .base import Look, Seen, Signature

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..._types import FloatArray

#: Kurtosis of the residuals beyond the expected one that matters, and kurtosis that is serious.
HEAVY, VERY_HEAVY = 1.0, 12.0
#: Rank correlation of the errors' sizes with anything that matters.
DEPENDENT = 0.1
#: Shares of what the fitted model expects of the residuals beyond normal numbers that are uncertain, as simulations
#: show: of their kurtosis, of the dependence of their size, and of their correlation with a curve.
DOUBT_OF_TAILS, DOUBT_OF_SIZES, DOUBT_OF_CURVES = 0.8, 0.1, 0.3
#: Share of the labels' variance that matters in what the network cannot represent.
UNREPRESENTED = 0.02
#: Rows that pairs of are looked at, at most, and numbers in them.
MOST_ROWS, MOST_NUMBERS = 1000, 1e7
#: Correlation of errors with predictions below which these only echo what each row's own label did to the fit.
ECHO = -0.25
#: Means below this have been taken off.
CENTRED = 1e-9
#: Squared correlation of the residuals with a curve over the prediction that matters.
BENT = 0.01


def chance(value: float, drawn: FloatArray, doubt: float, *, neutral: float = 0.0, echo: float = 1.0) -> float:
    """Probability, on the smaller side, of a `value` among `drawn` ones that are close to normal.

    By how much their mean differs from the `neutral` one of normal residuals is known only to a share `doubt`; what is
    known of the error comes from the same data, which makes the value vary `echo` times as much.
    """
    count, mean = drawn.size, float(drawn.mean())
    spread = echo * float(drawn.std(ddof=1)) * np.sqrt(1 + 1 / count)
    deviation = float(np.hypot(spread, doubt * (mean - neutral)))
    return 0.5 if deviation <= 0 else float(student_sf(abs(value - mean) / deviation, count - 1))


def ranks(values: FloatArray) -> FloatArray:
    """Ranks along the last axis, of mean zero and unit length."""
    order = np.argsort(values, axis=-1)
    out = np.empty(values.shape)
    np.put_along_axis(out, order, np.broadcast_to(np.arange(values.shape[-1], dtype=float), values.shape), axis=-1)
    out -= (values.shape[-1] - 1) / 2
    unit: FloatArray = out / np.linalg.norm(out, axis=-1, keepdims=True)
    return unit


def look_at_tails(seen: Seen) -> Look | None:
    """Kurtosis of the residuals."""
    kurtosis, expected = log_kurtosis(seen.left_out[seen.sampled]), log_kurtosis(seen.simulated)
    value, echo = float(np.exp(kurtosis)), seen.assumptions.echo
    one = chance(_rooted(kurtosis), _rooted(expected), DOUBT_OF_TAILS, neutral=_rooted(np.log(3)), echo=echo)
    return Look(
        statistic=value,
        p_value=one if kurtosis > expected.mean() else 1 - one,
        message=f"residuals are heavy-tailed (kurtosis {value:.3g}); the standard error allows for it",
        matters=value > float(np.exp(expected.mean())) + HEAVY,
        serious=value > VERY_HEAVY,
    )


def log_kurtosis(errors: FloatArray) -> FloatArray:
    """Logarithm of the kurtosis along the last axis."""
    square = np.square(errors)
    out: FloatArray = np.log((square**2).mean(axis=-1)) - 2 * np.log(square.mean(axis=-1))
    return out


def _rooted(log: Any) -> Any:
    """What makes a kurtosis of samples nearly normal, from its logarithm."""
    return -np.exp(-1.5 * np.asarray(log))


def look_at_sizes(seen: Seen) -> Look | None:
    """Rank correlations of the errors' sizes with the size of the prediction and the length of the row."""
    found: list[tuple[float, float, str]] = []
    rows, predicted = seen.sampled, seen.predicted[seen.sampled]
    sizes = ranks(np.abs(_straight(seen.left_out[rows], predicted)))
    drawn = ranks(np.abs(_straight(seen.simulated, predicted)))
    looked = {"length of the row": seen.row_sizes[rows]}
    if not _only_echo(seen.left_out[rows], predicted):
        looked["size of the prediction"] = np.abs(predicted)
    for name, other in looked.items():
        if float(np.ptp(other)) <= 1e-12 * max(float(np.abs(other).sum()), 1e-300):
            continue
        places = ranks(other)
        expected = drawn @ places
        value = float(sizes @ places)
        p_value = 2 * chance(value, expected, DOUBT_OF_SIZES, echo=seen.assumptions.echo)
        found.append((p_value, value - float(expected.mean()), name))
    if not found:
        return None
    p_value, correlation, name = min(found)
    return Look(
        statistic=correlation,
        p_value=min(len(found) * p_value, 1.0),
        message=f"errors depend on the {name} (rank correlation {correlation:.2g}): noise is not the same everywhere",
        matters=abs(correlation) > DEPENDENT,
    )


def _only_echo(errors: FloatArray, predicted: FloatArray) -> bool:
    """Whether a network has learned next to nothing.

    Without a row it predicts the mean of the other labels and little else: the lower, the higher the row's own is.
    """
    away, apart = errors - errors.mean(), predicted - predicted.mean()
    return bool(away @ apart < ECHO * np.linalg.norm(away) * np.linalg.norm(apart))


def _straight(errors: FloatArray, predicted: FloatArray) -> FloatArray:
    """Errors without their linear part in the prediction, along the last axis: shrunk weights leave one."""
    unit = predicted - predicted.mean()
    size = float(np.linalg.norm(unit))
    if size == 0:
        return errors
    unit = unit / size
    out: FloatArray = errors - (errors @ unit)[..., None] * unit
    return out


def look_at_bends(seen: Seen) -> Look | None:
    """Correlations of the residuals with the square and the cube of the prediction."""
    predicted = seen.predicted[seen.sampled]
    if float(np.ptp(predicted)) <= 1e-12 * float(np.abs(seen.labels).max()):
        return None
    errors, drawn = seen.left_out[seen.sampled], seen.simulated
    if _only_echo(errors, predicted):
        return None
    unit = np.clip((predicted - predicted.mean()) / predicted.std(), -4, 4)
    found = []
    for order in (2, 3):
        lower = np.column_stack([unit**power for power in range(order)])
        curve = unit**order - lower @ np.linalg.lstsq(lower, unit**order, rcond=None)[0]
        curve /= np.linalg.norm(curve)
        value = float(errors @ curve / np.linalg.norm(errors))
        expected = drawn @ curve / np.linalg.norm(drawn, axis=1)
        found.append((2 * chance(value, expected, DOUBT_OF_CURVES, echo=seen.assumptions.echo), value))
    p_value, value = min(found)
    return Look(
        statistic=value,
        p_value=min(2 * p_value, 1.0),
        message=f"errors bend with the prediction (correlation {value:.2g} with its square or cube): labels are no "
        "function of the network's kind plus noise",
        matters=value**2 > BENT,
        voids=seen.assumptions.remainder_voids,
    )


def look_at_remainder(order: int, seen: Seen) -> Look | None:
    """Energy of the residuals' Hermite part of an `order`, from pairs of rows.

    The kernel of the polynomials of one order is a polynomial of the rows' products and lengths (Mehler), so that sums
    over pairs of rows are sums over all polynomials.
    """
    errors, rows = seen.left_out, seen.inputs
    n, d = rows.shape
    most = int(min(MOST_ROWS, MOST_NUMBERS // d))
    if n > most or is_sparse(rows):
        chosen = np.sort(np.random.default_rng(0).choice(n, min(n, most), replace=False))
        rows, errors = rows[chosen], errors[chosen]
    if errors.size < 4:
        return None
    kernel = KERNELS[order](rows)
    np.fill_diagonal(kernel, 0.0)
    unit = errors / np.sqrt(float(np.square(errors).mean()))
    total = float(unit @ kernel @ unit)
    squares = np.square(unit)
    deviation = float(np.sqrt(2 * squares @ np.square(kernel) @ squares))
    if deviation == 0:
        return None
    # What centring has moved varies at most like the square of one normal number.
    pairs, unit_of_labels = errors.size * (errors.size - 1), float(np.square(errors).mean())
    moved = _moved(order, seen) * pairs / unit_of_labels
    freedom = comb(d + order - 1, order)
    strength = (total - moved) / float(np.hypot(deviation, np.sqrt(2) * moved))
    p_value = float(chi_squared_sf(freedom + strength * np.sqrt(2 * freedom), freedom))
    share = (total - moved) / pairs * unit_of_labels / max(float(seen.labels.var()), 1e-300)
    part = {1: "linear", 2: "quadratic", 3: "cubic"}[order]
    return Look(
        statistic=share,
        p_value=p_value,
        message=f"the labels hold a {part} part (about {100 * min(share, 1.0):.0f} % of their variance) that a "
        f"{seen.network.name} network cannot represent, and more data would not bring",
        matters=share > UNREPRESENTED,
        voids=seen.assumptions.remainder_voids,
    )


def _moved(order: int, seen: Seen) -> float:
    """Energy of an `order` that taking off the columns' means has made; none where they were not taken off."""
    moved = seen.assumptions.moved_by_centring.get(order, 0.0)
    if not moved or float(np.abs(power_means(seen.inputs, 1)).max()) > CENTRED:
        return 0.0
    return moved * float(seen.predicted.var()) / seen.labels.size


def _linear(rows: FloatArray) -> FloatArray:
    out: FloatArray = rows @ rows.T
    return out


def _quadratic(rows: FloatArray) -> FloatArray:
    lengths = np.square(rows).sum(axis=1)
    out: FloatArray = ((rows @ rows.T) ** 2 - lengths[:, None] - lengths + rows.shape[1]) / 2
    return out


def _cubic(rows: FloatArray) -> FloatArray:
    products, lengths = rows @ rows.T, np.square(rows).sum(axis=1)
    out: FloatArray = products**3 / 6 + products * (rows.shape[1] + 2 - lengths[:, None] - lengths) / 2
    return out


#: For each order, the kernel of its Hermite polynomials over pairs of rows.
KERNELS: dict[int, Callable[[FloatArray], FloatArray]] = {1: _linear, 2: _quadratic, 3: _cubic}


def remainder_signatures(remainders: dict[int, str]) -> tuple[Signature, ...]:
    """One for each order that a network cannot represent."""
    advice = "compare networks (--network auto), or transform columns"
    return tuple(Signature(name, advice, partial(look_at_remainder, order)) for order, name in remainders.items())


#: In the order in which they are told.
OF_RESIDUALS = (
    Signature("residual tails", "look at the rows of largest error; transform labels (logarithm)", look_at_tails),
    Signature(
        "heteroscedasticity",
        "read the test error as a mean over rows of unequal noise; transform labels (logarithm, root)",
        look_at_sizes,
    ),
    Signature("bend", "transform labels (logarithm, root), or compare networks (--network auto)", look_at_bends),
)
