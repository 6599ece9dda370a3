"""Runs on disk: what they hold, continuing, failing, verifying. All on the toy generator."""

import csv
import errno
import hashlib
import json
import os
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from ganinv import compute_metrics, figures, files
from ganinv.errors import ParamsError, WeightsError
from ganinv.images.pixels import from_pil, quantize, to_pil
from ganinv.inversion.latent_files import load_latent
from ganinv.runs import describe, experiment
from ganinv.runs.experiment import run_experiment, settings_key
from ganinv.runs.inputs import find_photos
from ganinv.runs.params import Params
from ganinv.runs.verify import verify
from helpers.checks import strict_json
from helpers.toys import build_toy, save_toy

FILES = {
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


@pytest.fixture
def silent():
    """A `say` that keeps what was said."""

    class Said(list):
        def __call__(self, text):
            self.append(text)

        def about(self, word):
            return [text for text in self if word in text]

    return Said()


@pytest.fixture
def inverted(monkeypatch):
    """Names of the images that were really searched for, in order."""
    names, invert = [], experiment.invert

    def counting(generator, target, params, *, image_id, **options):
        names.append(image_id)
        return invert(generator, target, params, image_id=image_id, **options)

    monkeypatch.setattr(experiment, "invert", counting)
    return names


@pytest.fixture
def photos(make_photo, tmp_path):
    """Two photographs, a.png and b.png."""
    return [make_photo(tmp_path / "photos" / f"{name}.png", i) for i, name in enumerate("ab")]


def picture(path):
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


# --- what a run leaves --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(toy_path, make_photo, tmp_path_factory):
    """The folder of a finished run on two photographs, and its `Run`. Not to be changed."""
    root = tmp_path_factory.mktemp("finished")
    for seed, name in enumerate("ab"):
        make_photo(root / "photos" / f"{name}.png", seed)
    params = Params.load(
        generator=str(toy_path),
        images=[str(root / "photos")],
        out=str(root / "run"),
        align=False,
        space="w+",
        loss={"l2": 1.0, "lpips_alex": 0.1},
        steps=6,
        precision="float32",
        compile="off",
        device="auto",
        log_every=0,
        snapshot_every=2,
        seed=3,
    )
    run = run_experiment(params, say=lambda text: None)
    return root / "run", run


def test_every_file_is_there_and_nothing_else(finished):
    folder, _ = finished
    top = {path.name for path in folder.iterdir()}
    assert top == {"params.yaml", "environment.json", "metrics.json", "metrics.csv", "a", "b"}
    for name in "ab":
        assert {path.name for path in (folder / name).iterdir()} == FILES


def test_metrics_have_their_keys(finished):
    folder, run = finished
    metrics = strict_json(folder / "metrics.json")
    assert set(metrics) >= {"images", "mean", "failed"}
    assert set(metrics["images"]) == {"a", "b"} and metrics["failed"] == {}
    for entry in metrics["images"].values():
        assert set(entry) >= {*METRICS, "seconds", "steps", "evaluations", "best_step"}
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
        assert {key: entry[key] for key in METRICS} == pytest.approx(again, abs=1e-5)


def test_table_holds_the_same_numbers(finished):
    folder, _ = finished
    images = strict_json(folder / "metrics.json")["images"]
    with open(folder / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == list(images)
    for row in rows:
        for name in (*METRICS, "seconds", "steps"):
            assert float(row[name]) == images[row["image"]][name]


def test_environment_says_what_a_result_depends_on(finished, toy_path):
    folder, _ = finished
    found = strict_json(folder / "environment.json")
    assert {"packages", "python", "device", "commit", "weights", "seed"} <= set(found)
    assert found["packages"]["torch"] in torch.__version__
    assert found["device"] in ("cpu", "cuda") and found["seed"] == 3
    assert found["weights"]["toy"] == files.sha256_file(toy_path)
    assert all(len(digest) == 64 for digest in found["weights"].values())
    assert set(found["weights"]) == {"toy", "lpips-alex", "lpips-vgg"}


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
        ]
    with open(folder / "a" / "history.csv", newline="") as file:
        table = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    assert table == rows


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


def test_parameters_can_be_fed_back(finished, tmp_path):
    folder, _ = finished
    params = Params.load(folder / "params.yaml", out=str(tmp_path / "again"))
    run_experiment(params, say=lambda text: None)
    for name in "ab":
        latents = [root / name / "latent.safetensors" for root in (folder, tmp_path / "again")]
        assert latents[0].read_bytes() == latents[1].read_bytes()


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


# --- continuing ---------------------------------------------------------------------------------


def test_same_call_again_keeps_everything(toy_params, photos, tmp_path, inverted, silent):
    run_experiment(toy_params(photos), say=silent)
    assert inverted == ["a", "b"]
    before = {p: p.stat().st_mtime_ns for name in "ab" for p in (tmp_path / "run" / name).iterdir()}
    metrics = (tmp_path / "run" / "metrics.json").read_bytes()
    run = run_experiment(toy_params(photos), say=silent)
    assert inverted == ["a", "b"]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (tmp_path / "run" / "metrics.json").read_bytes() == metrics
    assert set(run.results["images"]) == {"a", "b"}
    assert len(silent.about("kept")) == 2


def test_new_images_are_added_to_finished_ones(toy_params, photos, tmp_path, inverted, silent):
    run_experiment(toy_params(photos[:1]), say=silent)
    run_experiment(toy_params(photos), say=silent)
    assert inverted == ["a", "b"]
    assert set(strict_json(tmp_path / "run" / "metrics.json")["images"]) == {"a", "b"}


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 5},
        {"seed": 1},
        {"space": "w+"},
        {"loss": {"l2": 2.0}},
        {"lr": 0.2},
        {"snapshot_every": 3},
    ],
    ids=str,
)
def test_changed_parameters_are_done_anew(toy_params, photos, inverted, silent, change):
    run_experiment(toy_params(photos[:1]), say=silent)
    run_experiment(toy_params(photos[:1], **change), say=silent)
    assert inverted == ["a", "a"]
    assert silent.about("replaced")


def test_what_decides_no_result_is_no_reason_to_start_over(toy_params, photos, inverted, silent):
    run_experiment(toy_params(photos[:1]), say=silent)
    run_experiment(toy_params(photos[:1], log_every=2), say=silent)
    assert inverted == ["a"]


def test_changed_weights_are_done_anew(toy_params, toy_path, photos, tmp_path, inverted, silent):
    own = tmp_path / "own.safetensors"
    shutil.copy(toy_path, own)
    params = toy_params(photos[:1], generator=str(own))
    run_experiment(params, say=silent)
    save_toy(own, build_toy(seed=3).state_dict())
    run_experiment(params, say=silent)
    assert inverted == ["a", "a"]
    assert verify(tmp_path / "run", say=silent) == {}


def test_changed_start_is_done_anew(
    toy, toy_images, toy_params, photos, tmp_path, inverted, silent
):
    start = tmp_path / "start.safetensors"
    params = toy_params(photos[:1], init=str(start), space="w+")
    for k in (0, 1):
        save_file({"latent": toy_images[1][k].contiguous()}, start)
        run_experiment(params, say=silent)
    assert inverted == ["a", "a"]


def test_changed_image_is_done_anew(toy_params, photos, make_photo, tmp_path, inverted, silent):
    run_experiment(toy_params(photos), say=silent)
    make_photo(photos[1], seed=9)
    run_experiment(toy_params(photos), say=silent)
    assert inverted == ["a", "b", "b"]
    assert verify(tmp_path / "run", say=silent) == {}


@pytest.mark.parametrize("name", ["latent.safetensors", "reconstruction.png"])
def test_lost_files_are_made_again(toy_params, photos, tmp_path, inverted, silent, name):
    run_experiment(toy_params(photos[:1]), say=silent)
    (tmp_path / "run" / "a" / name).unlink()
    run_experiment(toy_params(photos[:1]), say=silent)
    assert inverted == ["a", "a"]
    assert (tmp_path / "run" / "a" / name).is_file()


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"images": 5}', '{"images": {"a": {}}}'])
def test_damaged_metrics_count_as_none(toy_params, photos, tmp_path, inverted, silent, damage):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.json").write_text(damage)
    run_experiment(toy_params(photos[:1], snapshot_every=0), say=silent)
    assert inverted == ["a"]
    assert set(strict_json(tmp_path / "run" / "metrics.json")["images"]) == {"a"}


def test_fresh_starts_over(toy_params, photos, inverted, silent):
    run_experiment(toy_params(photos[:1]), say=silent)
    run_experiment(toy_params(photos[:1]), fresh=True, say=silent)
    assert inverted == ["a", "a"]


def test_interrupted_run_keeps_what_was_finished(
    toy_params, photos, tmp_path, monkeypatch, inverted, silent
):
    counting = experiment.invert

    def interrupt(generator, target, params, *, image_id, **options):
        if image_id == "b":
            raise KeyboardInterrupt
        return counting(generator, target, params, image_id=image_id, **options)

    with monkeypatch.context() as patch:
        patch.setattr(experiment, "invert", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run_experiment(toy_params(photos), say=silent)
    metrics = strict_json(tmp_path / "run" / "metrics.json")
    assert set(metrics["images"]) == {"a"}
    assert (tmp_path / "run" / "params.yaml").is_file()
    assert (tmp_path / "run" / "environment.json").is_file()
    run_experiment(toy_params(photos), say=silent)
    assert inverted == ["a", "b"]
    assert strict_json(tmp_path / "run" / "metrics.json")["images"]["a"] == metrics["images"]["a"]


def test_run_interrupted_while_saving_does_not_pass_for_the_earlier_one(
    toy_params, photos, tmp_path, monkeypatch, silent
):
    """Under A, then under B but stopped amid its files, then under A: A's results, and whole."""
    a, b = toy_params(photos[:1]), toy_params(photos[:1], space="w+", steps=9)
    run_experiment(a, say=silent)
    latent = (tmp_path / "run" / "a" / "latent.safetensors").read_bytes()

    def interrupt(*args, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(figures, "panel", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run_experiment(b, say=silent)
    run_experiment(a, say=silent)
    assert (tmp_path / "run" / "a" / "latent.safetensors").read_bytes() == latent
    assert verify(tmp_path / "run", say=silent) == {}


# --- images that fail ---------------------------------------------------------------------------


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
        assert not (tmp_path / "run" / name).exists()
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


def test_image_that_goes_bad_loses_its_old_result(toy_params, photos, tmp_path, silent):
    run_experiment(toy_params(photos), say=silent)
    photos[1].write_bytes(b"")
    run_experiment(toy_params(photos), say=silent)
    metrics = strict_json(tmp_path / "run" / "metrics.json")
    assert set(metrics["images"]) == {"a"} and set(metrics["failed"]) == {"b"}


def test_image_without_a_face_is_named(toy_params, photos, silent):
    run = run_experiment(toy_params(photos[:1], align=True), say=silent)
    assert "no face" in run.failed["a"]
    assert silent.about("a.png")


def test_loss_that_is_not_finite_fails_that_image_alone(
    toy_params, photos, tmp_path, monkeypatch, silent
):
    counting = experiment.invert

    def diverging(generator, target, params, *, image_id, **options):
        if image_id == "a":
            options |= dict(lr=1e30, lr_schedule="constant")
        return counting(generator, target, params, image_id=image_id, **options)

    monkeypatch.setattr(experiment, "invert", diverging)
    run = run_experiment(toy_params(photos), say=silent)
    assert set(run.results["images"]) == {"b"}
    assert "the loss became" in run.failed["a"] and "a.png" in run.failed["a"]
    best = load_file(tmp_path / "run" / "a" / "latent.safetensors")["latent"]
    assert torch.isfinite(best).all()
    strict_json(tmp_path / "run" / "a" / "history.json")
    strict_json(tmp_path / "run" / "metrics.json")


def test_full_disk_is_noted_and_earlier_results_stay(
    toy_params, photos, tmp_path, monkeypatch, silent
):
    replace = os.replace

    def full(source, target, **options):
        if "/b/" in str(target) and str(target).endswith("latent.safetensors"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return replace(source, target, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        run = run_experiment(toy_params(photos), say=silent)
    assert set(run.failed) == {"b"} and "No space left" in run.failed["b"]
    metrics = strict_json(tmp_path / "run" / "metrics.json")
    assert set(metrics["images"]) == {"a"} and set(metrics["failed"]) == {"b"}
    left = {path.name for path in (tmp_path / "run" / "b").iterdir()}
    assert left <= FILES - {"latent.safetensors"}  # nothing half-written
    assert verify(tmp_path / "run", say=silent) == {}
    assert run_experiment(toy_params(photos), say=silent).failed == {}


def test_memory_that_runs_out_is_noted(toy_params, photos, monkeypatch, silent):
    counting = experiment.invert

    def greedy(generator, target, params, *, image_id, **options):
        if image_id == "a":
            raise torch.OutOfMemoryError("tried to allocate 20 GiB")
        return counting(generator, target, params, image_id=image_id, **options)

    monkeypatch.setattr(experiment, "invert", greedy)
    run = run_experiment(toy_params(photos), say=silent)
    assert "20 GiB" in run.failed["a"] and set(run.results["images"]) == {"b"}


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        '"><img src=x onerror=alert(1)>.png',
        "$x^2$.png",
        "été à Paris.png",
        "..png.png",
        "-rf.png",
        "metrics.json.png",
        "a\nb.png",
        "x" * 200 + ".png",
    ],
)
def test_hostile_names_make_one_plain_folder(toy_params, make_photo, tmp_path, silent, name):
    photo = make_photo(tmp_path / "photos" / name)
    run = run_experiment(toy_params([photo], steps=1, snapshot_every=0), say=silent)
    assert run.failed == {}
    (entry,) = strict_json(tmp_path / "run" / "metrics.json")["images"].items()
    identifier, values = entry
    assert values["title"] == name
    assert (tmp_path / "run" / identifier / "panel.png").is_file()
    assert not set(identifier) & set('<>"/\\$\n ') and not identifier.startswith((".", "-"))
    assert {p.name for p in tmp_path.iterdir()} == {"photos", "run"}
    assert verify(tmp_path / "run", say=silent) == {}


def test_files_of_one_name_in_two_folders(toy_params, make_photo, tmp_path, silent):
    for seed, folder in enumerate(("one", "two")):
        make_photo(tmp_path / folder / "me.png", seed)
    run = run_experiment(toy_params([tmp_path / "one", tmp_path / "two"]), say=silent)
    assert len(run.results["images"]) == 2 and run.failed == {}
    targets = [picture(tmp_path / "run" / name / "target.png") for name in run.results["images"]]
    assert not np.array_equal(*targets)


def test_file_of_the_same_name_beside_it_changes_no_result(
    toy_params, make_photo, tmp_path, silent
):
    for seed, folder in enumerate(("one", "two")):
        make_photo(tmp_path / folder / "me.png", seed)
    latents = []
    for out, inputs in {"alone": ["one"], "both": ["one", "two"]}.items():
        params = toy_params([tmp_path / x for x in inputs], out=str(tmp_path / out), init="random")
        first = next(iter(run_experiment(params, say=silent).results["images"]))
        latents.append((tmp_path / out / first / "latent.safetensors").read_bytes())
    assert latents[0] == latents[1]


def test_files_of_one_stem(make_photo, tmp_path):
    for name in ("me.png", "me.jpg", "ME.bmp"):
        make_photo(tmp_path / name)
    found = find_photos([tmp_path], align=False)
    assert len({photo.id.lower() for photo in found}) == 3  # folders that ignore case, too


def test_file_given_twice_is_done_once(photos, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "photos")
    found = find_photos([photos[0], tmp_path / "photos", link, str(photos[0])], align=True)
    assert [photo.id for photo in found] == ["a", "b"]


# --- before anything runs -----------------------------------------------------------------------


def test_input_that_does_not_exist_is_refused(toy_params, tmp_path):
    with pytest.raises(ParamsError, match="absent"):
        run_experiment(toy_params([tmp_path / "absent.png"]))
    assert not (tmp_path / "run").exists()


def test_folder_without_images_is_refused(toy_params, tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(ParamsError, match="no images"):
        run_experiment(toy_params([tmp_path / "photos"]))


def test_unknown_sample_is_refused(toy_params):
    with pytest.raises(WeightsError, match="astronaut"):
        run_experiment(toy_params(["sample:astronaout"]))


def test_absent_weights_are_refused(toy_params, photos, tmp_path):
    with pytest.raises(WeightsError):
        run_experiment(toy_params(photos, generator=str(tmp_path / "absent.safetensors")))
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_absent_device_is_refused(toy_params, photos, tmp_path):
    with pytest.raises(ValueError, match="CUDA"):
        run_experiment(toy_params(photos, device="cuda"))
    assert not (tmp_path / "run").exists()


# --- verifying ----------------------------------------------------------------------------------


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


# --- in words -----------------------------------------------------------------------------------


def test_parameters_in_words(toy_params):
    described = describe.describe(toy_params(["x.png"], space="w+", loss={"l2": 0.5, "lpips": 2.0}))
    for word in ("W+", "0.5 L2", "2 LPIPS-vgg", "Adam", "mean_w", "4 steps"):
        assert word in described


@pytest.mark.parametrize(
    ("psnr", "shown"), [(21.234, "21.23 dB"), (None, "∞"), (float("inf"), "∞")]
)
def test_metrics_in_words(psnr, shown):
    values = dict(psnr=psnr, ssim=0.75, lpips_alex=0.1, lpips_vgg=0.2)
    assert shown in describe.describe_metrics(values)


def test_written_target_is_what_was_inverted(finished):
    """8 bits on disk hold the tensor exactly."""
    folder, _ = finished
    target = from_pil(Image.open(folder / "a" / "target.png"))
    assert torch.equal(quantize(target), target)


# --- what is asked for, and only that -----------------------------------------------------------


def test_results_inside_an_input_folder_are_no_inputs(toy_params, photos, tmp_path, silent):
    folder = photos[0].parent
    params = toy_params([folder], out=str(folder / "results"))
    first = run_experiment(params, say=silent)
    again = run_experiment(params, say=silent)
    assert set(first.results["images"]) == set(again.results["images"]) == {"a", "b"}


def test_images_not_asked_for_stay_out_of_the_mean_but_are_not_lost(
    toy_params, photos, tmp_path, inverted, silent
):
    run_experiment(toy_params(photos), say=silent)
    run_experiment(toy_params(photos[:1]), say=silent)
    metrics = strict_json(tmp_path / "run" / "metrics.json")
    assert set(metrics["images"]) == {"a"} and set(metrics["earlier"]) == {"b"}
    assert metrics["mean"]["psnr"] == metrics["images"]["a"]["psnr"]
    run_experiment(toy_params(photos), say=silent)
    assert inverted == ["a", "b"]  # nothing was done twice
    assert set(strict_json(tmp_path / "run" / "metrics.json")["images"]) == {"a", "b"}


@pytest.mark.parametrize("changes", [{"init": "typo"}, {"init": "encoder"}])
def test_a_start_that_cannot_be_is_an_error_before_anything_is_written(
    toy_params, photos, tmp_path, silent, changes
):
    with pytest.raises(ParamsError):
        run_experiment(toy_params(photos, **changes), say=silent)
    assert not (tmp_path / "run").exists()


def test_the_environment_is_that_of_the_computation(toy_params, photos, tmp_path, silent):
    run_experiment(toy_params(photos[:1]), say=silent)
    before = (tmp_path / "run" / "environment.json").read_bytes()
    run_experiment(toy_params(photos[:1]), say=silent)
    assert (tmp_path / "run" / "environment.json").read_bytes() == before


def test_entries_say_what_was_inverted_and_how(toy_params, photos, tmp_path, silent):
    run = run_experiment(toy_params(photos[:1]), say=silent)
    entry = run.results["images"]["a"]
    assert entry["image_sha256"] == hashlib.sha256(photos[0].read_bytes()).hexdigest()
    assert (entry["align"], entry["precision"], entry["compile"]) == (False, "float32", "off")


def test_numerics_of_another_generation_make_other_results(toy_params, monkeypatch):
    params, weights = toy_params(["a.png"]), {"toy": "00"}
    before = settings_key(params, weights)
    monkeypatch.setattr(experiment, "NUMERICS", experiment.NUMERICS + 1)
    assert settings_key(params, weights) != before


@pytest.mark.parametrize(
    "change", [{"coordinates": "style"}, {"plateau": 9}, {"noise_maps": "optimized"}]
)
def test_every_parameter_of_the_search_makes_other_results(toy_params, change):
    keys = {settings_key(toy_params(["a.png"], **x), {"toy": "00"}) for x in ({}, change)}
    assert len(keys) == 2
