"""What the page "Beyond the code" shows: it says what the numbers say, and escapes every text."""

import html
import re

import numpy as np
import pytest

from ganinv.analysis.beyond import SIZE
from ganinv.analysis.close_ups import WORST
from ganinv.analysis.finished import Experiment
from ganinv.images.writing import save_png
from ganinv.report import show_beyond
from ganinv.report.told import ABSENT
from helpers.beyond import made_up
from helpers.pages import read_cells, read_tags
from helpers.runs import HOSTILE

LPIPS = {
    "Code": [0.2, 0.4],
    "Features 16": [0.15, 0.3],
    "Features 64": [0.1, 0.1],
    "Weights": [0.15, 0.2],
    "Both": [0.1, 0.2],
}
KEEPS = {name: [0.5, 0.75] for name in LPIPS if name != "Code"}
IMAGES = ["i0", "i1"]


@pytest.fixture
def study(tmp_path):
    """Made-up experiments with pictures and files of known sizes, and their edits."""
    experiments, edits = made_up(LPIPS, KEEPS)
    placed = [Experiment(e.name, tmp_path / e.name, e.params, e.metrics) for e in experiments]
    rng = np.random.default_rng(0)
    for experiment in placed:
        for image_id in IMAGES:
            folder = experiment.folder / image_id
            for name in ("target", "reconstruction"):
                pixels = rng.integers(0, 256, (256, 256, 3), dtype=np.uint8)
                save_png(folder / f"{name}.png", pixels)
            (folder / "latent.safetensors").write_bytes(b"x" * 47_000)
            if experiment.name != "Code":
                (folder / "refinement.safetensors").write_bytes(b"x" * 2_000_000)
    return placed, edits


def test_variants_show_means_and_the_best_is_bold(study):
    experiments, _ = study
    text = show_beyond.variants_table(experiments, IMAGES)
    shown = read_cells(text)
    assert "0.300 ± 0.100" in shown[: len(shown) // len(experiments)]
    assert '<td class="best">0.100 ± 0.000</td>' in text


def test_a_metric_that_some_images_lack_says_of_how_many_it_is(study):
    experiments, _ = study
    experiments[1].images["i0"]["psnr"] = None
    for image_id in IMAGES:
        experiments[2].images[image_id]["psnr"] = None
    text = show_beyond.variants_table(experiments, IMAGES)
    assert "20.00 ± 0.00 (1 of 2)" in text and read_cells(text).count(ABSENT) == 1


def test_what_is_kept_is_named_with_its_bytes_and_what_it_took(study):
    text = show_beyond.kept_table(study[0], IMAGES)
    shown = read_cells(text)
    assert shown[:6] == ["Code: a code", "47.0 kB", ABSENT, "47.0 kB", "100", "2"]
    kept = "Features 16: a code and a feature map at 16"
    assert shown[6:12] == [kept, "47.0 kB", "2.0 MB", "2.0 MB", "100 + 50", "2 + 2"]
    assert f'<td class="">{ABSENT}</td>' in text  # to the right, as the numbers beside it
    assert "Both: a code, a feature map at 64 and weights" in shown


def test_close_ups_have_a_row_for_each_photograph_and_are_not_scaled(study):
    text = show_beyond.show_close_ups(study[0], IMAGES)
    assert text.count("<img") == 3 * len(IMAGES) * (1 + len(LPIPS))
    assert f"<h3>{WORST}</h3>" in text
    assert text.count("width: 128px; max-width: none; display") == text.count("<img")
    assert "overflow-x" not in text and "sticky" not in text
    named = [html.unescape(x) for x in re.findall(r"<h4[^>]*>(.*?)</h4>", text)]
    assert named == [f"{HOSTILE} (i0)", f"{HOSTILE} (i1)"] * 3


def test_edits_show_means_of_every_refinement(study):
    shown = read_cells(show_beyond.edits_table(study[1]))
    assert shown[:4] == ["Features 16", "0.625 ± 0.125", "1.000 ± 0.000", "0.500 ± 0.000"]
    assert len(shown) == 6 * len(KEEPS)


def test_strips_have_a_row_for_each_edit_with_a_picture_of_every_kind():
    picture = np.zeros((SIZE, SIZE, 3), dtype=np.uint8)
    text = show_beyond.strips({name: [picture] * 5 for name in LPIPS}, "a title")
    heads = re.findall(r"<h4[^>]*>(.*?)</h4>", text)
    assert heads[1] == "as found" and heads[-1] == "to another face, t = 1" and len(heads) == 5
    for row in text.split("<h4")[1:]:  # every row has every kind, in its order, each named
        assert re.findall(r"<figcaption>(.*?)</figcaption>", row) == list(LPIPS)


def test_the_trade_is_drawn_with_a_name_for_each_variant(study):
    text = show_beyond.trade_off(study[0], IMAGES, study[1])
    assert "<svg" in text and all(f" {name}</li>" in text for name in LPIPS)


SHOWN = {
    "variants": lambda es, edits: show_beyond.variants_table(es, IMAGES),
    "kept": lambda es, edits: show_beyond.kept_table(es, IMAGES),
    "close-ups": lambda es, edits: show_beyond.show_close_ups(es, IMAGES),
    "strips": lambda es, edits: show_beyond.strips(
        {HOSTILE: [np.zeros((4, 4, 3), dtype=np.uint8)] * 5}, HOSTILE
    ),
}


@pytest.mark.parametrize("name", SHOWN)
def test_everything_shown_escapes_names_and_loads_nothing(study, name):
    text = SHOWN[name](*study)
    found = read_tags(text)
    assert not found.handlers
    assert all(a.startswith(("data:image/webp", "#")) for a in found.addresses)
    assert "onerror=alert(1)>" not in text.replace("&gt;", "")
