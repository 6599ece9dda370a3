"""Directions and boundaries of other tools, from their files."""

import io
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ganinv.editing.directions import along, find_direction
from ganinv.errors import GaninvError, printable
from ganinv.generators.base import freeze, measure_w
from ganinv.generators.mobile_stylegan import MobileStyleGAN
from helpers.containers import saved
from helpers.hostile_pickles import Reduces, touch
from helpers.toys import TOY_CONFIG

W = np.random.default_rng(5).normal(size=32).astype(np.float32)
ROWS = np.random.default_rng(6).normal(size=(8, 32)).astype(np.float32)
NAMED = {"smile": W, "age": -W[::-1].copy(), "steps": np.arange(32)}


def is_along(generator, direction, rows):
    """Whether a direction is `rows` (1 or num_ws, w_dim), one deviation long."""
    wanted = along(generator, torch.from_numpy(rows.copy()).expand(generator.num_ws, -1))
    return torch.allclose(direction.move, wanted, rtol=1e-4, atol=1e-6)


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


WRITERS = {
    "npy": lambda path, x: np.save(path, x),
    "npy of 8 bytes": lambda path, x: np.save(path, x.astype(">f8")),
    "npz": lambda path, x: np.savez(path, x),
    "npz packed": lambda path, x: np.savez_compressed(path, only=x),
    "pt": lambda path, x: path.write_bytes(saved(torch.from_numpy(x), True)),
    "pt of old": lambda path, x: path.write_bytes(saved(torch.from_numpy(x), False)),
    "pt dict": lambda path, x: path.write_bytes(saved({"w": torch.from_numpy(x), "n": 3}, True)),
    "safetensors": lambda path, x: save_file({"w": torch.from_numpy(x)}, path),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("shape", [(32,), (1, 32), (1, 1, 32)])
def test_one_w_of_every_kind_of_file(toy, tmp_path, writer, shape):
    path = tmp_path / f"smile.{writer.split()[0]}"
    WRITERS[writer](path, W.reshape(shape).copy())
    direction = find_direction(toy, str(path))
    assert is_along(toy, direction, W[None]) and direction.layers == "all"
    assert path.name in direction.about


@pytest.mark.parametrize("shape", [(8, 32), (1, 8, 32)])
def test_rows_of_w_plus(toy, tmp_path, shape):
    np.save(tmp_path / "rows.npy", ROWS.reshape(shape))
    direction = find_direction(toy, str(tmp_path / "rows.npy"), "middle")
    assert is_along(toy, direction, ROWS) and direction.layers == "5-7"


def test_rows_of_the_teacher_s_w_plus(tmp_path):
    """A student with other rows than its teacher takes those, as `teacher_rows` says."""
    student = freeze(MobileStyleGAN(**TOY_CONFIG | dict(channels=[16, 16])))
    measure_w(student)
    assert (student.num_ws, student.teacher_rows) == (5, [0, 1, 2, 3, 5])
    rows = np.random.default_rng(7).normal(size=(6, 32)).astype(np.float32)
    np.save(tmp_path / "teacher.npy", rows)
    direction = find_direction(student, str(tmp_path / "teacher.npy"))
    assert is_along(student, direction, rows[[0, 1, 2, 3, 5]])
    np.save(tmp_path / "own.npy", rows[:5])
    assert is_along(student, find_direction(student, str(tmp_path / "own.npy")), rows[:5])
    np.save(tmp_path / "other.npy", rows[:4])
    with pytest.raises(GaninvError, match=r"\(32,\), \(5, 32\), \(6, 32\)"):
        find_direction(student, str(tmp_path / "other.npy"))


def test_a_file_of_several_is_asked_for_a_name(toy, tmp_path):
    path = npz(tmp_path / "all.npz", **NAMED)
    with pytest.raises(GaninvError, match="name one by .*all.npz:NAME, of smile, age"):
        find_direction(toy, str(path))
    assert is_along(toy, find_direction(toy, f"{path}:age"), NAMED["age"][None])
    assert is_along(toy, find_direction(toy, f"{path}:Smile"), W[None])
    with pytest.raises(GaninvError, match="did you mean smile"):
        find_direction(toy, f"{path}:smiel")
    with pytest.raises(GaninvError, match="steps"):  # whole numbers are no direction
        find_direction(toy, f"{path}:steps")


def test_the_only_direction_of_a_file_needs_no_name(toy, tmp_path):
    path = npz(tmp_path / "x.npz", w=W, mean=np.zeros(3), step=np.arange(32))
    assert is_along(toy, find_direction(toy, str(path)), W[None])
    assert is_along(toy, find_direction(toy, f"{path}:w"), W[None])


def test_names_within_a_checkpoint(toy, tmp_path):
    path = tmp_path / "x.pt"
    path.write_bytes(saved({"of": {"smile.pt": torch.from_numpy(W), "age": torch.ones(32)}}, True))
    assert is_along(toy, find_direction(toy, f"{path}:of.smile.pt"), W[None])


@pytest.mark.parametrize("name", ["a:b.npy", "s:3.npy.npy", "ö 'x'.npy", "-x.npy", "x.npz.npy"])
def test_odd_names_of_files(toy, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / name, W)
    assert is_along(toy, find_direction(toy, f"{tmp_path}/{name}"), W[None])
    npz(tmp_path / "x.npz", **{"a:b": W, "c": W + 1})
    assert is_along(toy, find_direction(toy, "x.npz:a:b"), W[None])


# --- refused, each by a sentence ---


def refused(toy, name):
    with pytest.raises(GaninvError) as caught:
        find_direction(toy, str(name))
    message = str(caught.value)
    assert isinstance(caught.value, ValueError) and message == printable(message)
    assert len(message) < 2500
    return message


SHAPES = [(31,), (8, 31), (9, 32), (32, 8), (2, 1, 32), (2, 8, 32), (), (0, 32)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_another_shape_says_which_are_taken(toy, tmp_path, shape):
    np.save(tmp_path / "x.npy", np.ones(shape, np.float32))
    assert "takes (32,), (8, 32)" in refused(toy, tmp_path / "x.npy")
    path = npz(tmp_path / "x.npz", w=np.ones(shape, np.float32))
    assert "takes (32,), (8, 32)" in refused(toy, f"{path}:w")


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, -np.inf])
def test_numbers_that_are_no_direction(toy, tmp_path, value):
    x = np.zeros(32)
    x[3] = value
    np.save(tmp_path / "x.npy", x)
    assert "finite" in refused(toy, tmp_path / "x.npy")


def test_whole_numbers_are_no_direction(toy, tmp_path):
    np.save(tmp_path / "x.npy", np.arange(32))
    assert "no numbers with a fraction" in refused(toy, tmp_path / "x.npy")


def test_nothing_is_run(toy, tmp_path):
    canary = tmp_path / "canary"
    call = Reduces(exec, touch(canary))
    (tmp_path / "x.pt").write_bytes(saved(call, True))
    (tmp_path / "x.pkl").write_bytes(saved(call, False))
    np.save(tmp_path / "x.npy", np.array([call], dtype=object), allow_pickle=True)
    npz(tmp_path / "x.npz", w=np.array([call], dtype=object))
    for suffix in ("pt", "pkl", "npy", "npz"):
        assert "direction: " in refused(toy, tmp_path / f"x.{suffix}")
    assert not canary.exists()


def test_what_is_no_file(toy, tmp_path):
    (tmp_path / "folder.npy").mkdir()
    (tmp_path / "empty.pt").touch()
    for name in ("folder.npy", "empty.pt", "absent.npz", "absent.npz:x", "x" * 300 + ".npy"):
        refused(toy, tmp_path / name)
    refused(toy, "a\0b.npy")


def test_a_message_about_a_file_of_many_long_names_is_short(toy, tmp_path):
    file = io.BytesIO()
    np.save(file, W)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        for i in range(50):
            archive.writestr(f"{i}\x1b[2J" + "x" * 9000, file.getvalue())
    refused(toy, tmp_path / "x.npz")
    refused(toy, f"{tmp_path / 'x.npz'}:smile")
