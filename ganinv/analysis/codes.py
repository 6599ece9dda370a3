"""Codes of several runs compared: how near to W they lie, and where an edit leads from them.

The edit is the simplest there is, the straight line from one inverted photograph to another: it
needs no directions learned elsewhere, and it shows whether what lies between codes is a face.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ganinv.analysis.finished import Experiment
from ganinv.analysis.statistics import mean_interval
from ganinv.analysis.verdicts import Comparison, Verdict, decide, tell
from ganinv.compute.device import resolve_device
from ganinv.compute.render import render_result
from ganinv.encoders.load import load_encoder
from ganinv.generators.load import load_generator
from ganinv.images.pixels import box_resize, to_uint8
from ganinv.inversion.latent_files import load_latent
from ganinv.inversion.starts import fit_rows
from ganinv.measures.codes import WSpread, distance_to_w, interpolate, used_rows

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
SIZE = 256  # of the pictures of a walk


@dataclass(frozen=True)
class Study:
    """Codes measured.

    `rows`: a dict per experiment and image: distance (between rows), spread, found_again.

    `walks`: (title, pictures uint8 (H, W, 3), spreads), one per experiment.
    """

    rows: list[dict[str, Any]]
    walks: list[tuple[str, list[np.ndarray], list[float]]]

    def verdict(self, measure: str, claim: str) -> Verdict:
        """Judge whether the second experiment's `measure` is below the first's, image by image."""
        names = list(dict.fromkeys(row["experiment"] for row in self.rows))
        old, new = ([r[measure] for r in self.rows if r["experiment"] == n] for n in names)
        means = [sum(values) / len(values) for values in (old, new)]
        changes = [b - a for a, b in zip(old, new, strict=True)]
        change, held, total = mean_interval(changes), sum(x < 0 for x in changes), len(changes)
        detail = f"mean {means[0]:.3g} → {means[1]:.3g}, change {tell(change, '+.3g')}"
        return decide(claim, held, total, [Comparison(change, -1, detail)])


@torch.no_grad()
def study_codes(experiments: Sequence[Experiment], images: Sequence[str]) -> Study:
    """Measure two runs' codes of the same images, and walk from the first image to the second.

    The runs share generator and encoder. Raises WeightsError where these are not here.
    """
    params = experiments[0].params
    device = resolve_device(params.device)
    generator = load_generator(params.generator, device)
    encoder = load_encoder(params.encoder or "", device)
    used, spread = used_rows(generator), WSpread(generator)
    rows, walks = [], []
    for experiment in experiments:
        codes = [load_latent(experiment.folder / i / "latent.safetensors")[0] for i in images]
        codes = [ws.to(device) for ws in codes]
        for image_id, ws in zip(images, codes, strict=True):
            again = fit_rows(encoder(render_result(generator, ws)[None])[0], generator)
            rows.append(
                {
                    "image": experiment.images[image_id]["title"],
                    "experiment": experiment.name,
                    "distance": distance_to_w(ws, used),
                    "spread": spread.distance(ws, used),
                    "found_again": (ws - again).square().mean().item(),
                }
            )
        line = interpolate(codes[0], codes[-1], SHARES)
        pictures = [box_resize(render_result(generator, ws)[None], SIZE)[0] for ws in line]
        spreads = [spread.distance(ws, used) for ws in line]
        walks.append((experiment.name, [to_uint8(picture) for picture in pictures], spreads))
    return Study(rows, walks)
