"""Inverted faces on disk that nobody searched, and what widgets show of them."""

import io

import numpy as np
import torch
from PIL import Image

from ganinv.inversion.latent_files import LATENT, save_latent
from ganinv.inversion.refinement import REFINEMENT, save_refinement
from ganinv.runs.record_files import write_record
from ganinv.widgets.shared import Face

SAME, ANOTHER = 0.022, 0.05  # mean differences of pictures on [-1, 1]


def draw_latent(generator, seed):
    """A latent (num_ws, w_dim) of W+: other rows come from other draws."""
    z = torch.randn(
        generator.num_ws, generator.z_dim, generator=torch.Generator().manual_seed(seed)
    )
    with torch.no_grad():
        return generator.mapping(z)[:, 0].contiguous()


def write_face(run, name, generator, seed=0, noise=None, refinement=None, record=None):
    """The folder of a finished image in a run, with the latent of a seed; return both."""
    latent = draw_latent(generator, seed)
    folder = run / name
    save_latent(folder / LATENT, latent, generator, noise)
    if refinement:
        save_refinement(folder / REFINEMENT, refinement, generator)
    entry = {"psnr": 20.0} | ({"code": {}} if refinement else {}) if record is None else record
    write_record(run, name, entry)
    return folder, latent


def shown(face):
    """The pixels of an image widget (H, W, 3), on [-1, 1]."""
    return np.asarray(Image.open(io.BytesIO(face.value))) / 127.5 - 1


def pixels(image):
    """The pixels of an image (3, H, W) that was shown, which JPEG changes a little."""
    face = Face()
    face.show(image.detach())
    return shown(face)


def apart(one, other):
    """The mean difference of two such pictures; for one in bf16 and in float32 it is below SAME."""
    return float(np.abs(one - other).mean())
