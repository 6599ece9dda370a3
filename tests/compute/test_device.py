"""Devices and precision."""

import pytest
import torch

from helpers.searches import search


def test_bf16_is_near_float32(toy, toy_images):
    exact, fast_run = (
        search(toy, toy_images[0][0], steps=60, precision=precision)
        for precision in ("float32", "bf16")
    )
    assert fast_run.settings["precision"] == "bf16"
    assert exact.latent.dtype == fast_run.latent.dtype == torch.float32
    assert not torch.equal(exact.latent, fast_run.latent)
    assert fast_run.metrics["psnr"] == pytest.approx(exact.metrics["psnr"], abs=3)
    assert fast_run.metrics["psnr"] > 35
