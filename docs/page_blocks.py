"""Runs the fenced blocks of a page, and renews what the page shows of them.

``python`` blocks run in one namespace, ``sh`` blocks hold commands of ``shallows``, one a line. A ``text`` block below
either is what it prints, an image below it the figure it leaves. ``python docs/page_blocks.py [PAGE...]`` rewrites
both; the tests run every block and hold what is printed against the page.
"""

import contextlib
import io
import os
import re
import shlex
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parent
#: Pages whose blocks are run from top to bottom.
PAGES = (
    *(DOCS / "tutorials" / f"{name}.md" for name in ("theory", "table", "checkpoint", "statistics")),
    DOCS / "choosing.md",
    DOCS / "limits.md",
)

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
_IMAGE = re.compile(r"!\[[^\]]*\]\(([^)]+)\)")
_NUMBER = re.compile(r"[-+]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?")


@dataclass(frozen=True)
class Block:
    """A block of code: what it shows runs from the end of `code` to the next one."""

    language: str
    code: str
    line: int
    shown: tuple[int, int] | None
    image: str | None


def blocks(text):
    """Blocks of code in their order, with where their output stands in the text."""
    fences = list(_FENCE.finditer(text))
    found = []
    for i, fence in enumerate(fences):
        if fence[1] not in ("python", "sh"):
            continue
        below = fences[i + 1] if i + 1 < len(fences) else None
        shown = below.span(2) if below is not None and below[1] == "text" else None
        code = [other.start() for other in fences[i + 1 :] if other[1] in ("python", "sh")]
        image = _IMAGE.search(text, fence.end(), code[0] if code else len(text))
        found.append(Block(fence[1], fence[2], text.count("\n", 0, fence.start()) + 2, shown, image and image[1]))
    return found


def run_page(page):
    """Yield each block of a page with what it printed, run in the present folder; figures stay open until the next."""
    import matplotlib.pyplot as plt

    names = {"__name__": "__main__"}
    for block in blocks(page.read_text(encoding="utf-8")):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            try:
                if block.language == "sh":
                    _run_commands(block.code)
                else:
                    exec(compile("\n" * (block.line - 1) + block.code, str(page), "exec"), names)
            except Exception as error:
                raise AssertionError(f"{page.name}, line {block.line}:\n{traceback.format_exc(limit=-3)}") from error
        yield block, out.getvalue()
        plt.close("all")


def _run_commands(code):
    from shallows.cli import main

    for line in code.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        if words[0] != "shallows":
            raise ValueError(f"only commands of shallows are run here, not: {line}")
        # Progress goes to the terminal of a reader, not to the page.
        with contextlib.redirect_stderr(io.StringIO()) as said:
            code = main(words[1:])
        if code:
            raise RuntimeError(f"exit code {code}: {line}\n{said.getvalue()}")


def differences(shown, printed, tolerance=0.02):
    """What the page shows and what is printed, line by line, where words differ or numbers by more than `tolerance`.

    A line ``...`` on the page stands for any number of lines.
    """
    wanted, came = shown.rstrip().splitlines(), printed.rstrip().splitlines()
    if "..." in wanted:
        cut = wanted.index("...")
        after = len(wanted) - cut - 1
        wanted = wanted[:cut] + wanted[cut + 1 :]
        came = came[:cut] + came[len(came) - after :] if len(came) >= cut + after else came
    if len(wanted) != len(came):
        return [(shown, printed)]
    return [(a, b) for a, b in zip(wanted, came, strict=True) if not _alike(a, b, tolerance)]


def _alike(left, right, tolerance):
    if _NUMBER.sub("0", left).split() != _NUMBER.sub("0", right).split():
        return False
    pairs = zip(_NUMBER.findall(left), _NUMBER.findall(right), strict=True)
    values = [(float(a.replace(",", "")), float(b.replace(",", ""))) for a, b in pairs]
    return all(abs(a - b) <= tolerance * max(abs(a), abs(b)) for a, b in values)


def renew(page):
    """Rewrite what the page shows of its blocks."""
    import matplotlib.pyplot as plt
    import site_pages

    text = page.read_text(encoding="utf-8")
    site_pages.figure_style(None, None)
    replaced = []
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for block, printed in run_page(page):
            if block.image:
                plt.savefig(page.parent / block.image, dpi=140, metadata={"Software": "shallows"})
            if block.shown and "..." not in text[slice(*block.shown)].splitlines():
                replaced.append((block.shown, printed.rstrip() + "\n"))
            elif printed and not block.shown:
                print(f"{page.name}, line {block.line}: prints what the page does not show", file=sys.stderr)
    for (start, end), printed in reversed(replaced):
        text = text[:start] + printed + text[end:]
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    os.environ["MPLBACKEND"] = "Agg"
    sys.path.insert(0, str(DOCS))
    for path in [Path(name).resolve() for name in sys.argv[1:]] or PAGES:
        renew(path)
