"""Readers: tables of any source, each giving an :class:`~coordnet.log.actions.ActionLog`."""

from coordnet.readers.tables import read_actions

__all__ = ["read_actions"]
