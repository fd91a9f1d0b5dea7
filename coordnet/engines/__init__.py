"""Engines: the heavy work done elsewhere, with the bytes that it would have here."""
