"""Films, read back."""

import imageio_ffmpeg
import numpy as np
from PIL import Image


def read_gif(path):
    """The frames of a GIF, how long each is shown in ms, and how often it repeats (0: always)."""
    with Image.open(path) as gif:
        frames, durations = [], []
        for index in range(gif.n_frames):
            gif.seek(index)
            frames.append(np.array(gif.convert("RGB")))
            durations.append(gif.info["duration"])
        return frames, durations, gif.info["loop"]


def read_mp4(path):
    """The frames of an mp4, and what ffmpeg says of it."""
    reader = imageio_ffmpeg.read_frames(str(path))
    about = next(reader)
    width, height = about["size"]
    return [np.frombuffer(x, np.uint8).reshape(height, width, 3) for x in reader], about
