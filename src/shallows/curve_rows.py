"""The power laws read from a curve, in rows of words and numbers: for terminals and for notebooks."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, TypeAlias

from ._numbers import terminal_number as number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: One line of a table, cell by cell.
Row: TypeAlias = tuple[str, ...]


def segment_rows(segments: Sequence[Any], remark: Callable[[Any], str] = lambda _: "") -> list[Row]:
    """Range of `n`, exponent, interval and a note of each segment; without numbers where it cannot be read.

    Parameters
    ----------
    segments : sequence of Segment
    remark : callable
        What else is to be said of a segment.
    """
    return [_segment_row(segment, remark(segment)) for segment in segments]


def _segment_row(segment: Any, remark: str) -> Row:
    span = f"{number(segment.start)} to {number(segment.stop)}"
    if segment.uncertain:
        return span, "cannot tell", "", ""
    low, high = segment.interval
    lowest = f"{low:+.3f}" if isfinite(low) else "no limit"
    notes = [note for note in ("plateau" if segment.plateau else "", remark) if note]
    return span, f"{segment.exponent:+.3f}", f"{lowest} to {high:+.3f}", "; ".join(notes)


def beyond_row(point: Any) -> Row:
    """The curve at one number of samples beyond its largest: value and interval, or the reason why there is none."""
    if point.value is None:
        return number(point.n), "cannot tell", point.reason
    low, high = point.interval
    return number(point.n), number(point.value), f"{number(low)} to {number(high)}"


def floor_rows(fit: Any) -> list[Row]:
    """What the curve tends to, with its interval, where it is seen."""
    if fit.floor is None or fit.floor_interval is None:
        return []
    low, high = fit.floor_interval
    return [("risk", number(fit.floor), f"{number(low)} to {number(high)}")]


def break_rows(fit: Any) -> list[Row]:
    """Where one power law turns into the next, with the interval."""
    return [
        (f"n = {number(at)}", f"{number(low)} to {number(high)}")
        for at, (low, high) in zip(fit.breaks, fit.break_intervals, strict=True)
    ]


def verdict(fit: Any) -> str:
    """One sentence about the whole curve."""
    return ("" if fit.outcome.ok else "cannot tell: ") + str(fit.reason)
