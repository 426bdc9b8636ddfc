"""Which matrices a stored tensor is made of: one, or parts, gates, heads, groups or experts, or none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING

from ..errors import CannotRead, InvalidArgument
from .layer_names import LayerName, heads_of
from .layouts import Layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .contents import Checkpoint, StoredTensor

#: Gates in the order in which PyTorch stacks them, by their number.
GATES = {4: ("input gate", "forget gate", "cell", "output gate"), 3: ("reset gate", "update gate", "new"), 1: ("",)}
#: Models that keep query, key and value of one head together.
_BY_HEAD = ("gpt_neox", "gpt_neox_japanese", "bloom")
#: Names of layers that some models store the other way round.
_MAYBE_TRANSPOSED = ("c_attn", "c_proj", "c_fc", "q_attn")
#: Longest kernel by which a tensor of three axes is known for a convolution without being named one.
_KERNEL = 31
#: Most channels of an image.
_IMAGE_CHANNELS = 4


@dataclass(frozen=True)
class Piece:
    """One matrix in a stored tensor.

    Attributes
    ----------
    label : str
        What part of the tensor it is; empty for all of it.
    kind : str
        As in :class:`WeightMatrix`.
    layout : Layout
    made : str
    role : str
        In attention; empty elsewhere.
    """

    label: str
    kind: str
    layout: Layout
    made: str = ""
    role: str = ""


@dataclass(frozen=True)
class Surroundings:
    """What else of a checkpoint tells how a tensor is applied.

    Attributes
    ----------
    tensors : mapping of str to StoredTensor
    heads, shared_heads : int or None
        Heads of attention; of keys and values where they are fewer.
    head_size : int or None
    model : str
        Type of model as its settings name it.
    split_heads : bool
    """

    tensors: Mapping[str, StoredTensor]
    heads: int | None
    shared_heads: int | None
    head_size: int | None
    model: str
    split_heads: bool

    @classmethod
    def of(cls, checkpoint: Checkpoint, split_heads: bool, num_heads: int | None) -> Surroundings:
        """Those of a checkpoint."""
        config = dict(checkpoint.config)
        heads, shared = heads_of(config)
        if num_heads is not None:
            shared = shared if heads == num_heads else None
            heads = num_heads
        size, width = config.get("head_dim"), config.get("hidden_size", config.get("n_embd"))
        if not isinstance(size, int) and isinstance(width, int) and heads:
            size = width // heads
        tensors = {tensor.name: tensor for tensor in checkpoint.tensors}
        model = config.get("model_type")
        return cls(
            tensors,
            heads,
            shared,
            size if isinstance(size, int) and size > 0 else None,
            model if isinstance(model, str) else "",
            split_heads,
        )

    def heads_at(self, name: LayerName) -> int | None:
        """Heads of the layer of attention that holds the tensor, from the module itself where there is one."""
        for leaf in ("in_proj_weight", "q_proj_weight"):
            for place in (name.parts[:-1], name.parts[:-2]):
                found = self.tensors.get(".".join((*place, leaf)))
                if found is not None and "heads" in found.layer:
                    return int(found.layer["heads"])
        return self.heads


def pieces(tensor: StoredTensor, around: Surroundings) -> list[Piece]:
    """Matrices that a tensor of floating-point numbers is made of.

    Raises
    ------
    CannotRead
        If there is none, with the reason.
    """
    name, shape = LayerName.of(tensor.name), tensor.shape
    if tensor.layer.get("buffer"):
        raise CannotRead("a buffer of the module, not trained")
    if prod(shape) == 0:
        raise CannotRead(f"empty ({_times(shape)})")
    if prod(shape) == 1:
        raise CannotRead("a single number: no spectrum")
    if max(shape) == prod(shape):
        raise CannotRead("a vector: no spectrum" if len(shape) == 1 else f"a vector ({_times(shape)}): no spectrum")
    if "mask" in name.leaf or (name.leaf == "bias" and len(shape) > 2):
        raise CannotRead("a mask or a table of biases, not weights of a layer")
    if name.leaf in ("A_log", "A_logs"):
        raise CannotRead("decay rates of a state space, not weights of a layer")
    gates = tensor.layer.get("gates")
    if gates is not None and len(shape) == 3:
        return _directions(shape, gates)
    if len(shape) == 2:
        return _recurrent(name, tensor, around) if name.recurrent else _linear(name, tensor, around)
    if len(shape) > 2 and (name.is_embedding or tensor.layer.get("kind") == "Embedding") and prod(shape[:-2]) == 1:
        return [_flat(Piece("", "embedding", Layout(leading=len(shape) - 1)), shape)]
    return _many_axes(name, tensor, around)


def _linear(name: LayerName, tensor: StoredTensor, around: Surroundings) -> list[Piece]:
    if tensor.layer.get("kind") == "Embedding" or (name.is_embedding and "base" not in tensor.layer):
        return [Piece("", "embedding", Layout())]
    role = name.role
    transposed = _is_transposed(name, tensor, around)
    made = f"stored as in x out ({_times(tensor.shape)}), transposed" if transposed else ""
    whole = Piece("", "attention" if role else "linear", Layout(transposed=transposed), made, role)
    if role == "fused":
        found = _unfused(whole, name, tensor, around)
    else:
        found = [whole]
    if not (around.split_heads and role):
        return found
    return [head for piece in found for head in _by_head(piece, name, tensor, around)]


def _is_transposed(name: LayerName, tensor: StoredTensor, around: Surroundings) -> bool:
    """Whether a matrix is stored as inputs x outputs."""
    if "transposed" in tensor.layer:
        return bool(tensor.layer["transposed"])
    if name.leaf == "kernel":
        return True
    if name.layer not in _MAYBE_TRANSPOSED:
        return False
    if tensor.shape[0] != tensor.shape[1]:
        bias = around.tensors.get(name.beside("bias"))
        if bias is not None:
            return bias.shape == (tensor.shape[1],)
    fused = [other for other in around.tensors.values() if LayerName.of(other.name).layer == "c_attn"]
    return any(len(other.shape) == 2 and other.shape[1] == 3 * other.shape[0] for other in fused)


def _unfused(whole: Piece, name: LayerName, tensor: StoredTensor, around: Surroundings) -> list[Piece]:
    """Query, key and value of a matrix that holds all three."""
    rows, columns = whole.layout.shape(tensor.shape)
    heads = around.heads_at(name)
    size, shared = around.head_size, around.shared_heads
    if name.layer == "query_key_value":
        if around.model in _BY_HEAD and heads and rows % (3 * heads) == 0:
            return [_interleaved(whole, index, heads, rows // (3 * heads)) for index in range(3)]
        return [_unsplit(whole)]
    widths = None
    if heads and size and rows == (heads + 2 * (shared or heads)) * size:
        widths = (heads * size, (shared or heads) * size, (shared or heads) * size)
    elif rows == 3 * columns and shared in (None, heads):
        widths = (columns, columns, columns)
    if widths is None:
        return [_unsplit(whole)]
    found, start = [], 0
    for role, width in zip(("query", "key", "value"), widths, strict=True):
        note = f"rows {start} to {start + width - 1} of {rows}"
        part = _part(whole.layout, range(start, start + width), "out")
        found.append(replace(whole, label=role, layout=part, made=_joined(whole.made, note), role=role))
        start += width
    return found


def _unsplit(whole: Piece) -> Piece:
    note = "query, key and value together: nothing says how they are stacked"
    return replace(whole, made=_joined(whole.made, note), role="")


def _interleaved(whole: Piece, index: int, heads: int, size: int) -> Piece:
    """Query, key or value where each head has its own three side by side."""
    rows = tuple((3 * head + index) * size + row for head in range(heads) for row in range(size))
    role = ("query", "key", "value")[index]
    note = f"{size} of every {3 * size} rows"
    layout = _part(whole.layout, rows, "out")
    return replace(whole, label=role, layout=layout, made=_joined(whole.made, note), role=role)


def _by_head(piece: Piece, name: LayerName, tensor: StoredTensor, around: Surroundings) -> list[Piece]:
    """A projection of attention, head by head."""
    heads = around.heads_at(name)
    if heads is None:
        raise InvalidArgument(
            "num_heads", None, f"must be given: nothing says how many heads the attention of {tensor.name} has"
        )
    if not piece.role:
        return [piece]
    rows, columns = piece.layout.shape(tensor.shape)
    side, width = ("in", columns) if piece.role == "output" else ("out", rows)
    fewer = around.shared_heads if piece.role in ("key", "value") else None
    if fewer and around.head_size and width == fewer * around.head_size:
        heads = fewer
    if width % heads:
        return [replace(piece, made=_joined(piece.made, f"not split: {width} is no multiple of {heads} heads"))]
    size = width // heads
    what = "columns" if side == "in" else "rows"
    found = []
    for head in range(heads):
        layout = _part(piece.layout, range(head * size, (head + 1) * size), side)
        label = f"{piece.label} head {head}".strip()
        note = f"{what} {head * size} to {(head + 1) * size - 1}" + (f" of its {piece.role}" if piece.label else "")
        found.append(replace(piece, label=label, layout=layout, made=_joined(piece.made, note)))
    return found


def _part(layout: Layout, chosen: range | tuple[int, ...], side: str) -> Layout:
    """Some of the outputs (rows of the matrix) or inputs (columns) of what `layout` takes."""
    by_rows = (side == "out") != layout.transposed
    before = layout.rows if by_rows else layout.columns
    if before is not None:  # a choice among what was chosen before
        chosen = before[chosen.start : chosen.stop] if isinstance(chosen, range) else tuple(before[i] for i in chosen)
    return replace(layout, rows=chosen) if by_rows else replace(layout, columns=chosen)


def _recurrent(name: LayerName, tensor: StoredTensor, around: Surroundings) -> list[Piece]:
    """Gates of an LSTM or GRU, as PyTorch stacks them."""
    rows = tensor.shape[0]
    if name.recurrent == "hr":
        return [Piece("", "recurrent", Layout())]
    leaf = name.leaf
    inner = around.tensors.get(name.beside(leaf.replace("weight_ih", "weight_hh")))
    projected = around.tensors.get(name.beside(leaf.replace("_ih", "_hr").replace("_hh", "_hr")))
    count = 4 if projected is not None else None
    if count is None and inner is not None and len(inner.shape) == 2 and inner.shape[1]:
        count = inner.shape[0] // inner.shape[1] if inner.shape[0] % inner.shape[1] == 0 else None
    if count not in GATES or rows % count:
        note = "all gates together: nothing says how many there are"
        return [Piece("", "recurrent", Layout(), note)]
    size = rows // count
    return [
        Piece(
            gate,
            "recurrent",
            Layout() if count == 1 else Layout(rows=range(index * size, (index + 1) * size)),
            "" if count == 1 else f"rows {index * size} to {(index + 1) * size - 1} of {rows}",
        )
        for index, gate in enumerate(GATES[count])
    ]


def _directions(shape: tuple[int, ...], gates: int) -> list[Piece]:
    """Gates of a recurrent layer in ONNX: directions x stacked gates x inputs; the order of gates is left unsaid."""
    if shape[1] % gates:
        raise CannotRead(f"{shape[1]} rows are no multiple of {gates} gates")
    size, found = shape[1] // gates, []
    for direction in range(shape[0]):
        for gate in range(gates):
            start = direction * shape[1] + gate * size
            label = f"direction {direction} gate {gate}" if gates > 1 else f"direction {direction}"
            note = f"{_times(shape)} stacked, rows {start} to {start + size - 1}"
            found.append(Piece(label, "recurrent", Layout(leading=2, rows=range(start, start + size)), note))
    return found


def _many_axes(name: LayerName, tensor: StoredTensor, around: Surroundings) -> list[Piece]:
    shape, known = tensor.shape, tensor.layer.get("base") == "_ConvNd"
    if not known and len(shape) == 3 and name.is_experts:
        return _experts(shape)
    channels_last = name.leaf == "kernel"
    kernel = shape[:-2] if channels_last else shape[2:]
    short = max(kernel) <= min(_KERNEL, *(shape[-2:] if channels_last else shape[:2])) or max(kernel) == 1
    if not known and len(shape) == 3 and not name.is_convolution and not short:
        raise CannotRead(f"{_times(shape)}: nothing says how its axes make a matrix")
    if len(shape) > 5:
        raise CannotRead(f"{_times(shape)}: has {len(shape)} axes")
    if channels_last:
        axes = (len(shape) - 1, len(shape) - 2, *range(len(shape) - 2))
        return [_flat(Piece("", "convolution", Layout(axes=axes)), shape)]
    groups = int(tensor.layer.get("groups", 1))
    inputs = shape[1]
    depthwise = inputs == 1 and (groups > 1 if known else _seems_depthwise(name, tensor, around))
    if depthwise:
        raise CannotRead(f"{_times(shape)}, one kernel for each channel (depthwise): a set of vectors, no matrix")
    whole = _flat(Piece("", "convolution", Layout()), shape)
    if tensor.layer.get("convolution_transposed"):
        whole = replace(whole, made=whole.made + " (inputs first: a transposed convolution)")
    if groups == 1 or shape[0] % groups:
        return [whole]
    size = shape[0] // groups
    return [
        replace(
            whole,
            label=f"group {group}",
            layout=Layout(rows=range(group * size, (group + 1) * size)),
            made=_joined(whole.made, f"rows {group * size} to {(group + 1) * size - 1}"),
        )
        for group in range(groups)
    ]


def _seems_depthwise(name: LayerName, tensor: StoredTensor, around: Surroundings) -> bool:
    """Whether kernels with one input channel filter channels one by one, rather than look at one channel of data.

    Where another convolution reads an image, they do. Otherwise the first of them reads the data, and the only one too.
    """
    if name.is_depthwise:
        return True
    kernel = tensor.shape[2:]
    if len(set(kernel)) > 1 or max(kernel) > _KERNEL:
        return False
    others = [other for other in around.tensors.values() if len(other.shape) > 2 and other.name != tensor.name]
    if any(1 < other.shape[1] <= _IMAGE_CHANNELS for other in others):
        return True
    single = [other.name for other in around.tensors.values() if len(other.shape) > 2 and other.shape[1] == 1]
    return single[0] != tensor.name


def _experts(shape: tuple[int, ...]) -> list[Piece]:
    return [
        Piece(
            f"expert {index}",
            "linear",
            Layout(leading=2, rows=range(index * shape[1], (index + 1) * shape[1])),
            f"one of {shape[0]} stacked in {_times(shape)}",
        )
        for index in range(shape[0])
    ]


def _flat(piece: Piece, shape: tuple[int, ...]) -> Piece:
    """With how its axes were joined."""
    return replace(piece, made=f"{_times(shape)} taken as {_times(piece.layout.shape(shape))}")


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(str(count) for count in shape) if shape else "a number"
