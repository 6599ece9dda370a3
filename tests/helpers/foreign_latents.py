"""Latents in files as other tools write them."""

import numpy as np
import torch

NAMES = ("a.png", "b.png")


def nvidia(path, ws):
    """What projector.py of stylegan2-ada-pytorch leaves: the one latent of its target."""
    np.savez(path, w=ws[:1].numpy())


def npy(path, ws):
    np.save(path, ws[0].numpy())


def rosinality(path, ws, names=NAMES, sides=(4, 8, 8)):
    """What projector.py of stylegan2-pytorch leaves of several images: latents need gradients.

    `sides` are those of the generator's noise maps, in pixels.
    """
    latent_in = ws.clone().requires_grad_(True)
    rng = torch.Generator().manual_seed(8)
    noises = [torch.randn(len(ws), 1, r, r, generator=rng) for r in sides]
    torch.save(
        {
            f"faces/in/{name}": {
                "img": torch.zeros(3, 32, 32),
                "latent": latent_in[i],
                "noise": [noise[i : i + 1] for noise in noises],
            }
            for i, name in enumerate(names)
        },
        path,
    )


def pti(path, ws):
    """What PTI's coach leaves as 0.pt: the pivot, a bare tensor with a batch of one."""
    torch.save(ws[:1].clone(), path)


def e4e(path, ws):
    """What e4e's inference.py leaves as latents.pt: all codes, in the order of the images."""
    torch.save(torch.cat([x[None] for x in ws]), path)


def e4e_by_name(path, ws):
    torch.save(
        {name.removesuffix(".png"): x.clone() for name, x in zip(NAMES, ws, strict=True)}, path
    )
