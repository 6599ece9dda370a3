"""Edits on disk: the folder and its list agree, whatever was there before, whoever writes."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ganinv.editing.directions import find_direction
from ganinv.editing.edits import write_edits
from ganinv.editing.sources import Code
from ganinv.errors import BadArgumentsError
from helpers.checks import strict_json
from helpers.codes import draw_code, refinement_of
from helpers.processes import killed_before


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def write(toy, out):
    """A function that edits codes of the toy by name along directions; {name: by} refines some."""

    def write(names="a", directions=("pca:0",), strengths=(-1.0, 1.0), refined=None, **how):
        codes = [
            Code(name, draw_code(toy, i), Path(name), refinement=refinement_of(toy, by))
            for i, name in enumerate(names)
            for by in [(refined or {}).get(name, "none")]
        ]
        layers = how.pop("layers", None)
        found = [find_direction(toy, str(name), layers) for name in directions]
        return write_edits(toy, codes, found, strengths, out, **dict(say=lambda text: None) | how)

    return write


def assert_agrees(out):
    """What edits.json lists lies in the folders, and nothing else."""
    found = strict_json(out / "edits.json")
    assert {p.name for p in out.iterdir()} == {"edits.json", *found["images"]}
    for name, image in found["images"].items():
        listed = set()
        for direction, rows in image["edits"].items():
            word = found["directions"][direction]["file"]
            pictures = [row["picture"] for row in rows.values()]
            assert pictures == [f"{word}_{shown}.png" for shown in rows]
            listed |= {f"{word}.png", *pictures}
            listed |= {f"{picture.removesuffix('.png')}.safetensors" for picture in pictures}
        assert {p.name for p in (out / name).iterdir()} == listed


def strengths_of(out, name="a", direction="pca:0"):
    return list(strict_json(out / "edits.json")["images"][name]["edits"][direction])


def test_other_strengths_take_the_place_of_the_former(write, out):
    write(directions=["pca:0", "sefa:1"], strengths=[-2, -1, 0, 1, 2])
    kept = (out / "a" / "sefa-1_+2.png").read_bytes()
    returned = write(strengths=[0.5, 3])
    assert strengths_of(out) == ["+0.5", "+3"]
    assert strengths_of(out, direction="sefa:1") == ["-2", "-1", "+0", "+1", "+2"]
    assert (out / "a" / "sefa-1_+2.png").read_bytes() == kept
    assert_agrees(out)
    assert {x: list(rows) for x, rows in returned["images"]["a"]["edits"].items()} == {
        "sefa:1": ["-2", "-1", "+0", "+1", "+2"],
        "pca:0": ["+0.5", "+3"],
    }


def test_what_a_kill_left_is_removed(write, out):
    write(strengths=[1])
    killed_before("os.rename", "pca-0_+7.safetensors", lambda: write(strengths=[2, 7, 9]))
    assert (out / "a" / "pca-0_+2.png").is_file() and (out / "a" / "pca-0_+7.png").is_file()
    image = strict_json(out / "edits.json")["images"]["a"]
    assert "pca:0" not in image["edits"] and "pca:0" not in image["moved"]
    write(strengths=[1])
    for path in out.rglob(".*"):  # what the killed process was about to write
        path.unlink()
    assert_agrees(out)


def test_files_of_others_stay(write, out):
    (out / "a").mkdir(parents=True)
    names = ["pca-0_best.png", "pca-0_+1.txt", "pca-01_+2.png", "pca-0_+1_+2.png", "pca-0_1.png"]
    for name in names:
        (out / "a" / name).touch()
    write(strengths=[3])
    assert {*names} < {p.name for p in (out / "a").iterdir()}


def test_two_at_a_time_lose_no_entries(write, out):
    """Both have begun when the first writes its list."""
    begun = threading.Barrier(2, timeout=60)

    def say(text):
        begun.wait()

    with ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(write, name, [d], say=say) for name, d in (("a", "pca:0"), ("b", "s:1:3"))
        ]
        for job in jobs:
            job.result(timeout=120)
    found = strict_json(out / "edits.json")
    assert found["directions"].keys() == {"pca:0", "s:1:3"}
    assert list(found["images"]["a"]["edits"]) == ["pca:0"]
    assert list(found["images"]["b"]["edits"]) == ["s:1:3"]
    assert_agrees(out)


def test_one_image_is_edited_by_one_at_a_time(write, out):
    inside, waiting, said = threading.Event(), threading.Event(), []

    def slow(text):
        inside.set()
        assert waiting.wait(60)

    def patient(text):
        said.append(text)
        waiting.set()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(write, strengths=[1, 2], say=slow)
        assert inside.wait(60)
        second = pool.submit(write, strengths=[3], say=patient)
        first.result(timeout=120), second.result(timeout=120)
    assert "another process is at work" in said[0]
    assert strengths_of(out) == ["+3"]
    assert_agrees(out)


def test_codes_of_one_name_have_folders_of_their_own(write, out):
    write(["a", "a", "edits.json"], strengths=[1])
    assert_agrees(out)
    assert strict_json(out / "edits.json")["images"].keys() == {"a", "a-2", "edits.json-2"}


# --- what cannot be listed side by side ---


def refused(write, *args, **how):
    with pytest.raises(BadArgumentsError) as caught:
        write(*args, **how)
    assert "by --out" in str(caught.value)
    return str(caught.value)


def test_other_ways_with_features_are_refused_beside_other_directions(write, out):
    by = {"a": "features"}
    write(directions=["pca:0", "pca:1"], refined=by)
    assert "other --features" in refused(write, refined=by, features="drop")
    assert "another refinement" in refused(write)
    assert_agrees(out)
    write(directions=["pca:1", "pca:0"], refined=by, features="drop")  # all of them anew
    assert strict_json(out / "edits.json")["images"]["a"]["features"] == "drop"


def test_other_layers_are_refused_beside_other_images(write, out):
    write("ab")
    assert "other --layers" in refused(write, "a", layers="coarse")
    write("ab", layers="coarse")
    assert strict_json(out / "edits.json")["directions"]["pca:0"]["layers"] == "0-4"


def test_directions_of_one_word_are_refused_also_one_after_the_other(write, out, tmp_path):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        both = {name: np.random.default_rng(0).normal(size=32) for name in ("smile", "smile_+1")}
        np.savez(tmp_path / folder / "all.npz", **both)
    one, other = (tmp_path / folder / "all.npz:smile" for folder in ("x", "y"))
    assert "same files" in refused(write, directions=[one, other])
    assert not out.exists()
    write(directions=[one])
    assert "same files" in refused(write, directions=[other])
    assert "same files" in refused(write, directions=[f"{one}_+1"])  # its strip is a picture's name
    assert_agrees(out)
