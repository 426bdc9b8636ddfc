"""What commands print: strict JSON, tables for people, and one-line errors."""

from __future__ import annotations

import math
import os
import sys
import textwrap
from typing import TYPE_CHECKING, Any, TypeAlias

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: One line of a table, cell by cell.
Row: TypeAlias = tuple[str, ...]

#: Outliers named one by one before the rest is only counted.
OUTLIERS_SHOWN = 6
#: Width that text is wrapped to.
COLUMNS = 80


def print_error(message: str) -> None:
    """Print `message` as one line on standard error, whatever it holds."""
    line = " ".join(str(message).split())
    line = "".join(char if char.isprintable() else "?" for char in line)
    print(f"shallows: {line}", file=sys.stderr, flush=True)  # noqa: T201


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


def number(value: float | None) -> str:
    """`value` to four digits, as people write it."""
    if value is None:
        return "-"
    if isinstance(value, int) or (value == int(value) and abs(value) < 1e15):
        return str(int(value))
    size = abs(value)
    if 1e4 <= size < 1e7:
        return f"{value:.0f}"
    return f"{value:.4g}" if 1e-3 <= size < 1e4 else f"{value:.3e}"


def print_sections(title: str, sections: Iterable[tuple[str, list[Row]]]) -> None:
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
            lead = "  ".join(["", *cells[:-1], ""])
            for line in textwrap.wrap(cells[-1], max(COLUMNS - len(lead), 20), break_on_hyphens=False) or [""]:
                typer.echo((lead + line).rstrip())
                lead = " " * len(lead)


def print_prediction(content: Mapping[str, Any]) -> None:
    """Print a prediction's dictionary for people."""
    print_sections(f"Prediction for a {content['network']} network", prediction_sections(content))


def prediction_sections(content: Mapping[str, Any]) -> list[tuple[str, list[Row]]]:
    """Headings and rows that present a prediction."""
    return [
        ("Problem", _problem_rows(content)),
        ("Errors", _error_rows(content)),
        ("Where the excess risk comes from", _decomposition_rows(content)),
        ("Order parameters", _parameter_rows(content)),
        (f"Learned spectrum ({_modes(content)})", _spectrum_rows(content)),
        ("Reading", _reading_rows(content)),
    ]


def _problem_rows(content: Mapping[str, Any]) -> list[Row]:
    teacher, dim, n = content["teacher"], content["dim"], content["samples"]
    quadratic = content["network"] == "quadratic"
    described = {
        "power_law": lambda: f"power law, gamma = {number(teacher['gamma'])}, energy {number(teacher['energy'])}",
        "low_rank": lambda: f"rank {teacher['rank']}, energy {number(teacher['energy'])}",
    }.get(teacher["kind"], lambda: "given values")()
    rows: list[Row] = [
        ("dimension", "d", str(dim)),
        ("teacher", "", described),
        ("samples", "n", number(n) + (f"   (n/d = {number(content['effective_samples'])})" if quadratic else "")),
        ("noise variance", "Delta", number(content["noise"])),
    ]
    if quadratic:
        rows.append(("width", "p", f"{content['width']}{'' if content['width'] < dim else '   (no restriction)'}"))
    decay = content["weight_decay"]
    rows.append(("weight decay", "lam", "0, the limit from above" if decay == 0 else number(decay)))
    if quadratic:
        rows.append(("penalty", "pen", number(content["penalty"])))
    return rows


def _error_rows(content: Mapping[str, Any]) -> list[Row]:
    bayes = content["bayes_risk"]
    knowing = "Bayes-optimal, knowing the teacher's spectrum"
    if content["bayes_reachable"] is False:
        knowing += "; no fast algorithm is known to reach it"
    rows: list[Row] = [
        ("excess risk", "R", number(content["excess_risk"]), ""),
        ("  least possible", "", "not found" if bayes is None else number(bayes), knowing),
        ("test error", "Delta + R", number(content["test_error"]), ""),
        ("train error", "", number(content["train_error"]), ""),
    ]
    if content["network"] == "quadratic":
        rows.append(
            ("estimation error", "E = R/2", number(content["estimation_error"]), "per dimension, on the weights")
        )
    return rows


_PARTS = {
    "overfitting": "learned noise",
    "underfitting": "unlearned features",
    "approximation": "error on learned features",
    "alignment": "signal inside the bulk",
}


def _decomposition_rows(content: Mapping[str, Any]) -> list[Row]:
    total = content["excess_risk"]
    rows: list[Row] = []
    for name, meaning in _PARTS.items():
        value = content["decomposition"][name]
        share = f"{100 * value / total:.0f} %" if total > 0 else "-"
        rows.append((name, number(value).rjust(9), share.rjust(6), meaning))
    return rows


def _parameter_rows(content: Mapping[str, Any]) -> list[Row]:
    scale = "delta" if content["network"] == "quadratic" else "tau"
    freedom = content["degrees_of_freedom"]
    return [
        ("noise scale", scale, number(content["noise_scale"])),
        ("threshold", "zeta", number(content["threshold"])),
        ("degrees of freedom", "", f"{number(freedom)}   ({100 * freedom / content['samples']:.3g} % of the samples)"),
    ]


def _modes(content: Mapping[str, Any]) -> str:
    return "eigenvalues" if content["network"] == "quadratic" else "weights"


def _spectrum_rows(content: Mapping[str, Any]) -> list[Row]:
    spectrum = content["spectrum"]
    rows: list[Row] = [("at zero", f"{100 * spectrum['mass_at_zero']:.4g} %")]
    bulk = spectrum["bulk"]
    rows.append(("bulk", "none" if bulk is None else f"{number(bulk[0])} to {number(bulk[1])}"))
    outliers = spectrum["outliers"]
    if not outliers:
        rows.append(("outliers", "none"))
        return rows
    quadratic = content["network"] == "quadratic"
    meaning = "their squared overlap with the teacher" if quadratic else "the probability that they are not zero"
    label = "overlap" if quadratic else "active"
    rows.append(("outliers", f"{number(spectrum['outlier_count'])}; the largest, with {meaning}:"))
    for outlier in outliers[:OUTLIERS_SHOWN]:
        times = "" if outlier["multiplicity"] == 1 else f"   ({number(outlier['multiplicity'])} times)"
        rows.append(
            (
                "",
                f"learned {number(outlier['learned']):<9} teacher {number(outlier['teacher']):<9} "
                f"{label} {outlier['overlap']:.3f}{times}",
            )
        )
    return rows


def _reading_rows(content: Mapping[str, Any]) -> list[Row]:
    from ..phases import PHASES

    phase = PHASES.get(content["phase"] or "")
    rows: list[Row] = []
    if phase is None:
        rows.append(("phase", "not defined: only for power-law teachers and noisy labels"))
    else:
        rows += [("phase", phase.name), ("  risk", phase.rate), ("  spectrum", phase.spectrum)]
    rows.append(("trust", content["finite_size"]["statement"]))
    rows.append(("solve", f"{content['status'].replace('_', ' ')}, residual {content['residual']:.1e}"))
    return rows


def print_verification(content: Mapping[str, Any]) -> None:
    """Print a verification's dictionary for people."""
    count = content["seeds"]
    heading = f"Predicted and measured ({count} data {'set' if count == 1 else 'sets'}, mean and standard error)"
    print_sections(
        f"Verification of a {content['network']} network",
        [
            ("Problem", _problem_rows(content)),
            (heading, _comparison_rows(content)),
            ("Outcome", _outcome_rows(content)),
        ],
    )


def _comparison_rows(content: Mapping[str, Any]) -> list[Row]:
    rows: list[Row] = []
    for key, label in (("excess_risk", "excess risk"), ("train_error", "train error")):
        rows.append((label, "predicted", number(content[key]), ""))
        for trainer, items in content["comparison"].items():
            item = items[key]
            error = item["standard_error"]
            measured = number(item["mean"]) + ("" if error is None else f" +- {error:.2g}")
            away = item["relative_deviation"]
            rows.append(("", trainer, measured, "" if away is None else f"{100 * away:+.2g} %"))
    return rows


def _outcome_rows(content: Mapping[str, Any]) -> list[Row]:
    verdict = content["verdict"]
    rows: list[Row] = [("verdict", verdict["sentence"])]
    if verdict["objective_difference"] is not None:
        same = "the same minimum on every data set" if verdict["trainers_agree"] else "different minima"
        rows.append(("trainers", f"{same}: objectives within {verdict['objective_difference']:.1e}, relative"))
    if content["phase"] is not None:
        rows.append(("phase", content["phase"]))
    rows.append(("trust", content["finite_size"]["statement"]))
    rows += [("note", text) for text in content["warnings"]]
    seconds = content["provenance"]["seconds"]
    trained = ", ".join(f"{name} {number(time)} s" for name, time in seconds.items() if name != "total")
    rows.append(("time", f"{number(seconds['total'])} s in all; training: {trained}"))
    return rows
