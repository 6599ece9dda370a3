"""Ways between reports: from that on inversion to that on GANs and to studies, and back.

A page is written before the other report may be there, so its head keeps a place for ways, which
are set, and set anew, once both are.
"""

import html
import re
from collections.abc import Mapping
from pathlib import Path

from ganinv.files import write_text

STUDIES = {  # of `make study`, by the names of their files in params/
    "study": "Study of recipes",
    "starts": "Study of starts",
    "restarts": "Study of restarts",
    "nearer": "Study of an encoder's start",
    "sooner": "Study of fewer steps",
}
REPORTS = {  # by their first pages, as seen from the folder of the report on inversion
    "index.html": "Inversion",
    **{f"{name}.html": title for name, title in STUDIES.items()},
    "gan/index.html": "Small GANs",
}
BESIDE = re.compile(
    r'(<span class="beside" data-page="([^"]*)" data-text="([^"]*)">).*?</span>', re.S
)
PLACE = re.compile(r'<span class="ways">.*?</span>', re.S)


def join_reports(folder: str | Path) -> None:
    """Link every page of the reports in a folder, and below its gan/, to the reports beside it."""
    folder = Path(folder)
    there = {page: title for page, title in REPORTS.items() if (folder / page).is_file()}
    for path in [*sorted(folder.glob("*.html")), *sorted(folder.glob("gan/*.html"))]:
        below = path.parent != folder
        first = path.name if path.name in REPORTS else "index.html"
        own = "gan/index.html" if below else first
        links = "".join(
            f'<a href="{_from(page, below)}">{title}</a>'
            for page, title in there.items()
            if page != own
        )
        text = path.read_text(encoding="utf-8")
        joined = PLACE.sub(f'<span class="ways">{links}</span>', text, count=1)
        joined = BESIDE.sub(lambda found: found[1] + _shown(found, there) + "</span>", joined)
        if joined != text:
            write_text(path, joined)


def _from(page: str, below: bool) -> str:
    """A first page's address, from the folder of the report or from the one below it."""
    return f"../{page}" if below else page


def beside(page: str, text: str) -> str:
    """Keep a place in a page for a text that ends in a link to a report, once that lies beside."""
    text = html.escape(text)
    return f'<span class="beside" data-page="{page}" data-text="{text}"></span>'


def _shown(found: re.Match, there: Mapping[str, str]) -> str:
    """What such a place shows, of the reports that are there."""
    _, page, text = found.groups()
    return f'{text}<a href="{page}">{there[page]}</a>' if page in there else ""
