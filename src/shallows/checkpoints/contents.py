"""What a checkpoint is made of, whatever the file: tensors that are read on demand, and what could not be read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .._display import Displayed, Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

    from .._types import RealArray
    from .layouts import Layout


@dataclass(frozen=True, repr=False)
class Skipped(Displayed):
    """A tensor or a file that was not analysed, and why.

    Attributes
    ----------
    name : str
        Of the tensor, or of the file.
    reason : str
        In words, without a full stop.
    failed : bool
        Whether something is wrong with it (damaged, not finite, missing); False where there is nothing to analyse
        (a bias, a norm's gain).

    Examples
    --------
    >>> from shallows.checkpoints import Skipped
    >>> Skipped("encoder.bias", "a vector: no spectrum", failed=False).failed
    False
    """

    name: str
    reason: str
    failed: bool = False

    def _summary(self) -> Summary:
        return Summary("Cannot be used" if self.failed else "Nothing to analyse", [(self.name, self.reason)])

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return {"name": self.name, "reason": self.reason, "failed": self.failed}


@dataclass(frozen=True, repr=False)
class StoredTensor(Displayed):
    """A tensor that lies in a checkpoint, not yet read.

    Attributes
    ----------
    name : str
    shape : tuple of int
    dtype : str
        As stored, such as ``"float32"``, ``"bfloat16"`` or ``"int8"``.
    file : str
        Name of the file it lies in; empty for what lies in memory.
    read : callable
        Returns the values as floating-point numbers, shape `shape`: in single precision where that holds them all
        (float16, bfloat16, float8, float32), otherwise in double. May be a read-only view of the file: convert it
        piece by piece where memory matters. Raises :class:`shallows.errors.CannotRead` with the reason.
    raw : callable or None
        Returns the numbers as they are stored, an array of `shape` whose bits mean `dtype`; None where they are
        not kept as such (quantised by blocks).
    storage : hashable or None
        Equal for tensors that are known to be one and the same memory.
    layer : mapping of str to object
        What is known of the layer beyond the name, where the source says: ``kind`` (a class of layers, such as
        ``"Conv2d"``), ``groups``, ``heads``, ``kv_heads``, ``transposed`` (stored in x out), ``buffer`` and
        whether it is ``persistent``.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.checkpoints import StoredTensor
    >>> StoredTensor("w", (2, 2), "float64", "", lambda: np.eye(2)).read().tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    file: str
    read: Callable[[], RealArray]
    raw: Callable[[], NDArray[Any]] | None = None
    storage: Hashable = None
    layer: Mapping[str, Any] = field(default_factory=dict)

    def _summary(self) -> Summary:
        rows = [("name", self.name), ("shape", sized(self.shape)), ("dtype", self.dtype), ("file", self.file)]
        return Summary("Stored tensor", [row for row in rows if row[1]])


@dataclass(frozen=True, repr=False)
class WeightMatrix(Displayed):
    """A matrix of weights as a layer applies it, made of one or more stored tensors.

    Attributes
    ----------
    name : str
        The tensor's, with what part of it in brackets where it was split: ``attention.qkv.weight[query]``.
    kind : str
        ``linear``, ``convolution``, ``embedding``, ``attention``, ``recurrent`` or ``adapter``.
    shape : (int, int)
        Rows and columns.
    made : str
        How it was made of the stored tensor, such as ``"64 x 3 x 7 x 7 taken as 64 x 147"``; empty if as stored.
    tensors : tuple of str
        Names of the stored tensors it is made of.
    read : callable
        Returns the matrix, shape `shape`, with the precision of :attr:`StoredTensor.read`, perhaps as a read-only
        view of the file. Raises :class:`shallows.errors.CannotRead` with the reason, if an entry is not finite too.
    layout : Layout or None
        Where the matrix lies in the one tensor it is made of; None where it is computed (a product of two factors,
        or dequantised), and cannot be written back.
    also : tuple of str
        Names of other stored tensors with the same values (tied weights).

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.checkpoints import WeightMatrix
    >>> matrix = WeightMatrix("w", "linear", (2, 2), "", ("w",), lambda: np.eye(2))
    >>> matrix.read().shape == matrix.shape
    True
    """

    name: str
    kind: str
    shape: tuple[int, int]
    made: str
    tensors: tuple[str, ...]
    read: Callable[[], RealArray]
    layout: Layout | None = None
    also: tuple[str, ...] = ()

    def _summary(self) -> Summary:
        rows = [("name", self.name), ("shape", sized(self.shape)), ("kind", self.kind), ("made", self.made)]
        rows += [("tensors", ", ".join(self.tensors)), ("also", ", ".join(self.also))]
        return Summary("Matrix of weights", [row for row in rows if row[1]])


class Checkpoint(ABC):
    """Trained weights, wherever they lie. Use it as a context: files stay open until its end.

    Examples
    --------
    >>> from shallows.checkpoints import Checkpoint
    >>> [name for name in ("title", "format", "tensors", "skipped") if hasattr(Checkpoint, name)]
    ['title', 'format', 'tensors', 'skipped']
    """

    @property
    @abstractmethod
    def title(self) -> str:
        """What a reader calls it: the file's name, or the module's class."""

    @property
    @abstractmethod
    def format(self) -> str:
        """``safetensors``, ``pytorch``, ``numpy``, ``onnx``, ``gguf``, ``module`` or ``arrays``."""

    @property
    @abstractmethod
    def tensors(self) -> Sequence[StoredTensor]:
        """All that can be read, in the order of the file."""

    @property
    @abstractmethod
    def skipped(self) -> Sequence[Skipped]:
        """Files and tensors that cannot be, with their reasons."""

    @property
    def files(self) -> Sequence[Path]:
        """Files that hold the tensors; none for what lies in memory."""
        return ()

    @property
    def config(self) -> Mapping[str, Any]:
        """What lies beside the weights as ``config.json``, or is said of the whole model; empty if nothing."""
        return {}

    @property
    def metadata(self) -> Mapping[str, str]:
        """Text that the file carries beside its tensors."""
        return {}

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """Close what is open."""

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def sized(shape: tuple[int, ...]) -> str:
    """A shape as people write it.

    >>> sized((3, 2)), sized(())
    ('3 x 2', 'a number')
    """
    return " x ".join(map(str, shape)) or "a number"
