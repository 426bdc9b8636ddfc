"""From stored tensors to matrices of weights, with every tensor accounted for."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np

from .._arguments import check_integer, shown
from ..errors import CannotRead, InvalidArgument
from .adapters import is_factor, products
from .contents import Skipped, WeightMatrix
from .pieces import Piece, Surroundings, pieces
from .quantised import dequantised, refusal
from .stored_numbers import all_finite, is_real, to_real
from .tied_weights import same_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .._types import RealArray
    from .contents import Checkpoint, StoredTensor
    from .layouts import Layout

#: How a factor of an adapter came about that has no other to be multiplied with.
ALONE = "one factor of an adapter, whose other is missing or does not fit"


def weight_matrices(
    checkpoint: Checkpoint,
    *,
    heads: bool = False,
    layers: str | Sequence[str] | None = None,
    num_heads: int | None = None,
) -> tuple[list[WeightMatrix], list[Skipped]]:
    """Matrices of weights in a checkpoint, and what in it is none.

    Convolutions are taken as ``outputs x (inputs times kernel)``, groups one by one where they are known; query, key
    and value that are stored as one are split, and so are the gates of recurrent layers; pairs of adapters are
    multiplied, integers dequantised where the custom is known. Of tensors with the same values the first is
    analysed. Each matrix says in `made` how it came about.

    Parameters
    ----------
    checkpoint : Checkpoint
    heads : bool
        Whether projections of attention are split head by head.
    layers : str or sequence of str, optional
        Only tensors whose name matches one of these patterns (``*``, ``?``, ``[...]``), or lies under one of these
        names: ``encoder.layer.0``.
    num_heads : int, optional
        Heads of attention, where nothing beside the weights says how many there are.

    Returns
    -------
    matrices : list of WeightMatrix
        In the order of the file.
    skipped : list of Skipped
        Every other tensor, and every file, with the reason.

    Raises
    ------
    InvalidArgument
        If a pattern matches nothing, or heads cannot be told apart.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.checkpoints import open_checkpoint, weight_matrices
    >>> with open_checkpoint({"conv.weight": np.ones((8, 3, 5, 5)), "conv.bias": np.zeros(8)}) as checkpoint:
    ...     matrices, skipped = weight_matrices(checkpoint)
    >>> [(one.name, one.kind, one.shape, one.made) for one in matrices]
    [('conv.weight', 'convolution', (8, 75), '8 x 3 x 5 x 5 taken as 8 x 75')]
    >>> [(one.name, one.reason) for one in skipped]
    [('conv.bias', 'a vector: no spectrum')]
    """
    if num_heads is not None:
        num_heads = check_integer("num_heads", num_heads)
    chosen = _chosen([tensor.name for tensor in checkpoint.tensors], layers)
    found = _Sorting(checkpoint, Surroundings.of(checkpoint, heads, num_heads), chosen)
    found.left_out()
    found.products()
    found.quantised()
    found.others()
    order = {tensor.name: index for index, tensor in enumerate(checkpoint.tensors)}
    matrices = sorted(found.matrices, key=lambda matrix: order[matrix.tensors[0]])
    return matrices, [*checkpoint.skipped, *sorted(found.skipped, key=lambda item: order[item.name])]


@dataclass
class _Sorting:
    """Tensors on their way to one of both lists; each step takes those it knows."""

    checkpoint: Checkpoint
    around: Surroundings
    chosen: set[str]

    def __post_init__(self) -> None:
        self.matrices: list[WeightMatrix] = []
        self.skipped: list[Skipped] = []
        self.open = {tensor.name: tensor for tensor in self.checkpoint.tensors}

    def left_out(self) -> None:
        """Those that were not asked for."""
        for name in [name for name in self.open if name not in self.chosen]:
            self.skip(name, "not among the layers that were asked for")

    def products(self) -> None:
        """Pairs of factors."""
        for pair in list(products(self.open, self.checkpoint.config)):
            self.matrices.append(
                WeightMatrix(pair.name, pair.kind, pair.shape, pair.note, pair.tensors, _finite(pair.read))
            )
            self.take(pair.tensors)

    def quantised(self) -> None:
        """Weights with scales beside them, and what is no weight by its type."""
        tensors = self.around.tensors
        for name, tensor in list(self.open.items()):
            pair = dequantised(tensor, tensors) if name in self.open else None
            if pair is None:
                continue
            for piece in self.pieces(tensor):
                made = "; ".join(filter(None, (pair.made, piece.made)))
                read = _finite(_taken(pair.read, piece.layout))
                self.matrices.append(replace(_described(tensor, piece), made=made, tensors=pair.tensors, read=read))
            for beside in pair.tensors[1:]:
                if name in self.open:  # its matrices are made of these too
                    self.take([beside])
                else:
                    self.skip(beside, f"belongs to {name}")
            self.take([name])
        for name, tensor in list(self.open.items()):
            reason = refusal(tensor, tensors)
            if reason is not None:
                self.skip(name, *reason)

    def others(self) -> None:
        """Tensors that are matrices by themselves."""
        found = {name: self.pieces(tensor) for name, tensor in list(self.open.items())}
        twins = same_values(list(self.open.values()))
        for name, tensor in list(self.open.items()):
            if name in twins:
                first, how = twins[name]
                self.skip(name, f"tied to {first}, which is analysed: {how}")
                continue
            also = tuple(twin for twin in found if twins.get(twin, ("",))[0] == name)
            for piece in found[name]:
                one = replace(_described(tensor, piece), layout=piece.layout, also=also)
                if is_factor(name):
                    one = replace(one, made="; ".join(filter(None, (one.made, ALONE))))
                self.matrices.append(replace(one, read=_finite(_reader(tensor, piece.layout))))
            self.take([name])

    def pieces(self, tensor: StoredTensor) -> list[Piece]:
        """Matrices of a tensor, which is skipped if there are none."""
        try:
            return pieces(tensor, self.around)
        except CannotRead as error:
            self.skip(tensor.name, str(error))
            return []

    def skip(self, name: str, reason: str, failed: bool = False) -> None:
        """Account for a tensor."""
        if self.open.pop(name, None) is not None:
            self.skipped.append(Skipped(name, reason, failed))

    def take(self, names: Iterable[str]) -> None:
        """Account for tensors that a matrix is made of."""
        for name in names:
            self.open.pop(name, None)


def _described(tensor: StoredTensor, piece: Piece) -> WeightMatrix:
    """A matrix of one tensor, of which the caller says how it is read."""
    name = f"{tensor.name}[{piece.label}]" if piece.label else tensor.name
    shape = piece.layout.shape(tensor.shape)
    return WeightMatrix(name, piece.kind, shape, piece.made, (tensor.name,), tensor.read)


def _reader(tensor: StoredTensor, layout: Layout) -> Callable[[], RealArray]:
    """Reads a part of a tensor; only that part is converted."""
    raw = tensor.raw
    if raw is None or not is_real(tensor.dtype):
        return _taken(tensor.read, layout)
    return lambda: to_real(layout.take(raw()), tensor.dtype)


def _taken(read: Callable[[], RealArray], layout: Layout) -> Callable[[], RealArray]:
    return lambda: layout.take(read())


def _finite(read: Callable[[], RealArray]) -> Callable[[], RealArray]:
    """The same, refusing what no spectrum can be had of."""

    def checked() -> RealArray:
        values = read()
        if not all_finite(values):
            count = values.size - int(np.count_nonzero(np.isfinite(values)))
            raise CannotRead(f"has entries that are NaN or infinite: {count} of {values.size}")
        return values

    return checked


def _chosen(names: Sequence[str], layers: str | Sequence[str] | None) -> set[str]:
    """Names that match a pattern, or lie under one."""
    if layers is None:
        return set(names)
    patterns = [layers] if isinstance(layers, str) else list(layers)
    if not patterns or not all(isinstance(pattern, str) and pattern for pattern in patterns):
        raise InvalidArgument("layers", layers, "must be one or several patterns of names, such as 'encoder.*'")
    chosen: set[str] = set()
    for pattern in patterns:
        matching = {name for name in names if fnmatchcase(name, pattern) or name == pattern}
        matching |= {name for name in names if name.startswith(f"{pattern}.")}
        if not matching:
            raise InvalidArgument("layers", pattern, f"matches no tensor{_close(pattern, names)}")
        chosen |= matching
    return chosen


def _close(pattern: str, names: Sequence[str]) -> str:
    """What may have been meant."""
    plain = pattern.strip("*?.")
    prefixes = {".".join(name.split(".")[:count]) for name in names for count in range(1, name.count(".") + 2)}
    close = difflib.get_close_matches(plain, sorted(prefixes), n=4, cutoff=0.5) or list(names[:3])
    return "; close are " + ", ".join(shown(name) for name in close) if close else ": there is none"
