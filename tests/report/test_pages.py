"""A page holds everything, and no script."""

import re

import pytest

from ganinv.report import experiments, notebooks, pages
from helpers.notebooks import write_notebook
from helpers.pages import read_tags
from helpers.projects import strange_root


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project root with notebooks of its own, and braces in its name."""
    root = strange_root(tmp_path)
    monkeypatch.setenv("GANINV_ROOT", str(root))
    return root


def test_a_notebook_runs_with_its_values_and_becomes_a_page(project):
    code = (
        "from IPython.display import HTML, display\nprint('a log line')\n"
        "display(HTML(f'<b>value {value}</b>'))"
    )
    write_notebook(project / "notebooks" / "n.ipynb", code)
    executed = notebooks.run_notebook("n.ipynb", project / "out", {"value": 42})
    page = pages.write_page(
        executed, project / "out" / "n.html", "index", experiments.PAGES, "take care"
    )
    text = page.read_text()
    found = read_tags(text)
    assert "<b>value 42</b>" in text and "take care" in text
    assert "script" not in found.tags and "link" not in found.tags
    assert all(a.endswith(".html") or a.startswith("#") for a in found.addresses)
    assert 'name="viewport"' in text
    assert re.search(r"\.code, \.log { display: none; }", text)  # no code unless asked for
