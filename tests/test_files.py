"""Files are whole or absent, whatever interrupts the writing."""

import csv
import errno
import hashlib
import math
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganinv import files
from ganinv.errors import WriteError
from ganinv.files import (
    atomic_path,
    read_json,
    sha256_file,
    write_bytes,
    write_csv,
    write_json,
    write_text,
)
from helpers.checks import strict_json

OLD = b"the older file, whole"
NEW = b"new " * 1000


@pytest.fixture
def older(tmp_path):
    """A file that exists already, alone in its folder."""
    path = tmp_path / "result.json"
    path.write_bytes(OLD)
    return path


def assert_untouched(path):
    assert path.read_bytes() == OLD
    assert os.listdir(path.parent) == [path.name]


# --- atomic writes ---


def test_a_write_replaces_the_older_file_and_leaves_nothing_else(older):
    write_bytes(older, NEW)
    assert older.read_bytes() == NEW
    assert os.listdir(older.parent) == [older.name]


def test_the_older_file_stays_readable_until_the_new_one_is_whole(older):
    with atomic_path(older) as temporary:
        temporary.write_bytes(NEW)
        assert older.read_bytes() == OLD
        assert temporary.parent == older.parent  # a rename across file systems is a copy
    assert older.read_bytes() == NEW


def test_missing_folders_are_made(tmp_path):
    write_bytes(tmp_path / "a" / "b" / "c.bin", NEW)
    assert (tmp_path / "a" / "b" / "c.bin").read_bytes() == NEW


def test_the_temporary_file_keeps_the_suffix_and_is_hidden(tmp_path):
    with atomic_path(tmp_path / "picture.png") as temporary:
        assert temporary.suffix == ".png"  # writers choose the format by it
        assert temporary.name.startswith(".")
        temporary.write_bytes(NEW)


@pytest.mark.parametrize("kind", [ValueError, OSError, KeyboardInterrupt, SystemExit])
def test_a_failure_in_the_middle_leaves_the_older_file(older, kind):
    with pytest.raises(kind), atomic_path(older) as temporary:
        temporary.write_bytes(NEW[:10])
        raise kind("in the middle")
    assert_untouched(older)


def test_a_failure_before_anything_is_written_leaves_the_older_file(older):
    with pytest.raises(ZeroDivisionError), atomic_path(older):
        raise ZeroDivisionError
    assert_untouched(older)


def test_a_writer_that_writes_nothing_is_an_error(older):
    with pytest.raises(OSError), atomic_path(older):
        pass
    assert_untouched(older)


@pytest.mark.parametrize("step", ["fsync", "replace", "chmod"])
def test_a_full_disk_at_any_step_leaves_the_older_file(older, monkeypatch, step):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, step, full)
    with pytest.raises(OSError) as caught:
        write_bytes(older, NEW)
    monkeypatch.undo()
    assert caught.value.errno == errno.ENOSPC
    assert_untouched(older)


def test_a_disk_that_fills_up_in_the_middle_leaves_the_older_file(older, monkeypatch):
    def half(self, data):
        with open(self, "wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError) as caught:
        write_json(older, {"a": [1] * 1000})
    monkeypatch.undo()
    assert caught.value.errno == errno.ENOSPC
    assert_untouched(older)


def run_python(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True
    )


def test_a_limit_of_the_system_on_file_sizes_leaves_the_older_file(older):
    done = run_python(
        "import resource, sys\n"
        "from ganinv.files import write_bytes\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    write_bytes(sys.argv[1], b'x' * 4000)\n"
        "except OSError as error:\n"
        "    print('refused', error.errno)\n",
        older,
    )
    assert done.stdout == f"refused {errno.EFBIG}\n", done.stderr
    assert_untouched(older)


KILLED = """
import os, signal, sys
from ganinv import files
from ganinv.errors import WriteError
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "while writing":
    with files.atomic_path(sys.argv[1]) as temporary:
        temporary.write_bytes(b"half of it")
        die()
setattr(files.os, sys.argv[2], die)
files.write_bytes(sys.argv[1], b"all of it")
"""


@pytest.mark.parametrize("moment", ["while writing", "fsync", "replace"])
def test_a_kill_before_the_rename_leaves_the_older_file_whole(older, moment):
    assert run_python(KILLED, older, moment).returncode == -signal.SIGKILL
    assert older.read_bytes() == OLD
    write_bytes(older, NEW)  # and what the kill left behind is in nobody's way
    assert older.read_bytes() == NEW


@pytest.mark.parametrize("moment", ["while writing", "fsync", "replace"])
def test_the_next_process_removes_what_a_killed_one_left(older, moment):
    run_python(KILLED, older, moment)
    assert len(os.listdir(older.parent)) == 2
    others = [".ganinv-notes.txt", ".0123456789abcdef.json", ".DS_Store"]
    for name in others:
        (older.parent / name).write_text("somebody's")
    write = "import sys; from ganinv.files import write_text; write_text(sys.argv[1], 'new')"
    assert run_python(write, older).returncode == 0
    assert sorted(os.listdir(older.parent)) == sorted([older.name, *others])


def test_a_file_that_a_living_process_is_writing_is_left_alone(older):
    with atomic_path(older.with_name("other.json")) as temporary:
        temporary.write_bytes(NEW)
        write = "import sys; from ganinv.files import write_text; write_text(sys.argv[1], 'new')"
        assert run_python(write, older).returncode == 0
        assert temporary.read_bytes() == NEW


def test_a_file_of_an_earlier_process_of_the_same_number_is_removed(older):
    """As in a container, where each is number 1."""
    with atomic_path(older.with_name("other.json")) as temporary:
        temporary.write_bytes(NEW)
        left = temporary.with_name(temporary.name.replace(temporary.stem[-8:], "0" * 8))
        left.write_bytes(NEW[:10])
        files._swept.clear()
        write_bytes(older, NEW)
        assert temporary.is_file() and not left.exists()


def test_a_temporary_file_of_another_machine_goes_when_it_is_old(tmp_path):
    young, old = (tmp_path / f".ganinv-00000000-1-0000000{i}.png" for i in range(2))
    for path in (young, old):
        path.write_bytes(NEW)
    os.utime(old, (time.time() - 1e6,) * 2)
    write_bytes(tmp_path / "a.txt", NEW)
    assert sorted(os.listdir(tmp_path)) == sorted([young.name, "a.txt"])


def test_a_write_that_the_system_refuses_names_the_file(older):
    for target in (older / "below" / "a.json", older.parent):  # below a file; in place of a folder
        with pytest.raises(WriteError) as caught:
            write_bytes(target, NEW)
        assert str(caught.value).startswith(f"{target} cannot be written: ")
        assert caught.value.errno
    assert older.read_bytes() == OLD


def test_the_contents_reach_the_disk_before_the_name_does(older, monkeypatch):
    order = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(handle):
        order.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        return fsync(handle)

    def note_replace(source, target):
        order.append("rename")
        return replace(source, target)

    monkeypatch.setattr(files.os, "fsync", note_fsync)
    monkeypatch.setattr(files.os, "replace", note_replace)
    write_bytes(older, NEW)
    assert order == ["file", "rename", "folder"]


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_permissions_follow_the_umask_whoever_made_the_file(tmp_path, mask):
    before = os.umask(mask)
    try:
        with atomic_path(tmp_path / "weights.bin") as temporary:
            os.close(os.open(temporary, os.O_CREAT | os.O_WRONLY, 0o600))  # as safetensors does
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "weights.bin").stat().st_mode) == 0o666 & ~mask


def test_writers_of_one_file_never_mix(tmp_path):
    path = tmp_path / "shared.bin"
    contents = [bytes([i]) * 20_000 for i in range(4)]
    write_bytes(path, contents[0])
    seen = set()

    def write(data):
        for _ in range(10):
            write_bytes(path, data)
            seen.add(path.read_bytes())

    threads = [threading.Thread(target=write, args=(data,)) for data in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen <= set(contents)
    assert os.listdir(tmp_path) == ["shared.bin"]


@pytest.mark.parametrize(
    "name",
    ["a b.txt", '"><img src=x>.txt', "日本.txt", ".hidden", "-rf", "x" * 250, "日" * 82 + ".png"],
    ids=["space", "html", "unicode", "hidden", "dash", "long", "long unicode"],
)
def test_every_name_that_the_file_system_takes_can_be_written(tmp_path, name):
    assert len(name.encode()) <= 255
    write_bytes(tmp_path / name, NEW)
    assert (tmp_path / name).read_bytes() == NEW
    assert os.listdir(tmp_path) == [name]


def test_text_that_no_encoding_holds_does_not_stop_a_write(tmp_path):
    write_text(tmp_path / "a.txt", "é\udcff!")  # a file name with a byte that is not UTF-8
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "é?!"


# --- JSON ---


def test_numbers_that_are_not_finite_become_null_at_any_depth(tmp_path):
    path = tmp_path / "a.json"
    infinite = [math.inf, -math.inf, math.nan, np.float64("nan")]
    write_json(path, {"psnr": math.inf, "deep": [{"a": (1.5, infinite)}], "ok": 0.1})
    assert strict_json(path) == {"psnr": None, "deep": [{"a": [1.5, [None] * 4]}], "ok": 0.1}
    assert read_json(path) == strict_json(path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


def same_but_for_infinity(written, found):
    if isinstance(written, float) and not math.isfinite(written):
        return found is None
    if isinstance(written, dict):
        return written.keys() == found.keys() and all(
            same_but_for_infinity(written[key], found[key]) for key in written
        )
    if isinstance(written, list):
        return len(written) == len(found) and all(map(same_but_for_infinity, written, found))
    return written == found and type(written) is type(found)


@settings(deadline=None, max_examples=60)
@given(json_values)
def test_json_is_strict_and_read_back(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "value.json"
    write_json(path, value)
    assert same_but_for_infinity(value, strict_json(path))


def test_what_json_does_not_hold_leaves_the_older_file(older):
    with pytest.raises(TypeError):
        write_json(older, {"a": object()})
    assert_untouched(older)


# --- tables and checksums ---


def test_a_table_has_the_columns_of_all_rows_in_order_of_appearance(tmp_path):
    path = tmp_path / "a.csv"
    write_csv(path, [{"step": 1, "loss": 0.5}, {"step": 2, "lr": 0.1}])
    assert path.read_text() == "step,loss,lr\n1,0.5,\n2,,0.1\n"


def test_a_table_keeps_awkward_text(tmp_path):
    path = tmp_path / "a.csv"
    names = ["a,b", 'say "x"', "two\nlines", "", "日本", "<b>"]
    write_csv(path, [{"name": name} for name in names])
    with open(path, encoding="utf-8", newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == names


def test_an_interrupted_table_leaves_the_older_file(older, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(OSError):
        write_csv(older, [{"a": 1}])
    monkeypatch.undo()
    assert_untouched(older)


@pytest.mark.parametrize("size", [0, 1, 1 << 20])
def test_sha256_of_a_file_is_that_of_its_bytes(tmp_path, size):
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    (tmp_path / "a").write_bytes(data)
    assert sha256_file(tmp_path / "a") == hashlib.sha256(data).hexdigest()
