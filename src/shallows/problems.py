"""What is asked: a teacher, how it is observed, and which network learns it (theory note, sections 1 and 13)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ._arguments import check_instance, check_number
from ._display import Displayed, Summary
from .designs import Design, Isotropic, PairedSpectrum, RotatedTeacher
from .errors import InvalidArgument, NotSupported, UndefinedAttribute
from .networks import Network, network_named
from .teachers import FromValues, Spectrum, Teacher


@dataclass(frozen=True)
class Problem(Displayed):
    """A teacher, how it is observed, and which network learns it.

    Parameters
    ----------
    network : str or Network
        Which network is trained: the name of a registered one, ``"diagonal"`` or ``"quadratic"``, with its options
        (``"diagonal:depth=3"``), or a network such as ``Diagonal(depth=3)``. It is kept as its name.
    teacher : Teacher
        Spectrum of the target, a network of the same kind.
    samples : int
        Number of training samples ``n >= 1``. Theory accepts any real number; data sets need an integer.
    noise : float
        Variance ``Delta >= 0`` of the label noise.
    width : int, optional
        Number of hidden units ``p >= 1`` of the quadratic network; default: as many as dimensions. The
        diagonal network has one unit per dimension and takes none.
    design : Design
        The law of the inputs; default: independent standard normal entries. With a covariance, the teacher's modes are
        those of the whitened teacher. A covariance of one is kept as the default.

    Raises
    ------
    InvalidArgument
        If an argument is unusable; an unknown network is an :class:`shallows.errors.UnknownNetwork`.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> problem = Problem("quadratic", PowerLaw(dim=400, gamma=1.25), samples=8000, noise=0.1)
    >>> problem.effective_samples, problem.alpha
    (20.0, 0.05)
    """

    network: str
    teacher: Teacher
    samples: float
    noise: float = 0.0
    width: int | None = None
    design: Design = Isotropic()  # noqa: RUF009 - frozen, and equal to every other

    def __post_init__(self) -> None:
        architecture = network_named(self.network)
        object.__setattr__(self, "network", architecture.name)
        if not isinstance(self.teacher, Teacher):
            raise InvalidArgument("teacher", self.teacher, "must be a teacher such as PowerLaw(dim, gamma)")
        if isinstance(self.teacher, FromValues):
            self.teacher.check_network(self.network)
        samples = check_number("samples", self.samples, minimum=1)
        object.__setattr__(self, "samples", int(samples) if samples == int(samples) else samples)
        object.__setattr__(self, "noise", check_number("noise", self.noise))
        object.__setattr__(self, "width", architecture.check_width(self.width))
        check_instance("design", self.design, Design)
        self.design.check(architecture, self.teacher)
        if not (self.design.is_gaussian or architecture.takes_any_design):
            allowed = f"theory of the {architecture.family} network has been held against Gaussian inputs only"
            raise NotSupported("design", self.design.describe(), allowed)
        object.__setattr__(self, "design", self.design.canonical())

    def __reduce__(self) -> tuple[Any, ...]:  # the fields, a name for the network, and nothing computed from them
        fields = (self.network, self.teacher, self.samples, self.noise, self.width)
        return type(self), fields if self.design.is_isotropic else (*fields, self.design)

    def _summary(self) -> Summary:
        from .problem_rows import problem_rows

        rows = [(name, value, f"({symbol})" if symbol else "") for name, symbol, value in problem_rows(self.to_dict())]
        return Summary(f"Problem for {self.architecture.phrase}", rows)

    @cached_property
    def architecture(self) -> Network:
        """The network as an object: its units, maps and words."""
        return network_named(self.network)

    @property
    def dim(self) -> int:
        """Input dimension `d`."""
        return self.teacher.dim

    @property
    def labels(self) -> float:
        """Numbers that are observed: the samples, or the pairs of tokens in all sequences."""
        return self.architecture.labels_of(self.samples)

    @property
    def effective_width(self) -> int:
        """Hidden units `p` (`d` unless a width was given)."""
        return self.architecture.effective_width(self.dim, self.width)

    @property
    def rank_share(self) -> float:
        """Largest share of the modes that the network can learn: ``p/d``, at most 1."""
        return self.architecture.rank_share(self.dim, self.width)

    @property
    def is_convex(self) -> bool:
        """Whether the training minimum is that of a convex problem."""
        return self.architecture.is_convex(self.dim, self.width)

    @property
    def is_narrow(self) -> bool:
        """Whether the network has fewer hidden units than inputs."""
        return self.architecture.is_narrow(self.dim, self.width)

    @property
    def effective_samples(self) -> float:
        """``n_eff``: `n` for the diagonal network, ``n/d`` for the quadratic one."""
        return self.architecture.effective_samples(self.samples, self.dim)

    @property
    def alpha(self) -> float:
        """Sample ratio: ``n/d`` for the diagonal network, ``n/d^2`` for the quadratic one."""
        return self.architecture.sample_ratio(self.samples, self.dim)

    @cached_property
    def spectrum(self) -> Spectrum:
        """Compressed spectrum of the teacher (of the whitened one) in the units of the network."""
        return self.teacher.spectrum(self.network)

    @cached_property
    def seen(self) -> PairedSpectrum | RotatedTeacher:
        """The whitened teacher beside the variances of the inputs, for designs that are not white."""
        if self.design.is_white:
            raise UndefinedAttribute("inputs are white: the teacher is seen as it is")
        return self.design.seen(self.architecture, self.teacher)

    @cached_property
    def energy(self) -> float:
        """``Q0``: ``||theta*||^2`` or ``||S*||_F^2 / d`` of the whitened teacher, as far as inputs show it."""
        if self.design.is_white:
            return self.teacher.energy_for(self.network)
        return self.seen.sum_of_squares(self.architecture) / self.architecture.modes_per_energy(self.dim)

    @property
    def null_risk(self) -> float:
        """Excess risk of predicting zero: ``Q0``, or ``2 Q0`` for the quadratic network."""
        return self.architecture.risk_per_error * self.energy

    def penalty_from_weight_decay(self, weight_decay: float) -> float | None:
        """Reduced penalty ``pen = lam sqrt(p/d)`` of the quadratic network; None for the diagonal one."""
        found = self.architecture.penalty_from_weight_decay(weight_decay, self.dim, self.width)
        return None if found is None else float(found)

    def weight_decay_from_penalty(self, penalty: float) -> float:
        """Weight decay ``lam = pen sqrt(d/p)`` of the quadratic network."""
        return float(self.architecture.weight_decay_from_penalty(penalty, self.dim, self.width))

    def regularisation(self, weight_decay: float | None, penalty: float | None) -> tuple[float, float | None]:
        """Check the two ways to say it and return both: ``(lam, pen)``, `pen` being None for the diagonal network.

        Raises
        ------
        InvalidArgument
            Unless exactly one is given, a finite number ``>= 0``; `penalty` needs the quadratic network.
        """
        return self.architecture.regularisation(weight_decay, penalty, self.dim, self.width)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready description."""
        out = {
            "network": self.network,
            "teacher": self.teacher.to_dict(),
            "dim": self.dim,
            "samples": self.samples,
            "effective_samples": self.effective_samples,
            "noise": self.noise,
            "width": self.effective_width if self.architecture.has_width else None,
        }
        return out if self.design.is_isotropic else out | {"design": self.design.to_dict()}
