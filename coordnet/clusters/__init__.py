"""Clusters of accounts: communities, and groups that no pair betrays."""
