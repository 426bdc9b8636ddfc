"""A prediction and a verification as people read them on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..networks import network_named
from ._sections import Row, number, print_sections

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Outliers named one by one before the rest is only counted.
OUTLIERS_SHOWN = 6


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
        (f"Learned spectrum ({network_named(content['network']).words.weights})", _spectrum_rows(content)),
        ("Reading", _reading_rows(content)),
    ]


def _problem_rows(content: Mapping[str, Any]) -> list[Row]:
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
    if "design" in content:
        rows.insert(2, ("inputs", "", content["design"]["words"]))
    if network.has_width:
        rows.append(("width", "p", f"{content['width']}{'' if content['width'] < dim else '   (no restriction)'}"))
    decay = content["weight_decay"]
    rows.append(("weight decay", "lam", "0, the limit from above" if decay == 0 else number(decay)))
    if network.has_width:
        rows.append(("penalty", "pen", number(content["penalty"])))
    return rows


def _error_rows(content: Mapping[str, Any]) -> list[Row]:
    bayes = content["bayes_risk"]
    knowing = "Bayes-optimal, knowing the teacher's spectrum"
    if content["bayes_reachable"] is False:
        knowing += "; no fast algorithm is known to reach it"
    error = content.get("standard_error")
    spread = "" if error is None else f"standard error {number(error)}, over draws of the noise"
    missing = "not known for these inputs" if "design" in content else "not found"
    rows: list[Row] = [
        ("excess risk", "R", number(content["excess_risk"]), spread),
        ("  smallest possible", "", missing if bayes is None else number(bayes), knowing if bayes is not None else ""),
        ("test error", "Delta + R", number(content["test_error"]), ""),
        ("train error", "", number(content["train_error"]), ""),
    ]
    factor = network_named(content["network"]).risk_per_error
    if factor != 1:
        error = number(content["estimation_error"])
        rows.append(("estimation error", f"E = R/{factor:g}", error, "per dimension, on the weights"))
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
    if content["decomposition"] is None:
        return rows
    for name, meaning in _PARTS.items():
        value = content["decomposition"][name]
        share = f"{100 * value / total:.0f} %" if total > 0 else "-"
        rows.append((name, number(value).rjust(9), share.rjust(6), meaning))
    return rows


def _parameter_rows(content: Mapping[str, Any]) -> list[Row]:
    scale = network_named(content["network"]).words.noise_scale
    freedom = content["degrees_of_freedom"]
    return [
        ("noise scale", scale, number(content["noise_scale"])),
        ("threshold", "zeta", number(content["threshold"])),
        ("degrees of freedom", "", f"{number(freedom)}   ({100 * freedom / content['samples']:.3g} % of the samples)"),
    ]


def _spectrum_rows(content: Mapping[str, Any]) -> list[Row]:
    spectrum = content["spectrum"]
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
    from ..phases import PHASES
    from ..phases_with_covariance import COVARIANCE_PHASES

    phase = (PHASES | COVARIANCE_PHASES).get(content["phase"] or "")
    rows: list[Row] = []
    aligned = ", and a covariance that is an aligned power law" if "design" in content else ""
    if phase is None:
        rows.append(("phase", "not defined: only for power-law teachers and noisy labels" + aligned))
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
