"""Weights by name: a manifest, fetching with checksums, readers of foreign formats."""

from ganinv.weights.fetch import ensure, fetch
from ganinv.weights.manifest import WeightsError, load_manifest, project_root

__all__ = ["WeightsError", "ensure", "fetch", "load_manifest", "project_root"]
