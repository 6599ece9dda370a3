"""Whose a training's folder is: what is refused there, what is removed, what is never touched."""

import json
import os

import pytest
import torch
from safetensors.torch import load_file, save_file

from ganinv.core_yaml import dump_yaml
from ganinv.errors import ParamsError, WriteError
from ganinv.files import write_text
from ganinv.runs.params import Params
from ganinv.training.checkpoint import read_notes
from ganinv.training.encoder.checks import ENCODER
from ganinv.training.encoder.settings import EncoderParams
from ganinv.training.folder import check_folder, clear
from ganinv.training.gan.checks import GAN, check_gan_folder
from helpers.forked_trainings import tiny, train_tiny

KINDS = {"gan": (GAN, tiny), "encoder": (ENCODER, lambda out: EncoderParams(out=str(out)))}
THEIRS = b"somebody's"
NAMES = [
    "checkpoint.safetensors",
    "history.json",
    "card.json",
    "samples/step_000200.png",
    "samples",
]


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def put(path, data=THEIRS):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def trained(out):
    """The folder of a finished training of one step."""
    return train_tiny(tiny(out, steps=1)).parent


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind in KINDS for name in NAMES]
    + [("gan", "generator.safetensors"), ("encoder", "encoder.safetensors")],
)
def test_files_of_somebody_are_refused_and_kept(out, kind, name, fresh):
    kind, make = KINDS[kind]
    put(out / name)
    with pytest.raises(ParamsError) as caught:
        check_folder(make(out), kind, fresh=fresh)
    assert f"{out} holds files" in str(caught.value) and f": {name};" in str(caught.value)
    assert "name another folder by --out, or move them away" in str(caught.value)
    assert contents(out) == {name: THEIRS}


def test_a_training_refuses_them_before_it_begins(out):
    put(out / "generator.safetensors"), put(out / "samples" / "step_000000.png")
    for fresh in (False, True):
        with pytest.raises(ParamsError, match=r"generator.safetensors, samples/step_000000.png;"):
            train_tiny(tiny(out), fresh=fresh)
    assert set(contents(out).values()) == {THEIRS} and len(contents(out)) == 2


def test_many_files_are_counted(out):
    for number in range(9):
        put(out / "samples" / f"step_{number:06d}.png")
    with pytest.raises(ParamsError, match=r"step_000004.png and 4 more;"):
        check_folder(tiny(out), GAN)


@pytest.mark.parametrize("kind", KINDS)
def test_files_that_a_training_does_not_write_are_no_hindrance(out, kind):
    kind, make = KINDS[kind]
    for name in ("notes.txt", "samples/step_1.png", "samples/step_000001.png.bak", ".lock"):
        put(out / name)
    put(out / {"gan": "encoder", "encoder": "generator"}[kind.name], THEIRS)
    before = contents(out)
    for fresh in (False, True):
        check_folder(make(out), kind, fresh=fresh)
    clear(out, kind)
    assert contents(out) == before


def test_fresh_removes_its_own_files_alone(trained):
    own = contents(trained)
    theirs = ["notes.txt", "encoder.safetensors", "samples/step_best.png", "samples/step_1.png"]
    for name in theirs:
        put(trained / name)
    train_tiny(tiny(trained, steps=0), fresh=True)
    left = contents(trained)
    assert {name for name in left if left[name] == THEIRS} == set(theirs)
    assert left.keys() == own.keys() - {"samples/step_000001.png"} | set(theirs)


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("named", [True, False], ids=["named", "earlier"])
def test_another_kind_of_training_is_refused(trained, fresh, named):
    if not named:
        forget_the_kind(trained)
    with pytest.raises(ParamsError, match=f"{trained} holds another kind .* train-encoder; name"):
        check_folder(EncoderParams(out=str(trained)), ENCODER, fresh=fresh)
    params = KINDS["encoder"][1](trained)
    notes = {"params": params.model_dump(), "step": 3} | ({"kind": "encoder"} if named else {})
    write_checkpoint(trained, notes)
    with pytest.raises(ParamsError, match=f"{trained} holds another kind .* train-gan; name"):
        check_folder(tiny(trained), GAN, fresh=fresh)


def write_checkpoint(folder, notes):
    path = folder / "checkpoint.safetensors"
    save_file({"a": torch.zeros(3)}, path, metadata={"ganinv": json.dumps(notes)})


def forget_the_kind(folder):
    path = folder / "checkpoint.safetensors"
    notes = read_notes(path)
    assert notes.pop("kind") == "gan"
    save_file(load_file(path), path, metadata={"ganinv": json.dumps(notes)})


def test_a_checkpoint_written_earlier_is_gone_on_with(trained, tmp_path):
    forget_the_kind(trained)
    said = []
    path = train_tiny(tiny(trained, steps=3), say=said.append)
    assert said[0] == "going on from step 1"
    assert path.read_bytes() == train_tiny(tiny(tmp_path / "whole", steps=3)).read_bytes()


@pytest.mark.parametrize("data", [b"", b"\xff" * 100, b"\x08" + b"\0" * 7 + b"[1, 2, 3"], ids=len)
def test_a_damaged_checkpoint_beside_its_parameters_is_its_own(trained, data):
    (trained / "checkpoint.safetensors").write_bytes(data)
    with pytest.raises(ParamsError, match=r"is damaged \(.*start over with --fresh"):
        train_tiny(tiny(trained, steps=1))
    assert train_tiny(tiny(trained, steps=1), fresh=True).is_file()
    (trained / "checkpoint.safetensors").write_bytes(data)
    (trained / "params.yaml").unlink()
    for fresh in (False, True):
        with pytest.raises(ParamsError, match="no train-gan left: checkpoint.safetensors, "):
            train_tiny(tiny(trained), fresh=fresh)


def test_a_network_by_the_name_of_a_checkpoint_is_somebodys(trained):
    (trained / "generator.safetensors").rename(trained / "checkpoint.safetensors")
    with pytest.raises(ParamsError, match="no train-gan left: checkpoint.safetensors, history.js"):
        check_folder(tiny(trained), GAN, fresh=True)


def test_parameters_alone_are_a_training_that_was_interrupted(out, tmp_path):
    write_text(out / "params.yaml", dump_yaml(tiny(out, steps=2).model_dump()))
    put(out / "samples" / "step_000000.png")
    whole = train_tiny(tiny(tmp_path / "whole", steps=1)).parent
    assert train_tiny(tiny(out, steps=1)).read_bytes() == contents(whole)["generator.safetensors"]


@pytest.mark.parametrize("text", ["a run", "a: 1", dump_yaml(Params().model_dump()), "[1"], ids=len)
def test_parameters_of_something_else_are_refused(out, text):
    put(out / "params.yaml", text.encode())
    for kind, make in KINDS.values():
        with pytest.raises(ParamsError, match=": params.yaml;"):
            check_folder(make(out), kind, fresh=True)
    write_text(out / "params.yaml", dump_yaml(tiny(out).model_dump()))
    with pytest.raises(ParamsError, match=": params.yaml;"):
        check_folder(KINDS["encoder"][1](out), ENCODER)


def test_a_file_is_no_folder(out):
    put(out)
    with pytest.raises(ParamsError, match=f"{out} is a file; name a folder"):
        check_folder(tiny(out), GAN)


def test_a_place_where_nothing_can_be_written_is_told_at_once(out, tmp_path):
    put(tmp_path / "file")
    with pytest.raises(
        WriteError, match=f"{tmp_path}/file/run cannot be written: .*file is a file"
    ):
        check_folder(tiny(tmp_path / "file" / "run"), GAN)
    out.mkdir(mode=0o500)
    if not os.access(out, os.W_OK):  # root may write anywhere
        with pytest.raises(WriteError, match=f"{out} cannot be written: .* may not be written to"):
            check_folder(tiny(out), GAN)
    check_folder(tiny(tmp_path / "new" / "deep" / "run"), GAN)
    assert not (tmp_path / "new").exists()


def test_a_name_that_the_weights_could_not_have_is_told_at_once(tmp_path):
    with pytest.raises(ParamsError, match="is not UTF-8"):
        check_folder(tiny(tmp_path).model_copy(update={"out": f"{tmp_path}/\udcff"}), GAN)


def test_other_parameters_and_fewer_steps_are_told_at_once(trained):
    for changes in ({"seed": 1}, {"flip": False}):
        with pytest.raises(ParamsError, match="under other parameters"):
            check_folder(tiny(trained, **changes), GAN)
        check_folder(tiny(trained, **changes), GAN, fresh=True)
    with pytest.raises(ParamsError, match="at step 1 already, beyond steps: 0"):
        check_folder(tiny(trained, steps=0), GAN)
    check_folder(tiny(trained, steps=9, log_every=3, images="others"), GAN)


def test_images_among_the_pictures_of_a_training_are_refused(tmp_path, out):
    for images in (out, out / "samples", tmp_path):
        images.mkdir(exist_ok=True)
        with pytest.raises(ParamsError, match="lies in the folder of the images"):
            check_gan_folder(tiny(out, images=str(images)))
    (out / "photos").mkdir()
    check_gan_folder(tiny(out, images=str(out / "photos")))
