"""What a run leaves on disk."""

import csv
import errno
import json
import math
import os
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from ganinv import compute_metrics, figures, files
from ganinv.images.pixels import from_pil, quantize, to_pil
from ganinv.inversion.latent_files import load_latent
from ganinv.runs.experiment import run_experiment
from ganinv.runs.params import Params
from ganinv.runs.records import gather
from ganinv.runs.verify import verify
from helpers.checks import strict_json
from helpers.pictures import picture
from helpers.runs import USUAL

FILES = {
    "record.json",
    "target.png",
    "reconstruction.png",
    "difference.png",
    "panel.png",
    "loss_curve.png",
    "history.csv",
    "history.json",
    "latent.safetensors",
    "progress.gif",
    "progress_strip.png",
}


METRICS = ("psnr", "ssim", "lpips_alex", "lpips_vgg")
UNMEASURED = ("ms_ssim", "identity")  # of images so small


# --- what a run leaves ---


def test_every_file_is_there_and_nothing_else(finished):
    folder, _ = finished
    top = {path.name for path in folder.iterdir()}
    gathered = {"metrics.json", "metrics.csv", "contact_sheet.jpg", "index.html"}
    assert top == {"params.yaml", "environment.json", *gathered, "a", "b"}
    for name in "ab":
        assert {path.name for path in (folder / name).iterdir()} == FILES


def test_metrics_have_their_keys(finished):
    folder, run = finished
    metrics = strict_json(folder / "metrics.json")
    assert set(metrics) >= {"images", "mean", "failed"}
    assert set(metrics["images"]) == {"a", "b"} and metrics["failed"] == {}
    for entry in metrics["images"].values():
        assert set(entry) >= {*METRICS, "seconds", "steps", "evaluations", "best_step"}
        assert [entry[name] for name in UNMEASURED] == [None, None]
        assert entry["steps"] == entry["evaluations"] == 6
        assert 1 <= entry["best_step"] <= 6
    for name in METRICS:
        both = [metrics["images"][image][name] for image in "ab"]
        assert metrics["mean"][name] == pytest.approx(sum(both) / 2)
        assert metrics["std"][name] == pytest.approx(abs(both[0] - both[1]) / 2)
    assert run.failed == {} and run.out == folder


def test_metrics_are_those_of_the_pictures(finished):
    folder, _ = finished
    for name, entry in strict_json(folder / "metrics.json")["images"].items():
        result, target = (
            from_pil(Image.open(folder / name / f"{which}.png"))
            for which in ("reconstruction", "target")
        )
        again = compute_metrics(result, target)
        assert [entry[key] for key in METRICS] == pytest.approx(
            [again[key] for key in METRICS], abs=1e-5
        )


@pytest.mark.parametrize("absent", [None, math.nan], ids=["read back", "in memory"])
def test_means_are_those_of_what_was_measured(absent):
    """A photograph without a face has no identity, and its other metrics count."""
    found = {"a": (20.0, 0.4), "b": (23.0, absent), "c": (26.0, 0.6)}
    records = {
        name: USUAL | dict(psnr=p, identity=x, seconds=1.0) for name, (p, x) in found.items()
    }
    gathered = gather(records)
    assert gathered["mean"]["identity"] == pytest.approx(0.5)
    assert gathered["std"]["identity"] == pytest.approx(0.1)
    assert gathered["mean"]["psnr"] == pytest.approx(23)
    unmeasured = {name: record | dict(identity=absent) for name, record in records.items()}
    assert gather(unmeasured)["mean"].keys() == gathered["mean"].keys() - {"identity"}


def test_means_leave_out_equal_images_and_metrics_that_older_records_lack():
    exact = USUAL | dict(psnr=None, identity=0.0, seconds=1.0)
    other = USUAL | dict(identity=0.5, seconds=1.0)
    assert gather({"a": exact, "b": other})["mean"]["identity"] == 0.5
    older = {name: x for name, x in other.items() if name != "identity"}
    mean = gather({"a": other, "b": older})["mean"]
    assert "identity" not in mean and mean["ms_ssim"] == other["ms_ssim"]


def test_table_holds_the_same_numbers(finished):
    folder, _ = finished
    images = strict_json(folder / "metrics.json")["images"]
    with open(folder / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == list(images)
    for row in rows:
        for name in (*METRICS, "seconds", "steps"):
            assert float(row[name]) == images[row["image"]][name]
        assert [row[name] for name in UNMEASURED] == ["", ""]


def test_parameters_are_resolved(finished):
    folder, _ = finished
    params = Params.load(folder / "params.yaml")
    assert "auto" not in (params.device, params.precision, params.compile)
    assert params.steps == 6 and params.loss == {"l2": 1.0, "lpips_alex": 0.1}


def test_latent_renders_the_reconstruction(finished, toy, toy_path):
    folder, _ = finished
    latent, metadata = load_latent(folder / "a" / "latent.safetensors")
    described = json.loads(metadata["ganinv"])
    assert described == {"generator": "toy", "sha256": files.sha256_file(toy_path)}
    assert latent.shape == (8, 32) and latent.dtype == torch.float32
    image = np.array(to_pil(toy.synthesis(latent[None])[0])).astype(int)
    assert np.abs(picture(folder / "a" / "reconstruction.png") - image).max() <= 1


def test_target_is_the_photograph_at_the_generators_size(finished):
    folder, _ = finished
    photo = Image.open(folder.parent / "photos" / "a.png")
    middle = photo.crop((4, 0, 44, 40)).resize((32, 32), Image.Resampling.LANCZOS)
    target = picture(folder / "a" / "target.png").astype(int)
    assert target.shape == (32, 32, 3)
    assert np.abs(target - np.array(middle)).max() <= 2


def test_written_target_is_what_was_inverted(finished):
    """8 bits on disk hold the tensor exactly."""
    folder, _ = finished
    target = from_pil(Image.open(folder / "a" / "target.png"))
    assert torch.equal(quantize(target), target)


def test_history_is_written_twice_alike(finished):
    folder, _ = finished
    rows = strict_json(folder / "a" / "history.json")
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    for row in rows:
        assert list(row) == [
            "step",
            "loss",
            "l2",
            "lpips_alex",
            "lr",
            "seconds",
            "evaluations",
            "best_step",
            "phase",
        ]
    with open(folder / "a" / "history.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert table == [{key: str(value) for key, value in row.items()} for row in rows]


def test_animation_has_its_frames(finished):
    folder, _ = finished
    with Image.open(folder / "a" / "progress.gif") as gif:
        assert gif.n_frames == 4  # after steps 0, 2, 4 and 6
        assert gif.info["loop"] == 0
        shots = []
        for k in range(4):
            gif.seek(k)
            shots.append(np.array(gif.convert("RGB")).astype(int))
    result = picture(folder / "a" / "reconstruction.png").astype(int)
    assert np.abs(shots[-1][:32, :32] - result).mean() < 8  # but for the palette
    assert all(np.abs(a - b).max() > 0 for a, b in zip(shots, shots[1:], strict=False))
    assert picture(folder / "a" / "progress_strip.png").shape[1] == 4 * 32


def test_difference_is_black_where_nothing_differs_and_bright_where_all_does():
    black, white = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)
    assert figures.difference_image(white, white).max() < 10
    assert figures.difference_image(white, black).min() > 100
    mixed = white.copy()
    mixed[0, 0, 0] = 0  # one channel of three
    wanted = np.zeros((4, 4))
    wanted[0, 0] = 1 / 3
    assert np.allclose(figures.difference_map(white, mixed), wanted)


def test_run_of_no_steps(toy_params, photos, tmp_path, silent):
    run = run_experiment(toy_params(photos[:1], steps=0), say=silent)
    assert run.failed == {}
    entry = strict_json(tmp_path / "run" / "metrics.json")["images"]["a"]
    assert entry["steps"] == 0 and entry["best_loss"] is None
    assert strict_json(tmp_path / "run" / "a" / "history.json") == []
    assert (tmp_path / "run" / "a" / "loss_curve.png").is_file()
    assert verify(tmp_path / "run", say=silent) == {}


def test_run_without_snapshots_has_no_animation(toy_params, photos, tmp_path, silent):
    run_experiment(toy_params(photos[:1], snapshot_every=0), say=silent)
    names = {path.name for path in (tmp_path / "run" / "a").iterdir()}
    assert names == FILES - {"progress.gif", "progress_strip.png"}


def test_perfect_reconstruction_is_written_as_strict_json(
    toy_images, toy_params, photos, tmp_path, silent
):
    """Its PSNR is infinite; the mean must not change when the same command is called again."""
    start = tmp_path / "start.safetensors"
    save_file({"latent": toy_images[1][0].contiguous()}, start)
    changes = dict(init=str(start), space="w+", steps=0)
    run_experiment(toy_params(photos[:1], **changes), say=silent)
    exact = tmp_path / "photos" / "exact.png"
    shutil.copy(tmp_path / "run" / "a" / "reconstruction.png", exact)
    run_experiment(toy_params([photos[0], exact], **changes), say=silent)
    first = strict_json(tmp_path / "run" / "metrics.json")
    assert first["images"]["exact"]["psnr"] is None  # JSON has no infinity
    assert first["images"]["exact"]["ssim"] == pytest.approx(1)
    assert verify(tmp_path / "run", say=silent) == {}
    run_experiment(toy_params([photos[0], exact], **changes), say=silent)
    assert strict_json(tmp_path / "run" / "metrics.json") == first


# --- what is finished ---


@pytest.mark.parametrize("name", ["latent.safetensors", "reconstruction.png"])
def test_lost_files_are_made_again(toy_params, photos, tmp_path, inverted, silent, name):
    run_experiment(toy_params(photos[:1]), say=silent, invert=inverted)
    (tmp_path / "run" / "a" / name).unlink()
    run_experiment(toy_params(photos[:1]), say=silent, invert=inverted)
    assert inverted == ["a", "a"]
    assert (tmp_path / "run" / "a" / name).is_file()


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"images": 5}', '{"images": {"a": {}}}'])
def test_damaged_metrics_count_as_none(toy_params, photos, tmp_path, inverted, silent, damage):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.json").write_text(damage)
    run_experiment(toy_params(photos[:1], snapshot_every=0), say=silent, invert=inverted)
    assert inverted == ["a"]
    assert set(strict_json(tmp_path / "run" / "metrics.json")["images"]) == {"a"}


def test_metrics_are_those_of_all_records_and_results_those_of_the_call(
    toy_params, photos, tmp_path, inverted, silent
):
    run_experiment(toy_params(photos), say=silent, invert=inverted)
    run = run_experiment(toy_params(photos[:1]), say=silent, invert=inverted)
    assert inverted == ["a", "b"]  # nothing was done twice
    metrics = strict_json(tmp_path / "run" / "metrics.json")
    assert set(metrics["images"]) == {"a", "b"} and set(run.results["images"]) == {"a"}
    for name in "ab":
        assert strict_json(tmp_path / "run" / name / "record.json") == metrics["images"][name]
    both = [metrics["images"][name]["psnr"] for name in "ab"]
    assert metrics["mean"]["psnr"] == pytest.approx(sum(both) / 2)
    assert run.results["mean"]["psnr"] == both[0]


def fail_at(patch, ending, error):
    """Raise `error` where a file would be renamed to a path that ends so."""
    replace = os.replace

    def failing(source, target, **options):
        if str(target).endswith(ending):
            raise error
        return replace(source, target, **options)

    patch.setattr(os, "replace", failing)


def test_run_interrupted_while_saving_does_not_pass_for_the_earlier_one(
    toy_params, photos, tmp_path, monkeypatch, silent
):
    """Under A, then under B but stopped amid its files, then under A: A's results, and whole."""
    a, b = toy_params(photos[:1]), toy_params(photos[:1], space="w+", steps=9)
    run_experiment(a, say=silent)
    latent = (tmp_path / "run" / "a" / "latent.safetensors").read_bytes()

    with monkeypatch.context() as patch:
        fail_at(patch, "/a/panel.png", KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            run_experiment(b, fresh=True, say=silent)
    run_experiment(a, say=silent)
    assert (tmp_path / "run" / "a" / "latent.safetensors").read_bytes() == latent
    assert verify(tmp_path / "run", say=silent) == {}


def test_full_disk_is_noted_and_earlier_results_stay(
    toy_params, photos, tmp_path, monkeypatch, silent
):
    with monkeypatch.context() as patch:
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fail_at(patch, "/b/latent.safetensors", full)
        run = run_experiment(toy_params(photos), say=silent)
    assert set(run.failed) == {"b"} and "No space left" in run.failed["b"]
    metrics = strict_json(tmp_path / "run" / "metrics.json")
    assert set(metrics["images"]) == {"a"} and set(metrics["failed"]) == {"b"}
    left = {path.name for path in (tmp_path / "run" / "b").iterdir()}
    assert left <= FILES - {"latent.safetensors"}  # nothing half-written
    assert verify(tmp_path / "run", say=silent) == {}
    assert run_experiment(toy_params(photos), say=silent).failed == {}
