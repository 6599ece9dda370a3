"""The controls of the quickstart notebook: an inversion, edits of its face, and the way between two
faces. What they call lies in the rooms below."""
