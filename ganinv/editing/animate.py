"""Frames of a code that swings along a direction, there and back."""

import math
from collections.abc import Callable, Iterator

import numpy as np
from torch import Tensor

from ganinv.editing.morph import to_frame
from ganinv.editing.video import Spool

Draw = Callable[[float], Tensor]  # strength -> picture (3, H, W)


def swing(strength: float, frames: int) -> list[float]:
    """List strengths from -strength to +strength and back, a cosine in time that closes."""
    return [-strength * math.cos(2 * math.pi * i / frames) for i in range(frames)]


def sweep(strength: float, frames: int) -> list[float]:
    """List strengths from -strength to +strength, evenly, with both."""
    return [strength * (2 * i / (frames - 1) - 1) for i in range(frames)]


def swing_frames(draw: Draw, strength: float, frames: int, size: int) -> Iterator[np.ndarray]:
    """Draw the frames of `swing`, uint8 (size, size, 3), one by one.

    The way back has the pictures of the way there: they are kept, and drawn once.
    """
    spool = Spool(size)
    for i, s in enumerate(swing(strength, frames)):
        if i <= frames // 2:
            spool.append(to_frame(draw(s), size))
        yield spool[min(i, frames - i)]


def sweep_frames(draw: Draw, strength: float, frames: int, size: int) -> Iterator[np.ndarray]:
    """Draw the frames of `sweep`, uint8 (size, size, 3), one by one."""
    return (to_frame(draw(s), size) for s in sweep(strength, frames))
