"""Generators that could not render are refused when they are read, and leave nothing behind."""

import pytest
import torch

from ganinv import load_generator
from ganinv.errors import WeightsError
from ganinv.weights.convert import converted
from ganinv.weights.locate import describe_file
from helpers.commands import cli
from helpers.foreign_checkpoints import kept_in, names_in, sentence
from helpers.paths import DATA
from helpers.toys import save_toy

NOT_A_NUMBER = (float("nan"), float("inf"), -float("inf"))


def changed(name, change):
    weights = dict(torch.load(DATA / "rosinality_64.pt")["g_ema"])
    weights[name] = change(weights[name].clone())
    return weights


def one_bad(value):
    def change(x):
        x = x.contiguous()
        x.view(-1)[-1] = value
        return x

    return change


UNFIT = {
    **{
        f"{value} in {name}": (name, one_bad(value), "convs?|style|noise|const|mapping|to_rgb")
        for value in NOT_A_NUMBER[:2]
        for name in ("convs.3.conv.weight", "style.2.bias", "noises.noise_4", "input.input")
    },
    "a wide constant": ("input.input", lambda x: x.repeat(1, 1, 1, 2), "4x8 features.*square"),
    "a tall constant": ("input.input", lambda x: x.repeat(1, 1, 2, 1), "8x4 features.*square"),
    "a wide noise map": ("noises.noise_2", lambda x: x.repeat(1, 1, 1, 2), "8x16.*square"),
    "a large noise map": ("noises.noise_2", lambda x: x.repeat(1, 1, 2, 2), "noise.*shape"),
    "another width": ("convs.3.conv.weight", lambda x: x[:, 1:], "shape"),
    "another w": ("convs.3.conv.modulation.weight", lambda x: x[:, 1:], "shape"),
}


@pytest.mark.parametrize(("name", "change", "reason"), UNFIT.values(), ids=UNFIT)
def test_a_generator_that_cannot_render_is_refused(name, change, reason, root, tmp_path):
    path = tmp_path / "mine.pt"
    torch.save({"g_ema": changed(name, change)}, path)
    message = sentence(load_generator, path)
    assert message.startswith(f"{path} is not read: ")
    with pytest.raises(WeightsError, match=reason):
        load_generator(path)
    assert kept_in(root) == [] and names_in(tmp_path) == ["mine.pt"]


@pytest.mark.parametrize("case", ["nan in style.2.bias", "a wide constant", "another width"])
def test_every_command_refuses_it(case, root, tmp_path, make_photo, capsys):
    name, change, reason = UNFIT[case]
    path, photo = tmp_path / "mine.pt", make_photo(tmp_path / "me.png")
    torch.save({"g_ema": changed(name, change)}, path)
    run = ["invert", photo, "--no-align", "--set", f"generator={path}", "--out", tmp_path / "run"]
    for command in (["weights", "info", path], ["weights", "convert", path], run):
        assert cli(*command) == 1
        error = capsys.readouterr().err
        assert f"{path} is not read" in error and "me.png" not in error
    assert kept_in(root) == [] and names_in(tmp_path) == ["me.png", "mine.pt"]


def test_nan_in_a_file_of_ours_names_the_generator(root, toy, tmp_path, make_photo, capsys):
    photo = make_photo(tmp_path / "me.png")
    state = toy.state_dict() | {"const": one_bad(float("nan"))(toy.const.clone())}
    path = save_toy(tmp_path / "mine.safetensors", state)
    sets = ["--set", f"generator={path}", "--out", tmp_path / "run"]
    assert cli("invert", photo, "--no-align", *sets) == 1
    error = capsys.readouterr().err
    assert str(path) in error and "const holds NaN" in error and "me.png" not in error


@pytest.mark.parametrize("change", [lambda data: data[:-9], lambda data: data[:-9] + bytes(9)])
def test_a_kept_conversion_that_was_damaged_is_made_anew(change, root, rosinality):
    path, _ = converted(rosinality, "generator")
    whole = path.read_bytes()
    path.write_bytes(change(whole))
    assert load_generator(rosinality).resolution == 64
    assert path.read_bytes() == whole


@pytest.mark.parametrize(("images", "heads"), [(1, slice(0, 1)), (4, [0, 1, 2, 0])])
def test_info_says_how_many_channels_there_are(images, heads, root, tmp_path):
    weights = dict(torch.load(DATA / "rosinality_64.pt")["g_ema"])
    for name, x in weights.items():
        if name.startswith("to_rgb") and name.endswith((".conv.weight", ".bias")):
            weights[name] = x if "modulation" in name else x[:, heads]
    torch.save({"g_ema": weights}, tmp_path / "net.pt")
    (known,) = describe_file(tmp_path / "net.pt")
    assert known["img_channels"] == known["config"]["img_channels"] == images
    generator = load_generator(tmp_path / "net.pt")
    assert generator.synthesis(generator.w_avg.expand(1, 10, -1)).shape == (1, 3, 64, 64)
