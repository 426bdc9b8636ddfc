"""What is asked, in rows of words and numbers: for terminals and for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from ._numbers import terminal_number as number
from .networks import network_named

if TYPE_CHECKING:
    from collections.abc import Mapping

#: One line of a table, cell by cell: name, symbol, value.
Row: TypeAlias = tuple[str, ...]


def problem_rows(content: Mapping[str, Any]) -> list[Row]:
    """Dimension, teacher, samples, noise and width; weight decay and penalty of a result that has them."""
    teacher, dim, n = content["teacher"], content["dim"], content["samples"]
    network = network_named(content["network"])
    words = network.words
    described = {
        "power_law": lambda: f"power law, gamma = {number(teacher['gamma'])}, energy {number(teacher['energy'])}",
        "low_rank": lambda: f"rank {teacher['rank']}, energy {number(teacher['energy'])}",
    }.get(teacher["kind"], lambda: "given values")()
    effective = ""
    if network.samples_per_effective(dim) != 1:
        effective = f"   ({words.effective_samples} = {number(content['effective_samples'])})"
    rows: list[Row] = [
        ("dimension", "d", str(dim)),
        ("teacher", "", described),
        ("samples", "n", number(n) + effective),
        ("noise variance", "Delta", number(content["noise"])),
    ]
    if len(network.noise_groups(content["noise"])) > 1:
        rows.append((f"  mean over {words.label}s", "", number(network.mean_noise(content["noise"]))))
    if "design" in content:
        rows.insert(2, ("inputs", "", content["design"]["words"]))
    if network.has_width:
        rows.append(("width", "p", f"{content['width']}{'' if content['width'] < dim else '   (no restriction)'}"))
    if "weight_decay" not in content:
        return rows
    decay = content["weight_decay"]
    rows.append(("weight decay", "lam", "0, the limit from above" if decay == 0 else number(decay)))
    if network.has_penalty:
        rows.append(("penalty", "pen", number(content["penalty"])))
    return rows


def training_rows(content: Mapping[str, Any], *, chosen: tuple[str, ...] = ()) -> list[Row]:
    """The problem with how it is trained: initial weights, learning rate, batch, decay; less what is `chosen`."""
    rows = [row for row in problem_rows({"samples": 1, "effective_samples": 1, **content}) if row[0] != "samples"]
    start = content.get("start", "normal")
    rows.append(("initial weights", "", f"{number(content['init_scale'])}   ({start})"))
    if content.get("learning_rate") is not None:
        rows.append(("learning rate", "", number(content["learning_rate"])))
    if content.get("sgd") is not None:
        rows.append(("batch", "B", str(content["sgd"]["batch"])))
    if "weight_decay_per_sample" in content:
        rows.append(("weight decay", "lam/n", number(content["weight_decay_per_sample"])))
    if "schedule" in content:
        rows.append(("schedule", "", content["schedule"]))
    return [row for row in rows if row[0] not in chosen]
