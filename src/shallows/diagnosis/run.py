"""From a checkpoint to verdicts: one matrix in memory at a time."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import shown
from .._version import __version__
from ..checkpoints import ResultStore, Skipped, fingerprint, merged, open_checkpoint, printable, weight_matrices
from ..errors import CannotRead, InvalidArgument
from .analysis import analyse_matrix
from .judgement import judge
from .layer import UNCHANGED, Change, LayerDiagnosis
from .model import DiagnosisSeries, ModelDiagnosis
from .singular_values import Decomposition, checked
from .theory_networks import network_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .._types import RealArray
    from ..checkpoints import WeightMatrix
    from .theory_networks import Training

#: Most principal angles that are told.
MOST_ANGLES = 10
#: What `DataParallel` and `torch.compile` put into the names of tensors.
WRAPPED = re.compile(r"^(?:(?:_orig_mod|module)\.)+|(?<=\.)_orig_mod\.")


def diagnose(
    source: Any,
    *,
    baseline: Any = None,
    layers: str | Sequence[str] | None = None,
    heads: bool = False,
    training: Training | None = None,
    store: Any = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> ModelDiagnosis:
    """Read the spectra of trained weights: what is noise, what was learned, and how sure that is.

    Parameters
    ----------
    source : path, torch.nn.Module or mapping of str to array
        Where the weights are; see :func:`shallows.checkpoints.open_checkpoint` for the files.
    baseline : same as `source`, optional
        The same model before training, or another checkpoint of it: every matrix is then judged by its change as well.
        Where `source` is an adapter (LoRA), its base: the adapter is added to it, and judged as its change.
    layers : str or sequence of str, optional
        Patterns such as ``"encoder.*"``: only these matrices.
    heads : bool
        Take attention projections apart into their heads.
    training : Training, optional
        Of a network that theory covers: its verdict is then theory's, and its errors are told.
    store : path, optional
        File that keeps what is finished, so that an interrupted run of a large model goes on where it stopped.
    progress : callable, optional
        Called with the name of a matrix, how many are behind, and how many there are.

    Returns
    -------
    ModelDiagnosis
        Every tensor is in it: analysed, or skipped with its reason.

    Raises
    ------
    InvalidArgument
        If `source` or `baseline` cannot be opened or hold no weights, or `layers` matches nothing.

    Notes
    -----
    Theory note, section 16; the definitions of the verdicts and how often they are right: docs/diagnosis.md.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows import diagnose
    >>> rng = np.random.default_rng(0)
    >>> planted = 40 * np.outer(rng.normal(size=300), rng.normal(size=100)) / np.sqrt(300 * 100)
    >>> found = diagnose({"noise": rng.normal(size=(300, 100)), "learned": planted + rng.normal(size=(300, 100))})
    >>> [(layer.name, layer.verdict.name, layer.num_outliers) for layer in found]
    [('noise', 'noise', 0), ('learned', 'bulk+spikes', 1)]
    """
    with ExitStack() as opened:
        checkpoint = opened.enter_context(open_checkpoint(source))
        title = checkpoint.title
        before = None if baseline is None else opened.enter_context(open_checkpoint(baseline))
        if before is not None and any(matrix.kind == "adapter" for matrix in weight_matrices(checkpoint)[0]):
            checkpoint = merged(before, checkpoint)
        matrices, skipped = weight_matrices(checkpoint, heads=heads, layers=layers)
        if not matrices and not skipped:
            raise InvalidArgument("source", title, "holds no tensors")
        others: dict[str, WeightMatrix] = {}
        if before is not None:
            others = _partners(matrices, weight_matrices(before, heads=heads)[0])
            if not others:
                raise InvalidArgument("baseline", before.title, "has no matrix of the same name as the checkpoint's")
        kept = None
        if store is not None:
            of_baseline = "" if before is None else fingerprint(before)
            kept = opened.enter_context(ResultStore(store, fingerprint(checkpoint, (__version__, heads, of_baseline))))
        network, risk, made_of = (None, None, ()) if training is None else network_in(checkpoint, training)
        left = [matrix for matrix in matrices if not set(matrix.tensors) & set(made_of)]
        found, failed = _diagnose_all(left, others, kept, progress)
        whole = tuple(found) if network is None else (network, *found)
        passed = [one for one in skipped if one.name not in made_of]
        beside = "" if before is None else before.title
        return ModelDiagnosis(title, checkpoint.format, whole, (*passed, *failed), beside, risk)


def _partners(matrices: Sequence[WeightMatrix], before: Sequence[WeightMatrix]) -> dict[str, WeightMatrix]:
    """The baseline's matrix for each, by its name, or by its name without what wrappers of a module put into it."""
    exact = {name: one for one in before for name in (one.name, *one.also)}
    plain = {WRAPPED.sub("", name): one for name, one in exact.items()}
    found = {matrix.name: exact.get(matrix.name, plain.get(WRAPPED.sub("", matrix.name))) for matrix in matrices}
    return {name: one for name, one in found.items() if one is not None}


def diagnose_series(sources: Iterable[Any], **options: Any) -> DiagnosisSeries:
    """Diagnose several checkpoints of one model, such as those along its training.

    Every option of :func:`diagnose` may be given and holds for each of them, but `store`, which is for one checkpoint.

    Parameters
    ----------
    sources : iterable
        At least two of what :func:`diagnose` takes.

    Returns
    -------
    DiagnosisSeries

    Raises
    ------
    InvalidArgument
        For fewer than two, for a `store`, and as :func:`diagnose` does.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.diagnosis import diagnose_series
    >>> rng = np.random.default_rng(0)
    >>> series = diagnose_series([{"w": rng.normal(size=(90, 60))} for _ in range(2)])
    >>> [model.verdicts for model in series.models]
    [{'noise': 1}, {'noise': 1}]
    """
    sources = list(sources)
    if len(sources) < 2:
        raise InvalidArgument("sources", f"{len(sources)} checkpoints", "a series needs two at least")
    if options.get("store") is not None:
        raise InvalidArgument("store", shown(str(options["store"])), "is for one checkpoint")
    return DiagnosisSeries(tuple(diagnose(source, **options) for source in sources))


def _diagnose_all(
    matrices: Sequence[WeightMatrix],
    others: dict[str, WeightMatrix],
    store: ResultStore | None,
    progress: Callable[[str, int, int], None] | None,
) -> tuple[list[LayerDiagnosis], list[Skipped]]:
    found, failed = [], []
    known = {} if store is None else store.results
    for i, matrix in enumerate(matrices):
        if progress is not None:
            progress(printable(matrix.name), i, len(matrices))
        if matrix.name in known:
            found.append(LayerDiagnosis.from_record(known[matrix.name]))
            continue
        try:
            found.append(diagnose_matrix(matrix, others.get(matrix.name)))
        except (CannotRead, InvalidArgument, np.linalg.LinAlgError) as error:
            failed.append(Skipped(matrix.name, str(error), failed=True))
            continue
        if store is not None:
            store.add(matrix.name, found[-1].to_record())
    if progress is not None and matrices:
        progress("done", len(matrices), len(matrices))
    return found, failed


def diagnose_matrix(matrix: WeightMatrix, before: WeightMatrix | None = None) -> LayerDiagnosis:
    """Spectrum and verdict of one matrix, and of its change since `before`."""
    weights = matrix.read()
    spectrum = analyse_matrix(weights)
    one = LayerDiagnosis(matrix.name, matrix.kind, matrix.made, spectrum, judge(spectrum))
    if before is None:
        return one
    if before.shape != matrix.shape:
        return _remarked(one, f"the baseline's is {before.shape[0]} x {before.shape[1]}: no change is told")
    earlier = before.read()
    if np.array_equal(weights, earlier):
        return _remarked(one, UNCHANGED)
    return replace(one, change=_change(weights, earlier, max(1, len(spectrum.outliers))))


def _remarked(layer: LayerDiagnosis, remark: str) -> LayerDiagnosis:
    return replace(layer, spectrum=replace(layer.spectrum, remarks=(*layer.spectrum.remarks, remark)))


def _change(after: RealArray, before: RealArray, count: int) -> Change:
    angles = principal_angles(after, before, min(count, MOST_ANGLES, *after.shape))
    size = float(np.linalg.norm(before))
    difference = after - before
    spectrum = analyse_matrix(difference)
    relative = spectrum.norm / size if size > 0 else None
    return Change(spectrum, judge(spectrum), relative, angles)


def principal_angles(one: RealArray, other: RealArray, count: int) -> tuple[float, ...]:
    """Angles in degrees, increasing, between the leading `count` left singular vectors of two matrices.

    Parameters
    ----------
    one, other : ndarray, shape (m, n)
    count : int
        At most ``min(m, n)``.

    Returns
    -------
    tuple of float
        `count` of them.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.diagnosis import principal_angles
    >>> np.round(principal_angles(np.diag([3.0, 2.0, 1.0]), np.diag([1.0, 3.0, 2.0]), 2)).tolist()
    [0.0, 90.0]
    """
    from scipy.linalg import subspace_angles

    leading = [Decomposition(checked(matrix)[0]).leading(count)[0] for matrix in (one, other)]
    return tuple(sorted(float(np.degrees(angle)) for angle in subspace_angles(*leading)))
