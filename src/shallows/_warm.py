"""``python -m shallows._warm``: compile the numerical kernels, so that the first command is as fast as the next."""

from __future__ import annotations

from .prediction import predict
from .problems import Problem
from .teachers import PowerLaw


def warm() -> None:
    """Touch every kernel that predictions use, on problems of no size."""
    teacher = PowerLaw(dim=8, gamma=1.0)
    for problem in (
        Problem("diagonal", teacher, samples=12, noise=0.1),
        Problem("quadratic", teacher, samples=40, noise=0.1),
        Problem("quadratic", teacher, samples=40, noise=0.1, width=3),
    ):
        predict(problem, weight_decay=0.5).to_dict()


if __name__ == "__main__":
    warm()
