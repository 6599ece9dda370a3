"""ganinv train-encoder and train-gan."""

import json
import subprocess
import sys

import pytest

from ganinv.core_yaml import dump_yaml, read_yaml
from ganinv.encoders.load import load_encoder
from ganinv.errors import WeightsError
from ganinv.generators.load import load_generator
from ganinv.paths import project_root
from ganinv.training.gan.settings import GanParams
from helpers.checks import strict_json
from helpers.commands import cli
from helpers.encoders import quick_params
from helpers.projects import sha256
from helpers.tiny_gans import TINY


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


def own_root(folder, monkeypatch, **more):
    """A project of its own, which has the weights of LPIPS and one drawn sample."""
    checkpoints, data = folder / "checkpoints", folder / "data"
    for path in (checkpoints, data):
        path.mkdir(parents=True)
    for path in (project_root() / "checkpoints").glob("lpips-*"):
        (checkpoints / path.name).symlink_to(path.resolve())
    manifest = read_yaml(project_root() / "checkpoints" / "manifest.yaml")
    (checkpoints / "manifest.yaml").write_text(dump_yaml(manifest | more))
    samples = read_yaml(project_root() / "data" / "samples.yaml")
    drawn = {"control": samples["control"]}
    (data / "samples.yaml").write_text(dump_yaml(drawn))
    monkeypatch.setenv("GANINV_ROOT", str(folder))


def test_publish_puts_weights_and_card_where_the_manifest_names_them(
    words, toy_path, tmp_path, capsys, monkeypatch
):
    weights = toy_path.read_bytes()
    entry = read_yaml(project_root() / "checkpoints" / "manifest.yaml")["ffhq-student"]
    entry |= {"file": "toy.safetensors", "sha256": sha256(weights), "size": len(weights)}
    own_root(tmp_path / "root", monkeypatch, toy=entry)
    checkpoints = tmp_path / "root" / "checkpoints"
    (checkpoints / "toy.safetensors").write_bytes(weights)
    words = [*words, "--publish"]
    assert cli(*words) == 0
    path = tmp_path / "run" / "encoder.safetensors"
    trained = path.read_bytes()
    assert capsys.readouterr().out.splitlines()[-2:] == [str(path), sha256(trained)]
    published = checkpoints / read_manifest_file("domain-ffhq")
    assert published.read_bytes() == trained
    card = strict_json(published.with_suffix(".json"))
    assert card["sha256"] == sha256(trained) and card["starts"] == []
    assert [row["step"] for row in card["history"]] == [0, 1, 1]
    published.unlink()
    assert cli(*words) == 0  # a finished one
    assert published.read_bytes() == trained


def read_manifest_file(name):
    return read_yaml(project_root() / "checkpoints" / "manifest.yaml")[name]["file"]


def test_a_generator_that_is_not_there_is_1(words, tmp_path, capsys):
    assert cli(*words, "--set", f"generator={tmp_path / 'absent.safetensors'}") == 1
    assert "absent.safetensors" in capsys.readouterr().err
    with pytest.raises(WeightsError):
        load_generator(tmp_path / "absent.safetensors")


def test_command_trains_from_a_file_with_changes_and_goes_on(
    tmp_path, capsys, make_photo, monkeypatch
):
    own_root(tmp_path / "root", monkeypatch)  # where decoded sets are kept
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


TOLD_AT_ONCE = """
import contextlib, io, json, sys
from ganinv.cli.main import main
told = []
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stderr(io.StringIO()) as error:
        try:
            main(words)
        except SystemExit as stopped:
            told.append([stopped.code, error.getvalue(), "torch" in sys.modules])
print(json.dumps(told))
"""


def test_what_was_given_is_checked_before_torch_is_imported(tmp_path):
    """In a process of its own: the exit status, what was said, and whether torch was imported."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "card.json").write_text("mine")
    cases = [
        ("train-encoder", "photographs=absent", 2, "no usable image in absent"),
        ("train-encoder", f"photographs={tmp_path / 'empty'}", 2, "it holds no .png"),
        ("train-encoder", f"photographs={tmp_path / 'file'}", 2, "is a file"),
        ("train-encoder", "start=domain-ffqh", 2, "did you mean domain-ffhq"),
        ("train-encoder", "start=absent.safetensors", 1, "there is no file absent.safetensors"),
        ("train-encoder", "generator=absent/net.pkl", 1, "there is no file absent/net.pkl"),
        ("train-encoder", "generator=ffhq-studen", 2, "did you mean ffhq-student"),
        ("train-encoder", f"out={tmp_path / 'full'}", 2, "card.json"),
        ("train-encoder", f"out={tmp_path / 'file'}", 2, "is a file; name a folder"),
        ("train-encoder", "device=tpu", 2, "device"),
        ("train-gan", "images=absent", 2, "no folder absent"),
        ("train-gan", f"images={tmp_path / 'empty'}", 2, "holds no images"),
        ("train-gan", f"images={tmp_path / 'file'}", 2, "is a file"),
        ("train-gan", "images=faces:two", 2, "faces:N"),
        ("train-gan", f"out={tmp_path / 'full'}", 2, "card.json"),
        ("train-gan", f"out={tmp_path / 'file'}", 2, "is a file; name a folder"),
    ]
    where = ["--set", f"out={tmp_path / 'run'}", "--set"]
    words = [[command, *where, change] for command, change, _, _ in cases]
    done = subprocess.run(
        [sys.executable, "-c", TOLD_AT_ONCE, json.dumps(words)], capture_output=True, text=True
    )
    for case, (code, said, imported) in zip(cases, json.loads(done.stdout), strict=True):
        assert (code, imported) == (case[2], False), (case, said)
        assert case[3] in said and said.count("\n") == 1, (case, said)
    assert not (tmp_path / "run").exists()


def test_an_empty_folder_name_is_not_passed_over(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli("train-gan", "--set", "images=absent", "--out", "") == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["train-gan", "train-encoder"])
def test_help_says_what_the_parameters_descriptions_say(command, capsys):
    assert cli(command, "--help") == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for name in ("out", "device"):
        assert GanParams.model_fields[name].description in text
