"""What a refined run leaves to look at: records, panels, the page and the contact sheet."""

import math
import re
import statistics

import numpy as np
import pytest
from PIL import Image

from ganinv.measures.reconstruction import METRICS, compute_metrics
from ganinv.runs.names import INDEX, SHEET
from ganinv.runs.overview import contact_sheet, write_overview
from ganinv.runs.params import Params
from ganinv.runs.records import gather_codes
from helpers.checks import strict_json
from helpers.pictures import picture
from helpers.refined import refined_run


@pytest.fixture(scope="module")
def refined(toy_path, make_photo, tmp_path_factory):
    """The folder of a run refined by features and weights. Not to be changed."""
    return refined_run(toy_path, make_photo, tmp_path_factory.mktemp("refined"), "both")


@pytest.fixture(scope="module")
def entries(refined):
    return strict_json(refined / "metrics.json")["images"]


@pytest.fixture(scope="module")
def page(refined):
    return (refined / INDEX).read_text()


def test_a_record_has_the_metrics_of_the_code_alone(refined, entries):
    for name, entry in entries.items():
        shown = compute_metrics(refined / name / "code.png", refined / name / "target.png")
        for metric, value in entry["code"].items():
            # both pictures are 8 bits, as those that were measured; small ones lack some metrics
            value = math.nan if value is None else value
            allowed = dict(abs=METRICS[metric].tolerance, nan_ok=True)
            assert value == pytest.approx(shown[metric], **allowed)
        assert entry["code"]["psnr"] < entry["psnr"]


def test_statistics_of_codes_are_those_of_their_entries(entries):
    codes = gather_codes(entries)
    values = [entry["code"]["psnr"] for entry in entries.values()]
    assert codes["mean"]["psnr"] == pytest.approx(statistics.mean(values))
    assert codes["std"]["psnr"] == pytest.approx(statistics.pstdev(values))
    plain = {name: {"psnr": entry["psnr"]} for name, entry in entries.items()}
    assert gather_codes(plain) == dict(count=0, mean={}, std={})


def test_a_refined_panel_is_wider_by_a_picture(refined, finished):
    width, plain = (
        picture(folder / "a" / "panel.png").shape[1] for folder in (refined, finished[0])
    )
    assert plain == 1320 and width > 1.25 * plain


def test_the_page_says_that_results_are_refined_and_what_that_means(page):
    assert "a code, a feature map and changed weights, and not a code by itself" in page
    note, table = page.index("not a code by itself"), page.index("<table>")
    assert note < table < page.index("<figure")  # beside the table


@pytest.mark.parametrize(
    ("refine", "words"),
    [("features", "a code and a feature map,"), ("weights", "a code and changed weights,")],
)
def test_the_page_says_what_was_refined(entries, tmp_path, refine, words):
    metrics = dict(images=entries, mean={}, std={}, failed={})
    write_overview(tmp_path, metrics, Params(refine=refine))
    assert words in (tmp_path / INDEX).read_text()


def cells(page):
    """The rows of the page's table, as lists of texts."""
    rows = re.findall(r"<tr>(.*?)</tr>", page)
    return [re.findall(r"<t[dh]>(.*?)</t[dh]>", row) for row in rows]


def test_the_table_has_a_row_for_the_codes_alone(page, entries):
    head, result, code = cells(page)
    assert (result[0], code[0]) == ("refined", "the code alone")
    assert len(head) == len(result) == len(code)
    place = next(i for i, name in enumerate(head) if name.startswith("PSNR"))
    for row, given in ((result, entries), (code, {n: e["code"] for n, e in entries.items()})):
        mean = statistics.mean(entry["psnr"] for entry in given.values())
        assert row[place].startswith(f"{mean:.2f} ±")


def test_a_metric_that_codes_lack_leaves_its_cell_empty(refined, entries, tmp_path):
    older = {n: e | {"code": {"psnr": 20.0}} for n, e in entries.items()}
    metrics = strict_json(refined / "metrics.json") | {"images": older}
    write_overview(tmp_path, metrics, Params(refine="features"))
    head, _, code = cells((tmp_path / INDEX).read_text())
    filled = [name for name, text in zip(head, code, strict=True) if text]
    assert filled == ["mean ± std", next(name for name in head if name.startswith("PSNR"))]


def test_each_image_links_its_code_and_its_refinement(refined, page):
    for name in "ab":
        for file in ("code.png", "refinement.safetensors"):
            assert f'href="{name}/{file}"' in page and (refined / name / file).is_file()
    assert page.count("<br>the code alone: PSNR") == 2
    assert "a: photograph, the code alone, reconstruction, difference" in page


def test_a_page_without_refined_results_speaks_of_none(finished):
    page = (finished[0] / INDEX).read_text()
    assert "refine" not in page.partition("</style>")[2] and "alone" not in page


def test_the_sheet_marks_refined_results(refined, entries):
    """The same without the code's metrics differs in the second line of text alone."""
    sheet = contact_sheet(refined, entries).astype(int)
    assert sheet.shape == picture(refined / SHEET).shape
    plain = {name: {k: v for k, v in e.items() if k != "code"} for name, e in entries.items()}
    rows = np.unique(np.nonzero(sheet - contact_sheet(refined, plain))[0])
    assert rows.min() > sheet.shape[0] - 12 - 20 and rows.max() < sheet.shape[0] - 12


def test_the_animation_of_a_refined_run_goes_on_through_the_refinement(refined):
    with Image.open(refined / "a" / "progress.gif") as gif:
        assert gif.n_frames == 5  # after 0, 2, 4 and 6 steps, and the result
