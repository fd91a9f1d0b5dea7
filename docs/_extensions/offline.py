"""A warning for every page that would ask the network for something when it is opened."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

# What a browser loads by itself, by element and attribute. A link that a reader may follow is none.
LOADED = {
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "image": ("href", "xlink:href"),
    "img": ("src", "srcset"),
    "input": ("src",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "track": ("src",),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
RELATIONS = {"dns-prefetch", "icon", "manifest", "modulepreload", "preconnect", "prefetch",
             "preload", "stylesheet"}  # fmt: skip
REMOTE = re.compile(r"\s*(?:https?:)?//", re.IGNORECASE)
IN_STYLE = re.compile(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')\s;]+)""", re.IGNORECASE)
IN_SCRIPT = re.compile(
    r"""(?:\bimport|\bfrom|\bfetch|\bimportScripts)\s*\(?\s*["'`]((?:https?:)?//[^"'`]+)"""
)


class _Page(HTMLParser):
    """Collects the addresses that a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.inside = tag
        names = LOADED.get(tag, ())
        if tag == "link" and RELATIONS & set(given.get("rel", "").lower().split()):
            names = ("href",)
        for name in names:
            value = given.get(name, "")
            parts = value.split(",") if name == "srcset" else [value]
            self.found += [part.strip() for part in parts if REMOTE.match(part)]
        self.found += IN_STYLE.findall(given.get("style", ""))

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "style":
            self.found += IN_STYLE.findall(data)
        elif self.inside == "script":
            self.found += IN_SCRIPT.findall(data)


def loaded(text: str, kind: str) -> list[str]:
    """Return the addresses outside of the site that a file asks for.

    Parameters
    ----------
    text : str
        What the file holds.
    kind : str
        The end of its name: ``".html"``, ``".svg"``, ``".css"`` or ``".js"``.

    Returns
    -------
    list of str
        The addresses, in the order of the file.
    """
    if kind == ".css":
        return IN_STYLE.findall(text)
    if kind == ".js":
        return IN_SCRIPT.findall(text)
    page = _Page()
    page.feed(text)
    return page.found


def remote(folder: Path) -> Iterator[tuple[Path, str]]:
    """Give every file of a site with an address outside of it that the file asks for."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".html", ".svg", ".css", ".js"):
            for address in loaded(path.read_text(encoding="utf-8"), path.suffix):
                yield path, address


def _check(app: Any, exception: Exception | None) -> None:
    from sphinx.util import logging

    if exception is None and app.builder.format == "html":
        for path, address in remote(Path(app.outdir)):
            logging.getLogger(__name__).warning(
                "%s would load %s; a page must work without a network",
                path.relative_to(app.outdir), address,
            )  # fmt: skip


def setup(app: Any) -> dict[str, bool]:
    """Look at the pages when they are built."""
    app.connect("build-finished", _check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
