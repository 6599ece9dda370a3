"""Pictures of results, read back from the files that they become."""

import numpy as np
import pytest

from ganinv.figures import (
    difference_map,
    loss_curve,
    panel,
    progress_frames,
    save_gif,
    told_steps,
)
from helpers.films import read_gif


def checked(seed, size=(20, 30), colours=40):
    """A picture of few colours, which a palette of 256 holds exactly."""
    rng = np.random.default_rng(seed)
    palette = rng.integers(0, 256, (colours, 3), dtype=np.uint8)
    return palette[rng.integers(0, colours, size)]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_an_animation_reads_back_the_same_frames(tmp_path, count):
    frames = [checked(seed) for seed in range(count)]
    save_gif(frames, tmp_path / "a.gif", seconds=0.25)
    found, durations, loop = read_gif(tmp_path / "a.gif")
    assert len(found) == count and loop == 0
    assert all(np.array_equal(a, b) for a, b in zip(found, frames, strict=True))
    assert durations == [250] * (count - 1) + [2000]


def test_an_animation_of_many_colours_is_near_its_frames(tmp_path):
    x, y = np.meshgrid(np.linspace(0, 255, 64), np.linspace(0, 255, 64))
    smooth = np.stack([x, y, (x + y) / 2], -1).astype(np.uint8)
    frames = progress_frames([(0, smooth), (10, smooth[::-1]), (20, smooth[:, ::-1])])
    save_gif(frames, tmp_path / "a.gif")
    found, durations, _ = read_gif(tmp_path / "a.gif")
    assert durations == [250, 250, 2000]
    for a, b in zip(found, frames, strict=True):
        assert a.shape == b.shape == (64 + 32, 64, 3)
        assert np.abs(a.astype(int) - b).mean() < 8  # what 256 colours lose


def test_frames_of_a_refinement_are_marked():
    """A mark makes a label of another width."""
    snapshots = [(step, np.zeros((8, 256, 3), np.uint8)) for step in (10, 20, 30)]
    plain, refined = progress_frames(snapshots), progress_frames(snapshots, refined_after=10)
    changed = [(a != b).any() for a, b in zip(plain, refined, strict=True)]
    assert changed == [False, True, False]  # the last one is the result

    def width(frame):
        columns = np.nonzero((frame[8:] < 128).any((0, 2)))[0]
        return columns.max() - columns.min()

    assert width(refined[1]) > 1.5 * width(plain[1])


# --- panels and curves ---


def test_a_panel_shows_each_picture_under_its_name():
    target, code, result = (checked(seed) for seed in range(3))
    for also, names in (({}, []), ({"code": code}, ["the code alone"])):
        figure = panel(target, result, title="a", caption="b", **also)
        axes = {a.get_title(): a.images[0].get_array() for a in figure.axes if a.images}
        last = "mean absolute difference, of full range"
        assert list(axes) == ["target", *names, "reconstruction", last]
        assert np.array_equal(axes["target"], target)
        assert np.array_equal(axes["reconstruction"], result)
        assert np.allclose(axes[last], difference_map(target, result))
        if also:
            assert np.array_equal(axes["the code alone"], code)


SEARCHED = [dict(step=s, loss=1 / s, lpips=0.7 / s, l2=0.3 / s, phase="code") for s in (1, 2, 3)]
THEN = [dict(step=s, loss=9 / s, l2_full=2 / s, lpips=5 / s, phase="refine") for s in (4, 5)]
TERMS = ("l2", "l2_full", "lpips")


def drawn(history, best_step=5):
    """The axes of a loss curve, and its curves by colour: [(steps, values)]."""
    (axis,) = loss_curve(history, title="a", best_step=best_step, terms=TERMS).axes
    curves = {}
    for line in axis.lines:
        if len(line.get_xdata()) > 1 and line.get_xdata()[0] != line.get_xdata()[1]:
            curves.setdefault(line.get_color(), []).append(
                (list(line.get_xdata()), list(line.get_ydata()))
            )
    return axis, curves


def test_a_curve_of_two_phases_is_parted():
    axis, curves = drawn(SEARCHED + THEN)
    both = [([1, 2, 3], [1, 1 / 2, 1 / 3]), ([4, 5], [9 / 4, 9 / 5])]
    lpips = [([1, 2, 3], [0.7, 0.35, 0.7 / 3]), ([4, 5], [5 / 4, 1])]
    alone = [([1, 2, 3], [0.3, 0.15, 0.3 / 3])], [([4, 5], [2 / 4, 2 / 5])]
    assert list(curves.values()) == [both, lpips, *alone]
    upright = [x for x in axis.lines if list(x.get_xdata()) == [3.5, 3.5]]
    assert len(upright) == 1 and [text.get_text() for text in axis.texts] == ["refinement"]
    named = [text.get_text() for text in axis.get_legend().get_texts()]
    assert named == ["loss", "lpips", "l2", "l2_full", "best, step 5"]


@pytest.mark.parametrize("history", [SEARCHED, THEN, [{"step": 1, "loss": 2.0}] * 2, []])
def test_a_curve_of_one_phase_has_no_parting(history):
    axis, _ = drawn(history)
    assert not axis.texts


def test_a_single_term_is_the_loss_whatever_the_other_phase_has():
    single = [{k: x for k, x in row.items() if k != "l2"} for row in SEARCHED]
    _, curves = drawn(single + THEN)
    assert [len(stretches) for stretches in curves.values()] == [2, 1, 1]


def test_a_long_title_is_broken_into_lines():
    figure = loss_curve([], title="long words " * 20, best_step=0, terms=())
    assert max(map(len, figure.get_suptitle().splitlines())) <= 70


def test_a_title_is_whole():
    figure = loss_curve(SEARCHED, title="W" * 210, best_step=1, terms=())
    figure.draw_without_rendering()
    box = figure.texts[0].get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1


def test_a_curve_names_its_loss_and_shows_plain_numbers():
    figure = loss_curve(SEARCHED, title="a", best_step=1, terms=(), ylabel="loss: L2")
    figure.draw_without_rendering()
    (axis,) = figure.axes
    assert axis.get_ylabel() == "loss: L2"
    shown = [label.get_text() for label in axis.get_yticklabels()]
    assert {"0.4", "0.6", "1"} <= {*shown} and all(float(text) for text in shown)


@pytest.mark.parametrize(
    ("steps", "wanted"),
    [
        ([0, 5, 10], [0, 5, 10]),
        ([0, 5, 10, *range(25, 601, 25)], [0, 5, 10, 25, 50, 100, 300, 600]),
        ([*range(0, 60, 4)], [0, 4, 8, 24, 48, 56]),
    ],
)
def test_a_strip_has_the_steps_in_which_most_happens(steps, wanted):
    assert [steps[i] for i in told_steps(steps)] == wanted
