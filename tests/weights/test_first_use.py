"""Outside a clone the first use fetches what it needs and says so; in a clone a command does."""

import os
import subprocess
import sys

import pytest

from ganinv.errors import WeightsError
from ganinv.weights.convert import converted
from ganinv.weights.fetch import damage, fetch
from ganinv.weights.find import ensure
from ganinv.weights.first_use import fetching_alone
from ganinv.weights.manifest import weight_path
from helpers.paths import DATA
from helpers.projects import GOOD, NOTHING, assert_holds_the_network, closed_port

HOME_FILES = {"tiny.safetensors", "tiny.json", "downloads"}


@pytest.fixture
def home(project, pages, tmp_path, monkeypatch):
    """A fresh home beside a root that is only read, and a server with the weights."""
    pages.serve("tiny.ckpt", GOOD)
    project.declare(pages.source())
    monkeypatch.setenv("GANINV_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def names_in(folder):
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def test_the_first_use_fetches_and_says_so_on_stderr(home, project, pages, capsys):
    path = ensure("tiny")
    assert path == home / "checkpoints" / "tiny.safetensors" == weight_path("tiny")
    assert_holds_the_network(path)
    assert names_in(home / "checkpoints") == HOME_FILES and damage("tiny") == ""
    assert project.files() == NOTHING
    said = capsys.readouterr()
    assert said.out == ""  # where results are
    first = said.err.splitlines()[0]
    for part in ("tiny", f"{len(GOOD) / 1e6:.1f} MB", "BSD-3-Clause", str(home)):
        assert part in first


def test_later_uses_say_and_fetch_nothing(home, pages, capsys):
    ensure("tiny")
    capsys.readouterr()
    ensure("Tiny")
    said = capsys.readouterr()
    assert pages.asked == ["/tiny.ckpt"] and said.out == said.err == ""


def test_the_command_brings_it_to_the_same_place(home, capsys):
    assert fetch("tiny", say=lambda _: None) == ensure("tiny")
    assert capsys.readouterr().err == ""


def test_what_was_downloaded_before_is_not_announced_as_a_download(home, pages, capsys):
    (home / "checkpoints" / "downloads").mkdir(parents=True)
    (home / "checkpoints" / "downloads" / "tiny.ckpt").write_bytes(GOOD)
    ensure("tiny")
    assert "MB" not in capsys.readouterr().err and pages.asked == []


def test_without_a_network_the_way_by_hand_leads_to_the_home(home, project, pages):
    project.declare(pages.source(url=f"{closed_port()}/tiny.ckpt"))
    with pytest.raises(WeightsError, match="by hand") as caught:
        ensure("tiny")
    assert str(home / "checkpoints" / "downloads") in str(caught.value)
    assert str(project.folder) not in str(caught.value)


def test_weights_of_the_repository_are_read_where_they_are_brought(home, project):
    project.declare()
    with pytest.raises(WeightsError, match="tiny is part of the repository"):
        ensure("tiny")
    project.converted.write_bytes(b"weights")
    assert ensure("tiny") == weight_path("tiny") == project.converted


def test_a_home_that_cannot_be_written_is_said_before_anything_is_fetched(home, pages):
    home.write_text("a file")
    with pytest.raises(WeightsError, match="GANINV_HOME"):
        ensure("tiny")
    with pytest.raises(WeightsError, match="GANINV_HOME"):
        converted(DATA / "rosinality_64.pt", "generator")
    assert pages.asked == []


PROCESS = "from ganinv.weights.find import ensure; print(ensure('tiny'))"


def test_processes_that_begin_together_fetch_once(home, pages):
    begun = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    said = [process.communicate(timeout=100) for process in begun]
    assert [out for out, _ in said] == [f"{home}/checkpoints/tiny.safetensors\n"] * 4, said
    assert pages.asked == ["/tiny.ckpt"]
    assert names_in(home / "checkpoints") == HOME_FILES
    assert_holds_the_network(weight_path("tiny"))


HOLDER = """
from ganinv.weights.first_use import fetching_alone
with fetching_alone(print):
    with fetching_alone(print):
        print("held", flush=True)
        input()
"""


@pytest.fixture
def holder(home):
    """Another process that is fetching into the home."""
    made = subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert made.stdout.readline() == "held\n"
    yield made
    made.kill()
    made.communicate()


def test_one_that_waits_says_so_and_gives_up_in_the_end(holder, home):
    said = []
    with (
        pytest.raises(WeightsError, match=r"delete .*\.fetching\.lock"),
        fetching_alone(said.append, at_once=0.01, patience=0.2),
    ):
        pytest.fail("two at once")
    assert len(said) == 1 and str(home) in said[0]


def test_a_process_that_was_killed_keeps_nobody_waiting(holder):
    holder.kill()
    holder.wait()
    with fetching_alone(pytest.fail, at_once=5):
        pass


def test_a_clone_is_not_locked(project):
    project.declare()
    with fetching_alone(pytest.fail):
        assert project.files() == NOTHING
