"""Photographs as files and as tensors: reading, aligning, resizing, writing. Pictures of results
are drawn in `figures.py`."""
