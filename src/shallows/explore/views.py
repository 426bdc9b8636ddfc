"""What the explorer looks at: one frozen view, its limits, and how it is written in addresses, Python and a shell."""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from .._arguments import shown
from ..designs import GaussianDesign
from ..errors import InvalidArgument
from ..networks import network_named, network_names
from ..problems import Problem
from ..teachers import FromValues, PowerLaw

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Ranges that the sliders offer; typed numbers may go up to :data:`LIMITS`.
SLIDERS: dict[str, tuple[float, float]] = {
    "dim": (20, 2000),
    "gamma": (0.6, 2.5),
    "noise": (1e-3, 10.0),
    "covariance": (0.0, 2.0),
}
#: What is computed at most: beyond, an answer would take too long, or leave floating-point numbers.
LIMITS: dict[str, tuple[float, float]] = {
    "dim": (2, 5000),
    "samples": (1, 1e15),
    "weight_decay": (0, 1e12),
    "gamma": (0.51, 20.0),
    "noise": (0, 1e12),
    "energy": (0, 1e12),
    "width": (1, 1e6),
    "covariance": (0, 3.0),
    "depth": (1, 50),
}
WHOLE = ("dim", "samples", "width", "depth")
#: Ranges of ``log_d n_eff`` and ``log_d lam`` that the phase diagram shows.
NU, ELL = (-0.1, 2.75), (-1.25, 1.25)


def depth_of(family: str) -> int | None:
    """Trained layers of the plain network of a family that can be deeper; None for one that cannot."""
    return getattr(network_named(family), "defaults", {}).get("depth")


@dataclass(frozen=True)
class View:
    """A setting to look at: the problem, the weight decay, and which teacher.

    Attributes
    ----------
    network : str
        Family of the network.
    dim, samples, width, depth : int
        `width` and `depth` are None where the network has none or its plain one is meant.
    weight_decay, gamma, noise, energy : float
    covariance : float
        Exponent of the covariance of the inputs; 0: white.
    teacher : str
        Name of a spectrum that was loaded; empty: a power law.

    Examples
    --------
    >>> from shallows.explore.views import View
    >>> view = View.parse({"network": "diagonal", "dim": "100", "samples": "300"})
    >>> view.problem().samples, view.query()
    (300, 'network=diagonal&dim=100&samples=300&weight_decay=0.1&gamma=1.25&noise=0.1')
    """

    network: str = network_names()[-1]
    dim: int = 400
    samples: int = 8000
    weight_decay: float = 0.1
    gamma: float = 1.25
    noise: float = 0.1
    energy: float = 1.0
    width: int | None = None
    covariance: float = 0.0
    depth: int | None = None
    teacher: str = ""

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> View:
        """The view that an address describes; what it leaves out is as in the first view.

        Raises
        ------
        InvalidArgument
            Names what is unknown, no number, or beyond the limits.
        """
        known = {item.name for item in fields(cls)}
        for name in given:
            if name not in known:
                raise InvalidArgument(shown(name), shown(given[name]), f"must be one of {', '.join(sorted(known))}")
        network = given.get("network", cls.network)
        if network not in network_names():
            raise InvalidArgument("network", shown(network), f"must be {' or '.join(network_names())}")
        values: dict[str, Any] = {name: _number(name, text) for name, text in given.items() if name in LIMITS}
        view = cls(network=network, teacher=given.get("teacher", ""), **values)
        return view.fitting()

    @classmethod
    def of(cls, problem: Problem, weight_decay: float, teacher: str = "") -> View:
        """The view of a problem with a power-law teacher, or with values that were loaded under the name `teacher`.

        Raises
        ------
        InvalidArgument
            If the explorer has no slider for something of it.
        """
        law = problem.teacher
        exponent = 0.0 if problem.design.is_isotropic else problem.design.aligned_exponent
        if not isinstance(law, PowerLaw) and not teacher:
            raise InvalidArgument("problem", law.describe(), "must have a power-law teacher, or values from a file")
        if exponent is None or not problem.design.is_gaussian:
            allowed = "must be isotropic, or a covariance k^-a aligned with the teacher"
            raise InvalidArgument("design", problem.design.describe(), allowed)
        options = getattr(problem.architecture, "options", {})
        power = {"gamma": law.gamma, "energy": law.energy} if isinstance(law, PowerLaw) else {}
        given = {
            "network": getattr(problem.architecture, "family", problem.network),
            "dim": problem.dim,
            "samples": round(problem.samples),
            "weight_decay": weight_decay,
            "noise": problem.noise,
            "width": problem.width,
            "covariance": exponent,
            "depth": options.get("depth"),
            "teacher": teacher,
            **power,
        }
        return cls.parse({name: str(value) for name, value in given.items() if value is not None and value != ""})

    def fitting(self) -> View:
        """The same without what the network has no use for."""
        architecture = network_named(self.network)
        plain = depth_of(self.network)
        return replace(
            self,
            width=self.width if architecture.has_width and self.width != self.dim else None,
            depth=None if plain is None or self.depth == plain else self.depth,
        )

    @property
    def network_name(self) -> str:
        """The network with its options, as problems name it."""
        return self.network if self.depth is None else f"{self.network}:depth={self.depth}"

    def problem(self, teachers: Any = None) -> Problem:
        """The problem in sight.

        Parameters
        ----------
        teachers : shallows.explore.loaded.Teachers, optional
            Spectra that were loaded.

        Raises
        ------
        InvalidArgument
            If the teacher is not there.
        """
        teacher: PowerLaw | FromValues = PowerLaw(self.dim, self.gamma, self.energy)
        if self.teacher:
            held = (teachers or {}).get(self.teacher)
            if held is None:
                allowed = "is not loaded here: load its file again (an address holds no spectrum)"
                raise InvalidArgument("teacher", shown(self.teacher), allowed)
            teacher = held
        design = {} if self.covariance == 0 else {"design": GaussianDesign(self.covariance)}
        return Problem(self.network_name, teacher, self.samples, self.noise, self.width, **design)

    def everywhere(self) -> View:
        """The same wherever it stands in the diagram: what does not change with samples and weight decay."""
        return replace(self, samples=1, weight_decay=0.0)

    def query(self) -> str:
        """As it stands in an address: what is not as in the plain view, and the sliders that everyone has."""
        always = ("network", "dim", "samples", "weight_decay", "gamma", "noise")
        words = []
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name in always or value != item.default:
                words.append(f"{item.name}={value:.12g}" if isinstance(value, float) else f"{item.name}={value}")
        return "&".join(words)

    def shell(self, path: str = "FILE") -> str:
        """The command that predicts this view; `path` names the file of a spectrum."""
        words: list[Any] = ["shallows", "predict", "--network", self.network]
        if self.teacher:
            words += ["--spectrum", path]
        else:
            words += ["--dim", self.dim, "--gamma", f"{self.gamma:.12g}"]
            words += [] if self.energy == 1 else ["--energy", f"{self.energy:.12g}"]
        words += ["--samples", self.samples, "--noise", f"{self.noise:.12g}"]
        words += [] if self.width is None else ["--width", self.width]
        words += [] if self.depth is None else ["--depth", self.depth]
        words += [] if self.covariance == 0 else ["--covariance", f"{self.covariance:.12g}"]
        return shlex.join(str(word) for word in [*words, "--weight-decay", f"{self.weight_decay:.12g}"])

    def python(self, path: str = "FILE") -> str:
        """Lines of Python that predict this view.

        Examples
        --------
        >>> from shallows.explore.views import View
        >>> print(View.parse({"network": "diagonal", "covariance": "0.5"}).python())
        from shallows import GaussianDesign, PowerLaw, Problem, predict
        <BLANKLINE>
        teacher = PowerLaw(dim=400, gamma=1.25)
        problem = Problem("diagonal", teacher, samples=8000, noise=0.1, design=GaussianDesign(0.5))
        prediction = predict(problem, weight_decay=0.1)
        print(prediction)
        """
        names = ["FromValues" if self.teacher else "PowerLaw", "Problem", "predict"]
        arguments = [f"samples={self.samples}", f"noise={self.noise!r}"]
        arguments += [] if self.width is None else [f"width={self.width}"]
        if self.covariance:
            names.append("GaussianDesign")
            arguments.append(f"design=GaussianDesign({self.covariance!r})")
        lines = [f"from shallows import {', '.join(sorted(names))}", ""]
        if self.teacher:
            lines.insert(0, "import numpy as np")
            lines.append(f"teacher = FromValues(np.loadtxt({path!r}))  # np.load for a .npy file")
        else:
            energy = "" if self.energy == 1 else f", energy={self.energy!r}"
            lines.append(f"teacher = PowerLaw(dim={self.dim}, gamma={self.gamma!r}{energy})")
        lines.append(f'problem = Problem("{self.network_name}", teacher, {", ".join(arguments)})')
        lines.append(f"prediction = predict(problem, weight_decay={self.weight_decay!r})")
        return "\n".join([*lines, "print(prediction)"])


def _number(name: str, text: str) -> float | int:
    """A number within its limits."""
    low, high = LIMITS[name]
    whole = name in WHOLE
    allowed = f"must be {'an integer' if whole else 'a number'} from {low:.12g} to {high:.12g}"
    try:
        value = float("nan" if "_" in text else text)  # 1_000 is a number to Python only
    except ValueError:
        raise InvalidArgument(name, shown(text), allowed) from None
    if not math.isfinite(value) or not low <= value <= high or (whole and value != int(value)):
        raise InvalidArgument(name, shown(text), allowed)
    return int(value) if whole else value
