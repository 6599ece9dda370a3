"""The parameters of a run, and the project's own files of them."""

import math
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganinv.errors import ParamsError
from ganinv.files import write_text
from ganinv.inversion.params import SearchParams
from ganinv.params import dump_yaml, read_yaml
from ganinv.paths import project_root
from ganinv.runs.params import Params


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
        ("space", "W"),
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
        ("images", [1]),
        ("images", None),
        ("images", {"a": 1}),
        ("generator", 3),
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


def test_one_image_is_a_list_of_one():
    assert Params.make({"images": "me.jpg"}).images == ["me.jpg"]


def test_a_search_has_the_parameters_of_a_run_that_are_its_own():
    ours = {"images", "out", "generator", "device", "align"}
    assert set(Params.model_fields) - set(SearchParams.model_fields) == ours
    assert all(f.description for f in Params.model_fields.values())


weights = st.floats(min_value=0, max_value=1e6)


params = st.fixed_dictionaries(
    {},
    optional={
        "generator": st.text(min_size=1, max_size=20),
        "images": st.lists(st.text(max_size=20), min_size=1, max_size=3),
        "align": st.booleans(),
        "space": st.sampled_from(["w", "w+"]),
        "encoder": st.none() | st.text(max_size=20),
        "loss": st.sampled_from(["l2", "lpips"])
        | st.dictionaries(st.sampled_from(["lpips_vgg", "lpips_alex"]), weights).map(
            lambda terms: {"l2": 1.0} | terms
        ),
        "lr": st.floats(min_value=0, exclude_min=True, allow_infinity=False),
        "steps": st.integers(min_value=0),
        "seed": st.integers(min_value=0, max_value=2**63 - 1),
        "compile": st.sampled_from(["auto", "on", "off"]),
        "out": st.text(max_size=20),
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
