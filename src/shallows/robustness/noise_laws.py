"""Laws of label noise, each of mean zero and variance one over all labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .._types import FloatArray

#: From a generator, inputs (n, d) and labels without noise (n,) to noise (n,).
NoiseLaw = Callable[[np.random.Generator, "FloatArray", "FloatArray"], "FloatArray"]
#: Share of labels that are gross errors, and how many times wider these are.
GROSS_SHARE, GROSS = 0.02, 10.0
#: Correlation of the noise of neighbouring rows.
MEMORY = 0.9


def gaussian(rng: np.random.Generator, inputs: FloatArray, truth: FloatArray) -> FloatArray:
    """What theory assumes."""
    return rng.standard_normal(truth.size)


def laplace(rng: np.random.Generator, inputs: FloatArray, truth: FloatArray) -> FloatArray:
    """Exponential tails."""
    return rng.laplace(scale=np.sqrt(0.5), size=truth.size)


def student_three(rng: np.random.Generator, inputs: FloatArray, truth: FloatArray) -> FloatArray:
    """Student's t with three degrees of freedom: no fourth moment, and no third."""
    return rng.standard_t(3.0, size=truth.size) / np.sqrt(3.0)


def student_near_two(rng: np.random.Generator, inputs: FloatArray, truth: FloatArray) -> FloatArray:
    """Student's t with 2.2 degrees of freedom: a variance that few data sets show."""
    return rng.standard_t(2.2, size=truth.size) * np.sqrt(0.2 / 2.2)


def gross_errors(rng: np.random.Generator, inputs: FloatArray, truth: FloatArray) -> FloatArray:
    """A few labels are off by ten times as much as the others."""
    wide = rng.random(truth.size) < GROSS_SHARE
    scale = 1 / np.sqrt(1 - GROSS_SHARE + GROSS_SHARE * GROSS**2)
    return scale * np.where(wide, GROSS, 1.0) * rng.standard_normal(truth.size)


def grows_with_signal(rng: np.random.Generator, inputs: FloatArray, truth: FloatArray) -> FloatArray:
    """As wide as the label is large."""
    size = float(np.sqrt(np.mean(truth**2))) or 1.0
    return truth / size * rng.standard_normal(truth.size)


def grows_with_input(rng: np.random.Generator, inputs: FloatArray, truth: FloatArray) -> FloatArray:
    """As wide as the first input, along which the teacher is strongest, is large."""
    return inputs[:, 0] * rng.standard_normal(truth.size)


def remembers(rng: np.random.Generator, inputs: FloatArray, truth: FloatArray) -> FloatArray:
    """Rows are a series in time, and their noise is a random walk that forgets."""
    from scipy.signal import lfilter

    steps = np.sqrt(1 - MEMORY**2) * rng.standard_normal(truth.size)
    steps[0] = rng.standard_normal()
    return np.asarray(lfilter([1.0], [1.0, -MEMORY], steps))
