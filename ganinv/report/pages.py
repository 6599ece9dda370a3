"""Pages: an executed notebook converted by nbconvert into HTML that needs no other file.

A notebook's cells may be tagged for its page: `notebook` leaves a cell out, as remarks on how to
run it, `appendix` moves what a cell shows to the end, as its parameters, `code` shows its code
unfolded, as an algorithm that the text speaks of, and `if-shown` leaves a text out where the code
between it and the next text shows nothing.
"""

import html
import itertools
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from ganinv.files import atomic_path
from ganinv.paths import home, project_root
from ganinv.report.formulas import PageExporter
from ganinv.report.numbered import write_numbers

TEMPLATES = Path(__file__).parent / "templates"
STYLES = ("style.css", "pictures.css")
SCRIPTS = ("page.js", "viewer.js", "film.js", "lightbox.js")
NOTEBOOK, APPENDIX, IF_SHOWN = "notebook", "appendix", "if-shown"  # tags of cells
LAST = "## How it was run"
HEADING = re.compile(r"(#+) [^\n]+$")


def write_page(
    notebook: str | Path, path: str | Path, name: str, pages: Mapping[str, str], notice: str = ""
) -> Path:
    """Convert an executed notebook to one self-contained HTML page, code folded away.

    `pages` are the titles of all pages of the report by their names, which are linked from the
    head of each; `name` is this one's. A `notice` is shown above it. What it says in numbers is
    written beside it, into figures/. Returns the page's path.
    """
    exporter = PageExporter(template_name="report", extra_template_basedirs=[str(TEMPLATES)])
    resources = {
        "page_title": f"ganinv: {pages[name]}",
        "page_style": _together(STYLES),
        "page_script": _together(SCRIPTS),
        "page_name": name,
        "page_notice": notice,
        "pages": list(pages.items()),
    }
    cells = arrange(nbformat.read(str(notebook), as_version=4))
    body, _ = exporter.from_notebook_node(cells, resources=resources)
    with atomic_path(path) as temporary:
        text = _without_home(distinct_ids(body))
        temporary.write_text(text, encoding="utf-8", errors="replace")
    write_numbers(Path(path))
    return Path(path)


def _without_home(text: str) -> str:
    """Name files below the clone or the home from there: a page is for other machines too."""
    for folder in {home(), project_root()}:
        text = text.replace(html.escape(f"{folder}/"), "")
    return text


def _together(names):
    texts = ((TEMPLATES / "report" / name).read_text(encoding="utf-8") for name in names)
    return "\n".join(texts)


def arrange(notebook: NotebookNode) -> NotebookNode:
    """Order a notebook's cells for a page, by their tags, and drop headings of nothing."""
    cells, last = [], []
    for place, cell in enumerate(notebook.cells):
        tags = cell.metadata.get("tags", [])
        if NOTEBOOK in tags or (IF_SHOWN in tags and not _is_followed(notebook.cells[place + 1 :])):
            continue
        if APPENDIX in tags and cell.cell_type == "code":
            moved = [output for output in cell.outputs if _is_shown(output)]
            cell.outputs = [output for output in cell.outputs if not _is_shown(output)]
            last.append(nbformat.v4.new_code_cell(outputs=moved))
        elif APPENDIX in tags:
            last.append(cell)
            continue
        cells.append(cell)
    if any(_shows(cell) for cell in last):
        cells += [nbformat.v4.new_markdown_cell(LAST), *last]
    kept = [cell for k, cell in enumerate(cells) if not _heads_nothing(cells, k)]
    notebook.cells = kept
    return notebook


def _is_shown(output: Mapping[str, Any]) -> bool:
    """Whether an output is to be seen on a page: logs are folded away, and empty ones are not."""
    data = output.get("data", {})
    # what is only the name of an object stands beside what a page shows of it
    rich = [text for kind, text in data.items() if kind != "text/plain"]
    return any("".join(text).strip() for text in rich or data.values())


def _shows(cell: NotebookNode) -> bool:
    if cell.cell_type == "markdown":
        return bool(cell.source.strip())
    return any(_is_shown(output) for output in cell.get("outputs", []))


def _is_followed(cells: list[NotebookNode]) -> bool:
    """Whether the code before the next text shows something."""
    code = itertools.takewhile(lambda cell: cell.cell_type == "code", cells)
    return any(_shows(cell) for cell in code)


def _heads_nothing(cells: list[NotebookNode], place: int) -> bool:
    """Whether a cell is a heading alone, with nothing to be seen before the next as high."""
    heading = _heading(cells[place])
    if not heading:
        return False
    for cell in cells[place + 1 :]:
        level = re.match(r"(#+) ", cell.source) if cell.cell_type == "markdown" else None
        if level and len(level[1]) <= heading:
            return True
        if _shows(cell) and not _heading(cell):
            return False
    return True


def _heading(cell: NotebookNode) -> int:
    """The level of a cell that is a heading and no more, else 0."""
    found = HEADING.match(cell.source.strip()) if cell.cell_type == "markdown" else None
    return len(found[1]) if found else 0


def distinct_ids(text: str) -> str:
    """Number the ids that a page has twice: headings of the same words, equal plots."""
    seen: Counter[str] = Counter()

    def own(found: re.Match) -> str:
        seen[found[1]] += 1
        count = seen[found[1]]
        return found[0] if count == 1 else f' id="{found[1]}-{count}"'

    return re.sub(r'(?<=[a-z0-9"]) id="([^"]*)"(?=[^<>]*>)', own, text)
