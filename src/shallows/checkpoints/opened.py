"""A checkpoint made of a list of tensors, whatever they were read from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .contents import Checkpoint, Skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from .contents import StoredTensor


@dataclass(frozen=True, eq=False)
class Opened:
    """What is found in one source.

    Attributes
    ----------
    tensors : list of StoredTensor
    skipped : list of Skipped
    close : callable, or None
    metadata : dict of str to str
    layout : object
        How the tensors lie in it, for writing one like it.
    """

    tensors: list[StoredTensor]
    skipped: list[Skipped] = field(default_factory=list)
    close: Callable[[], None] | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    layout: Any = None


class OpenedCheckpoint(Checkpoint):
    """A checkpoint of one or several sources; of tensors of one name only the first is kept.

    Parameters
    ----------
    title, format : str
    parts : iterable of Opened
    files : sequence of Path
    config : mapping
    skipped : iterable of Skipped
        What was not opened at all.
    origin : object
        The file, folder, module or mapping it was opened from.
    """

    def __init__(
        self,
        title: str,
        format: str,  # noqa: A002 - the property's name
        parts: Iterable[Opened],
        *,
        files: Sequence[Path] = (),
        config: Mapping[str, Any] | None = None,
        skipped: Iterable[Skipped] = (),
        origin: Any = None,
    ) -> None:
        self._title, self._format = title, format
        self.parts = list(parts)
        self._files, self._config, self.origin = tuple(files), dict(config or {}), origin
        found: dict[str, StoredTensor] = {}
        refused = list(skipped)
        for part in self.parts:
            refused += part.skipped
            for tensor in part.tensors:
                if tensor.name in found:
                    refused.append(Skipped(tensor.name, "a second tensor of this name", failed=True))
                else:
                    found[tensor.name] = tensor
        self._tensors, self._skipped = tuple(found.values()), tuple(refused)

    @property
    def title(self) -> str:
        return self._title

    @property
    def format(self) -> str:
        return self._format

    @property
    def tensors(self) -> Sequence[StoredTensor]:
        return self._tensors

    @property
    def skipped(self) -> Sequence[Skipped]:
        return self._skipped

    @property
    def files(self) -> Sequence[Path]:
        return self._files

    @property
    def config(self) -> Mapping[str, Any]:
        return self._config

    @property
    def metadata(self) -> Mapping[str, str]:
        return {key: value for part in self.parts for key, value in part.metadata.items()}

    def close(self) -> None:
        for part in self.parts:
            if part.close is not None:
                part.close()
