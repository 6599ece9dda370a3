"""Folders of many images: gathered one record after another, shown page by page."""

import csv
import json
import re
import sys
import tracemalloc
from urllib.parse import unquote

import numpy as np
import pytest

from ganinv.core_yaml import dump_yaml
from ganinv.files import read_json
from ganinv.runs.inputs import find_photos
from ganinv.runs.names import INDEX, PAGES
from ganinv.runs.overview import MOST, show
from ganinv.runs.params import Params
from ganinv.runs.record_files import read_records
from ganinv.runs.records import collect, gather
from helpers.runs import USUAL

counted = None  # opened files, while they are counted


def count(event, _):
    if counted is not None and event in ("open", "os.scandir", "os.listdir"):
        counted.append(event)


sys.addaudithook(count)


def opened(act, *given):
    """The number of files and folders that a call opens."""
    global counted
    counted = []
    try:
        act(*given)
        return len(counted)
    finally:
        counted = None


def write_records(folder, number):
    """A run's folder with so many records, every hundredth a failure."""
    for k in range(number):
        entry = USUAL | dict(psnr=20 + k / number, seconds=1.0, keep="latents", title=f"p{k}.jpg")
        entry = {"failed": "no face"} if k % 100 == 99 else entry | {"crop": {"face": k}}
        (folder / f"p{k:05}").mkdir(parents=True)
        (folder / f"p{k:05}" / "record.json").write_text(json.dumps(entry))
    (folder / "params.yaml").write_text(dump_yaml(Params().model_dump()))
    return folder


@pytest.fixture(scope="module")
def thousands(tmp_path_factory):
    """Folders of 200 and of 2000 records, by their number. To be gathered only."""
    root = tmp_path_factory.mktemp("many")
    return {number: write_records(root / str(number), number) for number in (200, 2000)}


def test_thousands_are_gathered_as_a_few_are(thousands):
    metrics = collect(thousands[2000])
    assert len(metrics["images"]) == 1980 and len(metrics["failed"]) == 20
    whole = gather(read_records(thousands[2000]))
    assert metrics["mean"] == whole["mean"] and metrics["std"] == whole["std"]
    written = read_json(thousands[2000] / "metrics.json")
    assert written == whole and list(written["images"]) == sorted(whole["images"])
    text = (thousands[2000] / "metrics.json").read_text()
    assert text == json.dumps(whole, indent=2)
    with open(thousands[2000] / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == list(written["images"])
    assert np.mean([float(row["psnr"]) for row in rows]) == pytest.approx(whole["mean"]["psnr"])


def test_pages_hold_every_image_once_and_lead_to_each_other(thousands):
    collect(thousands[2000])
    show(thousands[2000], Params())
    pages = [thousands[2000] / INDEX, *sorted((thousands[2000] / PAGES).iterdir())]
    assert [path.name for path in pages] == [INDEX, "2.html", "3.html"]
    texts = [path.read_text() for path in pages]
    ids = [re.findall(r'<(?:tr|figure) id="([^"]+)"', text) for text in texts]
    assert [len(found) for found in ids] == [MOST, 1000, 1980 - MOST - 1000]
    assert sum(ids, []) == list(read_json(thousands[2000] / "metrics.json")["images"])
    for path, text in zip(pages, texts, strict=True):
        links = [unquote(link) for link in re.findall(r'href="([^"]+\.html)"', text)]
        found = {(path.parent / link).resolve() for link in links}
        assert found == {page.resolve() for page in pages} - {path.resolve()}


def test_pages_of_images_that_have_gone_go(thousands, tmp_path):
    folder = write_records(tmp_path, MOST + 10)
    (folder / PAGES).mkdir()
    for page in (2, 3):
        (folder / PAGES / f"{page}.html").write_text("older")
    collect(folder)
    show(folder, Params())
    assert [path.name for path in (folder / PAGES).iterdir()] == ["2.html"]


def test_gathering_opens_no_more_files_for_an_image_of_many(thousands):
    for act in (collect, lambda folder: show(folder, Params())):
        collect(thousands[200]), collect(thousands[2000])
        few, many = (opened(act, thousands[number]) for number in (200, 2000))
        assert many < 11 * few


def test_gathering_many_takes_little_memory(thousands):
    """Some hundred bytes an image: its name and its numbers; an entry as a dict has thousands."""

    def peak(folder):
        tracemalloc.start()
        collect(folder)
        show(folder, Params())
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(thousands[200])  # what is loaded at first use
    assert peak(thousands[2000]) - peak(thousands[200]) < 1800 * 1000


def test_listing_opens_each_folder_once(tmp_path):
    for k in range(400):
        path = tmp_path / f"{k % 4}" / f"p{k}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    assert opened(find_photos, [tmp_path], False) <= 10


def test_each_record_is_read_once_to_gather_and_not_again_to_show(thousands):
    for number in (200, 2000):
        assert number <= opened(collect, thousands[number]) < 1.1 * number + 30
        # the pages beside the first are made of metrics.json
        assert opened(show, thousands[number], Params()) < 30
