"""Pruning a checkpoint to what stands out of the noise; a new checkpoint, never the old one.

Theory note, section 16 (Gavish and Donoho 2017).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import check_integer, check_number, shown
from .._display import Displayed, Summary
from .._numbers import number
from ..checkpoints import Factors, open_checkpoint, tensor_changes, weight_matrices, write_checkpoint
from ..errors import CannotRead, InvalidArgument
from ..freeprob.spiked import shrink
from .run import diagnose_matrix
from .singular_values import leading_vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .._types import FloatArray, RealArray
    from ..checkpoints import WeightMatrix
    from .layer import LayerDiagnosis
    from .model import ModelDiagnosis

#: The rule that needs no number: as many directions as stand out of the noise.
OUTLIERS = "outliers"
#: Whose outliers the best size is known of.
MARCHENKO_PASTUR = "Marchenko-Pastur"


@dataclass(frozen=True, repr=False)
class PrunedLayer(Displayed):
    """What became of one matrix.

    Attributes
    ----------
    name : str
    shape : (int, int)
    rank : int or None
        Directions kept; None where it was left as it is.
    energy_kept : float
        Share of the squared Frobenius norm in the directions kept.
    shrunk : bool
        Whether the singular values kept were brought to the best size for their noise.
    reason : str
        Why it was left as it is; else empty.

    Examples
    --------
    >>> from shallows.diagnosis import PrunedLayer
    >>> PrunedLayer("w", (100, 80), 3, 0.6, True, "").parameters
    540
    """

    name: str
    shape: tuple[int, int]
    rank: int | None
    energy_kept: float
    shrunk: bool
    reason: str

    @property
    def parameters(self) -> int:
        """Weights it takes, as two factors where that is fewer."""
        whole = self.shape[0] * self.shape[1]
        return whole if self.rank is None else min(whole, self.rank * sum(self.shape))

    def _summary(self) -> Summary:
        rows = [("name", self.name), ("shape", f"{self.shape[0]} x {self.shape[1]}")]
        if self.rank is None:
            return Summary("Matrix left as it is", [*rows, ("because", self.reason)])
        rows += [("rank", f"{self.rank} of {min(self.shape)}"), ("energy kept", f"{100 * self.energy_kept:.3g} %")]
        return Summary("Pruned matrix", [*rows, ("weights", str(self.parameters))])

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "name": self.name,
            "shape": list(self.shape),
            "rank": self.rank,
            "energy_kept": self.energy_kept,
            "shrunk": self.shrunk,
            "parameters": self.parameters,
            "reason": self.reason,
        }


@dataclass(frozen=True, repr=False)
class PrunedModel(Displayed):
    """A pruned checkpoint.

    Attributes
    ----------
    path : Path
        Where it was written.
    layers : tuple of PrunedLayer
    factored : bool
        Whether pruned matrices were written as two factors.
    before, after : float or None
        What the callback measured of both.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from shallows.diagnosis import prune_checkpoint
    >>> rng = np.random.default_rng(0)
    >>> planted = 40 * np.outer(rng.normal(size=300), rng.normal(size=100)) / np.sqrt(300 * 100)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(Path(folder, "model.npz"), w=planted + rng.normal(size=(300, 100)))
    ...     pruned = prune_checkpoint(Path(folder, "model.npz"), Path(folder, "pruned.npz"))
    ...     print([layer.rank for layer in pruned.layers], round(pruned.share_kept, 3))
    [1] 0.013
    """

    path: Path
    layers: tuple[PrunedLayer, ...]
    factored: bool
    before: float | None = None
    after: float | None = None

    @property
    def parameters_before(self) -> int:
        """Weights in all matrices."""
        return sum(layer.shape[0] * layer.shape[1] for layer in self.layers)

    @property
    def parameters(self) -> int:
        """Weights that are left, pruned matrices counted as two factors where that is fewer."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def share_kept(self) -> float:
        """Of the weights."""
        return self.parameters / self.parameters_before if self.parameters_before else 1.0

    def _summary(self) -> Summary:
        rows: list[tuple[str, ...]] = [("written", str(self.path))]
        rows.append(("weights", str(self.parameters), f"of {self.parameters_before} before"))
        measured = [("before", self.before), ("after", self.after)]
        rows += [(f"measured {name}", number(value)) for name, value in measured if value is not None]
        pruned = [one for one in self.layers if one.rank is not None]
        rows.append(("matrices pruned", str(len(pruned)), f"of {len(self.layers)}"))
        notes = [] if measured[1][1] is not None else ["what it costs is not in the spectrum: measure it on data"]
        return Summary("Pruned checkpoint", rows, notes=notes)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "written": str(self.path),
            "factored": self.factored,
            "parameters_before": self.parameters_before,
            "parameters": self.parameters,
            "share_kept": self.share_kept,
            "before": self.before,
            "after": self.after,
            "layers": [layer.to_dict() for layer in self.layers],
        }


@dataclass(frozen=True)
class _Plan:
    """Directions of one matrix that may be kept: their singular values now, and as they would be written."""

    matrix: WeightMatrix
    seen: FloatArray
    written: FloatArray
    energy: float
    shrunk: bool
    reason: str

    def worth(self) -> FloatArray:
        """Of each direction: the share of the matrix's energy it keeps, for each weight it costs."""
        return self.written**2 / (self.energy * sum(self.matrix.shape))


def prune_checkpoint(
    source: Any,
    path: str | Path,
    *,
    keep: str | int = OUTLIERS,
    budget: float | None = None,
    layers: str | Sequence[str] | None = None,
    factored: bool = False,
    force: bool = False,
    evaluate: Callable[[Any], float] | None = None,
    diagnosis: ModelDiagnosis | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> PrunedModel:
    """Write a checkpoint whose matrices keep what stands out of their noise, and nothing else.

    Parameters
    ----------
    source : path or mapping of str to array
        See :func:`shallows.checkpoints.open_checkpoint`; it is not changed.
    path : path
        The checkpoint to write, of the same format.
    keep : {"outliers"} or int
        As many directions as stand out of the noise of each matrix, brought to the best size for that noise; or this
        many, as they are. A matrix without outliers, or of which the noise is not known, is left as it is.
    budget : float, optional
        In place of `keep`: the share of all weights to be left, over 0 and at most 1, spent on those directions of all
        matrices that hold most energy for what they cost as factors.
    layers : str or sequence of str, optional
        Patterns such as ``"encoder.*"``: others are left as they are.
    factored : bool
        Write pruned matrices as two factors, where that is fewer weights.
    force : bool
        Replace `path` if it exists.
    evaluate : callable, optional
        Called with `source` and with `path` at the end: what it returns stands in the result.
    diagnosis : ModelDiagnosis, optional
        Of `source`, if it is there already: its spectra are not computed again.
    progress : callable, optional
        Called with the name of a matrix, how many are behind, and how many there are.

    Returns
    -------
    PrunedModel

    Raises
    ------
    InvalidArgument
        If an argument is unusable, or `source` cannot be read.

    Notes
    -----
    What it costs in quality is not known from the spectrum: measure it with `evaluate`. Theory note, section 16.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from shallows.diagnosis import prune_checkpoint
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(Path(folder, "model.npz"), w=np.diag(np.arange(1.0, 41.0)))
    ...     pruned = prune_checkpoint(Path(folder, "model.npz"), Path(folder, "small.npz"), keep=10)
    ...     kept = np.load(Path(folder, "small.npz"))["w"]
    >>> int(np.linalg.matrix_rank(kept)), pruned.parameters
    (10, 800)
    """
    if keep != OUTLIERS:
        if isinstance(keep, str):
            raise InvalidArgument("keep", shown(keep), f"must be {OUTLIERS} or a rank")
        keep = check_integer("keep", keep, minimum=1)
    if budget is not None:
        if keep != OUTLIERS:
            raise InvalidArgument("budget", budget, "stands in place of keep: give one of them")
        budget = check_number("budget", budget)
        if not 0 < budget <= 1:
            raise InvalidArgument("budget", budget, "must be a share of the weights, over 0 and at most 1")
    with open_checkpoint(source) as checkpoint:
        matrices, _ = weight_matrices(checkpoint, layers=layers)
        known = {} if diagnosis is None else {layer.name: layer for layer in diagnosis.layers}
        plans = []
        for i, matrix in enumerate(matrices):
            if progress is not None:
                progress(matrix.name, i, len(matrices))
            plans.append(_plan(matrix, known.get(matrix.name), every=keep != OUTLIERS or budget is not None))
        ranks = _ranks(plans, keep, budget)
        new, done = _changes(plans, ranks, factored=factored)
        written = write_checkpoint(checkpoint, tensor_changes(matrices, new), path, force=force)
    before, after = (None, None) if evaluate is None else (float(evaluate(source)), float(evaluate(written.path)))
    return PrunedModel(written.path, tuple(done), factored, before, after)


def _plan(matrix: WeightMatrix, layer: LayerDiagnosis | None, *, every: bool) -> _Plan:
    """What could be kept of a matrix: its outliers, or `every` direction."""
    nothing = np.empty(0)
    if matrix.layout is None:
        return _Plan(matrix, nothing, nothing, 1.0, False, "is computed from several tensors")
    try:
        layer = layer or diagnose_matrix(matrix)
    except CannotRead as error:
        return _Plan(matrix, nothing, nothing, 1.0, False, str(error))
    values, bulk = layer.spectrum.singular_values, layer.spectrum.bulk
    energy = layer.spectrum.norm**2
    if energy == 0:
        return _Plan(matrix, nothing, nothing, 1.0, False, "all entries are zero")
    known = bulk is not None and bulk.law == MARCHENKO_PASTUR and layer.spectrum.fitted_values is None
    if every:
        return _Plan(matrix, values, values, energy, False, "")
    if not layer.spectrum.beyond:
        why = layer.spectrum.no_bulk or "nothing stands out of its noise"
        return _Plan(matrix, nothing, nothing, energy, False, why)
    seen = values[: layer.spectrum.beyond]
    written = shrink(seen, bulk.scale, matrix.shape) if known and bulk is not None else seen
    return _Plan(matrix, seen, written, energy, known, "")


def _ranks(plans: list[_Plan], keep: str | int, budget: float | None) -> list[int]:
    """Directions to keep of each matrix."""
    most = [plan.written.size for plan in plans]
    if budget is None:
        return most if keep == OUTLIERS else [min(int(keep), count) for count in most]
    whole = [plan.matrix.shape[0] * plan.matrix.shape[1] for plan in plans]
    left = budget * sum(whole) - sum(count for plan, count in zip(plans, whole, strict=True) if plan.reason)
    worth = np.concatenate([plan.worth() for plan in plans]) if plans else np.empty(0)
    owner = np.repeat(np.arange(len(plans)), most)
    ranks = [0] * len(plans)
    for place in np.argsort(-worth, kind="stable"):
        i = owner[place]
        if ranks[i] == most[i]:  # whole already
            continue
        each = sum(plans[i].matrix.shape)
        cost = min((ranks[i] + 1) * each, whole[i]) - ranks[i] * each
        if cost > left:
            break
        left -= cost
        # As many factors as there are weights: the matrix itself is no larger, and exact.
        ranks[i] = most[i] if (ranks[i] + 1) * each >= whole[i] else ranks[i] + 1
    if plans and not any(ranks) and any(most):
        smallest = min(sum(plan.matrix.shape) for plan in plans if not plan.reason) / sum(whole)
        raise InvalidArgument("budget", budget, f"leaves nothing: one direction takes {smallest:.2g} of the weights")
    return ranks


def _changes(
    plans: list[_Plan], ranks: list[int], *, factored: bool
) -> tuple[dict[str, Callable[[], RealArray] | Factors], list[PrunedLayer]]:
    """New matrices by name, and what is told of each."""
    new: dict[str, Callable[[], RealArray] | Factors] = {}
    done = []
    for plan, rank in zip(plans, ranks, strict=True):
        matrix, reason = plan.matrix, plan.reason
        if not reason and rank == min(matrix.shape) and not plan.shrunk:
            reason = "all its directions are kept"
        if reason:
            done.append(PrunedLayer(matrix.name, matrix.shape, None, 1.0, False, reason))
            continue
        whole = matrix.layout is not None and matrix.layout.whole
        if factored and whole and 0 < rank * sum(matrix.shape) < matrix.shape[0] * matrix.shape[1]:
            new[matrix.name] = _kept(plan, rank)
        else:
            new[matrix.name] = partial(_kept_whole, plan, rank)
        kept = float(np.sum(plan.seen[:rank] ** 2)) / plan.energy
        done.append(PrunedLayer(matrix.name, matrix.shape, rank, kept, plan.shrunk, ""))
    return new, done


def _kept(plan: _Plan, rank: int) -> Factors:
    """The directions kept, as two factors that share their size evenly."""
    left, _, right = leading_vectors(plan.matrix.read(), rank)
    root = np.sqrt(plan.written[:rank])
    return Factors(left * root, (right * root).T)


def _kept_whole(plan: _Plan, rank: int) -> RealArray:
    if rank == 0:
        return np.zeros(plan.matrix.shape)
    factors = _kept(plan, rank)
    product: RealArray = factors.left @ factors.right
    return product
