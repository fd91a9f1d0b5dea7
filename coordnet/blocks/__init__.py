"""Blocks of accounts: cut a log so that no piece needs another, and nothing is lost."""
