"""Model cards: what went into an encoder's or a generator's weights, and what they do."""

from pathlib import Path

from ganinv.files import sha256_file
from ganinv.runs.environment import environment

HELD_OUT_TRUNCATION = 0.8


def model_card(training, path, made_for):
    """The card of a training whose weights lie at `path`, as a dict that JSON can hold."""
    params = training.params.model_copy(update={"device": str(training.device)})
    fitted = 0 if params.start else -(-params.fit_samples // params.batch) * params.batch
    drawn = params.batch - training.photos()
    photographs = training.photographs
    return {
        "encoder": "domain-guided encoder (arXiv 2004.00049), VGG16 trunk, W+ offsets",
        "sha256": sha256_file(path),
        "bytes": path.stat().st_size,
        "generator": made_for,
        "start": training.earlier and {"name": params.start, "sha256": training.earlier[1]},
        "steps": training.step,
        "seconds": training.seconds,
        "images_drawn": fitted + training.step * drawn,
        "photographs": len(photographs.images) if photographs else 0,
        "held_out": training.figures,
        "held_out_images": {"count": params.held_out, "truncation": HELD_OUT_TRUNCATION},
        "params": params.model_dump(exclude={"out"}),
        "precision": training.precision,
        "compile": training.compiled,
        "environment": environment(params, {made_for["name"]: made_for["sha256"]}),
    }


def gan_card(training, path, features):
    """The card of a `GanTraining` whose weights lie at `path`, as a dict that JSON can hold.

    `features` says on what fid, kid, precision and recall were measured.
    """
    params = training.params.model_copy(update={"device": str(training.device)})
    name = Path(params.images).name
    return {
        "generator": "DCGAN (arXiv 1511.06434), the running average of its weights",
        "sha256": sha256_file(path),
        "bytes": path.stat().st_size,
        "images": {"name": name, "count": len(training.images), "sha256": training.images_sha256},
        "steps": training.step,
        "seconds": training.seconds,
        "figures": training.figures,
        "features": features,
        "trouble": training.trouble,
        "params": params.model_dump(exclude={"out"}),
        "discriminator_norm": params.norm,
        "precision": training.precision,
        "environment": environment(params, {path.stem: sha256_file(path)}),
    }
