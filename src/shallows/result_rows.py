"""A prediction and a verification in rows of words and numbers: for terminals and for notebooks.

They are made of the dictionaries of the results; what a dictionary lacks is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._numbers import measured_number
from ._numbers import terminal_number as number
from .networks import network_named
from .phases import phases_of
from .phases_with_covariance import COVARIANCE_PHASES
from .problem_rows import Row, problem_rows
from .spectra.decomposition import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Sections whose rows have a symbol between name and value.
WITH_SYMBOLS = ("Problem", "Errors", "Order parameters", "Optimum")
#: Outliers named one by one before the rest is only counted.
OUTLIERS_SHOWN = 6


def prediction_sections(content: Mapping[str, Any]) -> list[tuple[str, list[Row]]]:
    """Headings and rows that present a prediction."""
    return [
        ("Problem", problem_rows(content)),
        ("Errors", _error_rows(content)),
        ("Where the excess risk comes from", _decomposition_rows(content)),
        ("Order parameters", _parameter_rows(content)),
        (f"Learned spectrum ({network_named(content['network']).words.weights})", _spectrum_rows(content)),
        ("Reading", _reading_rows(content)),
    ]


def _error_rows(content: Mapping[str, Any]) -> list[Row]:
    error = content.get("standard_error")
    spread = "" if error is None else f"standard error {number(error)}, over draws of the noise"
    rows: list[Row] = [("excess risk", "R", number(content["excess_risk"]), spread)]
    if "bayes_risk" in content:
        bayes = content["bayes_risk"]
        knowing = "Bayes-optimal, knowing the teacher's spectrum"
        if content["bayes_reachable"] is False:
            knowing += "; no fast algorithm is known to reach it"
        missing = "not known for these inputs" if "design" in content else "not found"
        told = (missing, "") if bayes is None else (number(bayes), knowing)
        rows.append(("  smallest possible", "", *told))
    rows += [
        ("test error", "Delta + R", number(content["test_error"]), ""),
        ("train error", "", number(content["train_error"]), ""),
    ]
    factor = network_named(content["network"]).risk_per_error
    if factor != 1:
        error = number(content["estimation_error"])
        rows.append(("estimation error", f"E = R/{factor:g}", error, "per dimension, on the weights"))
    return rows


def _decomposition_rows(content: Mapping[str, Any]) -> list[Row]:
    total = content["excess_risk"]
    rows: list[Row] = []
    if content.get("decomposition") is None:
        return rows
    for name, meaning in PARTS.items():
        value = content["decomposition"][name]
        share = f"{100 * value / total:.0f} %" if total > 0 else "-"
        rows.append((name, number(value).rjust(9), share.rjust(6), meaning))
    return rows


def _parameter_rows(content: Mapping[str, Any]) -> list[Row]:
    network = network_named(content["network"])
    scale, freedom = network.words.noise_scale, content["degrees_of_freedom"]
    share = f"{100 * freedom / network.labels_of(content['samples']):.3g} % of the {network.words.label}s"
    return [
        ("noise scale", scale, number(content["noise_scale"])),
        ("threshold", "zeta", number(content["threshold"])),
        ("degrees of freedom", "", f"{number(freedom)}   ({share})"),
    ]


def _spectrum_rows(content: Mapping[str, Any]) -> list[Row]:
    spectrum = content.get("spectrum")
    if spectrum is None:
        return []
    rows: list[Row] = [("at zero", f"{100 * spectrum['mass_at_zero']:.4g} %")]
    bulk = spectrum["bulk"]
    rows.append(("bulk", "none" if bulk is None else f"{number(bulk[0])} to {number(bulk[1])}"))
    outliers = spectrum["outliers"]
    if not outliers:
        rows.append(("outliers", "none"))
        return rows
    words = network_named(content["network"]).words
    rows.append(("outliers", f"{number(spectrum['outlier_count'])}; the largest, with {words.spread}:"))
    for outlier in outliers[:OUTLIERS_SHOWN]:
        times = "" if outlier["multiplicity"] == 1 else f"   ({number(outlier['multiplicity'])} times)"
        rows.append(
            (
                "",
                f"learned {number(outlier['learned']):<9} teacher {number(outlier['teacher']):<9} "
                f"{words.overlap} {outlier['overlap']:.3f}{times}",
            )
        )
    return rows


def _reading_rows(content: Mapping[str, Any]) -> list[Row]:
    name = content["phase"]
    phase = None if name is None else COVARIANCE_PHASES.get(name) or phases_of(content["network"])[name]
    rows: list[Row] = []
    if phase is None:
        aligned = ", and a covariance that is an aligned power law" if "design" in content else ""
        rows.append(("phase", "not defined: only for power-law teachers and noisy labels" + aligned))
    else:
        rows += [("phase", phase.name), ("  risk", phase.rate), ("  spectrum", phase.spectrum)]
    if content.get("solutions"):
        rows += _solution_rows(content["solutions"])
    rows.append(("trust", content["finite_size"]["statement"]))
    rows.append(("solve", f"{content['status'].replace('_', ' ')}, residual {content['residual']:.1e}"))
    return rows


def _solution_rows(solutions: list[dict[str, Any]]) -> list[Row]:
    """How many solutions the equations have, which is shown, and where the others are."""
    if len(solutions) == 1:
        return [("solutions", "one was found: what message passing from zero weights ends at")]
    rows: list[Row] = [("solutions", f"{len(solutions)} were found; shown is what message passing from zero ends at")]
    for solution in solutions:
        if not solution["followed"]:
            kind = "stable" if solution["stable"] else "not stable"
            error, freedom = number(solution["estimation_error"]), number(solution["degrees_of_freedom"])
            rows.append(("  another", f"{kind}: estimation error {error}, degrees of freedom {freedom}"))
    return rows


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


def verification_sections(content: Mapping[str, Any]) -> list[tuple[str, list[Row]]]:
    """Headings and rows that present a verification."""
    count = content["seeds"]
    heading = f"Predicted and measured ({count} data {'set' if count == 1 else 'sets'}, mean and standard error)"
    told = content.get("signatures")
    lines: list[Row] = [] if told is None else [(line["kind"], line["text"]) for line in told["lines"]]
    return [
        ("Problem", problem_rows(content)),
        (heading, _comparison_rows(content)),
        *([("Where gradient training ends", _ending_rows(content))] if len(content.get("endings", ())) > 1 else []),
        ("Outcome", _outcome_rows(content)),
        ("What a fit to the first data set shows by itself", lines),
    ]


#: Where training ends, in words.
_BRANCHES = {
    "theory": "theory's branch",
    "better": "another minimum, lower risk",
    "worse": "another minimum",
    "collapse": "collapse to zero",
}


def _ending_rows(content: Mapping[str, Any]) -> list[Row]:
    """By the scale of the initial weights: excess risk, objective over message passing's, active weights."""
    rows: list[Row] = []
    for ending in content["endings"]:
        risk, above, active = (ending[name] for name in ("excess_risk", "objective_above_amp", "active"))
        height = f"objective {100 * above['mean']:+.2g} %"
        measured = measured_number(risk["mean"], risk["standard_error"])
        name = f"from weights times {ending['init_scale']:g}"
        rows.append((name, measured, height, f"{active['mean']:.4g} active", _BRANCHES[ending["branch"]]))
    return rows


def summary_rows(sections: list[tuple[str, list[Row]]]) -> list[Row]:
    """Rows of sections as name, value and remark, with the problem, which is not news to who asked, at the end."""
    sections = sorted(sections, key=lambda section: section[0] == "Problem")
    out: list[Row] = []
    for heading, rows in sections:
        of = ""
        for row in rows:
            if heading.startswith("Predicted and measured"):  # quantity, who says so, value and how far it is off
                of = row[0] or of
                out.append((f"{of}, {row[1]}", row[2], row[3]))
                continue
            name, *values = (cell.strip() for cell in row)
            if heading in WITH_SYMBOLS and len(values) > 1:  # name, symbol, value and remark
                symbol, value, *remark = values
                out.append((name, value, " ".join(part for part in (symbol and f"({symbol})", *remark) if part)))
            else:
                value, *remark = values
                out.append((name, value, " ".join(part for part in remark if part)))
    return out


def optimum_rows(content: Mapping[str, Any]) -> list[Row]:
    """The best weight decay and what it costs to miss it."""
    decay, penalty = content["weight_decay"], content["penalty"]
    rows: list[Row] = [("weight decay", "lam", "0, the limit from above" if decay == 0 else number(decay))]
    if penalty is not None:
        rows.append(("penalty", "pen", number(penalty)))
    if "noise_line" in content:
        network = network_named(content["network"])
        q, of_penalty = network.penalty_exponent, "pen = " if network.has_penalty else ""
        symbol = "sqrt(n_eff/d)" if q == 1 else f"{of_penalty}(n_eff/d)^(1/{round(2 / q)})"
        rows.append(("noise line", symbol, number(content["noise_line"])))
    rows.append(("excess risk", "R", number(content["excess_risk"])))
    if "bayes_risk" in content:
        bayes, gap = content["bayes_risk"], content["gap_to_bayes"]
        less = "" if gap is None else f", {gap:.3g} times less"
        missing = "not known for these inputs" if "design" in content else "could not be solved"
        text = missing if bayes is None else f"{number(bayes)}   Bayes-optimal{less}"
        rows.append(("smallest possible", "", text))
    return [
        *rows,
        ("half the weight decay", "", f"{_percent(content['price_of_half'])} more risk"),
        ("twice the weight decay", "", f"{_percent(content['price_of_double'])} more risk"),
    ]


def optimum_notes(content: Mapping[str, Any]) -> list[Row]:
    """How the search ended, and what else it found."""
    notes: list[Row] = [("status", f"{content['status']}: {content['advice']}")]
    others = content["local_minima"][1:]
    if others:
        found = [f"{number(each['weight_decay'])} (risk {number(each['excess_risk'])})" for each in others]
        notes.append(("other minima", ", ".join(found)))
    if content["failed_points"]:
        notes.append(
            ("not solved", f"{content['failed_points']} points of the search, none of them next to the optimum")
        )
    return notes


def _percent(price: float) -> str:
    extra = 100 * (price - 1)
    return f"{max(extra, 0):.3g} %"
