"""How the documentation site is built. docs/contributing.md has the command.

Everything is local: no page that is built asks the network for a script, a style, a font or a
picture, and the build looks nothing up. The extension ``offline`` holds the pages to that.
"""

import hashlib
import os
import sys
from importlib import metadata
from pathlib import Path

import coordnet

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "_extensions"))
# What the cells of the pages need: exports to read, commands that say no more than what they found,
# how pictures look, the commands of this Python
os.environ["COORDNET_SAMPLES"] = str(HERE.parent / "tests" / "readers" / "samples")
os.environ["COORDNET_PROGRESS"] = "0"
os.environ["COLUMNS"] = "99"
os.environ["MATPLOTLIBRC"] = str(HERE / "_static" / "matplotlibrc")
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

project = "coordnet"
author = "The coordnet developers"
copyright = author
version = release = metadata.version("coordnet")
language = "en"

extensions = [
    "myst_nb",
    "numpydoc",
    "offline",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_design",
]
exclude_patterns = ["_build", "_extensions", "_templates"]
templates_path = ["_templates"]
nitpicky = True
highlight_language = "none"  # formulas of docstrings are no program
# Rooms that users do not enter: their names stand in docstrings for those who read the code
ROOMS = "commands|inference|kernels|pictures|progress|readers|report|search"
nitpick_ignore_regex = [(r"py:\w+", rf"coordnet\.({ROOMS})\b[\w.]*")]
suppress_warnings = ["myst.header"]  # tables of figures begin at the third level

# -- pages and the cells in them -----------------------------------------------------------------

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3
myst_url_schemes = ("http", "https", "mailto")
nb_execution_mode = "cache"
# What cells gave is kept until a page or the library changes
library = hashlib.sha256()
for path in sorted(Path(coordnet.__path__[0]).rglob("*.py")):
    library.update(path.read_bytes())
nb_execution_cache_path = str(HERE / "_build" / "cells" / library.hexdigest()[:16])
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True
nb_output_stderr = "remove"  # progress, and folders of this machine
nb_ipywidgets_js = {}  # they would come from another server

# -- the reference -------------------------------------------------------------------------------

autosummary_generate = sorted(str(page.relative_to(HERE)) for page in (HERE / "api").glob("*.md"))
autodoc_typehints = "none"  # the docstrings say them
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # the template of a class lists them
numpydoc_xref_param_type = False
add_module_names = False

# -- the site ------------------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = "coordnet"
html_static_path = ["_static"]
html_css_files = ["coordnet.css"]
html_copy_source = False
html_show_sourcelink = False
html_sidebars = {"index": [], "five-minute-start": []}
html_theme_options = {
    "logo": {"text": "coordnet"},
    "show_nav_level": 1,
    "navigation_depth": 2,
    "show_toc_level": 2,
    "header_links_before_dropdown": 5,
    "navbar_align": "left",
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
