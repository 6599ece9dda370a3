"""Tables, pictures and curves of runs: they say what the metrics say, and escape every text."""

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from ganinv.analysis import finished, verdicts
from ganinv.measures.reconstruction import METRICS, Metric
from ganinv.report import html, show_curves, show_runs
from ganinv.runs.params import Params
from helpers.pages import read_cells, read_tags
from helpers.runs import HOSTILE, fake_run, lose_metric


@pytest.fixture
def pair(tmp_path):
    old = fake_run(tmp_path / "old", {"a": {"psnr": 20.0}, "b": {"psnr": 21.0}})
    new = fake_run(tmp_path / "new", {"a": {"psnr": 22.0}, "b": {"psnr": 20.5}, "c": {}})
    return [finished.read_experiment(p, n) for p, n in ((old, "Old"), (new, "New"))]


SHOWN = {
    "cards": lambda es: html.verdict_cards([verdicts.better_everywhere(*es, "psnr")]),
    "failed": show_runs.failed_list,
    "means": show_runs.mean_table,
    "images": show_runs.image_table,
    "changes": show_runs.changes_table,
    "pictures": lambda es: show_runs.reconstructions(es, "a"),
    "triptychs": lambda es: show_runs.triptychs(es[0]),
    "curves": lambda es: show_curves.loss_curves(es, HOSTILE),
    "lines": show_curves.metric_lines,
}


@pytest.mark.parametrize("name", SHOWN)
def test_everything_shown_escapes_names_and_loads_nothing(pair, name):
    text = SHOWN[name](pair)
    found = read_tags(text)
    assert not found.handlers
    assert all(a.startswith(("data:image/webp", "#")) for a in found.addresses)
    assert "onerror=alert(1)>" not in text.replace("&gt;", "")


def test_cards_have_the_colour_of_their_verdict(pair):
    style = (Path(html.__file__).parent / "templates" / "report" / "style.css").read_text()
    for word in (verdicts.CONFIRMED, verdicts.NOT_DECIDED, verdicts.REFUTED):
        card = html.verdict_cards([verdicts.Verdict("claim", word, 1, 2, "detail")])
        state = word.replace(" ", "-")
        shown = rf'class="card {state}"><strong[^>]*>{word.capitalize()}</strong>'
        assert re.search(shown, card)
        assert f".card.{state} {{" in style


def test_best_of_a_column_is_bold(pair):
    text = show_runs.mean_table(pair)
    bold = re.findall(r'<td class="[^"]*best">([^<]*)', text)
    assert any(cell.startswith("21.25") for cell in bold)  # over the images that both finished
    assert "20.83" not in text  # the mean over all of New's


def test_overview_has_a_row_per_image_and_a_column_per_run(pair):
    picture = show_runs.overview(pair, size=40)
    assert picture.shape == (28 + 2 * 40, 3 * 40, 3)


def reaching(tmp_path, *losses, **params):
    """The table of runs of the same images: (losses of old, losses of new)."""
    names = {"old": "Old", "new": "New"}
    found = [
        finished.read_experiment(
            fake_run(tmp_path / folder, {"a": {"title": "A"}, "b": {"title": "B"}}, each), name
        )
        for each, (folder, name) in zip(losses, names.items(), strict=True)
    ]
    old, new = (replace(e, params=e.params.replace(**params)) for e in found)
    return show_runs.reaching_table(new, old)


def heads(text):
    return re.findall(r'<th scope="col"[^>]*>([^<]*)', text)


def test_a_search_that_never_gets_there_says_so_once(tmp_path):
    text = reaching(tmp_path, (1.0, 0.5, 0.6, 0.2), (1.0, 0.9))
    assert heads(text) == ["image", "Old, start", "New, start", "Old, end", "New, end"]
    assert read_cells(text)[:5] == ["A", "1.000", "1.000", "0.200", "0.900"]
    said = "Within its 2 evaluations of the generator New comes as low as Old ends on none of 2 "
    assert f"{said}photographs; Old took 4." in text


def test_a_search_that_gets_there_says_when(tmp_path):
    text = reaching(tmp_path, (1.0, 0.5, 0.6, 0.2), (1.0, 0.1))
    assert heads(text)[-1] == "New as low as Old ends, after" and read_cells(text)[5] == "2"
    assert "comes as low as Old ends on 2 of 2 photographs, after 2 evaluations" in text


def test_a_loss_that_is_no_metric_to_the_last_digit_is_explained(tmp_path):
    losses = (1.0, 0.41), (1.0, 0.39)
    text = reaching(tmp_path, *losses, loss="lpips", precision="bf16")
    assert "LPIPS-vgg is measured in float32" in text and "by at most 0.0100." in text
    for name, settings in {
        "full": dict(loss="lpips", precision="float32"),
        "sum": dict(loss={"lpips": 1, "l2": 1}, precision="bf16"),
    }.items():
        assert "float32" not in reaching(tmp_path / name, *losses, **settings)


def test_a_photograph_heads_the_rows_of_its_experiments(pair):
    text = show_runs.image_table(pair)
    assert heads(text)[0] == "experiment"
    assert re.findall(r'rowgroup"[^>]*><span>[^<]*\((\w)\)', text) == ["a", "b"]
    cells = read_cells(text)
    assert cells[:: len(heads(text))] == ["Old", "New", "Old", "New"]
    bold = re.findall(r'<td class="best"[^>]*>([^<]*)', text)
    assert "22.00" in bold and "21.00" in bold and "20.50" not in bold


def test_a_metric_that_older_runs_lack_is_a_dash(tmp_path):
    old = fake_run(tmp_path / "old", {"a": {}, "b": {}})
    new = fake_run(tmp_path / "new", {"a": {}, "b": {"ssim": 0.6}})
    lose_metric(old, "ssim", ["a"])
    old, new = (finished.read_experiment(p, p.name) for p in (old, new))
    means = read_cells(show_runs.mean_table([old, new]))
    column = 1 + list(METRICS).index("ssim")
    assert (means[column], means[column + len(METRICS) + 3]) == ("–", "0.550 ± 0.050")
    assert read_cells(show_runs.run_table(old)).count("–") == 1
    assert read_cells(show_runs.image_table([old, new])).count("–") == 1
    assert "<svg" in show_curves.metric_lines([old, new])


def test_what_was_not_measured_is_a_dash_and_left_out_of_means(tmp_path):
    faceless = {"identity": None}
    old = fake_run(tmp_path / "old", {"a": faceless, "b": {"identity": 0.5}, "c": {}})
    new = fake_run(tmp_path / "new", {"a": faceless, "b": {"identity": 0.2}, "c": {}})
    old, new = (finished.read_experiment(p, p.name) for p in (old, new))
    text = show_runs.mean_table([old, new])
    assert "0.475 ± 0.025" in read_cells(text)  # of b and c
    assert re.findall(r'<td class="[^"]*best"[^>]*>(0\.325[^<]*)', text) == ["0.325 ± 0.125"]
    for shown in (show_runs.image_table([old, new]), show_runs.run_table(old)):
        assert "∞" not in shown
    images = read_cells(show_runs.image_table([old, new]))
    assert images.count("–") == 2 and {"0.200", "0.500"} < set(images)
    assert read_cells(show_runs.run_table(old)).count("–") == 1


def test_equal_images_have_no_bound_in_psnr(tmp_path):
    run = finished.read_experiment(fake_run(tmp_path / "run", {"a": {"psnr": None}}), "Run")
    assert "∞" in read_cells(show_runs.run_table(run)) and "–" not in read_cells(
        show_runs.run_table(run)
    )


def test_metrics_that_no_run_measured_have_no_panel(tmp_path):
    small = {"a": {"ms_ssim": None, "identity": None}}
    run = finished.read_experiment(fake_run(tmp_path / "run", small), "Run")
    usual = finished.read_experiment(fake_run(tmp_path / "usual", {"a": {}}), "Usual")
    lines = show_curves.metric_lines([run])
    assert "LPIPS-vgg" in lines and "Identity" not in lines and "MS-SSIM" not in lines
    assert "Identity" in show_curves.metric_lines([run, usual])


def test_a_metric_is_shown_once_it_is_a_row_of_the_table(tmp_path, monkeypatch):
    monkeypatch.setitem(METRICS, "toy", Metric("Toy", 1, True, 0.1, lambda pair: 0.0, unit="m"))
    old = fake_run(tmp_path / "old", {"a": {}})
    new = fake_run(tmp_path / "new", {"a": {"toy": 3.25}})
    pair = [finished.read_experiment(p, p.name) for p in (old, new)]
    for show in (show_runs.mean_table, show_runs.image_table):
        assert "Toy, m ↑" in show(pair) and "–" in read_cells(show(pair)) and ">3.2" in show(pair)
    assert "3.2" in read_cells(show_runs.run_table(pair[1]))
    assert "Toy, m" in show_curves.metric_lines(pair)


def test_curves_over_several_axes_stand_side_by_side(pair):
    text = show_curves.loss_curves(pair, "Loss", "evaluations", "step")
    assert text.count('class="plots"') == 1 and text.count('class="legend"') == 1
    assert re.findall("<figcaption>(.*?)</figcaption>", text) == ["Loss: evaluations", "Loss: step"]
    assert "<figcaption>Loss</figcaption>" in show_curves.loss_curves(pair, "Loss", "step")


def test_parameters_are_shown_with_their_descriptions():
    shown = [unescape(cell) for cell in read_cells(show_runs.params_table(Params(steps=7)))]
    rows = {name: (value, about) for name, value, about in zip(*[iter(shown)] * 3, strict=True)}
    assert rows.keys() == Params.model_fields.keys() - {"out"}
    assert rows["steps"] == ("7", Params.model_fields["steps"].description)
    assert all(about == Params.model_fields[name].description for name, (_, about) in rows.items())
