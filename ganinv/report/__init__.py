"""The reports: notebooks run and turned into pages, and the pieces of those pages. Verdicts are
reached in `analysis`."""
