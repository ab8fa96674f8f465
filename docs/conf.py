"""How the documentation is built: Sphinx, MyST, the catalogue's pages written at build time."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

from steepest import __version__

project = "steepest"
author = "the steepest developers"
copyright = author
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "catalogue_pages",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_extensions", "sg_execution_times.rst", "gallery/sg_execution_times.rst"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nitpicky = False
templates_path = ["_templates"]

autosummary_generate = True
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
napoleon_use_rtype = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples/gallery",
    "gallery_dirs": "gallery",
    "abort_on_example_error": True,
    "capture_repr": (),
    "download_all_examples": False,
    "min_reported_time": 600,
    "show_signature": False,
    # GALLERY=0 leaves the scripts unrun, as where the suite has run them
    "plot_gallery": os.environ.get("GALLERY") != "0",
    "matplotlib_animations": True,
}

html_theme = "pydata_sphinx_theme"
html_title = f"steepest {version}"
html_static_path = ["_static"]
html_css_files = ["steepest.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "steepest"},
    "navbar_align": "left",
    "navbar_persistent": ["search-button"],
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
    "pygments_dark_style": "monokai",
}
html_context = {"default_mode": "auto"}
