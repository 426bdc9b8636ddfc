"""The documentation of sweeps is complete, and what it shows works."""

import re
from pathlib import Path

import typer

from shallows.cli.sweep import sweep_app
from shallows.sweeps import Sweep
from shallows.sweeps.axes import INTEGERS
from shallows.sweeps.expressions import FUNCTIONS
from shallows.sweeps.points import SETTINGS
from shallows.sweeps.spec import TRAINERS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "sweeps.md").read_text(encoding="utf-8")


def test_the_example_is_a_sweep():
    sweep = Sweep.from_file(ROOT / "examples" / "sweep.toml")
    sweep.check()
    assert len(sweep) == 75


def test_every_name_is_documented():
    for word in (
        *SETTINGS,
        *TRAINERS,
        *FUNCTIONS,
        *INTEGERS,
        "theory",
        "bayes",
        "spectrum",
        "train",
        "amp",
        "stopping",
    ):
        assert f"`{word}`" in TEXT or f'`"{word}"`' in TEXT, word


def test_every_option_is_documented_and_no_other():
    commands = typer.main.get_command(sweep_app).commands
    known = {name for command in commands.values() for parameter in command.params for name in parameter.opts}
    shown = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", TEXT))
    foreign = {"--scheduler-file", "--nthreads", "--nworkers"}  # Dask's
    assert shown - foreign <= known
    minor = {"--json", "--measure", "--no-measure", "--help"}
    assert {name for name in known if name.startswith("--")} - minor <= shown


def test_code_blocks_compile_and_the_custom_quantity_computes():
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.S)
    assert len(blocks) >= 4
    for block in blocks:
        compile(block, "docs/sweeps.md", "exec")
    from shallows.sweeps import PointRequest, quantities, run_points

    try:
        exec(blocks[-1], {"__name__": "docs"})
        settings = {"network": "diagonal", "dim": 400, "gamma": 1.0, "noise": 0.5, "samples": 800, "weight_decay": 0.5}
        (record,) = run_points([PointRequest(settings, "shrinkage")])
        assert 0 < record["shrinkage"] < 100
    finally:
        quantities._REGISTRY.pop("shrinkage", None)
