"""The report: parameters checked first, pages that hold everything, verdicts from metrics."""

import re
from html.parser import HTMLParser

import nbformat
import pytest

from ganinv import errors
from ganinv.analysis import finished, verdicts
from ganinv.errors import ParamsError
from ganinv.files import read_json
from ganinv.report import experiments, html, notebooks, show_runs
from helpers.runs import HOSTILE, fake_run


@pytest.fixture
def pair(tmp_path):
    old = fake_run(tmp_path / "old", {"a": {"psnr": 20.0}, "b": {"psnr": 21.0}})
    new = fake_run(tmp_path / "new", {"a": {"psnr": 22.0}, "b": {"psnr": 20.5}, "c": {}})
    return [finished.read_experiment(p, n) for p, n in ((old, "Old"), (new, "New"))]


def test_verdict_counts_images_that_both_finished(pair):
    old, new = pair
    verdict = verdicts.better_everywhere(new, old, "psnr")
    assert (verdict.held, verdict.total) == (1, 2)
    assert verdict.word == "held on 1 of 2 images"
    assert "20.50 → 21.25 dB" in verdict.detail and "-0.50 to +2.00" in verdict.detail


def test_verdict_knows_that_lpips_is_better_when_lower(tmp_path):
    low = fake_run(tmp_path / "low", {"a": {"lpips_alex": 0.1}})
    high = fake_run(tmp_path / "high", {"a": {"lpips_alex": 0.2}})
    low, high = (finished.read_experiment(p, p.name) for p in (low, high))
    assert verdicts.better_everywhere(low, high, "lpips_alex").word == "confirmed"
    assert verdicts.better_everywhere(high, low, "lpips_alex").word == "refuted"
    assert verdicts.better_everywhere(low, low, "lpips_alex").word == "refuted"


@pytest.mark.parametrize(("losses", "held"), [((1.0, 0.5), 1), ((1.0, 0.51), 0)])
def test_loss_falls_to_half(tmp_path, losses, held):
    run = finished.read_experiment(fake_run(tmp_path / "r", {"a": {}}, losses), "R")
    assert verdicts.loss_falls(run).held == held


def test_summary_is_json_with_verdicts(pair):
    old, new = pair
    judged = [verdicts.better_everywhere(new, old, "psnr")]
    verdicts.write_summary(new.folder, "exp", judged)
    summary = read_json(new.folder / "summary.json")
    assert summary["verdicts"][0]["held"] == 1
    assert summary["metrics"]["images"]["a"]["psnr"] == 22.0


class Tags(HTMLParser):
    """Collects tags and the addresses they would load."""

    def __init__(self):
        super().__init__()
        self.tags, self.addresses, self.handlers = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [v for k, v in attrs if k in ("src", "href", "data", "srcset") and v]
        self.handlers += [k for k, _ in attrs if k.startswith("on")]


def read_tags(text):
    parser = Tags()
    parser.feed(text)
    return parser


EXHIBITS = {
    "cards": lambda es: html.verdict_cards([verdicts.better_everywhere(*es, "psnr")]),
    "failed": show_runs.failed_list,
    "means": show_runs.mean_table,
    "images": show_runs.image_table,
    "changes": show_runs.changes_table,
    "pictures": lambda es: show_runs.reconstructions(es, "a"),
    "triptychs": lambda es: show_runs.triptychs(es[0]),
    "curves": lambda es: show_runs.loss_curves(es, HOSTILE),
    "lines": show_runs.metric_lines,
}


@pytest.mark.parametrize("name", EXHIBITS)
def test_exhibits_escape_names_and_load_nothing(pair, name):
    text = EXHIBITS[name](pair)
    found = read_tags(text)
    assert not found.handlers
    assert all(a.startswith(("data:image/jpeg", "#")) for a in found.addresses)
    assert "onerror=alert(1)>" not in text.replace("&gt;", "")


def test_best_of_a_column_is_bold(pair):
    text = show_runs.mean_table(pair)
    bold = re.findall(r'<td class="[^"]*best">([^<]*)', text)
    assert any(cell.startswith("21.25") for cell in bold)  # over the images that both finished
    assert "20.83" not in text  # the mean over all of New's


def test_overview_has_a_row_per_image_and_a_column_per_run(pair):
    picture = show_runs.overview(pair, size=40)
    assert picture.shape == (28 + 2 * 40, 3 * 40, 3)


def notebook(path, source, parameters="value = 1"):
    cells = [nbformat.v4.new_code_cell(parameters), nbformat.v4.new_code_cell(source)]
    cells[0].metadata["tags"] = ["parameters"]
    metadata = {"kernelspec": {"name": "python3", "language": "python", "display_name": "x"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), path)
    return path


def test_unknown_parameters_are_refused_before_anything_runs(tmp_path):
    source = notebook(tmp_path / "n.ipynb", "1/0")
    notebooks.check_parameters(source, {"value": 2})
    with pytest.raises(ParamsError, match="valeu"):
        notebooks.check_parameters(source, {"valeu": 2})
    with pytest.raises(ParamsError, match="no parameter"):
        experiments.make_report(tmp_path / "out", overrides=["stepz=3"])
    assert not (tmp_path / "out").exists()


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project root with notebooks of its own, and braces in its name."""
    root = tmp_path / "a {strange} folder"
    (root / "notebooks").mkdir(parents=True)
    (root / "checkpoints").mkdir()
    (root / "checkpoints" / "manifest.yaml").write_text("")
    monkeypatch.setenv("GANINV_ROOT", str(root))
    return root


def test_a_notebook_runs_with_its_values_and_becomes_a_page(project):
    code = (
        "from IPython.display import HTML, display\nprint('a log line')\n"
        "display(HTML(f'<b>value {value}</b>'))"
    )
    notebook(project / "notebooks" / "n.ipynb", code)
    executed = notebooks.run_notebook("n.ipynb", project / "out", {"value": 42})
    page = html.write_page(
        executed, project / "out" / "n.html", "index", experiments.PAGES, "take care"
    )
    text = page.read_text()
    found = read_tags(text)
    assert "<b>value 42</b>" in text and "take care" in text
    assert "script" not in found.tags and "link" not in found.tags
    assert all(a.endswith(".html") or a.startswith("#") for a in found.addresses)
    assert 'name="viewport"' in text
    assert re.search(r"\.code, \.log { display: none; }", text)  # no code unless asked for


def test_a_failing_notebook_is_named_and_the_older_copy_stays(project):
    notebook(project / "notebooks" / "n.ipynb", "assert value == 1, 'value is off'")
    good = notebooks.run_notebook("n.ipynb", project / "out", {"value": 1}).read_text()
    with pytest.raises(errors.ReportError, match=r"n\.ipynb failed .*value is off"):
        notebooks.run_notebook("n.ipynb", project / "out", {"value": 2})
    assert (project / "out" / "n.ipynb").read_text() == good
    assert "value is off" in (project / "out" / "n.failed.ipynb").read_text()


def test_quick_takes_a_tenth_of_the_steps(tmp_path):
    full = experiments._plan("exp03", tmp_path, False, [])
    quick = experiments._plan("exp03", tmp_path, True, [])
    assert (full.steps, quick.steps) == (600, 60)
    assert quick.images == full.images[:1]
    changed = {"steps", "images", "log_every", "snapshot_every"}
    assert full.model_dump(exclude=changed) == quick.model_dump(exclude=changed)
