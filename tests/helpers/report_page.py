"""A page of a report over runs that nobody ran."""

import nbformat
import numpy as np

from ganinv import figures
from ganinv.analysis import finished, verdicts
from ganinv.images.writing import save_png
from ganinv.report import html, show_advice, show_curves, show_editing, show_runs, show_story
from ganinv.report.pages import write_page
from helpers import edited
from helpers.runs import fake_run

SIDE = 512
STEPS = (0, 5, 10, 25)
LONG = "../reports/runs/train_gan/wgan_gp_sn_0/generator.safetensors"


def wave(number):
    """A smooth picture of its own, uint8 (SIDE, SIDE, 3)."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    channels = [np.sin(6 * x + number), np.cos(5 * y - number), np.sin(4 * (x + y))]
    return (127 * np.stack(channels, -1) + 128).astype(np.uint8)


def runs(folder):
    """Three finished runs of two photographs, with pictures and strips."""
    found = []
    for number, name in enumerate(("W, L2", "W+, L2", "W+, LPIPS")):
        run = fake_run(folder / name, {"a": {"psnr": 20.0 + number}, "b": {}})
        for image in "ab":
            save_png(run / image / "target.png", wave(0))
            save_png(run / image / "reconstruction.png", wave(0.2 * number + 0.2))
            save_png(run / image / "difference.png", wave(3))
            shots = [(step, wave(step)[:256, :256]) for step in STEPS]
            strip = figures.strip(figures.progress_frames(shots), range(len(shots)))
            told = ",".join(map(str, STEPS))
            save_png(run / image / "progress_strip.png", strip, steps=told)
        found.append(finished.read_experiment(run, name))
    return found


def pictures():
    """Figures wider than half of a phone's screen."""
    return [
        figures.image_html(wave(step)[:256, :256], alt=f"step {step}", caption=f"step {step}")
        for step in STEPS
    ]


def write(folder):
    """Write a page with everything that a report shows of runs; return its path."""
    experiments = runs(folder)
    parts = [
        "# A page",
        show_story.story(experiments, "a"),
        html.verdict_cards([verdicts.loss_falls(experiments[0])]),
        show_advice.show_advice(experiments),
        show_story.explain_words(),
        html.paragraph(f"{LONG}, a path without a place to break"),
        "## Pictures",
        show_runs.reconstructions(experiments, "a"),
        show_runs.triptychs(experiments[2]),
        html.grid([html.film(f"{side} film", pictures()) for side in ("left", "right")], 2),
        "## Numbers",
        show_runs.image_table(experiments),
        show_runs.params_table(experiments[0].params),
        show_curves.metric_lines(experiments),
        show_curves.loss_curves(experiments, "Loss per step"),
    ]
    return _write(folder, parts)


def write_edits(folder):
    """Write a page with the edits of a photograph; return its path."""
    found = edited.with_pictures(edited.made_up(1), folder)
    return _write(folder, ["# Edits", show_editing.strips(found, "i0")])


def _write(folder, parts):
    cells = []
    for part in parts:
        if part.startswith("#"):
            cells.append(nbformat.v4.new_markdown_cell(part))
            continue
        shown = nbformat.v4.new_output("display_data", {"text/html": part})
        logged = nbformat.v4.new_output("stream", text="a line of a log\n")
        cells.append(nbformat.v4.new_code_cell("x = 1", outputs=[logged, shown]))
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "page.ipynb")
    pages = {"index": "A page", "other": "Another"}
    return write_page(folder / "page.ipynb", folder / "index.html", "index", pages)
