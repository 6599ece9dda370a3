"""The encoder of a generator whose only latent is z."""

import json

import numpy as np
import torch

import ganinv
from ganinv.runs.experiment import run_experiment
from ganinv.training.encoder.settings import EncoderParams
from ganinv.training.encoder.train import train_encoder


def test_encoder_learns_z_and_serves_start_and_eq_4(dcgan_path, dcgan, dcgan_params, tmp_path):
    params = EncoderParams.make(
        dict(
            generator=str(dcgan_path),
            fit_samples=512,
            steps=2,
            batch=16,
            held_out=8,
            truncation_min=1.0,
            truncation_max=1.0,
            mixing=0.0,
            log_every=0,
            save_every=2,
            device="cpu",
            precision="float32",
            compile="off",
            out=str(tmp_path / "encoder"),
        ),
    )
    encoder = train_encoder(params, say=lambda text: None)
    history = json.loads((tmp_path / "encoder" / "history.json").read_text())
    assert history[-1]["held_out_error"] < 0.9  # of that of the mean of Z
    zs = torch.randn(8, 16, generator=torch.Generator().manual_seed(9))
    images = dcgan.synthesis(dcgan.mapping(zs))
    codes = ganinv.load_encoder(encoder)(images)
    assert codes.shape == (8, 1, 16)
    correlation = np.corrcoef(codes[:, 0].flatten().numpy(), zs.flatten().numpy())[0, 1]
    assert correlation > 0.3
    params = dcgan_params(
        dcgan_path,
        init="encoder",
        encoder=str(encoder),
        steps=3,
        loss={"l2": 1, "domain": 2},
    )
    run = run_experiment(params, say=lambda text: None)
    assert not run.failed
