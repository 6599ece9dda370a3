"""Places of a photograph to be looked at unscaled, and where pictures differ most."""

from collections.abc import Sequence

import numpy as np

from ganinv.analysis.finished import Experiment

WINDOW = 128  # pixels of a close-up
# where an FFHQ crop has the centre of its left eye, and hair: shares (down, across)
ALIGNED = {"An eye": (0.476, 0.375), "Hair, at the temple": (0.36, 0.23)}
WORST = "Where the code is worst"


def squares(target: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """Average the squared difference of two pictures uint8 (H, W, 3) over channels: (H, W)."""
    return np.square(target.astype(np.float64) - picture).mean(2)


def worst_place(differences: np.ndarray, window: int) -> tuple[int, int]:
    """Find the square window over which differences (H, W) are largest: its (top, left).

    It is at most as large as they are.
    """
    sums = np.pad(differences, ((1, 0), (1, 0))).cumsum(0).cumsum(1)  # (H + 1, W + 1)
    n = window
    boxes = sums[n:, n:] - sums[:-n, n:] - sums[n:, :-n] + sums[:-n, :-n]
    top, left = np.unravel_index(boxes.argmax(), boxes.shape)
    return int(top), int(left)


def close_ups(
    experiments: Sequence[Experiment],
    image_id: str,
    *,
    window: int = WINDOW,
    judges: Sequence[Experiment] = (),
    worst: str = WORST,
) -> dict[str, list[np.ndarray]]:
    """Cut places out of a photograph and its results, unscaled: {place: pictures (n, n, 3)}.

    The photograph comes first, then each experiment. An eye and hair are cut where FFHQ's alignment
    puts them, and left out of photographs that were not aligned. The last place, named `worst`, is
    where the squared differences of the `judges`, by default of the first experiment, are largest
    in sum.
    """
    first = experiments[0]
    target = first.picture(image_id, "target")
    results = {id(e): e.picture(image_id, "reconstruction") for e in (*experiments, *judges)}
    side = len(target)
    n = min(window, side)
    places = {}
    if first.params.align:
        for name, centre in ALIGNED.items():
            top, left = (min(max(round(x * side - n / 2), 0), side - n) for x in centre)
            places[name] = top, left
    judged = [squares(target, results[id(e)]) for e in judges or [first]]
    places[worst] = worst_place(np.sum(judged, axis=0), n)
    pictures = [target, *(results[id(e)] for e in experiments)]
    return {
        name: [picture[top : top + n, left : left + n] for picture in pictures]
        for name, (top, left) in places.items()
    }
