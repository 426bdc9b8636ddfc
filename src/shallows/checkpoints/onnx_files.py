"""Initialisers of ONNX models, with what the graph says of how they are applied."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import shown
from ..errors import CannotRead, InvalidArgument, MissingDependency
from .array_sources import array_tensor
from .contents import Skipped, StoredTensor
from .local_files import regular_size
from .opened import Opened
from .stored_numbers import bits_of, check_memory, to_real

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from .changes import PlannedTensor

#: The format's names of types that NumPy lacks.
_SMALL = {
    "BFLOAT16": "bfloat16",
    "FLOAT8E4M3FN": "float8_e4m3fn",
    "FLOAT8E4M3FNUZ": "float8_e4m3fnuz",
    "FLOAT8E5M2": "float8_e5m2",
    "FLOAT8E5M2FNUZ": "float8_e5m2fnuz",
    "FLOAT8E8M0": "float8_e8m0fnu",
}


def open_onnx(path: Path) -> Opened:
    """Initialisers of a model; those in a file beside it are read from there when asked for.

    Raises
    ------
    CannotRead
        If the file is no ONNX model.
    MissingDependency
        Without the package ``onnx``.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingDependency("ONNX files need onnx: pip install 'shallows[checkpoints]'") from error
    regular_size(path)
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # a protobuf that cannot be decoded is told in several ways
        raise CannotRead(f"is not a readable ONNX file ({type(error).__name__})") from error
    facts = _facts(onnx, model.graph)
    tensors: list[StoredTensor] = []
    skipped: list[Skipped] = []
    for held in model.graph.initializer:
        try:
            found = _tensor(onnx, held, path)
            tensors.append(replace(found, name=_name(held), layer=facts.get(held.name, {})))
        except CannotRead as error:
            skipped.append(Skipped(_name(held), str(error), failed=True))
    skipped += [
        Skipped(_name(held.values), "a sparse initialiser is not read", failed=True)
        for held in model.graph.sparse_initializer
    ]
    if not tensors and not skipped:
        raise CannotRead("holds no initialisers")
    return Opened(tensors, skipped, layout=path)


def _tensor(onnx: Any, held: Any, path: Path) -> StoredTensor:
    shape = tuple(held.dims)
    kind = onnx.TensorProto.DataType.Name(held.data_type) if held.data_type in _codes(onnx) else "?"
    load = _loader(onnx, held, path)
    if any(count < 0 for count in shape):
        raise CannotRead("its shape has a negative size")
    if kind in _SMALL:
        dtype = _SMALL[kind]
        bits = bits_of(dtype)
        return StoredTensor(
            held.name, shape, dtype, path.name, lambda: to_real(load().view(bits), dtype), lambda: load().view(bits)
        )
    try:
        plain = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(held.data_type))
    except (KeyError, TypeError) as error:
        raise CannotRead(f"numbers of type {kind} are not known") from error
    return array_tensor(held.name, shape, plain, path.name, load)


def _name(held: Any) -> str:
    """Of a tensor; bytes where the file's are no text."""
    return held.name if isinstance(held.name, str) else bytes(held.name).decode(errors="replace")


def _codes(onnx: Any) -> set[int]:
    return set(onnx.TensorProto.DataType.values())


def _loader(onnx: Any, held: Any, path: Path) -> Callable[[], NDArray[Any]]:
    def load() -> NDArray[Any]:
        itemsize = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(held.data_type)).itemsize
        check_memory(tuple(held.dims), itemsize)
        try:
            return np.asarray(onnx.numpy_helper.to_array(held, base_dir=str(path.parent)))
        except Exception as error:  # external data that leads elsewhere, too few bytes: errors of several kinds
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
            raise CannotRead(f"is damaged ({reason})") from error

    return load


def _facts(onnx: Any, graph: Any) -> dict[str, dict[str, Any]]:
    """What the nodes that take an initialiser as their weights say of it."""
    found: dict[str, dict[str, Any]] = {}
    for node in graph.node:
        given = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute if item.type in (1, 2)}
        if len(node.input) < 2:
            continue
        weights = node.input[1]
        if node.op_type == "MatMul":
            found[weights] = {"kind": "MatMul", "transposed": True}
        elif node.op_type == "Gemm":
            found[weights] = {"kind": "Gemm", "transposed": not given.get("transB", 0)}
        elif node.op_type in ("Conv", "ConvTranspose"):
            groups = given.get("group", 1)
            found[weights] = {"kind": node.op_type, "base": "_ConvNd", "groups": groups}
            found[weights]["convolution_transposed"] = node.op_type == "ConvTranspose"
        elif node.op_type in ("LSTM", "GRU", "RNN"):
            for name in node.input[1:3]:
                found[name] = {"kind": node.op_type, "gates": {"LSTM": 4, "GRU": 3, "RNN": 1}[node.op_type]}
        elif node.op_type == "DequantizeLinear":
            extra = node.input[2] if len(node.input) > 2 else ""
            found[node.input[0]] = {"scale": weights, "zero_point": extra, "axis": given.get("axis", 1)}
        elif node.op_type == "Gather":
            found[node.input[0]] = {"kind": "Embedding"}
    return found


def onnx_copy(source: Path, plan: Sequence[PlannedTensor], path: Path) -> None:
    """Write the model in `source` with other values in some of its initialisers, all of it in one file.

    Raises
    ------
    InvalidArgument
        If a tensor is to become two factors, which would be another graph.
    """
    import onnx

    model = onnx.load(source)
    held = {_name(item): item for item in model.graph.initializer}
    for item in plan:
        if item.name not in held:
            raise InvalidArgument("changes", shown(item.name), "no factors in ONNX: they would be another graph")
        if item.changed:
            tensor = held[item.name]
            for field in ("float_data", "double_data", "int32_data"):
                tensor.ClearField(field)
            tensor.raw_data = np.ascontiguousarray(item.stored()).tobytes()
    onnx.save(model, path)
