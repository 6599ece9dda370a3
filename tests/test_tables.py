"""What a change costs: a toy loss, a toy metric and a toy space join by one registration each."""

import pytest
import torch

import ganinv
from ganinv.analysis.finished import read_experiment
from ganinv.inversion.params import SearchParams
from ganinv.inversion.spaces import SPACES, Space
from ganinv.losses.terms import TERMS, Row
from ganinv.measures.reconstruction import METRICS, Metric
from ganinv.report.show_runs import image_table, mean_table
from ganinv.runs.describe import describe, describe_metrics
from ganinv.runs.experiment import run_experiment
from ganinv.runs.verify import verify


def l1(goal):
    """Mean absolute difference of the box means."""
    return lambda images, small, ws: (small - goal.small).abs().mean((1, 2, 3)).sum()


def worst(pair):
    """The largest difference of two pixels, on [0, 1]."""
    a, b = pair.images
    return float(abs(a - b).max())


class Halves(Space):
    """Two rows that move: one for the first half of the style inputs, one for the rest."""

    def from_start(self, start, generator):
        """Take the mean of each half."""
        return torch.stack([half.mean(0) for half in self._halves(start, generator)])

    def to_ws(self, moved, generator):
        """Repeat each row for its half."""
        first = generator.num_ws // 2
        return torch.cat(
            [moved[:1].expand(first, -1), moved[1:].expand(generator.num_ws - first, -1)]
        )

    def style_matrices(self, matrices):
        """Put each half's matrices together."""
        first = len(matrices) // 2
        halves = matrices[:first], matrices[first:]
        return [[matrix for row in half for matrix in row] for half in halves]

    def _halves(self, start, generator):
        rows = start.expand(generator.num_ws, -1)
        return rows[: generator.num_ws // 2], rows[generator.num_ws // 2 :]


def invert(toy, target, **changes):
    quick = dict(steps=20, lr=0.1, loss="l2", precision="float32", compile="off", log_every=0)
    return ganinv.invert(toy, target, **(quick | changes))


def test_a_loss_joins_by_its_row(toy, toy_images, monkeypatch):
    monkeypatch.setitem(TERMS, "l1", Row("L1", l1))
    run = invert(toy, toy_images[0][0], loss={"l1": 2.0, "l2": 1.0})
    assert run.history[-1]["l1"] < run.history[0]["l1"]
    first = run.history[0]
    assert first["loss"] == pytest.approx(2 * first["l1"] + first["l2"])
    assert "2 L1 + 1 L2" in describe(SearchParams(loss={"l1": 2.0, "l2": 1.0}))


def test_a_term_that_needs_pixels_or_an_encoder_says_so(toy, toy_images, monkeypatch):
    monkeypatch.setitem(TERMS, "l1", Row("L1", l1, pixels=64, needs_encoder=True))
    with pytest.raises(ValueError, match="l1 needs at least 64 pixels"):
        SearchParams.make(dict(loss="l1", loss_resolution=32))


@pytest.mark.parametrize("coordinates", ["w", "style"])
def test_a_space_joins_by_its_row(toy, toy_images, monkeypatch, coordinates):
    monkeypatch.setitem(SPACES, "halves", Halves())
    each = torch.arange(toy.num_ws)
    with torch.no_grad():  # its rows are those of eight images
        target = toy.synthesis(toy_images[1][each, each][None])[0]
    run = invert(toy, target, space="halves", coordinates=coordinates)
    first = toy.num_ws // 2
    assert torch.equal(run.latent[:first], run.latent[:1].expand(first, -1))
    assert torch.equal(run.latent[first:], run.latent[-1:].expand(first, -1))
    assert not torch.equal(run.latent[0], run.latent[-1])
    losses = {space: invert(toy, target, space=space).best_loss for space in ("w", "halves", "w+")}
    assert losses["w+"] < losses["halves"] < losses["w"]


def test_a_metric_joins_by_its_row(toy_params, make_photo, tmp_path, monkeypatch):
    photo = make_photo(tmp_path / "a.png")
    old = run_experiment(toy_params([photo], out=str(tmp_path / "old")), say=lambda text: None)
    monkeypatch.setitem(METRICS, "worst", Metric("worst pixel", 2, False, 1e-3, worst))
    run = run_experiment(toy_params([photo]), say=lambda text: None)
    entry = run.results["images"]["a"]
    assert 0 < entry["worst"] <= 1 and run.results["mean"]["worst"] == entry["worst"]
    assert "worst" in (run.out / "metrics.csv").read_text().splitlines()[0]
    assert "worst pixel" in describe_metrics(entry)
    both = [read_experiment(folder, name) for folder, name in ((old.out, "old"), (run.out, "new"))]
    for table in (mean_table, image_table):
        assert "worst pixel" in table(both)
    assert not verify(run.out, say=lambda text: None)
    assert not verify(old.out, say=lambda text: None)  # a run from before there was the metric
