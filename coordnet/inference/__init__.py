"""Tests against null models: edges, groups, the chances they use, the correction, null logs."""
