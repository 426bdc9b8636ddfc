"""Every command and option is documented, and the documentation names no other."""

import re
from pathlib import Path

import pytest
import typer

from shallows.cli import app

DOCUMENT = Path(__file__).parents[2] / "docs" / "cli.md"


def leaves(command, name=""):
    """Every command that does something, by its full name."""
    if not hasattr(command, "commands"):
        return {name: command}
    found = {}
    for word, child in command.commands.items():
        found |= leaves(child, f"{name} {word}".strip())
    return found


COMMANDS = leaves(typer.main.get_command(app))


@pytest.fixture(scope="module")
def text():
    return DOCUMENT.read_text(encoding="utf-8")


def options_of(command):
    names = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return {name for name in names if name.startswith("--")} - {"--help"}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_and_its_options_are_documented(name, text):
    assert f"## `shallows {name}`" in text
    missing = [option for option in options_of(COMMANDS[name]) if not re.search(rf"`{option}\b", text)]
    assert not missing


def test_no_option_is_documented_that_does_not_exist(text):
    known = set.union(*(options_of(command) for command in COMMANDS.values())) | {"--version", "--help"}
    assert set(re.findall(r"--[a-z][a-z-]*", text)) <= known


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_explains_itself(name):
    for parameter in COMMANDS[name].params:
        assert parameter.help, parameter.name
        assert parameter.help.endswith("."), parameter.name
