"""The report's page on benchmarks: its tables say what the JSON says, with every text escaped."""

import re

import pytest

from ganinv.files import read_json
from ganinv.paths import project_root
from ganinv.report import show_benchmarks

HOSTILE = '"><script>alert(1)</script>'
MACHINE = dict(device=HOSTILE, threads=2, torch="2", system="s", date="2026-01-01", seed=0)


def measured(recipe, evaluations, lpips):
    metrics = dict(psnr=20.0 + evaluations, ssim=0.5, ms_ssim=0.7)
    metrics |= dict(lpips_alex=lpips / 2, lpips_vgg=lpips, identity=lpips + 0.1)
    about = dict(recipe=recipe, image="a", evaluations=evaluations, seconds=evaluations / 2)
    return about | metrics


@pytest.fixture
def quality():
    rows = [measured("ours", 1, 0.5), measured("ours", 10, 0.2), measured(HOSTILE, 40, 0.25)]
    found = dict(
        image="a",
        lpips_vgg=0.25,
        seconds_fast=20.0,
        seconds_published=80.0,
        evaluations=40,
        ours_seconds=5.0,
        ours_evaluations=10,
        share_of_fast=0.25,
        share_of_published=0.0625,
    )
    missed = found | dict(
        ours_seconds=None, ours_evaluations=None, share_of_fast=None, share_of_published=None
    )
    reach = [dict(recipe=HOSTILE, ours="ours", images=[found, missed])]
    recipes = {"ours": {}, HOSTILE: {}, "not yet run": {}}
    return dict(machine=MACHINE, rows=rows, reach=reach, recipes=recipes, images={"a": HOSTILE})


def test_the_machine_is_said_and_escaped():
    text = show_benchmarks.machine({"machine": MACHINE})
    assert "2 threads" in text and "2026-01-01" in text and "<script" not in text


def test_recipes_show_their_last_point_and_the_best_is_bold(quality):
    text = show_benchmarks.recipe_table(quality)
    assert "<script" not in text and "not yet run" not in text
    assert '<td class="best">0.200</td>' in text
    assert '<td class="best">60.00</td>' in text
    assert ">0.500<" in text and text.count("<tr>") == 3  # ssim; the head and two recipes


def test_a_metric_that_older_figures_lack_is_a_dash(quality):
    for row in quality["rows"]:
        if row["recipe"] == "ours":
            del row["ssim"]
    text = show_benchmarks.recipe_table(quality)
    assert text.count(">–<") == 1 and '<td class="best">0.500</td>' in text


def test_a_metric_that_no_recipe_has_and_the_best_of_one_are_left_out(quality):
    for row in quality["rows"]:
        del row["ms_ssim"]
    quality["recipes"] = {"ours": {}}
    text = show_benchmarks.recipe_table(quality)
    assert "MS-SSIM" not in text and "SSIM" in text and ">–<" not in text
    assert "best" not in text


def test_a_comparison_is_one_block(quality):
    alone = quality | {"recipes": {"ours": {}}, "reach": []}
    text = show_benchmarks.qualities([quality, alone])
    heads = re.findall("<h3>(.*?)</h3>", text)
    assert heads[0].startswith("3 recipes: ") and heads[1].startswith("ours: ")
    assert text.count("<span>When ours comes to") == 1, "an empty table shows nothing"
    assert text.count("Measured on") == 2 and "<script" not in text
    assert text.count('role="img"') == 8


def test_what_was_not_measured_is_a_dash_and_left_out_of_means(quality):
    ours = [row for row in quality["rows"] if row["recipe"] == "ours"]
    others = [row | dict(image="b", identity=None) for row in ours]  # a photograph without a face
    last = quality["rows"][-1]
    quality["rows"] = [*ours, *others, last]
    assert ">0.300<" in plain_cells(show_benchmarks.recipe_table(quality))
    for row in ours:
        row["identity"] = None
    text = plain_cells(show_benchmarks.recipe_table(quality))
    assert text.count(">–<") == 1 and ">0.300<" not in text


def test_equal_images_have_no_bound_in_psnr(quality):
    quality["rows"][-1]["psnr"] = None  # as JSON has it
    assert ">∞<" in plain_cells(show_benchmarks.recipe_table(quality))


def plain_cells(text):
    """A table without the marks of its best cells."""
    return re.sub(r"<td[^>]*>", "<td>", text)


def test_a_recipe_that_is_refined_is_named_below_what_shows_it(quality):
    shows = (show_benchmarks.recipe_table, lambda result: show_benchmarks.qualities([result]))
    assert not any("efined" in show(quality) for show in shows)  # older figures do not say it
    quality["rows"][0]["refined"], quality["rows"][1]["refined"] = False, True
    for show in shows:
        note = "<p>Refined: ours. Each result is a code and a feature map, or"
        assert show(quality).count(note) == 1
    quality["rows"][2]["refined"] = True
    for show in shows:
        text = show(quality)
        assert "Refined: ours; &quot;&gt;" in text and "<script" not in text


def test_reaching_says_so_where_it_does_not(quality):
    text = show_benchmarks.reach_table(quality)
    assert "<script" not in text
    assert text.count(">ours<") == 2  # by which recipe, in every row
    assert ">25%<" in text and ">6.2%<" in text and ">not reached<" in text


def test_curves_are_a_picture_with_an_escaped_name(quality):
    text = show_benchmarks.recipe_curves(quality, "a")
    assert "<svg" in text and "<script" not in text


def test_steps_show_pairs():
    row = dict(generator="g", loss="l2", batch=2, warm_up_seconds=61.0)
    rows = [
        row | dict(variant="plain", seconds=4.0, peak_mb=3000.0),
        row | dict(variant="ours", seconds=0.5, peak_mb=1500.0),
    ]
    ratios = [dict(generator="g", loss="l2", batch=2, speedup=8.0, memory=0.5)]
    text = show_benchmarks.step_table(dict(rows=rows, ratios=ratios))
    for cell in ("4.00", "0.50", "8.0", "3.0", "1.5", "50%", "61"):
        assert f">{cell}<" in text


def test_a_refinement_is_shown_beside_the_search():
    search = dict(
        stage=f"{HOSTILE}, search", seconds=0.5, peak_mb=2e3, seconds_share=1, memory_share=1
    )
    features = dict(
        stage="features", seconds=0.4, peak_mb=2.1e3, seconds_share=0.8, memory_share=1.05
    )
    text = show_benchmarks.refine_table(dict(rows=[search, features]))
    assert "<script" not in text
    for cell in ("0.50", "100%", "2.00", "features", "0.40", "80%", "2.10", "105%"):
        assert f">{cell}<" in text


def test_scale_shows_the_line_once_there_is_one():
    batches = [dict(batch=1, steps=300, seconds_per_step=0.5, images_per_hour=24.0, peak_mb=1e3)]
    folders = [dict(images=1, seconds=9.0, seconds_per_image=9.0, peak_mb=900.0, peak_growth_mb=0)]
    result = dict(batches=batches, folders=folders, fit=None)
    assert "r²" not in show_benchmarks.scale_tables(result)
    text = show_benchmarks.scale_tables(result | dict(fit=dict(a=1.0, b=8.0, r2=0.999)))
    assert "seconds = 1 + 8.0 × images, r² = 0.9990" in text and ">24.0<" in text


SHOWN = {
    "step": "step_table",
    "refine": "refine_table",
    "quality": "reach_table",
    "quality-exact": "reach_table",
    "scale": "scale_tables",
}


@pytest.mark.parametrize("name", SHOWN)
def test_published_figures_can_be_shown(name):
    result = read_json(project_root() / "reports" / "benchmarks" / f"{name}.json")
    assert "<table>" in getattr(show_benchmarks, SHOWN[name])(result)
