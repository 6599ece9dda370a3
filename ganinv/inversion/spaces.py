"""Spaces (Z, W, W+) and starts (mean_w, random, encoder, a saved latent).

A space is the shape of what is optimized: (1, w_dim) in W, broadcast to every style input, and
(num_ws, w_dim) in W+ (Abdal, Qin, Wonka 2019, arXiv 1904.03189), where each row is its own. Z is
the space of a generator without mapping, whose only row is z itself, w_dim = z_dim; its mean is 0.
"""

from pathlib import Path

import torch

from ganinv.inversion.latent_files import load_latent
from ganinv.params import STARTS


@torch.no_grad()
def start_latent(generator, space, init, *, target, rng, encoder=None):
    """The latent a search starts from: (1, w_dim) in Z and W, (num_ws, w_dim) in W+.

    `init` is "mean_w", "random" (z drawn from `rng`, mapped), "encoder" (which sees `target`
    (3, H, W)) or the path of a latent.safetensors. W takes the mean of several rows.
    Raises ValueError for a space that the generator does not offer, a latent of the wrong shape or
    an encoder missing.
    """
    if space not in generator.spaces:
        offered = ", ".join(generator.spaces)
        named = f"the generator {generator.name}" if generator.name else "this generator"
        raise ValueError(f"{named} has no space {space}; it offers {offered}")
    latent = _start(generator, init, target, rng, encoder).to(generator.w_avg)
    if init == "encoder":
        latent = fit_rows(latent, generator)
    if latent.ndim != 2 or latent.shape not in ((1, generator.w_dim), _full(generator)):
        raise ValueError(
            f"a latent of shape {tuple(latent.shape)} does not fit {generator.name or 'the'} "
            f"generator, which takes {_full(generator)}"
        )
    if space != "w+":
        same = bool((latent == latent[0]).all())  # their mean would differ in the last bits
        return latent[:1].clone() if same else latent.mean(0, keepdim=True)
    return latent.expand(generator.num_ws, -1).clone()


def _full(generator):
    return generator.num_ws, generator.w_dim


def _start(generator, init, target, rng, encoder):
    if init == "mean_w":
        return generator.w_avg[None]
    if init == "random":
        z = torch.randn(1, generator.z_dim, generator=rng)
        return generator.mapping(z.to(generator.device), generator.random_labels(1, rng))[0]
    if init == "encoder":
        if encoder is None:
            raise ValueError("init: encoder needs an encoder; name one with the parameter encoder")
        return encoder(target[None])[0]
    if not Path(init).is_file():
        raise ValueError(f"init is none of {', '.join(STARTS)} and no file {init} exists")
    return load_latent(init)[0]


def fit_rows(codes, generator):
    """Lay an encoder's codes (rows, w_dim) onto a generator's rows: (num_ws or 1, w_dim).

    They pass as they are where the numbers agree; codes for a student's teacher are laid onto the
    student's rows by resolution. Raises ValueError for codes of another generator.
    """
    rows, width = codes.shape
    if width == generator.w_dim and rows in (1, generator.num_ws):
        return codes
    teacher = generator.teacher_rows
    if width == generator.w_dim and teacher and rows == teacher[-1] + 1:
        return codes[teacher]
    also = f" (or its teacher's {teacher[-1] + 1})" if teacher else ""
    raise ValueError(
        f"the encoder gives {rows} codes of width {width}, but the generator {generator.name} at "
        f"{generator.resolution}x{generator.resolution} takes {generator.num_ws}{also} of width "
        f"{generator.w_dim}; use the encoder that was trained for it"
    )


def expand(latent, generator):
    """What is optimized to what is rendered: (1 or num_ws, w_dim) -> (num_ws, w_dim)."""
    return latent.expand(generator.num_ws, -1)
