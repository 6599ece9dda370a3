"""Locks between processes."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from ganinv.errors import InUseError, WriteError
from ganinv.locks import is_locked, locked, read_note

HOLDER = """
import sys, time
from ganinv.locks import locked
with locked(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of tmp_path/run/.lock."""
    path = tmp_path / "run" / ".lock"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield path, process
    process.kill()
    process.wait()


def test_a_lock_is_held_by_one_and_leaves_nothing(tmp_path):
    path = tmp_path / "run" / ".lock"
    assert not is_locked(path)
    with locked(path):
        assert is_locked(path)
        with pytest.raises(InUseError, match="another process is at work in .*run"), locked(path):
            pass
    assert not is_locked(path)
    assert os.listdir(path.parent) == []


def test_another_process_keeps_it(holder):
    path, _ = holder
    assert is_locked(path)
    with pytest.raises(InUseError), locked(path):
        pass


def test_a_killed_process_cannot_leave_it_locked(holder):
    path, process = holder
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not is_locked(path)
    with locked(path):
        pass
    assert os.listdir(path.parent) == []


def test_waiting_ends_when_the_other_process_does(holder):
    path, process = holder
    timer = threading.Timer(0.3, process.kill)
    timer.start()
    with locked(path, wait=-1):
        assert process.wait() == -signal.SIGKILL


def test_processes_that_come_and_go_exclude_each_other(tmp_path):
    """Each adds one to a number, a read and a write apart, under the lock."""
    count = tmp_path / "count"
    count.write_text("0")
    code = """
import sys, time
from pathlib import Path
from ganinv.locks import locked
count = Path(sys.argv[1])
for _ in range(25):
    with locked(count.with_name(".lock"), wait=-1):
        number = int(count.read_text())
        time.sleep(0.001)
        count.write_text(str(number + 1))
"""
    workers = [subprocess.Popen([sys.executable, "-c", code, count]) for _ in range(3)]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    assert count.read_text() == "75"
    assert os.listdir(tmp_path) == ["count"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "run" / ".lock"
    with pytest.raises(WriteError, match="run/.lock cannot be written"), locked(path):
        pass


def test_a_note_says_what_a_lock_is_held_for_and_goes_with_it(tmp_path):
    path = tmp_path / "run" / ".lock"
    assert read_note(path) == ""
    with locked(path, note="training"):
        assert read_note(path) == "training" and is_locked(path)
        assert read_note(path) == "training"
    path.write_text("training")  # a killed process left it
    with locked(path):
        assert read_note(path) == ""
    assert not path.exists()


def test_a_folder_that_others_remove_while_it_is_empty_is_made_again(tmp_path):
    path = tmp_path / "run" / ".lock"
    code = """
import os, sys, time
while True:
    time.sleep(0.0002)
    try:
        os.rmdir(sys.argv[1])
    except OSError:
        pass
"""
    remover = subprocess.Popen([sys.executable, "-c", code, path.parent])
    try:
        for _ in range(200):
            with locked(path, wait=10):
                assert path.is_file()
    finally:
        remover.kill()
        remover.wait()
