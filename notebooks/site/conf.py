"""Sphinx's settings for the site. `vireid site` lays the pages' sources out and calls Sphinx."""

import sys
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for the extension `reader`
# The -full build loads no further files, which a page opened from disk could not.
MATHJAX = Path(find_spec("mathjax").origin).parent / "static/mathjax/es5/tex-svg-full.js"

project = html_title = "VI-ReID experiment book"
html_theme = "furo"
html_static_path = [str(HERE / "book.css"), str(MATHJAX)]
html_css_files = ["book.css"]
html_copy_source = html_domain_indices = html_show_copyright = html_show_sphinx = html_use_index = False
templates_path = []
mathjax_path = MATHJAX.name

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_codeautolink", "reader"]
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 4
nb_custom_formats = {".ipynb": ["reader.read", {}, False]}
nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js = {}  # every widget has left a picture or a table beside it
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]

autodoc_default_options = {"members": True, "undoc-members": True, "show-inheritance": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
codeautolink_concat_default = codeautolink_autodoc_inject = True
napoleon_use_ivar = True
add_module_names = False
toc_object_entries = False  # with them, the navigation of every page would list every function
suppress_warnings = ["toc.not_included", "ref.python", "ref.ref", "docutils"]
