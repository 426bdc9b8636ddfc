"""A verification in words: the question, what the figures show, and what stands behind the numbers."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from .._numbers import number
from ..teachers import LowRank, PowerLaw

if TYPE_CHECKING:
    from ..prediction import Prediction
    from ..verification import Verification


def bayes_risk(prediction: Prediction) -> float | None:
    """Bayes-optimal excess risk, None where its equations were not solved."""
    return prediction.bayes_risk if prediction.bayes.status.ok else None


def strength(prediction: Prediction) -> str:
    """The regularisation as the problem's network has it."""
    if prediction.penalty is None:
        value = prediction.weight_decay
        return "vanishing weight decay λ → 0⁺" if value == 0 else f"weight decay λ = {number(value)}"
    if prediction.penalty == 0:
        return "vanishing weight decay λ → 0⁺"
    if prediction.problem.effective_width == prediction.problem.dim:
        return f"weight decay λ = {number(prediction.penalty)}"
    return f"weight decay λ = {number(prediction.weight_decay)} (reduced penalty {number(prediction.penalty)})"


def question(verification: Verification) -> str:
    """What was asked, in one paragraph."""
    problem, prediction = verification.problem, verification.prediction
    noise = f"label noise of variance Δ = {number(problem.noise)}" if problem.noise else "noiseless labels"
    student = problem.architecture.words.student.format(width=problem.effective_width)
    inputs = "" if problem.design.is_isotropic else f" ({problem.design.describe()})"
    kind = "Gaussian inputs" if problem.design.is_gaussian else "inputs"
    kind = problem.architecture.grouped + kind
    return (
        f"A teacher ({problem.teacher.describe()}) labels n = {number(problem.samples)} {kind}{inputs} in "
        f"d = {problem.dim} dimensions, with {noise}. Then {student} is trained on them to its minimum with "
        f"{strength(prediction)}. What error does theory predict, and what do networks trained on "
        f"{_data_sets(verification.seeds)} show?"
    )


def polished(text: str) -> str:
    """Text that the library also prints on terminals, with the signs that print has."""
    for plain, sign in (("+-", "±"), (">=", "≥"), ("gamma", "γ"), ("rho(", "ρ("), ("lam ", "λ "), ("lam^", "λ^")):
        text = text.replace(plain, sign)
    return text.replace(" = ", "\u00a0=\u00a0").replace(" %", "\u00a0%")


def _data_sets(count: int) -> str:
    return "one sampled data set" if count == 1 else f"{count} independent sampled data sets"


def agreement_reading(verification: Verification) -> str:
    """Caption of the agreement figure."""
    text = (
        "Line: theory, asymptotically exact and evaluated at the actual dimension. Small marks: one data set each; "
        "large marks: their mean and its standard error. "
    )
    allowance = next(iter(verification.comparisons.values()))["excess_risk"].allowance
    if allowance is None:
        text += "At so few effective samples theory is not quantitative: no allowance for the finite size is drawn."
    else:
        text += f"Shaded: how far a finite network of this size may be from theory (±{100 * allowance:.0f} %)."
    if verification.trainers_agree:
        text += " The trainers see the same data and reach the same minimum: their marks should coincide."
    return text


def spectrum_reading(verification: Verification) -> str:
    """What the learned spectrum shows."""
    law = verification.prediction.spectrum
    runs = next(iter(verification.measured.values()))
    network = verification.problem.architecture
    measured = runs.mass_at_zero
    spread = "" if not measured.standard_error else f" ± {100 * measured.standard_error:.2g}"
    text = (
        f"Of the learned {network.words.weights}, theory puts {100 * law.mass_at_zero:.4g} % exactly at zero; measured "
        f"{100 * measured.mean:.4g}{spread} %. "
    )
    if law.mass_at_zero >= 1 - 1e-12:
        return text + "Nothing is learned: the weight decay outweighs the data."
    if law.bulk is None:
        text += "No bulk survives training: what is learned is signal. "
    elif network.sharp_bulk:
        text += (
            f"The predicted bulk, learned noise, reaches from {number(law.bulk[0], 3)} to {number(law.bulk[1], 3)}; "
            "it costs risk without serving prediction. "
        )
    else:
        weights = network.words.weights.capitalize()
        text += f"{weights} up to about {number(law.bulk[1], 3)} in size can be learned noise. "
    count = law.outlier_count
    if count:
        learned = "one mode" if round(count) == 1 else f"{number(round(count))} modes"
        first = law.outliers[0]
        text += f"Theory has {learned} of the teacher stand out of the noise"
        if network.is_matrix:
            top = float(runs.ordered[:, 0].mean())
            text += (
                f"; the largest at {number(first.learned)} (measured {number(top)}; in the teacher "
                f"{number(first.teacher)}), its direction at squared overlap {first.overlap:.3f} with the true one"
            )
        text += ". "
    else:
        text += "No mode of the teacher stands out of the noise. "
    if network.is_matrix:
        text += "Learned modes above the teacher's line are inflated by noise; those below are shrunk by weight decay."
    else:
        text += "The distance to the teacher's line is the shrinkage by weight decay."
    return text


#: Sentences on the decomposition, which pages in the browser fill in by themselves.
SPLIT = (
    "The four terms add up to the predicted excess risk of {total}. The largest is {name}, {share} % of it: {meaning}."
)
MEANINGS = {
    "overfitting": "learned noise; a larger weight decay would remove it",
    "underfitting": "features of the teacher that the noise still hides; only more data or less noise reveal them",
    "approximation": "imprecision of the features that were learned, from shrinkage by weight decay and from noise",
}
OTHER_MEANING = "signal that fits by chance"
NOTHING_LEARNED = (
    "nothing is learned; underfitting counts modes that noise hides, approximation those lost to weight decay"
)
NEGATIVE_ALIGNMENT = "Alignment is negative, since noise that happens to fit hidden signal is worth having."
BAYES = (
    "The smallest excess risk any estimator could reach knowing the teacher's spectrum is {best}: "
    "training pays {times} times that."
)
UNREACHABLE = "No known fast algorithm attains that risk here."
NO_RISK = "The excess risk vanishes: there is nothing to split."


def decomposition_reading(verification: Verification) -> str:
    """Which part of the excess risk dominates, and what would lower it."""
    prediction = verification.prediction
    terms, total = prediction.decomposition.to_dict(), prediction.excess_risk
    if total <= 0:
        return NO_RISK
    name = max(terms, key=lambda key: terms[key])
    meaning = MEANINGS.get(name, OTHER_MEANING)
    if prediction.spectrum.mass_at_zero >= 1 - 1e-12:
        meaning = NOTHING_LEARNED
    share = f"{100 * terms[name] / total:.0f}"
    sentences = [SPLIT.format(total=number(total), name=name, share=share, meaning=meaning)]
    if terms["alignment"] < -1e-12 * total:
        sentences.append(NEGATIVE_ALIGNMENT)
    best = bayes_risk(prediction)
    if best:
        sentences.append(BAYES.format(best=number(best), times=_times(total / best)))
        if not prediction.bayes.reachable:
            sentences.append(UNREACHABLE)
    return " ".join(sentences)


def _times(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.3g}"


def endings_reading(verification: Verification) -> str:
    """Where training from each scale of initial weights ends."""
    told = {
        "theory": "ends on theory's branch",
        "better": "ends at another minimum, of higher objective and lower risk",
        "worse": "ends at another minimum, of higher objective and no lower risk",
        "collapse": "collapses to zero weights",
    }
    text = "The training problem is not convex: gradient training ends in a minimum that its initial weights choose. "
    for ending in verification.endings:
        text += (
            f"From weights times {ending.init_scale:g} it {told[ending.branch]} (R = {ending.excess_risk.in_words}). "
        )
    return text + "Left: excess risk. Right: the objective, over that of message passing on the same data."


def curve_reading(verification: Verification) -> str:
    """What the learning curve holds fixed and shows."""
    curve, prediction = verification.curve, verification.prediction
    assert curve is not None
    width = ", the width" if verification.problem.architecture.has_width else ""
    text = f"Held fixed: {strength(prediction)}, the noise variance{width}; only the number of samples changes. "
    if curve.trained:
        counts = sorted({len(point.excess_risk.values) for point in curve.trained})
        each = " or ".join(str(count) for count in counts)
        sets = "data set" if counts == [1] else "data sets"
        sizes = ", ".join(number(point.samples) for point in curve.trained)
        text += f"The networks at n = {sizes} were trained on {each} {sets} each"
        text += ", with error bars of one standard error. " if counts != [1] else ". "
    phase = prediction.phase
    if phase is not None:
        text += (
            f"This problem lies in phase {phase.name} (risk: {phase.rate}; spectrum: {phase.spectrum}). "
            "The phases along the top are asymptotic; at this dimension neighbours blend. "
        )
    else:
        text += "Phases are defined for power-law teachers and noisy labels only, so none are named here. "
    if (curve.excess_risk == 0).any():
        text += "Where theory predicts no excess risk at all, its line leaves the logarithmic axis. "
    if curve.failures:
        text += f"The line is interrupted where theory has no finite answer ({curve.failures} points). "
    return text + "At few effective samples trained networks drift from the line, as theory is asymptotic."


def command(verification: Verification) -> str:
    """The command that makes this report again, quoted for a shell."""
    problem, prediction = verification.problem, verification.prediction
    words: list[Any] = ["shallows", "verify", "--network", problem.network]
    teacher = problem.teacher
    if isinstance(teacher, PowerLaw):
        words += ["--dim", problem.dim, "--gamma", repr(teacher.gamma)]
    elif isinstance(teacher, LowRank) and teacher.profile is None:
        words += ["--dim", problem.dim, "--rank", teacher.rank]
    else:
        words += ["--spectrum", "FILE"]
    if isinstance(teacher, (PowerLaw, LowRank)) and teacher.energy != 1:
        words += ["--energy", repr(teacher.energy)]
    words += ["--samples", problem.samples, "--noise", repr(problem.noise)]
    words += problem.design.options()
    scales = sorted(ending.init_scale for ending in verification.endings)
    if scales not in ([], [1.0]):
        words += ["--init-scale", ",".join(f"{scale:g}" for scale in scales)]
    if problem.width is not None:
        words += ["--width", problem.width]
    if prediction.penalty is None:
        words += ["--weight-decay", repr(prediction.weight_decay)]
    else:
        words += ["--penalty", repr(prediction.penalty)]
    words += ["--seeds", verification.seeds, "--seed", verification.seed]
    if len(verification.measured) == 1:
        words += ["--trainers", next(iter(verification.measured))]
    return shlex.join(str(word) for word in [*words, "--out", "report"])
