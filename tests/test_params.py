"""Strict parameters: unknown names, wrong types and doubtful YAML are errors before a run."""

import math
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import Field

from ganinv.core_yaml import dump_yaml, read_yaml
from ganinv.errors import ParamsError
from ganinv.files import write_text
from ganinv.params import LATER, Strict, nearest
from ganinv.runs.params import Params
from helpers.yaml_files import write_yaml

# --- YAML ---


def value_of(tmp_path, text):
    """What `x: TEXT` holds."""
    return read_yaml(write_yaml(tmp_path, f"x: {text}\n"))["x"]


@pytest.mark.parametrize(
    "text, value",
    [
        ("1e-3", 0.001),
        ("5E2", 500.0),
        ("1e3", 1000.0),
        ("-1.5e+2", -150.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("0", 0),
        ("-7", -7),
        ("+7", 7),
        ("0x1F", 31),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        (".inf", math.inf),
        ("-.inf", -math.inf),
        (".Inf", math.inf),
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("No", "No"),
        ("y", "y"),
        ("'1e-3'", "1e-3"),
        ('"true"', "true"),
        ("1.2.3", "1.2.3"),
        ("e5", "e5"),
    ],
)
def test_scalars_follow_yaml_1_2(tmp_path, text, value):
    found = value_of(tmp_path, text)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    "text, value",
    [
        ("2024-01-01", "2024-01-01"),  # a date under YAML 1.1
        ("2024-01-01 12:30:00", "2024-01-01 12:30:00"),
        ("12:30", "12:30"),  # 750, in base 60, under YAML 1.1
        ("1_000", "1_000"),
        ("010", 10),  # octal under YAML 1.1
        ("0o17", 15),
    ],
)
def test_what_only_yaml_1_1_reads_otherwise_is_read_as_1_2_says(tmp_path, text, value):
    found = value_of(tmp_path, text)
    assert found == value and type(found) is type(value)


def test_aliases_are_not_read(tmp_path):
    """A short text would fill the memory with them."""
    with pytest.raises(ParamsError, match="aliases"):
        read_yaml(write_yaml(tmp_path, "a: &x [1]\nb: [*x, *x]\n"))


@pytest.mark.parametrize(
    "text, said",
    [
        ("[" * 100_000, "nested too deeply"),
        ("a: " + "x" * 4_100_000, "MB"),
        ("? [1, 2]\n: 3\n", "cannot be a name"),
        ("{1: 2}: 3\n", "cannot be a name"),
        ("a: !!python/object/apply:os.system [ls]\n", "not valid YAML"),
        ("a: !!int x\n", "not valid YAML"),
        ("a: \x07\n", "not valid YAML"),
        ("steps: [\n", "not valid YAML"),
        ("- steps\n", "expected lines"),
        ("steps\n", "expected lines"),
    ],
    ids=range(10),
)
def test_a_file_that_is_no_mapping_is_said_in_a_line(tmp_path, text, said):
    with pytest.raises(ParamsError, match=said) as caught:
        read_yaml(write_yaml(tmp_path, text))
    assert len(str(caught.value)) < 1000


def test_a_message_repeats_no_long_value():
    with pytest.raises(ParamsError) as caught:
        Params.make({"steps": "9" * 100_000})
    assert str(caught.value).startswith("steps: ") and len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "text", ["steps: 3\nseed: 1\nsteps: 4\n", "loss: {l2: 1, lpips: 1, l2: 2}\n"]
)
def test_a_key_given_twice_is_an_error_that_names_it(tmp_path, text):
    with pytest.raises(ParamsError, match="twice") as caught:
        Params.load(write_yaml(tmp_path, text))
    assert ("steps" if "steps" in text else "l2") in str(caught.value)


@pytest.mark.parametrize("text", ["- steps\n- 3\n", "steps\n", "3\n", "[1, 2]\n"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, text):
    with pytest.raises(ParamsError, match="name: value"):
        Params.load(write_yaml(tmp_path, text))


@pytest.mark.parametrize(
    "text",
    [
        "steps: [1,\n",
        "a: b: c\n",
        "steps: 1\n---\nsteps: 2\n",
        "steps: !!python/object/apply:os.getcwd []\n",
        "steps: \x00\n",
        "? {a: 1}\n: 2\n",
    ],
)
def test_bad_yaml_is_an_error_that_names_the_file(tmp_path, text):
    path = write_yaml(tmp_path, text)
    with pytest.raises(ParamsError) as caught:
        Params.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["1: 2\n", "null: 2\n", "true: 2\n", "1.5: x\n"])
def test_a_key_that_is_no_string_is_refused_as_unknown(tmp_path, text):
    with pytest.raises(ParamsError):
        Params.load(write_yaml(tmp_path, text))


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "---\n"])
def test_an_empty_file_leaves_the_defaults(tmp_path, text):
    assert Params.load(write_yaml(tmp_path, text)) == Params()


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for path in (tmp_path / "absent.yaml", tmp_path):
        with pytest.raises(ParamsError) as caught:
            Params.load(path)
        assert str(path) in str(caught.value)


def test_a_file_that_is_not_utf8_is_refused(tmp_path):
    path = tmp_path / "latin1.yaml"
    path.write_bytes("out: caf\u00e9\n".encode("latin-1"))
    with pytest.raises(ParamsError, match="latin1.yaml"):
        Params.load(path)


# --- names and types ---


@pytest.mark.parametrize(
    "wrong, right",
    [
        ("step", "steps"),
        ("sede", "seed"),
        ("lr_shedule", "lr_schedule"),
        ("optimiser", "optimizer"),
    ],
)
def test_an_unknown_name_gets_the_nearest_suggested(tmp_path, wrong, right):
    with pytest.raises(ParamsError) as caught:
        Params.load(write_yaml(tmp_path, f"{wrong}: 1\n"))
    known, _, hint = str(caught.value).partition("did you mean ")
    assert repr(wrong) in known and right in hint


@pytest.mark.parametrize(
    "values, right",
    [
        ({"space": "wplus"}, "w+"),
        ({"space": "W_plus"}, "w+"),
        ({"space": "w +"}, "w+"),
        ({"space": "wp"}, "w+"),
        ({"loss": "mse"}, "l2"),
        ({"loss": "lpisp"}, "lpips"),
        ({"loss": {"lpisp": 1.0, "l2": 1.0}}, "lpips"),
        ({"refine_loss": {"l2-full": 1.0}}, "l2_full"),
        ({"optimizer": "L-BFGS"}, "lbfgs"),
        ({"refine": "feature"}, "features"),
        ({"refine_lr": "aut"}, "auto"),
        ({"precision": "bfloat16"}, "bf16"),
        ({"face": "largst"}, "largest"),
        ({"device": "cdua"}, "cuda"),
    ],
    ids=str,
)
def test_a_wrong_word_of_a_list_gets_the_nearest_suggested(values, right):
    with pytest.raises(ParamsError) as caught:
        Params.make(values)
    assert str(caught.value).endswith(f"; did you mean {right}?")


@pytest.mark.parametrize(
    "values", [{"space": "q"}, {"device": "xpu"}, {"device": "gpu"}, {"steps": "many"}, {"lr": -1}]
)
def test_nothing_is_suggested_where_nothing_is_near_or_the_message_says_it(values):
    with pytest.raises(ParamsError) as caught:
        Params.make(values)
    assert "did you mean" not in str(caught.value)


def test_nearest_takes_no_account_of_case_and_dashes():
    known = ["Jürgen_Söhne", "anna", "Anna-2", "ben"]
    assert nearest("jürgen söhne", known) == ["Jürgen_Söhne"]
    assert nearest("ANNA", known) == ["anna"]
    assert nearest("bne", known) == ["ben"]
    assert nearest("anna3", known) == ["anna", "Anna-2"]
    assert nearest("x", known) == nearest("", known) == []
    assert nearest("a", ["b", "c"], {"A": "c"}) == ["c"] and nearest("b", ["bb"], {"b": None}) == []


def test_a_name_like_no_other_gets_the_list_of_names():
    with pytest.raises(ParamsError) as caught:
        Params.make({"zzz": 1})
    assert all(name in str(caught.value) for name in Params.model_fields)


def test_every_fault_gets_its_own_line():
    with pytest.raises(ParamsError) as caught:
        Params.make({"stepz": 1, "seed": "0", "lr": -1})
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert [any(name in line for line in lines) for name in ("stepz", "seed", "lr")] == [True] * 3


def test_a_whole_number_is_a_learning_rate():
    assert type(Params.make({"lr": 1}).lr) is float


def test_params_do_not_change_in_place():
    with pytest.raises(ValueError, match="frozen"):
        Params().steps = 5


def test_replace_checks_and_leaves_the_original():
    first = Params(steps=5)
    assert first.replace(steps=7).steps == 7 and first.steps == 5
    with pytest.raises(ParamsError, match="steps"):
        first.replace(stepz=7)
    with pytest.raises(ParamsError, match="^steps: "):
        first.replace(steps="7")


def test_a_later_parameter_counts_where_it_is_not_at_its_default():
    """So that results from before it was there are known by the same parameters."""

    class Younger(Strict):
        steps: int = Field(5)
        spread: float = Field(0.0, json_schema_extra=LATER)
        other: int = Field(1)

    names = {"steps", "spread"}
    assert Younger().deciding(names) == {"steps": 5}
    assert Younger(spread=0.1).deciding(names) == {"steps": 5, "spread": 0.1}


def test_a_notebooks_cell_changes_a_file_and_more_changes_both(tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text("steps: 5\nlr: 0.2\nseed: 1\n")
    cell = {"steps": 7, "plt": object(), "_": 3}
    params = Params.collect(cell, file, {"seed": 9})
    assert (params.steps, params.lr, params.seed) == (7, 0.2, 9)
    assert Params.collect(cell).steps == 7 and Params.collect({}) == Params()
    with pytest.raises(ParamsError, match="stepz"):
        Params.collect(cell, file, {"stepz": 9})
    with pytest.raises(ParamsError, match="^steps: "):
        Params.collect({"steps": "7"}, file)
    with pytest.raises(ParamsError, match="stpes.*did you mean steps"):
        Params.collect({"stpes": 7}, file)
    with pytest.raises(ParamsError, match="^steps is given twice: .* leave one of them out"):
        Params.collect(cell, file, {"steps": 9})
    assert Params.collect(cell, file, {"steps": 7}).steps == 7


# --- overrides ---


def test_overrides_beat_the_file_and_keywords_beat_both(tmp_path):
    path = write_yaml(tmp_path, "steps: 1\nseed: 1\nlr: 0.5\n")
    params = Params.load(path, ["steps=2", "seed=2", "seed=3"], steps=4)
    assert (params.steps, params.seed, params.lr) == (4, 3, 0.5)


@pytest.mark.parametrize(
    "text, name, value",
    [
        ("lr=1e-3", "lr", 0.001),
        ("compile=on", "compile", "on"),
        (" steps = 7", "steps", 7),
        ("encoder=null", "encoder", None),
        ("images=[a.png, b c.png]", "images", ["a.png", "b c.png"]),
        ("images=photos/", "images", ["photos/"]),
        ("out=a=b", "out", "a=b"),
        ("align=false", "align", False),
        ("space=w+", "space", "w+"),
    ],
)
def test_set_reads_values_as_yaml_does(text, name, value):
    assert getattr(Params.load(overrides=[text]), name) == value


@pytest.mark.parametrize("text", ["steps", "", "steps:3"])
def test_set_without_a_value_is_refused(text):
    with pytest.raises(ParamsError, match="key=value"):
        Params.load(overrides=[text])


@pytest.mark.parametrize("text", ["stepz=3", "steps=", "steps=three", "loss={l2: 1", "=3"])
def test_set_is_as_strict_as_a_file(text):
    with pytest.raises(ParamsError):
        Params.load(overrides=[text])


# --- round trips ---


keys = st.text(min_size=1, max_size=12)


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
)


values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(keys, values, max_size=5))
@example({"a": "1e-3", "b": "on", "c": "2024-01-01", "d": "12:30", "e": "0o17", "f": "010"})
@example({"g": ".Inf", "h": "=", "i": "<<", "j": "", "k": "1_0", "l": "~", "m": "0x1F", "n": ".5"})
@example({"o": 1e-05, "p": 1e300, "q": math.inf, "r": -0.0, "1e5": 1.0, "on": "\x85\u2028\ufeff"})
def test_what_is_dumped_is_read_back(mapping):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "values.yaml"
        write_text(path, dump_yaml(mapping))
        found = read_yaml(path)
    assert found == mapping
    assert repr(found) == repr(mapping)  # so that 1 is not True and 1.0 is not 1
