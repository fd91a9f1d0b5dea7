"""What reruns of the search tell: null runs, confirmation, stability, sensitivity, power."""
