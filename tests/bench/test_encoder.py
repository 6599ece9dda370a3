"""The benchmark of an encoder's start."""

import pytest
import torch

from ganinv.bench.encoder import bench_encoder, describe_savings
from ganinv.encoders.domain import DomainEncoder, domain_config
from ganinv.errors import ParamsError
from ganinv.weights.store import save_weights


@pytest.fixture
def encoder_path(toy, tmp_path):
    """An untrained domain-guided encoder for the toy: its codes are w_avg and noise."""
    config = domain_config(toy, channels=2, hidden=4)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = DomainEncoder(**config)
    encoder.w_avg.copy_(toy.w_avg)
    path = tmp_path / "encoder.safetensors"
    save_weights(path, encoder.head(), {"architecture": "domain", "config": config})
    return path


def test_bench_encoder_compares_both_starts(toy_params, encoder_path, make_photo, tmp_path):
    photos = [make_photo(tmp_path / f"{seed}.png", seed) for seed in (0, 1)]
    params = toy_params(photos, init="encoder", encoder=str(encoder_path), steps=3, space="w+")
    result = bench_encoder(params, against=6, say=lambda text: None)
    rows = {(row["image"], row["start"]): row for row in result["rows"]}
    assert len(rows) == 4
    for image in ("0", "1"):
        encoded, mean = rows[image, "encoder"], rows[image, "mean_w"]
        assert (encoded["steps"], mean["steps"]) == (3, 6)
        assert (encoded["evaluations"], mean["evaluations"]) == (3, 6)
        assert mean["after"]["psnr"] > mean["at_start"]["psnr"]
    below = [
        1 - rows[i, "encoder"]["at_start"]["lpips_vgg"] / rows[i, "mean_w"]["at_start"]["lpips_vgg"]
        for i in ("0", "1")
    ]
    assert result["starts"]["per_image"] == pytest.approx(below)
    for verdict in result["verdicts"]:
        name = verdict["metric"]
        held = sum(
            rows[i, "encoder"]["after"][name] <= rows[i, "mean_w"]["after"][name]
            for i in ("0", "1")
        )
        assert (verdict["at_least_as_good"], verdict["images"]) == (held, 2)


def test_a_start_is_the_code_alone_where_searches_are_refined(
    toy_params, encoder_path, make_photo, tmp_path
):
    given = dict(init="encoder", encoder=str(encoder_path), steps=1, space="w+")
    refined = dict(refine="weights", refine_steps=2, refine_loss="l2", refine_locality=0.1)
    photo = make_photo(tmp_path / "a.png")
    plain, found = (
        bench_encoder(toy_params([photo], **given | more), against=1, say=lambda text: None)
        for more in ({}, refined)
    )
    for a, b in zip(plain["rows"], found["rows"], strict=True):
        assert a["at_start"] == b["at_start"] and a["after"] != b["after"]


def test_bench_encoder_wants_an_encoders_start(toy_params, make_photo, tmp_path):
    with pytest.raises(ParamsError, match="set init=encoder"):
        bench_encoder(toy_params([make_photo(tmp_path / "a.png")]), against=2)


def test_savings_are_told_with_the_metrics_own_labels_and_digits():
    verdict = dict(metric="lpips_alex", encoder=0.1234, mean_w=0.2, at_least_as_good=2, images=3)
    result = dict(starts={"mean": 0.25}, verdicts=[verdict], params={"steps": 100}, against=250)
    assert list(describe_savings(result)) == [
        "LPIPS-vgg before the first step: 25% below mean_w's",
        "LPIPS-alex: 0.123 after 100 steps from the encoder, 0.200 after 250 from mean_w; at least "
        "as good on 2 of 3",
    ]
