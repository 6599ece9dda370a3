"""Runs that refine: their files, verification, and what a kill between search and end leaves."""

import json
import shutil

import pytest
import torch

import ganinv
from ganinv.files import read_json, write_json
from ganinv.images.pixels import to_uint8
from ganinv.inversion.latent_files import GeneratorFile, load_latent, load_noise, save_latent
from ganinv.inversion.refinement import (
    REFINEMENT,
    load_refinement,
    render_refined,
    save_refinement,
)
from ganinv.measures.reconstruction import METRICS
from ganinv.runs.experiment import run_experiment
from ganinv.runs.names import CODE, OUTPUTS, RECORD, REFINED
from ganinv.runs.record_files import read_record
from ganinv.runs.verify import verify
from helpers.checks import strict_json
from helpers.pictures import picture
from helpers.processes import killed_before
from helpers.searches import quick_params
from helpers.tensors import assert_same, quiet

REFINE = dict(
    space="w+",
    steps=3,
    snapshot_every=2,
    refine="both",
    refine_steps=4,
    refine_resolution=16,
    refine_loss="l2_full",
)


@pytest.fixture(scope="module")
def photo(make_photo, tmp_path_factory):
    return make_photo(tmp_path_factory.mktemp("photos") / "a.png", 0)


@pytest.fixture(scope="module")
def whole(toy_path, photo, tmp_path_factory):
    """The folder of a finished run. Not to be changed."""
    params = quick_params(toy_path, [photo], tmp_path_factory.mktemp("whole") / "run", **REFINE)
    return run_experiment(params, say=quiet).out


@pytest.fixture
def copied(whole, tmp_path):
    """A copy of the run that a test may damage."""
    return shutil.copytree(whole, tmp_path / "copy")


@pytest.fixture
def params(toy_path, photo, tmp_path):
    """A function that makes the parameters of the same run in a folder of the test."""

    def build(**changes):
        return quick_params(toy_path, [photo], tmp_path / "run", **REFINE | changes)

    return build


class Watched(list):
    """An `invert` that keeps the phase of each step; at one it raises, or is killed."""

    def __init__(self, stop_at=0, error=KeyboardInterrupt):
        self.stop_at, self.error = stop_at, error

    def __call__(self, *arguments, **options):
        return ganinv.invert(*arguments, callback=self.look, **options)

    def look(self, state):
        self.append(state.phase)
        if len(self) == self.stop_at:
            raise self.error

    def count(self):
        return [super(Watched, self).count(phase) for phase in ("code", "refine")]


def stop_in_the_refinement(params, **options):
    with pytest.raises(KeyboardInterrupt):
        run_experiment(params, say=quiet, invert=Watched(stop_at=5), **options)


def assert_same_result(folder, other):
    """The same bits in all files; times aside."""
    latents = [load_latent(x / "latent.safetensors")[0] for x in (folder, other)]
    assert torch.equal(*latents)
    assert_same(*(load_noise(x / "latent.safetensors") for x in (folder, other)))
    assert_same(*(load_refinement(x / REFINEMENT)[0] for x in (folder, other)))
    for name in ("reconstruction.png", "code.png", "progress.gif", "progress_strip.png"):
        assert (folder / name).read_bytes() == (other / name).read_bytes(), name
    histories = [strict_json(x / "history.json") for x in (folder, other)]
    records = [strict_json(x / RECORD) for x in (folder, other)]
    for row in (*histories[0], *histories[1], *records):
        assert row.pop("seconds") >= 0
        row.pop("crop", None)
    assert histories[0] == histories[1] and records[0] == records[1]


# --- what is there ---


def test_a_refined_image_has_its_files_and_the_metrics_of_its_code(toy, whole):
    folder = whole / "a"
    names = {path.name for path in folder.iterdir()}
    assert names == {*OUTPUTS, *REFINED, RECORD, "progress.gif", "progress_strip.png"}
    record = strict_json(folder / RECORD)
    assert record["code"].keys() == METRICS.keys()
    assert record["psnr"] > record["code"]["psnr"] and record["steps"] == 7
    assert [row["phase"] for row in strict_json(folder / "history.json")] == (
        ["code"] * 3 + ["refine"] * 4
    )
    latent, refinement = (
        load_latent(folder / "latent.safetensors")[0],
        load_refinement(folder / REFINEMENT)[0],
    )
    assert (to_uint8(render_refined(toy, latent, {}, {})) == picture(folder / "code.png")).all()
    image = render_refined(toy, latent, {}, refinement)
    assert (to_uint8(image) == picture(folder / "reconstruction.png")).all()
    metrics = strict_json(whole / "metrics.json")
    assert verify(whole, say=quiet) == {}
    assert metrics["images"]["a"] == record and "code" not in metrics["mean"]
    assert "code" not in (whole / "metrics.csv").read_text().splitlines()[0].split(",")


@pytest.mark.parametrize(
    "changes",
    [
        dict(refine="features", noise_maps="optimized"),
        dict(refine="weights", noise_maps="dropped", space="w"),
        dict(refine="both", refine_steps=0),
    ],
    ids=str,
)
def test_runs_of_every_kind_are_verified(params, changes):
    run = run_experiment(params(**changes), say=quiet)
    assert run.failed == {} and verify(run.out, say=quiet) == {}
    refined = changes.get("refine_steps") != 0
    assert (run.out / "a" / REFINEMENT).is_file() is refined
    assert ("code" in strict_json(run.out / "a" / RECORD)) is refined


def test_a_generator_whose_latent_is_z_is_refined(dcgan_path, dcgan_params):
    made = dcgan_params(dcgan_path, steps=3, **{k: REFINE[k] for k in REFINE if "refine" in k})
    run = run_experiment(made, say=quiet)
    assert run.failed == {} and verify(run.out, say=quiet) == {}
    assert (run.out / "one" / REFINEMENT).is_file()


# --- tampering ---


def replace_code(folder):
    shutil.copy(folder / "target.png", folder / "code.png")


def change_refinement(folder):
    refinement, _ = load_refinement(folder / REFINEMENT)
    refinement["features.16"] += 0.5
    save_refinement(folder / REFINEMENT, refinement, maker(folder))


def lose_half_of_it(folder):
    refinement, _ = load_refinement(folder / REFINEMENT)
    only = {name: x for name, x in refinement.items() if name.startswith("weights.")}
    save_refinement(folder / REFINEMENT, only, maker(folder))


def rename_its_maker(folder):
    refinement, _ = load_refinement(folder / REFINEMENT)
    save_refinement(folder / REFINEMENT, refinement, maker(folder)._replace(sha256="0" * 64))


def fill_it_with_nan(folder):
    refinement, _ = load_refinement(folder / REFINEMENT)
    refinement["features.16"][0] = torch.nan
    save_refinement(folder / REFINEMENT, refinement, maker(folder))


def change_latent(folder):
    latent, _ = load_latent(folder / "latent.safetensors")
    save_latent(folder / "latent.safetensors", latent + 0.1, maker(folder))


def lose(name):
    return lambda folder: (folder / name).unlink()


def cut(name):
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:100])


def record_with(change):
    """Change the record, and metrics.json alike."""

    def tamper(folder):
        for path, find in (
            (folder / RECORD, lambda x: x),
            (folder.parent / "metrics.json", lambda x: x["images"]["a"]),
        ):
            content = read_json(path)
            change(find(content))
            write_json(path, content)

    return tamper


def maker(folder):
    """The generator that a latent's file names."""
    about = json.loads(load_latent(folder / "latent.safetensors")[1]["ganinv"])
    return GeneratorFile(about["generator"], about["sha256"])


TAMPERINGS = {
    "code replaced": (replace_code, "code.png is not what its latent renders alone"),
    "code cut": (cut("code.png"), "code.png cannot be read"),
    "code lost": (lose("code.png"), "code.png cannot be read"),
    "refinement changed": (change_refinement, "psnr is .*, recorded as"),
    "half of it lost": (lose_half_of_it, "recorded as"),
    "refinement lost": (lose(REFINEMENT), "refinement.safetensors is not a whole"),
    "refinement cut": (cut(REFINEMENT), "refinement.safetensors is not a whole"),
    "another maker": (rename_its_maker, "its refinement was made with other weights"),
    "NaN in it": (fill_it_with_nan, "no finite floating-point numbers"),
    "latent changed": (change_latent, "recorded as"),
    "code's metric changed": (
        record_with(lambda entry: entry["code"].update(ssim=0.5)),
        "of the latent alone, ssim is",
    ),
    "code's metric lost": (
        record_with(lambda entry: entry["code"].clear()),
        "of the latent alone, psnr is .*, recorded as nothing",
    ),
    "code forgotten": (
        record_with(lambda entry: entry.pop("code")),
        "refinement.safetensors is there, but its record knows of no refinement",
    ),
}


def test_verify_refuses_a_code_of_another_kind(copied):
    record_with(lambda entry: entry.update(code=5))(copied / "a")
    with pytest.raises(ValueError, match="a is no image, or has no metrics"):
        verify(copied, say=quiet)


@pytest.mark.parametrize(("tamper", "says"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_verify_notices_tampering(copied, tamper, says):
    tamper(copied / "a")
    complaints = verify(copied, say=quiet)
    assert set(complaints) == {"a"}
    with pytest.raises(ValueError, match=says):
        raise ValueError(complaints["a"])


def test_verify_notices_a_refinement_where_none_was(finished, whole, tmp_path):
    folder = shutil.copytree(finished[0], tmp_path / "copy")
    shutil.copy(whole / "a" / REFINEMENT, folder / "b")
    complaints = verify(folder, say=quiet)
    assert set(complaints) == {"b"} and "knows of no refinement" in complaints["b"]


# --- resumed between search and end ---


@pytest.mark.parametrize(
    "changes",
    [
        dict(refine="features", noise_maps="optimized"),
        dict(refine="weights", coordinates="style"),
        dict(refine="both", optimizer="lbfgs", lr=1.0, space="w"),
    ],
    ids=str,
)
def test_what_was_stopped_in_the_refinement_begins_there(params, tmp_path, changes):
    stop_in_the_refinement(params(**changes))
    assert (tmp_path / "run" / "a" / CODE).is_file()
    assert read_record(tmp_path / "run", "a") is None
    again = Watched()
    assert run_experiment(params(**changes), say=quiet, invert=again).failed == {}
    assert again.count() == [0, 4]
    assert not (tmp_path / "run" / "a" / CODE).exists()
    assert verify(tmp_path / "run", say=quiet) == {}
    other = params(**changes).model_copy(update={"out": str(tmp_path / "other")})
    run_experiment(other, say=quiet)
    assert_same_result(tmp_path / "run" / "a", tmp_path / "other" / "a")


@pytest.mark.parametrize(
    ("name", "counted"),
    [(CODE, [3, 4]), (RECORD, [0, 4]), (REFINEMENT, [0, 4]), ("history.json", [0, 4])],
)
def test_a_kill_at_any_file_loses_no_search_that_was_saved(params, whole, tmp_path, name, counted):
    killed_before("os.rename", f"/{name}", lambda: run_experiment(params(), say=quiet))
    again = Watched()
    run_experiment(params(), say=quiet, invert=again)
    assert again.count() == counted
    assert_same_result(tmp_path / "run" / "a", whole / "a")
    assert verify(tmp_path / "run", say=quiet) == {}


def test_an_interrupt_that_keeps_its_best_leaves_the_code_too(params, whole, tmp_path):
    stop_in_the_refinement(params(), keep_interrupted=True)
    record = strict_json(tmp_path / "run" / "a" / RECORD)
    assert "interrupted at step 5 of 7" in record["failed"]
    assert (tmp_path / "run" / "a" / REFINEMENT).is_file()
    again = Watched()
    run_experiment(params(), say=quiet, invert=again)
    assert again.count() == [0, 4]
    assert_same_result(tmp_path / "run" / "a", whole / "a")


def damage(path):
    path.write_bytes(path.read_bytes()[:-10])


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("spoil", [damage, empty])
def test_a_damaged_code_is_searched_again(params, whole, tmp_path, spoil):
    stop_in_the_refinement(params())
    spoil(tmp_path / "run" / "a" / CODE)
    again = Watched()
    run_experiment(params(), say=quiet, invert=again)
    assert again.count() == [3, 4]
    assert_same_result(tmp_path / "run" / "a", whole / "a")


def test_fresh_searches_again(params, tmp_path):
    stop_in_the_refinement(params())
    again = Watched()
    run_experiment(params(), say=quiet, invert=again, fresh=True)
    assert again.count() == [3, 4]
    assert not (tmp_path / "run" / "a" / CODE).exists()
