"""Arguments and parameter files that would hang, fill memory or flood the terminal."""

import os
import subprocess
import sys

import pytest

from ganinv.errors import ImageError, ParamsError
from ganinv.images.crops import read_crop
from ganinv.runs.params import Params
from helpers.commands import cli
from helpers.memory import GIB, at_most

TAGS = ["!!timestamp 5", "!!bool maybe", "!!int 5x", "!!float abc", "!!binary aaa", "!!set {a}"]


@pytest.mark.parametrize("value", TAGS)
def test_an_explicit_tag_that_does_not_fit_is_refused(tmp_path, value):
    (tmp_path / "p.yaml").write_text(f"steps: {value}\n")
    with pytest.raises(ParamsError, match=r"p\.yaml"):
        Params.load(tmp_path / "p.yaml")


def test_a_pipe_that_nobody_writes_to_is_no_parameter_file(tmp_path):
    os.mkfifo(tmp_path / "p.yaml")
    with pytest.raises(ParamsError, match="pipe"):
        Params.load(tmp_path / "p.yaml")


def test_a_name_too_long_for_the_system_is_a_wrong_argument():
    with pytest.raises(ParamsError, match="too long"):
        Params.load("x" * 5000)


FLOODS = {
    "a long value": "loss: " + "x" * 900_000,
    "a long name": "x" * 900_000 + ": 5",
    "many names": "".join(f"k{i}: 1\n" for i in range(5000)),
    "a long number": "steps: " + "9" * 900_000,
    "nested": "loss: " + "[" * 100_000,
    "a long tag": "loss: !" + "x" * 100_000 + " 5",
    "a long home": "out: ~" + "x" * 100_000,
}


@pytest.mark.parametrize("text", FLOODS.values(), ids=FLOODS)
def test_a_message_about_a_hostile_file_is_short(tmp_path, text):
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(ParamsError) as caught:
        Params.load(tmp_path / "p.yaml")
    assert len(str(caught.value)) < 6000


NUMBERS = ["1" + "0" * 400, "0x" + "f" * 5000, "-1" + "0" * 4000]


@pytest.mark.parametrize("name", ["steps", "lr", "loss"])
@pytest.mark.parametrize("number", NUMBERS, ids=["1e400", "hex", "negative"])
def test_a_number_that_no_float_holds_is_refused(name, number):
    value = f"{{lpips: {number}}}" if name == "loss" else number
    with pytest.raises(ParamsError) as caught:
        Params.load(None, [f"{name}={value}"])
    assert len(str(caught.value)) < 500


def test_what_is_nested_or_long_is_refused_before_it_is_built(tmp_path):
    for text in ("[" * 100_000, "- " * 50_000, "{a: " * 50_000, "[" + "1, " * 30_000 + "]"):
        (tmp_path / "p.yaml").write_text("out: " * (text[0] != "-") + text)
        with pytest.raises(ParamsError, match="nested too deeply|over 25000 values"):
            Params.load(tmp_path / "p.yaml")


def test_billions_of_laughs_are_not_heard(tmp_path):
    lines = ["a0: &a0 [lol, lol]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 30)]
    (tmp_path / "p.yaml").write_text("\n".join(lines) + "\nloss: *a29\n")
    with at_most(GIB // 4), pytest.raises(ParamsError, match="aliases") as caught:
        Params.load(tmp_path / "p.yaml")
    assert len(str(caught.value)) < 500


def test_a_device_or_a_large_file_is_no_parameter_file(tmp_path):
    with open(tmp_path / "big.yaml", "wb") as file:
        file.truncate(2**30)
    for path in ("/dev/zero", tmp_path / "big.yaml"):
        with at_most(GIB // 4), pytest.raises(ParamsError, match="over 2 MB"):
            Params.load(path)
    (tmp_path / "wide.yaml").write_text("steps: 5", encoding="utf-16")
    with pytest.raises(ParamsError, match="UTF-8"):
        Params.load(tmp_path / "wide.yaml")
    with pytest.raises(ParamsError, match="directory"):
        Params.load(tmp_path)


@pytest.mark.parametrize("item", ["steps=" + "9" * 100_000, "lr=" + "[" * 20_000, "x" * 100_000])
def test_a_message_about_a_long_set_is_short(item):
    with pytest.raises(ParamsError) as caught:
        Params.load(None, [item])
    assert len(str(caught.value)) < 1000


def test_the_home_of_a_user_who_does_not_exist_is_no_folder():
    with pytest.raises(ParamsError, match="no user nosuchuser"):
        Params.load(None, ["out=~nosuchuser/x"])


@pytest.mark.parametrize("item", ["init=~\udcefut", "out=~\udcef/x", "\udcefout=1", "space=\udcef"])
def test_bytes_that_are_no_text_are_named_as_escapes(item):
    with pytest.raises(ParamsError, match=r"\\udcef"):
        Params.load(None, [item])


@pytest.mark.parametrize("name", ["verify", "collect"])
def test_a_folder_that_holds_no_run_is_told_without_torch(tmp_path, name):
    for folder in (tmp_path, tmp_path / "absent"):
        code = "import sys; sys.modules['torch'] = None\nfrom ganinv.cli.main import main\n"
        code += f"main(['{name}', sys.argv[1]])"
        done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True)
        assert done.returncode == 2 and "holds no run" in done.stderr


def test_a_pipe_or_a_device_is_no_crop_record(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    for path in (tmp_path / "pipe.json", "/dev/zero"):
        with pytest.raises(ImageError, match="pipe or device"):
            read_crop(path)
    with open(tmp_path / "big.json", "wb") as file:
        file.truncate(10**9)
    with pytest.raises(ImageError, match="too large"):
        read_crop(tmp_path / "big.json")


def test_align_refuses_an_output_below_a_file(tmp_path, make_photo, capsys):
    photo = make_photo(tmp_path / "me.png")
    assert cli("align", photo, "--out", photo / "x") == 2
    assert "is a file" in capsys.readouterr().err


WITHOUT_TORCH = [
    ["align", "me.png", "--out", "o", "--face", "0"],
    ["align", "absent.png", "--out", "o"],
    ["report", "--set", "nosuch=5"],
    ["bench", "step", "--device", "gpu"],
    ["bench", "quality", "--device", "mps"],
    ["morph", ".", "a", "b", "--out", "m.avi"],
    ["morph", "absent", "a", "b", "--out", "m.gif"],
    ["morph", ".", "a", "b", "--out", "m.gif", "--device", "gpu"],
    ["mix", "a", "b", "--rows", "0=B", "--out", "m.gif"],
    ["animate", "a", "--direction", "yaw", "--strength", "0", "--out", "m.gif"],
    ["weights", "info", "nosuch.pkl"],
    ["weights", "convert", "nosuch"],
]


@pytest.mark.parametrize("words", WITHOUT_TORCH, ids=" ".join)
def test_wrong_arguments_are_told_without_torch(tmp_path, words):
    code = "import sys; sys.modules['torch'] = None\nfrom ganinv.cli.main import main\n"
    done = subprocess.run(
        [sys.executable, "-c", code + "main(sys.argv[1:])", *words],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == (1 if words[0] == "weights" else 2), done.stderr
    assert done.stderr.strip() and "Traceback" not in done.stderr
