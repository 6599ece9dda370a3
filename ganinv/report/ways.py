"""Ways between reports: from that on inversion to that on GANs and to studies, and back.

A page is written before the other reports may be there, so its head keeps a place for ways, which
are set, and set anew, once they are. In a folder all pages have the same ways under the same names:
its report's pages, then the studies and small GANs; those on GANs have their own pages, and the
report's first. What a text of a page refers to is linked likewise, where it is there.
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
FIRST, REPORT = "index.html", "Report on inversion"
OTHERS = {  # by their first pages, as seen from the folder of the report on inversion
    **{f"{name}.html": title for name, title in STUDIES.items()},
    "gan/index.html": "Small GANs",
}
BESIDE = re.compile(
    r'(<span class="beside" data-page="([^"]*)" data-text="([^"]*)">).*?</span>', re.S
)
PUBLISHED = "published"  # the folder of published pages, below that of a report
ROWS = {kind: re.compile(f'<span class="{kind}">.*?</span>', re.S) for kind in ("pages", "ways")}
LINK = re.compile(r'<a [^>]*?href="([^"]+)"[^>]*>(.*?)</a>', re.S)
REFERENCE = re.compile(r'<(?:a|span) class="way" data-page="([^"]+)"[^>]*>(.*?)</(?:a|span)>', re.S)


def way(page: str, text: str) -> str:
    """Refer to a page of the report's folder; `join_reports` makes a link of it where it is."""
    return f'<span class="way" data-page="{html.escape(page)}">{html.escape(text)}</span>'


def beside(page: str, text: str) -> str:
    """Keep a place in a page for a text that ends in a link to a report, once that lies beside."""
    return f'<span class="beside" data-page="{page}" data-text="{html.escape(text)}"></span>'


def join_reports(folder: str | Path) -> None:
    """Link every page of the reports in a folder, and below its gan/, to the reports beside it."""
    folder = Path(folder)
    others = {page: title for page, title in OTHERS.items() if (folder / page).is_file()}
    report = _pages_of(folder / FIRST)
    for path in sorted(folder.glob("*.html")):
        own = report or ({} if path.name in OTHERS else _pages_of(path))
        _join(path, _row(own, path.name), _row(others, path.name))
    beside = ({FIRST: REPORT} if report else {}) | others
    back = {f"../{page}": title for page, title in beside.items() if not page.startswith("gan/")}
    for path in sorted(folder.glob("gan/*.html")):
        _join(path, _row(_pages_of(path), path.name), _row(back, ""))


def _join(path: Path, pages: str, ways: str) -> None:
    """Set both rows of a page's head; a page of before there were two has ways alone."""
    text = path.read_text(encoding="utf-8")
    joined = REFERENCE.sub(lambda found: _refer(path.parent, *found.groups()), text)
    joined = BESIDE.sub(lambda found: f"{found[1]}{_shown(path.parent, found)}</span>", joined)
    for kind, row in (("pages", pages), ("ways", ways)):
        found = ROWS[kind].search(joined)
        if found:
            shown = f'<span class="{kind}">{row}</span>'
            joined = joined[: found.start()] + shown + joined[found.end() :]
    if joined != text:
        write_text(path, joined)


def _refer(folder: Path, page: str, text: str) -> str:
    """A reference as a link to where its page is, beside or published; its text without one."""
    there = [place for place in (page, f"{PUBLISHED}/{page}") if (folder / place).is_file()]
    tag, address = ("a", f' href="{there[0]}"') if there else ("span", "")
    return f'<{tag} class="way" data-page="{page}"{address}>{text}</{tag}>'


def _pages_of(path: Path) -> dict[str, str]:
    """The pages that a page lists as those of its report, by their names; {} for no page."""
    found = ROWS["pages"].search(path.read_text(encoding="utf-8")) if path.is_file() else None
    return {page: html.unescape(title) for page, title in LINK.findall(found[0] if found else "")}


def _row(pages: Mapping[str, str], own: str) -> str:
    """Links to pages, of which `own` is the page that they stand on."""
    here = {own: ' aria-current="page"'}
    return "".join(
        f'<a href="{html.escape(page)}"{here.get(page, "")}>{html.escape(title)}</a>'
        for page, title in pages.items()
    )


def _shown(folder: Path, found: re.Match) -> str:
    """What a place that waits for a report shows: its text and a link, or nothing."""
    _, page, text = found.groups()
    there = (folder / page).is_file() and page in OTHERS
    return f'{text}<a href="{page}">{OTHERS[page]}</a>' if there else ""
