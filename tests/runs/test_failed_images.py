"""Images of a run that fail: named, the others done, nothing lost."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import ganinv
from ganinv.runs.experiment import run_experiment
from helpers.checks import strict_json


def test_bad_images_are_named_and_the_others_done(toy_params, photos, make_photo, tmp_path, silent):
    folder = tmp_path / "photos"
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("no picture at all")
    make_photo(folder / "dot.png", size=(1, 1))
    (folder / "cut.png").write_bytes(photos[0].read_bytes()[:200])
    (folder / "notes.txt").write_text("not even asked about")
    run = run_experiment(toy_params([folder]), say=silent)
    metrics = strict_json(tmp_path / "run" / "metrics.json")
    assert set(metrics["images"]) == {"a", "b"}
    assert set(metrics["failed"]) == {"empty", "text", "dot", "cut"} == set(run.failed)
    for name, word in {"empty": "empty", "text": "not an image", "dot": "1x1"}.items():
        assert word in metrics["failed"][name]
    for name in metrics["failed"]:
        folder = tmp_path / "run" / name
        assert {path.name for path in folder.iterdir()} == {"record.json"}
        assert strict_json(folder / "record.json")["failed"] == metrics["failed"][name]
        assert silent.about(f"{name}.")
    assert metrics["mean"]["psnr"] == pytest.approx(
        np.mean([metrics["images"][name]["psnr"] for name in "ab"])
    )


def test_mended_image_is_no_longer_failed(toy_params, photos, make_photo, tmp_path, silent):
    bad = tmp_path / "photos" / "c.png"
    bad.write_bytes(b"")
    assert set(run_experiment(toy_params([bad]), say=silent).failed) == {"c"}
    assert strict_json(tmp_path / "run" / "metrics.json")["images"] == {}
    make_photo(bad)
    assert run_experiment(toy_params([bad]), say=silent).failed == {}
    metrics = strict_json(tmp_path / "run" / "metrics.json")
    assert metrics["failed"] == {} and set(metrics["images"]) == {"c"}


def test_image_that_goes_bad_keeps_its_old_result(toy_params, photos, tmp_path, silent):
    run_experiment(toy_params(photos), say=silent)
    photos[1].write_bytes(b"")
    run = run_experiment(toy_params(photos), say=silent)
    assert set(run.failed) == {"b"} and "empty" in run.failed["b"]
    metrics = strict_json(tmp_path / "run" / "metrics.json")
    assert set(metrics["images"]) == {"a", "b"} and metrics["failed"] == {}


def test_image_without_a_face_is_named(toy_params, photos, silent):
    run = run_experiment(toy_params(photos[:1], align=True), say=silent)
    assert "no face" in run.failed["a"]
    assert silent.about("a.png")


def test_loss_that_is_not_finite_fails_that_image_alone(toy_params, photos, tmp_path, silent):
    def diverging(*args, image_id, **options):
        if image_id == "a":
            options |= dict(lr=1e30, lr_schedule="constant")
        return ganinv.invert(*args, image_id=image_id, **options)

    run = run_experiment(toy_params(photos), say=silent, invert=diverging)
    assert set(run.results["images"]) == {"b"}
    assert "the loss became" in run.failed["a"] and "a.png" in run.failed["a"]
    best = load_file(tmp_path / "run" / "a" / "latent.safetensors")["latent"]
    assert torch.isfinite(best).all()
    strict_json(tmp_path / "run" / "a" / "history.json")
    strict_json(tmp_path / "run" / "metrics.json")


def test_memory_that_runs_out_is_noted(toy_params, photos, silent):
    def greedy(*args, image_id, **options):
        if image_id == "a":
            raise torch.OutOfMemoryError("tried to allocate 20 GiB")
        return ganinv.invert(*args, image_id=image_id, **options)

    run = run_experiment(toy_params(photos), say=silent, invert=greedy)
    assert "20 GiB" in run.failed["a"] and set(run.results["images"]) == {"b"}
