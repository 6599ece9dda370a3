"""The real generator: its control sample, and a short inversion at 1024x1024."""

import os

import numpy as np
import pytest
import torch
from PIL import Image

import ganinv
from ganinv.images.pixels import from_pil, to_uint8
from ganinv.inversion.latent_files import load_latent
from ganinv.runs.samples import find_sample


@pytest.fixture
def all_threads():
    """At this size every core helps."""
    before = torch.get_num_threads()
    torch.set_num_threads(os.cpu_count())
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def control():
    """The control's picture (1024, 1024, 3) of 8 bits, and the latent it was drawn from."""
    sample = find_sample("control")
    with Image.open(sample.path) as image:
        return np.array(image.convert("RGB")), load_latent(sample.latent_path)[0]


def test_controls_latent_renders_the_control(student, control, all_threads):
    picture, latent = control
    assert latent.shape == (23, 512)
    assert torch.equal(latent, latent[:1].expand_as(latent))  # it lies in W
    with torch.no_grad():
        image = to_uint8(student.synthesis(latent[None])[0])
    assert picture.shape == (1024, 1024, 3) and picture.std() > 30
    assert np.abs(image.astype(int) - picture).max() <= 1


def test_control_is_approached_from_the_mean(student, control, all_threads):
    picture, _ = control
    run = ganinv.invert(
        student,
        from_pil(Image.fromarray(picture)),
        space="w",
        loss="l2",
        init="mean_w",
        optimizer="adam",
        lr=0.1,
        lr_schedule="constant",
        steps=6,
        precision="float32",
        compile="off",
        log_every=0,
        snapshot_every=0,
    )
    assert run.stopped == ""
    assert run.latent.shape == (23, 512) and run.image.shape == (3, 1024, 1024)
    assert run.best_loss < run.history[0]["loss"] / 2.5
    assert run.metrics["psnr"] > 15
