"""What the page on edits shows: it says what the numbers say, and escapes every text."""

import re
from dataclasses import replace

import pytest

from ganinv.report import show_editing
from ganinv.report.told import ABSENT
from helpers.edited import made_up, with_pictures
from helpers.pages import read_cells, read_tags


def test_codes_show_what_they_took_and_where_they_lie():
    found = made_up(2, noise=0.0)
    shown = read_cells(show_editing.codes_table(found))
    w, features = shown[:8], shown[8 * 5 : 8 * 6]
    assert w[:4] == ["W", "300", "1", "0.400 (0.400 to 0.400)"]
    assert w[6:] == ["0.00 (0.00 to 0.00)", "1.00 (1.00 to 1.00)"]
    assert features[:3] == ["W+ short + features", "100 + 50", "2"]


def test_edits_show_means_with_intervals():
    shown = read_cells(show_editing.edits_table(made_up(2, noise=0.0).study))
    assert shown[:4] == [
        "W",
        "1.00 (1.00 to 1.00)",
        "0.20 (0.20 to 0.20)",
        "5.00 (5.00 to 5.00)",
    ]
    cost = shown[4 * 8 :]  # the second table
    assert cost[4] == ABSENT == cost[2 * 5 - 1] and len(cost) == 5 * 8
    assert cost[:3] == ["W", "0.10 (0.10 to 0.10)", "0.05 (0.05 to 0.05)"]  # of 1 a unit, by 2
    assert shown[-1] == "0.100 (0.100 to 0.100)"


def test_what_the_seconds_are_of_is_told():
    text = show_editing.codes_table(replace(made_up(1), machine="by a clock, one thread"))
    assert "Seconds (s): by a clock, one thread." in text and "distance between rows" in text


def test_one_photograph_has_no_intervals():
    shown = read_cells(show_editing.edits_table(made_up(1, noise=0.0).study))
    assert shown[1:4] == ["1.00", "0.20", "5.00"]


def test_photographs_that_could_not_be_measured_are_counted():
    study = made_up(2, noise=0.0).study
    for row in study.rows:
        if row["image"] == "i0":
            row["changes"] = {}
    assert read_cells(show_editing.edits_table(study))[1] == "1.00 (1 of 2)"


def test_directions_have_a_column_each():
    text = show_editing.directions_table(made_up(1, noise=0.0).study)
    assert re.findall(r'<th scope="col"[^>]*>([^<]*)', text) == ["edited", "smile", "yaw"]
    assert "own ÷ others ↑ of each direction" in text
    assert read_cells(text)[:3] == ["W", "5.00", "5.00"]


def test_the_trade_is_drawn_with_a_name_for_each_variant():
    for photographs in (1, 8):
        found = made_up(photographs)
        text = show_editing.trade_off(found)
        names = [v.name for v in found.study.variants]
        items = re.findall(r"<li[^>]*>(.*?)</li>", text)
        assert [item.split("</svg> ")[1] for item in items] == names
        drawn = [re.search(r'd="([^"]+)" style="fill: ([^"]+)"', item).groups() for item in items]
        shapes, colours = zip(*drawn, strict=True)
        assert len({*shapes}) == len({*colours}) == len(names)
        short = [name.removeprefix("W+ short + ") for name in names]
        for panel in text.split("<figure")[1:]:  # and each is named in the plot itself
            beside = re.findall(r">([^<>]+)</text>", panel)
            assert all(beside.count(name) == 1 for name in short)


def test_a_trade_without_numbers_is_drawn_empty():
    found = made_up(2)
    for row in found.study.rows:
        row["changes"] = {}
    assert "<svg" in show_editing.trade_off(found)


def test_strips_have_a_row_for_each_edit_with_a_picture_of_every_kind(tmp_path):
    found = with_pictures(made_up(1), tmp_path)
    text = show_editing.strips(found, "i0")
    assert text.count("<img") == 5 * 9
    heads = re.findall(r"<h4[^>]*>(.*?)</h4>", text)
    assert heads == ["as found", "smile -2", "smile +2", "yaw -2", "yaw +2"]
    kinds = [v.name for v in found.study.variants]
    first, *rows = [re.findall(r"<figcaption>(.*?)</figcaption>", x) for x in text.split("<h4")[1:]]
    assert [first, *rows] == [["photograph", *kinds]] * 5
    assert "overflow-x" not in text and "sticky" not in text  # nothing is cut off, or covers faces


def test_pictures_of_many_photographs_are_cut_short():
    few, many = made_up(2).study, made_up(20).study
    assert show_editing.describe_shown(few) == ""
    assert show_editing.describe_shown(many) == "Pictures of the first 12 of 20 photographs."
    assert show_editing.shown_images(many) == many.images[:12]


@pytest.mark.parametrize("name", ["codes", "strips", "trade"])
def test_everything_shown_escapes_names_and_loads_nothing(name, tmp_path):
    found = with_pictures(made_up(1), tmp_path)
    shown = {
        "codes": show_editing.codes_table,
        "strips": lambda f: show_editing.strips(f, "i0"),
        "trade": show_editing.trade_off,
    }
    text = shown[name](found)
    tags = read_tags(text)
    assert not tags.handlers
    assert all(a.startswith(("data:image/webp", "#")) for a in tags.addresses)
    assert "onerror=alert(1)>" not in text.replace("&gt;", "")
