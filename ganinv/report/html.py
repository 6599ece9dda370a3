"""Notebooks to self-contained pages, and what pages are made of: tables, cards, picture grids.

Every function returns a string that needs no other file, with every text in it escaped.
"""

import html
from pathlib import Path

from nbconvert import HTMLExporter

from ganinv import figures
from ganinv.files import atomic_path

TEMPLATES = Path(__file__).parent / "templates"


def write_page(notebook, path, name, pages, notice=""):
    """Convert an executed notebook to one self-contained HTML page, code folded away."""
    exporter = HTMLExporter(template_name="report", extra_template_basedirs=[str(TEMPLATES)])
    style = (TEMPLATES / "report" / "style.css").read_text(encoding="utf-8")
    resources = {
        "page_title": f"ganinv: {pages[name]}",
        "page_style": style,
        "page_name": name,
        "page_notice": notice,
        "pages": list(pages.items()),
    }
    body, _ = exporter.from_filename(str(notebook), resources=resources)
    with atomic_path(path) as temporary:
        temporary.write_text(body, encoding="utf-8", errors="replace")
    return path


PICTURE_WIDTH = 400  # pixels, in grids


def verdict_cards(verdicts):
    """Verdicts as a row of cards."""
    cards = []
    for verdict in verdicts:
        state = "held" if verdict.word == "confirmed" else ("partly" if verdict.held else "not")
        cards.append(
            f'<div class="card {state}"><strong>{html.escape(verdict.word.capitalize())}</strong>'
            f"<p>{html.escape(verdict.claim)}</p><p>{html.escape(verdict.detail)}</p></div>"
        )
    return f'<div class="cards" style="display: grid; gap: 0.8rem">{"".join(cards)}</div>'


def table(head, rows, best=()):
    """An HTML table; `best` holds the (row, column) cells to print bold."""
    lines = ["<tr>" + "".join(f"<th>{html.escape(str(cell))}</th>" for cell in head) + "</tr>"]
    for r, row in enumerate(rows):
        cells = (
            f'<td class="{_css(cell, (r, c) in best)}">{html.escape(str(cell))}</td>'
            for c, cell in enumerate(row)
        )
        lines.append("<tr>" + "".join(cells) + "</tr>")
    body = "".join(lines[1:])
    return (
        f'<div class="scroll"><table><thead>{lines[0]}</thead><tbody>{body}</tbody></table></div>'
    )


def _css(cell, is_best):
    words = "" if str(cell)[:1] in "0123456789+-∞—" else "words"
    return f"{words} best" if is_best else words


def grid(pictures, columns, css=""):
    """HTML figures in a grid, which needs no style sheet, so that it shows in Jupyter too."""
    style = f"display: grid; gap: 0.6rem; grid-template-columns: repeat({columns}, minmax(0, 1fr))"
    return f'<div class="grid {css}" style="{style}">{"".join(pictures)}</div>'


def picture_html(picture, alt, caption):
    return figures.image_html(picture, alt=alt, caption=caption, width=PICTURE_WIDTH)
