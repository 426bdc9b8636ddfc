"""What every network knows of itself without solving anything."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .._arguments import check_integer, check_number, exactly_one
from ..errors import InvalidArgument, NotSupported

if TYPE_CHECKING:
    from .._types import FloatArray

#: Effective samples from which on theory is quantitative at finite size, and below which it is not at all.
QUANTITATIVE, ROUGH = 30.0, 6.0
#: The same below which it is not at all for networks narrower than their inputs.
NARROW = 15.0


@dataclass(frozen=True)
class Words:
    """How people speak of a network's numbers.

    Attributes
    ----------
    effective_samples : str
        Symbol, ``n`` or ``n/d``.
    noise_scale, noise_scale_sign, noise_scale_math : str
        Its name on a terminal, on a page, and in a figure.
    weights : str
        What the learned spectrum is made of.
    features : str
        What was learned, counted.
    active : str
        The count of what is not zero.
    quantity : str
        One of the learned weights, for an axis.
    size : str
        Its size, for an axis.
    spread : str
        What :attr:`shallows.spectra.Outlier.overlap` is.
    overlap : str
        The same in one word.
    student : str
        The network in a sentence, with a place for the width.
    sample : str
        What one row of data is.
    label : str
        What is observed, and counted against degrees of freedom.

    Examples
    --------
    >>> from shallows.networks import network_named
    >>> network_named("quadratic").words.student.format(width=20)
    'a two-layer network with quadratic activation and 20 hidden units'
    """

    effective_samples: str
    noise_scale: str
    noise_scale_sign: str
    noise_scale_math: str
    weights: str
    features: str
    active: str
    quantity: str
    size: str
    spread: str
    overlap: str
    student: str
    sample: str = "sample"
    label: str = "sample"


def root_of(covariance: FloatArray) -> FloatArray:
    """Symmetric square root of a positive semidefinite matrix (d, d)."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


class Network(ABC):
    """A network and its units. Frozen: instances of one class with the same options are the same network.

    Every number that depends on the network alone is a method or an attribute here, in the units of the theory note,
    section 1. Arguments are plain numbers: `samples` is ``n``, `dim` is ``d``, `width` is ``p`` or None.

    Examples
    --------
    >>> from shallows.networks import network_named
    >>> for name in ("diagonal", "quadratic"):
    ...     network = network_named(name)
    ...     print(network.effective_samples(8000, 400), network.risk_per_error, network.is_convex(400, None))
    8000 1.0 True
    20.0 2.0 True
    """

    #: What users call it, whatever its options.
    family: ClassVar[str]
    #: Options by which networks of one family differ: integers with their defaults, attributes of the network.
    defaults: ClassVar[Mapping[str, int]] = MappingProxyType({})
    #: How an option is said after "a network of", with a place for its value.
    option_words: ClassVar[Mapping[str, str]] = MappingProxyType({})
    words: Words
    #: Names of the network's own weights.
    parameter_names: tuple[str, ...]
    #: Excess risk over estimation error.
    risk_per_error: ClassVar[float]
    #: Whether a number of hidden units can be chosen.
    has_width: bool
    #: Whether the effective weights are a matrix, of which the modes are eigenvalues and cannot be negative.
    is_matrix: ClassVar[bool]
    #: Whether the bulk of learned noise ends at a sharp edge, beyond which each mode is seen by itself.
    sharp_bulk: ClassVar[bool]
    #: Whether theory asks for columns without correlation, and not for unit variance alone.
    needs_white_inputs: ClassVar[bool]
    #: Exponent of the risk in phase V; None where it is a logarithm.
    harmful_exponent: float | None
    #: Training penalises the modes' sizes to this power; below 1 thresholds jump, and the problem is not convex.
    penalty_exponent: float = 1.0
    #: What the law of learned noise is called.
    learned_noise: ClassVar[str] = "law of theory"
    #: Relative cost of one prediction.
    theory_cost: ClassVar[float]
    #: Whether it is one of those that figures of the paper are about.
    in_paper: ClassVar[bool] = False
    #: Whether theory has been held against inputs that are not Gaussian.
    takes_any_design: ClassVar[bool] = True

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.options == other.options

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value}' for name, value in self.options.items())})"

    def _set_options(self, smallest: int, **options: int) -> None:
        """Keep `options`, integers from `smallest` on: for the constructors of networks that have some."""
        self._keep(**{name: check_integer(name, value, minimum=smallest) for name, value in options.items()})

    def _keep(self, **attributes: Any) -> None:
        """Keep attributes that depend on the options: for constructors alone."""
        for name, value in attributes.items():
            object.__setattr__(self, name, value)

    @property
    def options(self) -> dict[str, int]:
        """The options in which it differs from the plain network of its family."""
        return {name: getattr(self, name) for name, plain in self.defaults.items() if getattr(self, name) != plain}

    @cached_property
    def name(self) -> str:
        """What files call it: the family, with options where they are not the defaults, ``"diagonal:depth=3"``."""
        return ":".join([self.family, *(f"{name}={value}" for name, value in self.options.items())])

    @property
    def phrase(self) -> str:
        """The network in a sentence, with an article: ``"a diagonal network of depth 3"``."""
        return f"{'an' if self.family[0] in 'aeiou' else 'a'} {self.family} network{self._of_options()}"

    @property
    def title(self) -> str:
        """The network at the beginning of a line: ``"Diagonal network of depth 3"``."""
        return f"{self.family.capitalize()} network{self._of_options()}"

    def _of_options(self) -> str:
        """Options in words, each the name of a number unless :attr:`option_words` say it better."""
        said = [self.option_words.get(name, f"{name} {{}}").format(value) for name, value in self.options.items()]
        return f" of {', '.join(said)}" if said else ""

    @property
    def kind(self) -> str:
        """What its capabilities are registered under: the family, unless options change the mathematics."""
        return self.family

    @property
    def denoised_as(self) -> str:
        """The network whose denoisers act on its modes."""
        return self.name

    # -- samples

    @property
    def labels_per_sample(self) -> int:
        """Numbers that are observed of one sample."""
        return 1

    def labels_of(self, samples: float) -> float:
        """Numbers that are observed of so many samples: what degrees of freedom are to be compared with."""
        each = self.labels_per_sample
        return samples if each == 1 else samples * each

    def input_shape(self, samples: int, dim: int) -> tuple[int, ...]:
        """Shape of the inputs of so many samples."""
        return (samples, dim)

    @property
    def grouped(self) -> str:
        """How inputs come, before the word "inputs": nothing, or "sequences of 3 tokens, "."""
        return ""

    def label_shape(self, samples: int) -> tuple[int, ...]:
        """Shape of their labels."""
        return (samples,)

    def observed(self, labels: FloatArray) -> FloatArray:
        """Labels as the square loss sees them: one number per observation, all of equal weight.

        Raises
        ------
        InvalidArgument
            If labels have a structure that these lack.
        """
        return labels

    def labels_from(self, observed: FloatArray) -> FloatArray:
        """The inverse of :meth:`observed`."""
        return observed

    @abstractmethod
    def samples_per_effective(self, dim: float) -> float:
        """Samples that count as one effective sample: 1, or ``d``."""

    def effective_samples(self, samples: float, dim: float) -> float:
        """``n_eff``: `n`, or ``n/d``."""
        unit = self.samples_per_effective(dim)
        return samples if unit == 1 else samples / unit

    @abstractmethod
    def sample_ratio(self, samples: float, dim: float) -> float:
        """``alpha``: ``n/d``, or ``n/d^2``."""

    @abstractmethod
    def constraints(self, samples: float, dim: float) -> float:
        """``N`` of the state evolution ``zeta (N - D) = L``: `n`, or ``2 alpha``."""

    @abstractmethod
    def interpolation_samples(self, dim: float) -> float:
        """Effective samples at the interpolation threshold of pure noise: `d`, or ``d/4``."""

    # -- errors

    @abstractmethod
    def modes_per_energy(self, dim: float) -> float:
        """Sum of squares of the modes at unit energy: 1, or ``d``; also squared distance over estimation error."""

    def noise_groups(self, noise: float) -> tuple[tuple[float, float], ...]:
        """Shares of the observations, and the variance of the noise on each of them."""
        return ((1.0, noise),)

    def mean_noise(self, noise: float) -> float:
        """Variance of the label noise over all observations: what a loss that weights them alike is subject to."""
        groups = self.noise_groups(noise)
        return noise if len(groups) == 1 else sum(share * variance for share, variance in groups)

    def noise_of_labels(self, draws: FloatArray, noise: float) -> FloatArray:
        """Noise of the observations, made of standard normal `draws` of their shape."""
        return np.sqrt(noise) * draws

    def noise_per_error(self, noise: float) -> float:
        """The same in the units of the estimation error."""
        return self.mean_noise(noise) / self.risk_per_error

    @abstractmethod
    def freedom_unit(self, dim: float) -> float:
        """Degrees of freedom that count as one in the state evolution: 1, or ``d^2/2``."""

    @abstractmethod
    def noise_scale(self, residual: FloatArray, dim: float) -> float:
        """``tau = |r|/n`` or ``delta = sqrt(mean(r^2)/(4 alpha))`` of the corrected residual `residual`, (n,)."""

    @abstractmethod
    def noise_edge(self, noise_scale: float, dim: float, fluctuations: float = 1.0) -> float:
        """Largest mode that noise of this scale produces by itself: ``tau sqrt(2 log d)``, or ``2 delta``.

        A sharp edge is moved by `fluctuations` times its fluctuation, of relative size ``d^(-2/3)``.
        """

    def outlier_fluctuation(self, dim: float) -> float:
        """Standard deviation of a learned mode far out of the noise, over the noise scale: 1, or ``sqrt(2/d)``."""
        raise self._not_diagnosed("outlier_fluctuation")

    def bulk_fluctuation(self, dim: float) -> float:
        """The same for a mode of the bulk about the quantile of its rank, roughly."""
        raise self._not_diagnosed("bulk_fluctuation")

    @abstractmethod
    def smallest_learnable(self, noise_scale: FloatArray, threshold: FloatArray) -> FloatArray:
        """Teacher modes below this are lost in the noise, or set to zero; the shape of the two."""

    def cut(self, threshold: FloatArray) -> FloatArray:
        """Size up to which noisy modes become zero, of the thresholds' shape: these themselves where nothing jumps."""
        return np.asarray(threshold)

    def freed_of_noise(self, noisy: float, noise_scale: float) -> tuple[float, float]:
        """Teacher's mode behind a noisy one, and the squared overlap of their directions."""
        raise self._not_diagnosed("freed_of_noise")

    def chance_beyond(self, noisy: float, noise_scale: float, dim: float) -> float:
        """Probability that noise alone has a mode this large, among all."""
        raise self._not_diagnosed("chance_beyond")

    def _not_diagnosed(self, method: str) -> NotSupported:
        """For what only the diagnosis of weights asks of a network."""
        return NotSupported("network", self.name, f"the network has no diagnosis: its class lacks {method}")

    # -- regularisation

    @property
    def has_penalty(self) -> bool:
        """Whether a weight decay has a reduced penalty beside it; networks with a width do."""
        return self.has_width

    @abstractmethod
    def strength(self, weight_decay: float, penalty: float | None, dim: float) -> float:
        """``L`` of the state evolution: ``lam sqrt(d)``, or ``pen/2``."""

    @abstractmethod
    def weight_decay_from_strength(self, strength: float, dim: float, width: int | None) -> float:
        """The inverse of :meth:`strength`."""

    @abstractmethod
    def penalty_from_weight_decay(self, weight_decay: float, dim: float, width: int | None) -> float | None:
        """Reduced penalty ``pen`` of a weight decay; None for networks that have none."""

    def weight_decay_from_penalty(self, penalty: float, dim: float, width: int | None) -> float:
        """Weight decay of a reduced penalty.

        Raises
        ------
        InvalidArgument
            For networks that have none.
        """
        raise InvalidArgument("penalty", penalty, f"does not apply to the {self.name} network; use weight_decay")

    def penalty_per_weight_decay(self, dim: float, width: int | None) -> float:
        """``pen / lam``: ``sqrt(p/d)``; 1 at full width, and for networks without a reduced penalty."""
        found = self.penalty_from_weight_decay(1.0, dim, width)
        return 1.0 if found is None else float(found)

    def regularisation(
        self, weight_decay: float | None, penalty: float | None, dim: float, width: int | None
    ) -> tuple[float, float | None]:
        """Check the two ways to say it and return both: ``(lam, pen)``, `pen` being None for networks without.

        Raises
        ------
        InvalidArgument
            Unless exactly one is given, a finite number ``>= 0`` that applies to the network.
        """
        if exactly_one({"weight_decay": weight_decay, "penalty": penalty}) == "penalty":
            assert penalty is not None
            self.weight_decay_from_penalty(0.0 if self.has_penalty else penalty, dim, width)
            pen = check_number("penalty", penalty)
            return float(self.weight_decay_from_penalty(pen, dim, width)), pen
        lam = check_number("weight_decay", weight_decay)
        reduced = self.penalty_from_weight_decay(lam, dim, width)
        return lam, None if reduced is None else float(reduced)

    # -- width

    def check_width(self, width: Any) -> int | None:
        """`width` as an int, None as it is.

        Raises
        ------
        InvalidArgument
            If it is no integer ``>= 1``, or the network has no width to choose.
        """
        if width is None:
            return None
        if not self.has_width:
            raise InvalidArgument("width", width, f"does not apply to the {self.name} network")
        return check_integer("width", width)

    def effective_width(self, dim: int, width: int | None) -> int:
        """Hidden units: `dim` unless a width was given."""
        return dim if width is None else width

    def is_narrow(self, dim: int, width: int | None) -> bool:
        """Whether the network has fewer hidden units than inputs."""
        return self.has_width and self.effective_width(dim, width) < dim

    def is_convex(self, dim: int, width: int | None) -> bool:
        """Whether the training minimum is that of a convex problem."""
        return not self.is_narrow(dim, width)

    def rank_share(self, dim: int, width: int | None) -> float:
        """Largest share of the modes that can be learned: ``p/d``, at most 1."""
        return min(1.0, self.effective_width(dim, width) / dim)

    # -- the network's own weights

    @abstractmethod
    def parameter_shapes(self, dim: int, width: int | None) -> tuple[tuple[int, ...], ...]:
        """Shapes of :attr:`parameter_names`."""

    def initial_spread(self, output: float, dim: float) -> float:
        """Standard deviation of independent own weights whose outputs have about the size `output`."""
        return float(np.sqrt(output))

    @abstractmethod
    def effective_weights(self, parameters: Mapping[str, Any]) -> Any:
        """Effective weights of the network's own: ``theta`` (d,), or ``S`` (:class:`shallows.weights.LowRankPSD`)."""

    @abstractmethod
    def own_weights(self, weights: Any, width: int | None = None) -> dict[str, FloatArray]:
        """Own weights of smallest norm with these effective `weights`, by name.

        Raises
        ------
        InvalidArgument
            If no network of this width has them.
        """

    #: The output here, written with the network's own weights.
    output_formula: str = ""

    def other_scales(self, dim: int, width: int | None) -> dict[str, float]:
        """What the output here is multiplied by in other conventions, by their names."""
        return {}

    # -- effective weights

    @abstractmethod
    def weights_of_modes(self, modes: FloatArray) -> Any:
        """Effective weights with these modes, along the coordinates."""

    def weights_of_factor(self, factor: FloatArray) -> Any:
        """Effective weights ``F F^T`` of a `factor` (d, r), for networks whose weights are a matrix."""
        raise NotSupported("network", self.name, "the network's weights are no matrix")

    def whitened(self, weights: Any, covariance: FloatArray) -> Any:
        """Effective weights as white inputs would need them: ``Sigma^(1/2) theta``, ``Sigma^(1/2) S Sigma^(1/2)``.

        `covariance` is ``Sigma``, (d, d), or its diagonal, (d,).
        """
        raise NotSupported("network", self.name, "the network's weights are not known for inputs with a covariance")

    @abstractmethod
    def is_weights(self, weights: Any) -> bool:
        """Whether these are effective weights of this network."""

    @abstractmethod
    def dense(self, weights: Any) -> FloatArray:
        """The effective weights as an array, (d,) or (d, d)."""

    def dense_shape(self, dim: int) -> tuple[int, ...]:
        """Shape of :meth:`dense`."""
        return (dim, dim) if self.is_matrix else (dim,)

    @abstractmethod
    def weights_dim(self, weights: Any) -> int:
        """Input dimension that the effective weights belong to."""

    @abstractmethod
    def squared_distance(self, weights: Any, others: Any) -> float:
        """Squared Euclidean (Frobenius) distance of two effective weights."""

    def excess_risk(self, weights: Any, truth: Any) -> float:
        """Excess risk of effective `weights` against those of the teacher."""
        dim = self.weights_dim(truth)
        return float(self.risk_per_error * self.squared_distance(weights, truth) / self.modes_per_energy(dim))

    @abstractmethod
    def features(self, weights: Any) -> int:
        """How many features were learned: active weights, or the rank."""

    @abstractmethod
    def spectrum(self, weights: Any) -> FloatArray:
        """Sizes of the modes, decreasing, shape (d,)."""

    @abstractmethod
    def aligned(self, weights: Any, truth: Any) -> FloatArray:
        """Learned modes in the form that their predicted law describes, shape (d,)."""

    @abstractmethod
    def to_tensors(self, weights: Any) -> dict[str, FloatArray]:
        """The effective weights as named arrays, for files."""

    @abstractmethod
    def from_tensors(self, tensors: Mapping[str, FloatArray]) -> Any:
        """The inverse of :meth:`to_tensors`.

        Raises
        ------
        InvalidArgument
            If an array is missing, of the wrong shape or not finite.
        """

    # -- what theory says without being solved

    @abstractmethod
    def benign_until(self, gamma: float) -> float:
        """``nu_c``: the end of phase IV in ``log_d n_eff``; 0 for networks without that phase."""

    @abstractmethod
    def size_allowance(self, effective_samples: float) -> float:
        """Relative deviation of trained networks from theory to be expected from :data:`QUANTITATIVE` samples on."""

    def narrow_allowance(self, effective_samples: float) -> float:
        """The same for networks narrower than their inputs, from :data:`NARROW` samples on."""
        return self.size_allowance(effective_samples)

    # -- what computing costs

    @abstractmethod
    def product_cost(self, samples: float, dim: float) -> float:
        """Operations of one product with the data, roughly."""

    @abstractmethod
    def training_cost(self, samples: float, dim: float) -> float:
        """Relative cost of training."""

    @abstractmethod
    def training_numbers(self, dim: int, width: int | None, gradient: bool) -> float:
        """Numbers held in memory while training, beside the data."""
