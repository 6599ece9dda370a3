"""The parameters of an encoder's training."""

import math

import pytest

from ganinv.core_yaml import dump_yaml, read_yaml
from ganinv.errors import ParamsError
from ganinv.paths import project_root
from ganinv.training.encoder.checks import ENCODER
from ganinv.training.encoder.settings import EncoderParams


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("step", "did you mean steps"),
        ("fit_sample", "did you mean fit_samples"),
        ("photograph", "did you mean photographs"),
        ("images", "no parameter named 'images'"),
        ("quux", "there are seed, device"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name, said):
    with pytest.raises(ParamsError, match=said):
        EncoderParams.make({name: 1})


@pytest.mark.parametrize(
    "fault",
    [
        {"steps": "many"},
        {"steps": 1.5},
        {"steps": True},
        {"steps": -1},
        {"batch": 1},
        {"lr": "fast"},
        {"lr": 0},
        {"lr": math.inf},
        {"lr": math.nan},
        {"mixing": 1.1},
        {"clean": -0.1},
        {"photographs": True},
        {"photographs": []},
        {"photographs": ["set:congress", ""]},
        {"progressive": 1.0},
        {"latent": -1.0},
        {"fit_ridge": 0.0},
        {"held_out": 0},
        {"save_every": 0},
        {"r1_every": 0},
        {"seed": -1},
        {"device": "tpu"},
        {"precision": "float16"},
        {"compile": True},
        {"generator": None},
        {"discriminator_resolution": 48},
        {"discriminator_resolution": 4},
    ],
    ids=str,
)
def test_a_value_that_cannot_be_used_is_refused_by_its_name(fault):
    with pytest.raises(ParamsError, match=next(iter(fault))):
        EncoderParams.make(fault)


def test_truncations_are_in_order():
    EncoderParams.make({"truncation_min": 0.7, "truncation_max": 0.7})
    with pytest.raises(ParamsError, match="truncation_min is above truncation_max"):
        EncoderParams.make({"truncation_min": 0.8, "truncation_max": 0.7})


def test_whole_numbers_pass_as_floats_and_parameters_are_frozen():
    params = EncoderParams.make({"lr": 1, "mixing": 0})
    assert type(params.lr) is float and type(params.mixing) is float
    with pytest.raises(ValueError, match="frozen"):
        params.lr = 2.0


def test_published_parameters_are_usable_and_differ_only_where_they_say():
    path = project_root() / "params" / "encoder.yaml"
    params, given = EncoderParams.load(path), read_yaml(path)
    default = EncoderParams().model_dump()
    assert {"steps", "lr", "out"} <= given.keys()
    assert params.model_dump() == default | given


def test_parameters_come_back_from_their_file(tmp_path):
    params = EncoderParams.make({"lr": 3e-7, "photographs": "on", "seed": 2**62})
    (tmp_path / "p.yaml").write_text(dump_yaml(params.model_dump()))
    assert EncoderParams.load(tmp_path / "p.yaml") == params
    changed = EncoderParams.load(tmp_path / "p.yaml", ["lr=1"], seed=0)
    assert (changed.lr, changed.seed, changed.photographs) == (1.0, 0, ["on"])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("photos", ["photos"]),
        ("2024", ["2024"]),
        ("[set:portraits/train, set:congress]", ["set:portraits/train", "set:congress"]),
        ("null", None),
        ("'null'", ["null"]),
    ],
)
def test_photographs_are_one_name_several_or_none(text, wanted, tmp_path):
    params = EncoderParams.load(None, [f"photographs={text}"])
    assert params.photographs == wanted
    (tmp_path / "p.yaml").write_text(dump_yaml(params.model_dump()))
    assert EncoderParams.load(tmp_path / "p.yaml") == params
    (tmp_path / "q.yaml").write_text(f"photographs: {text}\n")
    (tmp_path / "photos").mkdir()
    found = EncoderParams.load(tmp_path / "q.yaml").photographs
    assert found == ([str(tmp_path / "photos")] if text == "photos" else wanted)


def test_a_training_on_one_folder_is_known_by_its_name_alone():
    """As checkpoints have it that were made when there was no list, so that they go on."""
    for given, kept in (("a", "a"), (["a"], "a"), (["a", "b"], ["a", "b"]), (None, None)):
        assert ENCODER.decisive(EncoderParams.make({"photographs": given}))["photographs"] == kept
