"""Pages: an executed notebook converted by nbconvert into HTML that needs no other file."""

from collections.abc import Mapping
from pathlib import Path

from nbconvert import HTMLExporter

from ganinv.files import atomic_path

TEMPLATES = Path(__file__).parent / "templates"


def write_page(
    notebook: str | Path, path: str | Path, name: str, pages: Mapping[str, str], notice: str = ""
) -> Path:
    """Convert an executed notebook to one self-contained HTML page, code folded away.

    `pages` are the titles of all pages of the report by their names, which are linked from the
    head of each; `name` is this one's. A `notice` is shown above it. Returns the page's path.
    """
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
    return Path(path)
