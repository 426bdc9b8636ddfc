"""Who trains: the trainers that a problem allows, and what to say of those that did not do well."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from ..errors import InvalidArgument, MissingDependency
from ..training import GRADIENT_MODELS, TRAINERS
from .jobs import RESTARTS, label_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..prediction import Prediction
    from .measurements import Run

#: What can train: the equivalent convex problem with a certificate, and the network itself.
TRAINER_NAMES = ("convex", "gradient")


def choose_trainers(
    trainers: Sequence[str], prediction: Prediction, init_scales: Sequence[float] = ()
) -> tuple[list[str], list[str]]:
    """The trainers that can be used, in a fixed order, and notes about those that cannot.

    Where a problem is not convex and its trainer begins from many starts, message passing and the best of them stand
    in for the convex solver. Gradient training is done from each of the scales of initial weights.
    """
    allowed = 'must name at least one of "convex", "gradient"'
    names = [trainers] if isinstance(trainers, str) else list(trainers)
    if not names or any(name not in TRAINER_NAMES for name in names):
        raise InvalidArgument("trainers", trainers, allowed)
    problem, notes = prediction.problem, []
    chosen = [name for name in TRAINER_NAMES if name in names]
    if "convex" in chosen:
        TRAINERS.of(problem.network)
    if "gradient" in chosen and not GRADIENT_MODELS.has(problem.network):
        if chosen == ["gradient"]:
            GRADIENT_MODELS.of(problem.network)
        chosen.remove("gradient")
        notes.append(f"gradient training was left out: the {problem.network} network has none")
    many = TRAINERS.has(problem.network) and TRAINERS.of(problem.network).many_starts
    if "convex" in chosen and many and not problem.is_convex:
        if prediction.weight_decay == 0:
            raise InvalidArgument("weight_decay", 0, "deep networks are trained with a positive weight decay only")
        chosen[:1] = ["amp", "starts"]
        notes.append(
            "the training problem is not convex: message passing and the best of many starts stand in for the convex "
            "solver, none with a certificate, and where gradient training ends depends on its initial weights"
        )
    if "convex" in chosen and not problem.is_convex:
        if "gradient" not in chosen:
            raise InvalidArgument(
                "trainers", trainers, f"a width below dim = {problem.dim} is not a convex problem: use gradient"
            )
        chosen.remove("convex")
        notes.append(
            f"width {problem.effective_width} is below dim {problem.dim}: the problem is not convex, so only gradient "
            f"training applies (the lower objective of {RESTARTS} starts; no certificate that it is the global minimum)"
        )
    if "gradient" in chosen and prediction.weight_decay == 0:
        if chosen == ["gradient"]:
            raise InvalidArgument(
                "weight_decay / penalty",
                0,
                "gradient training needs a value > 0; the limit 0+ is for the convex solver",
            )
        chosen.remove("gradient")
        notes.append("gradient training was left out: it needs a positive weight decay")
    if "gradient" in chosen and find_spec("torch") is None:
        if chosen == ["gradient"]:
            raise MissingDependency("gradient training needs PyTorch: pip install shallows[train]")
        chosen.remove("gradient")
        notes.append("gradient training was left out: PyTorch is not installed (pip install shallows[train])")
    if "gradient" in chosen and init_scales:
        chosen[-1:] = ["gradient" if scale == 1 else f"gradient:{scale:g}" for scale in init_scales]
    return chosen, notes


def convergence_notes(name: str, runs: Sequence[Run]) -> list[str]:
    """What a reader should know of runs that diverged or stopped early."""
    notes = []
    diverged = [run for run in runs if not run.finite]
    stopped = [run for run in runs if run.finite and not run.fit.status.ok]
    if diverged:
        notes.append(f"{label_of(name)} diverged on {len(diverged)} of {len(runs)} data sets, which are left out")
    if stopped:
        statuses = ", ".join(sorted({run.fit.status.value for run in stopped}))
        notes.append(
            f"{label_of(name)} stopped short of its tolerance on {len(stopped)} of {len(runs)} data sets ({statuses})"
        )
    return notes
