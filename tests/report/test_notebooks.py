"""Notebooks run by papermill: their parameters checked, their failures named."""

import pytest

from ganinv.errors import ParamsError, ReportError
from ganinv.report import notebooks
from helpers.notebooks import write_notebook
from helpers.projects import strange_root


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project root with notebooks of its own, and braces in its name."""
    root = strange_root(tmp_path)
    monkeypatch.setenv("GANINV_ROOT", str(root))
    return root


def test_a_notebook_refuses_parameters_that_it_does_not_name(tmp_path):
    source = write_notebook(tmp_path / "n.ipynb", "1/0")
    notebooks.fit_parameters(source, {"value": 2})
    with pytest.raises(ParamsError, match="valeu"):
        notebooks.fit_parameters(source, {"valeu": 2})


def test_values_that_a_cell_does_not_name_go_into_more(tmp_path):
    source = write_notebook(tmp_path / "n.ipynb", "1", parameters="steps = 1\nmore = {}")
    given = notebooks.fit_parameters(source, {"steps": 2, "lr": 0.1})
    assert given == {"steps": 2, "more": {"lr": 0.1}}


def test_a_failing_notebook_is_named_and_the_older_copy_stays(project):
    write_notebook(project / "notebooks" / "n.ipynb", "assert value == 1, 'value is off'")
    good = notebooks.run_notebook("n.ipynb", project / "out", {"value": 1}).read_text()
    with pytest.raises(ReportError, match=r"n\.ipynb failed .*value is off"):
        notebooks.run_notebook("n.ipynb", project / "out", {"value": 2})
    assert (project / "out" / "n.ipynb").read_text() == good
    assert "value is off" in (project / "out" / "n.failed.ipynb").read_text()
