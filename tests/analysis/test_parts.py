"""Parts of a study on disk: read back as they were, made again where anything has changed."""

import math
import threading

import numpy as np
import pytest

from ganinv.analysis.parts import Part, Parts
from ganinv.errors import InUseError
from ganinv.locks import locked


def make(image):
    rng = np.random.default_rng(len(image))
    rows = [{"image": image, "lost": math.nan, "changes": {"smile": [0.1, 0.2]}}, {"lost": 1 / 3}]
    strips = {"W, left": [*rng.integers(0, 256, (3, 4, 4, 3), np.uint8)], "W": []}
    return Part(rows, [{"image": image, "distance": 0.1}], {k: v for k, v in strips.items() if v})


def never(image):
    raise AssertionError(f"{image} was made again")


@pytest.fixture
def code(tmp_path):
    path = tmp_path / "code"
    path.write_bytes(b"a code")
    return path


@pytest.fixture
def parts(tmp_path, code):
    return Parts(tmp_path / "kept", lambda image: [code, tmp_path / "none"], {"strengths": [1.0]})


def test_a_part_is_read_back_as_it_was(parts):
    first = parts.of(["a", "bb"], make)
    again = parts.of(["bb", "a"], never)
    assert list(first) == ["a", "bb"] and list(again) == ["bb", "a"]
    for image, part in first.items():
        same = again[image]
        assert str(same.rows) == str(part.rows) and math.isnan(same.rows[0]["lost"])
        assert same.places == part.places and list(same.strips) == list(part.strips)
        for name, strip in part.strips.items():
            assert all(map(np.array_equal, same.strips[name], strip))
    assert not [*parts.folder.glob("*.lock")]


def test_without_a_folder_nothing_is_kept(tmp_path):
    made = []
    parts = Parts(None, lambda image: [], {})
    for _ in range(2):
        parts.of(["a"], lambda image: made.append(image) or make(image))
    assert made == ["a", "a"] and not [*tmp_path.iterdir()]


def test_other_bytes_and_other_settings_make_it_again(parts, code):
    parts.of(["a"], make)
    other = Parts(parts.folder, parts.files, {"strengths": [2.0]})
    with pytest.raises(AssertionError, match="made again"):
        other.of(["a"], never)
    code.write_bytes(b"another code")
    with pytest.raises(AssertionError, match="made again"):
        parts.of(["a"], never)
    parts.of(["a"], make)
    parts.of(["a"], never)


def test_other_numerics_make_it_again(parts, monkeypatch):
    parts.of(["a"], make)
    monkeypatch.setattr("ganinv.analysis.parts.NUMERICS", -1)
    with pytest.raises(AssertionError, match="made again"):
        parts.of(["a"], never)


@pytest.mark.parametrize("damage", ["cut", "text", "empty"])
def test_a_damaged_part_is_made_again(parts, damage):
    parts.of(["a"], make)
    path = parts.folder / "a.safetensors"
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[:-5], "text": b"no tensors", "empty": b""}[damage])
    assert parts.of(["a"], make)["a"].places == make("a").places
    assert path.read_bytes() == whole


def test_what_ends_in_the_middle_keeps_the_parts_before_it(parts):
    def breaks(image):
        if image == "bb":
            raise KeyboardInterrupt
        return make(image)

    with pytest.raises(KeyboardInterrupt):
        parts.of(["a", "bb"], breaks)
    parts.of(["a"], never)


def test_what_another_process_is_at_comes_last_and_is_read(parts):
    begun, order = threading.Event(), []

    def slow():
        with locked(parts.folder / "a.lock"):
            begun.set()
            finished.wait(30)
        parts.of(["a"], make)

    finished = threading.Event()
    other = threading.Thread(target=slow)
    other.start()
    assert begun.wait(30)

    def noted(image):
        order.append(image)
        finished.set()
        return make(image)

    found = parts.of(["a", "bb"], noted)
    other.join()
    assert order[0] == "bb" and list(found) == ["a", "bb"]


def test_a_file_that_comes_or_goes_makes_it_again(parts, code):
    parts.of(["a"], make)
    with pytest.raises(AssertionError, match="made again"):
        (parts.folder.parent / "none").write_bytes(code.read_bytes())
        code.unlink()
        parts.of(["a"], never)


def test_what_a_part_is_made_with_may_be_in_use_itself(parts):
    def busy(image):
        raise InUseError("a run of it is at work")

    with pytest.raises(InUseError, match="a run of it"):
        parts.of(["a"], busy)
