"""Formulas drawn for pages: where they stand, how large they are, and what is not known."""

import re
import xml.etree.ElementTree as ET

import nbformat
import pytest

from ganinv.errors import ReportError
from ganinv.paths import project_root
from ganinv.report.formulas import MARGIN, SIZE, PageExporter, formula_svg
from ganinv.report.pages import write_page
from helpers.pages import read_tags

PAGES = {"index": "A page"}


def parsed(tex):
    svg = ET.fromstring(formula_svg(tex))
    box = [float(x) for x in svg.get("viewBox").split()]
    points = [float(x) for x in re.findall(r"-?[\d.]+", svg[0].get("d"))]
    return svg, box, points[::2], points[1::2]


@pytest.mark.parametrize("tex", ["x", "D(x)", r"\frac{1}{2}", r"\mathbb{E}_z[\log(1-D(G(z)))]"])
def test_what_is_drawn_lies_in_its_box(tex):
    svg, (left, top, width, height), xs, ys = parsed(tex)
    assert left <= min(xs) and max(xs) <= left + width
    assert top <= min(ys) and max(ys) <= top + height
    assert max(xs) - min(xs) > 0.5 * (width - 2 * MARGIN)
    assert svg.get("aria-label") == tex and svg.get("role") == "img"


def test_a_formula_stands_on_the_line_of_its_text():
    """x stands on it, y 0 of the picture; what hangs below is below the line of the text, too."""
    _, _, _, ys = parsed("x")
    assert max(ys) == pytest.approx(0, abs=0.5)
    svg, (_, top, _, height), _, ys = parsed("D_x")
    assert max(ys) > 1
    lowered = float(re.search(r"vertical-align: -([\d.]+)em", svg.get("style"))[1])
    assert lowered * SIZE == pytest.approx(top + height, abs=0.02)


def test_width_is_that_of_the_text_around_it():
    svg, (_, _, width, _), _, _ = parsed("G(z)")
    assert f"width: {width / SIZE:.3f}em" in svg.get("style")


def test_unknown_tex_is_named():
    with pytest.raises(ReportError, match=r"the formula \$\\nonsense\{x\}\$ cannot be drawn"):
        formula_svg(r"\nonsense{x}")


def page_of(folder, *cells):
    nbformat.write(nbformat.v4.new_notebook(cells=list(cells)), folder / "n.ipynb")
    path = write_page(folder / "n.ipynb", folder / "n.html", "index", PAGES)
    return path.read_text(encoding="utf-8")


def test_pages_draw_formulas_and_leave_code_alone(tmp_path):
    said = nbformat.v4.new_output("display_data", {"text/markdown": "of $z$"})
    text = page_of(
        tmp_path,
        nbformat.v4.new_markdown_cell("Inline $a<b$ here.\n\n$$\nx^2\n$$\n\nAnd `$HOME$`, \\$5."),
        nbformat.v4.new_code_cell("price = '$x$'", outputs=[said]),
    )
    drawn = [tag for tag in re.findall("<svg [^>]*>", text) if 'class="formula"' in tag]
    names = [re.search('aria-label="([^"]*)"', tag)[1] for tag in drawn]
    assert names == ["a&lt;b", "x^2", "z"]
    assert text.count('class="display"') == 1
    assert "$HOME$" in text and "$x$" in text and "$5" in text
    assert read_tags(text).tags.count("script") == 1


def test_code_is_unfolded_where_its_cell_is_tagged(tmp_path):
    open_cell = nbformat.v4.new_code_cell("a = 1")
    open_cell.metadata["tags"] = ["code"]
    text = page_of(tmp_path, open_cell, nbformat.v4.new_code_cell("b = 2"))
    assert text.count('<div class="code open">') == 1 and text.count('<div class="code">') == 1
    assert re.search(r"\.code\.open, main:has", text)


def test_formulas_of_all_notebooks_can_be_drawn():
    drawn = {}
    for path in sorted((project_root() / "notebooks").glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
        html = [PageExporter().markdown2html({}, text) for text in texts]
        drawn[path.name[:2]] = "".join(html).count('class="display"')
    assert all(drawn[f"0{n}"] for n in range(1, 5)), "each experiment says its loss"
