"""Pictures of results, read back from the files that they become."""

import numpy as np
import pytest
from PIL import Image

from ganinv.figures import progress_frames, save_gif


def read_gif(path):
    """The frames of a GIF, how long each is shown in ms, and how often it repeats (0: always)."""
    with Image.open(path) as gif:
        frames, durations = [], []
        for index in range(gif.n_frames):
            gif.seek(index)
            frames.append(np.array(gif.convert("RGB")))
            durations.append(gif.info["duration"])
        return frames, durations, gif.info["loop"]


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
