"""The parameters of a run, and the project's own files of them."""

import math
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganinv.cli.params import first_comment
from ganinv.core_yaml import dump_yaml, read_yaml
from ganinv.errors import ParamsError
from ganinv.files import write_text
from ganinv.inversion.params import SearchParams
from ganinv.params import our_files
from ganinv.paths import project_root
from ganinv.runs.params import Params
from helpers.yaml_files import write_yaml


def test_a_folder_may_be_named_after_a_date():
    assert Params.load(overrides=["out=2024-01-01"]).out == "2024-01-01"


@pytest.mark.parametrize(
    "name, value",
    [
        ("steps", "300"),
        ("steps", 300.0),
        ("steps", True),
        ("steps", -1),
        ("steps", None),
        ("seed", -1),
        ("seed", 2**63),
        ("seed", 0.5),
        ("lr", "1e-3"),
        ("lr", 0),
        ("lr", -0.1),
        ("lr", True),
        ("lr", math.nan),
        ("lr", math.inf),
        ("align", "yes"),
        ("align", 1),
        ("space", "x"),
        ("optimizer", "sgd"),
        ("lr_schedule", "cosine"),
        ("lpips_net", "squeeze"),
        ("compile", True),
        ("compile", "maybe"),
        ("precision", "fp16"),
        ("device", "gpu"),
        ("device", "cuda:"),
        ("device", "cuda:0\n"),
        ("loss_resolution", 7),
        ("log_every", -1),
        ("snapshot_every", 1.5),
        ("images", []),
        ("images", [True]),
        ("images", None),
        ("images", {"a": 1}),
        ("generator", True),
        ("generator", ""),
        ("out", " "),
        ("images", ["a.png", ""]),
        ("device", "mps"),
        ("device", "tpu:0"),
        ("face", "0"),
        ("face", "biggest"),
        ("face", True),
        ("encoder", ["e4e"]),
        ("out", None),
    ],
)
def test_a_wrong_value_is_refused_by_name(name, value):
    with pytest.raises(ParamsError, match=f"^{name}: "):
        Params.make({name: value})


def test_yaml_booleans_do_not_pass_for_words_nor_words_for_booleans():
    with pytest.raises(ParamsError, match="^compile: "):
        Params.load(overrides=["compile=true"])
    with pytest.raises(ParamsError, match="^align: "):
        Params.load(overrides=["align=on"])


@pytest.mark.parametrize(
    "name, given, meant",
    [
        ("space", "W+", "w+"),
        ("space", "W", "w"),
        ("loss", "LPIPS", "lpips"),
        ("loss", {"L2": 1.0, "LPIPS_VGG": 2.0}, {"l2": 1.0, "lpips_vgg": 2.0}),
        ("optimizer", "Adam", "adam"),
        ("optimizer", "LBFGS", "lbfgs"),
        ("init", "Mean_W", "mean_w"),
        ("noise_maps", "Stored", "stored"),
        ("device", "CPU", "cpu"),
        ("face", "ALL", "all"),
        ("face", 2, "2"),
        ("out", 2024, "2024"),
    ],
)
def test_words_are_taken_in_any_case_and_numbers_for_names(name, given, meant):
    assert getattr(Params.make({name: given}), name) == meant


def test_a_file_named_like_a_start_is_that_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Random").write_bytes(b"")
    assert Params.make({"init": "Random"}).init == "Random"
    assert Params.make({"init": "RANDOM"}).init == "random"


@pytest.mark.parametrize("name", ["out", "generator", "init", "encoder", "images"])
def test_a_tilde_is_the_home_folder_in_every_path(name, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for params in (
        Params.make({name: "~/a b.png"}),
        Params.load(overrides=[f"{name}=~/a b.png"]),
        Params.load(write_yaml(tmp_path, f"{name}: ~/a b.png\n")),
    ):
        wanted = str(tmp_path / "a b.png")
        assert getattr(params, name) == ([wanted] if name == "images" else wanted)
    (tmp_path / "~").mkdir()
    (tmp_path / "~" / "b.png").write_bytes(b"")
    assert Params.make({"init": "~/b.png"}).init == "~/b.png"  # a folder that is really named so


@pytest.mark.parametrize(
    "text",
    ["test #2", "#2", "007", "2024", "1e3", "true", "null.d", "a: b", "[x]", "a{b}", "*", "&x"],
)
def test_a_path_given_by_set_is_taken_as_it_stands(text):
    assert Params.load(overrides=[f"out={text}"]).out == text
    assert Params.load(overrides=[f"out='{text}'"]).out == text


@pytest.mark.parametrize("text", ["007", "2024", "1e3", "true", "0x10"])
def test_a_number_as_a_path_keeps_its_digits_in_a_file(tmp_path, text):
    path = write_yaml(tmp_path, f"out: {text}\nimages: [{text}, b.png]\nsteps: 3\n")
    params = Params.load(path)
    assert params.out == text and params.images == [text, "b.png"] and params.steps == 3


def test_one_image_is_a_list_of_one():
    assert Params.make({"images": "me.jpg"}).images == ["me.jpg"]


def test_a_search_has_the_parameters_of_a_run_that_are_its_own():
    ours = {"images", "out", "generator", "device", "align", "face", "keep"}
    assert set(Params.model_fields) - set(SearchParams.model_fields) == ours
    assert all(f.description for f in Params.model_fields.values())


weights = st.floats(min_value=0, max_value=1e6)


# a path that names no folder that is there, and no home
paths = st.text(max_size=20).map(lambda text: "x" + text.replace("\0", ""))

params = st.fixed_dictionaries(
    {},
    optional={
        "generator": paths,
        "images": st.lists(paths, min_size=1, max_size=3),
        "align": st.booleans(),
        "space": st.sampled_from(["w", "w+"]),
        "encoder": st.none() | paths,
        "loss": st.sampled_from(["l2", "lpips"])
        | st.dictionaries(st.sampled_from(["lpips_vgg", "lpips_alex"]), weights).map(
            lambda terms: {"l2": 1.0} | terms
        ),
        "lr": st.floats(min_value=0, exclude_min=True, allow_infinity=False),
        "steps": st.integers(min_value=0),
        "seed": st.integers(min_value=0, max_value=2**63 - 1),
        "compile": st.sampled_from(["auto", "on", "off"]),
        "out": paths,
    },
)


@settings(deadline=None, max_examples=40)
@given(params)
def test_a_run_saves_parameters_that_load_again(chosen):
    first = Params.make(chosen)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "params.yaml"
        write_text(path, dump_yaml(first.model_dump()))
        assert Params.load(path) == first


# --- the project's own files ---


FOLDER = project_root() / "params"


def test_there_are_parameters_for_each_experiment():
    assert {f"exp0{n}.yaml" for n in range(1, 5)} <= {p.name for p in FOLDER.glob("*.yaml")}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("exp*.yaml")), ids=lambda path: path.stem)
def test_the_experiments_parameters_load(path):
    loaded = Params.load(path)
    assert {name: getattr(loaded, name) for name in read_yaml(path)} == read_yaml(path)


@pytest.mark.parametrize(
    "name, space, loss, steps",
    [
        ("exp01", "w", "l2", 300),
        ("exp02", "w+", "l2", 300),
        ("exp03", "w+", "lpips", 600),
        ("exp04", "w+", "lpips", 250),
    ],
)
def test_the_experiments_are_those_that_the_project_is_about(name, space, loss, steps):
    loaded = Params.load(FOLDER / f"{name}.yaml")
    assert (loaded.space, loaded.loss, loaded.steps) == (space, loss, steps)
    start = "encoder" if name == "exp04" else "mean_w"
    assert (loaded.init, loaded.optimizer) == (start, "adam")


# --- presets by name, and paths in a file ---


@pytest.mark.parametrize("name", ["fast", "exp03", "nvidia-w", "NVIDIA-W", "fast.yaml"])
def test_our_files_are_found_by_name_from_anywhere(name, tmp_path, monkeypatch):
    stem = name.lower().removesuffix(".yaml")
    folder = project_root() / "params"
    file = next(
        p for p in (folder / f"{stem}.yaml", folder / "presets" / f"{stem}.yaml") if p.is_file()
    )
    expected = Params.load(file)
    monkeypatch.chdir(tmp_path)
    assert Params.load(name) == expected
    (tmp_path / name).write_text("steps: 7\n")  # a file of one's own comes first
    assert Params.load(name).steps == 7


@pytest.mark.parametrize("name", ["params/fast.yaml", "params/presets/nvidia-w.yaml"])
def test_our_files_are_found_by_the_path_they_have_in_a_clone(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Params.load(name) == Params.load(project_root() / name)
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text("steps: 7\n")
    assert Params.load(name).steps == 7


@pytest.mark.parametrize(
    "name, said",
    [
        ("params/../README.md", "not valid YAML|no such file"),
        ("params/no.yaml", "no such file"),
        ("fats", "did you mean fast"),
        ("nope/x.yaml", "no such file"),
        ("", "empty"),
        ("x.yml", "file"),
    ],
)
def test_a_file_that_is_not_there_is_said(name, said):
    with pytest.raises(ParamsError, match=said):
        Params.load(name)


def test_every_preset_says_in_a_line_what_it_is():
    for name, path in our_files().items():
        line = first_comment(path)
        assert 20 < len(line) < 200 and line.endswith("."), (name, line)


def test_paths_in_a_file_are_found_from_its_folder_too(tmp_path, monkeypatch):
    run, here = tmp_path / "run", tmp_path / "here"
    for folder in (run / "near", here / "near", here / "both", run / "both"):
        folder.mkdir(parents=True)
    (run / "p.yaml").write_text(
        "images: [./near, near, both, ./absent, samples]\n"
        "init: ./near\nout: .\nencoder: ../here/both\n"
    )
    monkeypatch.chdir(here)
    params = Params.load(run / "p.yaml")
    assert params.images == [str(run / "near"), "near", "both", "./absent", "samples"]
    assert (params.init, params.out) == (str(run / "near"), str(run))
    assert params.encoder == str(here / "both")
    monkeypatch.chdir(tmp_path)
    assert Params.load("run/p.yaml").images[:3] == ["run/near", "run/near", "run/both"]
