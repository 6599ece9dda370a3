"""Tables name the figures they show: filled from the files, their forms give the same texts."""

import html
import re

import numpy as np
import pytest

from ganinv.analysis import beyond, gans
from ganinv.analysis.study import part_of, summarize
from ganinv.analysis.trainings import read_training
from ganinv.files import write_json
from ganinv.paths import benchmarks_folder
from ganinv.report import show_benchmarks, show_beyond, show_gans, show_study
from ganinv.report.html import table
from ganinv.report.numbered import attributes, read_numbers
from ganinv.report.told import fill, reader, told
from helpers.beyond import made_up
from helpers.gans import train_small
from helpers.runs import HOSTILE
from helpers.studies import made_up_plan


def marks_of(shown, folder, page):
    """The marks of what a page shows; each text is that which its figures make."""
    marks = read_numbers(shown).marks
    look_up = reader(folder, page)
    for mark in marks:
        assert mark.text == fill(mark.form, [look_up(pointer) for pointer in mark.sources])
    return marks


def numbers_in(shown):
    """The cells of tables that hold a number, and their attributes."""
    cells = re.findall(r'<td class="(?!words)[^"]*"([^>]*)>([^<]*)</td>', shown)
    return [(attribute, text) for attribute, text in cells if re.search(r"\d", text)]


def test_every_figure_of_a_study_is_in_its_file(tmp_path):
    values = {
        "first+a": {p: [0.50, 0.52 + k / 99] for k, p in enumerate("pqrst")},
        "second.b": {p: [0.30 + k / 100, 0.32] for k, p in enumerate("pqrst")},
        "third": {p: [0.40 - k / 90, 0.41] for k, p in enumerate("pqrst")},
    }
    study = summarize(made_up_plan(values, restarts=2))
    write_json(tmp_path / "study.json", study)
    write_json(tmp_path / "starts.json", study)
    tables = (show_study.recipes_table, show_study.comparisons_table, show_study.spreads_table)
    shown = "".join(make(study) for make in tables)
    assert len(marks_of(shown, tmp_path, "study.html")) > 60
    assert len(marks_of(shown, tmp_path, "starts.html")) > 60  # under the name it is published by
    # "better on" stands to the left, as words do
    assert all("data-from" in attribute for attribute, _ in numbers_in(shown))
    part = show_study.controls(part_of(study, ["first+a", "third"]))
    marks = marks_of(part, tmp_path, "exp04.html")
    assert any("study.json#/comparisons/" in pointer for m in marks for pointer in m.sources)


def test_every_benchmark_names_its_file(tmp_path):
    results = show_benchmarks.read_results(benchmarks_folder())
    steps = show_benchmarks.step_table(results["step"])
    scale = show_benchmarks.scale_tables(results["scale"])
    published = benchmarks_folder().parent / "published"
    assert len(marks_of(steps, published, "benchmarks.html")) == 7 * len(results["step"]["ratios"])
    assert len(marks_of(scale, published, "benchmarks.html")) == 3 * 2 + 4 * 3


def test_means_of_refinements_are_those_of_their_summary(tmp_path):
    lpips = {"Code": [0.2, 0.4], "Features 16": [0.15, 0.3]}
    experiments, edits = made_up(lpips, {"Features 16": [0.5, 0.75]})
    for experiment in experiments:
        for of, compute in (("mean", np.mean), ("std", np.std)):
            found = float(compute([e["lpips_alex"] for e in experiment.images.values()]))
            experiment.metrics[of] = {"lpips_alex": found}
        experiment.metrics["failed"] = {}
    beyond.write_summary(tmp_path / "beyond.json", experiments, edits, [])
    shown = show_beyond.variants_table(experiments, ["i0", "i1"])
    marks = marks_of(shown, tmp_path, "beyond.html")
    assert [m.text for m in marks] == ["0.300 ± 0.100", "0.225 ± 0.075"]
    # of some images alone, the file has no mean
    assert not marks_of(show_beyond.variants_table(experiments, ["i0"]), tmp_path, "beyond.html")


def test_means_of_trainings_are_those_of_their_summary(make_photo, tmp_path):
    train_small(make_photo, tmp_path)
    group = [read_training(tmp_path / "run", "GAN + SN")] * 2
    gans.write_summary(tmp_path / "gan" / "gan_objectives.json", [group])
    shown = show_gans.comparison_table([group])
    marks = marks_of(shown, tmp_path, "gan/index.html")
    assert any("GAN%20+%20SN/last/fid/mean" in pointer for m in marks for pointer in m.sources)
    assert any(m.form.startswith("{1000*.1f}") for m in marks)


def test_what_a_mark_says_is_escaped():
    text = told("{}", (f'{HOSTILE}"', HOSTILE))
    shown = table(["a", "b"], [["name", text]], caption=HOSTILE)
    assert "<img" not in shown
    (mark,) = read_numbers(shown).marks
    assert mark.text == HOSTILE and mark.sources == (f'{HOSTILE}"',)
    assert attributes("plain", html.escape) == ""


@pytest.mark.parametrize(
    ("page", "texts"),
    [
        ("<p>a 1<br>b 2</p>", ["a 1", "b 2"]),
        ("<script>var a = 3</script><style>p { width: 3px }</style><p>no digit</p>", []),
        ('<div class="highlight hl"><pre>x = 4</pre></div><p>5</p>', ["5"]),
        ('<img alt="means: 6" src="data:,7"><p>8\n  9</p>', ["means: 6", "8 9"]),
    ],
)
def test_texts_with_digits_are_those_that_are_seen_or_read_aloud(page, texts):
    assert read_numbers(page).texts == texts
