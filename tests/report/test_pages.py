"""A page holds everything, and what it shows is in the order of its cells' tags."""

import re

import nbformat
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
    assert found.tags.count("script") == 1 and "src" not in found.tags
    assert all(a.endswith(".html") or a.startswith(("#", "data:")) for a in found.addresses)
    assert 'name="viewport"' in text
    assert re.search(r"\.code, \.log { display: none; }", text)  # no code unless asked for


def test_a_page_names_no_folder_of_its_machine(project):
    photo = project / "data" / "samples" / "a.png"
    code = (
        "from IPython.display import HTML, display\n"
        f"print({f'notice: {photo}: small'!r})\ndisplay(HTML('<b>shown</b>'))"
    )
    write_notebook(project / "notebooks" / "n.ipynb", code)
    executed = notebooks.run_notebook("n.ipynb", project / "out", {})
    page = pages.write_page(executed, project / "out" / "n.html", "index", experiments.PAGES)
    text = page.read_text()
    assert "notice: data/samples/a.png: small" in text


def markdown(text, *tags):
    cell = nbformat.v4.new_markdown_cell(text)
    cell.metadata["tags"] = list(tags)
    return cell


def shows(text, *tags):
    """A code cell that printed a line, and showed a text as `display(HTML(text))` does."""
    shown = {"text/html": text, "text/plain": "<IPython.core.display.HTML object>"}
    data = nbformat.v4.new_output("display_data", shown)
    log = nbformat.v4.new_output("stream", text="a line\n")
    cell = nbformat.v4.new_code_cell("x = 1", outputs=[log, data])
    cell.metadata["tags"] = list(tags)
    return cell


def arranged(*cells):
    """What a page shows of cells, in its order."""
    shown = []
    for cell in pages.arrange(nbformat.v4.new_notebook(cells=list(cells))).cells:
        if cell.cell_type == "markdown":
            shown.append(cell.source)
        else:
            shown += [o.data["text/html"] for o in cell.outputs if o.output_type != "stream"]
    return [text for text in shown if text]


def test_remarks_on_the_notebook_are_left_out_and_parameters_come_last():
    cells = markdown("quick here", "notebook"), shows("PARAMETERS", "appendix"), shows("PICTURES")
    assert arranged(*cells) == ["PICTURES", pages.LAST, "PARAMETERS"]
    assert arranged(shows("", "appendix"), shows("PICTURES")) == ["PICTURES"]


def test_code_stays_where_it_was_written():
    cells = pages.arrange(
        nbformat.v4.new_notebook(cells=[shows("A", "appendix"), shows("B")])
    ).cells
    assert [c.source for c in cells] == ["x = 1", "x = 1", pages.LAST, ""]


def test_headings_of_nothing_are_dropped():
    assert arranged(markdown("## A"), shows(""), markdown("## B"), shows("B")) == ["## B", "B"]
    assert arranged(markdown("## A"), markdown("### B"), shows("B")) == ["## A", "### B", "B"]
    assert arranged(markdown("## A"), markdown("### B"), shows(""), markdown("## C\n\nText")) == [
        "## C\n\nText"
    ]
    assert arranged(shows("A"), markdown("## B")) == ["A"]


def test_a_text_on_what_is_not_shown_is_left_out():
    text = markdown("## A\n\nBelow.", "if-shown")
    after = markdown("## B"), shows("B")
    assert arranged(text, shows(""), *after) == ["## B", "B"]
    assert arranged(text, shows("A"), *after) == ["## A\n\nBelow.", "A", "## B", "B"]
    assert arranged(text, shows(""), shows("A")) == ["## A\n\nBelow.", "A"], "the second does"
    assert arranged(text, markdown("more"), shows("A")) == ["more", "A"], "it has no code"
    moved = arranged(text, shows("A", "appendix"))
    assert moved == ["## A\n\nBelow.", pages.LAST, "A"], "it is shown, if at the end"


def test_no_id_is_there_twice():
    text = '<h2 id="a">A</h2><h2 class="b" id="a">A</h2><p>say id="a"</p><svg x="1" id="c"/>'
    wanted = '<h2 id="a">A</h2><h2 class="b" id="a-2">A</h2><p>say id="a"</p><svg x="1" id="c"/>'
    assert pages.distinct_ids(text) == wanted
