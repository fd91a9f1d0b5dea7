"""detect(): the stages in order, with one manifest of what was done."""
