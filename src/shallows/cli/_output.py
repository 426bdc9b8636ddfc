"""What commands print: strict JSON, tables for people, and one-line errors."""

from __future__ import annotations

import math
import os
import sys
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Outliers named one by one before the rest is only counted.
OUTLIERS_SHOWN = 6


def print_error(message: str) -> None:
    """Print `message` as one line on standard error, whatever it holds."""
    line = " ".join(str(message).split())
    line = "".join(char if char.isprintable() else "?" for char in line)
    print(f"shallows: {line}", file=sys.stderr, flush=True)  # noqa: T201


def print_json(content: Mapping[str, Any]) -> None:
    """Print one strict JSON object: a NaN or infinity in it is an error here, not in the reader."""
    import json

    typer.echo(json.dumps(content, indent=2, allow_nan=False))


def without_nonfinite(value: Any) -> Any:
    """`value` with every number that JSON lacks replaced by None; only for results that say they failed."""
    if isinstance(value, dict):
        return {key: without_nonfinite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nonfinite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def print_failure(result: Any, *, as_json: bool) -> int:
    """Say why a solve failed, and return the exit code."""
    if as_json:
        print_json(without_nonfinite(result.to_dict()))
    print_error(f"{result.status.value}: {result.status.advice}")
    return 1


def number(value: float | None) -> str:
    """`value` to four digits, as people write it."""
    if value is None:
        return "-"
    if isinstance(value, int) or (value == int(value) and abs(value) < 1e15):
        return str(int(value))
    size = abs(value)
    return f"{value:.4g}" if 1e-3 <= size < 1e5 else f"{value:.3e}"


def print_sections(title: str, sections: Iterable[tuple[str, list[tuple[str, ...]]]]) -> None:
    """Print aligned rows of text under headings; bold headings on a colour terminal only."""
    plain = "NO_COLOR" in os.environ or not sys.stdout.isatty()
    typer.echo(title if plain else typer.style(title, bold=True))
    for heading, rows in sections:
        if not rows:
            continue
        typer.echo()
        typer.echo(heading if plain else typer.style(heading, bold=True))
        columns = max(len(row) for row in rows)
        widths = [max((len(row[i]) for row in rows if i < len(row) - 1), default=0) for i in range(columns)]
        for row in rows:
            cells = [cell.ljust(widths[i]) if i < len(row) - 1 else cell for i, cell in enumerate(row)]
            typer.echo("  " + "  ".join(cells).rstrip())


def print_prediction(content: Mapping[str, Any]) -> None:
    """Print a prediction's dictionary for people."""
    print_sections(f"Prediction for a {content['network']} network", prediction_sections(content))


def prediction_sections(content: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, ...]]]]:
    """Headings and rows that present a prediction."""
    return [
        ("Problem", _problem_rows(content)),
    ]


def _problem_rows(content: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return []


def print_verification(content: Mapping[str, Any]) -> None:
    """Print a verification's dictionary for people."""
    print_prediction(content)
