"""ganinv weights: convert and info on checkpoints, our own files and names."""

import pytest

from ganinv import load_generator
from ganinv.weights.convert import convert_checkpoint
from ganinv.weights.locate import describe_file
from helpers.commands import cli
from helpers.foreign_checkpoints import kept_in, names_in, sentence, sha256

pytestmark = pytest.mark.usefixtures("root")


def test_convert_writes_beside_the_checkpoint(vector, capsys):
    assert cli("weights", "convert", vector) == 0
    assert capsys.readouterr().out == f"{vector.with_suffix('.safetensors')}\n"
    assert names_in(vector.parent) == sorted(
        [vector.name, f"{vector.stem}.json", f"{vector.stem}.safetensors"]
    )


def test_convert_writes_where_it_is_told(rosinality, tmp_path, capsys):
    out = tmp_path / "new" / "folder" / "mine.safetensors"
    assert cli("weights", "convert", rosinality, "--out", out) == 0
    assert names_in(out.parent) == ["mine.json", "mine.safetensors"]
    assert load_generator(out).name == "mine"


def test_info_describes_a_checkpoint_without_converting_it(vector, root, capsys):
    assert cli("weights", "info", vector) == 0
    lines = capsys.readouterr().out.splitlines()
    for line in ("architecture: stylegan2", "resolution: 64", "w_dim: 40", "num_ws: 10"):
        assert line in lines
    assert f"source_sha256: {sha256(vector)}" in lines
    assert names_in(vector.parent) == [vector.name] and kept_in(root) == []


def test_info_describes_our_own_file_and_a_name(rosinality, root, capsys):
    out = root / "checkpoints" / "small.safetensors"
    convert_checkpoint(rosinality, out)
    for word in (out, "small"):
        assert cli("weights", "info", word) == 0
        lines = capsys.readouterr().out.splitlines()
        assert {"file: small.safetensors", "kind: generator", "source: net.pt"} <= set(lines)
        assert f"sha256: {sha256(out)}" in lines


@pytest.mark.parametrize("note", [None, "", "[]", "{", '{"sha256": "00", "kind": "generator"}'])
def test_info_tells_the_files_own_checksum_whatever_is_noted_beside_it(rosinality, note):
    (path,) = convert_checkpoint(rosinality)
    beside = path.with_suffix(".json")
    beside.unlink() if note is None else beside.write_text(note)
    (description,) = describe_file(path)
    assert description["sha256"] == sha256(path) and description["file"] == path.name
    assert description["architecture"] == "stylegan2"


def test_info_of_weights_that_are_not_here_names_the_command(capsys):
    assert cli("weights", "info", "small") == 1
    assert "ganinv weights fetch small" in capsys.readouterr().err


def test_an_unknown_name_gets_the_nearest_suggested(capsys):
    assert "did you mean small" in sentence(load_generator, "smal")
    assert cli("weights", "info", "smal") == 2
