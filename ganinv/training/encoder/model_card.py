"""An encoder's model card: what went into its weights, and what they do."""

from pathlib import Path
from typing import Any

from ganinv.files import sha256_file
from ganinv.numerics import NUMERICS
from ganinv.runs.environment import environment
from ganinv.training.encoder.batches import count_photographs
from ganinv.training.encoder.draws import Photographs
from ganinv.training.encoder.looks import TRUNCATION
from ganinv.training.encoder.networks import Networks
from ganinv.training.loop import Progress


def encoder_card(
    networks: Networks,
    photographs: Photographs | None,
    progress: Progress,
    path: Path,
    made_for: dict[str, str],
) -> dict[str, Any]:
    """Make the card of a training whose weights lie at `path`: a dict that JSON can hold.

    `made_for` is the generator's name and sha256.
    """
    params = networks.params.model_copy(update={"device": str(networks.device)})
    fitted = 0 if params.start else -(-params.fit_samples // params.batch) * params.batch
    drawn = params.batch - count_photographs(networks, photographs)
    earlier = networks.earlier
    return {
        "encoder": "domain-guided encoder (arXiv 2004.00049), VGG16 trunk, W+ offsets",
        "sha256": sha256_file(path),
        "bytes": path.stat().st_size,
        "generator": made_for,
        "start": earlier and {"name": params.start, "sha256": earlier[1]},
        "numerics": NUMERICS,
        "steps": progress.step,
        "seconds": progress.seconds,
        "images_drawn": fitted + progress.step * drawn,
        "photographs": len(photographs.images) if photographs else 0,
        "held_out": progress.figures,
        "held_out_images": {"count": params.held_out, "truncation": TRUNCATION},
        "params": params.model_dump(exclude={"out"}),
        "precision": networks.precision,
        "compile": networks.compiled,
        "environment": environment(params, {made_for["name"]: made_for["sha256"]}),
    }
