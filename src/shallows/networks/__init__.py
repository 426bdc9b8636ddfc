"""The networks that are trained: one file each, found by name.

A network is an object that knows its units, the exact maps between its own and its effective weights, and its words; it
needs no solver for any of them. Whatever else a network can do is an implementation of a :class:`Capability` in the
folder that does the work. Nothing outside this folder asks for a network's name.

>>> from shallows.networks import network_named
>>> quadratic = network_named("quadratic")
>>> quadratic.effective_samples(samples=26515, dim=400)
66.2875
>>> quadratic.noise_edge(noise_scale=0.5, dim=1000)
1.01
"""

from __future__ import annotations

from . import diagonal, quadratic  # noqa: F401, the two of the paper are registered first
from .attention import Attention
from .base import Network, Words
from .diagonal import Diagonal
from .quadratic import Quadratic
from .registry import Capability, network_named, network_names, network_with, paper_networks, register

__all__ = [
    "Attention",
    "Capability",
    "Diagonal",
    "Network",
    "Quadratic",
    "Words",
    "network_named",
    "network_names",
    "network_with",
    "paper_networks",
    "register",
]


def __dir__() -> list[str]:
    return sorted(__all__)
