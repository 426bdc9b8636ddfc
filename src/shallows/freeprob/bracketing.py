"""The one bracketing step that every compiled solver uses."""

from __future__ import annotations

from .._kernels import kernel


@kernel
def chandrupatla(a, fa, b, fb, c, fc, limit):
    """Where in ``[a, b]`` to look next, as a fraction: inverse quadratic step if safe, otherwise the middle.

    `a` is the last point, `b` the other end of the bracket, `c` the point before; the fraction stays `limit`
    away from both ends. T. Chandrupatla, Advances in Engineering Software 28 (1997).
    """
    xi = (a - b) / (c - b)
    phi = (fa - fb) / (fc - fb)
    t = 0.5
    if phi * phi < xi and (1.0 - phi) * (1.0 - phi) < 1.0 - xi:
        t = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
    return min(max(t, limit), 1.0 - limit)
