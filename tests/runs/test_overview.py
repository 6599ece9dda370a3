"""A run at a glance: the contact sheet, and the page beside it."""

import os
import re
import shutil
from urllib.parse import unquote

import numpy as np
from PIL import Image

from ganinv.runs.names import INDEX, PAGES, SHEET
from ganinv.runs.overview import MOST, SIDE, contact_sheet, write_overview
from ganinv.runs.params import Params
from helpers.pictures import picture
from helpers.runs import HOSTILE

ENTRY = dict(psnr=20.0, ssim=0.5, lpips_alex=0.3, lpips_vgg=0.4, title="x.png")


def test_the_page_links_what_is_there_and_loads_nothing_else(finished):
    folder, _ = finished
    page = (folder / INDEX).read_text()
    links = {unquote(link) for link in re.findall(r'(?:href|src)="([^"]+)"', page)}
    assert {"contact_sheet.jpg", "metrics.csv", "a/panel.png", "b/latent.safetensors"} <= links
    assert all((folder / link).is_file() for link in links)
    assert "http" not in page and "<script" not in page
    assert "a.png" in page and "mean ± std" in page


def test_hostile_names_are_text_in_the_page(tmp_path):
    metrics = dict(images={"x": ENTRY | {"title": HOSTILE}}, mean={}, std={})
    metrics |= dict(failed={"y": f"{HOSTILE}\x1b[31m: empty"})
    write_overview(tmp_path, metrics, Params(generator=HOSTILE))
    page = (tmp_path / INDEX).read_text()
    assert "<img src=x" not in page and "\x1b" not in page
    assert page.count("&lt;img src=x") == 3


def test_what_was_not_measured_is_a_dash_without_a_mean(tmp_path):
    faceless = ENTRY | dict(ms_ssim=0.7, identity=None)
    images = {"x": faceless, "y": faceless}
    mean = dict(psnr=20.0, ms_ssim=0.7)
    write_overview(tmp_path, dict(images=images, mean=mean, std=mean, failed={}), Params())
    page = (tmp_path / INDEX).read_text()
    assert page.count("Identity –") == 2 and "∞" not in page
    assert "<th>MS-SSIM ↑</th>" in page and "<th>Identity" not in page


def test_a_run_in_which_all_failed_has_a_page_without_a_sheet(tmp_path):
    write_overview(tmp_path, dict(images={}, mean={}, std={}, failed={"y": "empty"}), Params())
    assert [path.name for path in tmp_path.iterdir()] == [INDEX]
    assert "Failed: 1" in (tmp_path / INDEX).read_text()


def test_the_sheet_has_every_photograph_beside_its_reconstruction(tmp_path):
    colours = {"red": (255, 0, 0), "blue": (0, 0, 255)}
    for name, colour in colours.items():
        (tmp_path / name).mkdir()
        for which, value in (("target", colour), ("reconstruction", (0, 255, 0))):
            pixels = np.full((64, 64, 3), value, np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{which}.png")
    sheet = contact_sheet(tmp_path, dict.fromkeys(colours, ENTRY))
    row = sheet[SIDE // 2]
    runs = [row[0], *(b for a, b in zip(row, row[1:], strict=False) if (a != b).any())]
    white = (255, 255, 255)
    shown = [white, (255, 0, 0), (0, 255, 0), white, (0, 0, 255), (0, 255, 0), white]
    assert [tuple(map(int, pixel)) for pixel in runs] == shown


def test_a_missing_picture_leaves_its_place_empty_and_a_long_run_is_cut(tmp_path):
    many = {f"i{number}": ENTRY for number in range(MOST + 1)}
    write_overview(tmp_path, dict(images=many, mean={}, std={}, failed={}), Params())
    assert picture(tmp_path / SHEET).shape[0] > 40 * SIDE
    page = (tmp_path / INDEX).read_text()
    assert page.count("<figure") == MOST and f'href="{PAGES}/2.html"' in page
    assert f'<tr id="i{MOST}">' in (tmp_path / PAGES / "2.html").read_text()


def test_the_page_is_made_again_where_it_was_lost(toy_params, photos, tmp_path, silent):
    from ganinv.runs.experiment import run_experiment

    run_experiment(toy_params(photos), say=silent)
    before = (tmp_path / "run" / SHEET).stat().st_mtime_ns
    run_experiment(toy_params(photos), say=silent)  # nothing new: nothing is drawn
    assert (tmp_path / "run" / SHEET).stat().st_mtime_ns == before
    (tmp_path / "run" / INDEX).unlink()
    shutil.rmtree(tmp_path / "run" / "b")
    run_experiment(toy_params(photos), say=silent)
    assert (tmp_path / "run" / INDEX).read_text().count("<figure") == 2


def test_pipes_in_place_of_page_and_pictures_are_not_waited_for(
    toy_params, photos, tmp_path, silent
):
    from ganinv.runs.experiment import run_experiment

    run_experiment(toy_params(photos, keep="pictures"), say=silent)
    for name in (INDEX, "a/target.png"):
        (tmp_path / "run" / name).unlink()
        os.mkfifo(tmp_path / "run" / name)
    assert not run_experiment(toy_params(photos[1:], keep="pictures"), say=silent).failed
    assert (tmp_path / "run" / INDEX).read_text().count("<figure") == 2
