"""Image sets to train on: folders, drawn faces, data sets that are fetched. Photographs to invert
are found in `runs`."""
