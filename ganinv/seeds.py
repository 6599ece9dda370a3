"""Random generators, one per image, so that no result depends on another."""

import hashlib

import torch


def image_rng(seed: int, image_id: str) -> torch.Generator:
    """Make a CPU random generator from (seed, image id), so that no image depends on others."""
    digest = hashlib.sha256(f"{seed}:{image_id}".encode("utf-8", "surrogatepass")).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
