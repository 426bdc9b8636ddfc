"""The documentation site: what Sphinx needs to know. Built by ``./run docs``; nothing is fetched, then or when read."""

import os
import sys
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT / "src"), str(DOCS)]
os.environ.setdefault("OMP_NUM_THREADS", "1")  # small matrices: more threads would only wait for each other

import site_pages

from shallows import __version__

project = "shallows"
author = "the shallows authors"
copyright = "the shallows authors, MIT licence"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "**/GALLERY_HEADER.rst", "**/sg_execution_times.rst", "sg_execution_times.rst"]
nitpicky = True
smartquotes = False  # options begin with two hyphens
# Indented blocks hold equations and commands as often as Python; fenced ones say what they are.
highlight_language = "none"

# Pages are Markdown that a code host shows as well: headings are link targets, as there.
myst_heading_anchors = 4

html_theme = "pydata_sphinx_theme"
html_title = "shallows"
html_static_path = ["_static"]
html_css_files = ["shallows.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 8,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars = {"index": [], "choosing": [], "limits": []}  # nothing lies below these

# Docstrings are numpydoc's and say types in words, so signatures leave them out.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
toc_object_entries_show_parents = "hide"
autosummary_generate = False
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "examples_dirs": str(ROOT / "examples" / "gallery"),
    "gallery_dirs": "gallery",
    "filename_pattern": r"plot_",
    "within_subsection_order": "site_pages.GalleryOrder",
    "only_warn_on_example_error": False,
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    "copyfile_regex": "",
    "capture_repr": (),
    "reset_modules": ("site_pages.figure_style",),
    "image_srcset": ["2x"],
    "thumbnail_size": (480, 336),
}


def setup(app):
    """Pages that are made, and links that lead out of this folder on a code host and to a page here."""
    app.connect("config-inited", lambda app, config: site_pages.write(DOCS), priority=100)
    app.connect("source-read", site_pages.translate)
    app.connect("autodoc-skip-member", site_pages.leave_out)
    app.connect("missing-reference", site_pages.resolve)
