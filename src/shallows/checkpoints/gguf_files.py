"""GGUF files, dequantised block by block by the reader of its makers."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CannotRead, MissingDependency
from .contents import Skipped, StoredTensor
from .local_files import regular_size
from .opened import Opened
from .stored_numbers import bits_of, check_memory, to_real

if TYPE_CHECKING:
    from pathlib import Path

_PLAIN = {
    "F32": "float32",
    "F16": "float16",
    "F64": "float64",
    "BF16": "bfloat16",
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
}


def open_gguf(path: Path) -> Opened:
    """Tensors of a file; those that are quantised are given back as floating-point numbers.

    Raises
    ------
    CannotRead
        If the file is damaged.
    MissingDependency
        Without the package ``gguf``.
    """
    try:
        import gguf
    except ImportError as error:
        raise MissingDependency("GGUF files need gguf: pip install 'shallows[checkpoints]'") from error
    regular_size(path)

    class Bounded(gguf.GGUFReader):
        """Reads nothing beyond the file's end, where counts that are too large would have it read for ever."""

        def _get(self, offset: int, dtype: Any, count: int = 1, override_order: Any = None) -> Any:
            if offset + np.dtype(dtype).itemsize * int(count) > len(self.data):
                raise ValueError("the file ends within its header")
            return super()._get(offset, dtype, count, override_order)

    try:
        reader = Bounded(path)
    except Exception as error:  # KeyError, IndexError, ValueError and others, by where the damage is
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
        raise CannotRead(f"is not a readable GGUF file ({reason})") from error
    tensors: list[StoredTensor] = []
    skipped: list[Skipped] = []
    for held in reader.tensors:
        try:
            tensors.append(_tensor(gguf, held, path.name))
        except CannotRead as error:
            skipped.append(Skipped(held.name, str(error), failed=True))
    return Opened(tensors, skipped)


def _tensor(gguf: Any, held: Any, file: str) -> StoredTensor:
    shape = tuple(int(count) for count in reversed(held.shape))
    kind = held.tensor_type.name
    if kind in _PLAIN:
        dtype = _PLAIN[kind]
        array = np.asarray(held.data).view(bits_of(dtype)).reshape(shape)
        return StoredTensor(held.name, shape, dtype, file, lambda: to_real(array, dtype), lambda: array)

    def read() -> Any:
        check_memory(shape, 4)
        try:
            with np.errstate(all="ignore"):  # damaged blocks come out not finite, which is told of the matrix
                values = gguf.quants.dequantize(held.data, held.tensor_type)
        except NotImplementedError as error:
            raise CannotRead(f"quantised as {kind}, which the reader cannot undo") from error
        if values.size != prod(shape):
            raise CannotRead("its blocks do not make its shape")
        return values.reshape(shape)

    return StoredTensor(held.name, shape, kind, file, read)
