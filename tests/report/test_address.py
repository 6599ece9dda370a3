"""The project's address, and where it stands."""

import json
import shutil
import subprocess

import pytest

from ganinv.errors import BadArgumentsError
from ganinv.report.address import (
    badge,
    https_address,
    read_address,
    remote_address,
    write_address,
)
from helpers.notebooks import write_notebook
from helpers.paths import ROOT

QUICKSTART = ROOT / "notebooks" / "quickstart.ipynb"


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("git@github.com:ann/ganinv.git", "https://github.com/ann/ganinv"),
        ("ssh://git@example.org:2222/ann/ganinv.git", "https://example.org/ann/ganinv"),
        ("https://ann:secret@github.com/ann/ganinv.git", "https://github.com/ann/ganinv"),
        ("https://gitlab.com/group/sub/ganinv/", "https://gitlab.com/group/sub/ganinv"),
        ("/srv/git/ganinv.git", ""),
        ("file:///srv/git/ganinv.git", ""),
        ("", ""),
    ],
)
def test_a_remote_becomes_an_address(remote, address):
    assert https_address(remote) == address


def test_the_address_is_that_of_the_remote(tmp_path):
    def git(*arguments):
        subprocess.run(["git", "-C", tmp_path, *arguments], check=True, capture_output=True)

    git("init")
    assert remote_address(tmp_path) == ""
    git("remote", "add", "origin", "git@github.com:ann/ganinv.git")
    assert remote_address(tmp_path) == "https://github.com/ann/ganinv"


def cells(notebook):
    return ["".join(cell["source"]) for cell in json.loads(notebook.read_text())["cells"]]


def test_an_address_is_written_with_its_badge_and_taken_back(tmp_path):
    notebook = shutil.copy(QUICKSTART, tmp_path / "quickstart.ipynb")
    write_address(notebook, "")
    without = notebook.read_text()
    write_address(notebook, "https://github.com/ann/ganinv")
    title = cells(notebook)[0].split("\n\n")
    assert "github/ann/ganinv/blob/main/notebooks/quickstart.ipynb" in title[1]
    assert read_address(notebook) == "https://github.com/ann/ganinv"
    write_address(notebook, "https://gitlab.com/ann/ganinv")
    assert "Colab]" not in notebook.read_text() and "gitlab.com/ann" in notebook.read_text()
    write_address(notebook, "")
    assert notebook.read_text() == without


def test_the_quickstart_has_a_badge_exactly_where_it_has_an_address():
    line, title = badge(read_address(QUICKSTART)), cells(QUICKSTART)[0]
    assert line in title if line else "Open In Colab" not in title


def test_a_notebook_without_the_setting_is_refused(tmp_path):
    notebook = write_notebook(tmp_path / "other.ipynb", "value")
    with pytest.raises(BadArgumentsError, match="REPOSITORY"):
        write_address(notebook, "https://github.com/ann/ganinv")


def test_nothing_names_an_owner_that_is_to_be_filled_in():
    done = subprocess.run(
        ["git", "-C", ROOT, "grep", "-nIE", r"[/:](OWNER|YOUR[-_]?NAME|USERNAME)/"],
        capture_output=True,
        text=True,
    )
    lines = [line for line in done.stdout.splitlines() if "tests/report/test_address" not in line]
    assert done.returncode in (0, 1) and lines == []
