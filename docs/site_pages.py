"""Pages of the site that are made when it is built, and what a Markdown page of this folder means on it.

The pages of this folder are read in two places, on a code host and on the site. What differs is translated here:

- ``<!-- pages`` ... ``-->``, one name a line (or a pattern), is the navigation below a page. A code host does not show
  it.
- Links to ``examples/gallery/plot_x.py``, to ``src/shallows/x/__init__.py``, ``CHANGELOG.md`` and ``CONTRIBUTING.md``,
  which lie outside this folder, lead to the pages made of them.
"""

import functools
import importlib
import inspect
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]

#: Examples in the order a reader meets them: what theory says, training beside it, then one's own data and weights.
GALLERY = (
    "phase_diagram",
    "double_descent",
    "learned_spectrum",
    "decomposition",
    "best_weight_decay",
    "bayes_gap",
    "scaling_exponents",
    "width",
    "covariance",
    "training_dynamics",
    "compute_optimal",
    "message_passing",
    "table_fit",
    "forecast",
    "pruning",
    "intervals",
    "trained_weights",
    "planted_direction",
)

_NAVIGATION = re.compile(r"^<!-- pages\n(.*?)^-->$", re.M | re.S)
_OUTSIDE = (
    (re.compile(r"\]\((?:\.\./)+examples/gallery/(plot_\w+)\.py\)"), r"](/gallery/\1.rst)"),
    (re.compile(r"\]\((?:\.\./)+examples/gallery/?\)"), "](/gallery/index.rst)"),
    (re.compile(r"\]\((?:\.\./)+src/shallows/(\w+)/__init__\.py\)"), r"](/reference/api/shallows.\1.rst)"),
    (re.compile(r"\]\((?:\.\./)+src/shallows/__init__\.py\)"), "](/reference/api/shallows.rst)"),
    (re.compile(r"\]\((?:\.\./)+src/shallows/errors\.py\)"), "](/reference/api/shallows.errors.rst)"),
    (re.compile(r"\]\((?:\.\./)+CHANGELOG\.md\)"), "](/reference/changes.md)"),
    (re.compile(r"\]\((?:\.\./)+CONTRIBUTING\.md\)"), "](/reference/contributing.md)"),
)


def translate(app, name, source):
    """Sphinx's ``source-read``: turn a page of a code host into a page of the site."""
    text = _NAVIGATION.sub(lambda found: f"```{{toctree}}\n:hidden:\n:glob:\n\n{found[1]}```", source[0])
    for pattern, replacement in _OUTSIDE:
        text = pattern.sub(replacement, text)
    source[0] = text


def navigation(text):
    """Names of pages in the navigation of a page."""
    return [line.strip() for block in _NAVIGATION.findall(text) for line in block.splitlines() if line.strip()]


class GalleryOrder:
    """Sphinx-Gallery's key of order: the place of an example in the list; one that is not listed is an error."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, name):
        return GALLERY.index(Path(name).stem.removeprefix("plot_"))


def write(docs):
    """The reference of every public package, and the changes and rules that lie above this folder."""
    reference = docs / "reference"
    (reference / "api").mkdir(exist_ok=True)
    homes = {}
    for package in _packages():
        _renew(reference / "api" / f"{package}.rst", _api_page(package, homes))
    for name, page in (("CHANGELOG", "changes"), ("CONTRIBUTING", "contributing")):
        text = (ROOT / f"{name}.md").read_text(encoding="utf-8")
        _renew(reference / f"{page}.md", text.replace("](docs/", "](../"))


def _renew(path, text):
    """Write what has changed, so that Sphinx reads no page again that has not."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _api_page(package, homes):
    """Every public name of a package; one that another page has is named with a link. `homes` collects them."""
    from shallows.networks import Capability

    module = importlib.import_module(package)
    kinds, elsewhere, capabilities = {}, [], []
    for name in module.__all__:
        value = getattr(module, name)
        if name.startswith("_") or inspect.ismodule(value):
            continue
        if isinstance(value, Capability):
            capabilities.append((name, value))
            continue
        kind = "autoclass" if isinstance(value, type) else "autofunction" if inspect.isroutine(value) else "autodata"
        if kind != "autodata" and value in homes:
            elsewhere.append(homes[value])
            continue
        kinds[name] = kind
        if kind != "autodata":
            homes[value] = f"{package}.{name}"
    lines = [package, "=" * len(package), "", f".. automodule:: {package}", "   :no-members:", ""]
    if elsewhere:
        lines += [
            "Also here, described where it is shorter: " + ", ".join(f":py:obj:`{home}`" for home in elsewhere) + ".",
            "",
        ]
    lines += [f".. currentmodule:: {package}", "", ".. autosummary::", "   :nosignatures:", ""]
    lines += [*(f"   {name}" for name in kinds), ""]
    for name, kind in kinds.items():
        options = {"autoclass": ["   :members:"], "autodata": ["   :no-value:"]}.get(kind, [])
        lines += [f".. {kind}:: {name}", *options, ""]
    for name, value in capabilities:
        text = f"What a network needs for it, a :py:class:`shallows.networks.Capability`: {value.what}."
        lines += [f".. py:data:: {name}", "", f"   {text}", ""]
    return "\n".join(lines)


def leave_out(app, what, name, member, skip, options):
    """Sphinx's ``autodoc-skip-member``: what a class has from another library is documented there."""
    home = getattr(inspect.unwrap(member) if inspect.isroutine(member) else member, "__module__", None)
    return True if isinstance(home, str) and not home.startswith("shallows") else None


def resolve(app, env, node, content):
    """Sphinx's ``missing-reference``: docstrings name things as their module does.

    A name that is public somewhere leads there; one that exists and has no entry of its own, a private module or a
    field of a dataclass, is code without a link. Anything else stays missing.
    """
    if node.get("refdomain") != "py":
        return None
    found = _named(node["reftarget"].lstrip("."), node.get("py:module") or "", node.get("py:class") or "")
    if found is None:
        return None
    home = _homes().get(found) if inspect.isroutine(found) or inspect.isclass(found) else None
    if home is None:
        return content
    return env.domains["py"].resolve_xref(env, node["refdoc"], app.builder, "obj", home, node, content)


def _named(target, module, owner):
    """The object that `target` means in a docstring of `module`, or of its class `owner`; None where there is none."""
    places = [module, "shallows"]
    outer = _reach(f"{module}.{owner}") if owner else None
    if outer is not None:
        homes = [base.__module__ for base in outer.__mro__]
        places = [f"{module}.{owner}", *homes, *(home.rpartition(".")[0] for home in homes), *places]
    for name in (*(f"{place}.{target}" for place in places if place), target):
        found = _reach(name)
        if found is not None:
            return found
    return None


def _reach(name):
    """The object of a dotted name, or None."""
    parts = name.split(".")
    if parts[0] != "shallows":
        return None
    found = importlib.import_module("shallows")
    for i, part in enumerate(parts[1:], start=2):
        if isinstance(found, type) and part in {
            **getattr(found, "__dataclass_fields__", {}),
            **inspect.get_annotations(found),
        }:
            return part
        try:
            found = getattr(found, part)
        except AttributeError:
            try:
                found = importlib.import_module(".".join(parts[:i]))
            except ImportError:
                return None
    return found


@functools.cache
def _homes():
    """Where each public function and class is described."""
    homes = {}
    for package in _packages():
        _api_page(package, homes)
    return homes


def _packages():
    import shallows

    return ("shallows", *(f"shallows.{name}" for name in shallows._SUBPACKAGES))


def figure_style(gallery, name):
    """How figures of the gallery look: as those of the reports. Sphinx-Gallery calls it before each example."""
    import matplotlib as mpl

    from shallows.plotting import styled

    with styled():
        settings = {
            key: value for key, value in mpl.rcParams.items() if key.partition(".")[0] not in ("backend", "interactive")
        }
    mpl.rcParams.update(settings)
