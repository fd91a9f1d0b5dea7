"""The commands, one file each: thin over the library.

Every file has ``USAGE``, ``EXAMPLES``, ``add_options(parser, arguments)`` and ``run(options)``.
What several commands share stands once, in ``options.py``, ``reading.py`` and ``output.py``.

The parser is the standard library's: the options of a run are made from the fields of
:class:`coordnet.Configuration`, and ``coordnet --help`` imports nothing else.
"""

COMMANDS = {
    "detect": "Find and score the clusters of accounts that act together.",
    "score": "Score clusters that you have, such as another tool found.",
    "report": "Make the page to look at, of a results folder or a saved run.",
    "recipes": "List the published methods, or run one of them.",
    "compare": "Put methods side by side, and say what chance explains of each.",
    "simulate": "Write a population whose coordination is known, with the truth.",
    "formats": "List the exports that are read, or say which one a file is.",
    "demo": "Simulate a small campaign, look for it, and leave a report.",
}
