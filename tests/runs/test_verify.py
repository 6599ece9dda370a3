"""Runs that are verified: whole, tampered with, damaged."""

import json
import shutil

import pytest
from PIL import Image
from safetensors.torch import save_file

from ganinv.inversion.latent_files import load_latent
from ganinv.runs.experiment import run_experiment
from ganinv.runs.verify import verify
from helpers.checks import strict_json
from helpers.pictures import picture


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of the finished run that a test may damage."""
    return shutil.copytree(finished[0], tmp_path / "copy")


def test_verify_finds_a_run_the_same(copied, silent):
    assert verify(copied, say=silent) == {}
    assert len(silent.about("same")) == 2


@pytest.mark.parametrize(
    ("metric", "by"),
    [("psnr", 0.1), ("ssim", 0.001), ("lpips_alex", 0.001), ("lpips_vgg", -0.001)],
)
def test_verify_notices_a_changed_metric(copied, silent, metric, by):
    path = copied / "metrics.json"
    metrics = strict_json(path)
    metrics["images"]["b"][metric] += by
    path.write_text(json.dumps(metrics))
    complaints = verify(copied, say=silent)
    assert set(complaints) == {"b"} and metric in complaints["b"]


@pytest.mark.parametrize("value", [None, "text", "absent"])
def test_verify_notices_a_metric_that_is_no_number(copied, silent, value):
    path = copied / "metrics.json"
    metrics = strict_json(path)
    metrics["images"]["b"]["ssim"] = value
    if value == "absent":
        del metrics["images"]["b"]["ssim"]
    path.write_text(json.dumps(metrics))
    assert set(verify(copied, say=silent)) == {"b"}


def change_entries(folder, images, change):
    """Change the entries of some images, in their records and in metrics.json."""
    metrics = strict_json(folder / "metrics.json")
    for image in images:
        change(metrics["images"][image])
        (folder / image / "record.json").write_text(json.dumps(metrics["images"][image]))
    (folder / "metrics.json").write_text(json.dumps(metrics))


@pytest.mark.parametrize("images", ["ab", "b"], ids=["all", "one of two"])
def test_results_older_than_a_metric_are_verified_by_the_others(copied, silent, images):
    def lose(entry):
        del entry["ms_ssim"], entry["identity"]

    change_entries(copied, images, lose)
    assert verify(copied, say=silent) == {}
    change_entries(copied, "b", lambda entry: entry.update(lpips_vgg=entry["lpips_vgg"] + 0.01))
    assert "lpips_vgg" in verify(copied, say=silent)["b"]


@pytest.mark.parametrize(("metric", "value"), [("identity", 0.3), ("ms_ssim", 1), ("ssim", None)])
def test_verify_notices_what_was_measured_and_is_not_or_the_reverse(copied, silent, metric, value):
    assert strict_json(copied / "b" / "record.json")["identity"] is None  # 32 pixels, no face
    change_entries(copied, "b", lambda entry: entry.update({metric: value}))
    complaints = verify(copied, say=silent)
    assert set(complaints) == {"b"} and metric in complaints["b"]


def change_latent(folder):
    path = folder / "latent.safetensors"
    latent, metadata = load_latent(path)
    save_file({"latent": latent + 0.1}, path, metadata=metadata)


def change_weights_named(folder):
    path = folder / "latent.safetensors"
    described = json.dumps({"generator": "toy", "sha256": "0" * 64})
    save_file({"latent": load_latent(path)[0]}, path, metadata={"ganinv": described})


def change_shape(folder):
    path = folder / "latent.safetensors"
    latent, metadata = load_latent(path)
    save_file({"latent": latent[:4].contiguous()}, path, metadata=metadata)


def change_reconstruction(folder):
    path = folder / "reconstruction.png"
    Image.fromarray(255 - picture(path)).save(path)


def change_target(folder):
    path = folder / "target.png"
    Image.fromarray(255 - picture(path)).save(path)


def cut_latent(folder):
    path = folder / "latent.safetensors"
    path.write_bytes(path.read_bytes()[:-10])


def lose_latent(folder):
    (folder / "latent.safetensors").unlink()


def lose_reconstruction(folder):
    (folder / "reconstruction.png").unlink()


def lose_everything(folder):
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    "tamper",
    [
        change_latent,
        change_weights_named,
        change_shape,
        change_reconstruction,
        change_target,
        cut_latent,
        lose_latent,
        lose_reconstruction,
        lose_everything,
    ],
)
def test_verify_notices_tampering(copied, silent, tamper):
    tamper(copied / "b")
    complaints = verify(copied, say=silent)
    assert set(complaints) == {"b"} and complaints["b"]


def test_verify_refuses_a_folder_without_a_run(tmp_path):
    with pytest.raises(ValueError, match="no run"):
        verify(tmp_path)
    with pytest.raises(ValueError, match="no run"):
        verify(tmp_path / "absent")


@pytest.mark.parametrize("damage", ["{", "[]", "{}", '{"images": 5}'])
def test_verify_refuses_damaged_metrics(copied, damage):
    (copied / "metrics.json").write_text(damage)
    with pytest.raises(ValueError):
        verify(copied)


def test_verify_refuses_a_run_with_nothing_finished(toy_params, tmp_path, silent):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"")
    run_experiment(toy_params([bad]), say=silent)
    with pytest.raises(ValueError, match="no finished"):
        verify(tmp_path / "run")
