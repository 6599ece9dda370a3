"""Shared fixtures. Most tests use `toy`, a tiny random generator: the student is slow."""

import shutil
from pathlib import Path

import pytest
import torch

from ganinv import load_generator
from ganinv.images.pixels import to_uint8
from ganinv.images.writing import save_png
from helpers.foreign_checkpoints import FORMATS
from helpers.paths import DATA
from helpers.pictures import write_photo
from helpers.searches import quick_params
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
    return write_photo


@pytest.fixture
def toy_params(toy_path, tmp_path):
    """A function that makes `Params` of a quick run of the toy."""

    def build(images, **changes):
        quick = dict(steps=4, snapshot_every=2) | changes
        return quick_params(toy_path, images, tmp_path / "run", **quick)

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
        quick = dict(space="z", steps=80) | changes
        return quick_params(path, [tmp_path / "in"], tmp_path / "run", **quick)

    return build


@pytest.fixture
def site():
    """A web server that a test can let fail, closed at its end."""
    made = Site()
    yield made
    made.close()


@pytest.fixture
def root(tmp_path_factory, monkeypatch):
    """A project root with nothing but a manifest of one entry."""
    folder = tmp_path_factory.mktemp("root")
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "manifest.yaml").write_text(
        "small: {kind: generator, about: a, licence: b, convert: generator,"
        " file: small.safetensors, sources: []}"
    )
    monkeypatch.setenv("GANINV_ROOT", str(folder))
    monkeypatch.delenv("GANINV_HOME", raising=False)
    return folder


@pytest.fixture(params=FORMATS)
def vector(request, tmp_path):
    """One of the reference checkpoints, in a folder of its own."""
    return Path(shutil.copy(DATA / request.param, tmp_path / request.param))


@pytest.fixture
def rosinality(tmp_path):
    return Path(shutil.copy(DATA / "rosinality_64.pt", tmp_path / "net.pt"))
