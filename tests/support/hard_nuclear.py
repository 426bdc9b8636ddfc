"""Hard problems of the quadratic network, and the gap of a certified point in extended precision."""

import numpy as np

from shallows.operators import QuadraticOperator
from shallows.training.nuclear import solve_nuclear

WIDE = np.longdouble


def hard_inputs(rng, n, d, kind):
    x = rng.standard_normal((n, d))
    return {
        "gaussian": x,
        "mean": x + 10.0 ** rng.uniform(0, 3),
        "walk": np.cumsum(x, axis=1),
        "scales": x * 10.0 ** rng.uniform(-3, 3, d),
        "duplicates": np.repeat(x[:, : -(-d // 2)], 2, axis=1)[:, :d] + 10.0 ** rng.uniform(-9, -2) * x,
        "heavy": rng.standard_t(1.2, (n, d)),
        "deficient": x[:, :2] @ rng.standard_normal((2, d)),
        "constant": np.where(np.arange(d) % 3 == 0, 1.0, x),
        "units": x * 10.0 ** rng.choice([-6.0, 6.0]),
        "repeated rows": x[rng.integers(0, max(1, n // 3), n)],
    }[kind]


KINDS = (
    "gaussian",
    "mean",
    "walk",
    "scales",
    "duplicates",
    "heavy",
    "deficient",
    "constant",
    "units",
    "repeated rows",
)


def hard_problem(rng, kind, most=(200, 20)):
    """Inputs, labels, penalty and tolerance."""
    n, d = int(rng.integers(5, most[0] + 1)), int(rng.integers(3, most[1] + 1))
    x = hard_inputs(rng, n, d, kind)
    operator = QuadraticOperator(x)
    factor = rng.standard_normal((d, max(1, d // 3))) / np.sqrt(operator.sizes.scales[:, None])
    signal = operator.forward_factor(factor)
    noise = rng.choice([0.0, 1e-3, 0.1, 1.0, 10.0])
    y = signal + noise * (signal.std() + 1e-3) * rng.standard_normal(n)
    penalty = 10.0 ** rng.uniform(-8, 0.3) * max(operator.silencing_strength(y), 1e-12 * np.abs(y).max() + 1e-300)
    return x, y, penalty, 10.0 ** float(rng.integers(-10, -1))


def largest_eigenvalue(matrix):
    """An upper bound in extended precision: Jacobi's rotations from the eigenvectors in double, then Gershgorin."""
    d = len(matrix)
    basis = np.linalg.eigh(matrix.astype(float))[1].astype(WIDE)
    for _ in range(3):
        basis = basis @ (3 * np.eye(d, dtype=WIDE) - basis.T @ basis) / 2
    turned = basis.T @ matrix @ basis
    for p in range(d):
        for q in range(p + 1, d):
            if turned[p, q] == 0:
                continue
            tau = (turned[q, q] - turned[p, p]) / (2 * turned[p, q])
            t = (1 if tau >= 0 else -1) / (abs(tau) + np.sqrt(1 + tau * tau))
            c = 1 / np.sqrt(1 + t * t)
            rotation = np.array([[c, t * c], [-t * c, c]], dtype=WIDE)
            turned[:, [p, q]] = turned[:, [p, q]] @ rotation
            turned[[p, q]] = rotation.T @ turned[[p, q]]
    off = np.abs(turned).sum(axis=1) - np.abs(np.diag(turned))
    return (np.diag(turned) + off).max()


def true_gap(x, y, factor, dual, penalty):
    """Relative duality gap of a factor and the best multiple of a dual vector, from the data alone."""
    d = x.shape[1]
    x, y, factor, dual, penalty = (np.asarray(a, dtype=WIDE) for a in (x, y, factor, dual, penalty))
    root = np.sqrt(WIDE(d))
    trace = np.square(factor).sum()
    miss = y - (np.square(x @ factor).sum(axis=1) - trace) / root
    primal = miss @ miss / d**2 + penalty * trace / d
    if primal == 0:
        return 0.0
    adjoint = ((x.T * dual) @ x - dual.sum() * np.eye(d, dtype=WIDE)) / root
    square, top, bound = dual @ dual, largest_eigenvalue(adjoint), penalty * d / 2
    scale = (dual @ y) / square if square > 0 else WIDE(0)
    scale = max(min(scale, bound / top) if top > 0 else scale, WIDE(0))
    return float((primal - max((2 * scale * (dual @ y) - scale**2 * square) / d**2, WIDE(0))) / primal)


def promise(rng, kind, **options):
    """Solve one problem: whether it says converged, the tolerance, its gap and the true one."""
    x, y, penalty, tolerance = hard_problem(rng, kind)
    search = solve_nuclear(QuadraticOperator(x), y, penalty, tolerance=tolerance, **options)
    best = search.best
    dual = y - best.fitted if best.dual is None else best.dual
    return search.done, tolerance, search.gap, true_gap(x, y, best.factor, dual, penalty)
