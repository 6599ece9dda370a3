"""ganinv train-encoder and train-gan."""

import pytest

from ganinv.encoders.load import load_encoder
from ganinv.errors import WeightsError
from ganinv.generators.load import load_generator
from ganinv.params import dump_yaml
from ganinv.training.gan.settings import GanParams
from helpers.commands import cli
from helpers.encoders import quick_params
from helpers.gans import TINY


@pytest.fixture
def words(toy_path, tmp_path):
    """The words of a training of one step, and where it goes."""
    params = quick_params(toy_path, tmp_path / "run", steps=1)
    settings = params.model_dump(exclude={"out", "device", "photographs", "start"})
    sets = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    return ["train-encoder", *sets, "--device", "cpu", "--out", tmp_path / "run"]


def test_command_trains_and_prints_the_file(words, tmp_path, capsys):
    assert cli(*words) == 0
    path = tmp_path / "run" / "encoder.safetensors"
    assert capsys.readouterr().out.splitlines()[-1] == str(path)
    assert load_encoder(path).num_ws == 8
    assert cli(*words) == 0
    assert "going on from step 1" in capsys.readouterr().out
    assert cli(*words, "--set", "seed=1") == 2
    assert "--fresh" in capsys.readouterr().err
    assert cli(*words, "--set", "seed=1", "--fresh") == 0


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--set", "step=3"], "did you mean steps"),
        (["--set", "batch=1"], "batch"),
        (["--set", "lr=fast"], "lr"),
        (["--set", "truncation_min=2"], "truncation_min"),
        (["--params", "absent.yaml"], "absent.yaml"),
        (["--device", "tpu"], "device"),
        (["--set", "photographs=absent"], "no usable image in absent"),
        (["sample:hopper"], "sample:hopper"),
    ],
    ids=str,
)
def test_arguments_that_cannot_be_used_are_2(words, tmp_path, capsys, more, said):
    assert cli(*words, *more) == 2
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error
    assert not (tmp_path / "run").exists()


def test_a_generator_that_is_not_there_is_1(words, tmp_path, capsys):
    assert cli(*words, "--set", f"generator={tmp_path / 'absent.safetensors'}") == 1
    assert "absent.safetensors" in capsys.readouterr().err
    with pytest.raises(WeightsError):
        load_generator(tmp_path / "absent.safetensors")


def test_command_trains_from_a_file_with_changes_and_goes_on(
    tmp_path, capsys, make_photo, monkeypatch
):
    monkeypatch.setenv("GANINV_ROOT", str(tmp_path / "root"))  # where decoded sets are kept
    for seed in range(8):
        make_photo(tmp_path / "set" / f"{seed}.png", seed)
    params = TINY | {"images": str(tmp_path / "set"), "out": str(tmp_path / "run"), "steps": 2}
    file, out = tmp_path / "tiny.yaml", tmp_path / "elsewhere"
    file.write_text(dump_yaml(params))
    words = ("train-gan", "--params", file, "--set", "objective=lsgan", "--out", out)
    assert cli(*words) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out / "generator.safetensors")
    params = GanParams.load(out / "params.yaml")
    assert (params.objective, params.steps, params.out) == ("lsgan", 2, str(out))
    assert cli(*words, "--set", "steps=3") == 0
    assert "going on from step 2" in capsys.readouterr().out
    assert cli(*words, "--fresh", "--device", "cpu") == 0
    assert "going on" not in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "objectiv=lsgan"], "did you mean objective"),
        (["--set", "images=nowhere", "--set", "resolution=16"], "no folder nowhere"),
        (["--params", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_command_says_what_cannot_be_used(tmp_path, capsys, words, said):
    assert cli("train-gan", *words, "--out", tmp_path / "run") == 2
    assert said in capsys.readouterr().err
