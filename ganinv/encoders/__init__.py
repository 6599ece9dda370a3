"""Encoders: image -> latent. An encoder is a callable with a `resolution` that maps images
(N, 3, H, W) in [-1, 1] of that resolution or larger to codes (N, num_ws, w_dim), its latent
average added."""

from ganinv.weights import WeightsError, load_manifest


def load_encoder(name, device="cpu"):
    """Load an encoder by its name in the manifest. Raises WeightsError where there is none."""
    known = [key for key, entry in load_manifest().items() if entry.kind == "encoder"]
    if name not in known:
        have = ", ".join(known) if known else "none yet; pass a callable to ganinv.invert"
        raise WeightsError(f"no encoder named {name!r}; the manifest has {have}")
    return _LOADERS[name](device)


_LOADERS = {}
