"""The threshold of a penalty ``zeta x^q``, ``0 < q <= 1``, continued to the upper half-plane.

The minimiser over ``t >= 0`` of ``(x - t)^2/2 + zeta t^q`` is 0 up to a jump, and from there on the larger root of
``t + zeta q t^(q-1) = x``. In units of ``c = zeta^(1/(2-q))`` the jump is at ``u_c`` and leads to ``t_c``; ``q = 1`` is
the soft threshold. Right of the jump the root is analytic, and it has an analytic continuation without singularity to
the whole upper half-plane: the solution with a positive imaginary part, which is unique there.

Theory note, section 14.
"""

from __future__ import annotations

import math

from .._kernels import kernel
from ..power_prox import beyond_jump, jump_of

#: Newton's method needs fewer than ten steps anywhere in the half-plane, some thirty at the branch point.
STEPS = 80


@kernel
def branch_distance(power):
    """How far left of the jump the continuation has its branch point, in units of ``c``; infinite where it has none."""
    if power == 1.0:
        return math.inf
    t = (power * (1.0 - power)) ** (1.0 / (2.0 - power))
    return jump_of(power)[0] - (t + power * t ** (power - 1.0))


@kernel
def unit_of_threshold(threshold, power):
    """``c = zeta^(1/(2-q))``."""
    return threshold ** (1.0 / (2.0 - power))


@kernel
def shrunk(x, unit, power):
    """``(f(x), f'(x))`` at a real `x`: zero up to the jump."""
    if x <= 0.0:
        return 0.0, 0.0
    if unit == 0.0:
        return x, 1.0
    x = x / unit
    edge, top = jump_of(power)
    if x < edge:
        return 0.0, 0.0
    if power == 1.0:
        return unit * (x - 1.0), 1.0
    t = max(beyond_jump(x, power), top)
    return unit * t, 1.0 / (1.0 - (1.0 - power) * power * t ** (power - 2.0))


@kernel
def continued(x, unit, power):
    """``x - f(x)``, what the rule takes off, at a complex `x` of the closed upper half-plane (right of the jump)."""
    if unit == 0.0:
        return 0.0 * x
    if power == 1.0:
        return unit + 0.0 * x
    return unit * (power * _root(x / unit, power) ** (power - 1.0))


@kernel
def _root(x, power):
    """``t`` with ``t + q t^(q-1) = x``, from anywhere."""
    t = x
    size = abs(x)
    edge = jump_of(power)[0]
    if size < edge:
        t = x * (edge / size) if size > 0.0 else complex(0.0, edge)
    for _ in range(STEPS):
        pull = power * t ** (power - 1.0)
        step = (t + pull - x) / (1.0 - (1.0 - power) * pull / t)
        t -= step
        if abs(step) <= 1e-15 * abs(t):
            break
    return t


@kernel
def continued_along(x, unit, layers, near):
    """As :func:`continued` for ``q = 1/k``, from the root at a neighbouring point: ``(x - f(x), t^(1/k))``.

    `near` is ``t^(1/k)`` there, and 0 where there is none. Newton's method on ``r^(2k-1) - x r^(k-1) + q``, which takes
    products alone; what it finds is in the sector of the root that is sought, or that is sought afresh.
    """
    power = 1.0 / layers
    x = x / unit
    r = near
    settled = False
    for _ in range(8 if near != 0.0 else 0):
        p = r
        for _ in range(layers - 2):
            p *= r
        t = p * r
        below = layers * t * p - (layers - 1.0) * power
        size = below.real * below.real + below.imag * below.imag
        if not size > 0.0:
            break
        step = r * ((t - x) * p + power) * below.conjugate() * (1.0 / size)
        r -= step
        if abs(step.real) + abs(step.imag) <= 1e-9 * (abs(r.real) + abs(r.imag)):
            settled = True
            break
    if settled and r.real > 0.0:
        p = r
        inside = r.imag >= -1e-9 * r.real
        for _ in range(layers - 2):
            p *= r
            inside = inside and p.imag >= -1e-9 * abs(p.real)
        t = p * r
        inside = inside and t.imag >= -1e-9 * abs(t.real)
        # Next to the real axis there is the smaller of two real roots as well.
        if inside and (r.imag > 1e-3 * r.real or (t * p).real > (1.0 - power) * power):
            return unit * (power / p), r
    t = _root(x, power)
    return unit * (power * t ** (power - 1.0)), t**power
