"""Plots are readable on a phone, on a dark page, and to who hears the page."""

import re

import pytest
from matplotlib.text import Text

from ganinv import figures
from ganinv.report import plots
from ganinv.report.mark_names import name_marks
from ganinv.report.pages import TEMPLATES
from helpers.runs import HOSTILE

PHONE = 358  # pixels between the margins of a page 390 wide


def line(axis):
    axis.plot([1, 2, 3], [0.6, 0.2, 0.1])
    axis.set(xlabel="step", ylabel="loss: L2")
    figures.plain_log(axis)


def test_text_is_at_least_eleven_pixels_on_a_phone():
    text = plots.panel(line, alt="a")
    width = float(re.search(r'viewBox="0 0 ([\d.]+)', text)[1])
    sizes = [float(x) for x in re.findall(r"font(?:-size)?: ([\d.]+)px", text)]
    assert sizes and min(sizes) * PHONE / width >= 11


def test_numbers_are_plain():
    found = re.findall(r">([\d.]+)</text>", plots.panel(line, alt="a"))
    assert {"0.1", "0.2", "0.6"} <= {*found}


def test_ids_are_those_that_are_used_and_no_two_plots_share_one():
    def other(axis):
        axis.plot([1, 2], [3, 4], "o")

    texts = [plots.panel(draw, alt="a") for draw in (line, other)]
    ids = [re.findall(r' id="([^"]+)"', text) for text in texts]
    for text, own in zip(texts, ids, strict=True):
        used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text))
        assert used == {*own} and len(own) == len({*own})
    assert not {*ids[0]} & {*ids[1]}


def test_a_plot_says_what_is_seen_and_is_escaped():
    text = plots.panels(
        [plots.panel(line, alt=HOSTILE, title=HOSTILE)], [plots.Key(HOSTILE, "#000")]
    )
    assert 'role="img" aria-label="&quot;&gt;' in text and "<img" not in text


def test_the_legend_of_one_panel_stands_beside_it_and_that_of_several_below():
    shown, keys = plots.panel(line, alt="a"), [plots.Key("of a line", "#000")]
    for count, beside in ((1, True), (2, False)):
        text = plots.panels([shown] * count, keys)
        grid = text[: text.rindex("</div>")]
        assert ("of a line" in grid) == beside and text.count("of a line") == 1


def test_lines_and_letters_take_the_page_s_colour():
    text = plots.panel(line, alt="a")
    assert figures.INK not in text and "currentColor" in text
    assert "fill: #ffffff" not in text  # no white behind a dark page's plot


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a, b):
    dark, light = sorted((luminance(a), luminance(b)))
    return (light + 0.05) / (dark + 0.05)


def over(colour, page, opacity):
    """What a translucent colour is seen as on a page."""
    parts = [(int(colour[i : i + 2], 16), int(page[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(opacity * a + (1 - opacity) * b):02x}" for a, b in parts)


def dark_style():
    """The colours that style.css has for a dark page, by name."""
    css = (TEMPLATES / "report" / "style.css").read_text()
    dark = css[css.index("prefers-color-scheme: dark") :].partition("}")[0]
    return dict(re.findall(r"--([\w-]+): (#\w{6})", dark))


@pytest.mark.parametrize("number", range(len(figures.COLOURS)))
def test_what_is_one_of_many_shows_on_a_dark_page(number):
    style = dark_style()
    assert style["page"] == "#15171a"
    seen = over(style[f"series-{number}"], style["page"], plots.FAINT)
    assert contrast(seen, style["page"]) >= 3

    def faint(axis):
        axis.plot([1, 2], [1, 2], color=plots.colour(number), alpha=plots.FAINT)

    text = plots.panel(faint, alt="a")
    assert f"stroke: var(--series-{number}, {plots.colour(number)})" in text
    key = plots.legend([plots.Key("a", plots.colour(number), "-", "o")])
    assert key.count(f"var(--series-{number}, ") == 2


def axes_of(svg):
    """The corners of a panel's axis: of its spines."""
    return re.findall(
        r'<path d="M (\S+) (\S+) ?\n?L (\S+) (\S+)[^"]*" style="fill: none; '
        r"stroke: currentColor; stroke-width: 0.8",
        svg,
    )


def test_panels_of_the_same_names_are_of_equal_size():
    def draw(numbers):
        def on(axis):
            axis.plot(numbers, [0, 1])
            axis.set_yticks([0, 1], names)

        return on

    names = ["a name of\nseveral lines", "b"]
    small, large = (
        axes_of(plots.panel(draw(x), alt="a", names=names)) for x in ([0, 1], [0.11111, 99999.5])
    )
    assert small and small == large
    loose = [axes_of(plots.panel(draw(x), alt="a")) for x in ([0, 1], [0.11111, 99999.5])]
    assert loose[0] != loose[1]


@pytest.mark.parametrize("page", ["#ffffff", "#15171a"])  # as in style.css
@pytest.mark.parametrize("colour", figures.COLOURS)
def test_no_colour_is_under_three_to_one(colour, page):
    assert contrast(colour, page) >= 3


def test_no_two_series_have_the_same_colour_or_mark():
    looks = [(plots.colour(k), plots.mark(k)) for k in range(8)]
    assert all(len({*x}) == 8 for x in zip(*looks, strict=True))
    keys = [plots.Key(str(k), *look[:1], "", look[1]) for k, look in enumerate(looks)]
    shapes = re.findall(r'<path d="([^"]+)"', plots.legend(keys))
    assert len({*shapes}) == 8  # the legend has the marks of the plot


def test_names_beside_marks_cover_neither_marks_nor_each_other():
    points = [(0.5, 0.5), (0.5, 0.52), (0.51, 0.5), (1.0, 1.0), (0.0, 0.0), (float("nan"), 0.0)]
    names = ["one of them", "another", "and a third", "upper right", "lower left", "nowhere"]
    found = {}

    def draw(axis):
        axis.plot(*zip(*points, strict=True), "o")
        name_marks(axis, points, names, ["#000000"] * len(points))
        axis.figure.draw_without_rendering()
        found["marks"] = axis.transData.transform(points[:-1])
        found["boxes"] = [Text.get_window_extent(x) for x in axis.texts]  # without their lines
        found["names"] = [x.get_text() for x in axis.texts]

    plots.panel(draw, alt="a")
    assert found["names"] == names[:-1]
    for k, box in enumerate(found["boxes"]):
        assert not any(box.overlaps(other) for other in found["boxes"][k + 1 :])
        assert not any(box.contains(x, y) for x, y in found["marks"])
