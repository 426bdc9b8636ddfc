"""Thresholding rules: one object each, serving message passing (`apply`) and state evolution (`moments`).

To add one: subclass :class:`Denoiser`, decorate it with :func:`register`, give it ``network``, ``apply``,
``moments`` and ``default``. The test of moments against simulated observations then covers it; with ``proximal =
True`` so does the test that message passing, state evolution and the convex solver meet.
"""

from __future__ import annotations

from .base import REGISTRY, Denoised, Denoiser, register
from .divergence import soft_divergence, spectral_divergence
from .scalar import HardThreshold, PosteriorMean, SoftThreshold
from .spectral import RotationallyInvariant, SpectralHardThreshold, SpectralSoftThreshold

__all__ = [
    "REGISTRY",
    "Denoised",
    "Denoiser",
    "HardThreshold",
    "PosteriorMean",
    "RotationallyInvariant",
    "SoftThreshold",
    "SpectralHardThreshold",
    "SpectralSoftThreshold",
    "register",
    "soft_divergence",
    "spectral_divergence",
]
