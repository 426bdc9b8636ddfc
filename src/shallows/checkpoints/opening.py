"""From whatever holds weights to a checkpoint: what kind of thing it is goes by its content, not by its name."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._arguments import shown
from ..errors import CannotRead, InvalidArgument
from .adapters import ADAPTER_SETTINGS, ADAPTER_WEIGHTS
from .array_sources import open_mapping, open_npy, open_npz
from .contents import Checkpoint, Skipped
from .gguf_files import open_gguf
from .local_files import first_bytes, folder_file, read_settings, settings_beside
from .onnx_files import open_onnx
from .opened import Opened, OpenedCheckpoint
from .pytorch_files import open_pytorch
from .pytorch_tensors import is_module, open_module
from .safetensors_files import MappedFile, looks_like_safetensors, read_header, stored_tensor

if TYPE_CHECKING:
    from collections.abc import Callable

_INDEX = ".index.json"
#: Endings of files of weights, in the order in which a folder is searched for them.
_ENDINGS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".npz", ".npy", ".onnx", ".gguf")
#: Files that training leaves beside the weights under the same endings.
_BESIDE = re.compile(r"optimizer|scheduler|scaler|rng_state|training_args")
_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<ending>\.\w+)")
_KNOWN = (
    "must be a safetensors, PyTorch, .npz, .npy, ONNX or GGUF file, a folder that holds one, a PyTorch module, or a "
    "mapping of names to arrays"
)


def open_checkpoint(source: Any) -> Checkpoint:
    """Trained weights, wherever they lie; what is in them is read when it is asked for.

    Parameters
    ----------
    source : path, mapping, torch.nn.Module or Checkpoint
        A file (safetensors, PyTorch, ``.npz``, ``.npy``, ONNX, GGUF), the index of a sharded one
        (``*.index.json``), a folder such as the Hugging Face hub's, a folder of a PEFT adapter, a mapping of names to
        arrays or tensors, or a module. Nothing in a file is run: pickles are read as PyTorch's ``weights_only`` does.

    Returns
    -------
    Checkpoint
        Every tensor is in its `tensors` or in its `skipped`.

    Raises
    ------
    InvalidArgument
        If there is nothing there, or nothing that can be read.
    MissingDependency
        If the format needs a package that is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.checkpoints import open_checkpoint
    >>> with open_checkpoint({"layer.weight": np.eye(3), "layer.bias": np.zeros(3)}) as checkpoint:
    ...     checkpoint.format, [tensor.name for tensor in checkpoint.tensors]
    ('arrays', ['layer.weight', 'layer.bias'])
    """
    if isinstance(source, Checkpoint):
        return source
    if is_module(source):
        return OpenedCheckpoint(type(source).__name__, "module", [open_module(source)], origin=source)
    if isinstance(source, Mapping):
        return OpenedCheckpoint("arrays", "arrays", [open_mapping(source)], origin=source)
    if not isinstance(source, (str, os.PathLike)) or not str(source):
        given = source if isinstance(source, str) else type(source).__name__
        raise InvalidArgument("source", given, _KNOWN)
    path = Path(source)
    try:
        if path.is_dir():
            return _open_folder(path)
        if path.name.endswith(_INDEX):
            return _open_index(path)
        kind, part = _open_file(path)
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a null character, a folder not to be read
        if isinstance(error, (InvalidArgument, ImportError)):
            raise
        reason = f"cannot be opened: {getattr(error, 'strerror', None) or error}"
        raise InvalidArgument("source", shown(str(source)), reason) from error
    except CannotRead as error:
        reason = "no such file" if str(error) == "the file is missing" else str(error)
        raise InvalidArgument("source", shown(str(source)), reason) from error
    beside = settings_beside(path.parent)
    if path.name in ADAPTER_WEIGHTS:
        beside |= settings_beside(path.parent, ADAPTER_SETTINGS)
    return OpenedCheckpoint(path.name, kind, [part], files=[path], config=beside, origin=path)


def _open_safetensors(path: Path) -> Opened:
    header, file = read_header(path), MappedFile(path)
    tensors = [stored_tensor(entry, file) for entry in header.entries]
    return Opened(tensors, list(header.skipped), file.close, header.metadata, header)


def _open_file(path: Path) -> tuple[str, Opened]:
    """Format of a file and what is in it."""
    opener, kind = _opener(first_bytes(path, 64), path.suffix.lower())
    return kind, opener(path)


def _opener(start: bytes, ending: str) -> tuple[Callable[[Path], Opened], str]:
    if start.startswith(b"GGUF"):
        return open_gguf, "gguf"
    if start.startswith(b"\x93NUMPY"):
        return open_npy, "numpy"
    if ending == ".keras" or start.startswith(b"\x89HDF"):
        raise CannotRead("is a file of Keras (HDF5), which is not read; save the weights as .npz or safetensors")
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):  # an archive: NumPy's, or PyTorch's
        return (open_npz, "numpy") if ending == ".npz" else (open_pytorch, "pytorch")
    if ending == ".safetensors" or looks_like_safetensors(start):
        return _open_safetensors, "safetensors"
    if ending == ".onnx":
        return open_onnx, "onnx"
    if start.startswith((b"\x80", b"\x1f\x8b")) or ending in (".pt", ".pth", ".bin", ".ckpt"):
        return open_pytorch, "pytorch"
    if ending in (".npz", ".npy", ".gguf"):
        raise CannotRead(f"is not a readable {ending} file")
    raise CannotRead("is of no known format; " + _KNOWN)


def _open_folder(folder: Path) -> Checkpoint:
    names = sorted(name for name in os.listdir(folder) if not os.path.isdir(folder / name))
    adapter = [name for name in ADAPTER_WEIGHTS if name in names]
    if adapter:
        config = settings_beside(folder) | settings_beside(folder, ADAPTER_SETTINGS)
        return _several(folder, adapter[:1], {}, config, [])
    indices = [name for name in names if name.endswith(_INDEX)]
    for ending in _ENDINGS:
        index = [name for name in indices if name.removesuffix(_INDEX).endswith(ending)]
        if len(index) == 1:
            return _open_index(folder / index[0], folder)
        found = [name for name in names if name.lower().endswith(ending) and not _BESIDE.search(name)]
        if found:
            shards, missing = _choose(folder, found)
            return _several(folder, shards, {}, settings_beside(folder), missing)
    deeper = sorted(
        {path.parent.name for ending in _ENDINGS for path in folder.glob(f"*/*{ending}") if path.parent.is_dir()}
    )
    hint = f"; there are some in {', '.join(shown(name) for name in deeper[:5])}" if deeper else ""
    raise InvalidArgument("source", shown(str(folder)), f"the folder holds no weights ({', '.join(_ENDINGS)}){hint}")


def _choose(folder: Path, names: list[str]) -> tuple[list[str], list[Skipped]]:
    """Files of one checkpoint among those of one ending: the only one, one of a customary name, or a set of shards."""
    for usual in ("model", "pytorch_model", "diffusion_pytorch_model"):
        exact = [name for name in names if Path(name).stem == usual]
        if exact:
            return exact[:1], []
    if len(names) == 1 and not _SHARD.fullmatch(names[0]):
        return names, []
    parts = [match for name in names if (match := _SHARD.fullmatch(name))]
    sets = {(match["stem"], match["count"], match["ending"]) for match in parts}
    if len(parts) < len(names) or len(sets) > 1:
        some = ", ".join(shown(name) for name in names[:6]) + (", ..." if len(names) > 6 else "")
        raise InvalidArgument("source", shown(str(folder)), f"holds several checkpoints; name one: {some}")
    there = {int(match["number"]) for match in parts}
    first = parts[0]
    stem, count, ending = first["stem"], first["count"], first["ending"]
    missing = [
        Skipped(f"{stem}-{number:05d}-of-{count}{ending}", "the file is missing", failed=True)
        for number in range(1, min(int(count), 10_000) + 1)
        if number not in there
    ]
    return names, missing


def _open_index(path: Path, origin: Path | None = None) -> Checkpoint:
    """A sharded checkpoint: the index says which file holds which tensor."""
    try:
        index = read_settings(path)
        table = index.get("weight_map")
        if not isinstance(table, dict) or not table:
            raise CannotRead('has no "weight_map" from tensors to files')
    except CannotRead as error:
        raise InvalidArgument("source", shown(str(path)), str(error)) from error
    shards = list(dict.fromkeys(name for name in table.values() if isinstance(name, str)))
    lost = [
        Skipped(name, "the index names no file for it", failed=True)
        for name, shard in table.items()
        if not isinstance(shard, str)
    ]
    return _several(
        path.parent,
        shards,
        table,
        settings_beside(path.parent),
        lost,
        origin=origin or path,
    )


def _several(
    folder: Path,
    names: list[str],
    table: dict[str, Any],
    config: dict[str, Any],
    skipped: list[Skipped],
    *,
    origin: Path | None = None,
) -> Checkpoint:
    """Files of one checkpoint in one folder; what `table` expects of each, where there is an index."""
    parts: list[Opened] = []
    files: list[Path] = []
    kinds: list[str] = []
    lost = list(skipped)
    for name in names:
        expected = [tensor for tensor, shard in table.items() if shard == name]
        try:
            path = folder_file(folder, name)
            kind, part = _open_file(path)
        except CannotRead as error:
            lost.append(Skipped(name, str(error), failed=True))
            lost += [Skipped(tensor, f"lies in {name}, which cannot be read", failed=True) for tensor in expected]
            continue
        there = {tensor.name for tensor in part.tensors} | {item.name for item in part.skipped}
        lost += [
            Skipped(tensor, f"the index has it in {name}, which lacks it", failed=True)
            for tensor in expected
            if tensor not in there
        ]
        parts.append(part)
        files.append(path)
        kinds.append(kind)
    if not parts:
        first = next((item for item in lost if item.failed), Skipped(str(folder), "there are no files"))
        place = str(origin or folder)
        raise InvalidArgument("source", shown(place), f"none of its files can be read: {first.name}: {first.reason}")
    name = (origin or folder).resolve().name
    return OpenedCheckpoint(name, kinds[0], parts, files=files, config=config, skipped=lost, origin=origin or folder)
