"""From what a user names to the weight file that is meant."""

import shutil
from pathlib import Path

import pytest

from ganinv.errors import ParamsError, UnknownNameError, WeightsError
from ganinv.weights.find import find_file, find_weights
from ganinv.weights.manifest import find_name, load_manifest, match_name, weight_path


@pytest.fixture
def here(project, monkeypatch, tmp_path):
    """A project whose one weight file is here, and another folder to work in."""
    project.declare({"url": "https://a/b", "file": "b"})
    project.converted.write_bytes(b"weights")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return project


@pytest.mark.parametrize("name", ["tiny", "Tiny", "TINY"])
def test_a_name_is_found_whatever_its_case(here, name):
    assert find_weights(name) == (here.converted, "tiny")
    assert find_name(name) == "tiny" and weight_path(name) == here.converted


def test_the_same_name_goes_before_one_in_another_case():
    assert match_name("Net", ["net", "Net"], "weights") == "Net"
    with pytest.raises(UnknownNameError, match="net"):
        match_name("NET", ["net", "Net"], "weights")


def test_a_file_goes_before_a_name_and_is_called_by_its_own(here):
    Path("tiny").write_bytes(b"mine")
    assert find_weights("tiny") == (Path("tiny"), "tiny")
    Path("mine.pkl").touch()
    assert find_weights("mine.pkl") == find_weights("./mine.pkl") == (Path("mine.pkl"), "mine")


def test_a_folder_of_a_names_name_hides_nothing(here):
    Path("tiny").mkdir()
    assert find_file("tiny") == here.converted


def test_the_users_folder_may_be_written_short(here, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "net.pkl").touch()
    assert find_file("~/net.pkl") == tmp_path / "net.pkl"
    with pytest.raises(WeightsError, match=str(tmp_path / "none.pkl")):
        find_file("~/none.pkl")


@pytest.mark.parametrize("name", ["", " ", "\t"])
def test_nothing_named_is_an_error_of_arguments(here, name):
    for find in (find_file, find_name, weight_path):
        with pytest.raises(ParamsError, match="name"):
            find(name)


@pytest.mark.parametrize("name", [".", "..", "folder", Path("")])
def test_a_folder_is_never_taken_for_a_file(here, name):
    Path("folder").mkdir()
    shutil.copy(here.converted, "folder")
    with pytest.raises(WeightsError, match="folder"):
        find_file(name)


@pytest.mark.parametrize("name", ["none.pkl", "a/tiny", "tiny/", "x" * 5000, "tiny.safetensors"])
def test_what_is_not_there_is_named(here, name):
    with pytest.raises(WeightsError) as caught:
        find_file(name)
    assert name in str(caught.value)


def test_every_name_of_the_manifest_is_told_apart_without_case():
    names = list(load_manifest())
    assert len({name.casefold() for name in names}) == len(names)


ADDRESSES = ["https://a/b", "http://a/b/", "HTTPS://a/b", Path("https://a/b"), " https://a/b"]


@pytest.mark.parametrize("address", ADDRESSES, ids=str)
def test_an_address_of_the_manifest_is_a_name(here, address):
    assert find_weights(address) == (here.converted, "tiny") and find_name(address) == "tiny"
    here.converted.unlink()
    with pytest.raises(WeightsError, match="`ganinv weights fetch tiny`"):
        find_file(address)


@pytest.mark.parametrize(
    "address", ["https://a/other.pkl", "s3://bucket/net.pt", "https://a", Path("https://x/y.pkl")]
)
def test_another_address_is_refused_with_the_way(here, address):
    with pytest.raises(WeightsError, match=r"is an address.*download the file .* give its path"):
        find_file(address)


def test_a_file_that_is_called_like_an_address_is_a_file(here):
    Path("https:/a").mkdir(parents=True)
    Path("https:/a/other.pkl").touch()
    assert find_file("https://a/other.pkl") == Path("https:/a/other.pkl")


@pytest.mark.parametrize("path", ["C:/nets/a.pkl", "a:b.pkl", "./https://a.pkl"])
def test_what_is_no_address_is_a_path(here, path):
    with pytest.raises(WeightsError, match="there is no file"):
        find_file(path)
