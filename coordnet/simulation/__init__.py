"""Populations whose coordination is known, and how well it was found."""
