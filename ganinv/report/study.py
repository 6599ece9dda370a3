"""A study run, and its page: OUT/study.json and OUT/study.html.

The page is that of notebooks/09_study.ipynb, which reads what the study found.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ganinv.analysis.study import summarize
from ganinv.files import remove_file, write_json
from ganinv.report.notebooks import from_notebooks, run_notebook
from ganinv.report.pages import write_page
from ganinv.report.ways import STUDIES
from ganinv.runs.study import Plan, StudyParams, run_study

RESULTS = "study.json"
PAGE = "study.html"


def make_study(
    study: StudyParams,
    *,
    say: Callable[[str], None] = print,
    search: Callable[..., Plan] = run_study,
    run: Callable[..., Path] = run_notebook,
    write: Callable[..., Any] = write_page,
) -> tuple[Path | None, Plan]:
    """Do what is missing of a study, write its results and its page; return (page, plan).

    The page is None where no photograph counts yet.

    `search`, `run` and `write` are called as `run_study`, `run_notebook` and `write_page`.
    """
    plan = search(study, say=say)
    return write_study(plan, run=run, write=write), plan


def write_study(
    plan: Plan,
    *,
    run: Callable[..., Path] = run_notebook,
    write: Callable[..., Any] = write_page,
) -> Path | None:
    """Write study.json of what is done, and, where a photograph counts, its page; return that.

    Where none does, an earlier page is removed, for it would show other results.
    """
    out = Path(plan.study.out).resolve()
    found = summarize(plan)
    write_json(out / RESULTS, found)
    page = out / PAGE
    if not found["photographs"]:
        remove_file(page)
        return None
    values = {"results": from_notebooks(out / RESULTS), "out": from_notebooks(out)}
    executed = run("09_study.ipynb", out / "notebooks", values)
    name = STUDIES.get(out.name, "Study")
    write(executed, page, "study", pages={"study": name})
    return page
