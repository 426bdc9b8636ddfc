"""Networks that theory does not cover, trained by gradient (extra ``train``): layers of any activation, with biases.

``f(x) = a.s(h_L)/sqrt(p) + c``, ``h_1 = W_1 x/sqrt(d) + b_1``, ``h_l = W_l s(h_(l-1))/sqrt(p) + b_l``. The loss is
``sum (y - f)^2 + lam (sum |W_l|^2 + |a|^2)``; biases are free.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SolveFailed
from ..operators.devices import require_torch
from .activations import PURPOSE, Activation, checked_activation
from .learned import Learned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._types import FloatArray
    from .departures import Drawn

#: Weight decays of which a network is given the best one, by its risk on new inputs.
DECAYS = (0.1, 0.5, 2.5)
#: Iterations of L-BFGS after which weights are looked at; the last ends the training.
LOOKS = (10, 50, 200)
#: Training ends when as many iterations lower the objective by less than this share.
CHUNK, SMALLEST_DROP = 25, 1e-5


@dataclass(frozen=True)
class GradientStudent:
    """Layers of one activation with an output layer, all trained.

    Parameters
    ----------
    name : str
        Of the activation.
    activation : callable
    layers : int
        Hidden layers.
    decays : sequence of float
        Weight decays of which the best is taken.
    width : int, optional
        Hidden units of each layer (default: that of the phase).

    Examples
    --------
    >>> from shallows.robustness import GradientStudent
    >>> from shallows.robustness.activations import relu
    >>> GradientStudent("relu", relu).layers
    1
    """

    name: str
    activation: Activation
    layers: int = 1
    decays: Sequence[float] = DECAYS
    width: int | None = None

    def train(self, drawn: Drawn) -> Learned:
        """The best over the weight decays, by the risk on new inputs."""
        runs = self.train_all(drawn)
        return min(runs, key=lambda learned: drawn.excess_risk(learned.outputs))

    def train_all(self, drawn: Drawn) -> list[Learned]:
        """One network for each weight decay, from the same initial weights."""
        checked_activation(self.name, self.activation)
        return [self._train(drawn, decay) for decay in self.decays]

    def _train(self, drawn: Drawn, decay: float) -> Learned:
        torch = require_torch(PURPOSE, "the departures of data need none")
        inputs, labels = (torch.from_numpy(np.array(array, dtype=float)) for array in (drawn.inputs, drawn.labels))
        units = self.width or drawn.phase.units
        weights = self._initial(torch, inputs.shape[1], units, drawn.seed)

        def loss() -> Any:
            error = torch.sum((labels - self._output(torch, inputs, weights)) ** 2)
            return error + decay * sum(torch.sum(matrix**2) for matrix in weights[::2])

        history = [(0.0, self._matrices(weights)), *descend(torch, weights, loss, lambda: self._matrices(weights))]
        with torch.no_grad():
            error = float(torch.mean((labels - self._output(torch, inputs, weights)) ** 2))
        if not np.isfinite(error):
            raise SolveFailed(f"training of {self.name} left the finite numbers at weight decay {decay:g}")
        kept = [one.detach().clone() for one in weights]

        def outputs(array: FloatArray) -> FloatArray:
            with torch.no_grad():
                return np.asarray(self._output(torch, torch.from_numpy(np.array(array, dtype=float)), kept).numpy())

        return Learned(outputs, error, decay, self._matrices(kept), history=tuple(history))

    def _initial(self, torch: Any, dim: int, units: int, seed: int) -> list[Any]:
        """Weights and biases of every layer in turn, the output layer last, from standard normal numbers."""
        rng = np.random.default_rng([2, seed])
        weights = []
        for layer in range(self.layers):
            weights += [rng.standard_normal((units, dim if layer == 0 else units)), np.zeros(units)]
        weights += [rng.standard_normal(units), np.zeros(())]
        return [torch.tensor(one, dtype=torch.float64, requires_grad=True) for one in weights]

    def _output(self, torch: Any, inputs: Any, weights: Sequence[Any]) -> Any:
        hidden = inputs
        for matrix, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
            hidden = self.activation(hidden @ matrix.T / np.sqrt(hidden.shape[1]) + bias)
        return hidden @ weights[-2] / np.sqrt(hidden.shape[1]) + weights[-1]

    def _matrices(self, weights: Sequence[Any]) -> dict[str, FloatArray]:
        return {f"layer {i + 1}": one.detach().numpy().copy() for i, one in enumerate(weights[:-2:2])}


def descend(
    torch: Any, weights: list[Any], loss: Callable[[], Any], look: Callable[[], dict[str, FloatArray]]
) -> list[tuple[float, dict[str, FloatArray]]]:
    """L-BFGS in place; what `look` saw at each of the looks, with the share of the iterations."""
    optimiser = torch.optim.LBFGS(
        weights, lr=1.0, max_iter=1, history_size=10, tolerance_grad=0.0, tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure() -> Any:
        optimiser.zero_grad()
        value = loss()
        value.backward()
        return value

    seen: list[tuple[float, dict[str, FloatArray]]] = []
    before, done = np.inf, 0
    for stop in LOOKS:
        while done < stop:
            chunk = min(CHUNK, stop - done)
            optimiser.param_groups[0]["max_iter"] = chunk
            optimiser.param_groups[0]["max_eval"] = 2 * chunk
            optimiser.step(closure)
            done += chunk
            value = float(loss().detach())
            if not np.isfinite(value) or (chunk == CHUNK and before - value <= SMALLEST_DROP * abs(value)):
                return [*seen, (1.0, look())]
            before = value if chunk == CHUNK else before
        seen.append((stop / LOOKS[-1], look()))
    return seen
