"""The documentation site: every page is reached, no link leads nowhere, what tutorials show is what their blocks print.

The build itself, with its gallery, is ``./run docs``.
"""

import importlib
import importlib.util
import inspect
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
MADE = {"gallery/index", "reference/changes", "reference/contributing", "reference/api/shallows", "reference/api/*"}


def load(name):
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


site_pages, page_blocks = load("site_pages"), load("page_blocks")


def is_made(path):
    name = path.relative_to(DOCS).with_suffix("").as_posix()
    return name in MADE or name.startswith(("_build/", "gallery/", "reference/api/"))


PAGES = {path.relative_to(DOCS).with_suffix("").as_posix(): path for path in DOCS.rglob("*.md") if not is_made(path)}


def test_every_page_stands_in_the_navigation_once():
    found = []
    for name, path in PAGES.items():
        for entry in site_pages.navigation(path.read_text(encoding="utf-8")):
            found.append((DOCS / name).parent.joinpath(entry).resolve().relative_to(DOCS).as_posix())
    assert sorted(found) == sorted({*PAGES, *MADE} - {"index"})


def slug(heading):
    """The target that code hosts and the site make of a heading."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


def without_code(text):
    return re.sub(r"^```.*?^```$|^ {4}.*$|`[^`\n]+`", "", text, flags=re.M | re.S)


def targets(path):
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    return {slug(heading) for heading in re.findall(r"^#+ (.*)$", text, re.M)}


@pytest.mark.parametrize("path", [*PAGES.values(), *ROOT.glob("*.md")], ids=lambda path: path.stem)
def test_no_link_leads_nowhere(path):
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(path.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, target = link.partition("#")
        there = (path.parent / file).resolve() if file else path
        if not there.exists() or (target and target not in targets(there)):
            dead.append(link)
    assert not dead


def test_links_out_of_the_folder_lead_to_pages_of_the_site():
    source = [
        "[a](../examples/gallery/plot_a.py) [b](../../examples/gallery/) [c](../CHANGELOG.md) "
        "[d](../../src/shallows/amp/__init__.py)\n<!-- pages\none\n-->\n"
    ]
    site_pages.translate(None, "page", source)
    links = ["/gallery/plot_a.rst", "/gallery/index.rst", "/reference/changes.md", "/reference/api/shallows.amp.rst"]
    assert re.findall(r"\]\((.*?)\)", source[0]) == links
    assert "```{toctree}" in source[0] and "\none\n```" in source[0]


def test_every_public_package_stands_in_the_reference():
    import shallows

    text = PAGES["reference/index"].read_text(encoding="utf-8")
    assert set(re.findall(r"^\| \[(\w+)\]", text, re.M)) == {"shallows", *shallows._SUBPACKAGES}


def test_every_public_name_is_described_on_one_page():

    homes = {}
    pages = {name: site_pages._api_page(name, homes) for name in site_pages._packages()}
    for package, page in pages.items():
        module = importlib.import_module(package)
        entries = set(re.findall(r"^\.\. (?:autoclass|autofunction|autodata|py:data):: (\w+)$", page, re.M))
        elsewhere = {name.rpartition(".")[2] for name in re.findall(r":py:obj:`([\w.]+)`", page)}
        assert not entries & elsewhere
        public = {name for name in module.__all__ if not inspect.ismodule(getattr(module, name))} - {"__version__"}
        assert entries | elsewhere == public, package


def test_docstrings_are_resolved_as_their_module_reads_them():
    import shallows
    from shallows.training import Fit

    assert site_pages._named("diagnose", "shallows.diagnosis", "") is shallows.diagnose
    assert site_pages._named("Fit.to_dict", "shallows.training", "") is Fit.to_dict
    assert site_pages._named("tolerance", "shallows", "Fit") == "tolerance"  # a field, which has no entry of its own
    assert site_pages._named("departure", "shallows.amp", "AmpRun").__name__ == "shallows.amp.departure"
    assert site_pages._named("no_such_thing", "shallows", "Fit") is None


def test_the_gallery_is_listed_and_each_example_ends_in_a_figure():
    files = {path.stem.removeprefix("plot_"): path for path in (ROOT / "examples" / "gallery").glob("plot_*.py")}
    assert sorted(files) == sorted(site_pages.GALLERY)
    assert len(files) >= 12
    for path in files.values():
        code = path.read_text(encoding="utf-8")
        compile(code, str(path), "exec")
        assert re.match(r'"""\n(.+)\n=+\n\n', code), path.name
        assert code.rstrip().endswith("plt.show()"), path.name


@pytest.mark.parametrize("path", page_blocks.PAGES, ids=lambda path: path.stem)
def test_blocks_run_and_print_what_the_page_shows(path, tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.chdir(tmp_path)
    text = path.read_text(encoding="utf-8")
    for block, printed in page_blocks.run_page(path):
        shown = "" if block.shown is None else text[slice(*block.shown)]
        if printed or shown:
            assert not page_blocks.differences(shown, printed), f"line {block.line}; renew with: ./run docs-outputs"
        if block.image:
            assert (path.parent / block.image).exists()


def test_the_readme_says_what_the_code_in_it_comes_to():
    (block,) = page_blocks.blocks((ROOT / "README.md").read_text(encoding="utf-8"))
    names = {}
    exec(block.code, names)
    told = re.findall(r"^(\S+)  # (\d\.\d+)", block.code, re.M)
    assert len(told) == 2
    for expression, number in told:
        assert round(eval(expression, names), len(number) - 2) == float(number)


def test_a_difference_is_seen():
    same = page_blocks.differences
    assert not same("a 1.00\nb", "a 1.01\nb\n")
    assert same("a 1.00", "a 1.05")
    assert same("a 1.00", "b 1.00")
    assert same("a", "a\nb")
    assert not same("...\nlast 2", "one\ntwo\nlast 2")
    assert same("...\nlast 2", "one\ntwo\nlast 3")
    assert not same("first 1\n...\nlast 2", "first 1\ntwo\nthree\nlast 2")
    assert same("first 1\n...\nlast 2", "first 2\ntwo\nthree\nlast 2")
    assert same("first 1\n...\nlast 2", "first 1\n")


def test_a_page_is_renewed_where_it_shows_what_its_blocks_do(tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setattr(site_pages, "figure_style", lambda *_: None)
    (tmp_path / "images").mkdir()
    page = tmp_path / "page.md"
    before = "```python\nx = 1\n```\n\nWords.\n\n```python\nprint(x + 1)\n```\n\n```text\n```\n\n"
    drawn = (
        "```python\nimport matplotlib.pyplot as plt\n\nplt.plot([x, 2])\nprint('...', x)\n```\n\n```text\n...\n```\n\n"
    )
    page.write_text(before + drawn + "![a line](images/line.png)\n")
    assert [block.image for block in page_blocks.blocks(page.read_text())] == [None, None, "images/line.png"]
    page_blocks.renew(page)
    assert page.read_text() == before.replace("```text\n", "```text\n2\n") + drawn + "![a line](images/line.png)\n"
    assert (tmp_path / "images" / "line.png").stat().st_size > 1000
    page.write_text("```python\n1 / 0\n```\n")
    with pytest.raises(AssertionError, match=r"page.md, line 2"):
        list(page_blocks.run_page(page))
    page.write_text("```sh\nrm -r nothing\n```\n")
    with pytest.raises(AssertionError, match="only commands of shallows"):
        list(page_blocks.run_page(page))
    page.write_text("```sh\nshallows predict --dim none\n```\n")
    with pytest.raises(AssertionError, match="exit code 2"):
        list(page_blocks.run_page(page))


def test_code_that_is_shown_is_code_that_runs():
    """Fenced blocks of these pages are all of a kind that is run; of indented ones nothing is promised."""
    for path in page_blocks.PAGES:
        languages = re.findall(r"^```(.+)$", path.read_text(encoding="utf-8"), re.M)
        assert set(languages) <= {"python", "sh", "text"}
        assert any(language != "text" for language in languages)
    assert {path for name, path in PAGES.items() if name.startswith("tutorials/")} - {PAGES["tutorials/index"]} <= set(
        page_blocks.PAGES
    )


def test_the_lock_of_the_documentation_holds_its_extra_and_nothing_of_the_other_lock():
    names = []
    for file in ("requirements-docs.lock", "requirements.lock"):
        lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
        pins = [line for line in lines if not line.startswith("#")]
        assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in pins)
        names.append({line.split("==")[0].lower() for line in pins})
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert {line.split(">=")[0] for line in extra["docs"]} <= names[0]
    assert not names[0] & names[1]


def test_ci_builds_the_site_and_a_warning_is_an_error():
    assert "\n./run docs\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "sphinx --fail-on-warning --keep-going" in (ROOT / "run").read_text(encoding="utf-8")
    assert "nitpicky = True" in (DOCS / "conf.py").read_text(encoding="utf-8")
