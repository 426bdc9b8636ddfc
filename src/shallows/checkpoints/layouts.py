"""Where a matrix lies in a stored tensor: how it is taken out, and put back."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from .._display import Displayed, Summary, shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._types import RealArray


@dataclass(frozen=True, repr=False)
class Layout(Displayed):
    """A tensor's axes in another order, the leading ones made into rows and the others into columns, of which a part.

    Attributes
    ----------
    axes : tuple of int, or None
        Order in which the tensor's axes are taken; None as they are.
    leading : int
        How many of them make the rows.
    rows, columns : range, tuple of int, or None
        Which of the rows and columns belong to the matrix; None for all.
    transposed : bool
        Whether what was so taken is transposed at the end.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.checkpoints import Layout
    >>> kernel = np.arange(24.0).reshape(2, 3, 2, 2)
    >>> layout = Layout(columns=range(4))
    >>> matrix = layout.take(kernel)
    >>> matrix.shape, bool((layout.put(kernel, 0 * matrix)[:, 0] == 0).all()), layout.shape(kernel.shape)
    ((2, 4), True, (2, 4))
    """

    axes: tuple[int, ...] | None = None
    leading: int = 1
    rows: range | tuple[int, ...] | None = None
    columns: range | tuple[int, ...] | None = None
    transposed: bool = False

    def _summary(self) -> Summary:
        parts = [(name, part) for name, part in (("rows", self.rows), ("columns", self.columns)) if part is not None]
        rows = [("axes", "as they are" if self.axes is None else " ".join(map(str, self.axes)))]
        rows += [("leading", str(self.leading)), *((name, f"{len(part)} of them") for name, part in parts)]
        return Summary("Layout of a matrix in its tensor", [*rows, ("transposed", shown(self.transposed))])

    def take(self, tensor: RealArray) -> RealArray:
        """The matrix; a view where the layout allows one."""
        flat = self._flat(tensor)
        part: RealArray = flat[self._index(self.rows), :][:, self._index(self.columns)]
        return part.T if self.transposed else part

    def put(self, tensor: NDArray[Any], matrix: NDArray[Any]) -> NDArray[Any]:
        """A copy of `tensor` with `matrix` in the place of the one it has."""
        moved = tensor if self.axes is None else tensor.transpose(self.axes)
        flat = np.array(self._flat(tensor), dtype=np.result_type(tensor, matrix))
        rows, columns = np.arange(flat.shape[0])[self._index(self.rows)], self._index(self.columns)
        flat[rows[:, None], np.arange(flat.shape[1])[columns][None, :]] = matrix.T if self.transposed else matrix
        back = flat.reshape(moved.shape)
        return back if self.axes is None else np.ascontiguousarray(back.transpose(np.argsort(self.axes)))

    def shape(self, tensor_shape: tuple[int, ...]) -> tuple[int, int]:
        """Shape of the matrix in a tensor of this shape."""
        order = tensor_shape if self.axes is None else tuple(tensor_shape[axis] for axis in self.axes)
        counts = prod(order[: self.leading]), prod(order[self.leading :])
        parts = zip(counts, (self.rows, self.columns), strict=True)
        taken = [count if part is None else len(part) for count, part in parts]
        return (taken[1], taken[0]) if self.transposed else (taken[0], taken[1])

    @property
    def whole(self) -> bool:
        """Whether the matrix is all of the tensor."""
        return self.rows is None and self.columns is None

    def _flat(self, tensor: NDArray[Any]) -> NDArray[Any]:
        moved = tensor if self.axes is None else tensor.transpose(self.axes)
        return moved.reshape(prod(moved.shape[: self.leading]), -1)

    @staticmethod
    def _index(part: range | tuple[int, ...] | None) -> slice | list[int]:
        if part is None:
            return slice(None)
        return slice(part.start, part.stop, part.step) if isinstance(part, range) else list(part)
