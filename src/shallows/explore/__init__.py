"""The explorer: a page in the browser on which predictions follow sliders; on a server, in a file, or in a notebook.

``shallows explore`` opens it. In a notebook:

>>> from shallows import Explorer, PowerLaw, Problem
>>> Explorer(Problem("quadratic", PowerLaw(400, 1.25), samples=8000, noise=0.1), weight_decay=0.1)
Explorer('network=quadratic&dim=400&samples=8000&weight_decay=0.1&gamma=1.25&noise=0.1')
"""

from __future__ import annotations

from .notebook import Explorer

__all__ = ["Explorer"]


def __dir__() -> list[str]:
    return sorted(__all__)
