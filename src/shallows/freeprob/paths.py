"""Paths in the upper half-plane with their quadrature, shared by all contour integrals of the free convolution.

An integral over the part of a spectrum above a cut runs from the point ``u + i v`` of the subordination curve straight
up, and along an arc to the real axis right of every atom. Panels are graded: in the logarithm of the distance from
where integrands vary fastest they have one length, and Gauss-Legendre nodes on each.
"""

from __future__ import annotations

import math

import numpy as np

from .._kernels import kernel


def legendre_nodes(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(order)
    return 0.5 * (nodes + 1), 0.5 * weights


#: Length of a panel in the logarithmic variable; with it 20 nodes give full double precision, 10 six digits.
PANEL = 2.5
#: How fine a quadrature is.
ROUGH, USUAL, FINE = 0, 1, 2
_ROUGH_NODES, _ROUGH_WEIGHTS = legendre_nodes(10)
_NODES, _WEIGHTS = legendre_nodes(20)
_FINE_NODES, _FINE_WEIGHTS = legendre_nodes(32)
#: Where there is no branch point: far to the left.
NO_BRANCH = complex(-1e300, 0.0)
#: A panel over the distance of its beginning from a branch point, and how many panels a path has at most.
NEAR_BRANCH, MOST = 0.75, 256


@kernel
def nodes_of(fineness):
    """Nodes and weights on [0, 1]."""
    if fineness == ROUGH:
        return _ROUGH_NODES, _ROUGH_WEIGHTS
    if fineness == USUAL:
        return _NODES, _WEIGHTS
    return _FINE_NODES, _FINE_WEIGHTS


@kernel
def _panels(origin, direction, length, start, branch):
    """Ends of the panels along ``origin + direction * t``, ``0 < t < length``, as ``log(1 + t/start)``.

    All of one length, if none comes too close to the `branch` point, by which a path may pass.
    """
    ends = np.empty(MOST + 1)
    ends[0] = 0.0
    top = math.log1p(length / start)
    count = 0
    while count < MOST - 1:
        t = start * math.expm1(ends[count])
        left = top - ends[count]
        size = left / max(1.0, math.ceil(left / PANEL - 1e-9))
        reach = math.log1p(NEAR_BRANCH * abs(origin + direction * t - branch) / (start + t))
        count += 1
        if 1.2 * min(size, reach) >= left:
            break
        ends[count] = ends[count - 1] + min(size, reach)
    ends[count] = top
    return ends[: count + 1]


@kernel
def _fill(points, steps, at, origin, direction, start, ends, nodes, weights, sign):
    """Write the nodes of a graded ray from place `at` on; the place after them."""
    for i in range(ends.size - 1):
        size = ends[i + 1] - ends[i]
        for j in range(nodes.size):
            y = ends[i] + nodes[j] * size
            points[at] = origin + direction * (start * math.expm1(y))
            steps[at] = direction * (sign * start * math.exp(y) * size * weights[j])
            at += 1
    return at


@kernel
def path_above(u, v, top, start, branch, fineness):
    """Path from ``u + i v`` to the real axis right of `top`: points and steps ``dw``, each (nodes,).

    Panels are graded from scale `start`, and keep off the `branch` point of the integrand (:data:`NO_BRANCH`).
    """
    nodes, weights = nodes_of(fineness)
    radius = 3.0 * max(top - u, v)
    origin = complex(u, v)
    ends = _panels(origin, 1j, radius - v, start, branch)
    points = np.empty(ends.size * nodes.size, dtype=np.complex128)
    steps = np.empty_like(points)
    at = _fill(points, steps, 0, origin, 1j, start, ends, nodes, weights, 1.0)
    quarter = 0.5 * math.pi
    for j in range(nodes.size):
        angle = quarter * (1.0 - nodes[j])
        arm = radius * complex(math.cos(angle), math.sin(angle))
        points[at] = u + arm
        steps[at] = -1j * arm * (quarter * weights[j])
        at += 1
    return points, steps


@kernel
def path_between(u, v, start, u_end, v_end, start_end, branch, fineness):
    """Path from ``u + i v`` to ``u_end + i v_end`` over an apex, as :func:`path_above`.

    From either end panels are graded, from `start` and from `start_end`.
    """
    nodes, weights = nodes_of(fineness)
    apex = complex(0.5 * (u + u_end), (u_end - u) + max(v, v_end))
    first, last = apex - complex(u, v), apex - complex(u_end, v_end)
    rising, falling = first / abs(first), last / abs(last)
    start, start_end = min(start, abs(first)), min(start_end, abs(last))
    up = _panels(complex(u, v), rising, abs(first), start, branch)
    down = _panels(complex(u_end, v_end), falling, abs(last), start_end, branch)
    points = np.empty((up.size + down.size - 2) * nodes.size, dtype=np.complex128)
    steps = np.empty_like(points)
    at = _fill(points, steps, 0, complex(u, v), rising, start, up, nodes, weights, 1.0)
    _fill(points, steps, at, complex(u_end, v_end), falling, start_end, down, nodes, weights, -1.0)
    return points, steps
