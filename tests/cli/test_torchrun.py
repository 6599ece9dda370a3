"""Trainings by several processes that torchrun begins: the same command, the same training."""

import signal
import time

import pytest
from PIL import Image

from ganinv.training.checkpoint import read_notes
from helpers.checks import strict_json
from helpers.commands import cli
from helpers.encoders import quick_params
from helpers.image_sets import separate_project
from helpers.tiny_gans import TINY, discs, weights_of
from helpers.together import far, torchrun


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """A folder of images, in a project of its own: what is prepared of them goes there."""
    separate_project(tmp_path / "root", monkeypatch)
    (tmp_path / "photos").mkdir()
    for number, image in enumerate(discs()):
        Image.fromarray(image).save(tmp_path / "photos" / f"{number}.png")
    return tmp_path / "photos"


def gan_words(images, out, **changes):
    settings = TINY | dict(images=images, batch=8, log_every=1) | changes
    device = settings.pop("device")
    sets = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    return ["train-gan", *sets, "--device", device, "--out", out]


def ended(process):
    """The status, the lines of stdout, and stderr, of a process that ends within a while."""
    out, error = process.communicate(timeout=300)
    return process.returncode, out.splitlines(), error


def assert_near(rows, others):
    """Two histories have the same numbers, to rounding."""
    for row, other in zip(rows, others, strict=True):
        names = row.keys() - {"seconds", "trouble"}
        numbers, wanted = ({k: r[k] for k in names} for r in (other, row))
        assert numbers == pytest.approx(wanted, rel=1e-3, abs=1e-5)


def test_ten_steps_of_a_gan_are_those_of_one_process(photos, tmp_path):
    status, lines, error = ended(torchrun(2, *gan_words(photos, tmp_path / "two", steps=10)))
    assert status == 0, error
    assert [text.split()[1] for text in lines if " discriminator " in text] == [
        f"{step}/10" for step in range(1, 11)
    ]
    assert [text for text in lines if text.startswith("reading ")] == lines[:1]
    assert lines[-1] == str(tmp_path / "two" / "generator.safetensors")
    assert cli(*gan_words(photos, tmp_path / "one", steps=10)) == 0
    assert far(weights_of(tmp_path / "one"), weights_of(tmp_path / "two")) < 1e-4
    one, two = ({p.name for p in (tmp_path / n).rglob("*")} for n in ("one", "two"))
    assert one == two
    rows, others = (strict_json(tmp_path / n / "history.json") for n in ("one", "two"))
    for row, other in zip(rows, others, strict=True):
        assert list(row) == list(other)
    assert_near(rows, others)


def test_an_encoder_is_trained_by_two(toy_path, tmp_path):
    params = quick_params(toy_path, tmp_path / "two")
    settings = params.model_dump(exclude={"out", "device", "photographs", "start"})
    sets = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    words = ["train-encoder", *sets, "--device", "cpu", "--out"]
    status, lines, error = ended(torchrun(2, *words, tmp_path / "two"))
    assert status == 0, error
    assert lines[-1] == str(tmp_path / "two" / "encoder.safetensors")
    assert cli(*words, tmp_path / "one") == 0
    # loosely: a pixel that is rounded to another of 256 levels, as one is here, turns Adam's first
    # steps where gradients nearly cancel
    one, two = (
        {k: x for k, x in weights_of(tmp_path / n).items() if k.startswith("encoder.")}
        for n in ("one", "two")
    )
    assert far(one, two) < 0.05
    assert_near(*(strict_json(tmp_path / n / "history.json") for n in ("one", "two")))


def test_a_training_that_is_ended_goes_on_by_one_process(photos, tmp_path):
    out = tmp_path / "run"
    path = out / "checkpoint.safetensors"
    process = torchrun(2, *gan_words(photos, out, steps=100_000, save_every=2))
    until = time.monotonic() + 200
    while not path.is_file() or read_notes(path)["step"] < 2:
        assert process.poll() is None and time.monotonic() < until, process.communicate()
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    status, _, _ = ended(process)
    step = read_notes(path)["step"]
    assert status != 0 and step >= 2
    assert cli(*gan_words(photos, out, steps=step + 2, save_every=2)) == 0
    assert [row["step"] for row in strict_json(out / "history.json")] == [*range(step + 3)]


def test_what_is_wrong_is_said_once(tmp_path):
    status, lines, error = ended(torchrun(2, *gan_words(tmp_path / "absent", tmp_path / "run")))
    assert status != 0 and lines == []
    assert error.count("ganinv: no folder") == 1
    assert not (tmp_path / "run").exists()
