"""Runs of several images: repeating, continuing, failing. All on toy generators."""

import hashlib
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from ganinv.errors import ParamsError, WeightsError
from ganinv.numerics import NUMERICS
from ganinv.runs.experiment import run_experiment
from ganinv.runs.params import Params
from ganinv.runs.plan import settings_key
from ganinv.runs.verify import verify
from helpers.checks import strict_json
from helpers.toys import build_toy, save_dcgan, save_toy

# --- repeating and continuing ---


def contents(folder):
    """The bytes of every file below a folder."""
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_parameters_can_be_fed_back(finished, tmp_path):
    folder, _ = finished
    params = Params.load(folder / "params.yaml", out=str(tmp_path / "again"))
    run_experiment(params, say=lambda text: None)
    for name in "ab":
        latents = [root / name / "latent.safetensors" for root in (folder, tmp_path / "again")]
        assert latents[0].read_bytes() == latents[1].read_bytes()


def test_result_does_not_depend_on_images_beside_it(toy_params, make_photo, tmp_path):
    folder = tmp_path / "photos"
    for seed, name in enumerate(("a", "b", "c")):
        make_photo(folder / f"{name}.png", seed)
    changes = dict(space="w+", init="random")
    run_experiment(toy_params([folder], out=str(tmp_path / "all"), **changes))
    run_experiment(toy_params([folder / "b.png"], out=str(tmp_path / "one"), **changes))
    for name in ("latent.safetensors", "reconstruction.png", "target.png"):
        files = [tmp_path / run / "b" / name for run in ("all", "one")]
        assert files[0].read_bytes() == files[1].read_bytes()
    others = [(tmp_path / "all" / name / "latent.safetensors").read_bytes() for name in "ab"]
    assert others[0] != others[1]


def test_same_call_again_keeps_everything(toy_params, photos, tmp_path, inverted, silent):
    run_experiment(toy_params(photos), say=silent, invert=inverted)
    assert inverted == ["a", "b"]
    before = {p: p.stat().st_mtime_ns for name in "ab" for p in (tmp_path / "run" / name).iterdir()}
    metrics = (tmp_path / "run" / "metrics.json").read_bytes()
    run = run_experiment(toy_params(photos), say=silent, invert=inverted)
    assert inverted == ["a", "b"]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (tmp_path / "run" / "metrics.json").read_bytes() == metrics
    assert set(run.results["images"]) == {"a", "b"}
    assert len(silent.about("kept")) == 2


def test_new_images_are_added_to_finished_ones(toy_params, photos, tmp_path, inverted, silent):
    run_experiment(toy_params(photos[:1]), say=silent, invert=inverted)
    run_experiment(toy_params(photos), say=silent, invert=inverted)
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
def test_results_under_other_parameters_are_refused_replaced_or_set_aside(
    toy_params, photos, tmp_path, inverted, silent, change
):
    run_experiment(toy_params(photos), say=silent, invert=inverted)
    before = contents(tmp_path / "run")
    other = toy_params(photos[:1], **change)
    with pytest.raises(ParamsError, match="holds 2 results under other parameters") as caught:
        run_experiment(other, say=silent, invert=inverted)
    assert f"({next(iter(change))}: " in str(caught.value) and "--fresh" in str(caught.value)
    assert contents(tmp_path / "run") == before and inverted == ["a", "b"]

    run_experiment(other, set_aside=True, say=silent, invert=inverted)
    assert silent.about("are now in") and contents(tmp_path / "run-1") == before
    assert verify(tmp_path / "run-1", say=silent) == verify(tmp_path / "run", say=silent) == {}
    run_experiment(other, set_aside=True, say=silent, invert=inverted)  # its own results stay
    assert inverted == ["a", "b", "a"] and not (tmp_path / "run-2").exists()

    run_experiment(toy_params(photos[:1]), fresh=True, say=silent, invert=inverted)
    assert inverted == ["a", "b", "a", "a"]
    assert verify(tmp_path / "run", say=silent) == {}


def test_fresh_removes_what_other_parameters_left_and_nothing_else(
    toy_params, photos, tmp_path, silent
):
    run_experiment(toy_params(photos), say=silent)
    (tmp_path / "run" / "b" / "notes.txt").write_text("somebody's")
    run_experiment(toy_params(photos[:1], steps=5), fresh=True, say=silent)
    left = {str(p.relative_to(tmp_path / "run")) for p in (tmp_path / "run").glob("b/*")}
    assert left == {"b/notes.txt"}
    assert set(strict_json(tmp_path / "run" / "metrics.json")["images"]) == {"a"}


def test_fresh_under_the_same_parameters_keeps_the_other_images(
    toy_params, photos, tmp_path, inverted, silent
):
    run_experiment(toy_params(photos), say=silent, invert=inverted)
    run_experiment(toy_params(photos[:1]), fresh=True, say=silent, invert=inverted)
    assert inverted == ["a", "b", "a"]
    assert set(strict_json(tmp_path / "run" / "metrics.json")["images"]) == {"a", "b"}


def test_a_call_that_finished_nothing_stands_in_nobodys_way(toy_params, photos, tmp_path, silent):
    bad = tmp_path / "photos" / "c.png"
    bad.write_bytes(b"")
    run_experiment(toy_params([bad]), say=silent)
    run = run_experiment(toy_params(photos[:1], steps=5), say=silent)
    assert run.failed == {} and not silent.about("replaced") and not silent.about("other param")
    metrics = strict_json(tmp_path / "run" / "metrics.json")
    assert set(metrics["images"]) == {"a"} and metrics["failed"] == {}


def test_a_run_without_a_folder_gets_one_named_after_its_parameters(
    toy_params, photos, tmp_path, monkeypatch, inverted, silent
):
    monkeypatch.chdir(tmp_path)
    outs = []
    for change in ({}, {"steps": 5}, {}, {"space": "w+"}):
        params = toy_params(photos[:1], out="auto", **change)
        outs.append(run_experiment(params, say=silent, invert=inverted).out)
    assert outs[0] == outs[2] and len(set(outs)) == 3 and inverted == ["a"] * 3
    assert {out.parent for out in outs} == {Path("runs")}
    assert outs[0].name.startswith("w-l2-4-") and outs[3].name.startswith("w+-l2-4-")
    assert Params.load(outs[0] / "params.yaml").out == str(outs[0])


def test_what_decides_no_result_is_no_reason_to_start_over(toy_params, photos, inverted, silent):
    run_experiment(toy_params(photos[:1]), say=silent, invert=inverted)
    run_experiment(toy_params(photos[:1], log_every=2), say=silent, invert=inverted)
    assert inverted == ["a"]


def test_changed_weights_are_refused(toy_params, toy_path, photos, tmp_path, inverted, silent):
    own = tmp_path / "own.safetensors"
    shutil.copy(toy_path, own)
    params = toy_params(photos[:1], generator=str(own))
    run_experiment(params, say=silent, invert=inverted)
    save_toy(own, build_toy(seed=3).state_dict())
    with pytest.raises(ParamsError, match="weights or numerics"):
        run_experiment(params, say=silent, invert=inverted)
    run_experiment(params, fresh=True, say=silent, invert=inverted)
    assert inverted == ["a", "a"]
    assert verify(tmp_path / "run", say=silent) == {}


def test_the_same_weights_under_another_path_are_the_same(
    toy_params, toy_path, photos, tmp_path, inverted, silent
):
    own = tmp_path / "other" / "name.safetensors"
    own.parent.mkdir()
    shutil.copy(toy_path, own)
    for generator in (toy_path, own, own.parent / ".." / "other" / own.name):
        params = toy_params(photos[:1], generator=str(generator))
        run_experiment(params, say=silent, invert=inverted)
    assert inverted == ["a"]


def test_changed_start_is_refused(toy, toy_images, toy_params, photos, tmp_path, inverted, silent):
    start = tmp_path / "start.safetensors"
    params = toy_params(photos[:1], init=str(start), space="w+")
    save_file({"latent": toy_images[1][0].contiguous()}, start)
    run_experiment(params, say=silent, invert=inverted)
    save_file({"latent": toy_images[1][1].contiguous()}, start)
    with pytest.raises(ParamsError, match="other parameters"):
        run_experiment(params, say=silent, invert=inverted)
    assert inverted == ["a"]


def test_another_photograph_of_the_same_name_replaces_none_unasked(
    toy_params, photos, make_photo, tmp_path, inverted, silent
):
    run_experiment(toy_params(photos), say=silent, invert=inverted)
    before = contents(tmp_path / "run" / "b")
    make_photo(photos[1], seed=9)
    run = run_experiment(toy_params(photos), say=silent, invert=inverted)
    assert "another photograph" in run.failed["b"] and set(run.results["images"]) == {"a"}
    assert inverted == ["a", "b"] and contents(tmp_path / "run" / "b") == before
    run_experiment(toy_params(photos[1:]), fresh=True, say=silent, invert=inverted)
    assert inverted == ["a", "b", "b"]
    assert verify(tmp_path / "run", say=silent) == {}


def test_another_crop_of_the_same_photograph_is_refused(toy_params, photos, tmp_path, silent):
    run_experiment(toy_params(photos[:1]), say=silent)
    before = contents(tmp_path / "run")
    with pytest.raises(ParamsError, match=r"1 result under other parameters \(align: False there"):
        run_experiment(toy_params(photos[:1], align=True), say=silent)
    assert contents(tmp_path / "run") == before
    run_experiment(toy_params(photos[1:], align=True), say=silent)  # of an image not done yet


def test_photographs_in_the_folder_of_results_are_not_moved_away(
    toy_params, make_photo, tmp_path, silent
):
    photo = make_photo(tmp_path / "run" / "uploads" / "me.png")
    run_experiment(toy_params([photo]), set_aside=True, say=silent)
    with pytest.raises(ParamsError, match="other parameters"):
        run_experiment(toy_params([photo], steps=5), set_aside=True, say=silent)
    assert photo.is_file() and not (tmp_path / "run-1").exists()


def test_fresh_starts_over(toy_params, photos, inverted, silent):
    run_experiment(toy_params(photos[:1]), say=silent, invert=inverted)
    run_experiment(toy_params(photos[:1]), fresh=True, say=silent, invert=inverted)
    assert inverted == ["a", "a"]


def test_interrupted_run_keeps_what_was_finished(toy_params, photos, tmp_path, inverted, silent):
    def interrupt(*args, image_id, **options):
        if image_id == "b":
            raise KeyboardInterrupt
        return inverted(*args, image_id=image_id, **options)

    with pytest.raises(KeyboardInterrupt):
        run_experiment(toy_params(photos), say=silent, invert=interrupt)
    metrics = strict_json(tmp_path / "run" / "metrics.json")
    assert set(metrics["images"]) == {"a"}
    assert (tmp_path / "run" / "params.yaml").is_file()
    assert (tmp_path / "run" / "environment.json").is_file()
    run_experiment(toy_params(photos), say=silent, invert=inverted)
    assert inverted == ["a", "b"]
    assert strict_json(tmp_path / "run" / "metrics.json")["images"]["a"] == metrics["images"]["a"]


def test_entries_say_what_was_inverted_and_how(toy_params, photos, tmp_path, silent):
    run = run_experiment(toy_params(photos[:1]), say=silent)
    entry = run.results["images"]["a"]
    assert entry["image_sha256"] == hashlib.sha256(photos[0].read_bytes()).hexdigest()
    assert (entry["align"], entry["precision"], entry["compile"]) == (False, "float32", "off")


def test_numerics_of_another_generation_make_other_results(toy_params):
    params, weights = toy_params(["a.png"]), {"toy": "00"}
    keys = {settings_key(params, weights, numerics=NUMERICS + more) for more in (0, 1)}
    assert len(keys) == 2 and settings_key(params, weights) in keys


@pytest.mark.parametrize(
    "change",
    [
        {"coordinates": "style"},
        {"plateau": 9},
        {"label": 0},
        {"noise_maps": "optimized"},
        {"init_spread": 0.01},
        {"lr_rampup": 0.0},
    ],
)
def test_every_parameter_of_the_search_makes_other_results(toy_params, change):
    keys = {settings_key(toy_params(["a.png"], **x), {"toy": "00"}) for x in ({}, change)}
    assert len(keys) == 2


# --- refused before anything runs ---


def test_absent_weights_are_refused(toy_params, photos, tmp_path):
    with pytest.raises(WeightsError):
        run_experiment(toy_params(photos, generator=str(tmp_path / "absent.safetensors")))
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_absent_device_is_refused(toy_params, photos, tmp_path):
    with pytest.raises(ValueError, match="CUDA"):
        run_experiment(toy_params(photos, device="cuda"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("changes", [{"init": "typo"}, {"init": "encoder"}])
def test_a_start_that_cannot_be_is_an_error_before_anything_is_written(
    toy_params, photos, tmp_path, silent, changes
):
    with pytest.raises(ParamsError):
        run_experiment(toy_params(photos, **changes), say=silent)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [(dict(space="w+"), "no space w\\+; it offers z"), (dict(coordinates="style"), "style inputs")],
)
def test_what_it_does_not_have_is_said_before_anything_runs(
    dcgan_path, dcgan_params, tmp_path, changes, message
):
    with pytest.raises(ParamsError, match=message):
        run_experiment(dcgan_params(dcgan_path, **changes), say=lambda text: None)
    assert not (tmp_path / "run" / "metrics.json").exists()


def test_images_too_small_for_the_metrics_are_refused_before_anything_runs(dcgan_params, tmp_path):
    path = save_dcgan(tmp_path / "tiny.safetensors", resolution=16)
    with pytest.raises(ParamsError, match="16 pixels; LPIPS needs 32"):
        run_experiment(dcgan_params(path), say=lambda text: None)


# --- a generator whose only latent is z ---


def test_run_on_disk_holds_z_and_verifies(dcgan_path, dcgan_params, tmp_path):
    run = run_experiment(dcgan_params(dcgan_path), say=lambda text: None)
    assert not run.failed
    latent = load_file(tmp_path / "run" / "one" / "latent.safetensors")["latent"]
    assert latent.shape == (1, 16)
    assert verify(tmp_path / "run", say=lambda text: None) == {}
    params = dcgan_params(
        dcgan_path,
        init=str(tmp_path / "run" / "one" / "latent.safetensors"),
        steps=1,
        out=str(tmp_path / "again"),
    )
    again = run_experiment(params, say=lambda text: None).results["images"]["one"]
    assert again["psnr"] >= run.results["images"]["one"]["psnr"] - 0.1
