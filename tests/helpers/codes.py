"""Runs on disk of codes that nobody searched for: what edits begin from."""

import torch

from ganinv.inversion.latent_files import LATENT, GeneratorFile, save_latent
from ganinv.inversion.refinement import REFINEMENT, save_refinement
from ganinv.runs.params import Params
from ganinv.runs.record_files import write_record
from ganinv.runs.records import write_params
from helpers.refinements import AT, smooth_offset
from helpers.tensors import normal


def refinement_of(generator, by):
    """A refinement that shows: offsets to features, changes of weights, both, or {} for none."""
    weights = generator.synthesis_parameters()
    names = ("blocks.0.conv1.weight", "blocks.1.conv2.weight")
    changes = {f"weights.{n}": 0.1 * normal(*weights[n].shape).half() for n in names}
    features = {f"features.{AT}": smooth_offset(generator, 0.5).half()}
    return {"none": {}, "features": features, "weights": changes, "both": features | changes}[by]


@torch.no_grad()
def draw_code(generator, seed=1):
    """A latent (num_ws, w_dim) of W."""
    z = torch.randn(1, generator.z_dim, generator=torch.Generator().manual_seed(seed))
    return generator.mapping(z)[0].contiguous()


def write_code(folder, generator, by="none", seed=1, **noise):
    """Write an image's folder as a run leaves it: latent, refinement, record."""
    of = GeneratorFile(generator.name, generator.sha256)
    folder.mkdir(parents=True)
    save_latent(folder / LATENT, draw_code(generator, seed), of, noise)
    refinement = refinement_of(generator, by)
    if refinement:
        save_refinement(folder / REFINEMENT, refinement, of)
    write_record(folder.parent, folder.name, {"psnr": 20.0} | ({"code": {}} if refinement else {}))
    return folder


def write_run(folder, generator, path, images):
    """Write a run of {image: what refined it}; `path` is the generator's file."""
    for seed, (name, by) in enumerate(images.items()):
        write_code(folder / name, generator, by, seed)
    write_params(folder, Params.make(dict(generator=str(path), out=str(folder), images=["x"])))
    return folder
