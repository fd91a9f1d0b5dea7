"""Readers: tables of actions and of accounts, key moments, stance labels."""
