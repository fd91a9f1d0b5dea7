"""Clusters over time: searched step by step, tied to the step before, and followed."""
