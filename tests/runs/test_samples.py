"""The sample photographs."""

import shutil
import subprocess

import pytest
from PIL import Image

from ganinv.errors import WeightsError
from ganinv.files import sha256_file
from ganinv.images.alignment import cut_squares
from ganinv.images.reading import open_image
from ganinv.runs.experiment import run_experiment
from ganinv.runs.samples import fetch_samples, find_sample, load_samples, photographs
from helpers.paths import ROOT

PORTRAITS = [name for name, sample in load_samples().items() if sample.tracked]


@pytest.fixture
def lists(root):
    """A project root with the list of samples and none of them."""
    (root / "data").mkdir()
    shutil.copy(ROOT / "data" / "samples.yaml", root / "data")
    return root


def test_unknown_sample_is_refused(toy_params):
    with pytest.raises(WeightsError, match="astronaut"):
        run_experiment(toy_params(["sample:astronaout"]))


@pytest.mark.parametrize("name", ["", "Astronaut"])
def test_a_sample_is_named_to_the_letter_since_its_name_seeds_it(name):
    with pytest.raises(WeightsError, match="astronaut"):
        find_sample(name)


def test_a_clone_brings_samples_by_command_alone(lists):
    with pytest.raises(WeightsError, match="ganinv data fetch"):
        find_sample("hopper")
    assert not (lists / "data" / "samples").exists()


def test_elsewhere_the_first_use_brings_a_sample_and_says_so(lists, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GANINV_HOME", str(tmp_path / "home"))
    sample = find_sample("hopper")
    assert sample.path == tmp_path / "home" / "data" / "samples" / "hopper.jpg"
    assert sample.path.is_file() and not (lists / "data" / "samples").exists()
    said = capsys.readouterr()
    assert said.out == ""
    for part in ("first use of sample:hopper", "installed package", "US Navy", str(tmp_path)):
        assert part in said.err
    find_sample("hopper")
    assert capsys.readouterr().err == ""


def test_samples_need_a_home_that_can_be_written(lists, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("GANINV_HOME", str(tmp_path / "file"))
    for bring in (lambda: find_sample("hopper"), lambda: fetch_samples(lambda line: None)):
        with pytest.raises(WeightsError, match="GANINV_HOME"):
            bring()


# --- those that are files of the repository ---


@pytest.mark.parametrize("name", PORTRAITS)
def test_a_tracked_portrait_is_small_bare_and_its_entrys(name):
    sample = find_sample(name)
    assert sample.path == ROOT / "data" / "portraits" / f"{name}.jpg"
    assert sample.path.stat().st_size <= 150_000 and sample.licence == "CC0 1.0"
    assert sha256_file(sample.path) == sample.tracked
    with Image.open(sample.path) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (1000, 1000))
        assert image.info.keys() <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"} | {
            "progressive",
            "progression",
        }


@pytest.mark.parametrize("name", PORTRAITS)
def test_a_tracked_portrait_holds_one_face_that_aligns_without_a_word(name):
    said = []
    (cut,) = cut_squares(open_image(find_sample(name).path), 64, True, said.append, "all")
    assert cut.image.size == (64, 64) and said == []


def test_the_portraits_are_eight_and_git_lets_through_no_other_file():
    assert len(PORTRAITS) == 8 and set(PORTRAITS) < set(photographs())
    beside = sorted(path.name for path in (ROOT / "data" / "portraits").iterdir())
    assert beside == ["README.md", *(f"{name}.jpg" for name in sorted(PORTRAITS))]
    if not (ROOT / ".git").exists():
        pytest.skip("what Git ignores is known in a git checkout only")
    candidates = [f"portrait-{number:03d}.jpg" for number in range(101)]
    candidates += ["README.md", "notes.txt", "study/portrait-014.jpg"]
    asked = "\n".join(f"data/portraits/{name}" for name in candidates)
    words = ["git", "-C", str(ROOT), "check-ignore", "--no-index", "--stdin"]
    done = subprocess.run(words, input=asked, capture_output=True, text=True)
    ignored = {line.rpartition("portraits/")[2] for line in done.stdout.splitlines()}
    assert set(candidates) - ignored == set(beside)


def test_a_tracked_portrait_that_was_deleted_is_not_fetched(lists, tmp_path, monkeypatch):
    with pytest.raises(WeightsError, match=r"`git checkout -- data/portraits/portrait-014.jpg`"):
        find_sample("portrait-014")
    folder = lists / "data" / "portraits"
    shutil.copytree(ROOT / "data" / "portraits", folder)
    monkeypatch.setenv("GANINV_HOME", str(tmp_path / "home"))
    assert find_sample("portrait-014").path == folder / "portrait-014.jpg"
    assert not (tmp_path / "home").exists()


def test_an_entry_names_one_origin(lists):
    entry = "a: {title: a, about: b, licence: c, file: a.jpg, tracked: ab, drawn: %s}"
    drawn = "{generator: g, seed: 1, truncation: 1.0}"
    (lists / "data" / "samples.yaml").write_text(entry % drawn)
    with pytest.raises(WeightsError, match="exactly one of sources, drawn, tracked"):
        load_samples()
