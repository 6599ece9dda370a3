"""A worker by itself, without Ray: what it does to a folder that others write to as well."""

import threading

import pytest

from ganinv.errors import ParamsError
from ganinv.files import read_json
from ganinv.inversion.invert import invert
from ganinv.locks import is_locked, locked
from ganinv.runs.engines import _Tally
from ganinv.runs.experiment import Work, run_experiment
from ganinv.runs.folder import RunFolder
from ganinv.runs.inputs import find_photos
from ganinv.runs.plan import make_plan
from ganinv.runs.record_files import read_record, write_record
from ganinv.runs.workers import ATTEMPTS, DEATHS, MARKER, Outcome, Setup, Worker

TOKEN = "call"


def never(*arguments, **options):
    raise AssertionError("a photograph that killed every worker was begun again")


@pytest.fixture
def photos(make_photo, tmp_path):
    return [make_photo(tmp_path / f"{name}.png", seed) for seed, name in enumerate("ab")]


@pytest.fixture
def worker(toy_params, photos, tmp_path):
    """A function that makes a worker of a call that has begun, and the photographs' list."""

    def make(search=invert, *, fresh=False, wait=0.0):
        plan = make_plan(toy_params(photos), invert)
        params = plan.params
        out = tmp_path / "run"
        out.mkdir(exist_ok=True)
        (out / f"{MARKER}-{TOKEN}").write_text(TOKEN)
        found = find_photos(params.images, params.align, params.face)
        made = {"threads": 1}
        here = str(tmp_path)
        setup = Setup(
            *(params, plan.key, search, made, [], len(found), 1, fresh, TOKEN),
            *(lambda folder, token: True, here),
        )
        return Worker(setup, wait), found

    return make


def note_deaths(folder, image_id, token=TOKEN, count=DEATHS):
    (folder / image_id).mkdir(exist_ok=True)
    (folder / image_id / f"{ATTEMPTS}-{token}").write_bytes(b"." * count)


def test_a_worker_that_gives_up_keeps_an_earlier_result(
    worker, toy_params, photos, tmp_path, silent
):
    run_experiment(toy_params(photos), say=silent)
    earlier = read_json(tmp_path / "run" / "a" / "record.json")
    made, (photo, _) = worker(never, fresh=True)
    note_deaths(tmp_path / "run", "a")
    outcome = made.do(photo, 1)
    assert outcome.state == "failed" and "3 workers died" in outcome.reason
    assert read_json(tmp_path / "run" / "a" / "record.json") == earlier


def test_a_worker_that_waited_to_give_up_keeps_what_another_has_finished(
    worker, toy_params, photos, tmp_path, silent
):
    made, (photo, _) = worker(never, wait=-1)
    folder = tmp_path / "run"
    note_deaths(folder, "a")
    lock = folder / "a" / ".lock"
    outcomes = []
    with locked(lock):
        thread = threading.Thread(target=lambda: outcomes.append(made.do(photo, 1)))
        thread.start()
        entry = {"psnr": 20.0, "settings": made.setup.key}
        write_record(folder, "a", entry)
    thread.join(60)
    assert [outcome.state for outcome in outcomes] == ["kept"] and not is_locked(lock)
    assert read_record(folder, "a") == entry


def test_a_folder_that_cannot_be_written_fails_its_photograph_alone(worker, tmp_path):
    made, photos = worker()
    (tmp_path / "run" / "a").write_text("somebody's file")
    outcomes = [made.do(photo, number) for number, photo in enumerate(photos, 1)]
    assert [outcome.state for outcome in outcomes] == ["failed", "done"]
    assert "cannot be written" in outcomes[0].reason
    assert (tmp_path / "run" / "a").read_text() == "somebody's file"


def test_deaths_at_a_photograph_that_is_busy_stay_counted(worker, tmp_path):
    made, (photo, _) = worker()
    note_deaths(tmp_path / "run", "a", "another", 2)
    with locked(tmp_path / "run" / "a" / ".lock"):
        assert made.do(photo, 1).state == "busy"
    kept = [path.name for path in (tmp_path / "run" / "a").glob(f"{ATTEMPTS}-*")]
    assert kept == [f"{ATTEMPTS}-another"]
    assert made.do(photo, 1).state == "done"
    assert not [*(tmp_path / "run" / "a").glob(f"{ATTEMPTS}-*")]


def test_a_result_that_is_being_made_anew_is_none(worker, toy_params, photos, tmp_path, silent):
    made, _ = worker()
    folder = made.folder
    folder.begin("a")
    plan = make_plan(toy_params(photos), invert)
    work = Work(folder, plan.params, 32, plan.search, None, None, None, silent, 1)
    _Tally(work, 1).note(Outcome("a", "done", seconds=1.0))
    assert work.results()["images"] == {} and silent.about("done")


def test_the_driver_says_of_what_was_kept_that_it_is_less(toy_params, photos, tmp_path, silent):
    """As a call without an engine does."""
    run_experiment(toy_params(photos, keep="latents"), say=silent)
    plan = make_plan(toy_params(photos), invert)
    folder = RunFolder(tmp_path / "run", plan.key)
    work = Work(folder, plan.params, 32, plan.search, None, None, None, silent, 1)
    _Tally(work, 1).note(Outcome("a", "kept"))
    (said,) = silent.about("finished earlier, kept")
    assert "its latents alone; --fresh makes it anew" in said


def test_what_no_photograph_can_begin_with_ends_the_call_by_a_sentence(
    worker, toy_params, photos, tmp_path, silent
):
    """A start that is changed meanwhile: a call without an engine ends so too."""

    def search(*arguments, **options):
        raise ValueError("start.safetensors holds no tensor named latent")

    made, (photo, _) = worker(search)
    outcome = made.do(photo, 1)
    work = Work(made.folder, made.setup.params, 32, search, None, None, None, silent, 1)
    with pytest.raises(ParamsError, match=r"^start.safetensors holds no tensor named latent$"):
        _Tally(work, 1).note(outcome)
    with pytest.raises(ValueError, match="start.safetensors"):
        run_experiment(toy_params(photos, out=str(tmp_path / "alone")), say=silent, invert=search)
