"""ganinv params, the options for parameters, and what is said before torch is imported."""

import os
import subprocess
import sys
import time

import pytest
import torch

from ganinv.cli.params import MODELS, describe_range
from ganinv.errors import ParamsError
from ganinv.inversion.latent_files import GeneratorFile, save_latent
from ganinv.params import our_files
from ganinv.paths import project_root
from ganinv.runs.params import Params
from ganinv.weights.manifest import weight_path
from helpers.checks import strict_json
from helpers.commands import cli


def test_every_parameter_is_listed_with_default_range_and_text(capsys):
    assert cli("params") == 0
    out = capsys.readouterr().out
    for name, field in Params.model_fields.items():
        assert f"\n{name}: " in f"\n{out}" and field.description in out
    assert "steps: 450\n    a whole number, 0 or more\n" in out
    assert "lr: 0.1\n    a number, above 0\n" in out
    assert "coordinates: auto\n    one of auto, w, style\n" in out
    assert "out: auto\n    a name or a path\n" in out


@pytest.mark.parametrize("of", list(MODELS))
def test_every_parameter_has_a_range_in_words(of):
    for name, field in MODELS[of].model_fields.items():
        text = describe_range(field)
        assert text and "Annotated" not in text and "typing" not in text, name


@pytest.mark.parametrize(
    "name, text",
    [
        ("face", "largest, all, or a number"),
        ("device", "auto, cpu, cuda, or cuda:N"),
        ("init", "mean_w, random, encoder, or a path"),
        ("encoder", "null, a name, or a path"),
        ("label", "null or a whole number, 0 or more"),
        ("refine_lr", "auto or a number above 0"),
        ("seed", "a whole number, 0 or more, below 9223372036854775808"),
    ],
)
def test_a_range_names_every_kind_of_value_in_one_phrase(name, text):
    assert describe_range(Params.model_fields[name]) == text


@pytest.mark.parametrize("of", list(MODELS))
def test_one_of_is_said_where_nothing_else_is_taken(of):
    """Each word is taken, and no number, path, name or null beside them."""
    model = MODELS[of]
    for name, field in model.model_fields.items():
        head, _, words = describe_range(field).partition("one of ")
        if head:
            assert not words
            continue
        for word in words.split(", "):
            model.load(None, [f"{name}={word}"])
        for other in ("3", "0.5", "cuda:1", "null", "some/path.x", "{l2: 1}", "[a]", "true"):
            with pytest.raises(ParamsError):
                model.load(None, [f"{name}={other}"])


@pytest.mark.parametrize("of", list(MODELS))
def test_a_default_can_be_copied_into_set_and_into_a_file(of, capsys, tmp_path):
    model, plain = MODELS[of], MODELS[of]()
    assert cli("params", "--of", of) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line[:1] != " "]
    printed = dict(line.split(": ", 1) for line in lines)
    assert printed.keys() == model.model_fields.keys()
    assert model.load(None, [f"{name}={text}" for name, text in printed.items()]) == plain
    file = tmp_path / "all.yaml"
    file.write_text("\n".join(lines), encoding="utf-8")
    assert model.load(file) == plain
    if of == "invert":
        assert printed["loss"] == "{lpips: 1.0, l2: 0.5}"


@pytest.mark.parametrize("given, file", [("exp03", "exp03.yaml"), ("FAST", "fast.yaml")])
def test_a_file_where_a_parameter_is_expected_is_told(given, file, capsys):
    assert cli("params", given) == 2
    error = capsys.readouterr().err
    assert "no parameter but a file" in error and file in error and "--presets" in error
    assert "coordinates" not in error


def test_a_command_where_a_parameter_is_expected_is_told(capsys):
    assert cli("params", "train-gan") == 2
    assert "--of train-gan" in capsys.readouterr().err


def test_one_parameter_in_any_case_and_of_other_commands(capsys):
    assert cli("params", "LPIPS_net") == 0
    assert capsys.readouterr().out.startswith("lpips_net: vgg\n    one of vgg, alex\n")
    assert cli("params", "critic_steps") == 0
    assert capsys.readouterr().out.startswith("(of train-gan)\ncritic_steps: ")
    assert cli("params", "steps", "--of", "train-gan") == 0
    assert "steps: 450" not in capsys.readouterr().out
    assert cli("params", "stepz") == 2
    assert "did you mean steps" in capsys.readouterr().err


def test_presets_are_listed_with_a_line_each(capsys):
    assert cli("params", "--presets") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 * len(our_files())
    assert "fast  (for invert)" in lines and "gan_lsgan  (for train-gan)" in lines
    assert all(line.startswith("    ") and len(line) > 20 for line in lines[1::2])


def test_the_usual_parameters_are_options(toy_path, photo, tmp_path):
    options = dict(space="W", loss="L2", steps=2, lr=0.2, seed=7, init="Random", generator=toy_path)
    options["refine"] = "Features"
    sets = dict(precision="float32", compile="off", log_every=0, snapshot_every=0, seed=1)
    sets |= dict(refine_resolution=8, refine_steps=3, refine_loss="l2")
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    words += [word for name, value in sets.items() for word in ("--set", f"{name}={value}")]
    assert cli("invert", photo, "--no-align", "--out", tmp_path / "run", *words) == 0
    params = Params.load(tmp_path / "run" / "params.yaml")
    assert (params.space, params.loss, params.init) == ("w", "l2", "random")
    assert (params.steps, params.lr, params.seed) == (2, 0.2, 7)  # options win over --set
    phases = [row["phase"] for row in strict_json(tmp_path / "run" / "me" / "history.json")]
    assert phases == 2 * ["code"] + 3 * ["refine"]


def test_other_parameters_in_one_folder_are_2_with_numbers(quick, photo, make_photo, capsys):
    make_photo(photo.with_name("zoe.png"), seed=1)
    assert cli("invert", photo.parent, *quick) == 0
    assert cli("invert", photo, *quick, "--steps", "3") == 2
    error = capsys.readouterr().err
    assert "holds 2 results under other parameters (steps: 2 there, 3 here)" in error
    assert "another folder by --out" in error and "--fresh" in error
    assert cli("invert", photo, *quick, "--steps", "3", "--fresh") == 0


def test_collect_says_what_it_gathered(quick, photo, tmp_path, capsys):
    assert cli("invert", photo, *quick) == 0
    before = (tmp_path / "run" / "metrics.json").read_bytes()
    for name in ("metrics.json", "metrics.csv", "index.html", "contact_sheet.jpg"):
        (tmp_path / "run" / name).unlink()
    assert cli("collect", tmp_path / "run") == 0
    assert "1 finished, 0 failed" in capsys.readouterr().out
    assert (tmp_path / "run" / "metrics.json").read_bytes() == before
    assert (tmp_path / "run" / "index.html").is_file()
    assert cli("collect", tmp_path) == 2
    assert "no run" in capsys.readouterr().err


def test_the_end_says_where_to_look_how_long_it_took_and_what_was_left_out(
    quick, photo, make_photo, tmp_path, capsys
):
    make_photo(photo.with_name("zoe.png"), seed=1)
    (photo.parent / "clip.mov").write_bytes(b"\0\0\0\x14ftypqt  ")
    assert cli("invert", photo.parent, *quick) == 0
    out = capsys.readouterr().out
    assert "2 images in " in out and f"look at {tmp_path / 'run' / 'index.html'}" in out
    assert "1 video (clip.mov)" in out
    assert "left for all" in out  # after the first image the pace is known


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["verify", "--steps", "4", "x"], "ganinv invert … --set steps"),
        (["train-gan", "--steps", "4"], "--set steps=…"),
        (["invert", "x.png", "--precision", "bf16"], "--set precision=…"),
    ],
    ids=str,
)
def test_an_option_given_to_the_wrong_command_says_where_it_goes(words, hint, capsys):
    assert cli(*words) == 2
    error = capsys.readouterr().err
    assert "No such option" in error and hint in error


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["invert", "absent.jpg"], "no file or folder absent.jpg"),
        (["invert", ""], "empty"),
        (["invert", "PHOTO", "--out", ""], "empty"),
        (["invert", "PHOTO", "--steps", "many"], "steps"),
        (["invert", "PHOTO", "--generator", "ffhq-stdent"], "did you mean ffhq-student"),
        (["invert", "PHOTO", "--generator", "absent.pkl"], "no file absent.pkl"),
        (["invert", "PHOTO", "--device", "mps"], "Apple"),
        (["invert", "PHOTO", "--device", "gpu"], "cuda"),
        (["invert", "PHOTO", "--init", "absent.safetensors"], "folder absent.safetensors"),
        (["invert", "PHOTO", "--init", "encoder"], "needs an encoder"),
        (["invert", "PHOTO", "--params", "fats"], "did you mean fast"),
        (["invert", "PHOTO", "--out", "PHOTO"], "is a file"),
        (["invert", "PHOTO", "--space", "wplus"], "did you mean w+?"),
        (["invert", "PHOTO", "--init", "mean"], "did you mean mean_w?"),
        (["invert", "verify", "x"], "`ganinv verify`"),
        (["align", "absent.jpg", "--out", "x"], "no file or folder"),
        (["params", "stepz"], "did you mean steps"),
        (["verify", ""], "empty"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_without_torch_in_a_second(words, said, photo, tmp_path):
    said_without_torch([str(photo) if word == "PHOTO" else word for word in words], said, tmp_path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["edit", "RUN", "--direction", "smlie"], "did you mean smile?"),
        (["edit", "RUN", "--direction", "smile", "--layers", "corse"], "did you mean coarse?"),
        (["edit", "RUN/ana", "--direction", "smile"], "did you mean anna?"),
        (["edit", "RUN/absent/x", "--direction", "smile"], "there is no"),
        (["morph", "RUN", "anna", "ben"], "did you mean bent?"),
        (["morph", "RUN", "anna", "bent", "--generator", "ffhq-stdent"], "did you mean ffhq"),
        (["mix", "anna", "bent", "--run", "RUN", "--rows", "corse=B"], "did you mean coarse?"),
        (["mix", "anna", "ben", "--run", "RUN", "--rows", "coarse=B"], "did you mean bent?"),
        (["mix", "anna", "bent", "--run", "RUN", "--rows", "coarse=C"], "C is none of A"),
        (["animate", "RUN/anna", "--direction", "smlie"], "did you mean smile?"),
        (["render", "RUN/ana"], "did you mean anna?"),
        (["export", "RUN/ana"], "did you mean anna?"),
        (["render", "EMPTY"], "holds no finished image"),
        (["edit", "EMPTY", "--direction", "smile"], "holds no finished image"),
        (["verify", "EMPTY"], "holds no finished image"),
        (["verify", "RUN/absent"], "no such folder"),
        (["directions", "list", "--generator", "ffhq-stdent"], "did you mean ffhq-student"),
        (["directions", "check", "--direction", "smlie"], "did you mean smile?"),
        (["directions", "find", "--attributes", "smlie"], "did you mean smile?"),
    ],
    ids=" ".join,
)
def test_a_wrong_name_is_said_without_torch(words, said, runs, tmp_path):
    """Of images, directions, rows, attributes, generators, in every command that takes them."""
    words = [word.replace("RUN", "run").replace("EMPTY", "empty") for word in words]
    if words[0] not in ("verify", "directions"):
        words += [
            "--out",
            {"edit": "x", "render": "x", "export": "x", "mix": "x.png"}.get(words[0], "x.gif"),
        ]
    said_without_torch(words, said, runs)
    assert {path.name for path in runs.iterdir()} == {"run", "empty"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with a run of the student, of two images, and one without any."""
    root = tmp_path_factory.mktemp("runs")
    student = GeneratorFile(
        "ffhq-student", strict_json(weight_path("ffhq-student").with_suffix(".json"))["sha256"]
    )
    for name in ("anna", "bent"):
        (root / "run" / name).mkdir(parents=True)
        save_latent(root / "run" / name / "latent.safetensors", torch.zeros(23, 512), student)
        (root / "run" / name / "record.json").write_text('{"psnr": 20.0}')
    (root / "empty" / "bad").mkdir(parents=True)
    (root / "empty" / "bad" / "record.json").write_text('{"failed": "no face"}')
    (root / "empty" / "metrics.json").write_text('{"images": {}, "failed": {"bad": "no face"}}')
    for name in ("run", "empty"):
        (root / name / "params.yaml").write_text("images: [x]\n")
    return root


def said_without_torch(words, said, folder):
    """The program ends with 1 or 2, says so, and has not imported torch."""
    code = (
        "import sys\n"
        "from ganinv.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit as error:\n"
        "    print('status', error.code, 'torch' in sys.modules)\n"
    )
    started = time.process_time(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(project_root())},
    )
    assert done.stdout.splitlines()[-1] in ("status 2 False", "status 1 False"), done.stderr
    assert said in done.stderr and "Traceback" not in done.stderr
    assert time.perf_counter() - started[1] < 10  # half a second where nothing else runs


def test_the_shell_completes_presets_and_parameters(tmp_path):
    for typed, found in (("--params nv", "nvidia-w"), ("--set plat", "plateau=")):
        done = subprocess.run(
            [sys.executable, "-m", "ganinv"],
            capture_output=True,
            text=True,
            env=os.environ
            | {
                "PYTHONPATH": str(project_root()),
                "_GANINV_COMPLETE": "complete_bash",
                "COMP_WORDS": f"ganinv invert {typed}",
                "COMP_CWORD": "3",
            },
        )
        assert done.stdout.split() == [found], done.stderr


def test_a_run_is_repeated_and_verified_from_anywhere_until_its_files_are_gone(
    quick, photo, toy_path, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    near = tmp_path / "toy.safetensors"
    near.write_bytes(toy_path.read_bytes())
    words = [*quick[:-1], "run", "--generator", "toy.safetensors"]
    assert cli("invert", "photos/me.png", *words) == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert cli("verify", "../run") == 0
    assert cli("invert", "--params", "../run/params.yaml", "--out", "again") == 0
    latents = [p.read_bytes() for p in tmp_path.rglob("latent.safetensors")]
    assert len(latents) == 2 and latents[0] == latents[1]
    photo.rename(tmp_path / "moved.png")
    capsys.readouterr()
    assert cli("invert", "--params", "../run/params.yaml", "--out", "more") == 2
    error = capsys.readouterr().err
    assert "no file or folder ../photos/me.png" in error
    assert f"looked for from {tmp_path / 'elsewhere'} and from {tmp_path / 'run'}" in error
    near.unlink()
    assert cli("verify", "../run") == 1
    assert "looked for from" in capsys.readouterr().err
