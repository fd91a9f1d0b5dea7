"""Engines: where the edges of a large log are made and tested."""
