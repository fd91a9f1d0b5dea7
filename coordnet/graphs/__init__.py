"""Graphs of accounts that acted together, and the relations that make them."""
