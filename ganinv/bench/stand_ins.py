"""What stands for a search, where the bookkeeping around it is measured: a millisecond of sleep.

The generator is a tiny one of random weights, the photographs are tiny PNGs, all different, so that
hundreds of thousands can be listed, recorded and gathered in minutes.
"""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganinv.generators.base import Generator, freeze
from ganinv.generators.dcgan import DCGAN
from ganinv.inversion.params import SearchParams
from ganinv.inversion.result import Inversion
from ganinv.measures.reconstruction import METRICS
from ganinv.runs.params import Params
from ganinv.weights.store import save_weights

SECONDS = 0.001  # that a stand-in search takes
CONFIG = dict(resolution=32, width=4, z_dim=16)  # of the generator
FOLDER = 1000  # photographs in one folder


def stand_in(
    generator: Generator, target: Tensor, *, params: SearchParams, image_id: str, **others: Any
) -> Inversion:
    """Sleep for `SECONDS` and return a result for `target` (3, H, W) that depends on its id."""
    time.sleep(SECONDS)
    digest = hashlib.sha256(image_id.encode()).digest()
    number = int.from_bytes(digest[:4], "big") / 2**32
    return Inversion(
        latent=torch.full((generator.num_ws, generator.w_dim), number),
        noise={},
        image=target,
        target=target,
        history=[dict(step=0, phase="code", loss=number, lr=0.1, seconds=SECONDS)],
        metrics=dict.fromkeys(METRICS, number),
        best_step=0,
        best_loss=number,
        evaluations=1,
        seconds=SECONDS,
        stopped="",
        settings={"precision": "float32", "compile": "off"},
        params=params,
        generator=generator.name,
        generator_sha256=generator.sha256,
    )


def write_generator(path: Path) -> Path:
    """Write a generator of 32x32 pixels and random weights, from a fixed seed; return its path."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = freeze(DCGAN(**CONFIG))
    path.parent.mkdir(parents=True, exist_ok=True)
    save_weights(path, generator.state_dict(), {"architecture": "dcgan", "config": CONFIG})
    return path


def write_photographs(folder: Path, count: int) -> None:
    """Write `count` PNGs of 32x32 pixels, each of its own colour, `FOLDER` in each subfolder."""
    for number, path in enumerate(_paths(folder, count)):
        path.parent.mkdir(parents=True, exist_ok=True)
        colour = tuple(np.uint32(number).tobytes()[:3])
        Image.new("RGB", (32, 32), colour).save(path)


def _paths(folder: Path, count: int) -> Iterator[Path]:
    for number in range(count):
        yield folder / f"{number // FOLDER:04}" / f"photo{number:07}.png"


def stand_in_params(generator: Path, photographs: Path, out: Path, keep: str = "latents") -> Params:
    """Make the parameters of a run that `stand_in` does."""
    return Params.make(
        {
            "generator": str(generator),
            "images": [str(photographs)],
            "out": str(out),
            "align": False,
            "space": "z",
            "steps": 1,
            "loss": "l2",
            "precision": "float32",
            "compile": "off",
            "device": "cpu",
            "keep": keep,
            "log_every": 0,
        }
    )
