"""The report: one HTML file that says and shows what a run found, and opens without a network."""
