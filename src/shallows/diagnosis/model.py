"""All matrices of a model together: a table, a summary, and how one checkpoint differs from others."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._arguments import shown
from .._display import Displayed, Summary
from .._system import replacing
from ..errors import EstimateUndefined, InvalidArgument
from .verdict import VERDICTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from matplotlib.axes import Axes

    from ..checkpoints import Skipped
    from .layer import LayerDiagnosis

#: What a table shows of a matrix, in this order; of the change it is the same with ``change_`` before it.
COLUMNS = (
    "verdict",
    "confidence",
    "regularisation",
    "num_outliers",
    "energy_outliers",
    "noise_law",
    "noise_scale",
    "noise_scale_lo",
    "noise_scale_hi",
    "noise_pvalue",
    "bulk_edge",
    "alpha",
    "alpha_lo",
    "alpha_hi",
    "alpha_pvalue",
    "stable_rank",
    "effective_rank",
    "spectral_norm",
    "frobenius_norm",
    "equalised",
    "evidence",
)
#: Those of them that are words.
WORDS = ("verdict", "regularisation", "noise_law", "equalised", "evidence")
#: Endings of the files a table can be written to.
TABLE_FILES = (".csv", ".json", ".parquet")


class _Table(Displayed):
    """What can be written as a table."""

    def to_dict(self) -> dict[str, Any]:
        raise NotImplementedError

    def to_frame(self) -> pd.DataFrame:
        raise NotImplementedError

    def save(self, path: str | Path) -> None:
        """Write the table as ``.csv``, ``.json`` (what :meth:`to_dict` gives) or ``.parquet``, whole or not at all.

        Raises
        ------
        InvalidArgument
            For another ending.
        """
        target = Path(path)
        if target.suffix not in TABLE_FILES:
            raise InvalidArgument("path", shown(str(path)), f"must end in {', '.join(TABLE_FILES)}")
        with replacing(target) as temporary:
            if target.suffix == ".csv":
                self.to_frame().to_csv(temporary, index=False)
            elif target.suffix == ".json":
                text = json.dumps(self.to_dict(), indent=2, allow_nan=False)
                temporary.write_text(text + "\n", encoding="utf-8")
            else:
                self.to_frame().to_parquet(temporary, index=False)


@dataclass(frozen=True, eq=False, repr=False)
class ModelDiagnosis(_Table):
    """What the spectra of a model's weights say.

    Attributes
    ----------
    title : str
        What a reader calls the checkpoint.
    format : str
        See :attr:`shallows.checkpoints.Checkpoint.format`.
    layers : tuple of LayerDiagnosis
        In the order of the checkpoint.
    skipped : tuple of Skipped
        Every tensor and file that was not analysed, with its reason.
    baseline : str
        Title of the checkpoint that was compared with; empty without one.
    risk : dict or None
        What the spectrum and the data say of the network's errors, where theory applies.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.diagnosis import diagnose
    >>> rng = np.random.default_rng(0)
    >>> found = diagnose({"hidden.weight": rng.normal(size=(200, 100)), "hidden.bias": rng.normal(size=200)})
    >>> print(found)
    arrays: 1 matrix, 20000 weights. Noise 1. Skipped 1 tensor: nothing to analyse.
    >>> found["hidden.weight"].verdict.name, found.skipped[0].name
    ('noise', 'hidden.bias')
    """

    title: str
    format: str
    layers: tuple[LayerDiagnosis, ...]
    skipped: tuple[Skipped, ...] = ()
    baseline: str = ""
    risk: dict[str, Any] | None = None

    def __getitem__(self, name: str) -> LayerDiagnosis:
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(name)

    def __iter__(self) -> Iterator[LayerDiagnosis]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __str__(self) -> str:
        return f"{self.title}: {' '.join(self.sentences)}"

    def _summary(self) -> Summary:
        rows: list[tuple[str, ...]] = [("matrices", str(len(self.layers))), ("weights", _short(self.parameters))]
        rows += [("verdicts", _listed(self.verdicts))] if self.layers else []
        rows += [("baseline", self.baseline)] if self.baseline else []
        rows += [("skipped", str(len(self.skipped)), self._skipped_why)] if self.skipped else []
        head = [("matrix", False), ("shape", False), ("verdict", False), ("sure", True), ("outliers", True)]
        head += [("alpha", True), *([("change", False)] if self.baseline else [])]
        table = [_shown_row(layer)[: len(head)] for layer in self.layers]
        return Summary(f"Diagnosis of {self.title}", rows, head, table)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the singular values of each matrix over the edge of its noise, the first matrix on top.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            To draw on; new ones of pyplot by default. Nothing is shown, and no setting is changed.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        EstimateUndefined
            Where no matrix was analysed.
        """
        from ..plotting.diagnosis import draw_overview, overview_height
        from ..plotting.explained import explain
        from ..plotting.style import axes_or_new

        if not self.layers:
            raise EstimateUndefined("no matrix was analysed")
        with axes_or_new(ax, height=overview_height(len(self.layers))) as axes:
            draw_overview(axes, self.layers)
            explain(axes, most=3)
        return axes

    @property
    def parameters(self) -> int:
        """Number of weights in all matrices."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def failed(self) -> tuple[Skipped, ...]:
        """Tensors and files with which something is wrong."""
        return tuple(one for one in self.skipped if one.failed)

    @property
    def verdicts(self) -> dict[str, int]:
        """How many matrices each verdict was given to, those given to none left out."""
        return _counts(layer.verdict.name for layer in self.layers)

    @property
    def sentences(self) -> tuple[str, ...]:
        """The summary that a person reads."""
        many = "matrix" if len(self.layers) == 1 else "matrices"
        out = [f"{len(self.layers)} {many}, {_short(self.parameters)} weights."]
        if self.layers:
            out.append(_spoken(self.verdicts))
        if self.baseline:
            compared = _counts(layer.change.verdict.name for layer in self.layers if layer.change is not None)
            same = sum(layer.unchanged for layer in self.layers)
            compared |= {"unchanged": same} if same else {}
            out.append(f"Changes since {self.baseline}: {_listed(compared)}.")
        if self.skipped:
            tensors = "tensor" if len(self.skipped) == 1 else "tensors"
            out.append(f"Skipped {len(self.skipped)} {tensors}: {self._skipped_why}.")
        return tuple(out)

    @property
    def _skipped_why(self) -> str:
        return f"{len(self.failed)} of them cannot be used" if self.failed else "nothing to analyse"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        summary: dict[str, Any] = {
            "title": self.title,
            "format": self.format,
            "matrices": len(self.layers),
            "parameters": self.parameters,
            "verdicts": self.verdicts,
            "skipped": len(self.skipped),
            "failed": len(self.failed),
            "baseline": self.baseline or None,
            "sentences": list(self.sentences),
        }
        risk = {} if self.risk is None else {"risk": self.risk}
        return {
            "summary": summary,
            **risk,
            "layers": [layer.to_dict() for layer in self.layers],
            "skipped": [one.to_dict() for one in self.skipped],
        }

    def to_frame(self) -> pd.DataFrame:
        """One row for each matrix; what is not known is missing.

        Returns
        -------
        pandas.DataFrame
            ``name``, ``kind``, ``rows``, ``columns``, then the numbers of :meth:`LayerDiagnosis.to_dict`; with a
            baseline the same of the change under ``change_...``, and ``change_relative_size``.

        Examples
        --------
        >>> import numpy as np
        >>> from shallows.diagnosis import diagnose
        >>> frame = diagnose({"w": np.random.default_rng(0).normal(size=(80, 60))}).to_frame()
        >>> frame["name"].tolist(), frame["rows"].tolist(), frame["num_outliers"].tolist()
        (['w'], [80], [0])
        """
        import pandas as pd

        names = ["name", "kind", "rows", "columns", *COLUMNS]
        if self.baseline:
            names += ["change_relative_size", *(f"change_{name}" for name in COLUMNS)]
        frame = pd.DataFrame([self._row(layer) for layer in self.layers], columns=names)
        for name in names[2:]:
            plain = name.removeprefix("change_")
            if plain in ("rows", "columns"):
                frame[name] = frame[name].astype("int64")
            elif plain == "num_outliers":
                frame[name] = frame[name].astype("Int64")
            elif plain not in WORDS:
                frame[name] = frame[name].astype("float64")
        return frame

    def _row(self, layer: LayerDiagnosis) -> dict[str, Any]:
        numbers = layer.to_dict()
        row = {"name": layer.name, "kind": layer.kind, "rows": layer.shape[0], "columns": layer.shape[1]}
        row |= {name: numbers[name] for name in COLUMNS}
        if layer.change is not None:
            change = layer.change.to_dict()
            row["change_relative_size"] = change["relative_size"]
            row |= {f"change_{name}": change[name] for name in COLUMNS}
        return row


@dataclass(frozen=True, eq=False, repr=False)
class DiagnosisSeries(_Table):
    """Several checkpoints of one model, in the order given: along training, or two to be compared.

    Attributes
    ----------
    models : tuple of ModelDiagnosis

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.diagnosis import diagnose, diagnose_series
    >>> rng = np.random.default_rng(0)
    >>> start = rng.normal(size=(120, 80))
    >>> spike = 60 * np.outer(rng.normal(size=120), rng.normal(size=80)) / np.sqrt(120 * 80)
    >>> series = diagnose_series([{"w": start}, {"w": start + spike}])
    >>> series.to_frame()["num_outliers"].tolist(), series.sentences
    ([0, 1], ('w: noise, then bulk+spikes.',))
    """

    models: tuple[ModelDiagnosis, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the matrices that occur in any checkpoint."""
        return tuple(dict.fromkeys(layer.name for model in self.models for layer in model.layers))

    @property
    def sentences(self) -> tuple[str, ...]:
        """What changed, a sentence for each matrix that did."""
        return tuple(f"{name}: {steps}." for name, steps in self._changes())

    def _changes(self) -> list[tuple[str, str]]:
        """Names of the matrices whose verdict changed, and the verdicts."""
        found = [{layer.name: layer.verdict.name for layer in model.layers} for model in self.models]
        out = []
        for name in self.names:
            seen = [verdicts.get(name, "absent") for verdicts in found]
            steps = [verdict for i, verdict in enumerate(seen) if i == 0 or verdict != seen[i - 1]]
            if len(steps) > 1:
                out.append((name, ", then ".join(steps)))
        return out

    def _summary(self) -> Summary:
        changes = self._changes()
        rows = [("checkpoints", str(len(self.models))), ("matrices", str(len(self.names)))]
        rows.append(("verdicts changed", str(len(changes))))
        return Summary("Checkpoints of one model", rows, [("matrix", False), ("verdicts", False)], changes)

    def to_frame(self) -> pd.DataFrame:
        """One row for each matrix of each checkpoint: its place, its title, then the columns of one model."""
        import pandas as pd

        frames = []
        for i, model in enumerate(self.models):
            frame = model.to_frame()
            frame.insert(0, "title", model.title)
            frame.insert(0, "checkpoint", i)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: what changed, and each checkpoint as by itself."""
        return {"changes": list(self.sentences), "checkpoints": [model.to_dict() for model in self.models]}


def _shown_row(layer: LayerDiagnosis) -> tuple[str, ...]:
    """What a table on the screen has of a matrix."""
    spectrum, verdict = layer.spectrum, layer.verdict
    outliers = "" if spectrum.bulk is None else str(layer.num_outliers)
    alpha = "" if spectrum.tail is None else spectrum.tail.in_words
    change = "" if layer.change is None else layer.change.verdict.in_words
    shape = f"{layer.shape[0]} x {layer.shape[1]}"
    return layer.name, shape, verdict.in_words, verdict.sure, outliers, alpha, change


def _counts(verdicts: Any) -> dict[str, int]:
    found = Counter(verdicts)
    return {name: found[name] for name in VERDICTS if found[name]}


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name.replace('-', ' ')} {count}" for name, count in counts.items())


def _spoken(counts: dict[str, int]) -> str:
    words = _listed(counts)
    return f"{words[0].upper()}{words[1:]}."


def _short(count: int) -> str:
    """`count` as people say it."""
    for size, word in ((10**9, "billion"), (10**6, "million")):
        if count >= size:
            return f"{count / size:.3g} {word}"
    return str(count)
