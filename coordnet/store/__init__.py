"""Logs on disk: written in pieces, opened at once, appended to, never half written."""
