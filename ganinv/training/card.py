"""The model card: what went into an encoder's weights, and what they do."""

from ganinv.artifacts import environment
from ganinv.files import sha256_file

HELD_OUT_TRUNCATION = 0.8


def model_card(training, path, made_for):
    """The card of a training whose weights lie at `path`, as a dict that JSON can hold."""
    params = training.params.model_copy(update={"device": str(training.device)})
    fitted = 0 if params.start else -(-params.fit_samples // params.batch) * params.batch
    drawn = params.batch - training.photos()
    photographs = training.photographs
    return {
        "encoder": "domain-guided encoder (arXiv 2004.00049), VGG16 trunk, W+ offsets",
        "sha256": sha256_file(path), "bytes": path.stat().st_size, "generator": made_for,
        "start": training.earlier and {"name": params.start, "sha256": training.earlier[1]},
        "steps": training.step, "seconds": training.seconds,
        "images_drawn": fitted + training.step * drawn,
        "photographs": len(photographs.images) if photographs else 0,
        "held_out": training.figures,
        "held_out_images": {"count": params.held_out, "truncation": HELD_OUT_TRUNCATION},
        "params": params.model_dump(exclude={"out"}),
        "precision": training.precision, "compile": training.compiled,
        "environment": environment(params, {made_for["name"]: made_for["sha256"]}),
    }  # fmt: skip
