"""Formats of exports, one file each; :func:`coordnet.readers.formats.formats` finds them."""
