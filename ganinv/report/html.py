"""Pieces of pages: tables, cards, picture grids.

Every function returns a string that needs no other file, with every text in it escaped. Each also
shows in Jupyter, where the report's style sheet and scripts are not. Texts that are `Told` say
which figures they show.
"""

import html
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from ganinv import figures
from ganinv.analysis.verdicts import Verdict
from ganinv.report.numbered import attributes
from ganinv.report.told import Told, at, told

PICTURE_WIDTH = 400  # pixels, in grids
# a mean with its interval, as `told` writes it
INTERVAL = re.compile(r"(\S+) (\(\S+ to \S+\))(.*)")
NUMBER = re.compile(r"[0-9+\-−∞<]|–$|not (in|reached)")  # what a cell with a number begins with


def verdict_cards(verdicts: Iterable[Verdict], file: str = "") -> str:
    """Show verdicts as a row of cards; `file` is the JSON that lists the same, "" the page's."""
    shown = []
    for number, verdict in enumerate(verdicts):
        here = at(file, "verdicts", number)
        word = told("{Aa}", (f"{here}/verdict", verdict.word))
        texts = [
            told("{}", (f"{here}/{key}", getattr(verdict, key))) for key in ("claim", "detail")
        ]
        parts = [f"<strong{attributes(word, html.escape)}>{word}</strong>"]
        parts += [paragraph(text) for text in texts]
        shown.append(card(verdict.word.replace(" ", "-"), parts))
    return cards(shown)


def card(css: str, parts: Iterable[str]) -> str:
    """Frame parts of HTML as a card of a class of the style sheet."""
    return f'<div class="card {css}">{"".join(parts)}</div>'


def cards(shown: Iterable[str]) -> str:
    """Lay cards in a row."""
    return f'<div class="cards" style="display: grid; gap: 0.8rem">{"".join(shown)}</div>'


def paragraph(text: str) -> str:
    """Write a text as a paragraph."""
    return f"<p{attributes(text, html.escape)}>{html.escape(text)}</p>"


def sentences(texts: Iterable[str], file: str = "") -> str:
    """Show what figures say; `file` is the JSON that lists the same as `seen`, "" the page's."""
    here = at(file, "seen")
    return "".join(paragraph(told("{}", (f"{here}/{k}", x))) for k, x in enumerate(texts))


def table(
    head: Sequence[Any],
    rows: Iterable[Sequence[Any]],
    best: Collection[tuple[int | None, int]] = (),
    *,
    caption: str,
    groups: Sequence[str] = (),
    close: bool = False,
) -> str:
    """Write a table; `best` holds the (row, column) cells to print bold.

    The first cell of a row names it. A column whose cells all begin as numbers do stands right.
    `caption` says what the table tells. `groups` are for each row what it belongs to, which heads
    the rows of one group. A `close` table has small margins, and every interval below its mean.
    """
    rows = [[c if isinstance(c, Told) else str(c) for c in row] for row in rows]
    words = [any(_is_words(row[c]) for row in rows) or not c for c in range(len(head))]
    top = "".join(
        f'<th scope="col" class="{"words" if words[c] else ""}">{html.escape(str(cell))}</th>'
        for c, cell in enumerate(head)
    )
    bodies: list[list[str]] = [[]]
    for r, (name, *values) in enumerate(rows):
        if groups and [groups[r]] != [*groups[r - 1 : r]]:
            bodies.append([_group(groups[r], len(head))])
        cells = [f'<th scope="row" class="words">{html.escape(name)}</th>']
        for c, cell in enumerate(values, 1):
            css = f"{'words' if words[c] else ''}{' best' if (r, c) in best else ''}".strip()
            source = attributes(cell, html.escape)
            cells.append(f'<td class="{css}"{source}>{_cell(cell)}</td>')
        bodies[-1].append(f"<tr>{''.join(cells)}</tr>")
    whole = "".join(f"<tbody>{''.join(body)}</tbody>" for body in bodies if body)
    title = f"<caption><span>{html.escape(caption)}</span></caption>"
    css = ' class="close"' if close else ""
    return scroll(f"<table{css}>{title}<thead><tr>{top}</tr></thead>{whole}</table>", caption)


def _group(heading: str, columns: int) -> str:
    name = f"<span>{html.escape(heading)}</span>"
    return f'<tr class="group"><th scope="rowgroup" colspan="{columns}">{name}</th></tr>'


def _cell(text: str) -> str:
    """Write a cell; an interval behind a mean goes to a line of its own where there is no room."""
    found = INTERVAL.fullmatch(text)
    if not found:
        return html.escape(text)
    mean, interval, rest = map(html.escape, found.groups())
    return f'<span class="mean">{mean}</span> <span class="interval">{interval}</span>{rest}'


def _is_words(cell: str) -> bool:
    return bool(cell) and not NUMBER.match(cell)


def scroll(inner: str, label: str) -> str:
    """Let what is wider than the page scroll by itself, by touch, mouse or keys."""
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{html.escape(label)}" '
        f'style="overflow-x: auto">{inner}</div>'
    )


def grid(pictures: Iterable[str], columns: int, css: str = "") -> str:
    """Lay HTML figures in a grid, which needs no style sheet, so that it shows in Jupyter too."""
    style = f"display: grid; gap: 0.6rem; grid-template-columns: repeat({columns}, minmax(0, 1fr))"
    return f'<div class="grid {css}" style="{style}">{"".join(pictures)}</div>'


def film(title: str, frames: Sequence[str], least: int = 76) -> str:
    """Show HTML figures in their order, which a page's script plays in one place.

    Without the script they stand side by side, each at least `least` pixels wide. A figure's
    caption is what is shown beside the slider while it plays.
    """
    columns = f"repeat(auto-fill, minmax({least}px, 1fr))"
    style = f"display: grid; gap: 0.4rem; grid-template-columns: {columns}"
    return (
        f'<div class="film" data-title="{html.escape(title)}"><div class="frames" '
        f'style="{style}">{"".join(frames)}</div></div>'
    )


def picture_html(picture: np.ndarray, alt: str, caption: str) -> str:
    """Show a picture uint8 (H, W, 3) with a caption, at most `PICTURE_WIDTH` wide."""
    return figures.image_html(picture, alt=alt, caption=caption, width=PICTURE_WIDTH)


def column_head(text: str) -> str:
    """Write the head of a column of `wide_grid`."""
    style = "font-size: 0.82rem; line-height: 1.25; align-self: end; overflow-wrap: anywhere"
    return f'<div style="{style}">{html.escape(text)}</div>'


def strip(name: str, shown: Iterable[str], least: int, most: int) -> str:
    """Lay HTML figures side by side under a name, each `least` to `most` pixels wide.

    Where there is no room they go on in the next line, so that none is cut off or covered.
    """
    shown = [*shown]
    columns = f"repeat(auto-fit, minmax(min({least}px, 100%), 1fr))"
    style = f"display: grid; gap: 0.3rem 0.4rem; grid-template-columns: {columns}"
    width = f"max-width: {len(shown) * (most + 6)}px"
    label = html.escape(name)
    return (
        f'<h4 style="margin: 0.5rem 0 0.2rem; font-size: 0.9rem">{label}</h4>'
        f'<div class="strip" style="{style}; {width}">{"".join(shown)}</div>'
    )


def unscaled(name: str, pictures: Iterable[tuple[np.ndarray, str, str]]) -> str:
    """Show pictures pixel for pixel, (uint8 (H, W, 3), alternative text, caption) each.

    Those for which there is no room beside the others go on in the next line.
    """
    shown = []
    for picture, alt, caption in pictures:
        width = f"width: {picture.shape[1]}px; max-width: none"
        shown.append(
            f'<figure style="{width}; margin: 0"><img src="{figures.data_uri(picture, 82)}" '
            f'alt="{html.escape(alt)}" style="{width}; display: block">'
            f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        )
    return (
        f'<h4 style="margin: 0.5rem 0 0.2rem; font-size: 0.9rem">{html.escape(name)}</h4>'
        f'<div style="display: flex; flex-wrap: wrap; gap: 0.3rem 8px">{"".join(shown)}</div>'
    )


def still(picture: np.ndarray, alt: str, quality: int = 85) -> str:
    """Show a picture uint8 (H, W, 3) that is never scaled."""
    uri, side = figures.data_uri(picture, quality), picture.shape[1]
    style = f"width: {side}px; max-width: none; display: block"
    return f'<img src="{uri}" alt="{html.escape(alt)}" style="{style}">'


def wide_grid(cells: Sequence[str], widths: Sequence[int], label: str) -> str:
    """Lay cells in columns of so many pixels, which scroll where the page is narrower."""
    columns = " ".join(f"{width}px" for width in widths)
    style = f"display: grid; gap: 8px; grid-template-columns: {columns}; width: max-content"
    return scroll(f'<div style="{style}">{"".join(cells)}</div>', label)


def words(terms: Iterable[tuple[str, str]]) -> str:
    """Explain terms, (term, sentence) each."""
    items = "".join(
        f"<div><dt>{html.escape(term)}</dt><dd>{html.escape(text)}</dd></div>"
        for term, text in terms
    )
    return f'<dl class="words">{items}</dl>'
