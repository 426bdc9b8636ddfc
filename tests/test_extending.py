"""The code that docs/extending.md shows runs as it stands, and what it names exists."""

import re
from pathlib import Path

import numpy as np

from shallows import PowerLaw, Problem
from shallows.denoisers import REGISTRY
from shallows.sweeps import quantities

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.S)


def test_the_denoiser_does_what_its_moments_say():
    try:
        exec(BLOCKS[0], {"__name__": "docs"})
        rule, problem = REGISTRY["Linear"](0.3), Problem("diagonal", PowerLaw(2000, 1.0), 100)
        truth = problem.teacher.values("diagonal")
        noise = np.random.default_rng(0).standard_normal((50, truth.size))
        found = np.array([np.square(rule.apply(truth + 0.2 * z, 0.2).values - truth).sum() for z in noise])
        error, freedom = rule.moments(problem, 0.2)
        assert abs(found.mean() - error) < 4 * found.std(ddof=1) / np.sqrt(found.size)
        assert freedom == rule.apply(truth, 0.2).divergence
    finally:
        REGISTRY.pop("Linear", None)


def test_the_quantity_computes():
    try:
        exec(BLOCKS[1], {"__name__": "docs"})
    finally:
        quantities._REGISTRY.pop("kappa", None)


def test_every_file_it_names_exists():
    words = re.findall(r"`((?:tests/|docs/|src/)?[a-z_]+(?:/[a-z_]+)*\.(?:py|md|j2))(?::\w+)?`", TEXT)
    assert len(words) > 10
    places = (ROOT, ROOT / "src" / "shallows", ROOT / "src" / "shallows" / "state_evolution")
    missing = [word for word in words if not any((place / word).exists() for place in places)]
    assert not missing
