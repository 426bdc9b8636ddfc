"""The options that commands share, and how their text becomes a problem.

Numbers arrive as text: so that ``1e4`` is a number of samples, and so that an error can show what was
typed under the name it was typed.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .._arguments import exactly_one
from .._arguments import shown as shown
from ..errors import InvalidArgument, UnknownNetwork

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..designs import Design as DesignObject
    from ..networks import Network as Architecture
    from ..problems import Problem
    from ..robustness import Citation
    from ..teachers import Teacher

#: Larger numbers are no dimension anyone means, and stop being exact as floating-point numbers.
MOST_DIM = 10**12
MOST_SAMPLES = 1e18
#: Squares and ratios of anything beyond would leave the range of floating-point numbers.
SMALLEST_SIZE, LARGEST_SIZE = 1e-50, 1e50


def _option(name: str, kind: str, text: str) -> Any:
    return typer.Option(name, metavar=kind, help=text, show_default=False)


Network = Annotated[str | None, _option("--network", "NAME", "diagonal, quadratic or attention (required).")]
Depth = Annotated[
    str | None,
    _option("--depth", "L", "Trained layers: diagonal network >= 2 (default 2), quadratic network >= 1 (default 1)."),
]
Tokens = Annotated[
    str | None, _option("--tokens", "T", "Tokens in a sequence, >= 1 (default 2); attention network only.")
]
Dim = Annotated[str | None, _option("--dim", "D", "Input dimension, an integer >= 2; not with --spectrum.")]
Samples = Annotated[str | None, _option("--samples", "N", "Number of training samples, >= 1 (required).")]
Gamma = Annotated[str | None, _option("--gamma", "G", "Teacher: power law k^-G, G > 1/2.")]
SpectrumFile = Annotated[
    str | None,
    _option("--spectrum", "FILE", "Teacher: the values in a .npy, .csv or .txt file, taken as they are."),
]
Rank = Annotated[str | None, _option("--rank", "R", "Teacher: R equal modes, 1 <= R <= D.")]
Energy = Annotated[str | None, _option("--energy", "Q", "Energy of the teacher, >= 0 (default 1).")]
Noise = Annotated[str | None, _option("--noise", "V", "Variance of the label noise, >= 0 (default 0).")]
Width = Annotated[
    str | None, _option("--width", "P", "Hidden units of the quadratic network, >= 1 (default: as many as dimensions).")
]
WeightDecay = Annotated[str | None, _option("--weight-decay", "L", "Weight decay, >= 0; 0 means the limit from above.")]
Penalty = Annotated[
    str | None,
    _option("--penalty", "L", "Reduced penalty, in place of the weight decay; quadratic network only."),
]
Design = Annotated[
    str | None,
    _option(
        "--design",
        "NAME",
        "Inputs: isotropic (default), rademacher, uniform, laplace, student[:F], sparse[:P], mean[:M], orthogonal, "
        "or a file of rows.",
    ),
]
Covariance = Annotated[
    str | None,
    _option(
        "--covariance",
        "A|FILE",
        "Gaussian inputs with a covariance: eigenvalues k^-A of mean one, or a file of eigenvalues or of the matrix.",
    ),
]
Alignment = Annotated[
    str | None,
    _option(
        "--alignment",
        "HOW",
        "Teacher in the eigenvectors of the covariance: aligned (default), random, or a file with a rotation.",
    ),
]
InitScale = Annotated[
    str | None,
    _option(
        "--init-scale",
        "S",
        "Gradient training: initial weights, times those whose outputs are about the size of the labels (default 1).",
    ),
]
Inputs = Annotated[
    str | None,
    typer.Option(
        "--inputs",
        metavar="NAME",
        help="Cite what was measured on inputs that depart from theory, such as student:3 (docs/robustness.md).",
        show_default=False,
    ),
]
Activation = Annotated[
    str | None,
    typer.Option(
        "--activation",
        metavar="NAME",
        help="Cite what was measured of networks of this activation, such as relu (docs/robustness.md).",
        show_default=False,
    ),
]
ForceFolder = Annotated[
    bool, typer.Option("--force", help="Write into --out even if it is not empty; other files there stay.")
]
ForceFile = Annotated[bool, typer.Option("--force", help="Replace --out if it exists.")]
TrainingWorkers = Annotated[
    str | None, _option("--workers", "W", "Processes that train (default: one per core; 0: this one).")
]
Cluster = Annotated[
    str | None,
    _option("--cluster", "ADDRESS", "Dask scheduler (tcp://host:8786) or scheduler file, in place of workers here."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def parse_number(option: str, text: str, allowed: str) -> float:
    """`text` as an int where it is one (also as ``1e4``), else as a float, which may be nan or infinite."""
    try:
        number = int(text) if text.strip().lstrip("+-").isdigit() else float(text)
    except ValueError:
        raise InvalidArgument(option, shown(text), allowed) from None
    if isinstance(number, float) and abs(number) < 2**53 and number == int(number):
        return int(number)
    return number


def parse_integer(option: str, text: str, smallest: int, largest: int) -> int:
    """`text` as an integer from `smallest` to `largest`."""
    allowed = f"must be an integer from {smallest} to {largest:.15g}"
    number = parse_number(option, text, allowed)
    if not isinstance(number, int) or not smallest <= number <= largest:
        raise InvalidArgument(option, shown(text), allowed)
    return number


def parse_size(option: str, text: str) -> float:
    """`text` as 0 or a positive number of reasonable size."""
    allowed = f"must be a finite number >= 0 (0, or from {SMALLEST_SIZE:g} to {LARGEST_SIZE:g})"
    number = parse_number(option, text, allowed)
    if number != 0 and not SMALLEST_SIZE <= number <= LARGEST_SIZE:
        raise InvalidArgument(option, shown(text), allowed)
    return float(number)


def parse_init_scale(text: str) -> float:
    """A scale of initial weights, a positive number of reasonable size."""
    scale = parse_size("--init-scale", text)
    if scale == 0:
        raise InvalidArgument("--init-scale", shown(text), "must be a number > 0: zero weights have no gradient")
    return scale


def parse_counts(option: str, text: str, base: float) -> list[float]:
    """Numbers of samples from ``5000,1e4``, or from ``2x,4x``, multiples of `base`."""
    allowed = "must be numbers of samples >= 2, or multiples such as 2x, separated by commas"
    out = []
    for word in text.split(","):
        word = word.strip()
        try:
            count = float(word[:-1]) * base if word.lower().endswith("x") else float(word)
        except ValueError:
            raise InvalidArgument(option, shown(text), allowed) from None
        if not math.isfinite(count) or not 2 <= count <= MOST_SAMPLES:
            raise InvalidArgument(option, shown(text), allowed)
        out.append(count)
    if len(out) > 50:
        raise InvalidArgument(option, f"{len(out)} numbers", "at most 50")
    return out


@contextmanager
def naming(typed: Mapping[str, str | None]) -> Iterator[None]:
    """Rename the library's arguments in errors to the options they came from, and show what was typed.

    Parameters
    ----------
    typed : mapping
        From the library's name of an argument to the text given, or None.
    """
    try:
        yield
    except InvalidArgument as error:
        if error.name.startswith("--"):
            raise
        text = typed.get(error.name)
        option = " / ".join("--" + name.replace("_", "-") for name in error.name.split(" / "))
        value = error.value if text is None else shown(text)
        raise InvalidArgument(option, value, error.allowed) from error


def parse_citations(network: str, inputs: str | None, activation: str | None) -> list[Citation]:
    """Rows of the measured atlas that `--inputs` and `--activation` ask for.

    Raises
    ------
    InvalidArgument
        If there is none.
    """
    if inputs is None and activation is None:
        return []
    from ..robustness.citing import cite_activation, cite_inputs

    with naming({"inputs": inputs, "activation": activation}):
        found = [] if inputs is None else [cite_inputs(inputs, network)]
        return found if activation is None else [*found, cite_activation(activation)]


def say_citations(citations: Sequence[Citation]) -> None:
    """One line for each."""
    for citation in citations:
        typer.echo(f"\n{citation.sentence[0].upper()}{citation.sentence[1:]}.")


def parse_network(network: str | None, *, among: Sequence[str] | None = None, **options: str | None) -> Architecture:
    """The network of this name, with `options` such as its depth, each None unless it was given.

    Raises
    ------
    UnknownNetwork
        Named ``--network``, if there is none.
    InvalidArgument
        Named after the option that the network lacks, or has not with this value.
    """
    from ..networks import network_named, network_names, network_with

    family, _, spelled = (network or "").partition(":")
    known = network_names() if among is None else among
    if family not in known:
        typed = "nothing" if network is None else shown(family)
        *most, last = known
        raise UnknownNetwork("--network", typed, f"must be {', '.join(most)} or {last}")
    given = {name: text for name, text in options.items() if text is not None}
    with naming({"network": network, **given}):
        allowed = "must be an integer"
        values: Any = {name: parse_number("--" + name, text, allowed) for name, text in given.items()}
        try:
            return network_with(network_named(network) if spelled else family, **values)
        except InvalidArgument as error:
            if error.name in given or error.name == "network":
                raise
            raise InvalidArgument("network", network, f"its {error.name} {error.allowed}") from error


def parse_design(
    design: str | None, covariance: str | None = None, alignment: str | None = None
) -> DesignObject | None:
    """The design that the options describe, None for the default.

    Raises
    ------
    InvalidArgument
        Named after the option.
    """
    from ..designs import GaussianDesign, Rows, design_named
    from ..mode_files import read_array

    if covariance is None:
        if alignment is not None:
            raise InvalidArgument("--alignment", shown(alignment), "needs a --covariance to be aligned with")
        if design is None:
            return None
        if "." in design and ":" not in design:
            return Rows(read_array("--design", design), name="--design")
        return design_named(design, "--design")
    if design is not None:
        raise InvalidArgument(
            "--design / --covariance", "both", "a covariance is of Gaussian inputs: give one of the two"
        )
    given: Any = alignment or "aligned"
    if given not in ("aligned", "random"):
        if "." not in given:
            raise InvalidArgument("--alignment", shown(given), "must be aligned, random or a file with a rotation")
        given = read_array("--alignment", given)
    with naming({}):
        return GaussianDesign(_exponent_or_file(covariance), given, name="covariance")


def _exponent_or_file(text: str) -> Any:
    from ..mode_files import read_array

    try:
        return float(text)
    except ValueError:
        if "." not in text:
            allowed = "must be an exponent, or a file of eigenvalues or of the matrix"
            raise InvalidArgument("--covariance", shown(text), allowed) from None
        return read_array("--covariance", text)


def build_problem(
    network: str | None,
    dim: str | None,
    samples: str | None,
    gamma: str | None,
    spectrum: str | None,
    rank: str | None,
    energy: str | None,
    noise: str | None,
    width: str | None,
    design: DesignObject | None = None,
    **network_options: str | None,
) -> Problem:
    """The problem that the options describe, with a network of :func:`parse_network`, inputs of :func:`parse_design`.

    Raises
    ------
    InvalidArgument
        Named after the option, with the text given.
    """
    from ..problems import Problem

    architecture = parse_network(network, **network_options)
    if samples is None:
        raise InvalidArgument("--samples", "nothing", "must be a number >= 1")
    allowed = f"must be a number from 1 to {MOST_SAMPLES:g}"
    n = parse_number("--samples", samples, allowed)
    if not 1 <= n <= MOST_SAMPLES:
        raise InvalidArgument("--samples", shown(samples), allowed)
    variance = 0.0 if noise is None else parse_size("--noise", noise)
    with naming({"noise": noise, "width": width, "spectrum": None}):
        if not architecture.has_width:
            architecture.check_width(width)  # before it is read as a number, which does not matter then
        units = None if width is None else parse_integer("--width", width, 1, MOST_DIM)
        teacher = _build_teacher(dim, gamma, spectrum, rank, energy)
        if design is None:
            return Problem(architecture.name, teacher, n, noise=variance, width=units)
        return Problem(architecture.name, teacher, n, noise=variance, width=units, design=design)


def _build_teacher(
    dim: str | None, gamma: str | None, spectrum: str | None, rank: str | None, energy: str | None
) -> Teacher:
    """The teacher that the options describe."""
    from ..teachers import FromValues, LowRank, PowerLaw

    exactly_one({"--gamma": gamma, "--spectrum": spectrum, "--rank": rank}, "to choose the teacher")
    if spectrum is not None:
        from ..mode_files import read_values

        if energy is not None:
            raise InvalidArgument(
                "--energy", shown(energy), "does not apply to --spectrum: values are taken as they are"
            )
        values = FromValues(read_values("--spectrum", spectrum))
        if dim is not None and parse_integer("--dim", dim, 2, MOST_DIM) != values.dim:
            raise InvalidArgument("--dim", shown(dim), f"must be left out, or be the {values.dim} values of --spectrum")
        return values
    if dim is None:
        raise InvalidArgument("--dim", "nothing", "must be an integer >= 2")
    size = parse_integer("--dim", dim, 2, MOST_DIM)
    q0 = 1.0 if energy is None else parse_size("--energy", energy)
    with naming({"gamma": gamma, "rank": rank, "energy": energy}):
        if gamma is not None:
            return PowerLaw(size, parse_number("--gamma", gamma, "must be a finite number > 1/2"), q0)
        assert rank is not None
        return LowRank(size, parse_integer("--rank", rank, 1, size), q0)


def parse_regularisation(
    problem: Problem, weight_decay: str | None, penalty: str | None
) -> tuple[float | None, float | None]:
    """The weight decay or the penalty, whichever was given; the other is None.

    Raises
    ------
    InvalidArgument
        Unless exactly one was given and is right for the network.
    """
    exactly_one({"--weight-decay": weight_decay, "--penalty": penalty})
    decay = None if weight_decay is None else parse_size("--weight-decay", weight_decay)
    reduced = None if penalty is None else parse_size("--penalty", penalty)
    if penalty is not None and not problem.architecture.has_penalty:
        raise InvalidArgument(
            "--penalty", shown(penalty), f"does not apply to the {problem.network} network; use --weight-decay"
        )
    with naming({"weight_decay": weight_decay, "penalty": penalty}):
        problem.regularisation(decay, reduced)
    return decay, reduced
