"""What programs read of a command: strict JSON, and what it says of a failure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import typer

from ._streams import print_error

if TYPE_CHECKING:
    from collections.abc import Mapping


def print_json(content: Mapping[str, Any]) -> None:
    """Print one strict JSON object: a NaN or infinity in it is an error here, not in the reader."""
    import json

    def plain(value: Any) -> Any:  # NumPy's scalars
        if not hasattr(value, "item"):
            raise TypeError(f"{type(value).__name__} is not JSON")
        return value.item()

    typer.echo(json.dumps(content, indent=2, allow_nan=False, default=plain))


def without_nonfinite(value: Any) -> Any:
    """`value` with every number that JSON lacks replaced by None; only for results that say they failed."""
    if isinstance(value, dict):
        return {key: without_nonfinite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nonfinite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def print_failure(content: Mapping[str, Any], status: Any, *, as_json: bool, message: str | None = None) -> int:
    """Say why a solve failed, and return the exit code.

    Parameters
    ----------
    content : mapping
        What is known all the same, for ``--json``.
    status : Enum or None
        Outcome, with its ``advice``.
    """
    name = "failed" if status is None else status.value
    if as_json:
        print_json(without_nonfinite(dict(content) | {"status": name}))
    print_error(message or f"{name}: {status.advice}")
    return 1
