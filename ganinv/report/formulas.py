"""Formulas of notebooks in pages: TeX, which Jupyter shows by itself, drawn as pictures.

A page fetches no scripts, so the part of TeX that matplotlib's mathtext knows is drawn as SVG paths
in the page's colour, each as large as the text around it and on its line. The TeX is its name for
readers who do not see it. mathtext has no environments: each line of a formula is one of its own,
between `$$` and `$$`.
"""

import html
from typing import Any

from jinja2 import pass_context
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser
from matplotlib.textpath import TextPath
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from ganinv.errors import ReportError

SIZE = 16  # units of an em: pixels of the page's text
FONT = FontProperties(math_fontfamily="cm", size=SIZE)
MARGIN = 1  # units around what is drawn: letters lean out of their boxes
DIGITS = 2  # of a coordinate
POINTS = 72  # to the inch, at which a unit is a point


def formula_svg(tex: str) -> str:
    """Draw a formula, TeX without its dollars, as an SVG element that stands on a line of text.

    Raises ReportError where mathtext does not know its TeX.
    """
    text = f"${' '.join(tex.split())}$"
    try:
        width, height, depth, *_ = MathTextParser("path").parse(text, dpi=POINTS, prop=FONT)
        outline = TextPath((0, 0), text, prop=FONT)
    except ValueError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ReportError(f"the formula {text} cannot be drawn for a page: {reason}") from None
    box = (-MARGIN, depth - height - MARGIN, width + 2 * MARGIN, height + 2 * MARGIN)
    shown = " ".join(f"{number:.{DIGITS}f}" for number in box)
    lowered, wide = (depth + MARGIN) / SIZE, box[2] / SIZE
    style = f"width: {wide:.3f}em; height: auto; vertical-align: {-lowered:.3f}em"
    name, drawn = html.escape(tex.strip()), _outline(outline)
    return (
        f'<svg class="formula" role="img" aria-label="{name}" viewBox="{shown}" style="{style}">'
        f'<path fill="currentColor" d="{drawn}"/></svg>'
    )


def _outline(path: TextPath) -> str:
    """Write a path as SVG does, where y points down."""
    letters = {path.MOVETO: "M", path.LINETO: "L", path.CURVE3: "Q", path.CURVE4: "C"}
    parts = []
    for points, code in path.iter_segments(simplify=False, curves=True):
        if code == path.CLOSEPOLY:
            parts.append("Z")
            continue
        numbers = points.reshape(-1, 2) * (1, -1)
        parts.append(letters[code] + " ".join(f"{x:.{DIGITS}f}" for x in numbers.ravel()))
    return "".join(parts)


class Renderer(IPythonRenderer):
    """nbconvert's renderer of Markdown, with formulas drawn."""

    def block_math(self, body: str) -> str:
        """Draw a formula in a line of its own, which scrolls where it is wider than the page."""
        named = 'tabindex="0" role="group" aria-label="formula"'
        return f'<span class="display" {named}>{formula_svg(body)}</span>'

    def inline_math(self, body: str) -> str:
        """Draw a formula within a line."""
        return formula_svg(body)


class PageExporter(HTMLExporter):
    """nbconvert's HTML exporter, whose formulas need no script."""

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:
        """Turn Markdown into HTML; a filter of templates."""
        renderer = Renderer(escape=False, anchor_link_text=self.anchor_link_text)
        return str(MarkdownWithMath(renderer=renderer).render(source))
