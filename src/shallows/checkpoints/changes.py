"""What is to be different in a copy of a checkpoint: tensors replaced, or written as two factors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import shown
from .._display import Displayed, Summary
from ..errors import CannotRead, InvalidArgument
from .adapters import LEFT, RIGHT
from .stored_numbers import all_finite, bits_of, from_real, is_real

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from .._types import RealArray
    from .contents import StoredTensor, WeightMatrix


@dataclass(frozen=True, eq=False, repr=False)
class Factors(Displayed):
    """Two matrices in the place of their product.

    Attributes
    ----------
    left : ndarray, shape (rows, rank)
    right : ndarray, shape (rank, columns)

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.checkpoints import Factors
    >>> Factors(np.ones((4, 1)), np.ones((1, 3))).rank
    1
    """

    left: RealArray
    right: RealArray

    def __post_init__(self) -> None:
        for name in ("left", "right"):
            value = np.asarray(getattr(self, name))
            if value.ndim < 2 or 0 in value.shape:
                raise InvalidArgument(name, f"shape {value.shape}", "must be a matrix that is not empty")
            object.__setattr__(self, name, value)
        if self.left.ndim != 2 or self.left.shape[1] != self.right.shape[0]:
            raise InvalidArgument("right", f"shape {self.right.shape}", f"must have {self.left.shape[-1]} rows")

    @property
    def rank(self) -> int:
        """Columns of the left one."""
        return int(self.left.shape[1])

    def _summary(self) -> Summary:
        rows, columns = self.left.shape[0], " x ".join(map(str, self.right.shape[1:]))
        return Summary("Two factors of a matrix", [("shape", f"{rows} x {columns}"), ("rank", str(self.rank))])


def tensor_changes(matrices: Iterable[WeightMatrix], new: Mapping[str, Any]) -> dict[str, Any]:
    """Changes of matrices as changes of the tensors they lie in, tied copies among them.

    Parameters
    ----------
    matrices : iterable of WeightMatrix
        Of :func:`weight_matrices`.
    new : mapping of str to ndarray, callable or Factors
        By the matrix's name: its new values, what returns them when they are written, or two factors of it.

    Returns
    -------
    dict
        For :func:`write_checkpoint`. Nothing is read yet.

    Raises
    ------
    InvalidArgument
        If there is no matrix of a name, its shape is another, or it cannot be put back: it was computed from several
        tensors, or is a part of one and given as factors.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.checkpoints import open_checkpoint, tensor_changes, weight_matrices
    >>> with open_checkpoint({"attn.in_proj_weight": np.ones((6, 2))}) as checkpoint:
    ...     matrices, _ = weight_matrices(checkpoint)
    >>> changes = tensor_changes(matrices, {"attn.in_proj_weight[key]": np.zeros((2, 2))})
    >>> changes["attn.in_proj_weight"](np.ones((6, 2))).sum(axis=1).tolist()
    [2.0, 2.0, 0.0, 0.0, 2.0, 2.0]
    """
    known = {matrix.name: matrix for matrix in matrices}
    parts: dict[str, list[tuple[WeightMatrix, Any]]] = {}
    changes: dict[str, Any] = {}
    for name, value in new.items():
        matrix = known.get(name)
        if matrix is None:
            raise InvalidArgument("new", shown(name), "is the name of no matrix")
        if matrix.layout is None:
            raise InvalidArgument("new", shown(name), "is made of several tensors and cannot be put back")
        names = (*matrix.tensors, *matrix.also)
        if isinstance(value, Factors):
            changes |= dict.fromkeys(names, _stored_factors(matrix, value))
            continue
        if not callable(value) and np.shape(value) != matrix.shape:
            raise InvalidArgument("new", f"{shown(name)} of shape {np.shape(value)}", f"its shape is {matrix.shape}")
        for tensor in names:
            parts.setdefault(tensor, []).append((matrix, value))
    return changes | {tensor: _Put(tuple(given)) for tensor, given in parts.items()}


def _stored_factors(matrix: WeightMatrix, factors: Factors) -> Factors:
    """Factors of the tensor as it is stored."""
    layout = matrix.layout
    assert layout is not None
    if not layout.whole or layout.axes is not None or layout.leading != 1:
        raise InvalidArgument("new", shown(matrix.name), "is a part of a tensor, or moved in it: no factors of that")
    if (factors.left.shape[0], prod(factors.right.shape[1:])) != matrix.shape:
        raise InvalidArgument("new", shown(matrix.name), f"the product of its factors must be {matrix.shape}")
    return Factors(factors.right.T, factors.left.T) if layout.transposed else factors


@dataclass(frozen=True, eq=False)
class _Put:
    """New values of a tensor from old ones."""

    parts: tuple[tuple[WeightMatrix, Any], ...]

    def __call__(self, old: NDArray[Any]) -> NDArray[Any]:
        values = old
        for matrix, given in self.parts:
            assert matrix.layout is not None
            new = np.asarray(given() if callable(given) else given)
            if new.shape != matrix.shape:
                raise InvalidArgument("new", f"{shown(matrix.name)} of shape {new.shape}", f"must be {matrix.shape}")
            values = matrix.layout.put(values, new)
        return values


@dataclass(frozen=True, eq=False)
class PlannedTensor:
    """A tensor of the copy: `stored` returns its numbers as they are stored, when it is its turn.

    Attributes
    ----------
    name : str
    shape : tuple of int
    dtype : str
    stored : callable
    changed : bool
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    stored: Callable[[], NDArray[Any]]
    changed: bool = False


def planned(tensors: Iterable[StoredTensor], changes: Mapping[str, Any]) -> list[PlannedTensor]:
    """Tensors of the copy, in order.

    Raises
    ------
    InvalidArgument
        If a change does not fit its tensor, or a tensor cannot be copied.
    """
    found: list[PlannedTensor] = []
    names = {tensor.name for tensor in tensors}
    for tensor in tensors:
        raw = tensor.raw
        if raw is None:
            raise InvalidArgument("source", shown(tensor.name), f"is stored as {tensor.dtype}, which is not written")
        if tensor.name not in changes:
            found.append(PlannedTensor(tensor.name, tensor.shape, tensor.dtype, raw))
            continue
        if not is_real(tensor.dtype):
            raise InvalidArgument("changes", shown(tensor.name), f"is stored as {tensor.dtype} and cannot be replaced")
        change = changes[tensor.name]
        if isinstance(change, Factors):
            found += _factored(tensor, change, names)
        else:
            _check_shape(tensor, change)
            cast = _Cast(tensor, change)
            found.append(PlannedTensor(tensor.name, tensor.shape, tensor.dtype, cast, changed=True))
    return found


def _check_shape(tensor: StoredTensor, change: Any) -> None:
    if not callable(change) and np.shape(change) != tensor.shape:
        given = f"{shown(tensor.name)} of shape {np.shape(change)}"
        raise InvalidArgument("changes", given, f"the tensor it replaces has {tensor.shape}")


def _factored(tensor: StoredTensor, factors: Factors, names: set[str]) -> list[PlannedTensor]:
    """Both factors under names of their own, the axes of a kernel kept at the right one."""
    rank, rest = factors.rank, tensor.shape[1:]
    if len(tensor.shape) < 2 or (factors.left.shape[0], prod(factors.right.shape[1:])) != (tensor.shape[0], prod(rest)):
        raise InvalidArgument("changes", shown(tensor.name), f"the product of its factors must be {tensor.shape}")
    out = []
    for end, values, shape in (
        (LEFT, factors.left, (tensor.shape[0], rank)),
        (RIGHT, factors.right.reshape(rank, *rest), (rank, *rest)),
    ):
        name = tensor.name + end
        if name in names:
            raise InvalidArgument("changes", shown(tensor.name), f"there is a tensor {shown(name)} already")
        cast = _Cast(replace(tensor, name=name, shape=shape), values)
        out.append(PlannedTensor(name, shape, tensor.dtype, cast, changed=True))
    return out


@dataclass(frozen=True, eq=False)
class _Cast:
    """New values of a tensor, as its type stores them."""

    tensor: StoredTensor
    change: Any

    def __call__(self) -> NDArray[Any]:
        values = self.change
        if isinstance(values, _Put):
            try:
                values = values(self.tensor.read())
            except CannotRead as error:
                raise InvalidArgument("source", shown(self.tensor.name), str(error)) from error
        elif callable(values):
            values = values()
        array = np.asarray(values)
        _check_shape(self.tensor, array)
        name, dtype = shown(self.tensor.name), self.tensor.dtype
        if array.dtype.kind not in "fiu" or not all_finite(array):
            raise InvalidArgument("changes", name, "must be finite numbers")
        try:
            return from_real(array, dtype).astype(bits_of(dtype), copy=False)
        except (OverflowError, ValueError) as error:
            raise InvalidArgument("changes", name, str(error)) from error
