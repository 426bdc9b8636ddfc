"""What the pages of an atlas say in words."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from .results import BENDS, HOLDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .results import Atlas, Cell
    from .settings import Phase

KEY = ((0.25, "a quarter"), (0.5, "half"), (1.0, "as predicted"), (2.0, "twice"), (4.0, "four times"), (None, "failed"))
SPECTRUM_CAPTION = (
    "Sizes of the learned modes by rank on the first data set of each phase: eigenvalues of the effective weights, or "
    "singular values of every layer. Faint lines are earlier in training; dotted, the edge of what is noise."
)
#: Kernel methods with as many samples as dimensions, times a constant, learn the linear part alone.
KERNEL = (
    "A kernel, and a network whose first layer hardly moves, learns only the linear part of such a target from a "
    "number of samples proportional to the dimension, and the second part from one proportional to its square "
    "(Ghorbani, Mei, Misiakiewicz and Montanari 2021): at best a risk of {beyond} here, of a variance of {variance}."
)


def column(phase: Phase) -> str:
    """Heading of a phase."""
    own = phase.name.split("-")
    return f"{phase.network}, {phase.words}" if len(own) > 1 else phase.words


def about(phase: Phase) -> str:
    """What a phase is, on one line."""
    if not phase.dim:
        return f"{phase.network} network; weight decay {phase.weight_decay:g} of the one that silences every weight"
    decay = "best" if phase.weight_decay is None else f"{phase.weight_decay:g}"
    width = "" if phase.width is None else f", {phase.width} hidden units"
    return (
        f"{phase.network}, d = {phase.dim}, n = {phase.samples}, gamma = {phase.gamma:g}, noise {phase.noise:g}, "
        f"weight decay {decay}{width}"
    )


def risk_words(family: str) -> str:
    """What is compared."""
    if family == "real data":
        return "Test error on rows held out, and the one that theory reads off the fit (mean ± standard error)"
    return "Excess risk on new inputs, and the predicted one (mean ± standard error over data sets)"


def outcome(atlas: Atlas) -> str:
    """How many predictions hold, and which break furthest."""
    counts = atlas.counts
    told = sum(counts.values())
    worst = sorted((cell for cell in atlas.cells if cell.factor), key=lambda cell: -(cell.factor or 0.0))[:3]
    furthest = ", ".join(f"{cell.departure} ({cell.phase}: {cell.ratio:.2g} times)" for cell in worst)
    text = (
        f"Of {told} settings, predictions hold within a factor {HOLDS:g} in {counts['holds']}, within {BENDS:g} in "
        f"{counts['bends']} more, and break in {counts['breaks']}"
    )
    text += f"; {counts['failed']} could not be measured" if counts["failed"] else ""
    return f"{text}. Furthest off: {furthest}." if furthest else f"{text}."


def departure_outcome(cells: Sequence[Cell]) -> str:
    """Within which factor theory predicts under a departure, or that it does not."""
    told = [cell for cell in cells if cell.factor]
    if not told:
        return "Nothing could be measured: " + (cells[0].failures[0] if cells[0].failures else "no data sets") + "."
    low, high = min(cell.ratio or 0.0 for cell in told), max(cell.ratio or 0.0 for cell in told)
    factor = max(cell.factor or 1.0 for cell in told)
    count = sum(len(cell.ratios) for cell in told)
    times = f"{low:.2g}" if f"{low:.2g}" == f"{high:.2g}" else f"{low:.2g} to {high:.2g}"
    places = "one setting" if len(told) == 1 else f"{len(told)} settings"
    span = f"measured is {times} times predicted, over {count} data sets in {places}"
    if factor <= BENDS:
        return f"Predictions hold within a factor {factor:.2g}: {span}."
    holding = [cell.phase for cell in told if cell.verdict == "holds"]
    where = f" It holds within {HOLDS:g} in {', '.join(holding)}." if holding else ""
    return f"No: {span}.{where}"


def ratio_caption(cells: Sequence[Cell]) -> str:
    """Below the figure of ratios."""
    seeds = max(len(cell.ratios) for cell in cells)
    return (
        f"Each dot is one of up to {seeds} data sets; bars are two standard errors of their mean. Diamonds are the "
        "same setting with nothing departing: what they miss one by is the finite size."
    )


def verdict_rows(cells: Sequence[Cell]) -> list[dict[str, str]]:
    """What `diagnose` said of every layer: at the end over data sets, and along the first training."""
    rows = []
    for cell in cells:
        names = dict.fromkeys(layer["layer"] for reading in cell.readings for layer in reading.get("layers", ()))
        for name in names:
            every = [
                [layer for layer in reading.get("layers", ()) if layer["layer"] == name] for reading in cell.readings
            ]
            last = Counter(layers[-1]["verdict"].replace("-", " ") for layers in every if layers)
            along = " → ".join(layer["verdict"].replace("-", " ") for layer in every[0]) if len(every[0]) > 1 else ""
            said = ", ".join(f"{word} ({count})" if len(last) > 1 else word for word, count in last.most_common())
            rows.append({"phase": cell.phase, "layer": name, "last": said, "along": along})
    return rows


def known(cells: Sequence[Cell]) -> list[str]:
    """The target's parts, and what is known of them."""
    notes = next((reading["notes"] for cell in cells for reading in cell.readings if reading.get("notes")), None)
    if notes is None:
        return []
    from .targets import VARIANCE

    shares = ", ".join(f"{100 * notes[name]:.0f} % {words}" for name, words in _PARTS)
    beyond = VARIANCE * (1 - notes["linear"])
    first = f"The target's variance is {shares}. Only the second part can be learned by the quadratic network that "
    first += "stands in: the rest is noise to it, and stays in its predicted risk."
    return [first, KERNEL.format(beyond=f"{beyond:.2g}", variance=f"{VARIANCE:g}")]


_PARTS = (("linear", "linear"), ("second", "of second degree"), ("higher", "beyond"))


def provenance(atlas: Atlas) -> str:
    """Versions, data sets, seconds."""
    given: Any = atlas.provenance
    if not given:
        return ""
    libraries = ", ".join(f"{name} {version}" for name, version in given["libraries"].items())
    minutes = math.ceil(float(given["seconds"]) / 60)
    return (
        f"shallows {given['version']}, {libraries}; {given['seeds']} data sets in each setting, "
        f"{given['network_seeds']} of networks that theory does not cover; {minutes} min since the last start."
    )
