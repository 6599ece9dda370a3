"""Folders of refined runs: what counts as finished, what is removed, which settings are others."""

import pytest
import torch

import ganinv
from ganinv.errors import ParamsError
from ganinv.inversion.latent_files import GeneratorFile, save_latent
from ganinv.inversion.refinement import REFINEMENT, save_refinement
from ganinv.inversion.saved_code import CodeFile, restore_code
from ganinv.runs.describe import describe, describe_refine
from ganinv.runs.experiment import run_experiment
from ganinv.runs.folder import RunFolder, default_folder
from ganinv.runs.names import CODE, OUTPUTS, REFINED
from ganinv.runs.params import Params
from ganinv.runs.plan import settings_key
from ganinv.runs.record_files import read_record
from helpers.runs import USUAL
from helpers.tensors import quiet

WEIGHTS = {"toy": "aa", "lpips-alex": "bb", "lpips-vgg": "cc"}
SETTLED = dict(device="cpu", precision="float32", compile="off", coordinates="w")
REFINE = dict(refine="features", refine_steps=2, refine_resolution=16, refine_loss="l2_full")
CHANGES = dict(
    refine_steps=7,
    refine_lr=0.5,
    refine_lr_schedule="constant",
    refine_resolution=8,
    refine_loss="lpips",
    refine_loss_resolution=64,
    refine_stop=0.1,
)


def key(**changes):
    return settings_key(Params.make(SETTLED | changes), WEIGHTS)


# --- settings ---


def test_without_a_refinement_its_parameters_have_no_say():
    assert {key(**{name: value}) for name, value in CHANGES.items()} == {key()}
    assert CHANGES.keys() | {"refine", "refine_locality"} == {
        name for name in Params.model_fields if name.startswith("refine")
    }


def test_with_one_each_parameter_has():
    base = dict(refine="weights", refine_locality=1.0)
    keys = {key(**base | {name: value}) for name, value in CHANGES.items()}
    keys |= {key(**base), key(**base | dict(refine_locality=2.0)), key(), key(refine="both")}
    assert len(keys) == len(CHANGES) + 4


def test_keys_of_runs_before_refinements_are_the_same(tmp_path):
    """Those that the version before them computed, so that its results still count."""
    assert key(loss="lpips") == "ad66c557d0a21c30"
    start = tmp_path / "start"
    start.write_bytes(b"a start")
    given = dict(device="cuda:1", space="w", steps=7, init=str(start), loss={"l2": 1.0})
    assert settings_key(Params.make(given), WEIGHTS) == "622ea0b0e4e21ed3"


def test_the_refinement_beside_a_start_has_a_say_where_it_is_gone_on_from(tmp_path):
    toy = GeneratorFile("toy", "aa")
    init = tmp_path / "latent.safetensors"
    save_latent(init, torch.zeros(8, 32), toy)
    refined, plain = (dict(init=str(init), refine=x) for x in ("features", "none"))
    before = key(**refined), key(**plain)
    keys = []
    for value in (0.0, 1.0):
        x = torch.full((16, 16, 16), value)
        save_refinement(tmp_path / REFINEMENT, {"features.16": x}, toy)
        keys.append(key(**refined))
        assert key(**plain) == before[1]
    assert len({before[0], *keys}) == 3


def test_a_folder_is_named_and_a_heading_written_after_the_refinement():
    refined = Params.make(SETTLED | dict(refine="both", refine_steps=50, steps=9))
    assert default_folder(refined, "k").name.startswith("w+-lpips+l2-9-both-50-")
    plain = Params.make(SETTLED | dict(steps=9))
    assert "-both" not in default_folder(plain, "k").name
    assert describe_refine(plain) == "" and "then" not in describe(plain)
    assert describe(refined).endswith("9 steps, then features at 64 and weights, 50 steps")


# --- finished, begun, removed ---


def image_folder(path, key="here", **entry):
    folder = RunFolder(path, key)
    folder.note("a", USUAL | entry)
    for file in (*OUTPUTS, *REFINED):
        (path / "a" / file).write_text("")
    return folder


MARKS = {"image_sha256": "00", "align": False, "face": None}


@pytest.mark.parametrize("name", REFINED)
def test_finished_asks_for_the_files_of_a_refinement(tmp_path, name):
    folder = image_folder(tmp_path, code=dict(USUAL), **MARKS)
    assert folder.finished("a", MARKS) is not None
    (tmp_path / "a" / name).unlink()
    assert folder.finished("a", MARKS) is None
    plain = image_folder(tmp_path, **MARKS)  # a result that was not refined needs none of them
    for file in REFINED:
        (tmp_path / "a" / file).unlink()
    assert plain.finished("a", MARKS) is not None


def test_a_code_waits_while_files_are_replaced_and_goes_with_the_image(tmp_path):
    folder = image_folder(tmp_path)
    waiting = folder.code_file("a", MARKS)
    assert waiting.path == tmp_path / "a" / CODE
    waiting.path.write_text("")
    folder.begin("a")
    assert waiting.path.exists() and not any((tmp_path / "a" / x).exists() for x in REFINED)
    RunFolder(tmp_path, "other").remove("a")
    assert not (tmp_path / "a").exists()


def test_a_codes_key_says_settings_photograph_and_crop(tmp_path):
    keys = {RunFolder(tmp_path, k).code_file("a", MARKS).key for k in ("here", "other")}
    for name in MARKS:
        keys.add(RunFolder(tmp_path, "here").code_file("a", MARKS | {name: "else"}).key)
    assert len(keys) == 5
    assert RunFolder(tmp_path, "here").code_file("a", dict(reversed(MARKS.items()))).key in keys


def test_a_code_without_a_file_is_not_there(tmp_path):
    assert not restore_code(CodeFile(tmp_path / CODE, "key"), None)


# --- whole runs ---


class Counted(list):
    """An `invert` that keeps the phase of each step, and is interrupted at one."""

    def __init__(self, stop_at=0):
        self.stop_at = stop_at

    def __call__(self, *arguments, **options):
        return ganinv.invert(*arguments, callback=self.look, **options)

    def look(self, state):
        self.append(state.phase)
        if len(self) == self.stop_at:
            raise KeyboardInterrupt


@pytest.fixture
def stopped(toy_params, photos, tmp_path):
    """A function that runs one photograph, after a first call was stopped in its refinement."""
    params = toy_params(photos[:1], steps=2, **REFINE)
    with pytest.raises(KeyboardInterrupt):
        run_experiment(params, say=quiet, invert=Counted(3))
    assert (tmp_path / "run" / "a" / CODE).is_file()

    def again(fresh=False, **changes):
        counted = Counted()
        changed = params.replace(**changes)
        run_experiment(changed, say=quiet, invert=counted, fresh=fresh)
        assert not (tmp_path / "run" / "a" / CODE).exists()
        return counted.count("code"), counted.count("refine")

    return again


def test_the_same_call_takes_the_waiting_code(stopped):
    assert stopped() == (0, 2)


def test_fresh_does_not(stopped):
    assert stopped(fresh=True) == (2, 2)


@pytest.mark.parametrize("changes", [dict(seed=1), dict(refine_steps=3), dict(lr=0.2)], ids=str)
def test_other_parameters_do_not(stopped, changes):
    assert stopped(**changes) == (2, changes.get("refine_steps", 2))


def test_another_photograph_does_not(stopped, photos, make_photo):
    make_photo(photos[0], 7)
    assert stopped() == (2, 2)


def test_a_run_that_refines_nothing_removes_it(stopped, tmp_path):
    assert stopped(refine="none") == (2, 0)
    assert not (tmp_path / "run" / "a" / REFINEMENT).exists()


def test_a_refinement_that_fails_is_noted_with_its_reason(toy_params, photos, tmp_path):
    """A loss that is not finite."""

    def failing(*arguments, params, **options):
        def loss(images, target, ws):
            return images.mean() * torch.nan

        return ganinv.invert(*arguments, params, refine_loss=loss, **options)

    params = toy_params(photos[:1], steps=2, **REFINE)
    run = run_experiment(params, say=quiet, invert=failing)
    assert "the loss became nan at step 3; the best so far is kept" in run.failed["a"]
    assert not any((tmp_path / "run" / "a" / name).exists() for name in REFINED)
    counted = Counted()
    assert run_experiment(params, say=quiet, invert=counted).failed == {}
    assert counted == ["refine"] * 2


def test_fresh_without_a_refinement_removes_the_files_of_one(toy_params, photos, tmp_path):
    refined, plain = (toy_params(photos[:1], steps=2, **x) for x in (REFINE, {}))
    run_experiment(refined, say=quiet)
    assert all((tmp_path / "run" / "a" / name).is_file() for name in REFINED)
    with pytest.raises(ParamsError, match="under other parameters .*refine: features there"):
        run_experiment(plain, say=quiet)
    run_experiment(plain, say=quiet, fresh=True)
    assert not any((tmp_path / "run" / "a" / name).exists() for name in REFINED)
    assert "code" not in read_record(tmp_path / "run", "a")


def test_a_lost_file_is_made_again(toy_params, photos, tmp_path):
    params = toy_params(photos[:1], steps=2, **REFINE)
    run_experiment(params, say=quiet)
    before = (tmp_path / "run" / "a" / REFINEMENT).read_bytes()
    (tmp_path / "run" / "a" / REFINEMENT).unlink()
    for expected in (4, 0):
        counted = Counted()
        run_experiment(params, say=quiet, invert=counted)
        assert len(counted) == expected
    assert (tmp_path / "run" / "a" / REFINEMENT).read_bytes() == before


def test_a_run_goes_on_from_a_refined_one(toy_params, photos, tmp_path):
    params = toy_params(photos[:1], steps=2, **REFINE)
    first = run_experiment(params, say=quiet)
    init = str(first.out / "a" / "latent.safetensors")
    more = params.replace(steps=0, init=init, refine_steps=8, out=str(tmp_path / "more"))
    second = run_experiment(more, say=quiet)
    entries = [run.results["images"]["a"] for run in (first, second)]
    assert entries[1]["psnr"] > entries[0]["psnr"] > entries[0]["code"]["psnr"]
    assert entries[0]["code"] == entries[1]["code"]
