"""Which generation of numerics computed a result."""

# Raise it with every change that alters results: those of another generation are then never taken
# for this code's own. It stands in records, in their settings' key, and in trainings' checkpoints.
NUMERICS = 2
