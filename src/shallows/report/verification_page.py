"""The page about a verification: its tables, its figures, and what stands beside them."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .._numbers import measured_number, number
from ..plotting.style import trainer_name
from ..verification.comparison import percent
from . import readings
from .drawn import write_figures
from .html import render_page

if TYPE_CHECKING:
    from ..verification import Comparison, Verification

QUANTITIES = {"excess_risk": "excess risk R", "train_error": "train error per {label}"}


def write_report(verification: Verification, out_dir: str | Path) -> Path:
    """Write ``report.html``, its figures as PNG and SVG, and ``verification.json``.

    Parameters
    ----------
    verification : Verification
        With a failed prediction the page says so, and there are no figures.
    out_dir : path
        Made if it does not exist; files of the same names in it are replaced.

    Returns
    -------
    Path
        Of ``report.html``, a page that needs nothing beside it.

    Examples
    --------
    >>> import tempfile
    >>> from shallows import PowerLaw, Problem, verify
    >>> from shallows.report import write_report
    >>> problem = Problem("diagonal", PowerLaw(20, 1.0), samples=40, noise=0.5)
    >>> found = verify(problem, weight_decay=0.5, seeds=1, trainers=["convex"], learning_curve=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = write_report(found, folder)
    ...     page.name, "theory and training</title>" in page.read_text(encoding="utf-8")
    ('report.html', True)
    """
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    content = verification.to_dict()
    text = json.dumps(content, indent=2, allow_nan=False)
    (folder / "verification.json").write_text(text + "\n", encoding="utf-8")
    page = folder / "report.html"
    page.write_text(render(verification, _draw(verification, folder)), encoding="utf-8")
    return page


def _draw(verification: Verification, folder: Path) -> list[dict[str, str]]:
    """Draw and save every figure that makes sense here, with the captions that belong to them."""
    if not verification.status.ok or not verification.measured:
        return []
    from .spectrum_figure import spectrum_figure
    from .verification_figures import agreement_figure, curve_figure, decomposition_figure, endings_figure

    wanted = [
        ("agreement", "Predicted against measured", agreement_figure, readings.agreement_reading),
        ("spectrum", "The learned spectrum", spectrum_figure, readings.spectrum_reading),
    ]
    if verification.prediction.excess_risk > 0:
        title = "Where the excess risk comes from"
        wanted.append(("decomposition", title, decomposition_figure, readings.decomposition_reading))
    if len(verification.endings) > 1:
        wanted.append(("endings", "Where gradient training ends", endings_figure, readings.endings_reading))
    if verification.curve is not None:
        wanted.append(("learning-curve", "Learning curve", curve_figure, readings.curve_reading))
    return write_figures(
        [
            (name, title, partial(draw, verification), readings.polished(read(verification)))
            for name, title, draw, read in wanted
        ],
        folder,
    )


def render(verification: Verification, figures: list[dict[str, str]]) -> str:
    """The page; every text in it is escaped by the template engine."""
    prediction = verification.prediction
    ok = prediction.status.ok
    return render_page(
        "verification_report.html.j2",
        ok=ok,
        status=prediction.status.value.replace("_", " "),
        title=_title(verification),
        question=readings.polished(readings.question(verification)),
        verdict=readings.polished(verification.verdict),
        against=not ok or verification.agrees is False,
        warnings=verification.warnings,
        signatures=[] if verification.signatures is None else verification.signatures.to_dict()["lines"],
        comparison=_comparison_rows(verification) if ok else [],
        facts=_facts(verification) if ok else [],
        figures=figures,
        finite_size=readings.polished(prediction.finite_size),
        certificates=_certificate_rows(verification),
        objective_difference=verification.objective_difference,
        number=number,
        provenance=verification.provenance,
        seeds=verification.seeds,
        seed=verification.seed,
        residual=prediction.residual if ok else None,
        command=readings.command(verification),
    )


def _title(verification: Verification) -> str:
    problem = verification.problem
    return f"{problem.architecture.title}, d = {problem.dim}, n = {number(problem.samples)}: theory and training"


def _comparison_rows(verification: Verification) -> list[dict[str, str]]:
    rows = []
    words = verification.problem.architecture.words
    for key, named in QUANTITIES.items():
        label = named.format(label=words.label)
        for place, (name, items) in enumerate(verification.comparisons.items()):
            item = items[key]
            rows.append(
                {
                    "quantity": label if place == 0 else "",
                    "rows": str(len(verification.comparisons)) if place == 0 else "",
                    "predicted": number(item.predicted),
                    "trainer": trainer_name(name),
                    "measured": measured_number(item.measured.mean, item.measured.standard_error),
                    "deviation": _deviation(item),
                    "interval": "–" if item.half_width is None else f"± {percent(item.half_width)}",
                    "outcome": _outcome(item),
                }
            )
    return rows


def _deviation(item: Comparison) -> str:
    if item.relative_deviation is None:
        return "–"
    if abs(item.relative_deviation) < 5e-6:
        return "0 %"
    value = 100 * item.relative_deviation
    return (f"{value:+.2g} %" if abs(value) < 10 else f"{value:+.0f} %").replace("-", "−")


def _outcome(item: Comparison) -> str:
    return {
        "statistical": "within statistical error",
        "finite_size": "within finite-size allowance",
        "too_small": "too few samples for theory",
        "undetermined": "too few data sets to tell",
        "other_minimum": "a higher local minimum",
        "unexplained": "not explained",
    }[item.outcome.value]


def _facts(verification: Verification) -> list[tuple[str, str, str]]:
    """Predicted numbers beside the two that are measured: name, symbol, value."""
    prediction, problem = verification.prediction, verification.problem
    network = problem.architecture
    freedom = f"{number(prediction.degrees_of_freedom)} of {number(problem.labels)} {network.words.label}s"
    facts = [
        ("effective samples", network.words.effective_samples, number(problem.effective_samples)),
        ("test error", "Δ + R", number(prediction.test_error)),
        ("Bayes-optimal excess risk", "", number(readings.bayes_risk(prediction))),
        ("excess risk of predicting zero", "", number(problem.null_risk)),
        ("noise scale on the weights", network.words.noise_scale_sign, number(prediction.noise_scale)),
        ("threshold", "ζ", number(prediction.threshold)),
        ("degrees of freedom", "", freedom),
        ("phase", "", "not defined here" if prediction.phase is None else prediction.phase.name),
    ]
    if network.risk_per_error != 1:
        symbol = f"E = R/{network.risk_per_error:g}"
        facts.insert(2, ("estimation error on the weights", symbol, number(prediction.estimation_error)))
    return facts


def _certificate_rows(verification: Verification) -> list[dict[str, str]]:
    rows = []
    for name, runs in verification.measured.items():
        for i, index in enumerate(runs.datasets):
            gap = runs.gaps[i]
            rows.append(
                {
                    "trainer": name if i == 0 else "",
                    "dataset": str(index + 1),
                    "solver": runs.solvers[i],
                    "objective": f"{runs.objective.values[i]:.7g}",
                    "gap": "none" if gap is None else f"{gap:.1e}",
                    "excess_risk": number(runs.excess_risk.values[i]),
                    "train_error": number(runs.train_error.values[i]),
                    "status": runs.statuses[i].replace("_", " "),
                    "iterations": str(runs.iterations[i]),
                    "seconds": f"{runs.seconds[i]:.1f}",
                }
            )
    return rows
