"""Quick refinements, and images that no latent renders."""

import torch

from helpers.searches import search

REFINES = ("features", "weights", "both")
AT = 16  # the resolution whose features move


def refined(generator, target, refine="features", /, **changes):
    """Invert one image in two steps and refine it in a few, or as `changes` say."""
    quick = dict(
        space="w+" if generator.styled else "z",
        steps=2,
        refine=refine,
        refine_steps=12,
        refine_resolution=AT,
        refine_loss="l2_full",
    )
    return search(generator, target, **quick | changes)


def smooth_offset(generator, scale, seed=5):
    """A bump at a place of the features (C, 16, 16), of another strength in each channel."""
    shape = generator.feature_shapes()[AT]
    y, x = torch.meshgrid(*[torch.linspace(-1, 1, AT)] * 2, indexing="ij")
    bump = torch.exp(-4 * ((x - 0.2).square() + y.square()))
    rng = torch.Generator().manual_seed(seed)
    return scale * torch.randn(shape[0], 1, 1, generator=rng) * bump


@torch.no_grad()
def bumped_image(generator, scale=0.5, seed=1):
    """A drawn image whose features were moved: (its ws (num_ws, w_dim), it, it without)."""
    z = torch.randn(1, generator.z_dim, generator=torch.Generator().manual_seed(seed))
    ws = generator.mapping(z)
    image = generator.synthesis(ws, features={AT: smooth_offset(generator, scale)[None]})
    return ws[0].contiguous(), image[0].clamp(-1, 1), generator.synthesis(ws)[0]


def rows_of(run, phase):
    """The rows of a history that belong to a phase."""
    return [row for row in run.history if row["phase"] == phase]
