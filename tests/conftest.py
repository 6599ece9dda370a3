"""Shared fixtures. Most tests use `toy`, a tiny random generator: the student is slow."""

import numpy as np
import pytest
import torch
from PIL import Image

from ganinv import load_generator
from ganinv.images.pixels import to_uint8
from ganinv.images.writing import save_png
from ganinv.runs.params import Params
from helpers.searches import QUICK
from helpers.servers import Site
from helpers.toys import build_toy, draw_image, save_dcgan, save_toy


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Tiny tensors gain nothing from threads, and lose much where the cores are shared."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def student():
    """The real generator, 1024x1024."""
    return load_generator("ffhq-student")


@pytest.fixture(scope="session")
def toy():
    """The tiny generator: 32x32, 8 style inputs, w_dim 32, frozen, w_avg measured."""
    return build_toy()


@pytest.fixture(scope="session")
def toy_images(toy):
    """Eight images (8, 3, 32, 32) of the toy and the ws (8, 8, 32) that render them."""
    z = torch.randn(8, toy.z_dim, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        ws = toy.mapping(z).contiguous()
        return toy.synthesis(ws), ws


@pytest.fixture(scope="session")
def toy_path(toy, tmp_path_factory):
    """The toy as a file that `load_generator` reads."""
    return save_toy(tmp_path_factory.mktemp("weights") / "toy.safetensors", toy.state_dict())


@pytest.fixture(scope="session")
def make_photo():
    """A function that writes a small smooth colour picture, another for each seed."""

    def write(path, seed=0, size=(48, 40)):
        rng = np.random.default_rng(seed)
        coarse = Image.fromarray(rng.integers(40, 216, (4, 4, 3), dtype=np.uint8))
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse.resize(size, Image.Resampling.BICUBIC).save(path)
        return path

    return write


@pytest.fixture
def toy_params(toy_path, tmp_path):
    """A function that makes `Params` of a quick run of the toy."""

    def build(images, **changes):
        quick = dict(
            generator=str(toy_path),
            out=str(tmp_path / "run"),
            align=False,
            space="w",
            loss="l2",
            steps=4,
            lr=0.1,
            precision="float32",
            compile="off",
            device="cpu",
            log_every=0,
            snapshot_every=2,
        )
        return Params.make(quick | dict(images=[str(image) for image in images]) | changes)

    return build


@pytest.fixture(scope="session")
def dcgan_path(tmp_path_factory):
    """A tiny generator whose only latent is z, as a file: 32x32, 16 numbers."""
    return save_dcgan(tmp_path_factory.mktemp("dcgan") / "generator.safetensors")


@pytest.fixture(scope="session")
def dcgan(dcgan_path):
    """The tiny generator whose only latent is z."""
    return load_generator(dcgan_path)


@pytest.fixture
def dcgan_params(dcgan, tmp_path):
    """A function that makes `Params` of a search in Z for one of the generator's own images."""

    def build(path, **changes):
        save_png(tmp_path / "in" / "one.png", to_uint8(draw_image(dcgan)[1]))
        quick = QUICK | dict(
            generator=str(path),
            images=[str(tmp_path / "in")],
            align=False,
            space="z",
            steps=80,
            out=str(tmp_path / "run"),
            device="cpu",
        )
        return Params.make(quick | changes)

    return build


@pytest.fixture
def site():
    """A web server that a test can let fail, closed at its end."""
    made = Site()
    yield made
    made.close()
