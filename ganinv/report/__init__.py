"""The reports: notebooks run and turned into pages, and what those pages show. What figures mean is
decided in `analysis`."""
