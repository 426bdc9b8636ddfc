"""PyTorch's own files: state dicts, loaded without running anything that is in them."""

from __future__ import annotations

import copy
import re
import warnings
from typing import TYPE_CHECKING, Any

from ..errors import CannotRead, MissingDependency
from .adapters import LEFT, RIGHT
from .contents import Skipped
from .local_files import regular_size
from .opened import Opened
from .pytorch_tensors import as_tensor, is_tensor, torch_tensor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from .changes import PlannedTensor

#: Entries under which training scripts keep the state dict.
WRAPPERS = ("model", "state_dict", "model_state_dict", "module", "net", "network", "params", "weights")
#: Entries at the top that are not of the network.
_NOT_WEIGHTS = re.compile(r"optim|sched|scaler|rng|random", re.IGNORECASE)
_OF_TRAINING = "state of the training (optimiser, schedule or random numbers), no weight"


def open_pytorch(path: Path) -> Opened:
    """Tensors of a file of ``torch.save``, memory-mapped where its format allows; `layout` is what was loaded.

    Raises
    ------
    CannotRead
        If the file is damaged, or asks for more than tensors in plain containers.
    MissingDependency
        Without PyTorch.
    """
    content = load_pytorch(path)
    tensors, skipped = [], []
    for name, keys, value in named_tensors(content):
        name = name or path.stem
        if _of_training(keys):
            skipped.append(Skipped(name, _OF_TRAINING))
            continue
        try:
            tensors.append(torch_tensor(name, value, path.name))
        except CannotRead as error:
            skipped.append(Skipped(name, str(error), failed=True))
    return Opened(tensors, skipped, layout=content)


def named_tensors(content: Any) -> Iterator[tuple[str, tuple[Any, ...], Any]]:
    """Every tensor of a loaded file: its name, the keys that lead to it, and itself.

    The name is the keys, joined by dots; the first is left out where it is a customary one for the state dict, and all
    that is beside it is state of the training.
    """
    found = list(_walk(content, (), ()))
    tops = {keys[0] for keys, _ in found if keys and not _of_training(keys)}
    wrapped = len(tops) == 1 and tops <= set(WRAPPERS)
    for keys, value in found:
        kept = keys[1:] if wrapped and len(keys) > 1 and not _of_training(keys) else keys
        yield ".".join(str(key) for key in kept), keys, value


def load_pytorch(path: Path) -> Any:
    """What a file of ``torch.save`` holds: tensors and plain containers, nothing that runs."""
    try:
        import torch
    except ImportError as error:
        raise MissingDependency("files of PyTorch need PyTorch: pip install 'shallows[train]'") from error
    regular_size(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _loaded(torch, path)
        except Exception as error:  # damaged archives end in errors of every kind
            raise CannotRead(_reason(error)) from error


def _loaded(torch: Any, path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except RuntimeError as error:
        if "mmap" not in str(error):
            raise
    return torch.load(path, map_location="cpu", weights_only=True)  # the format before PyTorch 1.6


def _reason(error: Exception) -> str:
    text = str(error)
    wanted = re.search(r"GLOBAL ([\w.]+)|(?:Unsupported (?:global|class|type|operand)\D*?)([\w.]+\.[\w.]+)", text)
    if wanted:
        return f"asks to run {wanted[1] or wanted[2]}, which is not done; save the state_dict() of the module alone"
    if "weights_only" in text.lower() or "weights only" in text.lower():
        return "holds more than tensors in plain containers, which is not loaded; save the state_dict() alone"
    if "TorchScript" in text:
        return "is a TorchScript archive; save the state_dict() of the module"
    said = next((line for line in text.splitlines() if re.search(r"[a-z]", line)), type(error).__name__)
    return f"is not a readable file of PyTorch ({said.strip()[:100]})"


def _of_training(keys: tuple[Any, ...]) -> bool:
    return len(keys) > 1 and isinstance(keys[0], str) and _NOT_WEIGHTS.search(keys[0]) is not None


def _walk(value: Any, keys: tuple[Any, ...], above: tuple[int, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every tensor in nested containers with the keys that lead to it; a container within itself only once."""
    if is_tensor(value):
        yield keys, value
    elif isinstance(value, (dict, list, tuple)) and id(value) not in above:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _walk(item, (*keys, key), (*above, id(value)))


def pytorch_copy(content: Any, plan: Sequence[PlannedTensor], path: Path) -> None:
    """Write what was loaded from a file of PyTorch, with some tensors replaced; a state dict if it is None."""
    try:
        import torch
    except ImportError as error:
        raise MissingDependency("files of PyTorch need PyTorch: pip install 'shallows[train]'") from error
    if content is None:
        torch.save({item.name: as_tensor(item.stored(), item.dtype) for item in plan}, path)
        return
    changed = {item.name: item for item in plan if item.changed}
    new: dict[tuple[Any, ...], list[tuple[str, Any]]] = {}
    for name, keys, _ in named_tensors(content):
        for end in ("", LEFT, RIGHT):
            item = changed.get((name or path.stem) + end)
            if item is not None:
                new.setdefault(keys, []).append((end, as_tensor(item.stored(), item.dtype)))
    torch.save(_replaced(content, (), new), path)


def _replaced(value: Any, keys: tuple[Any, ...], new: dict[tuple[Any, ...], list[tuple[str, Any]]]) -> Any:
    """Containers anew, with what replaces their tensors."""
    if not any(place[: len(keys)] == keys for place in new):
        return value
    if keys in new:
        return new[keys][0][1]
    if not isinstance(value, dict):
        return type(value)(_replaced(item, (*keys, index), new) for index, item in enumerate(value))
    out = copy.copy(value)
    out.clear()
    for key, item in value.items():
        given = new.get((*keys, key))
        if given is None or given[0][0] == "":
            out[key] = _replaced(item, (*keys, key), new)
        else:
            out.update({f"{key}{end}": tensor for end, tensor in given})
    return out
