"""Compiled loops by subject: arrays and scalars in, arrays out, numpy and numba only."""
