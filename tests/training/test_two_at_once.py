"""Two trainings on one folder: the second says so, and harms nothing."""

import pytest

from ganinv.cli import train as cli
from ganinv.errors import InUseError, ParamsError
from ganinv.training.encoder.train import train_encoder
from ganinv.training.folder import check_free, held
from helpers.encoders import quick_params
from helpers.forked_trainings import PROCESSES, in_a_process, tiny, train_tiny
from helpers.tensors import quiet


@pytest.fixture
def running(tmp_path):
    """A training that is at work in tmp_path/run, and its process."""
    started = PROCESSES.Event()
    params = tiny(tmp_path / "run")
    process = in_a_process(params, started=started, pause=300.0)
    assert started.wait(60)
    yield params, process
    process.kill()
    process.join()


def files(folder):
    return sorted(path.name for path in folder.rglob("*"))


@pytest.mark.parametrize("fresh", [False, True])
def test_a_second_training_says_so_whichever_it_is(running, toy_path, tmp_path, fresh):
    params, _ = running
    before = files(tmp_path / "run")
    said = rf"another training is at work in {params.out}; name another folder by --out, or wait"
    with pytest.raises(InUseError, match=said):
        train_tiny(params, fresh=fresh)
    with pytest.raises(InUseError, match=said):
        train_encoder(quick_params(toy_path, params.out), fresh=fresh, say=quiet)
    sets = [f"generator={toy_path}"]
    with pytest.raises(InUseError, match=said):
        cli.train_encoder(overrides=sets, out=params.out, fresh=fresh)
    assert files(tmp_path / "run") == before


def test_a_killed_training_leaves_nothing_that_stops_the_next(running):
    params, process = running
    process.kill()
    process.join()
    assert train_tiny(params).is_file()


def test_trainings_in_folders_of_their_own_do_not_meet(running, tmp_path):
    assert train_tiny(tiny(tmp_path / "other")).is_file()


def test_what_fails_before_anything_is_written_leaves_no_folder(tmp_path):
    with pytest.raises(ParamsError, match="there is no folder nowhere"):
        train_tiny(tiny(tmp_path / "run", images="nowhere"))
    assert not (tmp_path / "run").exists()
    (tmp_path / "mine").mkdir()
    with held(tmp_path / "mine"), pytest.raises(InUseError):
        check_free(tmp_path / "mine")
    assert (tmp_path / "mine").is_dir() and files(tmp_path / "mine") == []
