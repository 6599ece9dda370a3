"""Starts of searches, and latents in files."""

import torch
from safetensors.torch import save_file

from ganinv.inversion.spaces import SPACES, check_space
from ganinv.inversion.starts import find_start
from ganinv.seeds import image_rng

BLACK = torch.full((3, 32, 32), -1.0)


def start(generator, space="w+", init="mean_w", *, seed=0, image_id="a", **more):
    rng = image_rng(seed, image_id)
    check_space(space, generator)
    found = find_start(generator, init, target=BLACK, rng=rng, **more)
    return SPACES[space].from_start(found, generator)


def write_latent(path, latent, name="latent"):
    save_file({name: latent}, path, metadata={"ganinv": '{"generator": "toy"}'})
    return str(path)
