"""What an inversion shows of itself, and what it saves."""

import base64
import csv
import dataclasses
import io
import json
import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import interpolate

from ganinv.errors import GaninvError
from ganinv.figures import difference_image
from ganinv.images.pixels import to_uint8
from ganinv.images.writing import read_png
from ganinv.inversion.latent_files import load_latent, load_noise
from ganinv.inversion.params import SearchParams
from ganinv.runs.records import save_inversion
from helpers.checks import strict_json
from helpers.pictures import noise
from helpers.searches import search

ODD = '"><img src=x onerror=alert(1)> & $x$'


@pytest.fixture(scope="module")
def run(toy, toy_images):
    return search(toy, toy_images[0][0], noise_maps="optimized", space="w+")


def with_noise(run, size):
    """The same with pictures that no codec makes small, and an odd name."""
    a, b = noise(0, 2, size)
    return dataclasses.replace(run, target=a, image=b, generator=ODD)


# --- shown ---


def test_its_repr_is_one_short_line(run):
    line = repr(run)
    assert line.startswith("Inversion(latent (8, 32), image (3, 32, 32), 5 noise maps, 6 steps")
    assert f"PSNR {run.metrics['psnr']:.2f} dB" in line and "LPIPS-vgg" in line
    assert "\n" not in line and "tensor" not in line and len(line) < 300


def test_its_repr_says_how_it_ended(run, toy, toy_images):
    assert "it stopped" in repr(dataclasses.replace(run, stopped="it stopped"))
    assert "0 steps" in repr(search(toy, toy_images[0][0], steps=0))
    assert "∞" in repr(dataclasses.replace(run, metrics={"psnr": math.inf}))


def pictures(page):
    """The pictures in a page of HTML, as arrays."""
    found = re.findall(r"data:image/\w+;base64,([^\"]+)", page)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


def test_a_notebook_shows_target_result_and_difference(run):
    target = interpolate(run.target[None, :, 8:24, 8:24], scale_factor=2)[0]  # of smooth parts
    shown = dataclasses.replace(run, target=target)
    a, b = to_uint8(shown.target), to_uint8(shown.image)
    got = pictures(shown._repr_html_())
    assert len(got) == 3
    for picture, wanted in zip(got, (a, b, difference_image(a, b)), strict=True):
        factor = picture.shape[0] // 32
        assert picture.shape == (32 * factor, 32 * factor, 3) and factor > 1
        means = picture.reshape(32, factor, 32, factor, 3).mean((1, 3))
        assert np.abs(means - wanted).mean() < 10  # but for what JPEG does to single pixels


def test_a_notebook_shows_what_the_code_alone_renders(toy, toy_images):
    refined = dict(refine="features", refine_resolution=16, refine_steps=3, refine_loss="l2")
    run = search(toy, toy_images[0][0], space="w+", **refined)
    page = run._repr_html_()
    names = re.findall("<figcaption>(.*?)</figcaption>", page)
    assert names[:3] == ["target", "the code alone", "reconstruction"] and len(names) == 4
    got, wanted = pictures(page)[1], to_uint8(run.code_image)
    factor = got.shape[0] // 32
    means = got.reshape(32, factor, 32, factor, 3).mean((1, 3))
    assert np.abs(means - wanted).mean() < 10  # but for what JPEG does to single pixels
    assert f"the code alone: PSNR {run.code_metrics['psnr']:.2f} dB" in page
    assert "refined by features at 16" in page


@pytest.mark.parametrize("size", [32, 224, 256, 1024])
def test_what_a_notebook_shows_is_whole_modest_and_escaped(run, size):
    page = with_noise(run, size)._repr_html_()
    assert len(page) < 300_000
    root = ElementTree.fromstring(re.sub(r"(<img [^>]*)>", r"\1/>", page))  # nothing is left open
    assert {element.tag for element in root.iter()} == {"div", "figure", "img", "figcaption"}
    assert all(element.get("src").startswith("data:") for element in root.iter("img"))
    assert ODD in "".join(root.itertext()) and "PSNR" in page
    assert len(pictures(page)) == 3


def test_an_image_that_is_not_finite_is_shown_too(run):
    broken = dataclasses.replace(run, metrics=dict.fromkeys(run.metrics, math.nan))
    assert "PSNR –" in broken._repr_html_() and "PSNR –" in repr(broken)


# --- saved ---


def test_what_it_saves_reads_back(run, tmp_path):
    folder = run.save(str(tmp_path / "a" / "b"))
    assert folder == tmp_path / "a" / "b"
    assert {path.name for path in folder.iterdir()} == {
        "target.png",
        "reconstruction.png",
        "difference.png",
        "history.csv",
        "history.json",
        "latent.safetensors",
        "metrics.json",
        "params.yaml",
    }
    target, result = to_uint8(run.target), to_uint8(run.image)
    assert (read_png(folder / "target.png") == target).all()
    assert (read_png(folder / "reconstruction.png") == result).all()
    assert (read_png(folder / "difference.png") == difference_image(target, result)).all()
    latent, metadata = load_latent(folder / "latent.safetensors")
    assert torch.equal(latent, run.latent)
    assert json.loads(metadata["ganinv"]) == {"generator": "toy", "sha256": ""}
    maps = load_noise(folder / "latent.safetensors")
    assert maps.keys() == run.noise.keys() and len(maps) == 5
    assert strict_json(folder / "history.json") == run.history
    with open(folder / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == [row["loss"] for row in run.history]
    assert SearchParams.load(folder / "params.yaml") == run.params
    metrics = strict_json(folder / "metrics.json")
    null = dict(ms_ssim=None, identity=None)  # such a small image has neither
    assert {name: metrics[name] for name in run.metrics} == run.metrics | null
    assert (metrics["steps"], metrics["best_step"]) == (6, run.best_step)
    assert metrics["generator"] == "toy"


def test_a_search_goes_on_from_what_was_saved(run, toy, toy_images, tmp_path):
    path = run.save(tmp_path / "a") / "latent.safetensors"
    again = search(toy, toy_images[0][0], space="w+", init=str(path), noise_maps="optimized")
    assert again.history[0]["loss"] == pytest.approx(run.best_loss, rel=1e-4)


def test_a_latent_names_its_generators_file(toy, toy_images, tmp_path):
    run = search(toy, toy_images[0][0], steps=0)
    kept = dataclasses.replace(run, generator="mine", generator_sha256="ab")
    _, metadata = load_latent(kept.save(tmp_path / "a") / "latent.safetensors")
    assert json.loads(metadata["ganinv"]) == {"generator": "mine", "sha256": "ab"}


def test_a_run_on_disk_holds_the_same_files(run, toy, tmp_path):
    alone = run.save(tmp_path / "alone")
    kept = tmp_path / "kept"
    save_inversion(kept, run, title="a", params=run.params)
    for path in alone.iterdir():
        if path.name not in ("metrics.json", "params.yaml"):
            assert path.read_bytes() == (kept / path.name).read_bytes(), path.name


def test_equal_images_and_no_steps_are_saved_as_strict_json(toy, toy_images, tmp_path):
    run = search(toy, search(toy, toy_images[0][0]).image, steps=0)
    equal = dataclasses.replace(run, metrics={"psnr": math.inf})
    metrics = strict_json(equal.save(tmp_path) / "metrics.json")
    assert metrics["psnr"] is None and metrics["best_loss"] is None


def test_a_home_is_expanded(run, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert run.save("~/a") == tmp_path / "a"
    assert (tmp_path / "a" / "latent.safetensors").is_file()


def test_it_is_saved_over_an_earlier_one(run, toy, toy_images, tmp_path):
    search(toy, toy_images[0][1], space="w+").save(tmp_path)
    run.save(tmp_path)
    assert torch.equal(load_latent(tmp_path / "latent.safetensors")[0], run.latent)


def test_a_folder_without_a_name_and_a_file_are_refused(run, tmp_path):
    (tmp_path / "file").write_text("x")
    for folder, says in (
        ("", "empty name"),
        (tmp_path / "file", "is a file"),
        ("~nobody-x", "home"),
    ):
        with pytest.raises(ValueError, match=says) as caught:
            run.save(folder)
        assert isinstance(caught.value, GaninvError)
