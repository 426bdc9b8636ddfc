"""One point of a sweep: its settings, its name by content, and its own random stream."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..designs import Design, GaussianDesign, design_named
from ..errors import InvalidArgument
from ..mode_files import read_values
from ..networks import Network, network_with
from ..problems import Problem
from ..teachers import FromValues, LowRank, PowerLaw, Teacher
from .axes import Value, fit

#: Every setting that a sweep may fix or vary, with what it is.
SETTINGS: dict[str, str] = {
    "network": '"diagonal", "quadratic" or "attention"',
    "depth": "trained layers of the network (default: those of the paper)",
    "tokens": "tokens in a sequence of the attention network (default 2)",
    "dim": "input dimension d",
    "samples": "number of samples n",
    "effective_samples": "n_eff: n (diagonal), n/d (quadratic) or n T(T+1)/(2d) (attention), instead of samples",
    "noise": "variance of the label noise",
    "width": "hidden units of the quadratic network",
    "gamma": "exponent of a power-law teacher",
    "rank": "rank of a low-rank teacher (instead of gamma)",
    "spectrum": "file with the teacher's modes (instead of gamma; gives dim)",
    "energy": "energy Q0 of the teacher",
    "design": "law of the inputs: isotropic, rademacher, uniform, laplace, student:F, sparse:P, mean:M, orthogonal",
    "covariance": "exponent a of a covariance with eigenvalues k^-a (instead of design)",
    "alignment": '"aligned" or "random": how the teacher lies to the covariance',
    "weight_decay": "weight decay lam",
    "penalty": "reduced penalty pen of the quadratic network (instead of weight_decay)",
}
#: Those that are options of the network.
NETWORK_OPTIONS = ("depth", "tokens")
TEACHERS = ("gamma", "rank", "spectrum")
REGULARISATION = ("weight_decay", "penalty")

Settings = Mapping[str, Value]

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def canonical(content: object) -> str:
    """JSON with one spelling per content."""
    return _ENCODER.encode(content)


def digest(content: object) -> bytes:
    """128-bit name of `content`."""
    return hashlib.blake2b(canonical(content).encode(), digest_size=16).digest()


@lru_cache(maxsize=8)
def _modes(path: str, stamp: tuple[int, int]) -> tuple[FromValues, str]:
    teacher = FromValues(read_values("spectrum", path))
    return teacher, hashlib.blake2b(np.ascontiguousarray(teacher.array).tobytes(), digest_size=16).hexdigest()


def read_modes(path: str) -> tuple[FromValues, str]:
    """Teacher from a ``.npy``, ``.csv`` or text file, read once per change of the file, and a name of its values."""
    try:
        status = Path(path).stat()
    except OSError as error:
        raise InvalidArgument("spectrum", path, "must be the path of a readable .npy, .csv or .txt file") from error
    return _modes(path, (status.st_mtime_ns, status.st_size))


def teacher_of(settings: Settings) -> Teacher:
    """The teacher that `settings` describe."""
    energy: Any = settings.get("energy", 1.0)
    if "spectrum" in settings:
        teacher, content = read_modes(str(settings["spectrum"]))
        if settings.get("spectrum_content", content) != content:
            raise InvalidArgument("spectrum", settings["spectrum"], "the file changed since the sweep began")
        return teacher
    dim: Any = settings.get("dim")
    if dim is None:
        raise InvalidArgument("dim", None, "is needed, in [problem] or as an axis")
    if "rank" in settings:
        rank: Any = settings["rank"]
        return LowRank(dim, rank, energy)
    gamma: Any = settings.get("gamma")
    if gamma is None:
        raise InvalidArgument("gamma", None, "is needed (or rank, or spectrum), in [problem] or as an axis")
    return PowerLaw(dim, gamma, energy)


def network_of(settings: Settings) -> Network:
    """The network that `settings` describe."""
    given: Any = settings
    return network_with(given.get("network"), **{name: given.get(name) for name in NETWORK_OPTIONS})


def design_of(settings: Settings) -> Design:
    """The design that `settings` describe."""
    covariance, alignment = settings.get("covariance"), settings.get("alignment")
    if covariance is None:
        if alignment is not None:
            raise InvalidArgument("alignment", alignment, "needs a covariance to be aligned with")
        return design_named(str(settings.get("design", "isotropic")))
    if "design" in settings:
        raise InvalidArgument("design / covariance", "both", "contradict each other; leave out all but one")
    return GaussianDesign(float(covariance), str(alignment or "aligned"))


@dataclass(frozen=True, slots=True)
class Point:
    """What is computed at once: a quantity at settings, for sampled ones also a trainer and a seed.

    Attributes
    ----------
    quantity : str
        Name of a registered quantity.
    settings : mapping of str to number or text
        Problem and regularisation, keys as in ``SETTINGS``.
    trainer : str, optional
        Which trainer, for the quantity ``"train"``.
    seed : int, optional
        Label of the repetition.

    Examples
    --------
    >>> from shallows.sweeps import Point
    >>> settings = {"network": "diagonal", "dim": 100, "gamma": 1.0, "samples": 50, "weight_decay": 0.5}
    >>> point = Point("theory", settings)
    >>> point.problem().effective_samples
    50
    >>> point.describe()
    'theory: network=diagonal dim=100 gamma=1.0 samples=50 weight_decay=0.5'
    """

    quantity: str
    settings: Settings
    trainer: str | None = None
    seed: int | None = None

    def problem(self) -> Problem:
        """The problem of this point.

        Raises
        ------
        InvalidArgument
            If the settings do not make one.
        """
        settings: Mapping[str, Any] = self.settings
        samples = settings.get("samples")
        if samples is None:
            raise InvalidArgument("samples", None, "is needed (or effective_samples), in [problem] or as an axis")
        return Problem(
            network_of(settings).name,
            teacher_of(self.settings),
            samples,
            settings.get("noise", 0.0),
            settings.get("width"),
            design_of(self.settings),
        )

    def regularisation(self) -> dict[str, Any]:
        """``{"weight_decay": lam}`` or ``{"penalty": pen}``, as the settings have it."""
        return {name: self.settings[name] for name in REGULARISATION if name in self.settings}

    def content(self) -> dict[str, Any]:
        """The point in canonical form: defaults filled in, files by their content, numbers as floats."""
        settings = {"energy": 1.0, "noise": 0.0, **self.settings}
        if "spectrum_content" in settings:
            settings.pop("spectrum")
        return {
            "settings": {k: v if isinstance(v, str) else float(v) for k, v in settings.items()},
            "trainer": self.trainer,
            "seed": self.seed,
        }

    def key(self, code: str) -> bytes:
        """Name of the result in the store: 128 bits of the point, the quantity and the `code` that computes it."""
        return digest([self.quantity, code, self.content()])

    def random_seed(self, purpose: str = "data") -> int:
        """Seed in 0..2^63-1 that depends on the settings, the repetition and the purpose only.

        Trainers at the same settings and seed share it, so that they are given the same data set.
        """
        words = np.frombuffer(digest([self.content()["settings"], self.seed, purpose]), dtype="<u4")
        return int(np.random.SeedSequence(words.tolist()).generate_state(1, np.uint64)[0] >> np.uint64(1))

    def generator(self) -> np.random.Generator:
        """Random stream of this point."""
        return np.random.default_rng(self.random_seed())

    def describe(self) -> str:
        """One line for logs."""
        parts = [f"{name}={value}" for name, value in self.settings.items() if name != "spectrum_content"]
        parts += [f"trainer={self.trainer}"] if self.trainer else []
        parts += [f"seed={self.seed}"] if self.seed is not None else []
        return f"{self.quantity}: " + " ".join(parts)


def with_modes(settings: dict[str, Value]) -> dict[str, Value]:
    """Settings with the dimension and the content of their spectrum file."""
    teacher, content = read_modes(str(settings["spectrum"]))
    return {**settings, "dim": teacher.dim, "spectrum_content": content}


def samples_of(settings: Settings) -> Value:
    """Samples that the effective samples in `settings` stand for, to the nearest integer."""
    per_sample = network_of(settings).samples_per_effective(float(settings["dim"]))
    return fit("samples", float(settings["effective_samples"]) * per_sample)
