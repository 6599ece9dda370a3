"""Runs that are killed amid their files, and processes that share a folder: nothing is mixed up."""

import pytest

from ganinv.core_yaml import dump_yaml
from ganinv.errors import InUseError, ParamsError
from ganinv.files import write_json, write_text
from ganinv.locks import TRAINING, locked
from ganinv.runs.experiment import run_experiment
from ganinv.runs.folder import RunFolder
from ganinv.runs.names import ALSO, OUTPUTS, RECORD
from ganinv.runs.overview import show, write_overview
from ganinv.runs.params import Params
from ganinv.runs.record_files import read_record
from ganinv.runs.records import collect
from ganinv.runs.verify import verify
from helpers.checks import strict_json
from helpers.processes import killed_before
from helpers.runs import USUAL

LATENT = "latent.safetensors"


def finished_images(path, names, key="here"):
    """A folder with finished images that hold no pictures, of settings with the hash `key`."""
    folder = RunFolder(path, key)
    for name in names:
        folder.note(name, dict(USUAL))
        for file in (*OUTPUTS, *ALSO):
            (path / name / file).write_text("")
    write_text(path / "params.yaml", dump_yaml(Params().model_dump()))
    return folder


def hidden(folder):
    return [path.name for path in folder.rglob(".*")]


# --- killed amid the files of an image ---


def test_an_older_entry_does_not_come_back_for_files_half_replaced(tmp_path):
    """metrics.json still has it, and a latent is there."""
    folder = finished_images(tmp_path, "ab")
    collect(tmp_path)
    folder.begin("a")
    metrics = collect(tmp_path)
    assert set(metrics["images"]) == {"b"} and "the same command" in metrics["failed"]["a"]
    assert folder.finished("a", {}) is None


def test_what_the_new_result_may_not_have_goes_with_the_older_one(tmp_path):
    finished_images(tmp_path, "a").begin("a")
    left = {path.name for path in (tmp_path / "a").iterdir()}
    assert left == {RECORD, *OUTPUTS, "pasted.png"}


@pytest.mark.parametrize("file", [*OUTPUTS, *ALSO, RECORD])
def test_a_removal_that_was_killed_is_ended_by_the_same_call(tmp_path, file):
    finished_images(tmp_path, "a", key="other")
    folder = RunFolder(tmp_path, "here")

    def begin():
        with folder.opened(Params(), {}, fresh=True, say=print):
            pass

    killed_before("os.remove", f"/a/{file}", begin)
    assert (tmp_path / "a" / RECORD).is_file()
    begin()
    assert not (tmp_path / "a").exists() and hidden(tmp_path) == []


@pytest.mark.parametrize("file", ["metrics.csv", "contact_sheet.jpg", "index.html"])
def test_the_page_shows_all_after_a_kill_before_it_was_written(
    toy_params, photos, tmp_path, silent, inverted, file
):
    run_experiment(toy_params(photos[:1]), say=silent)
    killed_before(
        "os.rename", f"/run/{file}", lambda: run_experiment(toy_params(photos), say=silent)
    )
    run_experiment(toy_params(photos), say=silent, invert=inverted)
    assert inverted == [] and ".lock" not in "".join(hidden(tmp_path / "run"))
    assert 'id="b"' in (tmp_path / "run" / "index.html").read_text()
    assert verify(tmp_path / "run", say=silent) == {}


# --- processes that share a folder ---


def test_the_page_shows_what_another_process_gathered_meanwhile(tmp_path):
    folder = finished_images(tmp_path, "a")
    first = collect(tmp_path)
    folder.note("b", dict(USUAL))
    collect(tmp_path)
    write_overview(tmp_path, first, Params())  # the slower of the two
    show(tmp_path, Params(), anew=False)
    assert 'id="b"' in (tmp_path / "index.html").read_text()
    before = (tmp_path / "index.html").stat().st_ino
    show(tmp_path, Params(), anew=False)
    assert (tmp_path / "index.html").stat().st_ino == before


def test_a_run_of_other_parameters_is_refused_before_the_first_image_is_begun(tmp_path):
    with (
        RunFolder(tmp_path, "here").opened(Params(), {}),
        pytest.raises(InUseError, match="under other parameters"),
        RunFolder(tmp_path, "other").opened(Params(), {}, fresh=True),
    ):
        pass
    with RunFolder(tmp_path, "other").opened(Params(), {}):
        assert len(hidden(tmp_path)) == 1
    assert hidden(tmp_path) == []


def test_a_run_of_the_same_parameters_joins(tmp_path):
    with RunFolder(tmp_path, "here").opened(Params(), {}):
        with RunFolder(tmp_path, "here").opened(Params(), {}):
            assert len(hidden(tmp_path)) == 2
        assert len(hidden(tmp_path)) == 1


def test_locks_that_killed_processes_left_go_when_results_are_gathered(tmp_path):
    folder = finished_images(tmp_path, "a")

    def begin():
        with folder.opened(Params(), {}), folder.claim("a"):
            folder.note("a", dict(USUAL))

    killed_before("os.rename", f"/a/{RECORD}", begin)
    assert len(hidden(tmp_path)) == 3  # of the run, of the image, and half a record
    with folder.claim("b"):
        collect(tmp_path)
        assert [name for name in hidden(tmp_path) if name.startswith(".lock")] == [".lock"]


def test_what_another_process_finished_meanwhile_is_not_removed(tmp_path):
    folder = finished_images(tmp_path, "a")
    folder.remove("a")
    assert (tmp_path / "a" / LATENT).is_file()
    other = RunFolder(tmp_path, "other")
    with folder.claim("a"):
        other.remove("a")
    assert read_record(tmp_path, "a") is not None
    other.remove("a")
    assert not (tmp_path / "a").exists()


# --- folders of something else ---


def test_a_training_at_work_is_not_waited_for(tmp_path):
    with locked(tmp_path / ".lock", note=TRAINING):
        for begin in (
            lambda: RunFolder(tmp_path, "here").opened(Params(), {}).__enter__(),
            lambda: collect(tmp_path),
        ):
            with pytest.raises(InUseError, match="a training is at work in .*--out"):
                begin()


def test_a_folder_of_a_training_is_refused_and_stays_as_it_was(tmp_path):
    text = dump_yaml(dict(save_every=100, steps=3, out="."))
    write_text(tmp_path / "params.yaml", text)
    for options in ({}, {"fresh": True}, {"set_aside": True}):
        with (
            pytest.raises(ParamsError, match="holds no run.*name another folder"),
            RunFolder(tmp_path, "here").opened(Params(), {}, **options),
        ):
            pass
    assert (tmp_path / "params.yaml").read_text() == text
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


def test_an_older_runs_parameters_are_no_reason_to_refuse(tmp_path):
    write_text(tmp_path / "params.yaml", dump_yaml(dict(steps=3, of_old=1)))
    write_json(tmp_path / "metrics.json", {"images": {}})
    with RunFolder(tmp_path, "here").opened(Params(), {}):
        pass
    assert Params.load(tmp_path / "params.yaml").steps == Params().steps


def test_a_folder_that_was_removed_meanwhile_is_whole_at_the_end(
    toy_params, photos, tmp_path, silent, inverted
):
    def removing(*arguments, **options):
        for name in ("params.yaml", "environment.json"):
            (tmp_path / "run" / name).unlink()
        return inverted(*arguments, **options)

    run_experiment(toy_params(photos[:1]), say=silent, invert=removing)
    assert verify(tmp_path / "run", say=silent) == {}
    assert strict_json(tmp_path / "run" / "environment.json")["seed"] == 0
