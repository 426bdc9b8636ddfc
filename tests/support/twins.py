"""Slow, plain twins of the fast kernels: random matrices and textbook quadrature, to be checked by eye."""

from __future__ import annotations

import math

import numpy as np
from scipy import integrate, optimize
from scipy.stats import norm


def goe(dim: int, rng: np.random.Generator) -> np.ndarray:
    """Symmetric Gaussian matrix with off-diagonal variance 1/dim."""
    gaussian = rng.normal(size=(dim, dim))
    return (gaussian + gaussian.T) / math.sqrt(2 * dim)


def divided_differences(x: np.ndarray, f: np.ndarray, slope: np.ndarray) -> float:
    """``(1/d^2) sum_{i,j} (f_i - f_j)/(x_i - x_j)``, ``f'_i`` on the diagonal: degrees of freedom `A`.

    (The divergence of the map itself counts the diagonal twice; that excess is of order ``1/d``.)
    """
    gaps = x[:, None] - x[None, :]
    np.fill_diagonal(gaps, 1.0)
    quotient = (f[:, None] - f[None, :]) / gaps
    np.fill_diagonal(quotient, 0.0)
    return (quotient.sum() + slope.sum()) / x.size**2


def spectral_moments(
    modes: np.ndarray, delta: float, zeta: float, rng: np.random.Generator, draws: int, width: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """``(E, A, mass above zero)`` of ``max(S* + delta GOE - zeta, 0)`` by sampling matrices: mean, standard error."""
    rows = []
    for _ in range(draws):
        values, vectors = np.linalg.eigh(np.diag(modes) + delta * goe(modes.size, rng))
        f = np.maximum(values - zeta, 0.0)
        kept = values > zeta
        if width is not None and width < modes.size:
            f[:-width] = 0.0
            kept[:-width] = False
        estimate = (vectors * f) @ vectors.T
        error = ((estimate - np.diag(modes)) ** 2).sum() / modes.size
        rows.append((error, divided_differences(values, f, kept.astype(float)), kept.mean()))
    table = np.array(rows)
    return table.mean(axis=0), table.std(axis=0, ddof=1) / math.sqrt(draws)


def quadratic_fixed_point(
    modes: np.ndarray, alpha: float, noise: float, penalty: float, matrices: list[np.ndarray], start: np.ndarray
) -> tuple[float, float, bool]:
    """State evolution the way notebooks do it: order parameters ``(q, m, A)``, fixed random matrices, `optimize.root`.

    Returns ``(E, A, success)``.
    """
    energy = (modes**2).mean()
    diagonal = np.diag(modes)

    def equations(parameters: np.ndarray) -> np.ndarray:
        q, m, a = parameters
        delta = math.sqrt(max(energy - 2 * m + q + noise / 2, 1e-12) / (2 * alpha))
        zeta = penalty / max(4 * alpha - 2 * a, 1e-12)
        rows = []
        for matrix in matrices:
            values = np.linalg.eigvalsh(diagonal + delta * matrix)
            f = np.maximum(values - zeta, 0.0)
            a_new = divided_differences(values, f, (values > zeta).astype(float))
            rows.append(((f**2).mean(), (values * f).mean() - delta**2 * a_new, a_new))
        return np.mean(rows, axis=0) - parameters

    solution = optimize.root(equations, start)
    q, m, a = solution.x
    return energy - 2 * m + q, a, bool(solution.success)


def soft_threshold_risk(mode: float, tau: float, zeta: float) -> tuple[float, float]:
    """``E[(eta(mode + tau Z) - mode)^2]`` and ``P(eta != 0)`` by adaptive quadrature."""

    def squared(z: float) -> float:
        u = mode + tau * z
        eta = math.copysign(max(abs(u) - zeta, 0.0), u)
        return (eta - mode) ** 2 * norm.pdf(z)

    kinks = [k for k in ((zeta - mode) / tau, (-zeta - mode) / tau) if -12 < k < 12]
    edges = [-12.0, *sorted(kinks), 12.0]
    risk = sum(integrate.quad(squared, a, b, epsabs=1e-14)[0] for a, b in zip(edges, edges[1:], strict=False))
    return risk, float(norm.sf((zeta - mode) / tau) + norm.cdf((-zeta - mode) / tau))


def posterior_mean_risk(modes: np.ndarray, tau: float) -> float:
    """Sum of posterior variances under the prior uniform on ``+-modes``, by adaptive quadrature."""

    def integrand(y: float) -> float:
        weights = norm.pdf((y - modes) / tau), norm.pdf((y + modes) / tau)
        mass = weights[0].sum() + weights[1].sum()
        if mass == 0:
            return 0.0
        mean = ((weights[0] - weights[1]) @ modes) / mass
        return float(weights[0] @ (modes - mean) ** 2 + weights[1] @ (modes + mean) ** 2) / tau

    edges = np.unique(np.concatenate([[0.0], modes, modes + 10 * tau, np.maximum(modes - 10 * tau, 0)]))
    return sum(integrate.quad(integrand, a, b, epsabs=1e-12)[0] for a, b in zip(edges, edges[1:], strict=False))


def random_problem(rng: np.random.Generator, network: str | None = None):  # type: ignore[no-untyped-def]
    """A problem and its regularisation, over twelve decades of ``n/d``, penalty and noise, all teachers and widths."""
    from shallows import FromValues, LowRank, PowerLaw, Problem

    network = network or ("quadratic", "diagonal")[rng.integers(2)]
    dim = round(10 ** rng.uniform(math.log10(2), 6 if rng.random() < 0.3 else 3))
    kind = rng.integers(4)
    if kind == 0:
        teacher = PowerLaw(dim, rng.uniform(0.51, 3), 10 ** rng.uniform(-2, 2))
    elif kind == 1:
        teacher = LowRank(dim, int(rng.integers(1, min(dim, 50) + 1)))
    else:
        dim = min(dim, 3000)
        if kind == 2:
            values = np.abs(rng.normal(size=dim)) * 10 ** rng.uniform(-3, 3)
        else:
            values = 10 ** rng.uniform(-6, 3, size=dim) * (rng.random(dim) < rng.uniform(0.01, 1))
        teacher = FromValues(values)
    samples = max(1.0, dim * 10 ** rng.uniform(-6, 6))
    noise = 0.0 if rng.random() < 0.1 else 10 ** rng.uniform(-6, 6)
    strength = 0.0 if rng.random() < 0.1 else 10 ** rng.uniform(-6, 6)
    width = None if network == "diagonal" or rng.random() < 0.5 else int(rng.integers(1, 2 * dim + 1))
    problem = Problem(network, teacher, samples, noise, width)
    return problem, {"penalty" if network == "quadratic" else "weight_decay": strength}


def with_random_design(problem, rng: np.random.Generator):  # type: ignore[no-untyped-def]
    """The problem with a random covariance: power laws of both signs, six decades of eigenvalues, zeros, rotations."""
    from dataclasses import replace

    from shallows import GaussianDesign, PowerLaw

    kind = rng.integers(4)
    small = problem.dim <= 60 and problem.network == "quadratic"
    if kind == 0 or (not isinstance(problem.teacher, PowerLaw) and problem.dim > 3000):
        design = GaussianDesign(rng.uniform(-1, 4), "random" if small and rng.random() < 0.5 else "aligned")
    else:
        values = 10 ** rng.uniform(-3, 3, size=min(problem.dim, 3000))
        if kind == 2:
            values[rng.random(values.size) < 0.3] = 0.0
            values[0] = 1.0
        if problem.dim > 3000:
            return replace(problem, design=GaussianDesign(rng.uniform(0, 4)))
        design = GaussianDesign(values, "random" if small and rng.random() < 0.5 else "aligned")
    return replace(problem, design=design)


def power_threshold_moments(mode: float, tau: float, c: float, q: float) -> tuple[float, float]:
    """``E[(eta(mode + tau Z) - mode)^2]`` and ``E[Z eta]/tau`` for the proximal map of ``c^(2-q) |t|^q``.

    By adaptive quadrature of the map itself, found by bisection.
    """
    jump = (2 * (1 - q)) ** (1 / (2 - q)) * c
    edge = jump + q * c ** (2 - q) * jump ** (q - 1)

    def eta(u: float) -> float:
        size = abs(u)
        if size <= edge:
            return 0.0
        return math.copysign(
            optimize.brentq(lambda t: t + q * c ** (2 - q) * t ** (q - 1) - size, jump, size, xtol=1e-15), u
        )

    near = [
        k
        for step in (0.0, 1e-5, 1e-3, 0.1)
        for k in ((edge * (1 + step) - mode) / tau, (-edge * (1 + step) - mode) / tau)
    ]
    edges = [-11.0, *sorted(k for k in near if -11 < k < 11), 11.0]
    totals = [0.0, 0.0]
    for a, b in zip(edges, edges[1:], strict=False):
        for place, f in enumerate(
            (lambda z: (eta(mode + tau * z) - mode) ** 2, lambda z: z * (eta(mode + tau * z) - mode))
        ):
            totals[place] += integrate.quad(lambda z, f=f: f(z) * norm.pdf(z), a, b, epsabs=1e-11, epsrel=1e-10)[0]
    return totals[0], totals[1] / tau
