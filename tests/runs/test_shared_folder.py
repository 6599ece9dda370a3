"""A run's folder: many processes, many records, older runs, what is gathered."""

import contextlib
import csv
import json
import os
import shutil
import time
from pathlib import Path

import pytest

import ganinv
from ganinv.errors import InUseError, ParamsError, WriteError
from ganinv.files import read_json, write_json
from ganinv.locks import is_locked, locked
from ganinv.runs.experiment import run_experiment
from ganinv.runs.folder import LOCK, RunFolder
from ganinv.runs.params import Params
from ganinv.runs.records import collect, read_run
from ganinv.runs.verify import verify
from helpers.checks import strict_json
from helpers.processes import in_processes

# --- several processes ---


def _invert_all(values, log):
    """Run in a process of its own; note the images that it searched for."""
    import ganinv

    def invert(*args, image_id, **options):
        with open(log, "a") as file:
            file.write(f"{image_id}\n")
        time.sleep(0.2)
        return ganinv.invert(*args, image_id=image_id, **options)

    said = []
    run = run_experiment(Params.make(values), say=said.append, invert=invert)
    return sorted(run.results["images"]), said


def test_two_processes_share_a_folder_image_by_image(toy_params, make_photo, tmp_path):
    photos = [make_photo(tmp_path / "photos" / f"{name}.png", i) for i, name in enumerate("abcd")]
    values = toy_params(photos).model_dump()
    log = tmp_path / "log"
    results = in_processes(_invert_all, [(values, log), (values, log)])
    assert [done for done, _ in results] == [[*"abcd"]] * 2
    assert sorted(log.read_text().split()) == [*"abcd"]  # each was searched once
    said = [text for _, lines in results for text in lines]
    assert any("another process is doing it" in text for text in said)
    metrics = strict_json(tmp_path / "run" / "metrics.json")
    assert set(metrics["images"]) == {*"abcd"} and metrics["failed"] == {}
    assert not [p for p in (tmp_path / "run").rglob(".*")]
    assert verify(tmp_path / "run", say=said.append) == {}


def test_a_failure_is_written_while_the_image_is_still_claimed(toy_params, photos, tmp_path):
    """Else it could come down on a result that another process finishes at that moment."""
    photos[0].write_bytes(b"no picture")
    held = []

    def say(text):
        if "warning" in text:
            held.append(is_locked(tmp_path / "run" / "a" / ".lock"))

    assert set(run_experiment(toy_params(photos), say=say).failed) == {"a"}
    assert held == [True]


def test_processes_with_images_of_their_own_lose_none(toy_params, make_photo, tmp_path):
    photos = [make_photo(tmp_path / "photos" / f"{name}.png", i) for i, name in enumerate("abcd")]
    log = tmp_path / "log"
    jobs = [(toy_params(half).model_dump(), log) for half in (photos[:2], photos[2:])]
    assert [done for done, _ in in_processes(_invert_all, jobs)] == [["a", "b"], ["c", "d"]]
    assert set(strict_json(tmp_path / "run" / "metrics.json")["images"]) == {*"abcd"}


def test_an_image_that_another_process_has_is_waited_for(toy_params, photos, tmp_path, silent):
    run = run_experiment(toy_params(photos), say=silent)
    key = run.results["images"]["a"]["settings"]
    before = (tmp_path / "run" / "a" / "latent.safetensors").read_bytes()
    (tmp_path / "run" / "a" / "record.json").unlink()
    lock = locked(tmp_path / "run" / "a" / ".lock")
    lock.__enter__()

    def say(text):
        silent(text)
        if "waiting" in text:  # the other process ends, without a result
            lock.__exit__(None, None, None)

    (tmp_path / "run" / "a" / ".lock").write_text(key)
    run = run_experiment(toy_params(photos), say=say)
    assert set(run.results["images"]) == {"a", "b"}
    assert silent.about("a: another process is doing it")
    assert (tmp_path / "run" / "a" / "latent.safetensors").read_bytes() == before


def test_other_parameters_in_a_folder_that_is_written_to_are_refused(
    toy_params, photos, tmp_path, silent
):
    def refused(*args, **options):
        with pytest.raises(InUseError, match="another process is writing"):
            run_experiment(toy_params(photos, steps=5), say=silent)
        return ganinv.invert(*args, **options)

    assert run_experiment(toy_params(photos), say=silent, invert=refused).failed == {}
    with pytest.raises(ParamsError, match="2 results under other parameters"):
        run_experiment(toy_params(photos, steps=5), say=silent)


# --- gathering ---


def test_collect_gathers_what_the_records_say(toy_params, photos, tmp_path, silent):
    run_experiment(toy_params(photos), say=silent)
    folder = tmp_path / "run"
    whole = {name: (folder / name).read_bytes() for name in ("metrics.json", "metrics.csv")}
    for name in whole:
        (folder / name).unlink()
    collect(folder)
    assert {name: (folder / name).read_bytes() for name in whole} == whole
    shutil.rmtree(folder / "a")
    write_json(folder / "b" / "record.json", {"failed": "b.png: no face found"})
    metrics = collect(folder)
    assert metrics == strict_json(folder / "metrics.json")
    assert metrics == {"images": {}, "mean": {}, "std": {}, "failed": {"b": "b.png: no face found"}}


def test_collect_refuses_a_folder_without_a_run(tmp_path):
    with pytest.raises(ValueError, match="no run"):
        collect(tmp_path)
    with pytest.raises(ValueError, match="no such folder"):
        collect(tmp_path / "absent")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff\xfe", b"5"])
def test_a_damaged_record_counts_as_none(toy_params, photos, tmp_path, inverted, silent, damage):
    run_experiment(toy_params(photos), say=silent, invert=inverted)
    (tmp_path / "run" / "a" / "record.json").write_bytes(damage)
    assert set(collect(tmp_path / "run")["images"]) == {"b"}
    run_experiment(toy_params(photos), say=silent, invert=inverted)
    assert inverted == ["a", "b", "a"]


def test_results_of_versions_without_records_are_taken_over(
    toy_params, photos, tmp_path, inverted, silent
):
    run_experiment(toy_params(photos), say=silent, invert=inverted)
    for name in "ab":
        (tmp_path / "run" / name / "record.json").unlink()
    (tmp_path / "run" / "environment.json").unlink()  # theirs names no settings
    params, metrics = read_run(tmp_path / "run")
    assert set(metrics["images"]) == {"a", "b"}
    run = run_experiment(toy_params(photos), say=silent, invert=inverted)
    assert inverted == ["a", "b"] and len(run.results["images"]) == 2
    assert read_json(tmp_path / "run" / "a" / "record.json") == metrics["images"]["a"]


def test_the_table_has_numbers_and_words_alone(toy_params, photos, tmp_path, silent):
    run_experiment(toy_params(photos), say=silent)
    with open(tmp_path / "run" / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert "crop" not in rows[0] and not any("{" in cell for row in rows for cell in row.values())


def fake_records(folder, count):
    entry = dict(psnr=20.0, ssim=0.5, lpips_alex=0.3, lpips_vgg=0.4, seconds=1.0, settings="key")
    text = json.dumps(entry)
    for number in range(count):
        place = folder / f"image{number:05d}"
        place.mkdir(parents=True)
        (place / "record.json").write_text(text)


def test_the_cost_of_finishing_an_image_does_not_grow(tmp_path):
    """Twenty thousand records, and ten: what is done per image takes as long, and as many files."""
    times = {}
    for count in (10, 20_000):
        folder = RunFolder(tmp_path / str(count), "key")
        fake_records(folder.path, count)
        taken = []
        for number in range(15):
            started = time.perf_counter()
            with folder.claim(f"new{number}"):
                assert folder.finished(f"new{number}", {"image_sha256": "x"}) is None
                folder.begin(f"new{number}")
                folder.note(f"new{number}", {"psnr": 1.0})
            taken.append(time.perf_counter() - started)
        times[count] = sorted(taken)[7]
    # reading twenty thousand records takes half a second and more
    assert times[20_000] < max(5 * times[10], 0.1)
    started = time.perf_counter()
    metrics = collect(tmp_path / "20000")
    assert len(metrics["images"]) == 20_015 and metrics["failed"] == {}
    assert time.perf_counter() - started < 60


# --- files that cannot be written ---


def test_a_folder_that_is_a_file_is_said(toy_params, photos, tmp_path, silent):
    (tmp_path / "run").write_text("")
    with pytest.raises((ParamsError, WriteError), match="run"):
        run_experiment(toy_params(photos), say=silent)


@pytest.mark.parametrize("name", ["index.html", "contact_sheet.jpg", "environment.json"])
def test_a_page_that_no_run_wrote_is_not_overwritten(toy_params, photos, tmp_path, silent, name):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).write_text("somebody's")
    with pytest.raises(ParamsError, match=f"would overwrite its {name}"):
        run_experiment(toy_params(photos), fresh=True, say=silent)
    assert os.listdir(tmp_path / "run") == [name]
    assert (tmp_path / "run" / name).read_text() == "somebody's"


def test_what_is_called_while_another_is_waited_for_sees_the_wait_end(toy_params, photos):
    params, calls = toy_params(photos[:1]), []
    with contextlib.ExitStack() as other:
        other.enter_context(locked(Path(params.out) / "a" / LOCK))

        def waited():
            calls.append("waited")
            if len(calls) == 2:
                other.close()

        run = run_experiment(params, say=lambda text: None, while_waiting=waited)
    assert [*run.results["images"]] == ["a"] and calls == ["waited"] * 2
