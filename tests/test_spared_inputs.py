"""Files that are read are not written over (`ganinv.files.spare_inputs`)."""

import os

import pytest

from ganinv.errors import BadArgumentsError
from ganinv.files import spare_inputs


@pytest.fixture
def read(tmp_path):
    path = tmp_path / "in" / "me.png"
    path.parent.mkdir()
    path.write_bytes(b"a photograph")
    return path


def test_other_files_may_be_written(read, tmp_path):
    (tmp_path / "me.png").write_bytes(b"an older result")
    spare_inputs([tmp_path / "me.png", read.with_name("you.png")], [read, None, "ffhq-student"])
    spare_inputs([read], [])
    spare_inputs([read.with_name("gone.png")], [read.with_name("gone.png"), read.parent])


def test_the_same_path_is_refused_however_it_is_written(read, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(read.parent)
    (tmp_path / "to.png").symlink_to(read)
    os.link(read, tmp_path / "hard.png")
    names = [read, "in/me.png", "in/../in/me.png", "link/me.png", "to.png", "hard.png", "in/ME.png"]
    for name in names:
        with pytest.raises(BadArgumentsError, match="would be overwritten.*; name another place"):
            spare_inputs(["x.png", name], [tmp_path / "y.png", read])
    for name in names[:-1]:  # that one is there on some disks alone
        with pytest.raises(BadArgumentsError, match="would be overwritten"):
            spare_inputs([read], [name])


def test_a_part_of_a_file_is_that_file(read):
    with pytest.raises(BadArgumentsError, match=r"me.png would be overwritten, and this .* it; go"):
        spare_inputs([read], [f"{read}:3"], "go elsewhere")
