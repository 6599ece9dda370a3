"""How near to W codes lie, and walks between them, for the notebooks on eq. 4."""

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ganinv.report.html import grid, picture_html, table


def codes_table(rows: Iterable[Mapping[str, Any]]) -> str:
    """Show how near to W codes lie, from the rows of a `Study`."""
    rows = list(rows)
    head = ["codes", "distance between rows ↓", "spread (W has 1) ↓", "found again ↓"]
    cells = [
        [
            row["experiment"],
            f"{row['distance']:.2f}",
            f"{row['spread']:.2f}",
            f"{row['found_again']:.4f}",
        ]
        for row in rows
    ]
    groups = [row["image"] for row in rows]
    return table(head, cells, caption="How near to W the codes lie.", groups=groups)


def walk(title: str, pictures: Sequence[np.ndarray], spreads: Sequence[float]) -> str:
    """Show pictures uint8 (H, W, 3) on the line between two codes, each with its spread."""
    shown = [
        picture_html(picture, f"{title}, step {i} of the walk", f"spread {spread:.2f}")
        for i, (picture, spread) in enumerate(zip(pictures, spreads, strict=True))
    ]
    return f"<h3>{html.escape(title)}</h3>" + grid(shown, len(shown))


def link_to_edits(text: str, page: str = "editing.html") -> str:
    """Show a sentence that is from the page on edits, with a link to it; "" for none."""
    link = f'<a href="{html.escape(page)}">What the code is good for</a>'
    return f"<p>{html.escape(text)} See {link}.</p>" if text else ""
