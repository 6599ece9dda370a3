"""A GAN's model card: what went into its generator's weights, and how good they are."""

from pathlib import Path
from typing import Any

from ganinv.files import sha256_file
from ganinv.measures.distributions import FEATURES
from ganinv.numerics import NUMERICS
from ganinv.runs.environment import environment
from ganinv.training.gan.networks import Networks
from ganinv.training.gan.trouble import tell_trouble
from ganinv.training.loop import Progress


def gan_card(networks: Networks, progress: Progress, path: Path) -> dict[str, Any]:
    """Make the card of a training whose weights lie at `path`: a dict that JSON can hold."""
    params = networks.params.model_copy(update={"device": str(networks.device)})
    images = {
        "name": Path(params.images).name,
        "count": len(networks.images),
        "sha256": networks.images_sha256,
    }
    return {
        "generator": "DCGAN (arXiv 1511.06434), the running average of its weights",
        "sha256": sha256_file(path),
        "bytes": path.stat().st_size,
        "images": images,
        "numerics": NUMERICS,
        "steps": progress.step,
        "seconds": progress.seconds,
        "figures": {k: v for k, v in progress.figures.items() if k != "trouble"},
        "features": FEATURES,
        "trouble": tell_trouble(progress.history, params.objective),
        "params": params.model_dump(exclude={"out"}),
        "discriminator_norm": params.norm,
        "precision": networks.precision,
        "environment": environment(params, {path.stem: sha256_file(path)}),
    }
