"""refinement.safetensors: written, read back, gone on from; hostile and foreign ones."""

import json
import math
import shutil
import struct
import warnings

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ganinv import load_generator
from ganinv.errors import WeightsError, printable
from ganinv.inversion.latent_files import GeneratorFile, load_latent, maker_of, save_latent
from ganinv.inversion.params import SearchParams
from ganinv.inversion.refinement import (
    REFINEMENT,
    beside,
    check_refine,
    check_refinement,
    feature_offsets,
    load_refinement,
    render_refined,
    save_refinement,
)
from helpers.commands import cli
from helpers.refinements import AT, REFINES, bumped_image, refined, rows_of
from helpers.tensors import assert_same

OFFSET = f"features.{AT}"


@pytest.fixture(scope="module")
def target(toy):
    return bumped_image(toy)[1]


@pytest.fixture(scope="module")
def saved(toy, target, tmp_path_factory):
    """Folders of saved results: {what refined them: (folder, result)}. Not to be changed."""
    runs = {refine: refined(toy, target, refine, steps=3) for refine in REFINES}
    root = tmp_path_factory.mktemp("saved")
    return {refine: (run.save(root / refine), run) for refine, run in runs.items()}


def init_of(folder):
    return str(folder / "latent.safetensors")


# --- there and back ---


@pytest.mark.parametrize("refine", REFINES)
def test_what_was_saved_is_read_back(toy, saved, refine):
    folder, run = saved[refine]
    refinement, metadata = load_refinement(folder / REFINEMENT)
    assert_same(refinement, run.refinement)
    assert json.loads(metadata["ganinv"]) == {"generator": "toy", "sha256": ""}
    check_refinement(refinement, toy, folder)
    assert torch.equal(render_refined(toy, run.latent, run.noise, refinement), run.image)
    assert (folder / "code.png").is_file()
    measured = {name: None if math.isnan(x) else x for name, x in run.code_metrics.items()}
    assert json.loads((folder / "metrics.json").read_text())["code"] == measured


def test_tensors_of_other_widths_are_rounded_to_float16(toy, tmp_path):
    path, exact = tmp_path / REFINEMENT, torch.full((16, 16, 16), 1 / 3, dtype=torch.float64)
    save_refinement(path, {OFFSET: exact}, GeneratorFile("mine", "ab"))
    refinement, metadata = load_refinement(path)
    assert refinement[OFFSET].dtype == torch.float16
    assert maker_of(metadata) == "ab"
    assert (refinement[OFFSET] - 1 / 3).abs().max() < 2**-12
    assert feature_offsets(refinement)[AT].dtype == torch.float32


def test_results_without_a_refinement_have_no_file_of_it(toy, target, tmp_path):
    folder = refined(toy, target, "none").save(tmp_path / "plain")
    assert not (folder / REFINEMENT).exists() and not (folder / "code.png").exists()
    assert "code" not in json.loads((folder / "metrics.json").read_text())


@pytest.mark.parametrize("init", ["mean_w", "", ".", "/", "..", "no/such/file"])
def test_nothing_lies_beside_what_is_no_file(init):
    assert beside(init) is None


@pytest.mark.parametrize("name", ["smile_2.safetensors", "latent.npy"])
def test_a_refinement_is_that_of_its_own_latent_alone(toy, target, saved, tmp_path, name):
    """Edits may lie in a run, and latents for other tools beside what they were made of."""
    folder, run = saved["features"]
    shutil.copytree(folder, tmp_path / "a")
    if name.endswith(".npy"):
        np.save(tmp_path / "a" / name, run.latent.numpy())
    else:
        save_latent(tmp_path / "a" / name, run.latent, toy)
    assert beside(init_of(tmp_path / "a")) == tmp_path / "a" / REFINEMENT
    start = dict(init=str(tmp_path / "a" / name), steps=0)
    assert refined(toy, target, "features", **start, refine_steps=0).refinement == {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        refined(toy, target, "none", **start)


def test_a_refinement_in_place_of_a_latent_or_a_network_is_told_apart(saved, tmp_path, capsys):
    path = saved["weights"][0] / REFINEMENT
    with pytest.raises(ValueError, match="it is a refinement; name the latent.safetensors beside"):
        load_latent(path)
    with pytest.raises(WeightsError, match="`ganinv weights tune RUN/IMAGE FILE` makes a gen"):
        load_generator(path)
    for words in (("info", path), ("convert", path, "--out", tmp_path / "x.safetensors")):
        assert cli("weights", *words) == 1
        assert "weights tune RUN/IMAGE FILE" in capsys.readouterr().err


# --- going on ---


@pytest.mark.parametrize("refine", REFINES)
def test_a_refined_run_is_gone_on_from(toy, target, saved, refine):
    folder, run = saved[refine]
    start = dict(init=init_of(folder), steps=0)
    more = refined(toy, target, refine, **start, refine_lr_schedule="constant")
    assert torch.equal(more.latent, run.latent)
    assert torch.equal(more.code_image, run.code_image)
    # up to the rounding of the file
    assert rows_of(more, "refine")[0]["loss"] == pytest.approx(run.best_loss, rel=1e-2)
    assert more.best_loss < 0.95 * run.best_loss
    still = refined(toy, target, refine, **start, refine_steps=0)
    assert_same(still.refinement, run.refinement)
    assert torch.equal(still.image, run.image)


@pytest.mark.parametrize("begun", ["features", "weights"])
def test_both_goes_on_from_either(toy, target, saved, begun):
    folder, run = saved[begun]
    more = refined(toy, target, "both", init=init_of(folder), steps=0)
    assert rows_of(more, "refine")[0]["loss"] == pytest.approx(run.best_loss, rel=1e-2)
    assert more.refinement.keys() == saved["both"][1].refinement.keys()


def test_leaving_a_refinement_out_is_warned_of(toy, target, saved):
    folder, run = saved["features"]
    with pytest.warns(UserWarning, match="holds a refinement that refine: none leaves out") as seen:
        plain = refined(toy, target, "none", init=init_of(folder), steps=0)
    assert [warning.filename for warning in seen][0].endswith("searches.py")  # who called
    assert torch.equal(plain.image, run.code_image) and plain.refinement == {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        refined(toy, target, "features", init=init_of(folder), steps=0, refine_steps=0)


@pytest.mark.parametrize(
    ("made_by", "changes", "says"),
    [
        ("both", dict(refine="features"), "refine: features does not move; set refine to what"),
        ("both", dict(refine="weights"), "features.16, which refine: weights does not move"),
        ("weights", dict(refine="features"), "which refine: features does not move"),
        ("features", dict(refine_resolution=8), "set refine_resolution to 16 to go on from it"),
        ("both", dict(refine="both", refine_resolution=8), "set refine_resolution to 16"),
    ],
)
def test_a_refinement_of_another_kind_is_refused(toy, saved, made_by, changes, says):
    given = dict(refine="features", refine_resolution=AT, init=init_of(saved[made_by][0]))
    with pytest.raises(ValueError, match=says):
        check_refine(SearchParams.make(given | changes), toy)


def test_one_that_was_made_with_other_weights_is_refused(toy, toy_path, saved, tmp_path):
    loaded = load_generator(toy_path)
    run = saved["features"][1]
    save_latent(tmp_path / "latent.safetensors", run.latent, toy)
    params = SearchParams.make(
        dict(refine="features", refine_resolution=AT, init=init_of(tmp_path))
    )
    for sha256, fits in ((loaded.sha256, True), ("", True), ("0" * 64, False)):
        save_refinement(tmp_path / REFINEMENT, run.refinement, GeneratorFile("toy", sha256))
        if fits:
            assert_same(check_refine(params, loaded), run.refinement)
            continue
        with pytest.raises(ValueError, match="with other weights than those of toy; move it"):
            check_refine(params, loaded)


# --- hostile and damaged files ---


def tensors_file(tensors, metadata=None):
    def write(path):
        save_file(tensors, path, metadata=metadata)

    return write


def raw_file(data):
    return lambda path: path.write_bytes(data)


def declared(kind="F16", shape=(16, 16, 16), size=8192, there=8192):
    header = {OFFSET: {"dtype": kind, "shape": shape, "data_offsets": [0, size]}}
    text = json.dumps(header).encode()
    return raw_file(struct.pack("<Q", len(text)) + text + bytes(there))


def with_value(value):
    x = torch.zeros(16, 16, 16)
    x[3, 4, 5] = value
    return x


FITS = torch.zeros(16, 16, 16)
DAMAGED = {  # how it is written, and what is said of it
    "absent metadata is fine, a name is not": (tensors_file({"features.7": FITS}), "no place for"),
    "a latent": (tensors_file({"latent": torch.zeros(8, 32)}), "no place for"),
    "two spellings": (tensors_file({"features.016": FITS}), "no place for"),
    "a weight of the mapping": (
        tensors_file({"weights.fc.0.weight": torch.zeros(32, 32)}),
        "no place for",
    ),
    "a buffer": (tensors_file({"weights.first.noise": torch.zeros(1, 1, 4, 4)}), "no place for"),
    "a hostile name": (tensors_file({"features.\x1b[2J\n": FITS}), r"features.\\x1b\[2J\\n"),
    "another shape": (
        tensors_file({OFFSET: torch.zeros(16, 8, 8)}),
        r"\(16, 8, 8\), but toy takes",
    ),
    "a batch": (tensors_file({OFFSET: FITS[None]}), "of shape"),
    "a number": (tensors_file({OFFSET: torch.zeros(())}), "of shape"),
    "weights of another network": (
        tensors_file({"weights.to_img": torch.zeros(12, 8, 1, 1)}),
        r"\(12, 8, 1, 1\), but toy takes \(12, 16, 1, 1\)",
    ),
    "NaN": (tensors_file({OFFSET: with_value(float("nan"))}), "no finite floating-point"),
    "infinity": (tensors_file({OFFSET: with_value(float("inf"))}), "no finite floating-point"),
    "beyond float32": (tensors_file({OFFSET: with_value(1.0).double() * 1e300}), "no finite"),
    "beyond float16": (tensors_file({OFFSET: with_value(1e5)}), "no finite floating-point"),
    "integers": (tensors_file({OFFSET: FITS.long()}), "no finite floating-point"),
    "booleans": (tensors_file({OFFSET: FITS.bool()}), "no finite floating-point"),
    "complex": (tensors_file({OFFSET: FITS + 0j}), "no finite floating-point"),
    "eighths": (declared("F8_E4M3", size=4096, there=4096), "no finite floating-point"),
    "a type torch lacks": (declared("F4", size=2048, there=2048), "numbers of the type 'F4'"),
    "no tensors": (tensors_file({}), "holds no tensors"),
    "nothing": (raw_file(b""), "not a whole safetensors file"),
    "text": (raw_file(b"<html>" * 100), "not a whole safetensors file"),
    "cut off": (declared(there=8000), "not a whole safetensors file"),
    "more than declared": (declared(there=9000), "not a whole safetensors file"),
    "a huge shape": (
        declared(shape=(2**20, 2**20, 2**10), size=2**51, there=64),
        "not a whole safetensors file",
    ),
    "a shape beyond 64 bits": (
        declared(shape=(2**62, 2**62), size=8, there=8),
        "not a whole safetensors file",
    ),
    "a huge header": (raw_file(struct.pack("<Q", 2**62) + b"{}"), "not a whole safetensors file"),
    "a deep header": (
        raw_file(struct.pack("<Q", 200_000) + b"[" * 200_000),
        "not a whole safetensors file",
    ),
    "a text that is not UTF-8": (
        raw_file(struct.pack("<Q", 4) + b"{\xff\xfe}"),
        "not a whole safetensors file",
    ),
}
every_damage = pytest.mark.parametrize(("write", "says"), DAMAGED.values(), ids=DAMAGED)


def assert_clear(text, most=500):
    assert len(text) < most and text == printable(text)
    assert "Traceback" not in text and "Error:" not in text.partition(":")[0]


@every_damage
def test_a_damaged_refinement_is_refused_as_a_start(toy, saved, tmp_path, write, says):
    save_latent(tmp_path / "latent.safetensors", saved["features"][1].latent, toy)
    write(tmp_path / REFINEMENT)
    for refine in REFINES:
        given = dict(refine=refine, refine_resolution=AT, init=init_of(tmp_path))
        with pytest.raises(ValueError, match=says) as caught:
            check_refine(SearchParams.make(given), toy)
        assert str(tmp_path) in str(caught.value)
        assert str(caught.value).endswith("; move the file elsewhere to take the latent alone")
        assert_clear(str(caught.value))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "5", '"sha256"', '{"sha256": [1]}', "[" * 100_000], ids=range(8)
)
def test_metadata_that_are_no_description_name_nobody(toy, saved, tmp_path, text):
    """A generator that has a hash refuses only what names another."""
    save_latent(tmp_path / "latent.safetensors", saved["features"][1].latent, toy)
    tensors_file({OFFSET: FITS}, {"ganinv": text})(tmp_path / REFINEMENT)
    params = SearchParams.make(
        dict(refine="features", refine_resolution=AT, init=init_of(tmp_path))
    )
    assert_same(check_refine(params, toy), {OFFSET: FITS})
    assert maker_of({}) == "" and maker_of({"ganinv": '{"sha256": "ab"}'}) == "ab"


@pytest.mark.parametrize("name", ["NaN", "nothing", "a hostile name", "eighths", "a huge shape"])
def test_the_command_line_refuses_it_before_any_image(
    toy, toy_path, saved, make_photo, tmp_path, capsys, name
):
    write, _ = DAMAGED[name]
    save_latent(tmp_path / "latent.safetensors", saved["features"][1].latent, toy)
    write(tmp_path / REFINEMENT)
    photo = make_photo(tmp_path / "a.png")
    sets = dict(generator=toy_path, init=init_of(tmp_path), refine="features", refine_resolution=AT)
    asked = [word for key, value in sets.items() for word in ("--set", f"{key}={value}")]
    out = tmp_path / "run"
    assert cli("invert", photo, *asked, "--no-align", "--device", "cpu", "--out", out) == 2
    said = capsys.readouterr().err
    assert "refinement" in said and "Traceback" not in said and "\x1b[2J" not in said
    assert not out.exists()
