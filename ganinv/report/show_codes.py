"""What the notebook on eq. 4 shows of codes: how near to W they lie, walks between them."""

import html

from ganinv.report.html import grid, picture_html, table


def codes_table(rows):
    """How near to W codes lie, from the rows of `editing.study_codes`."""
    head = ["image", "codes", "distance to W ↓", "spread (W has 1) ↓", "found again ↓"]
    cells = [
        [
            row["image"],
            row["experiment"],
            f"{row['distance']:.2f}",
            f"{row['spread']:.2f}",
            f"{row['found_again']:.4f}",
        ]
        for row in rows
    ]
    return table(head, cells)


def walk(title, pictures, spreads):
    """Pictures on the line between two codes, each with its spread."""
    shown = [
        picture_html(picture, f"{title}, step {i} of the walk", f"spread {spread:.2f}")
        for i, (picture, spread) in enumerate(zip(pictures, spreads, strict=True))
    ]
    return f"<h3>{html.escape(title)}</h3>" + grid(shown, len(shown))
