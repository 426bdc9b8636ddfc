"""Thresholding rules: one object each, serving message passing (`apply`) and state evolution (`moments`).

To add one: subclass :class:`Denoiser`, decorate it with :func:`register`, give it ``network``, ``apply``,
``moments`` and ``default``. The test of moments against simulated observations then covers it; with ``proximal =
True`` so does the test that message passing, state evolution and the convex solver meet. A network's choice of rules is
its :class:`Rules`, in the file of the network.
"""

from __future__ import annotations

from .base import REGISTRY, RULES, Denoised, Denoiser, Rules, register
from .deep_diagonal import PowerThreshold
from .deep_quadratic import SpectralPowerThreshold, power_threshold_for_penalty
from .diagonal import HardThreshold, PosteriorMean, SoftThreshold, threshold_for_weight_decay
from .divergence import soft_divergence, spectral_divergence
from .quadratic import RotationallyInvariant, SpectralHardThreshold, SpectralSoftThreshold, threshold_for_penalty

__all__ = [
    "REGISTRY",
    "RULES",
    "Denoised",
    "Denoiser",
    "HardThreshold",
    "PosteriorMean",
    "PowerThreshold",
    "RotationallyInvariant",
    "Rules",
    "SoftThreshold",
    "SpectralHardThreshold",
    "SpectralPowerThreshold",
    "SpectralSoftThreshold",
    "power_threshold_for_penalty",
    "register",
    "soft_divergence",
    "spectral_divergence",
    "threshold_for_penalty",
    "threshold_for_weight_decay",
]


def __dir__() -> list[str]:
    return sorted(__all__)
