"""Readers: one file a source, each giving an :class:`~coordnet.log.ActionLog`."""

from coordnet.readers.tables import read_actions

__all__ = ["read_actions"]
