"""Signatures in the unbiased weights, and in the path of message passing to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from ..._distributions import student_sf
from ...amp import MODELS, SIMULATIONS, Iteration, ThresholdForPenalty
from ...operators import is_sparse, operator_for
from ..concern import OF_THE_TEACHER
from .base import Look, Seen, Signature

if TYPE_CHECKING:
    from ..._types import FloatArray
    from ...denoisers import Denoiser
    from ..result import Inference

#: Share of the weights by which the middle of the bulk is too full that matters.
NARROW = 0.05
#: Relative deviation of message passing's noise scale that matters.
OFF = 0.03
#: Message passing is not run on more numbers than this, in columns squared for weights that are a matrix.
MOST_NUMBERS = 1e9
#: Nor beside sparse inputs that full ones, of as many numbers, would not fit beside.
MOST_FILLED = 1 << 24
#: Fewer columns say nothing of a bulk.
FEWEST_COLUMNS = 8
#: Data sets that message passing is run on beside the user's, and what they cost together.
MOST_REPLICAS, FEWEST_REPLICAS, MOST_REPLICAS_NUMBERS = 12, 4, 2e8
#: Draws of noise that state evolution is averaged over.
COPIES = 8


def look_at_bulk(seen: Seen) -> Look | None:
    """Unbiased weights nearer to each other than noise of the fitted scale leaves any.

    A teacher can only widen the noise's law, whatever it is: convolution lowers its density (for eigenvalues, free
    convolution keeps it below that of the semicircle's centre; Biane 1997).
    """
    if seen.inference.dim < FEWEST_COLUMNS or seen.inference.noise_scale <= 0:
        return None
    excess, error = seen.assumptions.narrow_bulk(seen.inference)
    law = "semicircle" if seen.network.is_matrix else "normal law"
    return Look(
        statistic=excess,
        p_value=float(ndtr(-excess / error)),
        message=f"the bulk of the unbiased weights is no {law} of the fitted noise scale: "
        f"{100 * (0.5 + excess):.0f} % of them lie where noise puts half",
        matters=excess > NARROW,
        voids=("weights", "modes", *OF_THE_TEACHER),
    )


def look_at_messages(seen: Seen) -> Look | None:
    """Message passing's first two noise scales on these data, against state evolution from the fit.

    State evolution needs the teacher only through the unbiased weights: with more noise they are what an earlier
    iteration sees, and Stein's formula gives its error (theory note, sections 9 and 10). How far both are apart at
    this size is seen on data sets of a teacher with the modes that stand out and the energy of the others.
    """
    found, network = seen.inference, seen.network
    n, d = seen.inputs.shape
    strength = network.strength(found.weight_decay, found.penalty, d)
    cost = n * d * (d if network.is_matrix else 1)
    too_large = cost > MOST_NUMBERS or (is_sparse(seen.inputs) and n * d > MOST_FILLED)
    if strength <= 0 or too_large or not MODELS.has(network.name):
        return None
    evolution = StateEvolutionOfFit(found)
    if found.width is not None or evolution.energy <= 0 or evolution.label_noise <= 0:
        return None
    policy = ThresholdForPenalty(strength)
    misses = _misses(Iteration(network, operator_for(network, seen.inputs), seen.labels, policy), evolution)
    count = int(np.clip(MOST_REPLICAS_NUMBERS // cost, FEWEST_REPLICAS, MOST_REPLICAS))
    generator, replicas = np.random.default_rng(0), []
    for _ in range(count):
        operator = operator_for(network, generator.standard_normal((n, d)))
        noise = np.sqrt(evolution.label_noise * network.risk_per_error) * generator.standard_normal(n)
        labels = operator.output_of_modes(evolution.modes) + noise
        replicas.append(_misses(Iteration(network, operator, labels, policy), evolution))
    drawn = np.array(replicas)
    strengths = (misses - drawn.mean(axis=0)) / (drawn.std(axis=0, ddof=1) * np.sqrt(1 + 1 / count))
    place = int(np.argmax(np.abs(strengths)))
    off = misses[place] - float(drawn[:, place].mean())
    return Look(
        statistic=float(np.expm1(off)),
        p_value=min(4 * float(student_sf(abs(strengths[place]), count - 1)), 1.0),
        message=f"message passing is off its prediction: noise scale {100 * np.expm1(off):+.0f} % at iteration "
        f"{place + 1}",
        matters=abs(off) > OFF,
        voids=OF_THE_TEACHER,
    )


def _misses(run: Iteration, evolution: StateEvolutionOfFit) -> tuple[float, float]:
    """Logarithms of measured over predicted noise scale, of zero weights and after one iteration."""
    scale = run.scale
    run.propose()
    run.mix(1.0)
    assert run.rule is not None
    return float(np.log(scale / evolution.first)), float(np.log(run.scale / evolution.after(run.rule, scale)))


class StateEvolutionOfFit:
    """State evolution with the unbiased weights in the teacher's place.

    Parameters
    ----------
    found : Inference
    """

    def __init__(self, found: Inference) -> None:
        self.found, self.network = found, found.architecture
        dim = found.dim
        self.scale = found.noise_scale
        coordinates = dim * (dim + 1) / 2 if self.network.is_matrix else dim
        self.modes_per_energy = self.network.modes_per_energy(dim)
        #: Variance of the noise along each coordinate, and energy of all of it.
        self.variance = self.scale**2 * self.modes_per_energy / self.network.freedom_unit(dim)
        self.noise_energy = self.variance * coordinates / self.modes_per_energy
        self.constraints = self.network.constraints(found.samples, dim)
        distance = float(np.square(found.learned - found.observed).sum()) / self.modes_per_energy
        final = distance - self.noise_energy + 2 * self.variance * found.degrees_of_freedom / self.modes_per_energy
        self.label_noise = self.constraints * self.scale**2 - final
        self.energy = float(np.square(found.observed).sum()) / self.modes_per_energy - self.noise_energy

    @property
    def first(self) -> float:
        """Noise scale of zero weights."""
        return float(np.sqrt(max(self.energy + self.label_noise, 1e-12 * self.scale**2) / self.constraints))

    def after(self, rule: Denoiser, scale: float) -> float:
        """Noise scale after one iteration of the `rule` at a larger noise `scale`."""
        simulation, dim = SIMULATIONS.of(self.network.name), self.found.dim
        base: FloatArray = simulation.teacher(self.found.observed)
        copies = COPIES if self.network.is_matrix else max(1, 4000 // dim)
        noise = simulation.noise(np.random.default_rng(0), (copies, *base.shape))
        noisy = base + np.sqrt(max(scale**2 - self.scale**2, 0.0)) * noise
        estimate = simulation.denoise(rule.apply, noisy, scale)
        if self.network.is_matrix:
            modes = np.linalg.eigvalsh(noisy)
        else:
            modes = noisy
        divergence = np.mean([rule.apply(one, scale).divergence for one in modes])
        distance = float(np.square(estimate - base).sum()) / copies / self.modes_per_energy
        freedom = float(divergence) * self.network.freedom_unit(dim)
        error = distance - self.noise_energy + 2 * self.variance * freedom / self.modes_per_energy
        return float(np.sqrt(max(error + self.label_noise, 1e-12 * self.scale**2) / self.constraints))

    @property
    def modes(self) -> FloatArray:
        """Of a teacher with the modes that stand out of the noise, shape (d,), and the energy of the others spread."""
        edge = self.network.noise_edge(self.scale, self.found.dim)
        sizes = np.sort(np.abs(self.found.observed) if not self.network.is_matrix else self.found.observed)[::-1]
        out = np.array([self.network.freed_of_noise(size, self.scale)[0] if size > edge else 0.0 for size in sizes])
        missing = self.energy * self.modes_per_energy - float(out @ out)
        rest = out == 0
        if missing > 0 and rest.any():
            out[rest] = np.sqrt(missing / rest.sum())
        elif float(out @ out) > 0:
            out *= np.sqrt(self.energy * self.modes_per_energy / float(out @ out))
        return out


#: In the order in which they are told.
OF_WEIGHTS = (
    Signature("bulk", "check columns for dependence, and rows for copies; trust the test error alone", look_at_bulk),
    Signature(
        "message passing",
        "do not extrapolate: inputs or labels are not what state evolution is for; check on rows held out",
        look_at_messages,
    ),
)
