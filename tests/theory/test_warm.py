"""After warming up, no prediction compiles anything."""

import importlib
import pkgutil

import numpy as np
from twins import random_problem

from shallows import freeprob, predict, state_evolution
from shallows._warm import warm


def compiled() -> dict[str, int]:
    """Signatures that each kernel has been compiled for."""
    found = {}
    for package in (freeprob, state_evolution):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            for name, kernel in vars(importlib.import_module(module.name)).items():
                if hasattr(kernel, "signatures") and hasattr(kernel, "py_func"):
                    found[f"{kernel.py_func.__module__}.{name}"] = len(kernel.signatures)
    return found


def test_no_prediction_compiles_after_warming_up():
    warm()
    before = compiled()
    assert sum(before.values()) > 20
    rng = np.random.default_rng(3)
    for _ in range(60):
        problem, strength = random_problem(rng)
        predict(problem, **strength, throw=False).to_dict()
    assert compiled() == before
