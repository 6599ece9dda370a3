"""Pieces of pages: tables, cards, picture grids.

Every function returns a string that needs no other file, with every text in it escaped.
"""

import html
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from ganinv import figures
from ganinv.analysis.verdicts import Verdict

PICTURE_WIDTH = 400  # pixels, in grids
ABSENT = "–"  # in place of a number that there is not


def verdict_cards(verdicts: Iterable[Verdict]) -> str:
    """Show verdicts as a row of cards."""
    cards = []
    for verdict in verdicts:
        state, word = verdict.word.replace(" ", "-"), verdict.word.capitalize()
        cards.append(
            f'<div class="card {state}"><strong>{word}</strong>'
            f"<p>{html.escape(verdict.claim)}</p><p>{html.escape(verdict.detail)}</p></div>"
        )
    return f'<div class="cards" style="display: grid; gap: 0.8rem">{"".join(cards)}</div>'


def table(
    head: Sequence[Any],
    rows: Iterable[Sequence[Any]],
    best: Collection[tuple[int | None, int]] = (),
) -> str:
    """Write a table; `best` holds the (row, column) cells to print bold."""
    top = "<tr>" + "".join(f"<th>{html.escape(str(cell))}</th>" for cell in head) + "</tr>"
    body = []
    for r, row in enumerate(rows):
        cells = (
            f'<td class="{_css(cell, (r, c) in best)}">{html.escape(str(cell))}</td>'
            for c, cell in enumerate(row)
        )
        body.append("<tr>" + "".join(cells) + "</tr>")
    return (
        f'<div class="scroll"><table><thead>{top}</thead><tbody>{"".join(body)}</tbody></table>'
        "</div>"
    )


def _css(cell, is_best):
    words = "" if str(cell)[:1] in f"0123456789+-∞{ABSENT}" else "words"
    return f"{words} best" if is_best else words


def grid(pictures: Iterable[str], columns: int, css: str = "") -> str:
    """Lay HTML figures in a grid, which needs no style sheet, so that it shows in Jupyter too."""
    style = f"display: grid; gap: 0.6rem; grid-template-columns: repeat({columns}, minmax(0, 1fr))"
    return f'<div class="grid {css}" style="{style}">{"".join(pictures)}</div>'


def picture_html(picture: np.ndarray, alt: str, caption: str) -> str:
    """Show a picture uint8 (H, W, 3) with a caption, at most `PICTURE_WIDTH` wide."""
    return figures.image_html(picture, alt=alt, caption=caption, width=PICTURE_WIDTH)


def column_head(text: str) -> str:
    """Write the head of a column of `wide_grid`."""
    style = "font-size: 0.82rem; line-height: 1.25; align-self: end; overflow-wrap: anywhere"
    return f'<div style="{style}">{html.escape(text)}</div>'


def row_name(text: str) -> str:
    """Write the name of a row of `wide_grid`, which stays in view while the row is scrolled."""
    place = "place-self: start; position: sticky; left: 0; padding-right: 4px; background: white"
    return f'<div style="font-size: 0.82rem; {place}">{html.escape(text)}</div>'


def still(picture: np.ndarray, alt: str, quality: int = 85) -> str:
    """Show a picture uint8 (H, W, 3) that is never scaled."""
    uri, side = figures.data_uri(picture, quality), picture.shape[1]
    style = f"width: {side}px; max-width: none; display: block"
    return f'<img src="{uri}" alt="{html.escape(alt)}" style="{style}">'


def wide_grid(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Lay cells in columns of so many pixels, which scroll where the page is narrower."""
    columns = " ".join(f"{width}px" for width in widths)
    style = f"display: grid; gap: 8px; grid-template-columns: {columns}; width: max-content"
    return (
        f'<div class="scroll" style="overflow-x: auto"><div style="{style}">{"".join(cells)}</div>'
        "</div>"
    )
