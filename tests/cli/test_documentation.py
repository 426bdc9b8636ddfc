"""Every command and option is documented, and the documentation names no other."""

import re
from pathlib import Path

import pytest
import typer

from shallows.cli import _make_docs, app

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
def test_a_command_and_its_options_are_documented_in_its_section(name, text):
    heading = f"\n## `shallows {name}`\n"
    assert text.count(heading) == 1
    section = text.split(heading)[1].split("\n## ")[0]
    if name == _make_docs.PROBLEM:
        section += text.split("\n## The problem\n")[1].split("\n## ")[0]
    assert not [option for option in options_of(COMMANDS[name]) if not re.search(rf"`{option}\b", section)]
    arguments = [item.metavar for item in COMMANDS[name].params if item.param_type_name == "argument"]
    assert not [argument for argument in arguments if f"| `{argument}` |" not in section]
    assert name == _make_docs.PROBLEM or COMMANDS[name].params == [] or "meaning |" in section or "As in" in section


def test_the_page_is_up_to_date(text):
    made = _make_docs.reference((DOCUMENT.parent / "cli.md.j2").read_text(encoding="utf-8"))
    assert text == made, f"docs/cli.md does not say what the commands say; renew it with: {_make_docs.RENEW}"


def test_the_command_that_renews_the_page_is_one_of_run():
    script = (DOCUMENT.parents[1] / "run").read_text(encoding="utf-8")
    assert _make_docs.RENEW.split()[-1] + ")" in script
    assert "shallows.cli._make_docs docs" in script


def test_a_new_option_shows_in_the_page_and_a_default_is_told_once():
    app = typer.Typer(add_completion=False)

    @app.command(short_help="Greet.")
    def greet(
        name: str = typer.Argument(metavar="NAME", help="Who."),
        times: int = typer.Option(3, "--times", metavar="N", help="How often."),
        loud: bool = typer.Option(True, "--loud/--quiet", help="In which voice."),
        other: str = typer.Option(None, "--other", metavar="X", help="A | B (default A)."),
    ) -> None:
        """Say hello."""

    command = typer.main.get_command(app)
    assert _make_docs.options_table(command).splitlines()[2:] == [
        "| `NAME` | Who |",
        "| `--times N` | How often (default: 3) |",
        "| `--loud` / `--quiet` | In which voice (default: `--loud`) |",
        "| `--other X` | A \\| B (default A) |",
    ]
    assert _make_docs.options_table(command, command) == (
        "As in [The problem](#the-problem): `name`, `--times`, `--loud`, `--other`."
    )
    assert _make_docs.overview({"greet": command}) == "    shallows greet  Greet."
    assert _make_docs.description(command) == "Say hello."
    assert list(_make_docs.commands_of(command, "greet")) == ["greet"]


def test_no_option_is_documented_that_does_not_exist(text):
    known = set.union(*(options_of(command) for command in COMMANDS.values())) | {"--version", "--help"}
    assert set(re.findall(r"--[a-z][a-z-]*", text)) <= known


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_explains_itself(name):
    for parameter in COMMANDS[name].params:
        assert parameter.help, parameter.name
        assert parameter.help.endswith("."), parameter.name
